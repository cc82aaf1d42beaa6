#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/validation/figure.h"

namespace perfwatt {

class ConfigPath;
struct Environment;

/// What a suite needs to run.
struct SuiteRequest {
    const Environment& environment;
    std::string folder;  ///< of the suite's own data: tests/validation/NAME or validation/NAME
    int jobs = 1;        ///< processes at once
    /// Told now and then what is going on, for a person watching.
    std::function<void(const std::string&)> progress;
};

/// Measured or published figures, and the models that are held against them. A suite returns every
/// figure of its data, in their order, those it cannot run as skipped with the reason.
struct Suite {
    std::string name;
    std::string summary;  ///< one line, for the help
    SuiteOutcome (*run)(const SuiteRequest& request);
};

/// The folder of a suite's figures in the first root that has one. Throws UserError with the roots
/// that were looked in.
[[nodiscard]] std::string suite_folder(const std::string& suite, const ConfigPath& configs);

/// Whether each figure and group that gates was passed.
[[nodiscard]] bool passed(const SuiteOutcome& outcome);

}  // namespace perfwatt

#include "sim/validation/suite.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "sim/base/diagnostics.h"
#include "sim/config/config_path.h"

namespace perfwatt {

std::string suite_folder(const std::string& suite, const ConfigPath& configs) {
    for (const std::string& root : configs.roots()) {
        for (const char* place : {"tests/validation", "validation"}) {
            const std::string folder = fmt::format("{}/{}/{}", root, place, suite);
            std::error_code ignored;
            if (std::filesystem::is_directory(folder, ignored)) return folder;
        }
    }
    throw UserError(
        fmt::format("the figures of suite '{}' are not installed", suite),
        fmt::format("looked for validation/{} in: {}", suite, fmt::join(configs.roots(), ", ")));
}

bool passed(const SuiteOutcome& outcome) {
    const auto missed = [](const auto& figure) { return figure.gates && !figure.passed; };
    return std::none_of(outcome.figures.begin(), outcome.figures.end(), missed) &&
           std::none_of(outcome.groups.begin(), outcome.groups.end(), missed);
}

}  // namespace perfwatt

#pragma once

#include <string>
#include <vector>

#include "sim/report/report.h"
#include "sim/validation/suite.h"

namespace perfwatt {

/// What suites found. Tables and Markdown: figures, medians and worst errors per group and per
/// subject, targets, and what was missed or skipped and why. JSON: an array of suites. CSV: one
/// line a figure.
[[nodiscard]] std::string render_outcomes(const std::vector<SuiteOutcome>& outcomes,
                                          const ReportStyle& style);

/// One page that needs nothing from a network: measured against simulated in logarithmic axes, one
/// colour a subject, figures to calibrate on hollow; and the tables.
[[nodiscard]] std::string outcomes_page(const std::vector<SuiteOutcome>& outcomes);

}  // namespace perfwatt

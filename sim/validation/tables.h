#pragma once

#include <string>

#include "sim/report/text_table.h"
#include "sim/validation/statistics.h"

namespace perfwatt {

/// The tables of one suite; columns that say nothing in it are left out.
[[nodiscard]] TextTable figures_table(const SuiteOutcome& outcome);
/// Errors by group and, where there are several, by subject.
[[nodiscard]] TextTable summaries_table(const SuiteOutcome& outcome);
[[nodiscard]] TextTable targets_table(const SuiteOutcome& outcome);

/// "ok", "missed", "missed (does not gate)", "skipped", or "-" where nothing judges it.
[[nodiscard]] std::string verdict_of(const Figure& figure);

/// Summaries of the figures to be judged on: those to calibrate on are left out where roles are.
[[nodiscard]] std::vector<Summary> group_summaries(const SuiteOutcome& outcome);
[[nodiscard]] std::vector<Summary> subject_summaries(const SuiteOutcome& outcome);

/// What a person looks for below the tables: reasons of misses, skips by reason, the verdict.
[[nodiscard]] std::string closing_words(const SuiteOutcome& outcome);

}  // namespace perfwatt

#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "sim/report/report.h"
#include "sim/report/text_table.h"
#include "sim/stats/result.h"

// Parts that several reports share; private to this room.
namespace perfwatt {

[[nodiscard]] std::string rate_unit(const Result& result);    ///< "inferences/s" or "tokens/s"
[[nodiscard]] std::string spaced_prefix(std::int64_t count);  ///< "4.09 G", "12 ": a unit follows
[[nodiscard]] std::string bullets(const std::string& lines);  ///< each line as a Markdown item
/// What the marks beside names mean, one line each, for the marks that occur.
[[nodiscard]] std::string notes(std::span<const Result* const> results);
[[nodiscard]] TextTable time_table(const Result& result, bool bars);
[[nodiscard]] TextTable energy_table(const Result& result);
[[nodiscard]] TextTable layer_table(const Result& result, int limit);
[[nodiscard]] std::string bar_text(double share);
/// One line an entry, without ratios, and what its marks mean.
[[nodiscard]] TextTable entries_table(std::span<const Entry> entries);
[[nodiscard]] std::string entries_footer(std::span<const Entry> entries);
[[nodiscard]] std::string run_body(const Result& result, const ReportStyle& style, bool bars);

}  // namespace perfwatt

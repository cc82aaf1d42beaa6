#pragma once

#include <string>
#include <string_view>

#include "sim/stats/timeline.h"

namespace perfwatt {

/// The timeline as Chrome's trace event JSON, which Perfetto opens: a track a unit, a counter a
/// bandwidth. Times in microseconds with six decimals (1 ps).
[[nodiscard]] std::string trace_json(const Timeline& timeline, std::string_view title);

}  // namespace perfwatt

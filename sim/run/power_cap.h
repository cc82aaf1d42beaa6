#pragma once

#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "sim/run/part_runs.h"
#include "sim/run/step.h"

namespace perfwatt {

/// The fastest of `points` (the fastest first) whose power is at most `cap_w`, by halving: power is
/// taken to fall from each point to the next. The last one where none is.
/// `power_of(point)` is asked at most 1 + log2(points) times, for the first point first; what it
/// cannot tell ends the search.
[[nodiscard]] std::variant<std::size_t, Infeasible> fastest_within(
    double cap_w, std::size_t points,
    const std::function<std::variant<double, Infeasible>(std::size_t)>& power_of);

/// What a cap of the chip applies to: of a system, each chip's share of what is not the host's.
[[nodiscard]] double capped_power(const ChipSpec& chip, const Result& result);

/// True where the chip has a power cap and several operating points of which none is chosen.
[[nodiscard]] bool is_capped(const ChipSpec& chip);

/// Runs at one operating point after the other, in processes of their own, until the fastest is
/// found that keeps to the cap, and answers with its run. The record names the point.
[[nodiscard]] std::variant<RunOutput, Infeasible> run_within_cap(const RunRequest& request,
                                                                 const ChipSpec& chip,
                                                                 PartRunner runner,
                                                                 const Environment& environment);

}  // namespace perfwatt

#pragma once

#include <array>
#include <functional>
#include <span>
#include <vector>

#include "sim/base/time.h"
#include "sim/engine/schedule.h"
#include "sim/program/program.h"
#include "sim/stats/result.h"

namespace perfwatt {

using CauseTimes = std::array<Time, kTimeCauses>;  ///< by TimeCause

[[nodiscard]] inline Time& of(CauseTimes& times, TimeCause cause) {
    return times[static_cast<std::size_t>(cause)];
}
[[nodiscard]] inline Time of(const CauseTimes& times, TimeCause cause) {
    return times[static_cast<std::size_t>(cause)];
}
[[nodiscard]] Time sum(const CauseTimes& times);
/// The cause with the largest time; the first of equals.
[[nodiscard]] TimeCause largest(const CauseTimes& times);

/// Part of a run during which one command, or none (an invalid id), kept the run from ending
/// sooner.
struct PathSlice {
    CommandId command;
    Time from;
    Time to;
};

/// Walks back from the command that ends last. Each command's predecessor is the one whose end let
/// it start (a dependency, or the command before it on its unit). The slices cover
/// [launched, end of the last command) without gap or overlap; they are given in time order.
[[nodiscard]] std::vector<PathSlice> critical_path(const Program& program,
                                                   std::span<const CommandTimes> times,
                                                   Time launched);

/// Splits a slice of one command into causes whose sum is the slice's length.
using SliceCauses = std::function<CauseTimes(const PathSlice&)>;

/// A span of the critical path with its causes, which sum to its length.
struct CausedSpan {
    Time from;
    Time to;
    CauseTimes causes{};
};

struct PathBreakdown {
    CauseTimes whole{};
    std::vector<CauseTimes> layers;  ///< by LayerId
    std::vector<CausedSpan> spans;   ///< in time order, from zero to the end without gap
};

/// Gaps count as `dependency`, the time before `launched` as `launch`.
[[nodiscard]] PathBreakdown break_down(const Program& program, std::span<const PathSlice> path,
                                       Time launched, const SliceCauses& causes);

}  // namespace perfwatt

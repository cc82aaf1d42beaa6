#include "sim/engine/breakdown.h"

#include <algorithm>

#include "sim/base/diagnostics.h"

namespace perfwatt {

Time sum(const CauseTimes& times) {
    Time total = Time::zero();
    for (const Time time : times) {
        total += time;
    }
    return total;
}

TimeCause largest(const CauseTimes& times) {
    const auto most = std::max_element(times.begin(), times.end());
    return static_cast<TimeCause>(most - times.begin());
}

namespace {

/// The command before each on its unit; invalid for the first.
std::vector<CommandId> unit_predecessors(const Program& program) {
    std::vector<CommandId> last(program.units.size());
    std::vector<CommandId> previous(program.commands.size());
    for (std::size_t i = 0; i < program.commands.size(); ++i) {
        CommandId& before = last[program.commands[i].unit.index()];
        previous[i] = before;
        before = CommandId{static_cast<std::int32_t>(i)};
    }
    return previous;
}

/// The command that let `id` start, and until when it was in charge. A DMA engine starts a command
/// while the one before it is still in flight: that one is then in charge up to the start.
PathSlice binding(const Program& program, std::span<const CommandTimes> times, CommandId id,
                  CommandId before) {
    const Time start = times[id.index()].start;
    PathSlice found{.command = {}, .from = {}, .to = Time{-1}};
    for (const CommandId dependency : program.commands[id.index()].after) {
        const Time end = times[dependency.index()].end;
        if (end > found.to) {
            found = {dependency, times[dependency.index()].start, end};
        }
    }
    if (before.valid()) {
        const Time until = std::min(times[before.index()].end, start);
        if (until > found.to) {
            found = {before, times[before.index()].start, until};
        }
    }
    return found;
}

}  // namespace

std::vector<PathSlice> critical_path(const Program& program, std::span<const CommandTimes> times,
                                     Time launched) {
    std::vector<PathSlice> path;
    if (times.empty()) {
        return path;
    }
    const std::vector<CommandId> previous = unit_predecessors(program);
    const auto last = std::max_element(
        times.begin(), times.end(),
        [](const CommandTimes& a, const CommandTimes& b) { return a.end < b.end; });
    PathSlice slice{.command = CommandId{static_cast<std::int32_t>(last - times.begin())},
                    .from = last->start,
                    .to = last->end};
    while (true) {
        if (slice.from < slice.to) {
            path.push_back(slice);
        }
        const PathSlice before =
            binding(program, times, slice.command, previous[slice.command.index()]);
        const Time reached = before.command.valid() ? before.to : launched;
        PERFWATT_CHECK(reached <= slice.from,
                       "a command starts before what it waits for has ended");
        if (reached < slice.from) {
            path.push_back({.command = {}, .from = reached, .to = slice.from});
        }
        if (!before.command.valid()) {
            break;
        }
        slice = before;
    }
    std::reverse(path.begin(), path.end());
    return path;
}

PathBreakdown break_down(const Program& program, std::span<const PathSlice> path, Time launched,
                         const SliceCauses& causes) {
    PathBreakdown result{
        .whole = {}, .layers = std::vector<CauseTimes>(program.layers.size()), .spans = {}};
    const auto uncaused = [&](TimeCause cause, Time from, Time to) {
        CausedSpan span{.from = from, .to = to};
        of(span.causes, cause) = to - from;
        of(result.whole, cause) += to - from;
        result.spans.push_back(span);
    };
    uncaused(TimeCause::launch, Time::zero(), launched);
    for (const PathSlice& slice : path) {
        if (!slice.command.valid()) {
            uncaused(TimeCause::dependency, slice.from, slice.to);
            continue;
        }
        const CauseTimes split = causes(slice);
        PERFWATT_CHECK(sum(split) == slice.to - slice.from, "causes do not fill their slice");
        result.spans.push_back({.from = slice.from, .to = slice.to, .causes = split});
        const LayerId layer = program.commands[slice.command.index()].layer;
        for (std::size_t i = 0; i < split.size(); ++i) {
            result.whole[i] += split[i];
            if (layer.valid()) {
                result.layers[layer.index()][i] += split[i];
            }
        }
    }
    return result;
}

}  // namespace perfwatt

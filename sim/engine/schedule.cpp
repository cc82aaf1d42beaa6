#include "sim/engine/schedule.h"

#include <fmt/format.h>

#include "sim/base/diagnostics.h"

namespace perfwatt {

Schedule::Schedule(const Program& program)
    : program_(program),
      waits_for_(program.commands.size(), 0),
      first_dependent_(program.commands.size() + 1, 0),
      queues_(program.units.size()),
      heads_(program.units.size(), 0),
      times_(program.commands.size()) {
    for (std::size_t i = 0; i < program.commands.size(); ++i) {
        const Command& command = program.commands[i];
        PERFWATT_CHECK(command.unit.valid() && command.unit.index() < program.units.size(),
                       fmt::format("command {} has no unit", i));
        queues_[command.unit.index()].push_back(static_cast<std::int32_t>(i));
        waits_for_[i] = static_cast<std::int32_t>(command.after.size());
        for (const CommandId dependency : command.after) {
            PERFWATT_CHECK(dependency.valid() && dependency.index() < i,
                           fmt::format("command {} waits for one that is not earlier", i));
            ++first_dependent_[dependency.index() + 1];
        }
    }
    for (std::size_t i = 0; i < program.commands.size(); ++i) {
        first_dependent_[i + 1] += first_dependent_[i];
    }
    dependents_.resize(static_cast<std::size_t>(first_dependent_.back()));
    std::vector<std::int32_t> next(first_dependent_.begin(), first_dependent_.end() - 1);
    for (std::size_t i = 0; i < program.commands.size(); ++i) {
        for (const CommandId dependency : program.commands[i].after) {
            auto& place = next[dependency.index()];
            dependents_[static_cast<std::size_t>(place++)] = static_cast<std::int32_t>(i);
        }
    }
}

CommandId Schedule::ready_head(UnitId unit) const {
    const auto& queue = queues_[unit.index()];
    const std::size_t head = heads_[unit.index()];
    if (head == queue.size() || waits_for_[static_cast<std::size_t>(queue[head])] > 0) {
        return {};
    }
    return {queue[head]};
}

void Schedule::start(CommandId command, Time now) {
    const UnitId unit = program_.commands[command.index()].unit;
    PERFWATT_CHECK(ready_head(unit) == command,
                   fmt::format("command {} starts out of turn", command.value));
    ++heads_[unit.index()];
    times_[command.index()].start = now;
}

void Schedule::end(CommandId command, Time now, std::vector<UnitId>& unblocked) {
    CommandTimes& times = times_[command.index()];
    PERFWATT_CHECK(times.start <= now && times.end == Time::max(),
                   fmt::format("command {} ends before it starts, or twice", command.value));
    times.end = now;
    ++ended_;
    const auto first = static_cast<std::size_t>(first_dependent_[command.index()]);
    const auto last = static_cast<std::size_t>(first_dependent_[command.index() + 1]);
    for (std::size_t i = first; i < last; ++i) {
        const auto dependent = static_cast<std::size_t>(dependents_[i]);
        if (--waits_for_[dependent] > 0) {
            continue;
        }
        const UnitId unit = program_.commands[dependent].unit;
        if (ready_head(unit).value == static_cast<std::int32_t>(dependent)) {
            unblocked.push_back(unit);
        }
    }
}

std::string Schedule::describe_stuck() const {
    for (std::size_t i = 0; i < times_.size(); ++i) {
        if (times_[i].end != Time::max()) {
            continue;
        }
        const Command& command = program_.commands[i];
        const std::string who =
            fmt::format("command {} on {}", i, program_.units[command.unit.index()].name);
        if (times_[i].start != Time::max()) {
            return who + " has started and waits for its own requests or its unit";
        }
        for (const CommandId dependency : command.after) {
            if (times_[dependency.index()].end == Time::max()) {
                return fmt::format("{} waits for command {}", who, dependency.value);
            }
        }
        return who + " is ready and waits for its unit";
    }
    return "no command is stuck";
}

}  // namespace perfwatt

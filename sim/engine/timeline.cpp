#include <algorithm>
#include <array>

#include "sim/engine/account.h"

namespace perfwatt {

namespace {

constexpr std::int64_t kSamples = 2000;  ///< of a counter over the whole run

/// Index into the timeline's names, in the order of the variant's alternatives.
const std::array<const char*, std::variant_size_v<CommandWork>> kWorkNames = {
    "load", "store", "contract", "vector", "delay", "exchange"};

Timeline::Counter bandwidth_counter(const MemoryRecord& memory, Time end) {
    Timeline::Counter counter{.name = memory.report.name + " read+write, GB/s", .samples = {}};
    const Time span{std::max<std::int64_t>(1, end.fs / kSamples)};
    const double peak_gb_per_s = static_cast<double>(memory.report.peak_bytes_per_second) * 1e-9;
    for (Time from = Time::zero(); from < end; from += span) {
        const Time to = std::min(end, from + span);
        const double busy = static_cast<double>(memory.busy.between(from, to).fs) /
                            static_cast<double>((to - from).fs) /
                            std::max(memory.report.channels, 1);
        const double value = busy * peak_gb_per_s;
        if (counter.samples.empty() || counter.samples.back().value != value) {
            counter.samples.push_back({from, value});
        }
    }
    counter.samples.push_back({end, 0});
    return counter;
}

}  // namespace

Timeline make_timeline(const RunRecord& record) {
    Timeline timeline;
    timeline.names.assign(kWorkNames.begin(), kWorkNames.end());
    for (const Layer& layer : record.program.layers) {
        timeline.layers.push_back(layer.name);
    }
    for (const Unit& unit : record.program.units) {
        timeline.tracks.push_back({.name = unit.name, .slices = {}});
    }
    std::vector<Time> covered(record.program.units.size());
    for (std::size_t i = 0; i < record.program.commands.size(); ++i) {
        const Command& command = record.program.commands[i];
        const std::size_t unit = command.unit.index();
        // A DMA engine has several commands in flight: each is drawn from the end of the last.
        const Time start = std::max(record.times[i].start, covered[unit]);
        const Time end = record.times[i].end;
        if (start >= end) {
            continue;
        }
        covered[unit] = end;
        timeline.tracks[unit].slices.push_back({.start = start,
                                                .duration = end - start,
                                                .name = static_cast<int>(command.work.index()),
                                                .layer = command.layer.value});
    }
    const Time end = end_of_run(record);
    for (const MemoryRecord& memory : record.memories) {
        timeline.counters.push_back(bandwidth_counter(memory, end));
    }
    return timeline;
}

}  // namespace perfwatt

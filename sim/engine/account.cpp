#include "sim/engine/account.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "sim/base/diagnostics.h"

namespace perfwatt {

namespace {

Time data_path_busy(const RunRecord& record, const Command& command, Time from, Time to) {
    const auto* load = std::get_if<Load>(&command.work);
    const Region& region = load != nullptr ? load->source : std::get<Store>(command.work).target;
    const auto way = static_cast<std::size_t>(load != nullptr ? Direction::read : Direction::write);
    const MemoryRecord& memory = record.memories[region.memory.index()];
    Time busy{memory.busy.between(from, to).fs / std::max(memory.report.channels, 1)};
    for (const std::size_t link : memory.via) {
        busy = std::max(busy, record.links[link].busy[way].between(from, to));
    }
    return std::max(busy, record.dma_ports[command.unit.index()].between(from, to));
}

/// Splits a slice of a command's time into causes.
CauseTimes causes_of(const RunRecord& record, const PathSlice& slice) {
    const Command& command = record.program.commands[slice.command.index()];
    const Time length = slice.to - slice.from;
    CauseTimes causes{};
    if (const auto* delay = std::get_if<Delay>(&command.work)) {
        of(causes, delay->operations == 0 ? TimeCause::launch : TimeCause::host) = length;
        return causes;
    }
    if (std::holds_alternative<Load>(command.work) || std::holds_alternative<Store>(command.work)) {
        const Time busy = std::min(length, data_path_busy(record, command, slice.from, slice.to));
        of(causes, TimeCause::memory_bandwidth) = busy;
        of(causes, TimeCause::memory_latency) = length - busy;
        return causes;
    }
    if (std::holds_alternative<Exchange>(command.work)) {
        of(causes, TimeCause::memory_bandwidth) = length;  // a link is busy moving data
        return causes;
    }
    if (record.program.units[command.unit.index()].kind == UnitKind::pim) {
        of(causes, TimeCause::compute) = length;  // the memory's report has it in detail
        return causes;
    }
    const Device& device = record.device_of(command.unit);
    const Time working = std::min(length, device.duration(command));
    const Time filling = std::min(working, device.fill_drain(command));
    const bool is_contract = std::holds_alternative<Contract>(command.work);
    of(causes, is_contract ? TimeCause::compute : TimeCause::vector) = working - filling;
    of(causes, TimeCause::fill_drain) = filling;
    of(causes, TimeCause::dependency) = length - working;  // for scratchpad banks others used
    return causes;
}

/// Time in which at least one of a unit's commands is in flight; they come in order of start.
class BusySweep {
  public:
    void add(const CommandTimes& times) {
        busy_ += times.end - std::min(times.end, std::max(times.start, covered_));
        covered_ = std::max(covered_, times.end);
    }
    [[nodiscard]] Time busy() const { return busy_; }

  private:
    Time busy_;
    Time covered_;
};

std::vector<UnitUse> unit_uses(const RunRecord& record) {
    std::vector<BusySweep> sweeps(record.program.units.size());
    std::vector<UnitUse> uses;
    for (const Unit& unit : record.program.units) {
        uses.push_back({.name = unit.name,
                        .kind = unit.kind,
                        .core = unit.core,
                        .engine = unit.engine,
                        .busy = {}});
    }
    for (std::size_t i = 0; i < record.program.commands.size(); ++i) {
        const std::size_t unit = record.program.commands[i].unit.index();
        sweeps[unit].add(record.times[i]);
        ++uses[unit].commands;
    }
    for (std::size_t i = 0; i < uses.size(); ++i) {
        uses[i].busy = sweeps[i].busy();
    }
    return uses;
}

void add_work(const RunRecord& record, const Command& command, LayerUse& layer) {
    if (const auto* load = std::get_if<Load>(&command.work)) {
        layer.traffic[load->source.memory.index()].read_bytes += load->source.bytes();
    } else if (const auto* store = std::get_if<Store>(&command.work)) {
        layer.traffic[store->target.memory.index()].write_bytes += store->target.bytes();
    } else if (const auto* contract = std::get_if<Contract>(&command.work)) {
        layer.useful_macs += contract->useful_macs;
        layer.executed_macs += record.device_of(command.unit).executed_macs(*contract);
    }
}

struct LayerUnit {
    BusySweep sweep;
    CommandId first;
};
using LayerUnits = std::map<std::size_t, LayerUnit>;  ///< by unit

/// The unit that did most of a layer: a DMA engine only if nothing else did anything.
void set_engine(const RunRecord& record, const LayerUnits& units, LayerUse& layer) {
    Time most = Time{-1};
    for (const auto& [index, use] : units) {
        const Unit& unit = record.program.units[index];
        if (most.fs < 0) layer.engine_index = unit.engine;
        if (unit.kind != UnitKind::dma && use.sweep.busy() > most) {
            most = use.sweep.busy();
            layer.engine = unit.kind;
            layer.engine_index = unit.engine;
        }
    }
}

/// What limits a layer that is nowhere on the critical path: the cause that its busiest unit
/// stands for.
TimeCause limit_off_path(const RunRecord& record, const LayerUse& layer, const LayerUnits& units) {
    const auto busiest = std::max_element(
        units.begin(), units.end(),
        [](const auto& a, const auto& b) { return a.second.sweep.busy() < b.second.sweep.busy(); });
    if (busiest == units.end() || layer.start == layer.end) {
        return TimeCause::idle;
    }
    return largest(causes_of(record, {busiest->second.first, layer.start, layer.end}));
}

std::vector<LayerUse> layer_uses(const RunRecord& record, const PathBreakdown& path) {
    std::vector<LayerUse> layers(record.program.layers.size());
    for (LayerUse& layer : layers) {
        layer.traffic.resize(record.memories.size());
    }
    std::vector<LayerUnits> units(layers.size());
    for (std::size_t i = 0; i < record.program.commands.size(); ++i) {
        const Command& command = record.program.commands[i];
        if (!command.layer.valid()) {
            continue;
        }
        LayerUse& layer = layers[command.layer.index()];
        const CommandTimes& times = record.times[i];
        layer.start = layer.commands == 0 ? times.start : std::min(layer.start, times.start);
        layer.end = std::max(layer.end, times.end);
        ++layer.commands;
        add_work(record, command, layer);
        LayerUnit& unit = units[command.layer.index()][command.unit.index()];
        unit.sweep.add(times);
        if (!unit.first.valid()) {
            unit.first = CommandId{static_cast<std::int32_t>(i)};
        }
    }
    for (std::size_t i = 0; i < layers.size(); ++i) {
        layers[i].on_critical_path = path.layers[i];
        set_engine(record, units[i], layers[i]);
        layers[i].limited_by = sum(path.layers[i]) > Time::zero()
                                   ? largest(path.layers[i])
                                   : limit_off_path(record, layers[i], units[i]);
    }
    return layers;
}

/// One engine's matrix and vector units' work by pair of operand types, with its device's peaks.
std::vector<invariants::Work> unit_work(const RunRecord& record, std::size_t engine) {
    const Device& device = *record.devices[engine];
    std::map<std::pair<DataType, DataType>, std::int64_t> macs;
    std::map<DataType, std::int64_t> operations;
    for (const Command& command : record.program.commands) {
        const Unit& unit = record.program.units[command.unit.index()];
        if (static_cast<std::size_t>(unit.engine) != engine) continue;
        const UnitKind kind = unit.kind;
        const auto* contract = std::get_if<Contract>(&command.work);
        const auto* vector = std::get_if<Vector>(&command.work);
        if (contract != nullptr && kind == UnitKind::matrix) {
            macs[{contract->first_type, contract->second_type}] += device.executed_macs(*contract);
        } else if (vector != nullptr && kind == UnitKind::vector) {
            operations[vector->type] += vector->operations;
        }
    }
    invariants::Work matrix{.resource = "the matrix units", .parts = {}};
    for (const auto& [types, amount] : macs) {
        matrix.parts.push_back({amount, device.peak(types.first, types.second).macs_per_second});
    }
    invariants::Work vector{.resource = "the vector units", .parts = {}};
    for (const auto& [type, amount] : operations) {
        vector.parts.push_back({amount, device.peak(type, type).vector_operations_per_second});
    }
    return {matrix, vector};
}

void check_times(const RunRecord& record, const PlatformResult& result) {
    for (std::size_t engine = 0; engine < record.devices.size(); ++engine) {
        for (const invariants::Work& work : unit_work(record, engine)) {
            invariants::no_faster_than_peak(work, result.end);
        }
    }
    for (const UnitUse& unit : result.units) {
        invariants::no_busier_than_elapsed({.name = unit.name, .busy = unit.busy}, result.end);
    }
    for (const LinkRecord& link : record.links) {
        for (const std::size_t way : {0U, 1U}) {
            invariants::no_faster_than_peak(
                {.resource = "link " + link.name,
                 .parts = {{link.bytes[way], link.peak_bytes_per_second}}},
                result.end);
            invariants::no_busier_than_elapsed(
                {.name = "link " + link.name, .busy = link.busy[way].total()}, result.end);
        }
    }
    invariants::causes_sum_to_latency(result.causes, result.end);
}

void check_memories(const RunRecord& record, Time end) {
    for (const MemoryRecord& memory : record.memories) {
        const MemoryReport& report = memory.report;
        invariants::every_request_answered(memory.traffic, report.name);
        invariants::bytes_are_bursts(memory.traffic, report);
        invariants::refreshes_kept(report, end);
        invariants::no_faster_than_peak(
            {.resource = "memory " + report.name,
             .parts = {{report.read_bytes + report.write_bytes + report.rounding_bytes,
                        report.peak_bytes_per_second}}},
            end);
        invariants::no_busier_than_elapsed({.name = "memory " + report.name,
                                            .busy = report.data_bus_busy,
                                            .units = report.channels},
                                           end);
    }
}

void check_counts(const RunRecord& record, const PlatformResult& result) {
    invariants::every_count_priced(result.counts);
    std::int64_t graph = 0;
    for (const Layer& layer : record.program.layers) {
        graph += layer.macs;
    }
    invariants::macs_conserved({.useful = result.useful_macs,
                                .executed = result.executed_macs,
                                .graph = graph,
                                .removed = record.removed_macs});
}

}  // namespace

Time end_of_run(const RunRecord& record) {
    Time end = record.launched;
    for (const CommandTimes& times : record.times) {
        end = std::max(end, times.end);
    }
    return end;
}

PlatformResult account(RunRecord record) {
    PlatformResult result{.end = end_of_run(record),
                          .commands = {},
                          .units = unit_uses(record),
                          .links = {},
                          .memories = {},
                          .counts = std::move(record.counts),
                          .layers = {},
                          .timeline = {}};
    const std::vector<PathSlice> path =
        critical_path(record.program, record.times, record.launched);
    const PathBreakdown breakdown =
        break_down(record.program, path, record.launched,
                   [&](const PathSlice& slice) { return causes_of(record, slice); });
    result.causes = breakdown.whole;
    result.path = breakdown.spans;
    result.layers = layer_uses(record, breakdown);
    for (const Command& command : record.program.commands) {
        if (const auto* contract = std::get_if<Contract>(&command.work)) {
            result.useful_macs += contract->useful_macs;
            result.executed_macs += record.device_of(command.unit).executed_macs(*contract);
        }
    }
    for (const LinkRecord& link : record.links) {
        result.links.push_back({.name = link.name,
                                .read_busy = link.busy[0].total(),
                                .write_busy = link.busy[1].total(),
                                .read_bytes = link.bytes[0],
                                .write_bytes = link.bytes[1]});
    }
    check_times(record, result);
    check_memories(record, result.end);
    check_counts(record, result);
    for (MemoryRecord& memory : record.memories) {
        result.memories.push_back(std::move(memory.report));
    }
    result.commands = std::move(record.times);
    return result;
}

}  // namespace perfwatt

#include "sim/run/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/base/diagnostics.h"
#include "sim/base/version.h"
#include "sim/engine/invariants.h"
#include "sim/run/scenario.h"
#include "sim/run/system.h"
#include "sim/stats/energy.h"

namespace perfwatt {
namespace {

void add_unique(std::vector<std::string>& all, const std::vector<std::string>& more) {
    for (const std::string& text : more)
        if (std::find(all.begin(), all.end(), text) == all.end()) all.push_back(text);
}

/// Of all that decides the figures: the files' values and, since energy tables stand in files of
/// their own, the prices that came of them.
std::string hash_of(const RecordContext& context, const std::vector<Action>& actions,
                    const std::vector<StaticPower>& powers) {
    std::vector<ResolvedValue> parts{{.path = "chip", .canonical = context.chip.config_hash},
                                     {.path = "workload", .canonical = context.workload_hash}};
    for (const MemoryFacts& memory : context.memories)
        parts.push_back({.path = memory.name, .canonical = memory.config_hash});
    for (const LightenPass& pass : context.passes)
        parts.push_back({.path = "lighten", .canonical = pass.name});
    for (const Action& action : actions)
        parts.push_back({.path = action.name, .canonical = fmt::format("{}", action.picojoules)});
    for (const StaticPower& power : powers)
        parts.push_back({.path = power.name, .canonical = fmt::format("{}", power.watts)});
    return config_hash(parts);
}

std::vector<std::string> estimated_paths(const RecordContext& context) {
    std::vector<std::string> paths = context.chip.estimated;
    for (const MemoryFacts& memory : context.memories)
        for (const std::string& path : memory.estimated)
            paths.push_back(fmt::format("memories.{}.{}", memory.name, path));
    return paths;
}

/// Of the engines and of the memories on the chip.
std::vector<StaticPower> static_powers(const RecordContext& context) {
    std::vector<StaticPower> powers;
    for (const ChipEngine& engine : context.chip.engines)
        for (StaticPower& power : engine.device->static_power()) {
            if (context.chip.engines.size() > 1) power.name = engine.name + "." + power.name;
            powers.push_back(std::move(power));
        }
    for (const MemoryFacts& memory : context.memories)
        powers.insert(powers.end(), memory.static_power.begin(), memory.static_power.end());
    return powers;
}

std::string_view kind_name(UnitKind kind) {
    switch (kind) {
        case UnitKind::dma:
            return "dma";
        case UnitKind::matrix:
            return "matrix";
        case UnitKind::vector:
            return "vector";
        case UnitKind::pim:
            return "pim";
        case UnitKind::host:
            return "host";
        case UnitKind::link:
            return "link";
    }
    return "";
}

/// The kind of unit, after the engine's name where there are several.
std::string engine_name(const LayerUse& use, const ChipSpec& chip) {
    const std::string_view kind = kind_name(use.engine);
    const bool of_the_chip = use.engine != UnitKind::host && use.engine != UnitKind::link;
    if (chip.engines.size() <= 1 || !of_the_chip) return std::string(kind);
    return fmt::format("{}.{}", chip.engines[static_cast<std::size_t>(use.engine_index)].name,
                       kind);
}

std::vector<LayerResult> layer_results(const RunFigures& figures, const PricedRun& priced,
                                       const ChipSpec& chip) {
    std::vector<LayerResult> layers;
    for (std::size_t i = 0; i < figures.layers.size(); ++i) {
        const LayerUse& use = figures.layers[i];
        LayerResult layer{.name = figures.names[i].name,
                          .operator_type = figures.names[i].operator_type,
                          .engine = engine_name(use, chip),
                          .start_ns = use.start.ns(),
                          .end_ns = use.end.ns(),
                          .macs = figures.names[i].macs,
                          .energy_pj = priced.layers_pj[i],
                          .limited_by = use.limited_by};
        for (const LayerTraffic& traffic : use.traffic) {
            layer.read_bytes += traffic.read_bytes;
            layer.write_bytes += traffic.write_bytes;
        }
        layers.push_back(std::move(layer));
    }
    return layers;
}

MemoryResult memory_result(const MemoryReport& report, Time latency) {
    MemoryResult memory{.name = report.name,
                        .read_bytes = report.read_bytes,
                        .write_bytes = report.write_bytes,
                        .peak_bytes_per_s = static_cast<double>(report.peak_bytes_per_second)};
    memory.bandwidth_bytes_per_s =
        static_cast<double>(report.read_bytes + report.write_bytes) / latency.seconds();
    if (report.column_commands > 0)
        memory.row_hit_rate =
            static_cast<double>(report.row_hits) / static_cast<double>(report.column_commands);
    for (const MemoryReport::CommandCount& command : report.commands)
        memory.commands.push_back({.name = command.name, .count = command.count});
    if (report.pim_jobs > 0)
        for (const MemoryReport::PimTime& part : report.pim_times)
            memory.pim_times.push_back({.name = part.name, .ns = part.time.ns()});
    return memory;
}

double traffic(const MemoryResult& memory) {
    return static_cast<double>(memory.read_bytes + memory.write_bytes);
}

/// The entry of that name, new where there was none.
template <class Named>
Named& named(std::vector<Named>& all, const std::string& name) {
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const Named& one) { return one.name == name; });
    return found != all.end() ? *found : all.emplace_back(Named{.name = name});
}

void add_memory(MemoryResult& sum, const MemoryResult& more, double weight) {
    const double hits =
        sum.row_hit_rate * traffic(sum) + weight * more.row_hit_rate * traffic(more);
    sum.read_bytes += weighted(weight, more.read_bytes);
    sum.write_bytes += weighted(weight, more.write_bytes);
    sum.row_hit_rate = traffic(sum) > 0 ? hits / traffic(sum) : 0;
    for (const MemoryResult::Command& command : more.commands)
        named(sum.commands, command.name).count += weighted(weight, command.count);
    for (const MemoryResult::PimTime& part : more.pim_times)
        named(sum.pim_times, part.name).ns += weight * part.ns;
}

/// Of all engines together, in MACs a second.
double peak_of(const ChipSpec& chip, DataType first, DataType second) {
    double peak = 0;
    for (const ChipEngine& engine : chip.engines)
        peak += static_cast<double>(engine.device->peak(first, second).macs_per_second);
    return peak;
}

/// Time that the useful MACs would take at the peak rates of their types.
double ideal_seconds(const RecordContext& context, const RunFigures& figures) {
    double seconds = 0;
    std::int64_t simulated = 0;
    for (const Command& command : context.compiled.program.commands)
        if (const auto* tile = std::get_if<Contract>(&command.work)) {
            seconds += static_cast<double>(tile->useful_macs - tile->saved_macs) /
                       peak_of(context.chip, tile->first_type, tile->second_type);
            simulated += tile->useful_macs;
        }
    if (simulated == 0) return 0;
    return seconds * static_cast<double>(figures.useful_macs) / static_cast<double>(simulated);
}

}  // namespace

std::int64_t weighted(double weight, std::int64_t n) {
    return std::llround(weight * static_cast<double>(n));
}

void add_result(Result& sum, const Result& more, double weight) {
    sum.latency_ns += weight * more.latency_ns;
    sum.energy_pj += weight * more.energy_pj;
    sum.board_pj += weight * more.board_pj;
    sum.macs += weighted(weight, more.macs);
    sum.executed_macs += weighted(weight, more.executed_macs);
    sum.bound_ns += weight * more.bound_ns;
    for (std::size_t i = 0; i < sum.energy_breakdown_pj.size(); ++i)
        sum.energy_breakdown_pj[i] += weight * more.energy_breakdown_pj[i];
    for (std::size_t i = 0; i < sum.time_breakdown_ns.size(); ++i)
        sum.time_breakdown_ns[i] += weight * more.time_breakdown_ns[i];
    PERFWATT_CHECK(sum.memories.size() == more.memories.size(), "results of different chips");
    for (std::size_t i = 0; i < sum.memories.size(); ++i) {
        add_memory(sum.memories[i], more.memories[i], weight);
        sum.memories[i].bandwidth_bytes_per_s = traffic(sum.memories[i]) / (sum.latency_ns * 1e-9);
    }
}

std::int64_t items_each(const Result& result) {
    return result.phase == "prefill" ? std::max<std::int64_t>(result.context, 1) : 1;
}

void set_rates(Result& result, double items) {
    const double seconds = result.latency_ns * 1e-9;
    result.power_w = result.energy_pj * 1e-12 / seconds;
    result.throughput_per_s = items / seconds;
    result.perf_per_watt = result.throughput_per_s / result.power_w;
}

Result make_record(const RecordContext& context, const RunFigures& figures) {
    const std::vector<StaticPower> powers = static_powers(context);
    PricedRun priced = price(figures.counts, powers, figures.end);
    if (context.chip.system)
        price_system(*context.chip.system, context.chip.power_boundary, figures.end, priced);
    Result result{.version = std::string(version()),
                  .config_hash = hash_of(context, figures.counts.actions(), powers),
                  .chip = context.chip.name,
                  .workload = context.request.workload,
                  .batch = context.request.batch,
                  .precision = context.precision,
                  .phase = context.request.phase,
                  .context = context.context,
                  .scenario = context.request.scenario,
                  .operating_point = context.chip.operating_point,
                  .memory_timing = context.request.memory_timing,
                  .trust = context.chip.trust,
                  .estimated = estimated_paths(context),
                  .not_modelled = priced.not_modelled,
                  .power_boundary = context.chip.power_boundary};
    add_unique(result.not_modelled, context.compiled.not_modelled);
    result.notes = context.compiled.notes;
    result.notes.insert(result.notes.end(), context.compiled.placement.begin(),
                        context.compiled.placement.end());
    for (const LightenPass& pass : context.passes)
        result.lighten += (result.lighten.empty() ? "" : "+") + pass.name;
    if (!context.passes.empty()) result.not_modelled.emplace_back(kAccuracyNotSimulated);

    result.latency_ns = figures.end.ns();
    // What is left out of the program counts in the latency, not in the times of its commands.
    std::vector<Time> answered = context.answered;
    std::sort(answered.begin(), answered.end());
    const double beyond = result.latency_ns - answered.back().ns();
    result.latency_p50_ns = percentile(answered, 0.5).ns() + beyond;
    result.latency_p99_ns = percentile(answered, 0.99).ns() + beyond;
    if (context.request.phase == "prefill") result.ttft_ns = result.latency_ns;
    result.energy_pj = priced.total_pj;
    for (const StaticPower& power : powers)
        if (power.of_board) result.board_pj += power.watts * figures.end.seconds() * 1e12;
    if (context.chip.system) result.board_pj *= context.chip.system->chips();
    set_rates(result, static_cast<double>(context.samples * items_each(result)));

    result.macs = figures.useful_macs;
    result.executed_macs = figures.executed_macs;
    result.bound_ns = (context.chip.launch + figures.bound.time()).ns();
    result.utilization = ideal_seconds(context, figures) / figures.end.seconds();
    PERFWATT_CHECK(
        result.bound_ns <= result.latency_ns * (1 + 1e-9),
        fmt::format("latency {} ns is below the bound {} ns", result.latency_ns, result.bound_ns));

    for (const MemoryReport& memory : figures.memories)
        result.memories.push_back(memory_result(memory, figures.end));
    result.energy_breakdown_pj = priced.components_pj;
    for (std::size_t i = 0; i < figures.causes.size(); ++i)
        result.time_breakdown_ns[i] = figures.causes[i].ns();
    result.layers = layer_results(figures, priced, context.chip);
    if (context.chip.system)
        count_system(*context.chip.system,
                     context.compiled.graph_macs - context.compiled.removed_macs, result);
    invariants::energies_sum_to_total(priced.layers_pj, priced.static_pj, priced.total_pj);
    return result;
}

}  // namespace perfwatt

#include "sim/run/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "sim/base/diagnostics.h"
#include "sim/run/part_runs.h"
#include "sim/run/record.h"
#include "sim/run/step.h"

namespace perfwatt {
namespace {

constexpr int kOthers = kOfflineInferences - 1;

/// What `others` inferences more have added, shared by them.
std::int64_t each(std::int64_t one, std::int64_t many, int others) {
    return std::llround(static_cast<double>(many - one) / others);
}

/// A memory's traffic in the steady state: what it did for all, less what for the first.
MemoryResult combine(const MemoryResult& one, const MemoryResult& many, int others,
                     double latency_ns) {
    MemoryResult memory = many;
    memory.read_bytes = each(one.read_bytes, many.read_bytes, others);
    memory.write_bytes = each(one.write_bytes, many.write_bytes, others);
    for (MemoryResult::Command& command : memory.commands) {
        const auto same = std::find_if(one.commands.begin(), one.commands.end(),
                                       [&](const auto& c) { return c.name == command.name; });
        command.count = each(same == one.commands.end() ? 0 : same->count, command.count, others);
    }
    memory.bandwidth_bytes_per_s =
        static_cast<double>(memory.read_bytes + memory.write_bytes) / (latency_ns * 1e-9);
    return memory;
}

/// How requests that wait in line are served, and the program that does it.
struct Service {
    int streams = 1;
    CompiledStep compiled;
};

/// Inferences served side by side where that is expected to serve more: one on each core of an
/// accelerator, instead of all cores together on one after the other.
std::variant<Service, Infeasible> service_of(const RunRequest& request, PreparedStep step,
                                             const Environment& environment) {
    const ChipSpec& chip = step.chip.spec;
    const int cores = chip.engines.front().device->on_chip().cores;
    const bool divisible =
        cores > 1 && chip.engines.size() == 1 && !chip.system && !request.mapping_file;
    RunRequest each = request;
    each.streams = cores;
    std::optional<CompiledStep> apart;
    if (divisible) {
        auto answer = compile_step(each, step, environment);
        if (auto* compiled = std::get_if<CompiledStep>(&answer)) apart = std::move(*compiled);
    }
    auto answer = compile_step(request, std::move(step), environment);
    if (auto* infeasible = std::get_if<Infeasible>(&answer)) return std::move(*infeasible);
    auto& together = std::get<CompiledStep>(answer);
    const auto time = [](const CompiledStep& compiled, int inferences) {
        const Time expected = std::max(compiled.compiled.predicted, compiled.compiled.bound.time());
        return static_cast<double>(expected.fs) / inferences;
    };
    if (apart && time(*apart, cores) < time(together, 1)) return Service{cores, std::move(*apart)};
    return Service{1, std::move(together)};
}

}  // namespace

Time percentile(const std::vector<Time>& times, double share) {
    PERFWATT_CHECK(!times.empty(), "no times to take a percentile of");
    const auto rank =
        static_cast<std::size_t>(std::ceil(share * static_cast<double>(times.size())));
    return times[std::clamp<std::size_t>(rank, 1, times.size()) - 1];
}

Result combine_offline(const Result& one, const Result& many, int streams) {
    const int others = kOthers * streams;
    Result steady = one;
    steady.scenario = "offline";
    steady.latency_ns = (many.latency_ns - one.latency_ns) / others;
    steady.energy_pj = (many.energy_pj - one.energy_pj) / others;
    steady.board_pj = (many.board_pj - one.board_pj) / others;
    steady.macs /= streams;
    steady.executed_macs /= streams;
    steady.layers.resize(steady.layers.size() / static_cast<std::size_t>(streams));
    PERFWATT_CHECK(steady.latency_ns > 0 && steady.energy_pj > 0,
                   "more inferences took no more time or energy than one");
    // From being asked for to being done, an inference alone; the others wait in line.
    steady.latency_p50_ns = steady.latency_p99_ns = one.latency_ns;
    for (std::size_t i = 0; i < steady.energy_breakdown_pj.size(); ++i)
        steady.energy_breakdown_pj[i] =
            (many.energy_breakdown_pj[i] - one.energy_breakdown_pj[i]) / others;
    // Causes along the critical path of the whole, in proportion: a path has no differences.
    const double share = steady.latency_ns / many.latency_ns;
    for (std::size_t i = 0; i < steady.time_breakdown_ns.size(); ++i)
        steady.time_breakdown_ns[i] = many.time_breakdown_ns[i] * share;
    for (std::size_t i = 0; i < steady.memories.size(); ++i)
        steady.memories[i] = combine(one.memories[i], many.memories[i], others, steady.latency_ns);
    steady.utilization = one.utilization * one.latency_ns / (steady.latency_ns * streams);
    steady.bound_ns = std::min(one.bound_ns / streams, steady.latency_ns);
    set_rates(steady, static_cast<double>(one.batch * items_each(one)));
    if (streams > 1)
        steady.notes.push_back(
            fmt::format("offline: {} inferences side by side, one on each core", streams));
    return steady;
}

Result without_launch(const Result& one, double launch_ns) {
    Result steady = one;
    steady.scenario = "offline";
    steady.latency_ns -= launch_ns;
    PERFWATT_CHECK(steady.latency_ns > 0, "an inference took no longer than its launch");
    auto& waited = steady.time_breakdown_ns[static_cast<std::size_t>(TimeCause::launch)];
    waited = std::max(0.0, waited - launch_ns);
    // What is drawn all the time is drawn for less time.
    auto& drawn = steady.energy_breakdown_pj[static_cast<std::size_t>(EnergyComponent::static_)];
    const double saved = drawn * launch_ns / one.latency_ns;
    drawn -= saved;
    steady.energy_pj -= saved;
    steady.board_pj *= steady.latency_ns / one.latency_ns;
    for (MemoryResult& memory : steady.memories)
        memory.bandwidth_bytes_per_s *= one.latency_ns / steady.latency_ns;
    steady.utilization = one.utilization * one.latency_ns / steady.latency_ns;
    steady.bound_ns = std::min(one.bound_ns, steady.latency_ns);
    set_rates(steady, static_cast<double>(one.batch * items_each(one)));
    return steady;
}

std::variant<RunOutput, Infeasible> run_offline(const RunRequest& request, PreparedStep step,
                                                const Environment& environment) {
    if (request.want_timeline || request.want_mapping || !request.dump_after.empty())
        throw UserError("the offline scenario is many inferences: no timeline, mapping or dump",
                        "take --scenario single_stream");
    auto answer = service_of(request, std::move(step), environment);
    if (auto* infeasible = std::get_if<Infeasible>(&answer)) return std::move(*infeasible);
    const auto& [streams, compiled] = std::get<Service>(answer);
    RunRequest asked = request;
    asked.streams = streams;
    if (compiled.is_folded()) {
        RunOutput output = simulate_step(asked, compiled, environment);
        output.result = without_launch(output.result, compiled.step.chip.spec.launch.ns());
        return output;
    }
    std::vector<RunRequest> parts(2, part_of(asked));
    parts[1].inferences = kOfflineInferences;
    auto answers = run_parts(parts, run_step, "a run of the scenario", environment);
    if (auto* infeasible = std::get_if<Infeasible>(&answers)) return std::move(*infeasible);
    const auto& results = std::get<std::vector<Result>>(answers);
    return RunOutput{.result = combine_offline(results[0], results[1], asked.streams)};
}

}  // namespace perfwatt

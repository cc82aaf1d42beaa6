#include "sim/run/step.h"

#include <fmt/format.h>

#include <algorithm>

#include "models/link/link_channel.h"
#include "sim/compiler/streams.h"
#include "sim/config/document.h"
#include "sim/engine/platform.h"
#include "sim/graph/transformer.h"
#include "sim/report/trace.h"
#include "sim/run/mapping_file.h"
#include "sim/run/record.h"
#include "sim/run/system.h"
#include "sim/run/unfold.h"

namespace perfwatt {
namespace {

constexpr std::string_view kWorkloadPrefix = "workload.";
constexpr std::string_view kMultiStream = "multi_stream";

PlaceRule place_rule(const std::string& word) {
    if (word == "host") return PlaceRule::host;
    return word == "pim" ? PlaceRule::pim : PlaceRule::automatic;
}

CompileTarget target_of(const ChipSpec& chip, const std::vector<MemoryFacts>& memories) {
    CompileTarget target;
    for (const ChipEngine& engine : chip.engines)
        target.engines.push_back({.name = engine.name,
                                  .device = engine.device.get(),
                                  .launch = engine.launch,
                                  .memories = engine.memories});
    for (const MemoryFacts& memory : memories)
        target.memories.push_back({.name = memory.name,
                                   .bytes_per_second = memory.bytes_per_second,
                                   .both_ways_bytes_per_second = memory.both_ways_bytes_per_second,
                                   .capacity_bytes = memory.capacity_bytes,
                                   .burst_bytes = memory.burst_bytes,
                                   .latency = memory.latency});
    if (chip.system) target.system = target_system(*chip.system);
    if (chip.host)
        target.host = HostRate{.operations_per_second = chip.host->operations_per_second,
                               .bytes_per_second = chip.host->bytes_per_second,
                               .latency = chip.launch};
    return target;
}

PlatformResult simulate_program(const PreparedStep& step, const Compiled& compiled,
                                const RunRequest& request, const MemoryCatalog& catalog) {
    PlatformSetup setup{.program = &compiled.program,
                        .links = link::make_links(step.chip.spec.links),
                        .launch = step.chip.spec.launch,
                        .host = step.chip.spec.host,
                        .removed_macs = compiled.skipped_macs,
                        .want_timeline = request.want_timeline};
    if (const auto& system = step.chip.spec.system) setup.exchanges = system_links(*system);
    for (const ChipEngine& engine : step.chip.spec.engines)
        setup.engines.push_back({.name = engine.name, .device = engine.device.get()});
    for (const MemoryAttachment& attachment : step.chip.spec.memories)
        setup.memories.push_back(
            {.attachment = attachment, .model = catalog.make(attachment, request.memory_timing)});
    return simulate(std::move(setup));
}

struct CompiledParts {
    Compiled compiled;
    int parts = 1;
};

/// The batch in `parts` equal parts, one after the other, all of it `inferences` times.
std::variant<CompiledParts, Infeasible> compile_in(const PreparedStep& step, std::int64_t batch,
                                                   int parts, int inferences,
                                                   const ConfigPath& configs) {
    CompileOptions options = step.options;
    options.runs = parts * inferences;
    WorkloadRequest network = step.network;
    network.batch = batch / parts;
    Graph graph = step.workload.graph;
    if (network.batch != step.network.batch) {
        graph = build_workload(network, configs);
        (void)lighten(graph, step.passes);
    }
    auto answer = compile(std::move(graph), step.target, options);
    if (auto* infeasible = std::get_if<Infeasible>(&answer)) return std::move(*infeasible);
    return CompiledParts{std::get<Compiled>(std::move(answer)), parts};
}

/// The batch as a whole or in halves, quarters, …: whichever the device's cost function finds
/// fastest. A part keeps on chip what the whole cannot.
std::variant<CompiledParts, Infeasible> compile_parts(const PreparedStep& step, std::int64_t batch,
                                                      int inferences, const ConfigPath& configs) {
    if (step.batch_parts) return compile_in(step, batch, *step.batch_parts, inferences, configs);
    auto best = compile_in(step, batch, 1, inferences, configs);
    for (int parts = 2; batch % parts == 0; parts *= 2) {
        auto tried = compile_in(step, batch, parts, inferences, configs);
        const auto* found = std::get_if<CompiledParts>(&tried);
        const auto* known = std::get_if<CompiledParts>(&best);
        if (found == nullptr) continue;
        if (known != nullptr && found->compiled.predicted >= known->compiled.predicted) break;
        best = std::move(tried);
    }
    return best;
}

/// Says so where identical blocks are left out: the trace ends before the latency told.
std::string timeline_title(const RunRequest& request, const Compiled& compiled) {
    std::string title = fmt::format("{} on {}", request.workload, request.chip);
    const std::optional<Repeat>& repeat = compiled.repeat;
    if (repeat && repeat->blocks_emitted < repeat->count)
        title += fmt::format(" ({} of {} identical blocks; --fold-layers off shows all)",
                             repeat->blocks_emitted, repeat->count);
    return title;
}

/// Compiles for one stream of several: it has its part of the cores and of the memories on chip.
void share_cores(int streams, PreparedStep& step) {
    const Device& device = *step.target.engines.front().device;
    step.options.cores = device.on_chip().cores / streams;
    step.options.blocks_emitted = 0;
    for (std::size_t i = 1; i < step.target.memories.size(); ++i)
        step.target.memories[i].capacity_bytes /= streams;
}

void refuse_host_work(const Compiled& compiled) {
    std::string names;
    for (const KernelReport& kernel : compiled.kernels)
        if (kernel.engine == "host")
            names += fmt::format("{}{} ({})", names.empty() ? "" : ", ", kernel.name,
                                 kernel.operator_type);
    if (!names.empty())
        throw UserError(fmt::format("work for the host is refused by --strict: {}", names),
                        "leave out --strict to have it done, and priced, on the host");
}

/// Samples computed in one go: requests of multi_stream that wait together are a batch, if that is
/// fastest.
std::int64_t batch_of(const RunRequest& request) {
    return request.scenario == kMultiStream ? request.batch * request.requests : request.batch;
}

/// Of the groups of chips that have a part of the batch each, one's.
std::int64_t batch_of_chip(const RunRequest& request, const ChipSpec& chip) {
    const int groups = chip.system ? chip.system->data : 1;
    const std::int64_t batch = batch_of(request);
    if (batch % groups != 0)
        throw UserError(fmt::format("a batch of {} has no {} equal parts, one for each group of "
                                    "chips of '{}'",
                                    batch, groups, chip.name),
                        fmt::format("--batch {}, or --set system.data=1", groups));
    return batch / groups;
}

/// When each run of a program had its last command behind it.
std::vector<Time> run_ends(const Compiled& compiled, const std::vector<CommandTimes>& commands) {
    std::vector<Time> ends;
    std::size_t begin = 0;
    for (const std::size_t end : compiled.run_ends) {
        Time last;
        for (std::size_t i = begin; i < end; ++i) last = std::max(last, commands[i].end);
        ends.push_back(last);
        begin = end;
    }
    return ends;
}

}  // namespace

Overrides split_overrides(const std::vector<std::string>& overrides) {
    Overrides split;
    for (const std::string& text : overrides) {
        if (text.starts_with(kWorkloadPrefix))
            split.workload.push_back(text.substr(kWorkloadPrefix.size()));
        else
            split.chip.push_back(text);
    }
    return split;
}

PreparedStep prepare_step(const RunRequest& request, const Environment& environment) {
    const Overrides overrides = split_overrides(request.overrides);
    PreparedStep step{.chip = load_chip(request.chip, overrides.chip, environment.families,
                                        environment.configs, environment.memories)};
    const ChipSpec& chip = step.chip.spec;

    const std::string phase = request.phase == kGenerate ? "decode" : request.phase;
    step.network = {.workload = request.workload,
                    .batch = batch_of_chip(request, chip),
                    .phase = *phase_from(phase),
                    .context = request.context,
                    .overrides = overrides.workload};
    step.workload = load_workload(step.network, environment.configs);
    std::vector<std::string> lightened = step.workload.lighten;
    lightened.insert(lightened.end(), request.lighten.begin(), request.lighten.end());
    step.passes = lighten_passes(lightened);
    Lightened made = lighten(step.workload.graph, step.passes);
    step.lightening = std::move(made.notes);
    if (made.precision && request.precision && *made.precision != *request.precision)
        throw UserError(fmt::format("--lighten sets the precision to {}, --precision to {}",
                                    *made.precision, *request.precision),
                        "leave one of them out");
    step.precision = request.precision.value_or(chip.default_precision);
    if (made.precision) {
        std::vector<const Device*> devices;
        for (const ChipEngine& engine : chip.engines) devices.push_back(engine.device.get());
        step.precision =
            runnable_precision(*made.precision, chip.default_precision, devices, step.lightening);
    }
    step.target = target_of(chip, step.chip.memories);
    step.options = {.precision = step.precision,
                    .start = request.start == "cold" ? Start::cold : Start::steady,
                    .effort = request.mapping_effort,
                    .place = place_rule(request.place),
                    .blocks_emitted = request.fold_layers ? kBlocksSimulated : 0,
                    .dump_after = request.dump_after};
    if (request.mapping_file) {
        MappingFile file = read_mapping_file(*request.mapping_file);
        if (step.network.batch % file.batch_parts != 0)
            throw UserError(
                fmt::format("{}: a batch of {} has no {} equal parts", *request.mapping_file,
                            step.network.batch, file.batch_parts),
                "give the batch that the mapping was made for");
        step.options.mappings = std::move(file.mappings);
        step.batch_parts = file.batch_parts;
    }
    return step;
}

std::variant<CompiledStep, Infeasible> compile_step(const RunRequest& request, PreparedStep step,
                                                    const Environment& environment) {
    if (request.streams > 1) share_cores(request.streams, step);
    auto answer = compile_parts(step, step.network.batch, request.inferences, environment.configs);
    if (auto* infeasible = std::get_if<Infeasible>(&answer)) return std::move(*infeasible);
    auto& [compiled, parts] = std::get<CompiledParts>(answer);
    if (request.strict) refuse_host_work(compiled);
    if (request.streams > 1) {
        std::vector<Stream> streams;
        for (int i = 0; i < request.streams; ++i)
            streams.push_back(
                {.compiled = &compiled, .first_core = i * step.options.cores, .first_byte = {}});
        // Weights are read by all: streams have the same addresses.
        compiled = side_by_side(streams, step.target);
    }
    return CompiledStep{.step = std::move(step), .compiled = std::move(compiled), .parts = parts};
}

RunOutput simulate_step(const RunRequest& request, const CompiledStep& program,
                        const Environment& environment) {
    const auto& [step, compiled, parts] = program;
    PlatformResult simulated = simulate_program(step, compiled, request, environment.memories);
    RunOutput output{.dumps = compiled.dumps,
                     .mapping_candidates = compiled.candidates,
                     .commands = static_cast<int>(compiled.program.commands.size())};
    if (request.want_timeline)
        output.timeline = trace_json(simulated.timeline, timeline_title(request, compiled));
    if (request.want_mapping) output.mapping = mapping_file_text(compiled, parts);
    output.answered = run_ends(compiled, simulated.commands);
    output.result =
        make_record({.request = request,
                     .chip = step.chip.spec,
                     .memories = step.chip.memories,
                     .compiled = compiled,
                     .precision = step.precision,
                     .context = step.workload.context,
                     .workload_hash = config_hash(step.workload.resolved),
                     .passes = step.passes,
                     .samples = batch_of(request) * request.inferences * request.streams,
                     .answered = output.answered},
                    unfold(compiled, std::move(simulated)));
    std::vector<std::string>& lightening = output.result.lightening;
    lightening = step.lightening;
    lightening.insert(lightening.end(), compiled.storage.begin(), compiled.storage.end());
    return output;
}

std::variant<RunOutput, Infeasible> run_step(const RunRequest& request, PreparedStep step,
                                             const Environment& environment) {
    const auto compiled = compile_step(request, std::move(step), environment);
    if (const auto* infeasible = std::get_if<Infeasible>(&compiled)) return *infeasible;
    return simulate_step(request, std::get<CompiledStep>(compiled), environment);
}

std::variant<RunOutput, Infeasible> run_step(const RunRequest& request,
                                             const Environment& environment) {
    return run_step(request, prepare_step(request, environment), environment);
}

}  // namespace perfwatt

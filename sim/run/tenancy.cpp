#include "sim/run/tenancy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "sim/arch/device.h"
#include "sim/base/diagnostics.h"
#include "sim/base/math.h"
#include "sim/compiler/streams.h"
#include "sim/run/part_runs.h"
#include "sim/run/record.h"
#include "sim/run/step.h"

namespace perfwatt {
namespace {

/// Of a short network beside a long one: enough to see it among others, few enough to simulate.
constexpr std::int64_t kMostInferences = 8;
constexpr std::int64_t kPageBytes = 1 << 16;

std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> words;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(',', begin), text.size());
        words.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return words;
}

void check_request(const RunRequest& request) {
    const auto refuse = [](const std::string& what, const char* hint) {
        throw UserError(fmt::format("{} is for one network alone, not with --beside", what), hint);
    };
    if (request.phase == "generate") refuse("--phase generate", "take --phase decode --context N");
    if (request.scenario != "single_stream")
        refuse(fmt::format("--scenario {}", request.scenario),
               "inferences follow one another here anyway");
    if (request.mapping_file || request.want_mapping)
        refuse("a mapping file", "leave out --mapping and --dump-mapping");
    if (!request.dump_after.empty()) refuse("--dump-after", "leave it out");
}

std::vector<std::string> networks_of(const RunRequest& request) {
    std::vector<std::string> networks{request.workload};
    networks.insert(networks.end(), request.beside.begin(), request.beside.end());
    return networks;
}

/// As if each network were alone.
std::vector<RunRequest> requests_alone(const RunRequest& request) {
    std::vector<RunRequest> alone;
    for (const std::string& network : networks_of(request)) {
        RunRequest one = part_of(request);
        one.workload = network;
        one.beside.clear();
        alone.push_back(std::move(one));
    }
    return alone;
}

std::variant<RunOutput, Infeasible> run_in_turns(const RunRequest& request,
                                                 const Environment& environment) {
    if (request.want_timeline)
        throw UserError("networks that take turns are simulated one by one: no timeline",
                        "take --sharing cores, or leave out --timeline");
    std::vector<RunRequest> parts = requests_alone(request);
    const std::size_t networks = parts.size();
    for (std::size_t i = 0; i < networks; ++i) {
        parts.push_back(parts[i]);
        parts.back().start = "cold";
    }
    auto answers = run_parts(parts, run_step, "a network's turn", environment);
    if (auto* infeasible = std::get_if<Infeasible>(&answers)) return std::move(*infeasible);
    std::vector<Result> alone = std::get<std::vector<Result>>(std::move(answers));
    const auto middle = alone.begin() + static_cast<std::ptrdiff_t>(networks);
    const std::vector<Result> rounds(middle, alone.end());
    alone.erase(middle, alone.end());
    return RunOutput{.result = take_turns(rounds, alone)};
}

/// A network with its part of the chip.
struct Tenant {
    RunRequest request;
    PreparedStep step;
    Stream stream;
    std::string share;
};

/// Gives each its cores, one after the other.
void share_cores(const Sharing& sharing, std::vector<Tenant>& tenants) {
    const std::vector<ChipEngine>& engines = tenants.front().step.chip.spec.engines;
    if (engines.size() > 1)
        throw UserError("--sharing cores is for chips of one engine",
                        "name an engine for each network: --sharing engines:A,B");
    const std::vector<int> cores =
        cores_of_each(sharing, engines.front().device->on_chip().cores, tenants.size());
    int next = 0;
    for (std::size_t i = 0; i < tenants.size(); ++i) {
        tenants[i].step.options.cores = cores[i];
        tenants[i].stream.first_core = next;
        tenants[i].share = cores[i] == 1 ? fmt::format("core {}", next)
                                         : fmt::format("cores {} to {}", next, next + cores[i] - 1);
        next += cores[i];
    }
}

void share_engines(const Sharing& sharing, std::vector<Tenant>& tenants) {
    if (sharing.engines.size() != tenants.size())
        throw UserError(
            fmt::format("{} networks, {} engines", tenants.size(), sharing.engines.size()),
            "name one for each, the first for --workload");
    for (std::size_t i = 0; i < tenants.size(); ++i) {
        std::vector<TargetEngine>& engines = tenants[i].step.target.engines;
        std::vector<std::string> names;
        for (const TargetEngine& engine : engines) names.push_back(engine.name);
        const auto found = std::find(names.begin(), names.end(), sharing.engines[i]);
        if (found == names.end())
            throw UserError(fmt::format("the chip has no engine '{}'", sharing.engines[i]),
                            fmt::format("it has: {}", fmt::join(names, ", ")));
        const auto index = static_cast<int>(found - names.begin());
        engines = {engines[static_cast<std::size_t>(index)]};
        tenants[i].stream.engine_of = {index};
        tenants[i].share = *found;
    }
}

/// Cuts every memory in equal parts.
void share_memories(std::vector<Tenant>& tenants) {
    const auto parts = static_cast<std::int64_t>(tenants.size());
    for (std::size_t i = 0; i < tenants.size(); ++i)
        for (TargetMemory& memory : tenants[i].step.target.memories) {
            const std::int64_t part = memory.capacity_bytes / parts / kPageBytes * kPageBytes;
            tenants[i].stream.first_byte.push_back(static_cast<std::int64_t>(i) * part);
            if (memory.capacity_bytes > 0) memory.capacity_bytes = part;
        }
}

/// Compiles each for its share, as often as the longest lasts. Nothing is left out of a program
/// that others run beside.
std::variant<std::vector<CompiledStep>, Infeasible> compile_tenants(
    std::vector<Tenant>& tenants, const Environment& environment) {
    Time longest;
    std::vector<Time> each;
    for (Tenant& tenant : tenants) {
        auto answer = compile_step(tenant.request, tenant.step, environment);
        if (auto* infeasible = std::get_if<Infeasible>(&answer))
            return Infeasible{fmt::format("{} on {}: {}", tenant.request.workload, tenant.share,
                                          infeasible->reason)};
        each.push_back(std::get<CompiledStep>(answer).compiled.predicted);
        longest = std::max(longest, each.back());
    }
    std::vector<CompiledStep> compiled;
    for (std::size_t i = 0; i < tenants.size(); ++i) {
        tenants[i].request.inferences = static_cast<int>(std::clamp<std::int64_t>(
            ceil_div(longest.fs, std::max<std::int64_t>(each[i].fs, 1)), 1, kMostInferences));
        auto answer = compile_step(tenants[i].request, std::move(tenants[i].step), environment);
        compiled.push_back(std::get<CompiledStep>(std::move(answer)));
    }
    return compiled;
}

/// Figures of each network: of its inferences, `parts` runs each, by their ends.
void describe(const std::vector<Tenant>& tenants, const std::vector<CompiledStep>& compiled,
              const std::vector<Time>& ends, const std::vector<Result>& alone, Result& result) {
    std::size_t run = 0;
    for (std::size_t i = 0; i < tenants.size(); ++i) {
        const int inferences = tenants[i].request.inferences;
        run += static_cast<std::size_t>(compiled[i].parts * inferences);
        const double each_ns = ends[run - 1].ns() / inferences;
        const auto made = static_cast<double>(tenants[i].request.batch * items_each(alone[i]));
        result.tenants.push_back({.workload = tenants[i].request.workload,
                                  .share = tenants[i].share,
                                  .inferences = inferences,
                                  .latency_ns = each_ns,
                                  .alone_ns = alone[i].latency_ns,
                                  .throughput_per_s = made / each_ns * 1e9});
    }
}

std::variant<RunOutput, Infeasible> run_beside(const RunRequest& request, const Sharing& sharing,
                                               const Environment& environment) {
    const std::vector<RunRequest> requests = requests_alone(request);
    std::vector<Tenant> tenants;
    for (const RunRequest& one : requests) {
        tenants.push_back({.request = one, .step = prepare_step(one, environment)});
        tenants.back().step.options.blocks_emitted = 0;
    }
    if (tenants.front().step.chip.spec.system)
        throw UserError("--beside is for one chip, not for a system of several");
    const CompileTarget whole = tenants.front().step.target;
    share_memories(tenants);
    sharing.kind == Sharing::Kind::cores ? share_cores(sharing, tenants)
                                         : share_engines(sharing, tenants);

    auto alone = run_parts(requests, run_step, "a network alone", environment);
    if (auto* infeasible = std::get_if<Infeasible>(&alone)) return std::move(*infeasible);
    auto answer = compile_tenants(tenants, environment);
    if (auto* infeasible = std::get_if<Infeasible>(&answer)) return std::move(*infeasible);
    auto& compiled = std::get<std::vector<CompiledStep>>(answer);

    RunRequest mixed = request;
    mixed.workload = fmt::format("{}", fmt::join(networks_of(request), " + "));
    std::vector<Stream> streams;
    mixed.inferences = 0;
    for (std::size_t i = 0; i < tenants.size(); ++i) {
        streams.push_back(tenants[i].stream);
        streams.back().compiled = &compiled[i].compiled;
        mixed.inferences += tenants[i].request.inferences;
    }
    CompiledStep all{.compiled = side_by_side(streams, whole)};
    all.step = std::move(compiled.front().step);
    for (std::size_t i = 1; i < compiled.size(); ++i) {
        auto& resolved = all.step.workload.resolved;
        const auto& more = compiled[i].step.workload.resolved;
        resolved.insert(resolved.end(), more.begin(), more.end());
    }
    RunOutput output = simulate_step(mixed, all, environment);
    describe(tenants, compiled, output.answered, std::get<std::vector<Result>>(alone),
             output.result);
    return output;
}

}  // namespace

Sharing sharing_from(const std::string& text) {
    const std::size_t colon = std::min(text.find(':'), text.size());
    const std::string word = text.substr(0, colon);
    const bool listed = colon < text.size();
    Sharing sharing;
    const UserError unknown(fmt::format("--sharing '{}' is not known", text),
                            "one of: turns, cores, cores:3,1 (of each network), engines:A,B");
    if (word == "turns" && !listed) return sharing;
    if (word == "cores") {
        sharing.kind = Sharing::Kind::cores;
        if (!listed) return sharing;
        for (const std::string& count : split(text.substr(colon + 1))) {
            const std::optional<std::int64_t> cores = positive_number(count);
            if (!cores || *cores > (1 << 20)) throw unknown;
            sharing.cores.push_back(static_cast<int>(*cores));
        }
        return sharing;
    }
    if (word != "engines" || !listed) throw unknown;
    sharing.kind = Sharing::Kind::engines;
    sharing.engines = split(text.substr(colon + 1));
    return sharing;
}

std::vector<int> cores_of_each(const Sharing& sharing, int cores, std::size_t networks) {
    const auto parts = static_cast<int>(networks);
    std::vector<int> each = sharing.cores;
    if (each.empty())
        for (int i = 0; i < parts; ++i) each.push_back(cores / parts + (i < cores % parts ? 1 : 0));
    if (each.size() != networks)
        throw UserError(fmt::format("{} networks, cores for {}", networks, each.size()),
                        "give a number for each, the first for --workload");
    int sum = 0;
    for (const int count : each) sum += count;
    if (cores < parts || sum > cores)
        throw UserError(fmt::format("{} cores for {} networks, the chip has {}",
                                    sharing.cores.empty() ? parts : sum, networks, cores),
                        "networks that take turns need no cores of their own: --sharing turns");
    return each;
}

Result take_turns(const std::vector<Result>& rounds, const std::vector<Result>& alone) {
    Result whole = rounds.front();
    double items = 0;
    double ideal_ns = whole.utilization * whole.latency_ns;
    for (std::size_t i = 1; i < rounds.size(); ++i) {
        const Result& turn = rounds[i];
        whole.workload += " + " + turn.workload;
        ideal_ns += turn.utilization * turn.latency_ns;
        for (LayerResult layer : turn.layers) {
            layer.start_ns += whole.latency_ns;
            layer.end_ns += whole.latency_ns;
            whole.layers.push_back(std::move(layer));
        }
        add_result(whole, turn, 1);
    }
    whole.utilization = ideal_ns / whole.latency_ns;
    whole.latency_p50_ns = whole.latency_p99_ns = whole.latency_ns;
    for (std::size_t i = 0; i < rounds.size(); ++i) {
        const auto made = static_cast<double>(rounds[i].batch * items_each(rounds[i]));
        items += made;
        whole.tenants.push_back({.workload = rounds[i].workload,
                                 .share = "turns",
                                 .inferences = 1,
                                 .latency_ns = rounds[i].latency_ns,
                                 .alone_ns = alone[i].latency_ns,
                                 .throughput_per_s = made / whole.latency_ns * 1e9});
    }
    set_rates(whole, items);
    return whole;
}

std::variant<RunOutput, Infeasible> run_tenants(const RunRequest& request,
                                                const Environment& environment) {
    check_request(request);
    const Sharing sharing = sharing_from(request.sharing);
    return sharing.kind == Sharing::Kind::turns ? run_in_turns(request, environment)
                                                : run_beside(request, sharing, environment);
}

}  // namespace perfwatt

#include "sim/compiler/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/diagnostics.h"
#include "sim/base/math.h"
#include "sim/compiler/chains.h"
#include "sim/compiler/stripes.h"

namespace perfwatt {
namespace {

/// Shares of the scratchpad tried for tiles, in parts of kWhole; what is left keeps tensors.
constexpr std::int64_t kWhole = 16;
constexpr std::int64_t kReserves[] = {2, 4, 8, 16};
/// Where cores divide weights: what is left fetches the next kernel's operands ahead, which no
/// cost function of one kernel knows, so it is not made as small as can be.
constexpr std::int64_t kDividedReserves[] = {4, 8};
/// What is less than this part of the whole is not worth another plan.
constexpr std::int64_t kWorthwhile = 50;

Infeasible misfit_of(const Kernel& kernel, const Infeasible& why) {
    return {fmt::format("kernel '{}' ({}): {}", kernel.name, kernel.operator_type, why.reason)};
}

}  // namespace

std::string engine_name(int engine, const std::vector<TargetEngine>& engines) {
    if (engine == kHost) return "host";
    return engines.size() == 1 ? "device" : engines[static_cast<std::size_t>(engine)].name;
}

std::string engine_named_in(const Mapping& mapping) {
    for (const auto& [key, value] : mapping)
        if (key == "engine") return value;
    return {};
}

Mapping without_engine(const Mapping& mapping) {
    Mapping rest = mapping;
    std::erase_if(rest, [](const auto& entry) { return entry.first == "engine"; });
    return rest;
}

KernelReads::KernelReads(const Lowered& lowered) {
    std::vector<std::vector<int>> makers(lowered.aliases.size());  // by root
    for (std::size_t i = 0; i < lowered.kernels.size(); ++i) {
        const Kernel& kernel = lowered.kernels[i];
        std::vector<int> reads;
        for (const Operand& input : kernel.inputs) {
            const std::vector<int>& from =
                makers[lowered.aliases[input.tensor.index()].root.index()];
            reads.insert(reads.end(), from.begin(), from.end());
        }
        std::sort(reads.begin(), reads.end());
        reads.erase(std::unique(reads.begin(), reads.end()), reads.end());
        of.push_back(std::move(reads));
        for (const Operand& output : kernel.outputs)
            makers[lowered.aliases[output.tensor.index()].root.index()].push_back(
                static_cast<int>(i));
    }
}

Planner::Planner(const Graph& graph, const Lowered& lowered, const std::optional<Repeat>& repeat,
                 const CompileTarget& target, const CompileOptions& options, MappingMemo& memo)
    : lowered_(lowered),
      graph_(graph),
      repeat_(repeat),
      target_(target),
      options_(options),
      memo_(memo),
      engines_(engines_of(target)),
      reads_(lowered) {
    for (std::size_t e = 0; e < engines_.size(); ++e) {
        std::size_t first = 0;
        while (engines_[first].device != engines_[e].device) ++first;
        device_of_.push_back(static_cast<int>(first));
    }
    for (const Kernel& kernel : lowered.kernels) signatures_.push_back(signature(kernel));
}

Time Planner::outside_time(const Kernel& kernel) const {
    if (const auto* exchange = std::get_if<Collective>(&kernel.work))
        return target_.system->cost(*exchange).duration;
    const HostWork& work = std::get<HostWork>(kernel.work);
    return target_.host->latency +
           transfer_time(work.operations, target_.host->operations_per_second) +
           transfer_time(work.bytes, target_.host->bytes_per_second);
}

Time Planner::handover_time(const MappingRequest& request, int engine) const {
    if (engine == kHost) return Time::zero();
    const Time setup = engines_[static_cast<std::size_t>(engine)].device->dma_port().setup;
    Time longest;
    for (std::size_t i = 0; i < request.inputs.size(); ++i) {
        const Placement& place = request.inputs[i];
        if (place.where == Placement::Where::on_chip ||
            request.kernel->inputs[i].role != TensorRole::activation)
            continue;
        const std::size_t memory = place.region.memory.index();
        longest = std::max(longest, 2 * (setup + target_.memories[memory].latency));
    }
    return longest;
}

int Planner::home_of(int engine) const {
    if (engine == kHost) return 0;
    const std::vector<MemoryId>& seen = engines_[static_cast<std::size_t>(engine)].memories;
    return seen.empty() ? 0 : seen.front().value;
}

Time Planner::busy_time(const MappingRequest& request, const MappingChoice& choice,
                        int engine) const {
    if (engine == kHost) return Time::zero();
    const MemoryId home{home_of(engine)};
    const TargetMemory& memory = target_.memories[home.index()];
    return engines_[static_cast<std::size_t>(engine)].device->memory_time(request, choice, home,
                                                                          memory.bytes_per_second);
}

MappingRequest Planner::request_for(const Plan& plan, std::size_t kernel) const {
    const int engine = plan.engine_of[kernel];
    MappingRequest request;
    request.kernel = &lowered_.kernels[kernel];
    for (const Operand& input : request.kernel->inputs)
        request.inputs.push_back(plan.allocator->placement(plan.allocation, input, engine));
    for (const Operand& output : request.kernel->outputs)
        request.outputs.push_back(plan.allocator->placement(plan.allocation, output, engine));
    request.effort = options_.effort;
    request.from_top = kernel % 2 == 1;
    if (engine == kHost) return request;
    const auto e = static_cast<std::size_t>(engine);
    request.free = plan.allocation.rooms[e].free_at(kernel);
    request.free_weights = plan.allocation.rooms[e].free_weights;
    request.cores = plan.shares[e].cores;
    return request;
}

std::string Planner::memo_key(const MappingRequest& request, int engine) const {
    const auto kernel = static_cast<std::size_t>(request.kernel - lowered_.kernels.data());
    std::string key = signatures_[kernel];
    const auto where = [&](const Placement& placement) {
        key += placement.where == Placement::Where::on_chip
                   ? ",c"
                   : fmt::format(",{}", placement.region.memory.value);
        key += placement.layout;
        if (placement.parts > 1) key += fmt::format("/{}", placement.parts);
    };
    for (const Placement& input : request.inputs) where(input);
    for (const Placement& output : request.outputs) where(output);
    key += fmt::format(" free {} {}", request.free.bytes, request.free_weights.bytes);
    key += fmt::format(" cores {} engine {}", request.cores,
                       device_of_[static_cast<std::size_t>(engine)]);
    return key;
}

std::variant<MappingChoice, Infeasible> Planner::map_kernel(const MappingRequest& request,
                                                            int engine) {
    const Device& device = *engines_[static_cast<std::size_t>(engine)].device;
    const auto given = options_.mappings.find(request.kernel->name);
    const Mapping mapping = given != options_.mappings.end()
                                ? without_chain(without_group(without_engine(given->second)))
                                : Mapping{};
    if (!mapping.empty()) {
        const auto cost = device.cost(request, mapping);
        if (const auto* misfit = std::get_if<Infeasible>(&cost))
            return misfit_of(*request.kernel, *misfit);
        return MappingChoice{.mapping = mapping, .cost = std::get<Time>(cost)};
    }
    const std::string key = memo_key(request, engine);
    auto known = memo_.find(key);
    if (known == memo_.end()) {
        auto choice = device.map(request);
        if (const auto* found = std::get_if<MappingChoice>(&choice))
            candidates_ += found->candidates;
        known = memo_.emplace(key, std::move(choice)).first;
    }
    if (const auto* misfit = std::get_if<Infeasible>(&known->second))
        return misfit_of(*request.kernel, *misfit);
    return std::get<MappingChoice>(known->second);
}

Planner::EngineTotal Planner::total_of(const Plan& plan, int engine, Misfits misfits) {
    EngineTotal total;
    for (std::size_t i = 0; i < lowered_.kernels.size(); ++i) {
        if (plan.engine_of[i] != engine) continue;
        const MappingRequest request = request_for(plan, i);
        const auto choice = map_kernel(request, engine);
        if (const auto* misfit = std::get_if<Infeasible>(&choice)) {
            ++total.misfits;
            if (!total.problem) total.problem = *misfit;
            if (misfits == Misfits::end_it) return total;
            continue;
        }
        total.cost += std::get<MappingChoice>(choice).cost + handover_time(request, engine);
    }
    return total;
}

Plan Planner::start(const std::vector<int>& engine_of) const {
    Plan plan;
    plan.engine_of = engine_of;
    plan.allocator =
        std::make_shared<Allocator>(graph_, lowered_, engine_of, repeat_, target_, options_);
    for (const TargetEngine& engine : engines_)
        plan.shares.push_back({.reserve = engine.device->on_chip().bytes_per_core, .cores = 1});
    return plan;
}

/// Decides an engine's share, the others' as they are. What is wrong where nothing fits.
std::optional<Infeasible> Planner::share_out(Plan& plan, int engine, Misfits misfits) {
    const auto e = static_cast<std::size_t>(engine);
    const OnChipMemory chip = engines_[e].device->on_chip();
    std::optional<EngineTotal> best;
    std::optional<Infeasible> problem;
    EngineShare chosen = plan.shares[e];
    const int most = options_.cores > 0 ? std::min(options_.cores, chip.cores) : chip.cores;
    // A single core keeps activations in its scratchpad, several pass them through memory:
    // leaving cores unused may be faster.
    for (int cores = most;; cores = 1) {
        for (const std::int64_t reserve : kReserves) {
            plan.shares[e] = {.reserve = ceil_div(chip.bytes_per_core * reserve, kWhole),
                              .cores = cores};
            plan.allocation = plan.allocator->allocate(plan.shares);
            const EngineTotal total = total_of(plan, engine, misfits);
            if (total.problem) problem = total.problem;
            if (total.misfits > 0 && misfits == Misfits::end_it) continue;
            if (!best || total.misfits < best->misfits ||
                (total.misfits == best->misfits && total.cost < best->cost)) {
                best = total;
                chosen = plan.shares[e];
            }
        }
        if (cores <= 1) break;
    }
    if (!best) return problem;
    plan.shares[e] = chosen;
    if (misfits == Misfits::end_it) divide_weights(plan, engine, best->cost);
    return std::nullopt;
}

/// Lets cores divide weights among themselves where that is cheaper than what was found: more of
/// them stay on chip then, but only the core that has them can make their outputs.
void Planner::divide_weights(Plan& plan, int engine, Time cost) {
    const auto e = static_cast<std::size_t>(engine);
    const OnChipMemory chip = engines_[e].device->on_chip();
    const int cores = options_.cores > 0 ? std::min(options_.cores, chip.cores) : chip.cores;
    if (!options_.resident_weights || !chip.splits_weights || cores < 2) return;
    EngineShare chosen = plan.shares[e];
    Time least = {cost.fs - cost.fs / kWorthwhile};
    const auto attempt = [&](EngineShare share) {
        plan.shares[e] = share;
        plan.allocation = plan.allocator->allocate(plan.shares);
        const EngineTotal total = total_of(plan, engine, Misfits::are_left_out);
        if (total.misfits > 0 || total.cost >= least) return;
        least = total.cost;
        chosen = std::move(share);
    };
    for (const std::int64_t part : kDividedReserves) {
        EngineShare share{
            .reserve = ceil_div(chip.bytes_per_core * part, kWhole), .cores = cores, .divided = {}};
        plan.shares[e] = share;
        plan.allocation = plan.allocator->allocate(plan.shares);
        if (!worth_dividing(plan, engine, cost)) continue;
        const std::vector<Time> whole = costs_of(plan, engine);
        const std::vector<Root>& roots = plan.allocator->roots();
        for (const Root& root : roots)
            share.divided.push_back(root.engine == engine && root.outputs >= cores);
        attempt(share);
        // Not those that are better off as they were.
        plan.shares[e] = share;
        plan.allocation = plan.allocator->allocate(plan.shares);
        const std::vector<Time> divided = costs_of(plan, engine);
        bool any = false;
        for (std::size_t i = 0; i < lowered_.kernels.size(); ++i) {
            if (plan.engine_of[i] != engine || divided[i] < whole[i]) continue;
            for (const Operand& input : lowered_.kernels[i].inputs) {
                const auto root =
                    static_cast<std::size_t>(plan.allocator->root_of(input.tensor, engine));
                any = any || share.divided[root];
                share.divided[root] = false;
            }
        }
        if (any) attempt(std::move(share));
    }
    plan.shares[e] = std::move(chosen);
}

/// Whether what cores could hold together, and do not hold now, takes more than a trifle to fetch.
bool Planner::worth_dividing(const Plan& plan, int engine, Time cost) const {
    const EngineShare& share = plan.shares[static_cast<std::size_t>(engine)];
    const OnChipMemory chip = engines_[static_cast<std::size_t>(engine)].device->on_chip();
    const std::vector<Root>& roots = plan.allocator->roots();
    std::int64_t fetched = 0;
    for (std::size_t i = 0; i < roots.size(); ++i)
        if (roots[i].engine == engine && roots[i].outputs >= share.cores &&
            !plan.allocation.resident[i])
            fetched += roots[i].bytes;
    fetched = std::min(fetched, share.cores * (chip.bytes_per_core - share.reserve));
    const TargetMemory& home = target_.memories[static_cast<std::size_t>(home_of(engine))];
    return transfer_time(fetched, home.bytes_per_second) * kWorthwhile > cost;
}

/// By kernel of an engine; Time::max() where it does not fit.
std::vector<Time> Planner::costs_of(const Plan& plan, int engine) {
    std::vector<Time> costs(lowered_.kernels.size());
    for (std::size_t i = 0; i < costs.size(); ++i) {
        if (plan.engine_of[i] != engine) continue;
        const auto choice = map_kernel(request_for(plan, i), engine);
        const auto* found = std::get_if<MappingChoice>(&choice);
        costs[i] = found != nullptr ? found->cost : Time::max();
    }
    return costs;
}

Plan Planner::sketch(const std::vector<int>& engine_of, int engine) {
    Plan plan = start(engine_of);
    (void)share_out(plan, engine, Misfits::are_left_out);
    plan.allocation = plan.allocator->allocate(plan.shares);
    return plan;
}

std::variant<Plan, Infeasible> Planner::plan_for(const std::vector<int>& engine_of) {
    Plan plan = start(engine_of);
    for (std::size_t e = 0; e < engines_.size(); ++e) {
        const auto engine = static_cast<int>(e);
        const bool used = std::find(engine_of.begin(), engine_of.end(), engine) != engine_of.end();
        if (!used && engines_.size() > 1) continue;
        if (auto problem = share_out(plan, engine, Misfits::end_it)) return *problem;
    }
    plan.allocation = plan.allocator->allocate(plan.shares);
    for (std::size_t i = 0; i < lowered_.kernels.size(); ++i) {
        if (engine_of[i] == kHost) {
            const Time time = outside_time(lowered_.kernels[i]);
            plan.choices.push_back({.mapping = {}, .cost = time, .bound = time});
            continue;
        }
        auto choice = map_kernel(request_for(plan, i), engine_of[i]);
        if (auto* misfit = std::get_if<Infeasible>(&choice)) return std::move(*misfit);
        plan.choices.push_back(std::get<MappingChoice>(std::move(choice)));
    }
    plan.cost = whole_cost(plan);
    return plan;
}

Time Planner::whole_cost(const Plan& plan) const {
    Overlap schedule;
    Time sum;
    for (std::size_t i = 0; i < lowered_.kernels.size(); ++i) {
        const int engine = plan.engine_of[i];
        const MappingRequest request = request_for(plan, i);
        Overlap::Kernel kernel{.engine = engine + 1,
                               .cost = plan.choices[i].cost,
                               .busy = busy_time(request, plan.choices[i], engine),
                               .memory = home_of(engine),
                               .reads = reads_.of[i]};
        if (engine != kHost) {
            kernel.handover = handover_time(request, engine);
            for (const int maker : kernel.reads)
                if (plan.engine_of[static_cast<std::size_t>(maker)] != engine) {
                    kernel.handover += engines_[static_cast<std::size_t>(engine)].launch;
                    break;
                }
        }
        sum += kernel.cost + kernel.handover;
        schedule.kernels.push_back(std::move(kernel));
    }
    return engines_.size() == 1 ? sum : end_of(schedule);
}

}  // namespace perfwatt

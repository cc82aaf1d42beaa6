#include "sim/compiler/engines.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

/// Schedules tried, kernel by kernel, to let engines work side by side.
constexpr std::int64_t kMostMoves = 20'000;
constexpr int kRounds = 2;

Diagnostic nobody_takes(const Graph& graph, const Kernel& kernel,
                        const std::vector<std::string>& reasons,
                        const std::vector<TargetEngine>& engines, bool possible_on_host) {
    const bool all_in_memory =
        std::all_of(engines.begin(), engines.end(),
                    [](const TargetEngine& engine) { return computes_in_memory(*engine.device); });
    std::string why;
    for (std::size_t e = 0; e < engines.size(); ++e)
        why += engines.size() == 1
                   ? reasons[e]
                   : fmt::format("{}{}: {}", e == 0 ? "" : "; ", engines[e].name, reasons[e]);
    return {.severity = Severity::error,
            .place = {.file = graph.file, .line = 0, .column = 0},
            .message = fmt::format("operator '{}' of node '{}' cannot run: {}",
                                   kernel.operator_type, kernel.name, why),
            .hint = possible_on_host ? "declare a host with a rate in the chip's YAML"
                    : all_in_memory
                        ? "give the chip an engine beside the units of its memory, which does the "
                          "rest; --precision and the memory's 'pim' decide what these do"
                        : "",
            .source_line = {}};
}

/// Keeps of `mine` what the user's wish leaves.
void apply_place(PlaceRule place, const std::vector<bool>& pim, std::vector<int>& mine,
                 std::vector<std::string>& refused, std::vector<int>& instead) {
    const auto is_pim = [&](int e) { return pim[static_cast<std::size_t>(e)]; };
    const bool any_pim = std::any_of(mine.begin(), mine.end(), is_pim);
    const auto drop = [&](bool which, const char* why) {
        std::erase_if(mine, [&](int e) {
            if (is_pim(e) != which) return false;
            refused[static_cast<std::size_t>(e)] = why;
            return true;
        });
    };
    if (place == PlaceRule::host) drop(true, "--place host");
    if (place != PlaceRule::pim || !any_pim) return;
    for (const int e : mine)
        if (!is_pim(e)) instead.push_back(e);
    drop(false, "--place pim");
}

/// Cost tables and hand-overs, folded to one block of a repeated segment.
class Chooser {
  public:
    Chooser(Planner& planner, const EngineOptions& options, const Lowered& lowered,
            const std::optional<Repeat>& repeat)
        : planner_(planner),
          lowered_(lowered),
          repeat_(repeat),
          engines_(static_cast<int>(planner.engines().size())) {
        const std::size_t kernels = lowered.kernels.size();
        may_ = options.of;
        instead_ = options.instead;
        for (const std::vector<std::string>& refused : options.refused) {
            std::vector<EngineCost>& row = costs_.emplace_back();
            for (std::size_t e = 0; e < refused.size(); ++e)
                row.push_back({.engine = planner.engines()[e].name,
                               .cost = std::nullopt,
                               .refused = refused[e],
                               .busy = {}});
        }
        table_.resize(kernels);
        for (auto& row : table_) row.resize(static_cast<std::size_t>(engines_));
    }

    std::variant<ChosenPlan, Infeasible> run() {
        for (int engine = 0; engine < engines_; ++engine) price(engine);
        if (take_instead())
            for (int engine = 0; engine < engines_; ++engine) price(engine);
        if (auto problem = drop_misfits()) return *problem;
        std::optional<Plan> best;
        std::optional<Infeasible> problem;
        for (const std::vector<int>& engine_of : candidates()) {
            auto plan = planner_.plan_for(engine_of);
            if (auto* misfit = std::get_if<Infeasible>(&plan)) {
                problem = std::move(*misfit);
                continue;
            }
            Plan& found = std::get<Plan>(plan);
            if (!best || found.cost < best->cost) best = std::move(found);
        }
        if (!best) return *problem;
        return ChosenPlan{.plan = std::move(*best), .costs = std::move(costs_)};
    }

  private:
    struct Cell {
        Time cost = Time::max();  ///< with its hand-over, all it may do on this engine
        Time arrive;              ///< more, if an operand comes from another engine
        Time leave;               ///< more, if another engine reads the result
        Time busy;
    };

    [[nodiscard]] bool may(std::size_t kernel, int engine) const {
        return std::find(may_[kernel].begin(), may_[kernel].end(), engine) != may_[kernel].end();
    }

    /// As much as possible on one engine, the rest on the first that takes it.
    [[nodiscard]] std::vector<int> all_on(int engine) const {
        std::vector<int> engine_of;
        for (std::size_t i = 0; i < may_.size(); ++i)
            engine_of.push_back(may_[i].empty()  ? kHost
                                : may(i, engine) ? engine
                                                 : may_[i].front());
        return engine_of;
    }

    /// What each kernel costs on this engine when all it may do is there.
    void price(int engine) {
        const Plan plan = planner_.sketch(all_on(engine), engine);
        for (std::size_t i = 0; i < may_.size(); ++i) {
            if (!may(i, engine)) continue;
            const MappingRequest request = planner_.request_for(plan, i);
            const auto choice = planner_.map_kernel(request, engine);
            EngineCost& row = costs_[i][static_cast<std::size_t>(engine)];
            if (const auto* misfit = std::get_if<Infeasible>(&choice)) {
                row.refused = misfit->reason;
                continue;
            }
            const auto& found = std::get<MappingChoice>(choice);
            row.cost = found.cost;
            Cell& cell = table_[i][static_cast<std::size_t>(engine)];
            cell.cost = found.cost + planner_.handover_time(request, engine);
            cell.busy = planner_.busy_time(request, found, engine);
            row.busy = cell.busy;
            row.memory = planner_.home_of(engine);
            cell.arrive = planner_.engines()[static_cast<std::size_t>(engine)].launch +
                          more(request, engine, cell.cost, true);
            cell.leave = more(request, engine, cell.cost, false);
        }
    }

    /// What it costs more to have operands, or results, pass through memory.
    Time more(MappingRequest request, int engine, Time cost, bool operands) {
        bool changed = false;
        std::vector<Placement>& places = operands ? request.inputs : request.outputs;
        const auto& of = operands ? request.kernel->inputs : request.kernel->outputs;
        for (std::size_t i = 0; i < places.size(); ++i) {
            if (places[i].where == Placement::Where::memory || of[i].role != TensorRole::activation)
                continue;
            changed = true;
            places[i].where = Placement::Where::memory;
            places[i].region = {.memory = {planner_.home_of(engine)},
                                .address = 0,
                                .row_bytes = of[i].bytes,
                                .rows = 1,
                                .pitch_bytes = of[i].bytes};
        }
        if (!changed) return Time::zero();
        const auto choice = planner_.map_kernel(request, engine);
        const auto* found = std::get_if<MappingChoice>(&choice);
        if (found == nullptr) return Time::zero();
        return std::max(Time::zero(), found->cost + planner_.handover_time(request, engine) - cost);
    }

    /// Lets kernels that fit nowhere go to engines that only `--place pim` left out.
    bool take_instead() {
        bool any = false;
        for (std::size_t i = 0; i < may_.size(); ++i) {
            const bool fits = std::any_of(may_[i].begin(), may_[i].end(), [&](int e) {
                return costs_[i][static_cast<std::size_t>(e)].cost.has_value();
            });
            if (fits || instead_[i].empty()) continue;
            any = true;
            may_[i] = instead_[i];
            for (const int e : may_[i]) costs_[i][static_cast<std::size_t>(e)].refused.clear();
        }
        return any;
    }

    /// An engine on which a kernel has no mapping cannot have it.
    std::optional<Infeasible> drop_misfits() {
        for (std::size_t i = 0; i < may_.size(); ++i) {
            if (may_[i].empty()) continue;
            std::string why;
            for (const int e : may_[i]) why = costs_[i][static_cast<std::size_t>(e)].refused;
            std::erase_if(may_[i],
                          [&](int e) { return !costs_[i][static_cast<std::size_t>(e)].cost; });
            if (may_[i].empty()) return Infeasible{why};
        }
        return std::nullopt;
    }

    /// The first block's kernel that stands for this one.
    [[nodiscard]] int stands_for(int kernel) const {
        if (!repeat_) return kernel;
        const int inside = kernel - repeat_->first_kernel;
        if (inside < 0 || inside >= repeat_->kernels_per_block * repeat_->count) return kernel;
        return repeat_->first_kernel + inside % repeat_->kernels_per_block;
    }

    /// Nodes are kernels that stand for others; the host's are left out: they move to no engine.
    void fold() {
        node_of_.assign(may_.size(), -1);
        for (std::size_t i = 0; i < may_.size(); ++i) {
            const int first = stands_for(static_cast<int>(i));
            if (may_[i].empty()) continue;
            if (first == static_cast<int>(i)) {
                node_of_[i] = static_cast<int>(problem_.kernels.size());
                EngineChoice::Kernel node;
                node.times = 0;
                for (int e = 0; e < engines_; ++e) {
                    const Cell& cell = table_[i][static_cast<std::size_t>(e)];
                    node.cost.push_back(may(i, e) ? cell.cost : Time::max());
                    node.arrive.push_back(cell.arrive);
                    node.leave.push_back(cell.leave);
                }
                problem_.kernels.push_back(std::move(node));
            } else {
                node_of_[i] = node_of_[static_cast<std::size_t>(first)];
            }
            ++problem_.kernels[static_cast<std::size_t>(node_of_[i])].times;
        }
        std::map<std::pair<int, int>, std::int64_t> edges;
        for (std::size_t i = 0; i < may_.size(); ++i)
            for (const int maker : planner_.reads().of[i]) {
                const int from = node_of_[static_cast<std::size_t>(maker)];
                if (from >= 0 && node_of_[i] >= 0 && from != node_of_[i])
                    ++edges[{from, node_of_[i]}];
            }
        for (const auto& [ends, times] : edges)
            problem_.edges.push_back({.from = ends.first, .to = ends.second, .times = times});
    }

    [[nodiscard]] std::vector<int> unfold(const std::vector<int>& nodes) const {
        std::vector<int> engine_of;
        for (const int node : node_of_)
            engine_of.push_back(node < 0 ? kHost : nodes[static_cast<std::size_t>(node)]);
        return engine_of;
    }

    /// By the tables, with engines side by side.
    [[nodiscard]] Time end_of_nodes(const std::vector<int>& nodes) const {
        Overlap schedule;
        const std::vector<int> engine_of = unfold(nodes);
        std::vector<bool> leaves(engine_of.size(), false);
        for (std::size_t i = 0; i < engine_of.size(); ++i) {
            const int engine = engine_of[i];
            Overlap::Kernel kernel{.engine = engine + 1, .reads = planner_.reads().of[i]};
            if (engine == kHost) {
                kernel.cost = planner_.outside_time(lowered_.kernels[i]);
                schedule.kernels.push_back(std::move(kernel));
                continue;
            }
            const Cell& cell = table_[i][static_cast<std::size_t>(engine)];
            kernel.cost = cell.cost;
            kernel.busy = cell.busy;
            kernel.memory = planner_.home_of(engine);
            for (const int maker : kernel.reads) {
                const auto from = static_cast<std::size_t>(maker);
                if (engine_of[from] == engine) continue;
                kernel.handover = cell.arrive;
                if (engine_of[from] == kHost || leaves[from]) continue;
                leaves[from] = true;
                schedule.kernels[from].cost +=
                    table_[from][static_cast<std::size_t>(engine_of[from])].leave;
            }
            schedule.kernels.push_back(std::move(kernel));
        }
        return end_of(schedule);
    }

    /// Moves kernels, one after the other, to engines where the whole ends sooner.
    [[nodiscard]] std::vector<int> improved(std::vector<int> nodes) const {
        Time best = end_of_nodes(nodes);
        std::int64_t moves = 0;
        for (int round = 0; round < kRounds; ++round) {
            bool moved = false;
            for (std::size_t n = 0; n < nodes.size(); ++n)
                for (int e = 0; e < engines_; ++e) {
                    const int before = nodes[n];
                    if (e == before ||
                        problem_.kernels[n].cost[static_cast<std::size_t>(e)] == Time::max())
                        continue;
                    if (++moves > kMostMoves) return nodes;
                    nodes[n] = e;
                    const Time end = end_of_nodes(nodes);
                    if (end < best) {
                        best = end;
                        moved = true;
                    } else {
                        nodes[n] = before;
                    }
                }
            if (!moved) break;
        }
        return nodes;
    }

    /// Choices worth a plan of their own.
    std::vector<std::vector<int>> candidates() {
        fold();
        std::vector<std::vector<int>> found;
        const auto add = [&](std::vector<int> engine_of) {
            if (std::find(found.begin(), found.end(), engine_of) == found.end())
                found.push_back(std::move(engine_of));
        };
        const std::vector<int> shortest = cheapest(problem_);
        add(unfold(shortest));
        add(unfold(improved(shortest)));
        for (int engine = 0; engine < engines_; ++engine) {
            EngineChoice mostly = problem_;
            for (EngineChoice::Kernel& node : mostly.kernels) {
                if (node.cost[static_cast<std::size_t>(engine)] == Time::max()) continue;
                for (int e = 0; e < engines_; ++e)
                    if (e != engine) node.cost[static_cast<std::size_t>(e)] = Time::max();
            }
            add(unfold(cheapest(mostly)));
        }
        return found;
    }

    Planner& planner_;
    const Lowered& lowered_;
    const std::optional<Repeat>& repeat_;
    int engines_;
    std::vector<std::vector<int>> may_;
    std::vector<std::vector<int>> instead_;
    std::vector<std::vector<EngineCost>> costs_;
    std::vector<std::vector<Cell>> table_;  ///< by kernel and engine
    EngineChoice problem_;
    std::vector<int> node_of_;  ///< by kernel; -1: the host's
};

std::string outside(const Kernel& kernel, int engine, const std::vector<TargetEngine>& engines) {
    if (engine != kHost) return engines[static_cast<std::size_t>(engine)].name;
    return std::holds_alternative<Collective>(kernel.work) ? "link" : "host";
}

std::string cost_text(const EngineCost& cost) {
    if (cost.cost) return fmt::format("{} {:.4g} us", cost.engine, cost.cost->ns() / 1000);
    return fmt::format("{} no: {}", cost.engine, cost.refused);
}

}  // namespace

bool computes_in_memory(const Device& device) {
    const std::vector<Unit> units = device.units();
    return std::any_of(units.begin(), units.end(),
                       [](const Unit& unit) { return unit.kind == UnitKind::pim; });
}

EngineOptions engine_options(const Graph& graph, const Lowered& lowered,
                             const CompileTarget& target, const CompileOptions& options,
                             const std::vector<int>& meant_for) {
    const std::vector<TargetEngine> engines = engines_of(target);
    std::vector<bool> pim;
    std::vector<std::string> names;
    for (const TargetEngine& engine : engines) {
        pim.push_back(computes_in_memory(*engine.device));
        names.push_back(engine.name);
    }
    EngineOptions found;
    std::vector<Diagnostic> wrong;
    for (std::size_t i = 0; i < lowered.kernels.size(); ++i) {
        const Kernel& kernel = lowered.kernels[i];
        const int meant = i < meant_for.size() ? meant_for[i] : -1;
        std::vector<int> mine;
        std::vector<std::string> refused(engines.size());
        const bool exchange = std::holds_alternative<Collective>(kernel.work);
        for (std::size_t e = 0; e < engines.size(); ++e) {
            if (exchange)
                refused[e] = "an exchange with other chips";
            else if (meant >= 0 && meant != static_cast<int>(e))
                refused[e] = "the other part is another engine's";
            else if (auto misfit = engines[e].device->refuses(kernel))
                refused[e] = std::move(misfit->reason);
            else
                mine.push_back(static_cast<int>(e));
        }
        apply_place(options.place, pim, mine, refused, found.instead.emplace_back());
        const auto given = options.mappings.find(kernel.name);
        const std::string named =
            given != options.mappings.end() ? engine_named_in(given->second) : "";
        if (!named.empty() && engines.size() > 1) {
            const auto at = std::find(names.begin(), names.end(), named);
            if (at == names.end())
                throw UserError(fmt::format("the mapping of kernel '{}' is for engine '{}', which "
                                            "the chip lacks",
                                            kernel.name, named),
                                did_you_mean(named, names));
            std::erase_if(mine, [&](int e) { return e != at - names.begin(); });
        }
        const bool possible = std::holds_alternative<HostWork>(kernel.work);
        const bool outside = (possible && target.host) || (exchange && target.system);
        if (mine.empty() && !outside && wrong.size() < 20)
            wrong.push_back(nobody_takes(graph, kernel, refused, engines, possible));
        found.of.push_back(std::move(mine));
        found.refused.push_back(std::move(refused));
    }
    if (!wrong.empty()) throw UserError(std::move(wrong));
    return found;
}

std::variant<ChosenPlan, Infeasible> choose_engines(Planner& planner, const EngineOptions& options,
                                                    const Lowered& lowered,
                                                    const std::optional<Repeat>& repeat) {
    if (planner.engines().size() > 1) return Chooser(planner, options, lowered, repeat).run();
    std::vector<int> engine_of;
    for (const std::vector<int>& mine : options.of)
        engine_of.push_back(mine.empty() ? kHost : mine.front());
    auto plan = planner.plan_for(engine_of);
    if (auto* misfit = std::get_if<Infeasible>(&plan)) return std::move(*misfit);
    return ChosenPlan{.plan = std::get<Plan>(std::move(plan)), .costs = {}};
}

std::vector<std::string> placement_notes(const Lowered& lowered, const ChosenPlan& chosen,
                                         const std::vector<TargetEngine>& engines) {
    struct Group {
        std::size_t first = 0;
        int count = 0;
    };
    std::map<std::pair<std::string, int>, Group> groups;
    std::vector<std::pair<std::string, int>> order;
    for (std::size_t i = 0; i < chosen.costs.size(); ++i) {
        const std::pair key(signature(lowered.kernels[i]), chosen.plan.engine_of[i]);
        const auto [found, fresh] = groups.emplace(key, Group{.first = i});
        if (fresh) order.push_back(key);
        ++found->second.count;
    }
    std::vector<std::string> notes;
    for (const auto& key : order) {
        const Group& group = groups.at(key);
        const Kernel& kernel = lowered.kernels[group.first];
        std::string text =
            fmt::format("place: {} '{}'{} on {}", kernel.operator_type, kernel.name,
                        group.count > 1 ? fmt::format(" and {} alike", group.count - 1) : "",
                        outside(kernel, key.second, engines));
        const std::vector<EngineCost>& costs = chosen.costs[group.first];
        for (std::size_t e = 0; e < costs.size(); ++e)
            text += (e == 0 ? ": " : "; ") + cost_text(costs[e]);
        notes.push_back(std::move(text));
    }
    return notes;
}

}  // namespace perfwatt

#include "sim/compiler/compiler.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "sim/arch/stripes.h"
#include "sim/base/diagnostics.h"
#include "sim/base/math.h"
#include "sim/compiler/chains.h"
#include "sim/compiler/depth_first.h"
#include "sim/compiler/emission.h"
#include "sim/compiler/engines.h"
#include "sim/compiler/lighten.h"
#include "sim/compiler/passes.h"
#include "sim/compiler/precision.h"
#include "sim/compiler/split_among.h"
#include "sim/compiler/split_between.h"
#include "sim/graph/operators.h"
#include "sim/program/program_text.h"

namespace perfwatt {
namespace {

/// Kernels of identical blocks that are simulated one by one if stripes gain by crossing blocks;
/// more of them stay blocks, one standing for the others.
constexpr int kUnrolledKernels = 96;

class Compiler {
  public:
    Compiler(Graph& graph, const CompileTarget& target, const CompileOptions& options,
             std::vector<ProductShare> shares = {})
        : graph_(graph),
          shares_(std::move(shares)),
          target_(target),
          options_(options),
          precision_(precision_from(options.precision)) {
        PERFWATT_CHECK(!target.memories.empty(), "nothing to compile for");
        for (const TargetEngine& engine : engines_of(target))
            PERFWATT_CHECK(engine.device != nullptr, "an engine without a device");
        for (const std::string& pass : options.dump_after)
            if (std::find(pass_names().begin(), pass_names().end(), pass) == pass_names().end())
                throw UserError(fmt::format("there is no pass '{}'", pass),
                                fmt::format("one of {}", fmt::join(pass_names(), ", ")));
    }

    /// All passes up to the mapping of every kernel; why nothing fits, or nothing.
    std::optional<Infeasible> plan() {
        out_.graph_macs = macs(graph_) * options_.runs;
        for (std::string& note : fold(graph_)) out_.notes.push_back(std::move(note));
        dump("fold", [&] { return to_text(graph_); });
        check_shapes(graph_);
        dump("infer", [&] { return to_text(graph_); });
        out_.storage = settle_types(graph_, precision_, devices());
        quantise(graph_, precision_);
        settle();
        // Where maps pass in stripes, so do those that are normalised.
        if (runs_stripes()) split_norms(graph_, precision_);
        dump("quantise", [&] { return to_text(graph_); });
        const std::vector<FusionGroup> groups = fuse(graph_, options_.fuse, accepts(), pools());
        dump("fuse", [&] { return to_text(graph_, groups); });
        fused_attention_ = std::any_of(groups.begin(), groups.end(), [](const FusionGroup& group) {
            return group.attention.has_value();
        });
        uncut_ = lower(graph_, groups, precision_);
        take_sums_on_the_way(graph_, uncut_);
        store_weights();
        if (const auto& system = target_.system) {
            if (system->tensor > 1) {
                for (std::string& note : split_among(graph_, uncut_, system->tensor))
                    out_.notes.push_back(std::move(note));
                out_.not_modelled.push_back(
                    "what exchanges between chips read and write in memory");
            }
            if (system->host_transfers) add_host_transfers(graph_, uncut_);
        }
        meant_for_ = split();
        dump("lower", [&] { return to_text(uncut_); });
        return map();
    }

    /// Whether some kernel is a whole attention.
    [[nodiscard]] bool fused_attention() const { return fused_attention_; }
    [[nodiscard]] Time predicted() const { return out_.predicted; }
    /// Products that engines might do sooner together: for another Compiler of the same network.
    [[nodiscard]] std::vector<ProductShare> shares() {
        if (options_.place != PlaceRule::automatic || !options_.mappings.empty()) return {};
        if (!now_->groups.empty()) return {};  // costs are those of stripes
        return find_shares(graph_, uncut_, now_->chosen, now_->planner->engines(), out_.placement);
    }
    /// Mappings found so far serve another plan of the same device.
    void share_mappings(Compiler& other) { memo_ = other.memo_; }

    /// After plan(): the program.
    Compiled finish() {
        dump("place", [&] { return placed_text(); });
        dump("map", [&] { return mapped_text(); });
        dump("allocate", [&] { return allocated_text(); });
        emit(*now_->planner, now_->chosen.plan, now_->lowered, now_->chosen.costs, now_->repeat,
             target_, options_, graph_.name, out_);
        for (const StripeGroup& group : now_->groups)
            for (KernelReport& kernel : out_.kernels)
                if (kernel.name == first_stripe(group, uncut_))
                    for (auto& word : group_words(group))
                        kernel.choice.mapping.push_back(std::move(word));
        for (const Chain& chain : now_->chains)
            for (int i = chain.first; i < chain.last; ++i)
                for (KernelReport& kernel : out_.kernels)
                    if (kernel.name == now_->lowered.kernels[static_cast<std::size_t>(i)].name)
                        for (auto& word : chain_words(chain, i))
                            kernel.choice.mapping.push_back(std::move(word));
        dump("emit", [&] { return to_text(out_.program); });
        find_bounds(target_, out_);
        return std::move(out_);
    }

  private:
    template <class Text>
    void dump(const char* pass, Text&& text) {
        const auto& wanted = options_.dump_after;
        if (std::find(wanted.begin(), wanted.end(), pass) != wanted.end())
            out_.dumps.emplace_back(pass, text());
    }

    /// Whether some engine does attention as one kernel. Mappings given for its products, or for
    /// the softmax between, are those of separate kernels.
    [[nodiscard]] Accepts accepts() const {
        if (!options_.fuse_attention) return {};
        if (!options_.mappings.empty())
            for (const FoundAttention& found : find_attention(graph_))
                for (const NodeId member : found.members)
                    if (member != found.values &&
                        options_.mappings.contains(graph_.nodes[member.index()].name))
                        return {};
        return [engines = engines_of(target_)](const Kernel& kernel) {
            return std::any_of(engines.begin(), engines.end(), [&](const TargetEngine& engine) {
                return !engine.device->refuses(kernel);
            });
        };
    }

    /// Whether the only engine pools what a product makes on its way out. Where there are others,
    /// kernels stay such that all of them may have them.
    [[nodiscard]] Accepts pools() const {
        const std::vector<TargetEngine> engines = engines_of(target_);
        if (engines.size() != 1) return {};
        return [device = engines.front().device](const Kernel& kernel) {
            return !device->refuses(kernel);
        };
    }

    [[nodiscard]] bool runs_stripes() const {
        const std::vector<const Device*> all = devices();
        return std::all_of(all.begin(), all.end(), [](const Device* device) {
            const auto* stripes = dynamic_cast<const RunsStripes*>(device);
            return stripes != nullptr && stripes->runs_stripes();
        });
    }

    [[nodiscard]] std::vector<const Device*> devices() const {
        std::vector<const Device*> all;
        for (const TargetEngine& engine : engines_of(target_)) all.push_back(engine.device);
        return all;
    }

    /// In which form weights lie in memory, now that their types are known.
    void settle() {
        for (std::string& note : settle_storage(graph_, devices()))
            out_.storage.push_back(std::move(note));
        if (std::any_of(graph_.tensors.begin(), graph_.tensors.end(),
                        [](const Tensor& tensor) { return tensor.stored > 0; }))
            out_.not_modelled.push_back("time and energy of decoding stored weights");
    }

    /// Weights that the only engine wants in another form than the network has them. Where there
    /// are others, they stay such that all of them may read them.
    void store_weights() {
        const std::vector<const Device*> all = devices();
        if (all.size() != 1) return;
        for (Kernel& kernel : uncut_.kernels) {
            if (!std::holds_alternative<Contraction>(kernel.work)) continue;
            Operand& weights = kernel.inputs[1];
            Tensor& tensor = graph_.tensor(weights.tensor);
            if (weights.role != TensorRole::weight || weights.plain_bytes > 0 ||
                weights.bytes != tensor.plain_bytes())
                continue;
            const std::int64_t bytes = all.front()->weight_bytes(kernel);
            if (bytes == weights.bytes) continue;
            weights.plain_bytes = weights.bytes;
            weights.bytes = bytes;
            tensor.stored = std::max(tensor.stored, bytes);
        }
    }

    /// Cuts the products that engines share. Which engine each kernel is meant for, if any.
    std::vector<int> split() {
        const std::vector<TargetEngine> engines = engines_of(target_);
        if (engines.size() < 2) return {};
        if (shares_.empty() && !options_.mappings.empty())
            shares_ = shares_in(options_, uncut_, engines);
        if (shares_.empty()) return {};
        share_notes_ = share_notes(uncut_, shares_, engines);
        return split_between(graph_, uncut_, shares_);
    }

    /// A mapping given for a kernel that the network lacks would be passed over in silence.
    void check_given_mappings() const {
        std::vector<std::string> names;
        for (const Kernel& kernel : now_->lowered.kernels) names.push_back(kernel.name);
        for (const auto& [name, mapping] : options_.mappings)
            if (std::find(names.begin(), names.end(), name) == names.end())
                throw UserError(fmt::format("a mapping is given for kernel '{}', of which "
                                            "network '{}' has none",
                                            name, graph_.name),
                                did_you_mean(name, names));
    }

    /// By kernel: the engine that split() meant it for, if it did so.
    [[nodiscard]] std::vector<int> meant_for(const Lowered& cut) const {
        if (meant_for_.empty() || cut.original.empty()) return meant_for_;
        std::vector<int> engines;
        for (const int from : cut.original)
            engines.push_back(meant_for_[static_cast<std::size_t>(from)]);
        return engines;
    }

    /// Kernels, whole or cut, and their plan.
    struct Attempt {
        std::vector<StripeGroup> groups;
        std::vector<Chain> chains;  ///< of `lowered`, in which they are fused
        Lowered lowered;
        std::optional<Repeat> repeat;
        std::unique_ptr<Planner> planner;
        ChosenPlan chosen;
    };

    std::optional<Infeasible> map() {
        const Stripes stripes(graph_, uncut_);
        now_ = attempt(stripes, groups_in(options_.mappings, graph_, uncut_));
        if (const auto chains = chains_in(options_.mappings, now_->lowered); !chains.empty())
            now_ = fused(*now_, chains);
        check_given_mappings();
        const EngineOptions engines =
            engine_options(graph_, now_->lowered, target_, options_, meant_for(now_->lowered));
        auto chosen = choose_engines(*now_->planner, engines, now_->lowered, now_->repeat);
        out_.candidates = now_->planner->candidates();
        if (auto* misfit = std::get_if<Infeasible>(&chosen)) return std::move(*misfit);
        now_->chosen = std::get<ChosenPlan>(std::move(chosen));
        if (options_.depth_first && options_.mappings.empty()) {
            go_depth_first(stripes);
            fuse_layers();
        }
        for (const StripeGroup& group : now_->groups)
            out_.notes.push_back(describe(group, stripes));
        for (const Chain& chain : now_->chains)
            out_.notes.push_back(describe(chain, now_->lowered));
        out_.predicted = options_.runs * now_->chosen.plan.cost;
        out_.placement = placement_notes(now_->lowered, now_->chosen, now_->planner->engines());
        out_.placement.insert(out_.placement.end(), share_notes_.begin(), share_notes_.end());
        for (const StripeGroup& group : now_->groups)
            out_.placement.push_back(describe(group, stripes));
        describe_places();
        return std::nullopt;
    }

    std::unique_ptr<Attempt> attempt(const Stripes& stripes,
                                     const std::vector<StripeGroup>& groups) {
        auto made = std::make_unique<Attempt>();
        made->groups = groups;
        made->lowered = groups.empty() ? uncut_ : cut_into_stripes(graph_, stripes, groups);
        made->repeat = repeat_beside(find_repeat(uncut_), groups, made->lowered);
        made->planner = std::make_unique<Planner>(graph_, made->lowered, made->repeat, target_,
                                                  options_, memo_);
        return made;
    }

    /// Plans again with groups of kernels cut into stripes, without those that turn out dearer
    /// than their whole kernels; the plan is kept if it is cheaper.
    void go_depth_first(const Stripes& stripes) {
        const std::optional<Repeat>& repeat = now_->repeat;
        const bool long_repeat =
            repeat && repeat->kernels_per_block * repeat->count > kUnrolledKernels;
        std::vector<StripeGroup> groups = find_groups(stripes, *now_->planner, now_->chosen.plan,
                                                      target_, long_repeat ? repeat : std::nullopt);
        const ChosenPlan whole = now_->chosen;
        for (int round = 0; round < 2 && !groups.empty(); ++round) {
            std::unique_ptr<Attempt> cut = attempt(stripes, groups);
            std::vector<int> engine_of;
            for (const int from : cut->lowered.original) {
                const auto at = static_cast<std::size_t>(from);
                engine_of.push_back(whole.plan.engine_of[at]);
                if (!whole.costs.empty()) cut->chosen.costs.push_back(whole.costs[at]);
            }
            auto plan = cut->planner->plan_for(engine_of);
            out_.candidates += cut->planner->candidates();
            if (std::holds_alternative<Infeasible>(plan)) return;
            cut->chosen.plan = std::get<Plan>(std::move(plan));
            const std::vector<StripeGroup> worth = cheaper_groups(*cut, whole.plan);
            const bool all = worth.size() == groups.size();
            if (cut->chosen.plan.cost < now_->chosen.plan.cost) now_ = std::move(cut);
            if (all) return;
            groups = worth;
        }
    }

    /// Of the groups, those whose stripes cost less than the whole kernels did.
    static std::vector<StripeGroup> cheaper_groups(const Attempt& cut, const Plan& whole) {
        std::vector<Time> cost(whole.choices.size());
        for (std::size_t i = 0; i < cut.lowered.original.size(); ++i)
            cost[static_cast<std::size_t>(cut.lowered.original[i])] +=
                cut.chosen.plan.choices[i].cost;
        std::vector<StripeGroup> cheaper;
        for (const StripeGroup& group : cut.groups) {
            Time before;
            Time after;
            for (int i = group.first; i <= group.last; ++i) {
                before += whole.choices[static_cast<std::size_t>(i)].cost;
                after += cost[static_cast<std::size_t>(i)];
            }
            if (after < before) cheaper.push_back(group);
        }
        return cheaper;
    }

    /// The same kernels with some of them fused.
    std::unique_ptr<Attempt> fused(const Attempt& from, const std::vector<Chain>& chains) {
        auto made = std::make_unique<Attempt>();
        made->groups = from.groups;
        made->chains = chains;
        made->lowered = fuse_chains(from.lowered, chains);
        if (from.groups.empty()) made->repeat = find_repeat(made->lowered);
        made->planner = std::make_unique<Planner>(graph_, made->lowered, made->repeat, target_,
                                                  options_, memo_);
        return made;
    }

    /// Plans again with contractions fused where their engine can, without the chains that turn
    /// out dearer; the plan is kept if it is cheaper.
    void fuse_layers() {
        std::vector<Chain> chains =
            find_chains(graph_, now_->lowered, now_->chosen.plan, now_->planner->engines());
        const Attempt* whole = now_.get();
        std::unique_ptr<Attempt> best;
        for (int round = 0; round < 2 && !chains.empty(); ++round) {
            std::unique_ptr<Attempt> attempt = fused(*whole, chains);
            attempt->chosen = whole->chosen;
            auto plan = attempt->planner->plan_for(whole->chosen.plan.engine_of);
            out_.candidates += attempt->planner->candidates();
            if (std::holds_alternative<Infeasible>(plan)) break;
            attempt->chosen.plan = std::get<Plan>(std::move(plan));
            const Plan& now = attempt->chosen.plan;
            const std::size_t before = chains.size();
            std::erase_if(chains, [&](const Chain& chain) {
                Time apart, together;
                for (auto i = static_cast<std::size_t>(chain.first);
                     i <= static_cast<std::size_t>(chain.last); ++i) {
                    apart += whole->chosen.plan.choices[i].cost;
                    together += now.choices[i].cost;
                }
                return together >= apart;
            });
            if (now.cost < (best ? best->chosen.plan.cost : whole->chosen.plan.cost))
                best = std::move(attempt);
            if (chains.size() == before) break;
        }
        if (best) now_ = std::move(best);
    }

    /// A repeated segment, where it now begins; nothing where groups cut into it.
    static std::optional<Repeat> repeat_beside(std::optional<Repeat> repeat,
                                               const std::vector<StripeGroup>& groups,
                                               const Lowered& lowered) {
        if (!repeat || groups.empty()) return repeat;
        const int end = repeat->first_kernel + repeat->kernels_per_block * repeat->count;
        for (const StripeGroup& group : groups)
            if (group.last >= repeat->first_kernel && group.first < end) return std::nullopt;
        int first = 0;
        while (lowered.original[static_cast<std::size_t>(first)] != repeat->first_kernel) ++first;
        repeat->first_kernel = first;
        return repeat;
    }

    void describe_places() {
        const Plan& plan = now_->chosen.plan;
        const std::vector<Root>& roots = plan.allocator->roots();
        for (std::size_t i = 0; i < roots.size(); ++i)
            out_.places.push_back({.tensor = graph_.tensor(roots[i].id).name,
                                   .role = roots[i].role,
                                   .bytes = roots[i].bytes,
                                   .placement = plan.allocation.places[i],
                                   .resident = plan.allocation.resident[i]});
        for (const EngineRoom& room : plan.allocation.rooms)
            out_.on_chip_bytes = std::max(out_.on_chip_bytes, room.on_chip_bytes);
        out_.memory_bytes = plan.allocation.memory_bytes;
        std::map<std::string, std::pair<std::int64_t, std::int32_t>> laid_out;  // bytes, memory
        for (std::size_t i = 0; i < roots.size(); ++i)
            if (!roots[i].layout.empty() && roots[i].role != TensorRole::state) {
                laid_out[roots[i].layout].first += roots[i].bytes;
                laid_out[roots[i].layout].second = plan.allocation.places[i].region.memory.value;
            }
        for (const auto& [layout, where] : laid_out) {
            const TargetMemory& memory = target_.memories[static_cast<std::size_t>(where.second)];
            out_.placement.push_back(fmt::format(
                "layout: {} bytes of weights are written once as the {} want them: {:.4g} ms at "
                "the pins, in no latency here",
                where.first, layout,
                transfer_time(where.first, memory.bytes_per_second).ns() / 1e6));
        }
        const bool stored = std::any_of(graph_.tensors.begin(), graph_.tensors.end(),
                                        [](const Tensor& tensor) { return tensor.stored > 0; });
        if (precision_.weights == DataType::int4 && is_floating(precision_.activations) && !stored)
            out_.not_modelled.push_back("scales of 4-bit weight groups: their bytes and products");
    }

    // --- texts

    std::string placed_text() const {
        std::string text;
        for (std::size_t i = 0; i < now_->lowered.kernels.size(); ++i)
            text +=
                fmt::format("{} {} \"{}\": {}\n", i, now_->lowered.kernels[i].operator_type,
                            now_->lowered.kernels[i].name,
                            engine_name(now_->chosen.plan.engine_of[i], now_->planner->engines()));
        return text;
    }

    std::string mapped_text() const {
        std::string text;
        for (std::size_t i = 0; i < now_->lowered.kernels.size(); ++i) {
            const MappingChoice& choice = now_->chosen.plan.choices[i];
            text +=
                fmt::format("{} {} \"{}\": cost_ns {:.9g} bound_ns {:.9g} candidates {}", i,
                            now_->lowered.kernels[i].operator_type, now_->lowered.kernels[i].name,
                            choice.cost.ns(), choice.bound.ns(), choice.candidates);
            for (const auto& [key, value] : choice.mapping)
                text += fmt::format(" {}={}", key, value);
            for (const auto& [reason, count] : choice.rejected)
                text += fmt::format("; {}: {}", reason, count);
            text += '\n';
        }
        return text;
    }

    std::string allocated_text() const {
        std::string text;
        for (const TensorPlace& place : out_.places) {
            const bool chip = place.placement.where == Placement::Where::on_chip;
            text += fmt::format("\"{}\" {} bytes: ", place.tensor, place.bytes);
            const int parts = place.placement.parts;
            text += chip ? fmt::format("on chip at {}{}{}\n", place.placement.buffer.address,
                                       place.resident ? ", resident" : "",
                                       parts > 1 ? fmt::format(" in {} cores", parts) : "")
                         : fmt::format("memory {} at {}\n", place.placement.region.memory.value,
                                       place.placement.region.address);
        }
        return text;
    }

    Graph& graph_;
    std::vector<ProductShare> shares_;
    std::vector<std::string> share_notes_;
    const CompileTarget& target_;
    const CompileOptions& options_;
    Precision precision_;
    Compiled out_;
    Lowered uncut_;
    std::vector<int> meant_for_;  ///< by uncut kernel, or empty
    bool fused_attention_ = false;
    MappingMemo memo_;
    std::unique_ptr<Attempt> now_;
};

}  // namespace

const std::vector<std::string>& pass_names() {
    static const std::vector<std::string> names = {"fold",  "infer", "quantise", "fuse", "lower",
                                                   "place", "map",   "allocate", "emit"};
    return names;
}

std::variant<Compiled, Infeasible> compile(Graph graph, const CompileTarget& target,
                                           const CompileOptions& options) {
    const Graph copy = graph;
    Graph apart_graph, shared_graph;
    CompileOptions apart = options;
    Compiler compiler(graph, target, options);
    Compiler* best = &compiler;
    std::optional<Compiler> other, sharing;
    std::optional<Infeasible> problem = compiler.plan();
    if (compiler.fused_attention() && options.mappings.empty()) {
        // Attention as one kernel is worth it where its plan costs less than that of its parts.
        apart.fuse_attention = false;
        apart_graph = copy;
        other.emplace(apart_graph, target, apart);
        other->share_mappings(compiler);
        const std::optional<Infeasible> misfit = other->plan();
        if (!misfit && (problem || other->predicted() < compiler.predicted())) {
            best = &*other;
            problem.reset();
        }
    }
    if (problem) return *problem;
    // Products shared by engines in memory and others, where the whole then ends sooner.
    if (std::vector<ProductShare> shares = best->shares(); !shares.empty()) {
        shared_graph = copy;
        sharing.emplace(shared_graph, target, best == &compiler ? options : apart,
                        std::move(shares));
        sharing->share_mappings(*best);
        const std::optional<Infeasible> misfit = sharing->plan();
        if (!misfit && sharing->predicted() < best->predicted()) best = &*sharing;
    }
    return best->finish();
}

}  // namespace perfwatt

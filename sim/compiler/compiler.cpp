#include "sim/compiler/compiler.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "sim/base/diagnostics.h"
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
        dump("quantise", [&] { return to_text(graph_); });
        const std::vector<FusionGroup> groups = fuse(graph_, options_.fuse, accepts());
        dump("fuse", [&] { return to_text(graph_, groups); });
        fused_attention_ = std::any_of(groups.begin(), groups.end(), [](const FusionGroup& group) {
            return group.attention.has_value();
        });
        lowered_ = lower(graph_, groups, precision_);
        if (const auto& system = target_.system) {
            if (system->tensor > 1) {
                for (std::string& note : split_among(graph_, lowered_, system->tensor))
                    out_.notes.push_back(std::move(note));
                out_.not_modelled.push_back(
                    "what exchanges between chips read and write in memory");
            }
            if (system->host_transfers) add_host_transfers(graph_, lowered_);
        }
        const std::vector<int> meant_for = split();
        dump("lower", [&] { return to_text(lowered_); });
        engine_options_ = engine_options(graph_, lowered_, target_, options_, meant_for);
        repeat_ = find_repeat(lowered_);
        return map();
    }

    /// Whether some kernel is a whole attention.
    [[nodiscard]] bool fused_attention() const { return fused_attention_; }
    [[nodiscard]] Time predicted() const { return out_.predicted; }
    /// Products that engines might do sooner together: for another Compiler of the same network.
    [[nodiscard]] std::vector<ProductShare> shares() {
        if (options_.place != PlaceRule::automatic || !options_.mappings.empty()) return {};
        return find_shares(graph_, lowered_, chosen_, planner_->engines(), out_.placement);
    }
    /// Mappings found so far serve another plan of the same device.
    void share_mappings(Compiler& other) { memo_ = other.memo_; }

    /// After plan(): the program.
    Compiled finish() {
        dump("place", [&] { return placed_text(); });
        dump("map", [&] { return mapped_text(); });
        dump("allocate", [&] { return allocated_text(); });
        emit(*planner_, chosen_.plan, lowered_, chosen_.costs, repeat_, target_, options_,
             graph_.name, out_);
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

    /// Cuts the products that engines share. Which engine each kernel is meant for, if any.
    std::vector<int> split() {
        const std::vector<TargetEngine> engines = engines_of(target_);
        if (engines.size() < 2) return {};
        if (shares_.empty() && !options_.mappings.empty())
            shares_ = shares_in(options_, lowered_, engines);
        if (shares_.empty()) return {};
        share_notes_ = share_notes(lowered_, shares_, engines);
        return split_between(graph_, lowered_, shares_);
    }

    /// A mapping given for a kernel that the network lacks would be passed over in silence.
    void check_given_mappings() const {
        std::vector<std::string> names;
        for (const Kernel& kernel : lowered_.kernels) names.push_back(kernel.name);
        for (const auto& [name, mapping] : options_.mappings)
            if (std::find(names.begin(), names.end(), name) == names.end())
                throw UserError(fmt::format("a mapping is given for kernel '{}', of which "
                                            "network '{}' has none",
                                            name, graph_.name),
                                did_you_mean(name, names));
    }

    std::optional<Infeasible> map() {
        check_given_mappings();
        planner_ = std::make_unique<Planner>(graph_, lowered_, repeat_, target_, options_, memo_);
        auto chosen = choose_engines(*planner_, engine_options_, lowered_, repeat_);
        out_.candidates = planner_->candidates();
        if (auto* misfit = std::get_if<Infeasible>(&chosen)) return std::move(*misfit);
        chosen_ = std::get<ChosenPlan>(std::move(chosen));
        out_.predicted = options_.runs * chosen_.plan.cost;
        out_.placement = placement_notes(lowered_, chosen_, planner_->engines());
        out_.placement.insert(out_.placement.end(), share_notes_.begin(), share_notes_.end());
        describe_places();
        return std::nullopt;
    }

    void describe_places() {
        const Plan& plan = chosen_.plan;
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
        if (precision_.weights == DataType::int4 && is_floating(precision_.activations))
            out_.not_modelled.push_back("scales of 4-bit weight groups: their bytes and products");
    }

    // --- texts

    std::string placed_text() const {
        std::string text;
        for (std::size_t i = 0; i < lowered_.kernels.size(); ++i)
            text += fmt::format("{} {} \"{}\": {}\n", i, lowered_.kernels[i].operator_type,
                                lowered_.kernels[i].name,
                                engine_name(chosen_.plan.engine_of[i], planner_->engines()));
        return text;
    }

    std::string mapped_text() const {
        std::string text;
        for (std::size_t i = 0; i < lowered_.kernels.size(); ++i) {
            const MappingChoice& choice = chosen_.plan.choices[i];
            text += fmt::format("{} {} \"{}\": cost_ns {:.9g} bound_ns {:.9g} candidates {}", i,
                                lowered_.kernels[i].operator_type, lowered_.kernels[i].name,
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
            text += chip ? fmt::format("on chip at {}{}\n", place.placement.buffer.address,
                                       place.resident ? ", resident" : "")
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
    Lowered lowered_;
    EngineOptions engine_options_;
    bool fused_attention_ = false;
    std::optional<Repeat> repeat_;
    MappingMemo memo_;
    std::unique_ptr<Planner> planner_;
    ChosenPlan chosen_;
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

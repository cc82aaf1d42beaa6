#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "sim/compiler/passes.h"
#include "sim/graph/operators.h"

namespace perfwatt {
namespace {

/// Followers one kernel takes at most: a chain longer than this is cut.
constexpr std::size_t kMostFollowers = 48;

bool reduces_rows(const Node& node) {
    return node.type == "ReduceMean" || node.type == "ReduceSum" || node.type == "ReduceMax" ||
           node.type == "ReduceMin" || node.type == "ReduceSumSquare" || node.type == "ReduceL2";
}

/// What the followers of an anchor may be.
enum class Kind { contraction, rows, none };

class Fuser {
  public:
    explicit Fuser(const Graph& graph)
        : graph_(graph),
          consumers_(graph.tensors.size()),
          producer_(graph.tensors.size(), -1),
          leaves_(graph.tensors.size(), false),
          grouped_(graph.nodes.size(), false) {
        for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
            const auto node = static_cast<int>(i);
            for (const TensorId input : graph.nodes[i].inputs)
                if (input.valid()) consumers_[input.index()].push_back(node);
            for (const TensorId output : graph.nodes[i].outputs)
                if (output.valid()) producer_[output.index()] = node;
        }
        for (const TensorId output : graph.outputs) leaves_[output.index()] = true;
    }

    std::vector<FusionGroup> run(bool enabled, const Accepts& accepts, const Accepts& pools) {
        std::vector<FusionGroup> groups;
        std::map<int, FusionGroup> attentions;
        if (enabled && accepts) attentions = take_attention(accepts);
        for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
            const auto attention = attentions.find(static_cast<int>(i));
            if (attention != attentions.end()) groups.push_back(std::move(attention->second));
            if (grouped_[i]) continue;
            const Node& node = graph_.nodes[i];
            FusionGroup group{.anchor = {static_cast<std::int32_t>(i)},
                              .followers = {},
                              .output = node.outputs.front(),
                              .attention = {},
                              .pooling = {}};
            const Kind kind = enabled ? kind_of(node) : Kind::none;
            if (kind != Kind::none) grow(group, kind);
            if (kind == Kind::contraction && pools) take_pooling(group, pools);
            if (group.pooling) grouped_[group.pooling->index()] = true;
            for (const NodeId follower : group.followers) grouped_[follower.index()] = true;
            groups.push_back(std::move(group));
        }
        return groups;
    }

  private:
    /// By anchor, the attentions that the device does as one kernel.
    std::map<int, FusionGroup> take_attention(const Accepts& accepts) {
        std::map<int, FusionGroup> groups;
        for (FoundAttention& found : find_attention(graph_)) {
            if (!accepts(kernel_of(graph_, found))) continue;
            FusionGroup group{.anchor = found.anchor,
                              .followers = {},
                              .output = found.output,
                              .attention = {},
                              .pooling = {}};
            for (const NodeId member : found.members) {
                grouped_[member.index()] = true;
                if (member != found.anchor) group.followers.push_back(member);
            }
            group.attention = std::move(found);
            groups.emplace(group.anchor.value, std::move(group));
        }
        return groups;
    }

    /// The only reader of a convolution's result, if it pools and the device does that on the way.
    void take_pooling(FusionGroup& group, const Accepts& pools) const {
        const std::vector<int>& users = consumers_[group.output.index()];
        if (graph_.nodes[group.anchor.index()].type != "Conv" || users.size() != 1 ||
            leaves_[group.output.index()])
            return;
        const Node& node = graph_.nodes[static_cast<std::size_t>(users[0])];
        const bool is_pool = node.type == "MaxPool" || node.type == "AveragePool" ||
                             node.type == "GlobalMaxPool" || node.type == "GlobalAveragePool";
        if (!is_pool || node.outputs.size() != 1 || grouped_[static_cast<std::size_t>(users[0])])
            return;
        const Node& anchor = graph_.nodes[group.anchor.index()];
        Kernel asked;
        asked.work = Contraction{.first_type = graph_.tensor(anchor.inputs[0]).type,
                                 .second_type = graph_.tensor(anchor.inputs[1]).type};
        asked.fused_pooling = {Reduce{}};
        if (!pools(asked)) return;
        group.pooling = NodeId{users[0]};
        group.output = node.outputs.front();
    }

    [[nodiscard]] Kind kind_of(const Node& node) const {
        switch (operator_class(node)) {
            case OperatorClass::contraction:
                return node.is_recurrent() || node.type == "ConvTranspose" ? Kind::none
                                                                           : Kind::contraction;
            case OperatorClass::elementwise:
                return Kind::rows;
            case OperatorClass::reduce: {
                const bool row_wise = reduces_last_axis(node) || node.type == "Softmax" ||
                                      node.type == "LayerNormalization" ||
                                      node.type == "RMSNormalization";
                return row_wise ? Kind::rows : Kind::none;
            }
            default:
                return Kind::none;
        }
    }

    [[nodiscard]] bool reduces_last_axis(const Node& node) const {
        if (!reduces_rows(node)) return false;
        const auto rank = static_cast<std::int64_t>(graph_.tensor(node.inputs[0]).shape.size());
        return node.integers("axes", {}) == std::vector<std::int64_t>{rank - 1};
    }

    /// Whether a node works on the elements, or the rows, of the anchor's tensor.
    [[nodiscard]] bool fits(const Node& node, Kind kind, std::int64_t elements,
                            std::int64_t row) const {
        const OperatorClass type = operator_class(node);
        const std::int64_t made = graph_.tensor(node.outputs.front()).elements();
        if (node.outputs.size() != 1) return false;
        if (type == OperatorClass::view) return made == elements;
        if (type == OperatorClass::elementwise)
            return made == elements || (kind == Kind::rows && row > 1 && made * row == elements);
        if (kind != Kind::rows || type != OperatorClass::reduce) return false;
        const Tensor& input = graph_.tensor(node.inputs[0]);
        const bool same_rows =
            input.elements() == elements && !input.shape.empty() && input.shape.back() == row;
        if (reduces_last_axis(node)) return same_rows;
        return same_rows && node.type == "Softmax" && node.integer("row", 0) == row;
    }

    void grow(FusionGroup& group, Kind kind) const {
        const Node& anchor = graph_.nodes[group.anchor.index()];
        std::int64_t elements = graph_.tensor(group.output).elements();
        std::int64_t row = 0;
        if (kind == Kind::rows) {
            const Tensor& input = graph_.tensor(anchor.inputs[0]);
            if (operator_class(anchor) == OperatorClass::reduce) elements = input.elements();
            const Tensor& shaped = operator_class(anchor) == OperatorClass::reduce
                                       ? input
                                       : graph_.tensor(group.output);
            row = shaped.shape.empty() ? 1 : shaped.shape.back();
        }
        std::vector<int> taken = {group.anchor.value};
        std::set<TensorId> made(anchor.outputs.begin(), anchor.outputs.end());
        std::set<int> next;
        const auto offer = [&](const Node& node) {
            for (const TensorId output : node.outputs)
                if (output.valid())
                    next.insert(consumers_[output.index()].begin(),
                                consumers_[output.index()].end());
        };
        offer(anchor);
        while (!next.empty() && taken.size() <= kMostFollowers) {
            const int candidate = *next.begin();
            next.erase(next.begin());
            const Node& node = graph_.nodes[static_cast<std::size_t>(candidate)];
            if (grouped_[static_cast<std::size_t>(candidate)]) continue;
            if (!fits(node, kind, elements, row) || !available(node, group.anchor.value, made))
                continue;
            taken.push_back(candidate);
            made.insert(node.outputs.begin(), node.outputs.end());
            offer(node);
        }
        cut_to_one_result(group, taken, elements);
    }

    /// All other operands exist before the anchor runs.
    [[nodiscard]] bool available(const Node& node, int anchor,
                                 const std::set<TensorId>& made) const {
        for (const TensorId input : node.inputs) {
            if (!input.valid() || made.contains(input)) continue;
            if (producer_[input.index()] > anchor) return false;
        }
        return true;
    }

    /// Keeps the longest beginning of the followers that leaves a single tensor to others.
    void cut_to_one_result(FusionGroup& group, const std::vector<int>& taken,
                           std::int64_t elements) const {
        for (std::size_t length = taken.size(); length > 1; --length) {
            const std::set<int> inside(taken.begin(),
                                       taken.begin() + static_cast<std::ptrdiff_t>(length));
            std::vector<TensorId> results;
            for (const int member : inside)
                for (const TensorId output : graph_.nodes[static_cast<std::size_t>(member)].outputs)
                    if (output.valid() && outlives(output, inside)) results.push_back(output);
            if (results.size() != 1 || graph_.tensor(results[0]).elements() > elements) continue;
            group.output = results[0];
            for (std::size_t i = 1; i < length; ++i) group.followers.push_back({taken[i]});
            std::sort(group.followers.begin(), group.followers.end());
            return;
        }
    }

    [[nodiscard]] bool outlives(TensorId tensor, const std::set<int>& inside) const {
        if (leaves_[tensor.index()]) return true;
        const std::vector<int>& users = consumers_[tensor.index()];
        return std::any_of(users.begin(), users.end(),
                           [&](int user) { return !inside.contains(user); });
    }

    const Graph& graph_;
    std::vector<std::vector<int>> consumers_;
    std::vector<int> producer_;
    std::vector<bool> leaves_;
    std::vector<bool> grouped_;
};

}  // namespace

std::vector<FusionGroup> fuse(const Graph& graph, bool enabled, const Accepts& accepts,
                              const Accepts& pools) {
    return Fuser(graph).run(enabled, accepts, pools);
}

std::string to_text(const Graph& graph) {
    std::string text;
    for (const Node& node : graph.nodes) {
        text += fmt::format("{} \"{}\"", node.type, node.name);
        const auto list = [&](const char* word, const std::vector<TensorId>& ids) {
            text += fmt::format(" {}", word);
            for (const TensorId id : ids) {
                if (!id.valid()) continue;
                const Tensor& tensor = graph.tensor(id);
                text += fmt::format(" {}:{}[{}]", id.value, to_string(tensor.type),
                                    fmt::join(tensor.shape, ","));
            }
        };
        list("from", node.inputs);
        list("to", node.outputs);
        text += '\n';
    }
    return text;
}

std::string to_text(const Graph& graph, const std::vector<FusionGroup>& groups) {
    std::string text;
    for (const FusionGroup& group : groups) {
        const Node& anchor = graph.nodes[group.anchor.index()];
        text += fmt::format("{} \"{}\"", anchor.type, anchor.name);
        if (group.attention) text += " as attention";
        if (group.pooling) text += " pooled by " + graph.nodes[group.pooling->index()].type;
        for (const NodeId follower : group.followers)
            text += fmt::format(" + {}", graph.nodes[follower.index()].type);
        text += fmt::format(" to {}\n", group.output.value);
    }
    return text;
}

}  // namespace perfwatt

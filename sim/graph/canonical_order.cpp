#include "sim/graph/canonical_order.h"

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

class Walk {
  public:
    explicit Walk(const Graph& graph)
        : graph_(graph), producer_(graph.tensors.size()), seen_(graph.nodes.size(), false) {
        for (std::size_t i = 0; i < graph.nodes.size(); ++i)
            for (const TensorId output : graph.nodes[i].outputs)
                if (output.valid()) producer_[output.index()] = {static_cast<std::int32_t>(i)};
    }

    std::vector<NodeId> order() {
        for (const TensorId output : graph_.outputs) visit(producer_[output.index()]);
        return std::move(order_);
    }

  private:
    struct Step {
        NodeId node;
        std::size_t next_input = 0;
    };

    /// Iterative: networks are deeper than a stack.
    void visit(NodeId root) {
        enter(root);
        while (!stack_.empty()) {
            Step& step = stack_.back();
            const Node& node = graph_.nodes[step.node.index()];
            if (step.next_input == node.inputs.size()) {
                order_.push_back(step.node);
                stack_.pop_back();
                continue;
            }
            const TensorId input = node.inputs[step.next_input++];
            if (input.valid()) enter(producer_[input.index()]);
        }
    }

    void enter(NodeId node) {
        if (!node.valid() || seen_[node.index()]) return;
        seen_[node.index()] = true;
        stack_.push_back({node});
    }

    const Graph& graph_;
    std::vector<NodeId> producer_;
    std::vector<bool> seen_;
    std::vector<Step> stack_;
    std::vector<NodeId> order_;
};

}  // namespace

Graph canonical_order(const Graph& graph) {
    Graph result;
    result.name = graph.name;
    result.file = graph.file;
    std::vector<TensorId> renumbered(graph.tensors.size());
    const auto renumber = [&](TensorId old) {
        if (!old.valid()) return old;
        TensorId& fresh = renumbered[old.index()];
        if (!fresh.valid()) fresh = result.add(graph.tensor(old));
        return fresh;
    };
    for (const TensorId input : graph.inputs) result.inputs.push_back(renumber(input));
    for (const NodeId id : Walk(graph).order()) {
        Node node = graph.nodes[id.index()];
        for (TensorId& input : node.inputs) input = renumber(input);
        for (TensorId& output : node.outputs) output = renumber(output);
        result.add(std::move(node));
    }
    for (const TensorId output : graph.outputs) result.outputs.push_back(renumber(output));
    return result;
}

}  // namespace perfwatt

#include "sim/compiler/fuse_attention.h"

#include <algorithm>
#include <optional>
#include <set>

#include "sim/compiler/lower_contraction.h"
#include "sim/compiler/vector_steps.h"
#include "sim/graph/operators.h"

namespace perfwatt {
namespace {

/// Nodes between two products, or before and after them, at most.
constexpr int kLongestChain = 24;

bool is_product(const Node& node) {
    return node.type == "MatMul" || node.type == "perfwatt.AttentionScores" ||
           node.type == "perfwatt.AttentionValues";
}

bool narrow_integer(DataType type) { return !is_floating(type) && bits(type) <= 16; }

class Finder {
  public:
    explicit Finder(const Graph& graph)
        : graph_(graph), consumers_(graph.tensors.size()), producer_(graph.tensors.size(), -1) {
        for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
            const auto node = static_cast<int>(i);
            for (const TensorId input : graph.nodes[i].inputs)
                if (input.valid()) consumers_[input.index()].push_back(node);
            for (const TensorId output : graph.nodes[i].outputs)
                if (output.valid()) producer_[output.index()] = node;
        }
        for (const TensorId output : graph.outputs) consumers_[output.index()].push_back(-1);
    }

    std::vector<FoundAttention> run() {
        std::vector<FoundAttention> found;
        for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
            if (!is_product(graph_.nodes[i])) continue;
            if (auto attention = at(static_cast<int>(i))) found.push_back(std::move(*attention));
        }
        return found;
    }

  private:
    [[nodiscard]] const Node& node(int index) const {
        return graph_.nodes[static_cast<std::size_t>(index)];
    }
    [[nodiscard]] const Tensor& tensor(TensorId id) const { return graph_.tensor(id); }

    [[nodiscard]] bool trained(TensorId id) const {
        const TensorRole role = tensor(id).role;
        return role == TensorRole::weight || role == TensorRole::constant;
    }
    [[nodiscard]] bool immediate(TensorId id) const {
        return tensor(id).elements() <= 1 && trained(id);
    }

    /// The only node that reads a tensor; -1 where there are several, or it leaves the network.
    [[nodiscard]] int only_reader(TensorId id) const {
        const std::vector<int>& readers = consumers_[id.index()];
        return readers.size() == 1 ? readers.front() : -1;
    }

    [[nodiscard]] std::optional<FoundAttention> at(int first) const {
        const Node& scores = node(first);
        if (trained(scores.inputs[0]) || trained(scores.inputs[1])) return std::nullopt;
        const LoweredContraction left = lower_contraction(graph_, scores, {});
        if (left.work.n != 1 || left.work.q != 1) return std::nullopt;
        FoundAttention out;
        Attention& work = out.work;
        work.g = left.work.g;
        work.groups_sharing = left.work.groups_sharing_second;
        work.queries = left.work.p;
        work.keys = left.work.k;
        work.head_dim = left.work.c;
        work.causal = scores.integer("causal", 0) != 0;
        out.inputs = {left.first, left.second, TensorId{}};
        std::set<int> members = {first};
        const int second = follow(scores.outputs[0], out, members);
        if (second < 0) return std::nullopt;
        const Node& values = node(second);
        const LoweredContraction right = lower_contraction(graph_, values, {});
        const bool matches = right.work.g == work.g && right.work.p == work.queries &&
                             right.work.c == work.keys && right.work.n == 1 && right.work.q == 1 &&
                             right.work.groups_sharing_second == work.groups_sharing;
        if (!matches || trained(right.second) ||
            tensor(right.second).type != tensor(left.second).type)
            return std::nullopt;
        work.value_dim = right.work.k;
        members.insert(second);
        out.inputs[2] = right.second;
        out.output = values.outputs[0];
        out.values = out.anchor = {second};
        finish(out, members);
        return out;
    }

    /// From the scores to the product with the values; -1 if the way is another.
    [[nodiscard]] int follow(TensorId from, FoundAttention& out, std::set<int>& members) const {
        const std::int64_t elements = tensor(from).elements();
        bool normalised = false;
        for (int length = 0; length < kLongestChain; ++length) {
            const int next = only_reader(from);
            if (next < 0) return -1;
            const Node& reader = node(next);
            if (is_product(reader))
                return normalised && reader.inputs[0] == from && reader.inputs[1] != from ? next
                                                                                          : -1;
            if (reader.outputs.size() != 1 || tensor(reader.outputs[0]).elements() != elements)
                return -1;
            const OperatorClass kind = operator_class(reader);
            if (reader.type == "Softmax" && !normalised &&
                reader.integer("row", 0) == out.work.keys) {
                const ReduceCost cost = reduce_steps(graph_, reader, out.work.keys);
                out.work.steps.insert(out.work.steps.end(), cost.steps.begin(), cost.steps.end());
                normalised = true;
            } else if (kind == OperatorClass::elementwise) {
                const auto steps = elementwise_steps(graph_, reader);
                out.work.steps.insert(out.work.steps.end(), steps.begin(), steps.end());
                for (const TensorId input : reader.inputs)
                    if (input.valid() && input != from && !immediate(input))
                        out.inputs.push_back(input);
            } else if (kind != OperatorClass::view) {
                return -1;
            }
            members.insert(next);
            from = reader.outputs[0];
        }
        return -1;
    }

    /// Types, what lies before the operands and after the result, the members' order.
    void finish(FoundAttention& out, std::set<int>& members) const {
        Attention& work = out.work;
        const auto rows = static_cast<double>(work.keys);
        work.query_type = tensor(out.inputs[0]).type;
        work.cache_type = tensor(out.inputs[1]).type;
        // Weights of the values enter the second product in the queries' type.
        if (narrow_integer(work.query_type)) work.steps.push_back({VectorOp::multiply, 1});
        work.steps.push_back({VectorOp::convert, 1});
        const double outputs = static_cast<double>(work.value_dim) / rows;
        if (narrow_integer(work.query_type)) work.steps.push_back({VectorOp::multiply, outputs});
        work.steps.push_back({VectorOp::convert, outputs});
        for (std::size_t i = 0; i < 3; ++i)
            out.inputs[i] =
                before(out.inputs[i], i < 2 ? work.head_dim : work.value_dim, work, members);
        after(out, members);
        work.output_type = tensor(out.output).type;
        for (const int member : members) out.members.push_back({member});
    }

    /// Goes back over scalings and views to a transposition that keeps a head's rows, if there is
    /// one.
    TensorId before(TensorId operand, std::int64_t row, Attention& work,
                    std::set<int>& members) const {
        TensorId begin = operand;
        std::vector<int> passed;
        std::vector<VectorStep> scaling;
        TensorId at = operand;
        const auto scores = static_cast<double>(work.g * work.queries * work.keys);
        for (int length = 0; length < kLongestChain; ++length) {
            const int made = producer_[at.index()];
            if (made < 0 || only_reader(at) < 0) break;
            const Node& maker = node(made);
            if (maker.outputs.size() != 1) break;
            passed.push_back(made);
            const OperatorClass kind = operator_class(maker);
            if (kind == OperatorClass::elementwise) {
                if (!scales(maker)) break;
                for (VectorStep step : elementwise_steps(graph_, maker)) {
                    step.per_element *= static_cast<double>(tensor(at).elements()) / scores;
                    scaling.push_back(step);
                }
                at = immediate(maker.inputs[0]) ? maker.inputs[1] : maker.inputs[0];
                continue;
            }
            if (kind != OperatorClass::view && maker.type != "Transpose") break;
            at = maker.inputs[0];
            if (maker.type != "Transpose") continue;
            if (tensor(at).shape.empty() || tensor(at).shape.back() != row) break;
            begin = at;
            members.insert(passed.begin(), passed.end());
            work.steps.insert(work.steps.end(), scaling.begin(), scaling.end());
            passed.clear();
            scaling.clear();
        }
        return begin;
    }

    /// Times or through one number.
    [[nodiscard]] bool scales(const Node& maker) const {
        if (maker.type != "Mul" && maker.type != "Div") return false;
        return maker.inputs.size() == 2 &&
               (immediate(maker.inputs[1]) || (maker.type == "Mul" && immediate(maker.inputs[0])));
    }

    /// The result may be written head by head where its readers want it.
    void after(FoundAttention& out, std::set<int>& members) const {
        std::vector<int> passed;
        TensorId at = out.output;
        for (int length = 0; length < kLongestChain; ++length) {
            const int next = only_reader(at);
            if (next < 0) return;
            const Node& reader = node(next);
            const bool transposes = reader.type == "Transpose";
            if (!transposes && operator_class(reader) != OperatorClass::view) return;
            passed.push_back(next);
            if (!transposes) {
                at = reader.outputs[0];
                continue;
            }
            const auto perm = reader.integers("perm", {});
            const auto last = static_cast<std::int64_t>(perm.size()) - 1;
            if (perm.empty() || perm.back() != last ||
                tensor(reader.outputs[0]).shape.back() != out.work.value_dim)
                return;
            members.insert(passed.begin(), passed.end());
            out.output = reader.outputs[0];
            out.anchor = {next};
            return;
        }
    }

    const Graph& graph_;
    std::vector<std::vector<int>> consumers_;
    std::vector<int> producer_;
};

}  // namespace

std::vector<FoundAttention> find_attention(const Graph& graph) { return Finder(graph).run(); }

Kernel kernel_of(const Graph& graph, const FoundAttention& found) {
    Kernel made;
    made.work = found.work;
    const auto operand = [&](TensorId id) {
        const Tensor& tensor = graph.tensor(id);
        return Operand{.tensor = id, .bytes = tensor.bytes(), .role = tensor.role};
    };
    for (const TensorId input : found.inputs) made.inputs.push_back(operand(input));
    made.outputs = {operand(found.output)};
    return made;
}

}  // namespace perfwatt

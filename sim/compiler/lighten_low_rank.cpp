// Matrices and filters as products of two smaller ones.
#include <algorithm>
#include <optional>

#include "sim/base/diagnostics.h"
#include "sim/compiler/lighten.h"
#include "sim/graph/operators.h"

namespace perfwatt {
namespace {

class Factoriser {
  public:
    Factoriser(Graph& graph, std::int64_t rank) : graph_(graph), rank_(rank) {}

    int run() {
        std::vector<Node> nodes;
        for (Node& node : graph_.nodes) {
            auto pair = halves(node);
            if (!pair) {
                nodes.push_back(std::move(node));
                continue;
            }
            nodes.push_back(std::move(pair->first));
            nodes.push_back(std::move(pair->second));
            ++changed_;
        }
        graph_.nodes = std::move(nodes);
        return changed_;
    }

  private:
    using Pair = std::pair<Node, Node>;

    /// Where `in` x `out` values are more than those of the two factors.
    [[nodiscard]] bool smaller(std::int64_t in, std::int64_t out) const {
        return rank_ * (in + out) < in * out;
    }

    std::optional<Pair> halves(const Node& node) {
        const std::vector<std::size_t> places = trained_operands(graph_, node);
        if (places != std::vector<std::size_t>{1}) return std::nullopt;
        const Shape weights = graph_.tensor(node.inputs[1]).shape;
        if (node.type == "MatMul" && weights.size() >= 2) return product(node, weights);
        if (node.type == "Gemm") return gemm(node, weights);
        if (node.type == "Conv" && node.integer("group", 1) == 1) return filter(node, weights);
        return std::nullopt;
    }

    TensorId weight(const Node& node, const char* part, Shape shape) {
        return graph_.add(Tensor{.name = node.name + part,
                                 .shape = std::move(shape),
                                 .type = graph_.tensor(node.inputs[1]).type,
                                 .role = TensorRole::weight,
                                 .values = {}});
    }

    /// The first node makes the middle tensor, the second one the node's own result.
    Pair pair_of(const Node& node, Shape middle, TensorId first, TensorId second) {
        const TensorId between = graph_.add(Tensor{.name = node.name + ".low",
                                                   .shape = std::move(middle),
                                                   .type = graph_.tensor(node.outputs[0]).type,
                                                   .role = TensorRole::activation,
                                                   .values = {}});
        Node low = node;
        low.name += ".low";
        low.inputs = {node.inputs[0], first};
        low.outputs = {between};
        Node high = node;
        high.inputs[0] = between;
        high.inputs[1] = second;
        return {std::move(low), std::move(high)};
    }

    std::optional<Pair> product(const Node& node, Shape weights) {
        const std::size_t last = weights.size() - 1;
        if (!smaller(weights[last - 1], weights[last])) return std::nullopt;
        Shape left = weights;
        Shape right = weights;
        left[last] = right[last - 1] = rank_;
        Shape middle = graph_.tensor(node.outputs[0]).shape;
        middle.back() = rank_;
        return pair_of(node, std::move(middle), weight(node, ".left", std::move(left)),
                       weight(node, ".right", std::move(right)));
    }

    std::optional<Pair> gemm(const Node& node, const Shape& weights) {
        const bool transposed = node.integer("transB", 0) != 0;
        const std::int64_t in = weights[transposed ? 1 : 0];
        const std::int64_t out = weights[transposed ? 0 : 1];
        if (!smaller(in, out)) return std::nullopt;
        const auto matrix = [&](const char* part, std::int64_t rows, std::int64_t columns) {
            return weight(node, part, transposed ? Shape{columns, rows} : Shape{rows, columns});
        };
        const TensorId first = matrix(".left", in, rank_);
        const TensorId second = matrix(".right", rank_, out);
        Pair pair = pair_of(node, {graph_.tensor(node.outputs[0]).shape[0], rank_}, first, second);
        pair.second.attributes.erase("transA");
        return pair;
    }

    /// The filter with `rank` outputs, then one of a single tap.
    std::optional<Pair> filter(const Node& node, const Shape& weights) {
        const std::int64_t in = element_count(weights) / std::max<std::int64_t>(1, weights[0]);
        if (!smaller(in, weights[0])) return std::nullopt;
        Shape left = weights;
        left[0] = rank_;
        Shape right(weights.size(), 1);
        right[0] = weights[0];
        right[1] = rank_;
        Shape middle = graph_.tensor(node.outputs[0]).shape;
        middle[1] = rank_;
        Pair pair = pair_of(node, std::move(middle), weight(node, ".left", std::move(left)),
                            weight(node, ".right", std::move(right)));
        const std::size_t spatial = weights.size() - 2;
        pair.second.attributes["kernel_shape"] = std::vector<std::int64_t>(spatial, 1);
        pair.second.attributes["strides"] = std::vector<std::int64_t>(spatial, 1);
        pair.second.attributes["dilations"] = std::vector<std::int64_t>(spatial, 1);
        pair.second.attributes["pads"] = std::vector<std::int64_t>(2 * spatial, 0);
        return pair;
    }

    Graph& graph_;
    std::int64_t rank_;
    int changed_ = 0;
};

}  // namespace

int factorise(Graph& graph, std::int64_t rank) { return Factoriser(graph, rank).run(); }

}  // namespace perfwatt

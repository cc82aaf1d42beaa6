#pragma once

#include <functional>
#include <vector>

#include "sim/arch/kernel.h"
#include "sim/graph/graph.h"

namespace perfwatt {

/// Scores, softmax and values that one kernel may do, as they stand in a graph.
struct FoundAttention {
    Attention work;
    std::vector<TensorId> inputs;  ///< queries, keys, values, then masks
    TensorId output;
    NodeId values;                ///< the product with the values, which names the kernel
    NodeId anchor;                ///< the product with the values, or the transposition after it
    std::vector<NodeId> members;  ///< all nodes, the anchor's among them, in topological order
};

/// Every product of two activations whose result goes through views, elementwise work (scale,
/// mask) and one softmax over the keys, and nowhere else, into a product with a third activation.
/// Transpositions of heads before and after belong to it where rows of a head stay rows: they are
/// strides to a kernel that reads heads; so do scalings that lie between them and the products.
[[nodiscard]] std::vector<FoundAttention> find_attention(const Graph& graph);

/// The kernel without a name and operands' bytes: what a device is asked whether it takes it.
[[nodiscard]] Kernel kernel_of(const Graph& graph, const FoundAttention& found);

}  // namespace perfwatt

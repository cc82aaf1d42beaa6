#pragma once

#include "sim/graph/graph.h"

namespace perfwatt {

/// The same network in an order that depends neither on names nor on the order of the file: nodes
/// in post-order of a depth-first walk from the outputs, in their order, that visits each node's
/// inputs in their order. Producers stand before consumers, the branch that an operator names first
/// before the one it names second. Nodes that no output needs are left out. Tensors are numbered as
/// they first appear: the network's inputs, then each node's inputs and outputs.
/// The graph must be free of cycles.
[[nodiscard]] Graph canonical_order(const Graph& graph);

}  // namespace perfwatt

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sim/arch/device.h"
#include "sim/arch/kernel.h"
#include "sim/compiler/compiler.h"
#include "sim/compiler/fuse_attention.h"
#include "sim/compiler/precision.h"
#include "sim/graph/graph.h"

namespace perfwatt {

/// BatchNormalization after a convolution moves into its weights and bias; identities and views of
/// views disappear. Says what it did, in words.
[[nodiscard]] std::vector<std::string> fold(Graph& graph);

/// Every shape is known and every operator has a row. Throws UserError listing what has not.
void check_shapes(const Graph& graph);

/// Sets the type of every real-valued tensor: weights, activations, and biases at accumulator
/// width.
void quantise(Graph& graph, const Precision& precision);

/// Norms over whole maps (of groups, of instances) become sums over the map, and the scaling of its
/// elements by what the sums say: only the sums need all of the map.
void split_norms(Graph& graph, const Precision& precision);

/// Nodes that become one kernel: an anchor and what is applied to its output before it goes on.
struct FusionGroup {
    NodeId anchor;
    std::vector<NodeId> followers;            ///< in topological order
    TensorId output;                          ///< of the last
    std::optional<FoundAttention> attention;  ///< the group is one; its nodes are the followers
    std::optional<NodeId> pooling;            ///< of the last follower's result, on its way out
};

/// Whether the device takes a kernel of several products, or with pooling of its result.
using Accepts = std::function<bool(const Kernel&)>;

/// Covers all nodes, in topological order of the anchors. Without `enabled` every node stands
/// alone. Attention is one group where `accepts` takes its kernel; pooling joins a convolution
/// where `pools` takes a product with pooling.
[[nodiscard]] std::vector<FusionGroup> fuse(const Graph& graph, bool enabled,
                                            const Accepts& accepts = {}, const Accepts& pools = {});

/// A tensor that is a part of another one's bytes: the result of a view, an input of a
/// concatenation.
struct Alias {
    TensorId root;
    std::int64_t offset_bytes = 0;
};

/// A row of the report.
struct LoweredLayer {
    std::string name;
    std::string operator_type;
    std::int64_t macs = 0;
};

/// Kernels in order of execution, with the tensors that share bytes.
struct Lowered {
    std::vector<Kernel> kernels;
    std::vector<int> node_of;        ///< by kernel: the anchor's node, for layers
    std::vector<std::int64_t> macs;  ///< by kernel: of the graph
    std::vector<Alias> aliases;      ///< by TensorId; itself where it stands alone
    std::vector<std::string> notes;
    // Of kernels cut into stripes (stripes.h), which share layers; else empty.
    std::vector<LoweredLayer> layers;
    std::vector<int> layer_of;  ///< by kernel: one of `layers`
    std::vector<int> original;  ///< by kernel: which of the uncut ones it is a part of
};

/// Throws UserError naming operator, node and file for what cannot be lowered.
[[nodiscard]] Lowered lower(Graph& graph, const std::vector<FusionGroup>& groups,
                            const Precision& precision);

/// Sums of split_norms() over a map that one product makes are taken as its outputs leave: what is
/// left of their kernel adds up the cores' shares.
void take_sums_on_the_way(Graph& graph, Lowered& lowered);

/// The longest run of identical consecutive segments of kernels, if one repeats at least 4 times.
[[nodiscard]] std::optional<Repeat> find_repeat(const Lowered& lowered);

/// What tells kernels apart for the mapper: shapes, types, sizes and roles, no names and no ids.
[[nodiscard]] std::string signature(const Kernel& kernel);

// Texts for --dump-after.
[[nodiscard]] std::string to_text(const Graph& graph);
[[nodiscard]] std::string to_text(const Graph& graph, const std::vector<FusionGroup>& groups);
[[nodiscard]] std::string to_text(const Lowered& lowered);

}  // namespace perfwatt

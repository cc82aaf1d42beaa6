#pragma once

#include <string>
#include <vector>

#include "sim/compiler/passes.h"

namespace perfwatt {

/// Splits each inference among `chips` equal chips (tensor parallelism) and leaves what one of them
/// does. Products with trained operands are split by their outputs; those that read such a split
/// result, by what they sum, and the partial sums are reduced over all chips (Shoeybi et al.,
/// "Megatron-LM", 2019, which is what this comes to for transformers). Products of two activations
/// are split by groups: heads. Caches are split with the heads. Where a split tensor is needed
/// whole it is gathered. What has no share for each chip is done by all. Says in words what was
/// split. Changes sizes of the graph's tensors to a chip's shares.
[[nodiscard]] std::vector<std::string> split_among(Graph& graph, Lowered& lowered, int chips);

/// Kernels before the first and after the last one, for inputs and results that cross the host
/// link.
void add_host_transfers(const Graph& graph, Lowered& lowered);

}  // namespace perfwatt

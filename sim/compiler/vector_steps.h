#pragma once

#include <cstdint>
#include <vector>

#include "sim/arch/kernel.h"
#include "sim/graph/graph.h"

namespace perfwatt {

/// What an elementwise operator does to each element of its output. Transcendental functions of
/// 8-bit and narrower integers are looked up in a table. Every operator has a cost: those not
/// listed are taken for a polynomial of two exponentials and four additions.
[[nodiscard]] std::vector<VectorStep> elementwise_steps(const Graph& graph, const Node& node);

/// What a reducing operator (norm, softmax, reduction over an axis) does to each element it reads,
/// and how often it passes over a row.
struct ReduceCost {
    std::vector<VectorStep> steps;
    std::int64_t passes = 1;
};
[[nodiscard]] ReduceCost reduce_steps(const Graph& graph, const Node& node, std::int64_t row);

}  // namespace perfwatt

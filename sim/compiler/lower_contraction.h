#pragma once

#include <vector>

#include "sim/arch/kernel.h"
#include "sim/compiler/precision.h"
#include "sim/graph/graph.h"

namespace perfwatt {

/// A contraction and the tensors it multiplies; for operators that need one loop nest.
struct LoweredContraction {
    Contraction work;
    TensorId first, second;
    std::vector<TensorId> rest;  ///< biases
    bool transposed_sum =
        false;  ///< ConvTranspose: products of overlapping windows are added after
};

/// Conv, ConvTranspose, Gemm, MatMul, Einsum, attention products and their integer forms, with
/// exactly the operator's MACs. Throws UserError where the form is none a loop nest expresses.
[[nodiscard]] LoweredContraction lower_contraction(const Graph& graph, const Node& node,
                                                   const Precision& precision);

}  // namespace perfwatt

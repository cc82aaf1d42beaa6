#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "sim/base/data_type.h"
#include "sim/base/sparsity.h"
#include "sim/base/strong_id.h"
#include "sim/graph/graph.h"

namespace perfwatt {

using KernelId = StrongId<struct KernelTag>;

/// Where the groups of a contraction lie in its operands' memory.
enum class GroupLayout : std::uint8_t {
    channels,   ///< among the channels, innermost: grouped and depthwise convolutions
    outermost,  ///< one whole problem after the other: batched products
};

/// A contraction as a loop nest, which covers convolutions, matrix products and attention products:
///
///   for g, n, p, q, k:  out[n,g,k,p,q] += in[n,g,c,p*stride_h+r*dilation_h,..] * w[g,k,c,r,s]
///
/// A matrix product M x N x K is n=1, p=M, q=1, k=N, c=K, r=s=1. A batched product has g=batch.
struct Contraction {
    std::int64_t g = 1;  ///< independent groups (convolution groups, attention heads x batch)
    std::int64_t n = 1;  ///< batch; shares the second operand
    std::int64_t p = 1;  ///< output rows
    std::int64_t q = 1;  ///< output columns
    std::int64_t k = 1;  ///< output channels of a group
    std::int64_t c = 1;  ///< input channels of a group
    std::int64_t r = 1;  ///< filter rows
    std::int64_t s = 1;  ///< filter columns
    std::int64_t stride_h = 1, stride_w = 1;
    std::int64_t dilation_h = 1, dilation_w = 1;
    std::int64_t input_h = 1, input_w = 1;  ///< extents of the input plane, padding excluded
    /// This many neighbouring groups use the same second operand (grouped-query attention).
    std::int64_t groups_sharing_second = 1;

    GroupLayout group_layout = GroupLayout::outermost;
    DataType first_type = DataType::int8;   ///< activations
    DataType second_type = DataType::int8;  ///< weights, or the second activation
    DataType accumulator_type = DataType::int32;
    DataType output_type = DataType::int8;  ///< as it leaves the kernel, after the epilogue
    Sparsity second_sparsity;               ///< of the weights
    Sparsity first_sparsity;                ///< of the activations, where it was measured

    [[nodiscard]] std::int64_t macs() const { return g * n * p * q * k * c * r * s; }
    [[nodiscard]] std::int64_t first_elements() const { return g * n * c * input_h * input_w; }
    [[nodiscard]] std::int64_t second_elements() const {
        return g / groups_sharing_second * k * c * r * s;
    }
    [[nodiscard]] std::int64_t output_elements() const { return g * n * p * q * k; }
};

/// What vector work does to each element; its cost in operations is the device's.
enum class VectorOp : std::uint8_t {
    add,
    multiply,
    compare,
    convert,
    divide,
    exponential,
    reciprocal_sqrt,
    table,
};

/// `count` operations of one kind on each element.
struct VectorStep {
    VectorOp op = VectorOp::add;
    double per_element = 1;
};

/// Scores, softmax and values of attention as one kernel: the scores need not leave the unit.
/// Offered to a device that does not refuse it; otherwise two contractions with a softmax between.
/// Inputs: [0] queries, [1] keys, [2] values, then a mask if there is one. Output: [0].
struct Attention {
    std::int64_t g = 1;               ///< batch x query heads
    std::int64_t groups_sharing = 1;  ///< this many neighbouring heads use the same keys and values
    std::int64_t queries = 1;         ///< of a head
    std::int64_t keys = 1;            ///< of a head: the context
    std::int64_t head_dim = 1;        ///< of queries and keys
    std::int64_t value_dim = 1;
    /// A query sees only keys up to its own position; query i of the last `queries` positions. The
    /// graph's MACs count all products: what a device leaves out of them is reported as removed.
    bool causal = false;
    DataType query_type = DataType::fp16;
    DataType cache_type = DataType::fp16;  ///< keys and values
    DataType output_type = DataType::fp16;
    std::vector<VectorStep> steps;  ///< on each score: scale, mask, softmax

    [[nodiscard]] std::int64_t macs() const { return g * queries * keys * (head_dim + value_dim); }
};

/// Element by element: activations, residual additions, scaling.
struct Elementwise {
    std::int64_t elements = 0;       ///< of the output
    DataType type = DataType::int8;  ///< the arithmetic is done in
    std::vector<VectorStep> steps;
};

/// Many to one: softmax, norms, pooling, scans. `elements` are read, in rows of `row` elements,
/// `passes` times over (softmax: maximum, sum, scale).
struct Reduce {
    std::int64_t elements = 0;
    std::int64_t row = 1;
    std::int64_t passes = 1;
    DataType type = DataType::int8;  ///< the arithmetic is done in
    std::vector<VectorStep> steps;   ///< for each of the `elements`, all passes together
};

/// No arithmetic: transpose, gather, concatenation, cache append. Contiguous runs of `run_bytes`.
struct Move {
    std::int64_t bytes = 0;
    std::int64_t run_bytes = 0;
};

/// Work no accelerator unit does: data-dependent post-processing, priced on the host.
struct HostWork {
    std::int64_t operations = 0;
    std::int64_t bytes = 0;
};

/// Data that equal chips of a system exchange, or that come from and go to their host.
struct Collective {
    enum class Kind : std::uint8_t {
        all_reduce,
        all_gather,
        reduce_scatter,
        all_to_all,
        broadcast,
        send,  ///< to or from the host
    };
    Kind kind = Kind::all_reduce;
    std::int64_t bytes = 0;  ///< on each chip: see models/link/link_collective.h
};

/// An operand or result of a kernel, as memory sees it.
struct Operand {
    TensorId tensor;
    std::int64_t bytes = 0;
    TensorRole role = TensorRole::activation;
    std::int64_t plain_bytes = 0;  ///< where it is stored in other than one after the other; else 0
};

/// A unit of mapping: one class of loop nest with what was fused onto it.
struct Kernel {
    std::string name;  ///< of the operator it came from; for reports
    std::string operator_type;
    std::variant<Contraction, Attention, Elementwise, Reduce, Move, HostWork, Collective> work;
    std::vector<Operand> inputs;  ///< a contraction: [0] first operand, [1] second, then the rest
    std::vector<Operand> outputs;
    /// Fused onto a contraction's output before it leaves the unit, in order.
    std::vector<Elementwise> epilogue;
    /// Pooling fused after the epilogue: `outputs` then holds the pooled size.
    std::vector<Reduce> fused_pooling;
    std::vector<KernelId> depends_on;
};

}  // namespace perfwatt

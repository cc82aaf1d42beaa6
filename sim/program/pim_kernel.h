#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "sim/base/data_type.h"

namespace perfwatt {

/// What units in a memory's banks are asked to do with data that lie there.
enum class PimOp : std::uint8_t {
    gemv,       ///< outputs x inputs, `batch` times, one after the other
    gemv_tree,  ///< the same, a partial sum of each input tile written to the banks
    add,        ///< element by element
    multiply,
    relu,
    batch_norm,  ///< a scale and a shift a channel of elements
    activation,  ///< by table
    copy,        ///< a row of a bank to the buffer and back
};

[[nodiscard]] std::string_view to_string(PimOp op);
[[nodiscard]] std::optional<PimOp> pim_op_from(std::string_view name);

/// A kernel, the same on all channels of a memory: each has an equal part, padded.
struct PimKernel {
    PimOp op = PimOp::gemv;
    std::int64_t outputs = 0;  ///< gemv: rows of the matrix
    std::int64_t inputs = 0;   ///< gemv: columns of the matrix
    std::int64_t batch = 1;    ///< gemv: vectors
    std::int64_t groups = 1;   ///< gemv: products with matrices of their own, shared out by channel
    std::int64_t elements = 0;  ///< element by element
    DataType weights = DataType::fp16;
    DataType activations = DataType::fp16;
    /// gemv: of a matrix that grows, a cache, the last outputs or inputs are new: they are laid out
    /// in the banks before the product.
    std::int64_t new_outputs = 0, new_inputs = 0;
    std::int64_t row = 0;       ///< of every bank, where its data begin
    bool inputs_first = false;  ///< tree: all outputs of one part of the inputs before the next

    friend bool operator==(const PimKernel&, const PimKernel&) = default;
};

}  // namespace perfwatt

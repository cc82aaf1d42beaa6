#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "sim/graph/graph.h"

namespace perfwatt {

class InferContext;

/// The class of kernel an operator lowers to.
enum class OperatorClass : std::uint8_t {
    contraction,  ///< convolution, matrix product, recurrent network
    elementwise,  ///< each output element from the same element of the inputs (broadcast)
    reduce,       ///< softmax, norms, pooling, scans: many to one, or a row at a time
    move,         ///< bytes change place: transpose, concat, gather, pad
    view,         ///< the same bytes under another shape: no work
    host,         ///< data-dependent: done by a host processor, shapes are upper bounds
    fold,         ///< known ahead of the run, from shapes and constants; never left in a graph
};

[[nodiscard]] std::string_view to_string(OperatorClass kind);

/// All that is known of an operator. A new operator is a new row (operators.cpp) and its test.
///
/// In a Graph, `Node::inputs` holds data only. What ONNX passes beside it (axes, pads, target
/// shapes, k) stands resolved in the attributes, whichever opset it came from: axes count from the
/// front; Conv and pools have `kernel_shape`, `strides`, `dilations`, `pads` (all begins, then all
/// ends; auto_pad and ceil_mode already applied) and `group`; Softmax has `row`, the elements it
/// normalises together.
struct OperatorRow {
    std::string_view name;
    OperatorClass kind;
    /// Sets the outputs' shapes and types and resolves the attributes; throws ShapeError.
    void (*infer)(InferContext&);
    /// Multiply-accumulates of one such node; null where there are none.
    std::int64_t (*macs)(const Graph&, const Node&);
};

/// Every operator known, sorted by name.
[[nodiscard]] std::span<const OperatorRow> operators();

/// The row of an operator, or null. Operators of other domains than ONNX's own are named
/// "domain.Name", the project's own "perfwatt.Name".
[[nodiscard]] const OperatorRow* find_operator(std::string_view name);

/// The class of a node's operator; the operator must be known.
[[nodiscard]] OperatorClass operator_class(const Node& node);

/// Useful multiply-accumulates of a node: those of the dense mathematical operation, zero padding
/// included (as the field counts them); additions of a bias are not counted.
[[nodiscard]] std::int64_t macs(const Graph& graph, const Node& node);
[[nodiscard]] std::int64_t macs(const Graph& graph);

/// Elements of all trained weights that the nodes use.
[[nodiscard]] std::int64_t parameters(const Graph& graph);

}  // namespace perfwatt

#include "sim/graph/operators.h"

#include <algorithm>
#include <array>
#include <set>

#include "sim/base/diagnostics.h"
#include "sim/graph/infer.h"

namespace perfwatt {
namespace {

using enum OperatorClass;
using Macs = std::int64_t;

const Shape& input_shape(const Graph& graph, const Node& node, std::size_t i) {
    PERFWATT_CHECK(i < node.inputs.size() && node.inputs[i].valid(), node.type + " lacks an input");
    return graph.tensor(node.inputs[i]).shape;
}

const Shape& output_shape(const Graph& graph, const Node& node) {
    for (const TensorId output : node.outputs)
        if (output.valid()) return graph.tensor(output).shape;
    check_failed("an output", __FILE__, __LINE__, node.type + " has no output");
}

Macs product(Macs value, const Shape& shape, std::size_t from = 0) {
    for (std::size_t i = from; i < shape.size(); ++i) value = checked_multiply(value, shape[i]);
    return value;
}

/// Every output element is a sum over the input channels of a group and the filter.
Macs conv_macs(const Graph& graph, const Node& node) {
    return product(product(1, output_shape(graph, node)), input_shape(graph, node, 1), 1);
}

/// Every input element goes to the output channels of a group through the whole filter.
Macs conv_transpose_macs(const Graph& graph, const Node& node) {
    return product(product(1, input_shape(graph, node, 0)), input_shape(graph, node, 1), 1);
}

Macs matmul_macs(const Graph& graph, const Node& node) {
    return product(input_shape(graph, node, 0).back(), output_shape(graph, node));
}

Macs gemm_macs(const Graph& graph, const Node& node) {
    const Shape& a = input_shape(graph, node, 0);
    return product(a[node.integer("transA", 0) != 0 ? 0 : 1], output_shape(graph, node));
}

/// One multiplication for each combination of indices and each operand beyond the first.
Macs einsum_macs(const Graph&, const Node& node) {
    const Macs combinations = product(1, node.integers("extents", {}));
    return checked_multiply(combinations, static_cast<Macs>(node.inputs.size()) - 1);
}

/// Each step multiplies the input and the last hidden state by a matrix a gate.
Macs recurrent_macs(const Graph&, const Node& node) {
    const Macs hidden = node.integer("hidden_size", 0);
    return product(hidden + node.integer("input_size", 0),
                   {node.integer("gates", 0), hidden, node.integer("directions", 1),
                    node.integer("steps", 0), node.integer("batch", 0)});
}

/// perfwatt.AttentionScores: queries [batch, steps, heads, size] x keys [batch, length, ...].
Macs scores_macs(const Graph& graph, const Node& node) {
    return product(input_shape(graph, node, 0)[3], output_shape(graph, node));
}

/// perfwatt.AttentionValues: weights [batch, heads, steps, length] x values [batch, length, ...].
Macs values_macs(const Graph& graph, const Node& node) {
    return product(input_shape(graph, node, 0)[3], output_shape(graph, node));
}

constexpr OperatorRow row(std::string_view name, OperatorClass kind, void (*infer)(InferContext&),
                          Macs (*count)(const Graph&, const Node&) = nullptr) {
    return {name, kind, infer, count};
}

constexpr auto kRows = [] {
    std::array rows = {
        // contraction
        row("Conv", contraction, infer_conv, conv_macs),
        row("ConvInteger", contraction, infer_conv, conv_macs),
        row("QLinearConv", contraction, infer_qlinear_conv, conv_macs),
        row("ConvTranspose", contraction, infer_conv_transpose, conv_transpose_macs),
        row("Gemm", contraction, infer_gemm, gemm_macs),
        row("MatMul", contraction, infer_matmul, matmul_macs),
        row("MatMulInteger", contraction, infer_matmul_integer, matmul_macs),
        row("QLinearMatMul", contraction, infer_qlinear_matmul, matmul_macs),
        row("Einsum", contraction, infer_einsum, einsum_macs),
        row("LSTM", contraction, infer_recurrent, recurrent_macs),
        row("GRU", contraction, infer_recurrent, recurrent_macs),
        row("RNN", contraction, infer_recurrent, recurrent_macs),
        row("perfwatt.AttentionScores", contraction, infer_attention_scores, scores_macs),
        row("perfwatt.AttentionValues", contraction, infer_attention_values, values_macs),
        // elementwise, one input
        row("Abs", elementwise, infer_same),
        row("Acos", elementwise, infer_same),
        row("Acosh", elementwise, infer_same),
        row("Asin", elementwise, infer_same),
        row("Asinh", elementwise, infer_same),
        row("Atan", elementwise, infer_same),
        row("Atanh", elementwise, infer_same),
        row("Ceil", elementwise, infer_same),
        row("Celu", elementwise, infer_same),
        row("Cos", elementwise, infer_same),
        row("Cosh", elementwise, infer_same),
        row("Elu", elementwise, infer_same),
        row("Erf", elementwise, infer_same),
        row("Exp", elementwise, infer_same),
        row("Floor", elementwise, infer_same),
        row("Gelu", elementwise, infer_same),
        row("HardSigmoid", elementwise, infer_same),
        row("HardSwish", elementwise, infer_same),
        row("LeakyRelu", elementwise, infer_same),
        row("Log", elementwise, infer_same),
        row("Mish", elementwise, infer_same),
        row("Neg", elementwise, infer_same),
        row("Reciprocal", elementwise, infer_same),
        row("Relu", elementwise, infer_same),
        row("Round", elementwise, infer_same),
        row("Selu", elementwise, infer_same),
        row("Shrink", elementwise, infer_same),
        row("Sigmoid", elementwise, infer_same),
        row("Sign", elementwise, infer_same),
        row("Sin", elementwise, infer_same),
        row("Sinh", elementwise, infer_same),
        row("Softplus", elementwise, infer_same),
        row("Softsign", elementwise, infer_same),
        row("Sqrt", elementwise, infer_same),
        row("Swish", elementwise, infer_same),
        row("Tan", elementwise, infer_same),
        row("Tanh", elementwise, infer_same),
        row("ThresholdedRelu", elementwise, infer_same),
        row("BitwiseNot", elementwise, infer_same),
        row("Not", elementwise, infer_test),
        row("IsInf", elementwise, infer_test),
        row("IsNaN", elementwise, infer_test),
        row("Cast", elementwise, infer_cast),
        row("CastLike", elementwise, infer_dequantize),
        row("Clip", elementwise, infer_clip),
        row("Dropout", view, infer_dropout),
        row("QuantizeLinear", elementwise, infer_quantize),
        row("DequantizeLinear", elementwise, infer_dequantize),
        row("DynamicQuantizeLinear", elementwise, infer_dynamic_quantize),
        row("RotaryEmbedding", elementwise, infer_rotary),
        row("Trilu", elementwise, infer_same),
        // elementwise, several inputs
        row("Add", elementwise, infer_broadcast),
        row("Sub", elementwise, infer_broadcast),
        row("Mul", elementwise, infer_broadcast),
        row("Div", elementwise, infer_broadcast),
        row("Mod", elementwise, infer_broadcast),
        row("Pow", elementwise, infer_broadcast),
        row("Min", elementwise, infer_broadcast),
        row("Max", elementwise, infer_broadcast),
        row("Mean", elementwise, infer_broadcast),
        row("Sum", elementwise, infer_broadcast),
        row("PRelu", elementwise, infer_broadcast),
        row("BitShift", elementwise, infer_broadcast),
        row("BitwiseAnd", elementwise, infer_broadcast),
        row("BitwiseOr", elementwise, infer_broadcast),
        row("BitwiseXor", elementwise, infer_broadcast),
        row("And", elementwise, infer_compare),
        row("Or", elementwise, infer_compare),
        row("Xor", elementwise, infer_compare),
        row("Equal", elementwise, infer_compare),
        row("Greater", elementwise, infer_compare),
        row("GreaterOrEqual", elementwise, infer_compare),
        row("Less", elementwise, infer_compare),
        row("LessOrEqual", elementwise, infer_compare),
        row("Where", elementwise, infer_where),
        row("OneHot", elementwise, infer_one_hot),
        row("perfwatt.Normalise", elementwise, infer_same),
        // reduce
        row("AveragePool", reduce, infer_pool),
        row("MaxPool", reduce, infer_pool),
        row("LpPool", reduce, infer_pool),
        row("GlobalAveragePool", reduce, infer_global_pool),
        row("GlobalMaxPool", reduce, infer_global_pool),
        row("GlobalLpPool", reduce, infer_global_pool),
        row("BatchNormalization", reduce, infer_normalize),
        row("InstanceNormalization", reduce, infer_normalize),
        row("GroupNormalization", reduce, infer_normalize),
        row("perfwatt.NormStatistics", reduce, infer_same),
        row("LayerNormalization", reduce, infer_normalize),
        row("RMSNormalization", reduce, infer_normalize),
        row("LpNormalization", reduce, infer_normalize),
        row("LRN", reduce, infer_same),
        row("MeanVarianceNormalization", reduce, infer_same),
        row("com.microsoft.SkipLayerNormalization", reduce, infer_skip_normalize),
        row("com.microsoft.SkipSimplifiedLayerNormalization", reduce, infer_skip_normalize),
        row("Softmax", reduce, infer_softmax),
        row("LogSoftmax", reduce, infer_softmax),
        row("Hardmax", reduce, infer_softmax),
        row("CumSum", reduce, infer_cumsum),
        row("ArgMax", reduce, infer_arg_reduce),
        row("ArgMin", reduce, infer_arg_reduce),
        row("ReduceL1", reduce, infer_reduce),
        row("ReduceL2", reduce, infer_reduce),
        row("ReduceLogSum", reduce, infer_reduce),
        row("ReduceLogSumExp", reduce, infer_reduce),
        row("ReduceMax", reduce, infer_reduce),
        row("ReduceMean", reduce, infer_reduce),
        row("ReduceMin", reduce, infer_reduce),
        row("ReduceProd", reduce, infer_reduce),
        row("ReduceSum", reduce, infer_reduce),
        row("ReduceSumSquare", reduce, infer_reduce),
        // move
        row("Transpose", move, infer_transpose),
        row("Concat", move, infer_concat),
        row("Split", move, infer_split),
        row("Slice", move, infer_slice),
        row("Gather", move, infer_gather),
        row("GatherElements", move, infer_gather_elements),
        row("GatherND", move, infer_gather_nd),
        row("Scatter", move, infer_same),
        row("ScatterElements", move, infer_same),
        row("ScatterND", move, infer_same),
        row("Expand", move, infer_expand),
        row("Tile", move, infer_tile),
        row("Pad", move, infer_pad),
        row("Resize", move, infer_resize),
        row("Upsample", move, infer_resize),
        row("DepthToSpace", move, infer_depth_to_space),
        row("SpaceToDepth", move, infer_space_to_depth),
        row("ReverseSequence", move, infer_same),
        row("RoiAlign", move, infer_roi_align),
        row("MaxRoiPool", move, infer_max_roi_pool),
        row("GridSample", move, infer_grid_sample),
        row("perfwatt.CacheAppend", move, infer_cache_append),
        row("perfwatt.ExpertDispatch", move, infer_dispatch),
        row("perfwatt.ExpertCombine", reduce, infer_combine),
        // view
        row("Identity", view, infer_same),
        row("Reshape", view, infer_reshape),
        row("Flatten", view, infer_flatten),
        row("Squeeze", view, infer_squeeze),
        row("Unsqueeze", view, infer_unsqueeze),
        // host
        row("TopK", host, infer_topk),
        row("NonZero", host, infer_nonzero),
        row("NonMaxSuppression", host, infer_non_max_suppression),
        row("Unique", host, infer_unique),
        row("Compress", host, infer_compress),
        // fold
        row("Shape", fold, infer_shape),
        row("Size", fold, infer_size),
        row("Range", fold, infer_range),
        row("ConstantOfShape", fold, infer_constant_of_shape),
        row("ConstantFill", fold, infer_constant_of_shape),
        row("EyeLike", fold, infer_eye_like),
    };
    std::sort(rows.begin(), rows.end(),
              [](const OperatorRow& a, const OperatorRow& b) { return a.name < b.name; });
    return rows;
}();

}  // namespace

std::string_view to_string(OperatorClass kind) {
    switch (kind) {
        case contraction:
            return "contraction";
        case elementwise:
            return "elementwise";
        case reduce:
            return "reduce";
        case OperatorClass::move:
            return "move";
        case view:
            return "view";
        case host:
            return "host";
        case fold:
            return "fold";
    }
    check_failed("a class", __FILE__, __LINE__, "an operator class of no name");
}

std::span<const OperatorRow> operators() { return kRows; }

const OperatorRow* find_operator(std::string_view name) {
    const auto found = std::lower_bound(
        kRows.begin(), kRows.end(), name,
        [](const OperatorRow& row, std::string_view key) { return row.name < key; });
    return found != kRows.end() && found->name == name ? &*found : nullptr;
}

OperatorClass operator_class(const Node& node) {
    const OperatorRow* found = find_operator(node.type);
    PERFWATT_CHECK(found != nullptr, "operator '" + node.type + "' has no row");
    return found->kind;
}

std::int64_t macs(const Graph& graph, const Node& node) {
    const OperatorRow* found = find_operator(node.type);
    PERFWATT_CHECK(found != nullptr, "operator '" + node.type + "' has no row");
    return found->macs == nullptr ? 0 : found->macs(graph, node);
}

std::int64_t macs(const Graph& graph) {
    std::int64_t total = 0;
    for (const Node& node : graph.nodes) total = checked_add(total, macs(graph, node));
    return total;
}

std::int64_t parameters(const Graph& graph) {
    std::set<TensorId> weights;
    for (const Node& node : graph.nodes)
        for (const TensorId input : node.inputs)
            if (input.valid() && graph.tensor(input).role == TensorRole::weight)
                weights.insert(input);
    std::int64_t total = 0;
    for (const TensorId weight : weights)
        total = checked_add(total, graph.tensor(weight).elements());
    return total;
}

}  // namespace perfwatt

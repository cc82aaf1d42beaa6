#include "sim/compiler/lower_contraction.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/diagnostics.h"
#include "sim/base/math.h"
#include "sim/graph/operators.h"

namespace perfwatt {
namespace {

std::int64_t product(const Shape& shape, std::size_t from, std::size_t to) {
    std::int64_t value = 1;
    for (std::size_t i = from; i < to; ++i) value *= shape[i];
    return value;
}

[[noreturn]] void refuse(const Graph& graph, const Node& node, const std::string& why) {
    throw UserError(
        Diagnostic{.severity = Severity::error,
                   .place = {.file = graph.file, .line = node.line, .column = 0},
                   .message = fmt::format("operator '{}' of node '{}' cannot be lowered: {}",
                                          node.type, node.name, why),
                   .hint = {},
                   .source_line = {}});
}

/// One axis stands for columns, all others before it for rows: a one-dimensional convolution has
/// rows only, a volume's depth and height count as rows.
struct Window {
    std::int64_t outputs_h = 1, outputs_w = 1, inputs_h = 1, inputs_w = 1, taps_h = 1, taps_w = 1;
    std::int64_t stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
};

Window window_of(const Shape& input, const Shape& output, const Shape& filter, const Node& node) {
    const std::size_t spatial = input.size() - 2;
    const std::vector<std::int64_t> ones(spatial, 1);
    const std::vector<std::int64_t> strides = node.integers("strides", ones);
    const std::vector<std::int64_t> dilations = node.integers("dilations", ones);
    Window window;
    const std::size_t rows = spatial > 1 ? spatial - 1 : spatial;
    for (std::size_t i = 0; i < rows; ++i) {
        window.outputs_h *= output[2 + i];
        window.inputs_h *= input[2 + i];
        window.taps_h *= filter[2 + i];
        window.stride_h *= i < strides.size() ? strides[i] : 1;
        window.dilation_h = i < dilations.size() ? dilations[i] : 1;
    }
    if (spatial > 1) {
        window.outputs_w = output.back();
        window.inputs_w = input.back();
        window.taps_w = filter.back();
        window.stride_w = strides.back();
        window.dilation_w = dilations.back();
    }
    return window;
}

void set(Contraction& work, const Window& window) {
    work.p = window.outputs_h, work.q = window.outputs_w;
    work.input_h = window.inputs_h, work.input_w = window.inputs_w;
    work.r = window.taps_h, work.s = window.taps_w;
    work.stride_h = window.stride_h, work.stride_w = window.stride_w;
    work.dilation_h = window.dilation_h, work.dilation_w = window.dilation_w;
}

Contraction convolution(const Graph& graph, const Node& node) {
    const Shape& input = graph.tensor(node.inputs[0]).shape;
    const Shape& filter = graph.tensor(node.inputs[1]).shape;
    const Shape& output = graph.tensor(node.outputs[0]).shape;
    Contraction work;
    work.group_layout = GroupLayout::channels;
    work.g = input[1] / filter[1];
    work.n = input[0];
    work.c = filter[1];
    work.k = output[1] / work.g;
    set(work, window_of(input, output, filter, node));
    return work;
}

/// Each input position times every filter element: a 1x1 convolution to k x taps channels, whose
/// overlapping results are added afterwards.
Contraction transposed_convolution(const Graph& graph, const Node& node) {
    const Shape& input = graph.tensor(node.inputs[0]).shape;
    const Shape& filter = graph.tensor(node.inputs[1]).shape;
    Contraction work;
    work.group_layout = GroupLayout::channels;
    work.g = node.integer("group", 1);
    work.n = input[0];
    work.c = input[1] / work.g;
    work.k = product(filter, 1, filter.size());
    work.p = work.input_h = input.size() > 3 ? product(input, 2, input.size() - 1) : input[2];
    work.q = work.input_w = input.size() > 3 ? input.back() : 1;
    return work;
}

/// rows x c times c x k, `groups` of them.
Contraction matrix_product(std::int64_t groups, std::int64_t rows, std::int64_t c, std::int64_t k,
                           std::int64_t sharing) {
    Contraction work;
    work.g = groups;
    work.p = work.input_h = rows;
    work.c = c;
    work.k = k;
    work.groups_sharing_second = sharing;
    return work;
}

Contraction matmul(const Graph& graph, const Node& node) {
    Shape a = graph.tensor(node.inputs[0]).shape;
    Shape b = graph.tensor(node.inputs[1]).shape;
    if (a.size() == 1) a.insert(a.begin(), 1);
    if (b.size() == 1) b.push_back(1);
    const std::int64_t rows = a[a.size() - 2];
    const std::int64_t c = a.back();
    const std::int64_t k = b.back();
    const std::int64_t a_batch = product(a, 0, a.size() - 2);
    const std::int64_t b_batch = product(b, 0, b.size() - 2);
    if (b_batch == 1) return matrix_product(1, a_batch * rows, c, k, 1);
    const std::int64_t groups =
        std::max<std::int64_t>(1, macs(graph, node) / std::max<std::int64_t>(1, rows * c * k));
    const std::int64_t sharing = groups % b_batch == 0 ? groups / b_batch : 1;
    return matrix_product(groups, rows, c, k, sharing);
}

Contraction gemm(const Graph& graph, const Node& node) {
    const Shape& a = graph.tensor(node.inputs[0]).shape;
    const Shape& output = graph.tensor(node.outputs[0]).shape;
    const std::int64_t c = node.integer("transA", 0) != 0 ? a[0] : a[1];
    return matrix_product(1, output[0], c, output[1], 1);
}

/// Letters of both operands and the result are groups, of one operand and the result rows or
/// columns, all others are summed.
Contraction einsum(const Graph& graph, const Node& node) {
    const std::string equation = node.text("equation", "");
    const std::size_t comma = equation.find(',');
    const std::size_t arrow = equation.find("->");
    if (node.inputs.size() != 2 || comma == std::string::npos || arrow == std::string::npos)
        refuse(graph, node, fmt::format("equation '{}' does not multiply two tensors", equation));
    const std::string first = equation.substr(0, comma);
    const std::string second = equation.substr(comma + 1, arrow - comma - 1);
    const std::string result = equation.substr(arrow + 2);
    std::string letters = first + second;
    std::sort(letters.begin(), letters.end());
    letters.erase(std::unique(letters.begin(), letters.end()), letters.end());
    const std::vector<std::int64_t> extents = node.integers("extents", {});
    Contraction work = matrix_product(1, 1, 1, 1, 1);
    for (std::size_t i = 0; i < letters.size(); ++i) {
        const bool in_first = first.find(letters[i]) != std::string::npos;
        const bool in_second = second.find(letters[i]) != std::string::npos;
        const bool in_result = result.find(letters[i]) != std::string::npos;
        std::int64_t& extent = !in_result              ? work.c
                               : in_first && in_second ? work.g
                               : in_first              ? work.p
                                                       : work.k;
        extent *= extents[i];
    }
    work.input_h = work.p;
    return work;
}

Contraction attention(const Graph& graph, const Node& node, std::int64_t c, std::int64_t k) {
    const Shape& output = graph.tensor(node.outputs[0]).shape;
    const bool scores = node.type == "perfwatt.AttentionScores";
    const std::int64_t heads = scores ? output[1] : output[2];
    const std::int64_t steps = scores ? output[2] : output[1];
    return matrix_product(output[0] * heads, steps, c, k, node.integer("groups_sharing", 1));
}

/// The loop nest names the operand that stays per output channel second: a trained first operand
/// (W x) becomes the second of the transposed product.
void trained_second(const Graph& graph, LoweredContraction& lowered) {
    Contraction& work = lowered.work;
    if (!is_trained(graph.tensor(lowered.first).role) ||
        is_trained(graph.tensor(lowered.second).role))
        return;
    if (work.r * work.s * work.n * work.q != 1 || work.groups_sharing_second != 1) return;
    std::swap(lowered.first, lowered.second);
    std::swap(work.p, work.k);
    work.input_h = work.p;
}

}  // namespace

LoweredContraction lower_contraction(const Graph& graph, const Node& node,
                                     const Precision& precision) {
    LoweredContraction lowered;
    lowered.first = node.inputs[0];
    lowered.second = node.inputs[1];
    lowered.rest.assign(node.inputs.begin() + 2, node.inputs.end());
    if (node.type == "Conv" || node.type == "ConvInteger" || node.type == "QLinearConv") {
        lowered.work = convolution(graph, node);
    } else if (node.type == "ConvTranspose") {
        lowered.work = transposed_convolution(graph, node);
        lowered.transposed_sum = true;
    } else if (node.type == "Gemm") {
        lowered.work = gemm(graph, node);
    } else if (node.type == "Einsum") {
        lowered.work = einsum(graph, node);
    } else if (node.type == "perfwatt.AttentionScores") {
        lowered.work = attention(graph, node, graph.tensor(node.inputs[0]).shape[3],
                                 graph.tensor(node.outputs[0]).shape[3]);
    } else if (node.type == "perfwatt.AttentionValues") {
        lowered.work = attention(graph, node, graph.tensor(node.inputs[0]).shape[3],
                                 graph.tensor(node.outputs[0]).shape[3]);
    } else {
        lowered.work = matmul(graph, node);
    }
    trained_second(graph, lowered);
    Contraction& work = lowered.work;
    work.first_type = graph.tensor(lowered.first).type;
    work.second_type = graph.tensor(lowered.second).type;
    work.second_sparsity = graph.tensor(lowered.second).sparsity;
    if (!is_trained(graph.tensor(lowered.first).role))
        work.first_sparsity = graph.tensor(lowered.first).sparsity;
    work.accumulator_type = precision.accumulators;
    work.output_type = graph.tensor(node.outputs[0]).type;
    if (macs(graph, node) != work.macs())
        refuse(graph, node,
               fmt::format("its loop nest has {} MACs, the operator {}", work.macs(),
                           macs(graph, node)));
    return lowered;
}

}  // namespace perfwatt

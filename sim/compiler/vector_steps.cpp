#include "sim/compiler/vector_steps.h"

#include <array>
#include <string_view>

namespace perfwatt {
namespace {

using enum VectorOp;

struct Row {
    std::string_view type;
    std::vector<VectorStep> steps;
    bool smooth = false;  ///< a function of one element that a table of 256 entries can hold
};

/// Numerically usual ways: sigmoid = 1 / (1 + exp(-x)), tanh by the same exponential, erf by a
/// polynomial of five terms and one exponential (Abramowitz and Stegun 7.1.26).
const std::vector<Row>& rows() {
    static const std::vector<Row> table = {
        {"Abs", {{compare, 1}}},
        {"Add", {{add, 1}}},
        {"And", {{compare, 1}}},
        {"BatchNormalization", {{multiply, 1}, {add, 1}}},
        {"Cast", {{convert, 1}}},
        {"CastLike", {{convert, 1}}},
        {"Ceil", {{convert, 1}}},
        {"Celu", {{exponential, 1}, {add, 1}, {multiply, 1}, {compare, 1}}, true},
        {"Clip", {{compare, 2}}},
        {"DequantizeLinear", {{add, 1}, {multiply, 1}, {convert, 1}}},
        {"Div", {{divide, 1}}},
        {"DynamicQuantizeLinear", {{compare, 2}, {multiply, 1}, {add, 1}, {convert, 1}}},
        {"Elu", {{exponential, 1}, {add, 1}, {multiply, 1}, {compare, 1}}, true},
        {"Equal", {{compare, 1}}},
        {"Erf", {{exponential, 1}, {multiply, 6}, {add, 6}, {divide, 1}}, true},
        {"Exp", {{exponential, 1}}, true},
        {"Floor", {{convert, 1}}},
        {"Gelu", {{exponential, 1}, {multiply, 8}, {add, 7}, {divide, 1}}, true},
        {"Greater", {{compare, 1}}},
        {"GreaterOrEqual", {{compare, 1}}},
        {"HardSigmoid", {{multiply, 1}, {add, 1}, {compare, 2}}},
        {"HardSwish", {{multiply, 2}, {add, 1}, {compare, 2}}},
        {"LeakyRelu", {{multiply, 1}, {compare, 1}}},
        {"Less", {{compare, 1}}},
        {"LessOrEqual", {{compare, 1}}},
        {"Log", {{exponential, 1}}, true},
        {"Max", {{compare, 1}}},
        {"Mean", {{add, 1}, {multiply, 1}}},
        {"Min", {{compare, 1}}},
        {"Mish", {{exponential, 2}, {add, 2}, {multiply, 1}, {divide, 1}}, true},
        {"Mod", {{divide, 1}, {multiply, 1}, {add, 1}}},
        {"Mul", {{multiply, 1}}},
        {"Neg", {{multiply, 1}}},
        {"Not", {{compare, 1}}},
        {"OneHot", {{compare, 1}}},
        {"Or", {{compare, 1}}},
        {"PRelu", {{multiply, 1}, {compare, 1}}},
        {"QuantizeLinear", {{multiply, 1}, {add, 1}, {convert, 1}}},
        {"Reciprocal", {{divide, 1}}, true},
        {"Relu", {{compare, 1}}},
        {"Resize", {{multiply, 4}, {add, 3}}},
        {"RotaryEmbedding", {{multiply, 2}, {add, 1}}},
        {"Round", {{convert, 1}}},
        {"Selu", {{exponential, 1}, {add, 1}, {multiply, 2}, {compare, 1}}, true},
        {"Sigmoid", {{exponential, 1}, {add, 1}, {divide, 1}}, true},
        {"Sign", {{compare, 2}}},
        {"Softplus", {{exponential, 2}, {add, 1}}, true},
        {"Softsign", {{compare, 1}, {add, 1}, {divide, 1}}, true},
        {"Sqrt", {{reciprocal_sqrt, 1}, {multiply, 1}}, true},
        {"Sub", {{add, 1}}},
        {"Sum", {{add, 1}}},
        {"Swish", {{exponential, 1}, {add, 1}, {divide, 1}, {multiply, 1}}, true},
        {"Tanh", {{exponential, 1}, {add, 2}, {divide, 1}}, true},
        {"ThresholdedRelu", {{compare, 1}}},
        {"Trilu", {{compare, 1}}},
        {"Where", {{compare, 1}}},
        {"Xor", {{compare, 1}}},
        {"perfwatt.Normalise", {{multiply, 1}, {add, 1}}},  // by what sums and scale come to
    };
    return table;
}

bool tabulated(DataType type) { return !is_floating(type) && bits(type) <= 8; }

}  // namespace

std::vector<VectorStep> elementwise_steps(const Graph& graph, const Node& node) {
    const DataType type = graph.tensor(node.outputs.front()).type;
    if (node.type == "Pow") {
        // A constant exponent is a square or a cube nearly always; another one costs an exponential
        // and a logarithm.
        const bool constant =
            node.inputs.size() > 1 && graph.tensor(node.inputs[1]).elements() == 1;
        if (constant) return {{multiply, 2}};
        return {{exponential, 2}, {multiply, 1}};
    }
    // What is divided by a trained or constant value is multiplied by its reciprocal.
    if (node.type == "Div" && node.inputs.size() > 1) {
        const TensorRole by = graph.tensor(node.inputs[1]).role;
        if (by == TensorRole::weight || by == TensorRole::constant) return {{multiply, 1}};
    }
    for (const Row& row : rows()) {
        if (row.type != node.type) continue;
        if (row.smooth && tabulated(type)) return {{table, 1}};
        std::vector<VectorStep> steps = row.steps;
        // Sum, Mean, Min and Max take any number of operands.
        if (node.inputs.size() > 2 && node.type != "Where" && node.type != "Clip")
            steps.front().per_element *= static_cast<double>(node.inputs.size() - 1);
        return steps;
    }
    if (tabulated(type)) return {{table, 1}};
    return {{exponential, 2}, {add, 4}};
}

ReduceCost reduce_steps(const Graph&, const Node& node, std::int64_t row) {
    const std::string_view type = node.type;
    const double once = 1.0 / static_cast<double>(row > 0 ? row : 1);
    if (type == "Softmax" || type == "LogSoftmax" || type == "Hardmax")
        return {{{compare, 1}, {add, 2}, {exponential, 1}, {multiply, 1}, {divide, once}}, 3};
    if (type == "RMSNormalization" || type == "LpNormalization")
        return {{{multiply, 3}, {add, 1}, {reciprocal_sqrt, once}}, 2};
    if (type == "com.microsoft.SkipSimplifiedLayerNormalization")
        return {{{multiply, 3}, {add, 2}, {reciprocal_sqrt, once}}, 2};
    if (type == "com.microsoft.SkipLayerNormalization")
        return {{{add, 5}, {multiply, 3}, {reciprocal_sqrt, once}}, 3};
    if (type == "LayerNormalization" || type == "InstanceNormalization" ||
        type == "GroupNormalization" || type == "MeanVarianceNormalization")
        return {{{add, 4}, {multiply, 3}, {reciprocal_sqrt, once}}, 3};
    if (type == "perfwatt.NormStatistics") return {{{add, 2}, {multiply, 1}}, 1};
    if (type == "BatchNormalization") return {{{multiply, 1}, {add, 1}}, 1};
    if (type == "LRN") {
        const auto size = static_cast<double>(node.integer("size", 5));
        return {{{multiply, 2}, {add, size}, {exponential, 2}}, 1};
    }
    if (type == "MaxPool" || type == "GlobalMaxPool" || type == "ReduceMax" || type == "ReduceMin")
        return {{{compare, 1}}, 1};
    if (type == "ArgMax" || type == "ArgMin") return {{{compare, 2}}, 1};
    if (type == "AveragePool" || type == "GlobalAveragePool" || type == "ReduceMean")
        return {{{add, 1}, {multiply, once}}, 1};
    if (type == "ReduceSum" || type == "CumSum") return {{{add, 1}}, 1};
    if (type == "ReduceProd") return {{{multiply, 1}}, 1};
    if (type == "ReduceL1") return {{{compare, 1}, {add, 1}}, 1};
    if (type == "ReduceSumSquare") return {{{multiply, 1}, {add, 1}}, 1};
    if (type == "ReduceL2" || type == "LpPool" || type == "GlobalLpPool")
        return {{{multiply, 1}, {add, 1}, {reciprocal_sqrt, once}}, 1};
    if (type == "ReduceLogSum") return {{{add, 1}, {exponential, once}}, 1};
    return {{{exponential, 1}, {add, 2}, {exponential, once}}, 2};  // ReduceLogSumExp and its like
}

}  // namespace perfwatt

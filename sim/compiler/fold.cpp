#include <fmt/format.h>

#include <map>

#include "sim/base/diagnostics.h"
#include "sim/compiler/passes.h"
#include "sim/graph/operators.h"

namespace perfwatt {
namespace {

bool is_convolution(const std::string& type) {
    return type == "Conv" || type == "ConvTranspose" || type == "Gemm" || type == "MatMul";
}

std::vector<int> uses_of(const Graph& graph) {
    std::vector<int> uses(graph.tensors.size(), 0);
    for (const Node& node : graph.nodes)
        for (const TensorId input : node.inputs)
            if (input.valid()) ++uses[input.index()];
    for (const TensorId output : graph.outputs) ++uses[output.index()];
    return uses;
}

/// Every input but the first is trained or constant.
bool only_weights_follow(const Graph& graph, const Node& node) {
    for (std::size_t i = 1; i < node.inputs.size(); ++i) {
        if (!node.inputs[i].valid()) continue;
        const TensorRole role = graph.tensor(node.inputs[i]).role;
        if (role != TensorRole::weight && role != TensorRole::constant) return false;
    }
    return true;
}

}  // namespace

std::vector<std::string> fold(Graph& graph) {
    const std::vector<int> uses = uses_of(graph);
    std::vector<int> producer(graph.tensors.size(), -1);
    std::vector<bool> dead(graph.nodes.size(), false);
    int normalisations = 0;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
        Node& node = graph.nodes[i];
        const int source =
            !node.inputs.empty() && node.inputs[0].valid() ? producer[node.inputs[0].index()] : -1;
        const bool folds = node.type == "BatchNormalization" && source >= 0 &&
                           is_convolution(graph.nodes[static_cast<std::size_t>(source)].type) &&
                           uses[node.inputs[0].index()] == 1 && only_weights_follow(graph, node);
        if (folds) {
            // Scale goes into the weights, the rest is a bias of one value a channel.
            Node& convolution = graph.nodes[static_cast<std::size_t>(source)];
            convolution.outputs[0] = node.outputs[0];
            if (convolution.inputs.size() < 3) convolution.inputs.push_back(node.inputs[2]);
            producer[node.outputs[0].index()] = source;
            dead[i] = true;
            ++normalisations;
            continue;
        }
        for (const TensorId output : node.outputs)
            if (output.valid()) producer[output.index()] = static_cast<int>(i);
    }
    std::vector<Node> kept;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i)
        if (!dead[i]) kept.push_back(std::move(graph.nodes[i]));
    graph.nodes = std::move(kept);
    std::vector<std::string> notes;
    if (normalisations > 0)
        notes.push_back(fmt::format("fold: {} BatchNormalization into the convolutions before them",
                                    normalisations));
    return notes;
}

void check_shapes(const Graph& graph) {
    std::vector<Diagnostic> wrong;
    for (const Node& node : graph.nodes) {
        const auto complain = [&](std::string message) {
            wrong.push_back({.severity = Severity::error,
                             .place = {.file = graph.file, .line = node.line, .column = 0},
                             .message = std::move(message),
                             .hint = {},
                             .source_line = {}});
        };
        const OperatorRow* row = find_operator(node.type);
        if (row == nullptr) {
            complain(fmt::format("operator '{}' of node '{}' is not known", node.type, node.name));
            continue;
        }
        if (row->kind == OperatorClass::fold)
            complain(
                fmt::format("operator '{}' of node '{}' depends on data and cannot be computed "
                            "ahead of the run",
                            node.type, node.name));
        for (const TensorId output : node.outputs) {
            if (!output.valid()) continue;
            for (const std::int64_t extent : graph.tensor(output).shape)
                if (extent < 0)
                    complain(fmt::format("the shape of '{}', made by {} '{}', is not known",
                                         graph.tensor(output).name, node.type, node.name));
        }
    }
    if (!wrong.empty()) throw UserError(std::move(wrong));
}

void quantise(Graph& graph, const Precision& precision) {
    // A weight is narrow if a contraction multiplies with it or if it is a table that is looked up;
    // biases, scales and the like stay as wide as the accumulators or activations.
    std::vector<bool> multiplied(graph.tensors.size(), false);
    for (const Node& node : graph.nodes) {
        const OperatorClass kind = operator_class(node);
        const bool contraction = kind == OperatorClass::contraction;
        const bool table = node.type == "Gather";
        if (!contraction && !table) continue;
        const std::size_t first = table || node.type == "MatMul" || node.type == "Einsum" ? 0 : 1;
        const std::size_t last = node.type == "LSTM" || node.type == "GRU" || node.type == "RNN"
                                     ? 3
                                     : std::min<std::size_t>(2, node.inputs.size());
        for (std::size_t i = first; i < std::min(last, node.inputs.size()); ++i)
            if (node.inputs[i].valid()) multiplied[node.inputs[i].index()] = true;
    }
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        Tensor& tensor = graph.tensors[i];
        if (!is_floating(tensor.type)) continue;
        if (tensor.wanted_type) {
            tensor.type = *tensor.wanted_type;
            continue;
        }
        const bool trained = tensor.role == TensorRole::weight;
        if (trained && multiplied[i]) {
            tensor.type = precision.weights;
        } else if (trained || tensor.role == TensorRole::constant) {
            tensor.type =
                is_floating(precision.activations) ? precision.activations : precision.accumulators;
        } else {
            tensor.type = precision.activations;
        }
    }
}

}  // namespace perfwatt

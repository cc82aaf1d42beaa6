#include <algorithm>
#include <numeric>
#include <set>

#include "sim/compiler/lowerer.h"
#include "sim/compiler/vector_steps.h"
#include "sim/graph/operators.h"

namespace perfwatt {

void Lowerer::rows(const FusionGroup& group, const Node& node) {
    Kernel made = kernel(node);
    const bool reduces = operator_class(node) == OperatorClass::reduce;
    const std::int64_t elements =
        reduces ? tensor(node.inputs[0]).elements() : tensor(node.outputs[0]).elements();
    std::vector<VectorStep> steps;
    std::set<TensorId> inside;
    std::set<TensorId> seen;
    std::int64_t passes = 1;
    std::int64_t row = 1;
    bool any_reduction = false;
    const auto take = [&](const Node& member) {
        const OperatorClass kind = operator_class(member);
        const std::int64_t count = tensor(member.outputs[0]).elements();
        const double share = static_cast<double>(count) / static_cast<double>(elements);
        if (kind == OperatorClass::reduce) {
            any_reduction = true;
            row = std::max(row, row_of(member));
            const ReduceCost cost = reduce_steps(graph_, member, row_of(member));
            steps.insert(steps.end(), cost.steps.begin(), cost.steps.end());
            passes += cost.passes;
        }
        apply(member, inside, seen, made, steps, share);
    };
    take(node);
    for (const NodeId id : group.followers) take(graph_.nodes[id.index()]);
    const DataType type = tensor(group.output).type;
    if (narrow_integer(type)) {
        steps.push_back({VectorOp::multiply, 1});
        steps.push_back({VectorOp::convert, 1});
    }
    if (any_reduction) {
        made.work = Reduce{.elements = elements,
                           .row = row,
                           .passes = std::max<std::int64_t>(1, passes - 1),
                           .type = type,
                           .steps = std::move(steps)};
    } else {
        made.work = Elementwise{.elements = elements, .type = type, .steps = std::move(steps)};
    }
    made.outputs = {operand(group.output)};
    add(std::move(made));
}

std::int64_t Lowerer::row_of(const Node& node) const {
    const Shape& shape = tensor(node.inputs[0]).shape;
    const auto product = [&](std::size_t from) {
        return std::accumulate(
            shape.begin() + static_cast<std::ptrdiff_t>(std::min(from, shape.size())), shape.end(),
            std::int64_t{1}, std::multiplies<>());
    };
    if (node.type == "Softmax" || node.type == "LogSoftmax" || node.type == "Hardmax")
        return std::max<std::int64_t>(1, node.integer("row", 1));
    if (node.type == "LayerNormalization" || node.type == "RMSNormalization" ||
        node.type == "LpNormalization") {
        const std::int64_t axis = node.integer("axis", -1);
        const auto rank = static_cast<std::int64_t>(shape.size());
        return product(static_cast<std::size_t>(axis < 0 ? axis + rank : axis));
    }
    if (node.type == "com.microsoft.SkipLayerNormalization" ||
        node.type == "com.microsoft.SkipSimplifiedLayerNormalization")
        return shape.empty() ? 1 : shape.back();
    if (node.type == "InstanceNormalization") return product(2);
    if (node.type == "GroupNormalization")
        return product(1) / std::max<std::int64_t>(1, node.integer("num_groups", 1));
    if (node.type == "CumSum" || node.type == "LRN" || node.type == "BatchNormalization") return 1;
    if (node.type == "MeanVarianceNormalization") return product(1);
    const auto window = node.integers("kernel_shape", {});
    if (!window.empty())
        return std::accumulate(window.begin(), window.end(), std::int64_t{1}, std::multiplies<>());
    const std::int64_t made = tensor(node.outputs[0]).elements();
    return std::max<std::int64_t>(
        1, tensor(node.inputs[0]).elements() / std::max<std::int64_t>(1, made));
}

Reduce Lowerer::pooling(const Node& node) const {
    const bool windows = !node.integers("kernel_shape", {}).empty();
    const std::int64_t row = row_of(node);
    const std::int64_t out = tensor(node.outputs[0]).elements();
    ReduceCost cost = reduce_steps(graph_, node, row);
    const DataType type = tensor(node.outputs[0]).type;
    const std::int64_t elements = windows ? out * row : tensor(node.inputs[0]).elements();
    if (narrow_integer(type) && node.type != "MaxPool" && node.type != "GlobalMaxPool") {
        const double share = static_cast<double>(out) / static_cast<double>(elements);
        cost.steps.push_back({VectorOp::multiply, share});
        cost.steps.push_back({VectorOp::convert, share});
    }
    return {.elements = elements,
            .row = row,
            .passes = cost.passes,
            .type = type,
            .steps = std::move(cost.steps)};
}

void Lowerer::reduce(const Node& node) {
    Kernel made = kernel(node);
    made.work = pooling(node);
    for (const TensorId input : node.inputs)
        if (input.valid() && !immediate(input)) made.inputs.push_back(operand(input));
    for (const TensorId output : node.outputs)
        if (output.valid()) made.outputs.push_back(operand(output));
    add(std::move(made));
}

}  // namespace perfwatt

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "sim/base/diagnostics.h"
#include "sim/compiler/lowerer.h"
#include "sim/compiler/vector_steps.h"
#include "sim/graph/operators.h"

namespace perfwatt {

void Lowerer::contraction(const FusionGroup& group, const Node& node) {
    LoweredContraction lowered = lower_contraction(graph_, node, precision_);
    Kernel made = kernel(node);
    made.inputs = {operand(lowered.first), operand(lowered.second)};
    std::vector<VectorStep> steps;
    std::set<TensorId> inside(node.outputs.begin(), node.outputs.end());
    std::set<TensorId> seen = {lowered.first, lowered.second};
    for (const TensorId id : lowered.rest) {
        if (!id.valid()) continue;
        steps.push_back({VectorOp::add, 1});
        made.inputs.push_back(operand(id));
    }
    for (const NodeId id : group.followers) {
        const Node& follower = graph_.nodes[id.index()];
        apply(follower, inside, seen, made, steps, 1);
    }
    const DataType out_type = tensor(group.output).type;
    lowered.work.output_type = out_type;
    if (group.pooling) made.fused_pooling = {pooling(graph_.nodes[group.pooling->index()])};
    if (narrow_integer(out_type)) steps.push_back({VectorOp::multiply, 1});  // the new scale
    if (out_type != precision_.accumulators) steps.push_back({VectorOp::convert, 1});
    const std::int64_t elements = lowered.work.output_elements();
    if (!steps.empty() && !lowered.transposed_sum)
        made.epilogue.push_back(
            {.elements = elements, .type = precision_.accumulators, .steps = steps});
    if (lowered.transposed_sum) {
        transposed(node, std::move(made), lowered, steps);
        return;
    }
    made.work = lowered.work;
    made.outputs = {operand(group.output)};
    add(std::move(made), macs(graph_, node));
}

void Lowerer::attention(const FoundAttention& found) {
    Kernel made = kernel_of(graph_, found);
    std::int64_t products = 0;
    for (const NodeId member : found.members) {
        const Node& node = graph_.nodes[member.index()];
        if (operator_class(node) == OperatorClass::contraction) products += macs(graph_, node);
    }
    made.name = graph_.nodes[found.values.index()].name;
    made.operator_type = "Attention";
    PERFWATT_CHECK(products == found.work.macs(), "attention of other MACs than its products");
    add(std::move(made), products);
}

void Lowerer::transposed(const Node& node, Kernel made, const LoweredContraction& lowered,
                         std::vector<VectorStep> steps) {
    const std::int64_t products = lowered.work.output_elements();
    const TensorId sums = temporary(node.name + ".products", {products},
                                    tensor(node.outputs[0]).type, TensorRole::activation);
    made.work = lowered.work;
    made.outputs = {operand(sums)};
    const std::vector<Operand> biases(made.inputs.begin() + 2, made.inputs.end());
    made.inputs.resize(2);
    add(std::move(made), macs(graph_, node));
    Kernel sum = kernel(node);
    const std::int64_t out = std::max<std::int64_t>(1, tensor(node.outputs[0]).elements());
    for (VectorStep& step : steps)
        step.per_element *= static_cast<double>(out) / static_cast<double>(products);
    steps.push_back({VectorOp::add, 1});
    sum.work = Reduce{.elements = products,
                      .row = std::max<std::int64_t>(1, products / out),
                      .passes = 1,
                      .type = precision_.accumulators,
                      .steps = steps};
    sum.inputs = {operand(sums)};
    sum.inputs.insert(sum.inputs.end(), biases.begin(), biases.end());
    sum.outputs = {operand(node.outputs[0])};
    add(std::move(sum));
}

void Lowerer::apply(const Node& follower, std::set<TensorId>& inside, std::set<TensorId>& seen,
                    Kernel& made, std::vector<VectorStep>& steps, double share) {
    if (operator_class(follower) == OperatorClass::elementwise)
        for (VectorStep step : elementwise_steps(graph_, follower)) {
            step.per_element *= share;
            steps.push_back(step);
        }
    for (const TensorId input : follower.inputs) {
        if (!input.valid() || inside.contains(input) || immediate(input)) continue;
        if (seen.insert(input).second) made.inputs.push_back(operand(input));
    }
    inside.insert(follower.outputs.begin(), follower.outputs.end());
}

void Lowerer::recurrent(const Node& node) {
    const std::int64_t hidden = node.integer("hidden_size", 1);
    const std::int64_t gates = node.integer("gates", 1);
    const std::int64_t directions = node.integer("directions", 1);
    const std::int64_t steps = node.integer("steps", 1);
    const std::int64_t batch = node.integer("batch", 1);
    const DataType type = tensor(node.inputs[0]).type;
    const auto activation = [&](const char* what, std::int64_t elements, TensorRole role) {
        return temporary(fmt::format("{}.{}", node.name, what), {elements}, type, role);
    };
    const auto product = [&](TensorId first, TensorId second, TensorId out, std::int64_t p,
                             std::int64_t c) {
        Kernel made = kernel(node);
        Contraction work{.g = directions, .p = p, .k = gates * hidden, .c = c, .input_h = p};
        work.first_type = tensor(first).type;
        work.second_type = tensor(second).type;
        work.second_sparsity = tensor(second).sparsity;
        work.accumulator_type = precision_.accumulators;
        work.output_type = type;
        made.work = work;
        made.inputs = {operand(first), operand(second)};
        made.outputs = {operand(out)};
        made.epilogue.push_back({.elements = work.output_elements(),
                                 .type = precision_.accumulators,
                                 .steps = {{VectorOp::add, 1}, {VectorOp::convert, 1}}});
        add(std::move(made), work.macs());
    };
    const std::int64_t state = directions * batch * hidden;
    const TensorId inputs = activation("inputs", gates * state * steps, TensorRole::activation);
    product(node.inputs[0], node.inputs[1], inputs, steps * batch, node.integer("input_size", 1));
    const bool whole = !node.outputs.empty() && node.outputs[0].valid();
    const TensorId all =
        whole ? node.outputs[0] : activation("hidden", state * steps, TensorRole::activation);
    TensorId last = activation("hidden0", state, TensorRole::state);
    TensorId cell = activation("cell0", state, TensorRole::state);
    for (std::int64_t step = 0; step < steps; ++step) {
        const TensorId sums = activation("gates", gates * state, TensorRole::activation);
        product(last, node.inputs[2], sums, batch, hidden);
        const TensorId part = activation("part", gates * state, TensorRole::activation);
        view(inputs, part, step * tensor(part).bytes());
        const TensorId next = activation("hidden", state, TensorRole::activation);
        view(all, next, step * tensor(next).bytes());
        const TensorId kept = activation("cell", state, TensorRole::activation);
        gate(node, sums, part, cell, next, kept, state);
        last = next;
        cell = kept;
    }
    if (node.outputs.size() > 1 && node.outputs[1].valid()) view(last, node.outputs[1], 0);
    if (node.outputs.size() > 2 && node.outputs[2].valid()) view(cell, node.outputs[2], 0);
}

void Lowerer::gate(const Node& node, TensorId sums, TensorId part, TensorId cell, TensorId next,
                   TensorId kept, std::int64_t state) {
    const bool table = narrow_integer(tensor(next).type) && bits(tensor(next).type) <= 8;
    const double functions = node.type == "LSTM" ? 5 : node.type == "GRU" ? 3 : 1;
    const double products = node.type == "RNN" ? 0 : 3;
    const auto gates = static_cast<double>(node.integer("gates", 1));
    std::vector<VectorStep> steps = {{VectorOp::multiply, products}, {VectorOp::add, gates + 1}};
    if (table) {
        steps.push_back({VectorOp::table, functions});
    } else {
        steps.push_back({VectorOp::exponential, functions});
        steps.push_back({VectorOp::add, functions});
        steps.push_back({VectorOp::divide, functions});
    }
    Kernel made = kernel(node);
    made.work = Elementwise{.elements = state, .type = precision_.activations, .steps = steps};
    made.inputs = {operand(sums), operand(part), operand(cell)};
    made.outputs = {operand(next), operand(kept)};
    add(std::move(made));
}

}  // namespace perfwatt

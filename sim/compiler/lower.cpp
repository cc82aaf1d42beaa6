#include <fmt/format.h>

#include <map>
#include <set>

#include "sim/base/diagnostics.h"
#include "sim/compiler/lowerer.h"
#include "sim/graph/operators.h"

namespace perfwatt {

Lowerer::Lowerer(Graph& graph, const Precision& precision) : graph_(graph), precision_(precision) {
    for (std::size_t i = 0; i < graph.tensors.size(); ++i)
        out_.aliases.push_back({.root = {static_cast<std::int32_t>(i)}, .offset_bytes = 0});
    leaves_.insert(graph.outputs.begin(), graph.outputs.end());
}

Lowered Lowerer::run(const std::vector<FusionGroup>& groups) {
    std::vector<Diagnostic> wrong;
    for (const FusionGroup& group : groups) {
        node_ = group.anchor.value;
        try {
            lower(group);
        } catch (const UserError& error) {
            wrong.insert(wrong.end(), error.diagnostics().begin(), error.diagnostics().end());
        }
    }
    if (!wrong.empty()) throw UserError(std::move(wrong));
    tell_apart();
    resolve();
    return std::move(out_);
}

void Lowerer::lower(const FusionGroup& group) {
    if (group.attention) {
        attention(*group.attention);
        return;
    }
    const Node node = graph_.nodes[group.anchor.index()];
    switch (operator_class(node)) {
        case OperatorClass::contraction:
            if (node.type == "LSTM" || node.type == "GRU" || node.type == "RNN")
                recurrent(node);
            else
                contraction(group, node);
            return;
        case OperatorClass::elementwise:
            rows(group, node);
            return;
        case OperatorClass::reduce:
            if (group.followers.empty())
                reduce(node);
            else
                rows(group, node);
            return;
        case OperatorClass::move:
            move(node);
            return;
        case OperatorClass::view:
            view(node.inputs[0], node.outputs[0], 0);
            return;
        case OperatorClass::host:
            host(node);
            return;
        case OperatorClass::fold:
            break;
    }
    check_failed("lowered", __FILE__, __LINE__, node.type + " left in the graph");
}

Operand Lowerer::operand(TensorId id) const {
    const Tensor& own = tensor(id);
    return {.tensor = id,
            .bytes = own.bytes(),
            .role = own.role,
            .plain_bytes = own.stored > 0 ? own.plain_bytes() : 0};
}

bool Lowerer::immediate(TensorId id) const {
    const Tensor& of = tensor(id);
    return of.elements() <= 1 && (of.role == TensorRole::weight || of.role == TensorRole::constant);
}

Kernel Lowerer::kernel(const Node& node) const {
    Kernel made;
    made.name = node.name;
    made.operator_type = node.type;
    return made;
}

void Lowerer::add(Kernel made, std::int64_t graph_macs) {
    out_.kernels.push_back(std::move(made));
    out_.node_of.push_back(node_);
    out_.macs.push_back(graph_macs);
}

TensorId Lowerer::temporary(std::string name, Shape shape, DataType type, TensorRole role) {
    const TensorId id = graph_.add(Tensor{.name = std::move(name),
                                          .shape = std::move(shape),
                                          .type = type,
                                          .role = role,
                                          .values = {}});
    out_.aliases.push_back({.root = id, .offset_bytes = 0});
    return id;
}

Alias Lowerer::resolved(TensorId id) const {
    Alias at{.root = id, .offset_bytes = 0};
    while (out_.aliases[at.root.index()].root != at.root) {
        const Alias& next = out_.aliases[at.root.index()];
        at = {.root = next.root, .offset_bytes = at.offset_bytes + next.offset_bytes};
    }
    return at;
}

void Lowerer::resolve() {
    std::vector<Alias> all;
    for (std::size_t i = 0; i < out_.aliases.size(); ++i)
        all.push_back(resolved({static_cast<std::int32_t>(i)}));
    out_.aliases = std::move(all);
    for (Kernel& made : out_.kernels)
        for (auto* list : {&made.inputs, &made.outputs})
            for (Operand& operand : *list)
                operand.role = tensor(out_.aliases[operand.tensor.index()].root).role;
}

void Lowerer::tell_apart() {
    std::set<std::string> taken;
    std::map<std::string, int> uses;
    for (const Kernel& made : out_.kernels) taken.insert(made.name);
    for (Kernel& made : out_.kernels) {
        int& use = uses[made.name];
        if (++use == 1) continue;
        std::string name = fmt::format("{}#{}", made.name, use);
        while (!taken.insert(name).second) name = fmt::format("{}#{}", made.name, ++use);
        made.name = std::move(name);
    }
}

void Lowerer::view(TensorId from, TensorId to, std::int64_t offset) {
    out_.aliases[to.index()] = {.root = from, .offset_bytes = offset};
}

void Lowerer::host(const Node& node) {
    Kernel made = kernel(node);
    HostWork work;
    for (const TensorId input : node.inputs) {
        if (!input.valid()) continue;
        const std::int64_t elements = tensor(input).elements();
        std::int64_t levels = 1;
        while ((std::int64_t{1} << levels) < elements) ++levels;
        work.operations += elements * levels;
        work.bytes += tensor(input).bytes();
        made.inputs.push_back(operand(input));
    }
    for (const TensorId output : node.outputs) {
        if (!output.valid()) continue;
        work.operations += tensor(output).elements();
        work.bytes += tensor(output).bytes();
        made.outputs.push_back(operand(output));
    }
    made.work = work;
    add(std::move(made));
}

Lowered lower(Graph& graph, const std::vector<FusionGroup>& groups, const Precision& precision) {
    return Lowerer(graph, precision).run(groups);
}

}  // namespace perfwatt

#include "sim/graph/graph_builder.h"

#include "sim/base/diagnostics.h"
#include "sim/graph/canonical_order.h"
#include "sim/graph/infer.h"
#include "sim/graph/operators.h"

namespace perfwatt {

GraphBuilder::GraphBuilder(std::string name, std::string file) {
    graph_.name = std::move(name);
    graph_.file = std::move(file);
}

TensorId GraphBuilder::input(std::string name, Shape shape, DataType type) {
    require_sane(shape);
    const TensorId id = graph_.add(Tensor{.name = std::move(name),
                                          .shape = std::move(shape),
                                          .type = type,
                                          .role = TensorRole::input,
                                          .values = {}});
    graph_.inputs.push_back(id);
    return id;
}

TensorId GraphBuilder::weight(std::string name, Shape shape) {
    require_sane(shape);
    return graph_.add(Tensor{.name = std::move(name),
                             .shape = std::move(shape),
                             .type = DataType::fp32,
                             .role = TensorRole::weight,
                             .values = {}});
}

TensorId GraphBuilder::constant(std::string name, std::vector<std::int64_t> values) {
    return graph_.add(Tensor{.name = std::move(name),
                             .shape = {static_cast<std::int64_t>(values.size())},
                             .type = DataType::int64,
                             .role = TensorRole::constant,
                             .values = std::move(values)});
}

TensorId GraphBuilder::state(std::string name, Shape shape) {
    require_sane(shape);
    return graph_.add(Tensor{.name = std::move(name),
                             .shape = std::move(shape),
                             .type = DataType::fp32,
                             .role = TensorRole::state,
                             .values = {}});
}

TensorId GraphBuilder::add(const std::string& name, const std::string& type,
                           std::vector<TensorId> inputs,
                           std::map<std::string, Attribute> attributes) {
    const OperatorRow* row = find_operator(type);
    PERFWATT_CHECK(row != nullptr, "operator '" + type + "' has no row");
    Node node{.name = name,
              .type = type,
              .inputs = std::move(inputs),
              .outputs = {},
              .attributes = std::move(attributes),
              .line = line_};
    InferContext context(node);
    for (const TensorId id : node.inputs) {
        if (id.valid())
            context.inputs.push_back(
                {.shape = graph_.tensor(id).shape, .type = graph_.tensor(id).type});
        else
            context.inputs.push_back({.present = false});
    }
    row->infer(context);
    PERFWATT_CHECK(context.outputs.size() == 1, type + " does not have one output");
    require_sane(context.outputs[0].first);
    const TensorId output = graph_.add(Tensor{.name = name,
                                              .shape = context.outputs[0].first,
                                              .type = context.outputs[0].second,
                                              .role = TensorRole::activation,
                                              .values = {}});
    node.outputs.push_back(output);
    graph_.add(std::move(node));
    (void)macs(graph_, graph_.nodes.back());  // throws where they overflow
    return output;
}

TensorId GraphBuilder::linear(const std::string& name, TensorId x, Linear layer) {
    if (shape(x).empty()) throw ShapeError("a linear layer needs at least one dimension");
    const TensorId weights = weight(name + ".weight", {shape(x).back(), layer.features});
    const TensorId product = add(name, "MatMul", {x, weights});
    if (!layer.bias) return product;
    return add(name + ".bias", "Add", {product, weight(name + ".bias", {layer.features})});
}

TensorId GraphBuilder::norm(const std::string& name, TensorId x, Norm kind) {
    if (shape(x).empty()) throw ShapeError("a norm needs at least one dimension");
    const std::int64_t size = shape(x).back();
    const TensorId scale = weight(name + ".scale", {size});
    if (kind == Norm::rms) return add(name, "RMSNormalization", {x, scale});
    return add(name, "LayerNormalization", {x, scale, weight(name + ".bias", {size})});
}

Graph GraphBuilder::finish(const std::vector<TensorId>& outputs) {
    for (const TensorId id : outputs) {
        Tensor& tensor = graph_.tensor(id);
        if (tensor.role == TensorRole::activation) tensor.role = TensorRole::output;
        graph_.outputs.push_back(id);
    }
    Graph result = canonical_order(graph_);
    (void)macs(result);
    return result;
}

}  // namespace perfwatt

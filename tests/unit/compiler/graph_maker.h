#pragma once

#include <string>
#include <vector>

#include "sim/graph/graph.h"

namespace perfwatt {

/// Builds small graphs with resolved attributes, as the importers leave them.
class GraphMaker {
  public:
    explicit GraphMaker(std::string prefix = "n") : prefix_(std::move(prefix)) {
        graph_.name = "test";
        graph_.file = "test.onnx";
    }

    TensorId tensor(Shape shape, TensorRole role = TensorRole::activation,
                    DataType type = DataType::fp32) {
        return graph_.add(Tensor{.name = prefix_ + "_t" + std::to_string(graph_.tensors.size()),
                                 .shape = std::move(shape),
                                 .type = type,
                                 .role = role,
                                 .values = {}});
    }
    TensorId input(Shape shape) {
        graph_.inputs.push_back(tensor(std::move(shape), TensorRole::input));
        return graph_.inputs.back();
    }
    TensorId weight(Shape shape) { return tensor(std::move(shape), TensorRole::weight); }

    TensorId node(const std::string& type, const std::vector<TensorId>& inputs, Shape output,
                  std::map<std::string, Attribute> attributes = {}) {
        const TensorId made = tensor(std::move(output));
        nodes(type, inputs, {made}, std::move(attributes));
        return made;
    }
    void nodes(const std::string& type, std::vector<TensorId> inputs, std::vector<TensorId> outputs,
               std::map<std::string, Attribute> attributes = {}) {
        graph_.add(Node{.name = prefix_ + std::to_string(graph_.nodes.size()),
                        .type = type,
                        .inputs = std::move(inputs),
                        .outputs = std::move(outputs),
                        .attributes = std::move(attributes),
                        .line = 0});
    }

    /// Padded to keep the size, divided by the stride.
    TensorId conv(TensorId from, std::int64_t k, std::int64_t taps, std::int64_t stride = 1,
                  std::int64_t group = 1) {
        const Shape in = graph_.tensor(from).shape;
        using List = std::vector<std::int64_t>;
        const std::int64_t pad = taps / 2;
        return node("Conv", {from, weight({k, in[1] / group, taps, taps})},
                    {in[0], k, (in[2] + stride - 1) / stride, (in[3] + stride - 1) / stride},
                    {{"kernel_shape", List{taps, taps}},
                     {"strides", List{stride, stride}},
                     {"dilations", List{1, 1}},
                     {"pads", List{pad, pad, pad, pad}},
                     {"group", group}});
    }
    TensorId same(const std::string& type, const std::vector<TensorId>& inputs) {
        return node(type, inputs, graph_.tensor(inputs[0]).shape);
    }
    TensorId batch_norm(TensorId from) {
        const std::int64_t c = graph_.tensor(from).shape[1];
        return node("BatchNormalization",
                    {from, weight({c}), weight({c}), weight({c}), weight({c})},
                    graph_.tensor(from).shape);
    }
    TensorId matmul(TensorId from, std::int64_t k) {
        Shape shape = graph_.tensor(from).shape;
        const std::int64_t c = shape.back();
        shape.back() = k;
        return node("MatMul", {from, weight({c, k})}, shape);
    }
    void output(TensorId id) {
        graph_.tensor(id).role = TensorRole::output;
        graph_.outputs.push_back(id);
    }
    const Shape& shape(TensorId id) const { return graph_.tensor(id).shape; }
    Graph take() { return std::move(graph_); }
    Graph& graph() { return graph_; }

  private:
    std::string prefix_;
    Graph graph_;
};

}  // namespace perfwatt

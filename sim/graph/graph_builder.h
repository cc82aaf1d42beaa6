#pragma once

#include <map>
#include <string>
#include <vector>

#include "sim/graph/graph.h"

namespace perfwatt {

/// Builds a graph operator by operator; shapes are inferred by the operators' rows.
class GraphBuilder {
  public:
    GraphBuilder(std::string name, std::string file);

    TensorId input(std::string name, Shape shape, DataType type = DataType::fp32);
    TensorId weight(std::string name, Shape shape);
    TensorId constant(std::string name, std::vector<std::int64_t> values);
    TensorId state(std::string name, Shape shape);

    /// Adds an operator of one output; throws ShapeError where the shapes do not fit.
    TensorId add(const std::string& name, const std::string& type, std::vector<TensorId> inputs,
                 std::map<std::string, Attribute> attributes = {});

    /// x [..., k] times a weight of k x features, and a bias.
    struct Linear {
        std::int64_t features = 1;
        bool bias = true;
    };
    TensorId linear(const std::string& name, TensorId x, Linear layer);

    /// Normalises the last dimension; norms of layers have a bias, those by root mean square none.
    enum class Norm { layer, rms };
    TensorId norm(const std::string& name, TensorId x, Norm kind);

    [[nodiscard]] const Shape& shape(TensorId id) const { return graph_.tensor(id).shape; }
    void set_role(TensorId id, TensorRole role) { graph_.tensor(id).role = role; }
    /// Of 1000 values, this many are zero, anywhere; hardware that can stores runs of them.
    void set_zeros(TensorId id, std::int64_t per_mille) {
        Tensor& tensor = graph_.tensor(id);
        tensor.sparsity = {
            .pattern = Sparsity::Pattern::unstructured, .kept = 1000 - per_mille, .of = 1000};
        tensor.storage.format = WeightFormat::run_length;
    }
    /// The line of the file that the next operators come from.
    void set_line(int line) { line_ = line; }

    /// The graph in canonical order, with these results.
    [[nodiscard]] Graph finish(const std::vector<TensorId>& outputs);

  private:
    Graph graph_;
    int line_ = 0;
};

}  // namespace perfwatt

#pragma once

#include <set>
#include <string>
#include <vector>

#include "sim/compiler/lower_contraction.h"
#include "sim/compiler/passes.h"

namespace perfwatt {

/// Whether values are scaled anew into a type of few bits.
inline bool narrow_integer(DataType type) { return !is_floating(type) && bits(type) <= 16; }

/// lower() at work. Operators that multiply are lowered in lower_product.cpp, those that go over
/// rows in lower_rows.cpp, those that only move in lower_move.cpp.
class Lowerer {
  public:
    Lowerer(Graph& graph, const Precision& precision);
    Lowered run(const std::vector<FusionGroup>& groups);

  private:
    const Tensor& tensor(TensorId id) const { return graph_.tensor(id); }
    void lower(const FusionGroup& group);
    Operand operand(TensorId id) const;
    /// One-element constants travel with the command.
    [[nodiscard]] bool immediate(TensorId id) const;
    Kernel kernel(const Node& node) const;
    void add(Kernel made, std::int64_t graph_macs = 0);
    TensorId temporary(std::string name, Shape shape, DataType type, TensorRole role);
    [[nodiscard]] Alias resolved(TensorId id) const;
    void resolve();
    /// Mappings are kept by kernel name: the second kernel of an operator is `name#2`, and so on.
    void tell_apart();
    void view(TensorId from, TensorId to, std::int64_t offset);
    /// Sorting and suppression look at each element a logarithmic number of times.
    void host(const Node& node);

    // Products.

    void contraction(const FusionGroup& group, const Node& node);
    /// Named after the product with the values.
    void attention(const FoundAttention& found);
    /// The overlapping results of a transposed convolution are added up by the vector unit.
    void transposed(const Node& node, Kernel made, const LoweredContraction& lowered,
                    std::vector<VectorStep> steps);
    /// Adds a follower's steps and the operands it brings from outside.
    void apply(const Node& follower, std::set<TensorId>& inside, std::set<TensorId>& seen,
               Kernel& made, std::vector<VectorStep>& steps, double share);
    /// One product for the inputs of all steps, then step by step the product with the last state
    /// and the gates.
    void recurrent(const Node& node);
    /// LSTM: three sigmoids, two tanh, three products, one sum a state element; GRU: two and one;
    /// a plain network one tanh. Each also adds the inputs' part, gate by gate.
    void gate(const Node& node, TensorId sums, TensorId part, TensorId cell, TensorId next,
              TensorId kept, std::int64_t state);

    // Element by element and row by row.

    void rows(const FusionGroup& group, const Node& node);
    /// Elements that one result of a reducing node depends on.
    [[nodiscard]] std::int64_t row_of(const Node& node) const;
    /// Of pooling and of what reduces all of an input.
    [[nodiscard]] Reduce pooling(const Node& node) const;
    void reduce(const Node& node);

    // Moves.

    void move(const Node& node);
    [[nodiscard]] std::int64_t gather_run(const Node& node) const;
    void copy(const Node& node, TensorId from, TensorId to, std::int64_t size, std::int64_t run);
    /// Axes of one element do not matter, and activations are kept with their channels innermost,
    /// so that a change between channels first and channels last moves nothing next to a
    /// convolution.
    void transpose(const Node& node);
    [[nodiscard]] bool made_by_convolution(TensorId id) const;
    /// Directly, or behind `steps` element-wise operators at most.
    [[nodiscard]] bool feeds_convolution(TensorId id, int steps) const;
    /// The parts are made where they belong in the whole, which is kept as blocks one after the
    /// other; what cannot be made there is copied.
    void concat(const Node& node);
    void split(const Node& node);
    void slice(const Node& node);
    /// The new rows go behind the old ones, head by head; the rest of the cache stays in place.
    void append(const Node& node);

    Graph& graph_;
    const Precision& precision_;
    Lowered out_;
    std::set<TensorId> leaves_;
    int node_ = 0;
};

}  // namespace perfwatt

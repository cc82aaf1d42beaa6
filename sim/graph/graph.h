#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sim/base/data_type.h"
#include "sim/base/sparsity.h"
#include "sim/base/strong_id.h"

namespace perfwatt {

using TensorId = StrongId<struct TensorTag>;
using NodeId = StrongId<struct NodeTag>;

using Shape = std::vector<std::int64_t>;

[[nodiscard]] std::int64_t element_count(const Shape& shape);

/// What a tensor is to the network; decides where it lives and whether it is loaded each time.
enum class TensorRole : std::uint8_t {
    input,       ///< given to each inference
    output,      ///< a result of the network
    weight,      ///< trained, the same for every inference
    activation,  ///< made and used within one inference
    state,       ///< kept from one step to the next: key/value caches, recurrent state
    constant,    ///< a small known value (shape arithmetic, axes)
};

/// Known before any inference.
[[nodiscard]] constexpr bool is_trained(TensorRole role) {
    return role == TensorRole::weight || role == TensorRole::constant;
}

/// How a tensor of weights is to be kept, where the hardware can read it so.
struct WeightStorage {
    WeightFormat format = WeightFormat::plain;
    std::int64_t ratio_thousandths = 1000;  ///< of `compressed`: plain bytes over stored ones
    std::int64_t row = 1;                   ///< values along the reduction, for `csr`
};

struct Tensor {
    std::string name;  ///< for messages only: no result depends on it
    Shape shape;
    DataType type = DataType::fp32;
    TensorRole role = TensorRole::activation;
    /// Known integer contents of a shape computation; empty otherwise.
    std::optional<std::vector<std::int64_t>> values;
    std::optional<DataType> wanted_type = {};  ///< whatever the network's precision
    Sparsity sparsity = {};
    WeightStorage storage = {};
    std::int64_t stored = 0;  ///< bytes, where `storage` is used; 0: plain

    [[nodiscard]] std::int64_t elements() const { return element_count(shape); }
    [[nodiscard]] std::int64_t plain_bytes() const { return perfwatt::bytes(type, elements()); }
    /// As it lies in memory.
    [[nodiscard]] std::int64_t bytes() const { return stored > 0 ? stored : plain_bytes(); }
};

/// An attribute of an operator, after ONNX: integer, real, text or a list of integers.
using Attribute = std::variant<std::int64_t, double, std::string, std::vector<std::int64_t>>;

/// One operator. `type` is ONNX's operator name ("Conv", "MatMul", "Softmax"), or one of the
/// project's own ("perfwatt.Attention" …), listed in sim/graph/operators.h.
struct Node {
    std::string name;  ///< for messages only
    std::string type;
    std::vector<TensorId> inputs;  ///< an absent optional input is an invalid id
    std::vector<TensorId> outputs;
    std::map<std::string, Attribute> attributes;
    int line = 0;  ///< in a YAML network; 0 elsewhere

    [[nodiscard]] std::int64_t integer(const std::string& key, std::int64_t otherwise) const;
    [[nodiscard]] std::vector<std::int64_t> integers(const std::string& key,
                                                     std::vector<std::int64_t> otherwise) const;
    [[nodiscard]] double real(const std::string& key, double otherwise) const;
    [[nodiscard]] std::string text(const std::string& key, std::string otherwise) const;
    /// Whether it works step by step through a sequence, with a state.
    [[nodiscard]] bool is_recurrent() const;
};

/// A neural network: operators in a topological order, every shape known.
struct Graph {
    std::string name;
    std::string file;  ///< where it came from, for messages
    std::vector<Tensor> tensors;
    std::vector<Node> nodes;
    std::vector<TensorId> inputs;
    std::vector<TensorId> outputs;

    [[nodiscard]] const Tensor& tensor(TensorId id) const { return tensors[id.index()]; }
    [[nodiscard]] Tensor& tensor(TensorId id) { return tensors[id.index()]; }
    TensorId add(Tensor tensor);
    NodeId add(Node node);
};

}  // namespace perfwatt

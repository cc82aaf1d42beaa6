#include "sim/graph/graph.h"

#include "sim/base/diagnostics.h"
#include "sim/graph/shape.h"

namespace perfwatt {
namespace {

template <class T>
T attribute_or(const Node& node, const std::string& key, T otherwise) {
    const auto found = node.attributes.find(key);
    if (found == node.attributes.end()) return otherwise;
    const T* value = std::get_if<T>(&found->second);
    if (value == nullptr) throw ShapeError("attribute '" + key + "' is of an unexpected type");
    return *value;
}

}  // namespace

std::int64_t element_count(const Shape& shape) {
    const auto elements = checked_element_count(shape);
    PERFWATT_CHECK(elements.has_value(), "a shape was not checked: " + to_string(shape));
    return *elements;
}

std::int64_t Node::integer(const std::string& key, std::int64_t otherwise) const {
    return attribute_or(*this, key, otherwise);
}

std::vector<std::int64_t> Node::integers(const std::string& key,
                                         std::vector<std::int64_t> otherwise) const {
    return attribute_or(*this, key, std::move(otherwise));
}

double Node::real(const std::string& key, double otherwise) const {
    return attribute_or(*this, key, otherwise);
}

std::string Node::text(const std::string& key, std::string otherwise) const {
    return attribute_or(*this, key, std::move(otherwise));
}

bool Node::is_recurrent() const { return type == "LSTM" || type == "GRU" || type == "RNN"; }

TensorId Graph::add(Tensor tensor) {
    tensors.push_back(std::move(tensor));
    return {static_cast<std::int32_t>(tensors.size() - 1)};
}

NodeId Graph::add(Node node) {
    nodes.push_back(std::move(node));
    return {static_cast<std::int32_t>(nodes.size() - 1)};
}

}  // namespace perfwatt

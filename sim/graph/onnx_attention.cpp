// Operators that are a whole attention, as the parts they stand for.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "sim/graph/onnx_importer.h"
#include "sim/graph/shape.h"

namespace perfwatt {
namespace {

using Integers = std::vector<std::int64_t>;

/// Where an operator has what attention needs; -1 where it has no such input.
struct Places {
    int past_key = -1;
    int past_value = -1;
    int bias = -1;  ///< added to the scores
    int projection_bias = -1;
};

std::optional<Places> places_of(const std::string& type) {
    if (type == "com.microsoft.Attention") return Places{.bias = 5};
    if (type == "com.microsoft.MultiHeadAttention")
        return Places{.past_key = 6, .past_value = 7, .bias = 5, .projection_bias = 3};
    if (type == "com.microsoft.GroupQueryAttention") return Places{.past_key = 3, .past_value = 4};
    if (type == "Attention") return Places{.past_key = 4, .past_value = 5, .bias = 3};
    return std::nullopt;
}

/// Writes the nodes that the operator stands for. Names of its inputs are "in0", "in1" …
class Parts {
  public:
    Parts(const OnnxNode& node, const std::vector<OnnxValueRef>& inputs)
        : node_(node), inputs_(inputs) {
        for (std::size_t i = 0; i < inputs.size(); ++i) body_.inputs.push_back({.name = input(i)});
    }

    OnnxGraph body(const Places& places) {
        std::string q = "in0";
        std::string k = "in1";
        std::string v = "in2";
        if (node_.type == "com.microsoft.Attention") std::tie(q, k, v) = projected();
        if (has(places.projection_bias)) {
            const std::string bias = input(places.projection_bias);
            const std::int64_t size = shape_of(0).back();
            const std::int64_t end = shape_of(static_cast<std::size_t>(places.projection_bias))[0];
            q = add("Add", {q, sliced(bias, 0, size, 0)});
            k = add("Add", {k, sliced(bias, size, 2 * size, 0)});
            v = add("Add", {v, sliced(bias, 2 * size, end, 0)});
        }
        const bool by_head = shape_of(0).size() == 4;
        const std::int64_t heads = by_head ? shape_of(0)[1] : heads_given();
        const std::int64_t kv_heads =
            by_head ? shape_of(1)[1] : count("kv_num_heads").value_or(heads);
        q = rotated(in_heads(q, heads, by_head));
        k = rotated(in_heads(k, kv_heads, by_head));
        v = in_heads(v, kv_heads, by_head);
        const std::string all_k = with_past(k, places.past_key);
        const std::string all_v = with_past(v, places.past_value);
        std::string scores = add("perfwatt.AttentionScores", {q, all_k});
        if (has(places.bias)) scores = add("Add", {scores, input(places.bias)});
        const std::string weights = add("Softmax", {scores}, {{"axis", std::int64_t{-1}}});
        std::string mixed = add("perfwatt.AttentionValues", {weights, all_v});
        mixed = by_head ? turned(mixed) : reshaped(mixed, {0, 0, -1});
        body_.outputs = {mixed};
        if (node_.outputs.size() > 1 && node_.type != "com.microsoft.Attention")
            for (const std::string& cache : {all_k, all_v}) body_.outputs.push_back(turned(cache));
        body_.outputs.resize(std::min(body_.outputs.size(), node_.outputs.size()));
        return std::move(body_);
    }

  private:
    static std::string input(std::size_t i) { return fmt::format("in{}", i); }
    static std::string input(int i) { return fmt::format("in{}", i); }

    [[nodiscard]] bool has(int i) const {
        return i >= 0 && static_cast<std::size_t>(i) < inputs_.size() &&
               inputs_[static_cast<std::size_t>(i)] != nullptr;
    }

    [[nodiscard]] const Shape& shape_of(std::size_t i) const {
        if (i >= inputs_.size() || inputs_[i] == nullptr)
            throw ShapeError(fmt::format("input {} is missing", i));
        return inputs_[i]->shape;
    }

    [[nodiscard]] std::optional<std::int64_t> count(const std::string& key) const {
        const auto found = node_.attributes.find(key);
        if (found == node_.attributes.end()) return std::nullopt;
        const auto* number = std::get_if<std::int64_t>(&found->second);
        return number == nullptr ? std::nullopt : std::optional(*number);
    }

    [[nodiscard]] std::int64_t heads_given() const {
        const std::int64_t heads = count("num_heads").value_or(count("q_num_heads").value_or(0));
        if (heads < 1) throw ShapeError("its number of heads is not given");
        return heads;
    }

    std::string add(const std::string& type, std::vector<std::string> inputs,
                    std::map<std::string, Attribute> attributes = {}) {
        const std::string name = fmt::format("part{}", body_.nodes.size());
        body_.nodes.push_back({.name = node_.name + "." + name,
                               .type = type,
                               .inputs = std::move(inputs),
                               .outputs = {name},
                               .attributes = std::move(attributes)});
        return name;
    }

    std::string reshaped(const std::string& x, Integers target) {
        return add("Reshape", {x, constant(std::move(target))});
    }

    /// Heads and places change their order.
    std::string turned(const std::string& x) {
        return add("Transpose", {x}, {{"perm", Integers{0, 2, 1, 3}}});
    }

    /// As [batch, places, heads, size].
    std::string in_heads(const std::string& x, std::int64_t heads, bool by_head) {
        return by_head ? turned(x) : reshaped(x, {0, 0, heads, -1});
    }

    std::string rotated(const std::string& x) {
        return count("do_rotary").value_or(0) != 0 ? add("RotaryEmbedding", {x}) : x;
    }

    std::string with_past(const std::string& x, int past) {
        if (!has(past) || shape_of(static_cast<std::size_t>(past)).size() != 4) return x;
        return add("Concat", {turned(input(past)), x}, {{"axis", std::int64_t{1}}});
    }

    /// One product makes queries, keys and values.
    std::tuple<std::string, std::string, std::string> projected() {
        std::string all = add("MatMul", {input(0), input(1)});
        if (has(2)) all = add("Add", {all, input(2)});
        const std::int64_t size = shape_of(1).back() / 3;
        const std::string q = sliced(all, 0, size, 2);
        const std::string k = sliced(all, size, 2 * size, 2);
        return {q, k, sliced(all, 2 * size, 3 * size, 2)};
    }

    std::string constant(Integers values) {
        const std::string name = fmt::format("known{}", body_.initializers.size());
        const Shape shape{static_cast<std::int64_t>(values.size())};
        body_.initializers.push_back({.name = name,
                                      .type = DataType::int64,
                                      .shape = shape,
                                      .contents = integer_constant(std::move(values), shape)});
        return name;
    }

    std::string sliced(const std::string& x, std::int64_t from, std::int64_t to,
                       std::int64_t axis) {
        const std::string first = constant({from});
        const std::string end = constant({to});
        return add("Slice", {x, first, end, constant({axis})});
    }

    const OnnxNode& node_;
    const std::vector<OnnxValueRef>& inputs_;
    OnnxGraph body_;
};

}  // namespace

bool OnnxImporter::add_attention(const OnnxNode& node, OnnxScope& scope) {
    const auto places = places_of(node.type);
    if (!places) return false;
    const std::vector<OnnxValueRef> inputs = inputs_of(node, scope);
    if (node.type == "com.microsoft.MultiHeadAttention" &&
        (inputs.size() < 3 || inputs[1] == nullptr || inputs[2] == nullptr))
        fail(node, "queries, keys and values packed into one input are not supported",
             "export it with the three apart");
    add_call(node, Parts(node, inputs).body(*places), scope);
    return true;
}

}  // namespace perfwatt

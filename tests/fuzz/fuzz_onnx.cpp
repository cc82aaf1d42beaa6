// Any bytes read as an ONNX file end in a graph or a UserError, never in anything else. Most bytes
// fail in protobuf, before our own code: so the same bytes also choose a model, node by node, of
// known operators with whatever attributes, shapes and constants they say.
#include <algorithm>
#include <cstdint>
#include <string>

#include "sim/base/diagnostics.h"
#include "sim/graph/onnx_import.h"
#include "sim/graph/onnx_model.h"
#include "sim/graph/operators.h"
#include "sim/graph/scale_sim.h"

namespace perfwatt {
namespace {

/// What the importer promises of every graph: sane shapes, producers before consumers.
void check(const Graph& graph) {
    std::vector<bool> known(graph.tensors.size(), false);
    std::vector<bool> produced(graph.tensors.size(), false);
    for (const Node& node : graph.nodes)
        for (const TensorId output : node.outputs)
            if (output.valid()) produced[output.index()] = true;
    for (const Node& node : graph.nodes) {
        PERFWATT_CHECK(find_operator(node.type) != nullptr, "every operator is known");
        for (const TensorId input : node.inputs)
            PERFWATT_CHECK(!input.valid() || known[input.index()] || !produced[input.index()],
                           "a tensor is produced before it is used");
        for (const TensorId output : node.outputs)
            if (output.valid()) known[output.index()] = true;
    }
    for (const Tensor& tensor : graph.tensors) PERFWATT_CHECK(tensor.bytes() >= 0, "a size");
    PERFWATT_CHECK(macs(graph) >= 0 && parameters(graph) >= 0, "counts");
}

template <class F>
void attempt(F import) {
    try {
        check(import());
    } catch (const UserError& error) {
        PERFWATT_CHECK(!error.diagnostics().empty(), "an error says what is wrong");
    }
}

class Choice {
  public:
    Choice(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}

    [[nodiscard]] bool done() const { return left_ == 0; }
    std::uint8_t byte() {
        if (left_ == 0) return 0;
        --left_;
        return *data_++;
    }
    std::size_t below(std::size_t limit) { return byte() % limit; }
    std::int64_t number() {
        static constexpr std::int64_t kOdd[] = {
            -1, INT64_MAX, INT64_MIN, 1 << 20, 1 << 30, -2, 0, std::int64_t{1} << 40};
        const std::uint8_t kind = byte();
        return kind < 224 ? kind % 12 : kOdd[kind % 8];
    }
    std::vector<std::int64_t> numbers(std::size_t most) {
        std::vector<std::int64_t> list(below(most + 1));
        for (std::int64_t& one : list) one = number();
        return list;
    }

  private:
    const std::uint8_t* data_;
    std::size_t left_;
};

OnnxTensor tensor_of(Choice& choice, const std::string& name) {
    OnnxTensor tensor{.name = name};
    tensor.type = choice.below(2) == 0 ? DataType::fp32 : DataType::int64;
    const std::size_t form = choice.below(4);
    if (form == 0) {  // a list of integers, as shapes are
        const auto values = choice.numbers(5);
        tensor.type = DataType::int64;
        tensor.shape = {static_cast<std::int64_t>(values.size())};
        tensor.contents = integer_constant(values, tensor.shape);
    } else if (form == 1) {  // a scalar
        tensor.contents = Constant{.type = tensor.type};
        tensor.contents->reals.assign(tensor.type == DataType::fp32 ? 1 : 0, 0.5);
        if (tensor.type == DataType::int64) tensor.contents->integers = {choice.number()};
    } else {
        for (const std::int64_t size : choice.numbers(4))
            tensor.shape.push_back(std::clamp<std::int64_t>(size, 0, 1 << 30));
    }
    return tensor;
}

std::string name_of(std::size_t i) { return "t" + std::to_string(i); }

OnnxNode node_of(Choice& choice, std::size_t& tensors) {
    static constexpr const char* kLists[] = {"kernel_shape", "strides", "pads",         "dilations",
                                             "axes",         "perm",    "split",        "shape",
                                             "value_ints",   "sizes",   "output_shape", "ends"};
    static constexpr const char* kNumbers[] = {"axis",   "group",      "keepdims", "ceil_mode",
                                               "transA", "blocksize",  "k",        "to",
                                               "layout", "batch_dims", "depth",    "hidden_size"};
    const auto known = operators();
    OnnxNode node{
        .type = std::string(known[(choice.byte() * 256u + choice.byte()) % known.size()].name)};
    if (choice.below(8) == 0) node.type = "Constant";
    for (std::size_t i = 1 + choice.below(5); i-- > 0;)
        node.inputs.push_back(choice.below(16) == 0 ? "" : name_of(choice.below(tensors)));
    for (std::size_t i = 1 + choice.below(3); i-- > 0;) node.outputs.push_back(name_of(tensors++));
    for (std::size_t i = choice.below(4); i-- > 0;)
        node.attributes[kLists[choice.below(std::size(kLists))]] = choice.numbers(4);
    for (std::size_t i = choice.below(3); i-- > 0;)
        node.attributes[kNumbers[choice.below(std::size(kNumbers))]] = choice.number();
    if (choice.below(8) == 0) node.attributes["auto_pad"] = std::string("SAME_UPPER");
    if (choice.below(8) == 0) node.attributes["equation"] = std::string("ab,bc->ac");
    if (choice.below(8) == 0) node.attributes["axis"] = 0.5;
    if (choice.below(4) == 0) node.reals["scales"] = {1, 1, 2, 1e18};
    if (choice.below(4) == 0) node.tensors["value"] = tensor_of(choice, "value");
    return node;
}

OnnxModel model_of(Choice& choice) {
    OnnxModel model;
    model.file = "fuzz.onnx";
    model.opset = 7 + static_cast<int>(choice.below(14));
    std::size_t tensors = 0;
    for (std::size_t i = 1 + choice.below(2); i-- > 0;) {
        OnnxInput input{.name = name_of(tensors++)};
        input.shape.emplace();
        for (const std::int64_t size : choice.numbers(5))
            input.shape->push_back(size < 0 ? OnnxDimension{.name = "n"}
                                            : OnnxDimension{.size = size});
        model.graph.inputs.push_back(std::move(input));
    }
    for (std::size_t i = choice.below(6); i-- > 0;)
        model.graph.initializers.push_back(tensor_of(choice, name_of(tensors++)));
    while (!choice.done() && model.graph.nodes.size() < 40)
        model.graph.nodes.push_back(node_of(choice, tensors));
    for (std::size_t i = 0; i < 4 && i < tensors; ++i)
        model.graph.outputs.push_back(name_of(tensors - 1 - i));
    return model;
}

}  // namespace
}  // namespace perfwatt

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace perfwatt;
    const std::string bytes(reinterpret_cast<const char*>(data), size);
    attempt([&] { return import_onnx_bytes(bytes, "fuzz.onnx"); });
    attempt([&] { return import_onnx_bytes(bytes, "fuzz.onnx", {.batch = 4, .dimensions = {}}); });
    attempt([&] { return read_scale_sim(bytes, "fuzz.csv", 1); });
    Choice choice(data, size);
    const OnnxModel model = model_of(choice);
    attempt([&] { return import_onnx_model(model); });
    attempt([&] { return import_onnx_model(model, {.batch = 3, .dimensions = {{"n", 2}}}); });
    return 0;
}

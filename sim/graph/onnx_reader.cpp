// ONNX files to the plain structures of onnx_model.h: the only user of protobuf.
#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "sim/base/diagnostics.h"
#include "sim/graph/onnx_model.h"
#include "sim/graph/shape.h"

namespace perfwatt {
namespace {

static_assert(std::endian::native == std::endian::little, "ONNX's raw data is little-endian");

class Reader {
  public:
    explicit Reader(std::string file) : file_(std::move(file)) {}

    OnnxModel model(const onnx::ModelProto& proto) {
        OnnxModel model;
        model.file = file_;
        if (!proto.has_graph() || proto.graph().node_size() == 0)
            fail("this is not an ONNX model: it holds no graph");
        for (const auto& imported : proto.opset_import())
            if (own(imported.domain())) model.opset = checked_opset(imported.version());
        model.graph = graph(proto.graph());
        for (const auto& function : proto.functions())
            model.functions[typed(function.domain(), function.name())] = body(function);
        return model;
    }

  private:
    [[noreturn]] void fail(std::string message, std::string hint = {}) const {
        throw UserError(Diagnostic{.place = {.file = file_},
                                   .message = std::move(message),
                                   .hint = std::move(hint),
                                   .source_line = {}});
    }

    static bool own(const std::string& domain) { return domain.empty() || domain == "ai.onnx"; }

    static std::string typed(const std::string& domain, const std::string& type) {
        return own(domain) ? type : domain + "." + type;
    }

    int checked_opset(std::int64_t version) const {
        if (version < 7)
            fail(fmt::format("opset {} is older than 7, the oldest that is read", version),
                 "convert the model with onnx.version_converter");
        return static_cast<int>(std::min<std::int64_t>(version, 1000));
    }

    OnnxGraph graph(const onnx::GraphProto& proto) const {
        OnnxGraph result;
        result.name = proto.name();
        for (const auto& input : proto.input()) result.inputs.push_back(value(input));
        for (const auto& output : proto.output()) result.outputs.push_back(output.name());
        for (const auto& weight : proto.initializer())
            result.initializers.push_back(tensor(weight));
        for (const auto& sparse : proto.sparse_initializer()) {
            OnnxTensor weight{.name = sparse.values().name(),
                              .type = type(sparse.values().data_type(), sparse.values().name()),
                              .shape = {sparse.dims().begin(), sparse.dims().end()},
                              .contents = {}};
            result.initializers.push_back(std::move(weight));
        }
        for (const auto& one : proto.node()) result.nodes.push_back(node(one));
        return result;
    }

    OnnxGraph body(const onnx::FunctionProto& proto) const {
        OnnxGraph result;
        result.name = proto.name();
        for (const auto& input : proto.input())
            result.inputs.push_back({.name = input, .shape = {}});
        result.outputs.assign(proto.output().begin(), proto.output().end());
        for (const auto& one : proto.node()) result.nodes.push_back(node(one));
        return result;
    }

    OnnxInput value(const onnx::ValueInfoProto& proto) const {
        OnnxInput result{.name = proto.name(), .shape = {}};
        if (!proto.type().has_tensor_type()) return result;
        const auto& tensor_type = proto.type().tensor_type();
        result.type = type(tensor_type.elem_type(), proto.name());
        if (!tensor_type.has_shape()) return result;
        result.shape.emplace();
        for (const auto& dimension : tensor_type.shape().dim()) {
            OnnxDimension read;
            if (dimension.has_dim_value() && dimension.dim_value() >= 0)
                read.size = dimension.dim_value();
            else
                read.name = dimension.dim_param();
            result.shape->push_back(std::move(read));
        }
        return result;
    }

    DataType type(int number, const std::string& name) const {
        switch (number) {
            case 0:
                return DataType::fp32;  // not said
            case 1:
                return DataType::fp32;
            case 2:
                return DataType::uint8;
            case 3:
                return DataType::int8;
            case 4:
                return DataType::int16;  // of uint16, only the width matters
            case 5:
                return DataType::int16;
            case 6:
                return DataType::int32;
            case 7:
                return DataType::int64;
            case 9:
                return DataType::boolean;
            case 10:
                return DataType::fp16;
            case 11:
                return DataType::fp64;
            case 12:
                return DataType::int32;
            case 13:
                return DataType::int64;
            case 16:
                return DataType::bf16;
            case 17:
            case 18:
            case 19:
            case 20:
                return DataType::fp8;
            case 21:
            case 22:
                return DataType::int4;
            default:
                break;
        }
        fail(fmt::format("'{}' is of ONNX data type {}, which is not a number format that is known",
                         name, number));
    }

    OnnxTensor tensor(const onnx::TensorProto& proto) const {
        OnnxTensor result{.name = proto.name(),
                          .type = type(proto.data_type(), proto.name()),
                          .shape = {proto.dims().begin(), proto.dims().end()},
                          .contents = {}};
        const auto elements = checked_element_count(result.shape);
        if (!elements || result.shape.size() > kMaxRank)
            fail(fmt::format("tensor '{}' has the impossible shape {}", proto.name(),
                             to_string(result.shape)));
        if (proto.data_location() == onnx::TensorProto::EXTERNAL || *elements > kMaxFoldElements)
            return result;
        result.contents = contents(proto, result, static_cast<std::size_t>(*elements));
        return result;
    }

    std::optional<Constant> contents(const onnx::TensorProto& proto, const OnnxTensor& read,
                                     std::size_t elements) const {
        Constant constant{.type = read.type, .shape = read.shape, .integers = {}, .reals = {}};
        if (elements == 0) return constant;
        if (proto.has_raw_data()) {
            if (proto.raw_data().empty()) return std::nullopt;
            return raw(proto, std::move(constant), elements);
        }
        if (constant.floating()) {
            const auto& narrow = proto.float_data();
            const auto& wide = proto.double_data();
            constant.reals.assign(narrow.begin(), narrow.end());
            if (narrow.empty()) constant.reals.assign(wide.begin(), wide.end());
        } else if (proto.int64_data_size() > 0) {
            constant.integers.assign(proto.int64_data().begin(), proto.int64_data().end());
        } else if (proto.uint64_data_size() > 0) {
            constant.integers.assign(proto.uint64_data().begin(), proto.uint64_data().end());
        } else {
            constant.integers.assign(proto.int32_data().begin(), proto.int32_data().end());
        }
        if (constant.size() == 0) return std::nullopt;
        if (constant.size() != elements)
            fail(fmt::format("tensor '{}' of shape {} has {} elements of data", proto.name(),
                             to_string(read.shape), constant.size()));
        return constant;
    }

    template <class T>
    static void copy(const std::string& from, std::size_t elements, auto& to) {
        to.resize(elements);
        for (std::size_t i = 0; i < elements; ++i) {
            T value;
            std::memcpy(&value, from.data() + i * sizeof(T), sizeof(T));
            to[i] = static_cast<typename std::decay_t<decltype(to)>::value_type>(value);
        }
    }

    std::optional<Constant> raw(const onnx::TensorProto& proto, Constant constant,
                                std::size_t elements) const {
        const std::string& data = proto.raw_data();
        const std::size_t expected =
            static_cast<std::size_t>(bytes(constant.type, static_cast<std::int64_t>(elements)));
        if (data.size() != expected)
            fail(fmt::format("tensor '{}' of shape {} has {} bytes of data instead of {}",
                             proto.name(), to_string(constant.shape), data.size(), expected));
        switch (proto.data_type()) {
            case 1:
                copy<float>(data, elements, constant.reals);
                break;
            case 11:
                copy<double>(data, elements, constant.reals);
                break;
            case 2:
            case 9:
                copy<std::uint8_t>(data, elements, constant.integers);
                break;
            case 3:
                copy<std::int8_t>(data, elements, constant.integers);
                break;
            case 4:
                copy<std::uint16_t>(data, elements, constant.integers);
                break;
            case 5:
                copy<std::int16_t>(data, elements, constant.integers);
                break;
            case 6:
                copy<std::int32_t>(data, elements, constant.integers);
                break;
            case 12:
                copy<std::uint32_t>(data, elements, constant.integers);
                break;
            case 7:
            case 13:
                copy<std::int64_t>(data, elements, constant.integers);
                break;
            default:
                return std::nullopt;  // narrow floats never carry shapes
        }
        return constant;
    }

    OnnxNode node(const onnx::NodeProto& proto) const {
        OnnxNode result;
        result.name = proto.name();
        result.type = typed(proto.domain(), proto.op_type());
        result.inputs.assign(proto.input().begin(), proto.input().end());
        result.outputs.assign(proto.output().begin(), proto.output().end());
        for (const auto& attribute : proto.attribute()) read(attribute, result);
        return result;
    }

    void read(const onnx::AttributeProto& from, OnnxNode& to) const {
        const std::string& name = from.name();
        if (!from.ref_attr_name().empty()) {
            to.references[name] = from.ref_attr_name();
            return;
        }
        if (name == "to" || name == "dtype") {
            to.attributes[name] = std::string(to_string(type(static_cast<int>(from.i()), name)));
            return;
        }
        switch (from.type()) {
            case onnx::AttributeProto::INT:
                to.attributes[name] = std::int64_t{from.i()};
                break;
            case onnx::AttributeProto::FLOAT:
                to.attributes[name] = double{from.f()};
                break;
            case onnx::AttributeProto::STRING:
                to.attributes[name] = from.s();
                break;
            case onnx::AttributeProto::INTS:
                to.attributes[name] =
                    std::vector<std::int64_t>(from.ints().begin(), from.ints().end());
                break;
            case onnx::AttributeProto::FLOATS:
                to.reals[name] = {from.floats().begin(), from.floats().end()};
                break;
            case onnx::AttributeProto::TENSOR:
                to.tensors[name] = tensor(from.t());
                break;
            case onnx::AttributeProto::GRAPH:
                to.graphs[name] = std::make_shared<OnnxGraph>(graph(from.g()));
                break;
            default:
                break;  // texts and sparse tensors change no shape
        }
    }

    std::string file_;
};

}  // namespace

OnnxModel read_onnx(const std::string& bytes, const std::string& file) {
    const auto fail = [&](std::string message) {
        throw UserError(Diagnostic{
            .place = {.file = file}, .message = std::move(message), .hint = {}, .source_line = {}});
    };
    if (bytes.empty()) fail("this is not an ONNX model: the file is empty");
    if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
        fail("the file has more than 2 GiB; save its weights as external data");
    onnx::ModelProto proto;
    if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
        fail("this is not an ONNX model, or it is cut short");
    return Reader(file).model(proto);
}

}  // namespace perfwatt

#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/graph/constant.h"
#include "sim/graph/graph.h"

namespace perfwatt {

struct OnnxGraph;

/// A tensor of the file; `contents` only where the file has them and they are worth following.
struct OnnxTensor {
    std::string name = {};
    DataType type = DataType::fp32;
    Shape shape = {};
    std::optional<Constant> contents = {};
};

/// A dimension of an input: fixed, named, or unknown (neither).
struct OnnxDimension {
    std::optional<std::int64_t> size = {};
    std::string name = {};
};

struct OnnxInput {
    std::string name = {};
    DataType type = DataType::fp32;
    std::optional<std::vector<OnnxDimension>> shape = {};
};

struct OnnxNode {
    std::string name = {};
    std::string type = {};  ///< with its domain where that is not ONNX's own
    std::vector<std::string> inputs = {};
    std::vector<std::string> outputs = {};
    std::map<std::string, Attribute> attributes = {};
    std::map<std::string, std::vector<double>> reals = {};
    std::map<std::string, OnnxTensor> tensors = {};
    std::map<std::string, std::shared_ptr<const OnnxGraph>> graphs = {};
    std::map<std::string, std::string> references = {};  ///< attributes of the enclosing function
};

struct OnnxGraph {
    std::string name = {};
    std::vector<OnnxInput> inputs;
    std::vector<std::string> outputs = {};
    std::vector<OnnxTensor> initializers;
    std::vector<OnnxNode> nodes;
};

/// What of an ONNX file matters here, free of protobuf.
struct OnnxModel {
    std::string file;
    int opset = 17;
    OnnxGraph graph;
    std::map<std::string, OnnxGraph> functions;  ///< the model's own operators, by type
};

/// Reads the bytes of an ONNX file; `file` is for messages. Throws UserError.
[[nodiscard]] OnnxModel read_onnx(const std::string& bytes, const std::string& file);

}  // namespace perfwatt

#pragma once

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "sim/base/diagnostics.h"
#include "sim/config/config_path.h"
#include "sim/graph/onnx_import.h"
#include "sim/graph/onnx_model.h"
#include "sim/graph/operators.h"
#include "sim/graph/workload.h"

namespace perfwatt {

/// What a user would read of the UserError that `action` throws.
template <class F>
[[nodiscard]] std::string message_of(F action) {
    try {
        action();
    } catch (const UserError& error) {
        return error.what();
    }
    return "no error";
}

[[nodiscard]] inline std::string source_path(const std::string& path) {
    return std::string(PERFWATT_SOURCE_DIR) + "/" + path;
}

[[nodiscard]] inline std::string file_bytes(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

/// A graph without names: what must not change when a file is renamed or shuffled.
[[nodiscard]] inline std::string structure(const Graph& graph) {
    std::string text;
    const auto list = [&](const std::vector<TensorId>& ids) {
        for (const TensorId id : ids) {
            text += " " + std::to_string(id.value);
            if (!id.valid()) continue;
            for (const std::int64_t size : graph.tensor(id).shape)
                text += "," + std::to_string(size);
        }
    };
    list(graph.inputs);
    for (const Node& node : graph.nodes) {
        text += "\n" + node.type;
        for (const auto& [key, value] : node.attributes) text += " " + key;
        list(node.inputs);
        text += " ->";
        list(node.outputs);
    }
    list(graph.outputs);
    return text;
}

/// A column of a table by the names of its first column; cells that are empty are left out.
inline std::map<std::string, double> numbers_table(const std::string& path,
                                                   const std::string& column) {
    std::istringstream text(file_bytes(source_path(path)));
    const auto cells = [](const std::string& line) {
        std::istringstream row(line);
        std::vector<std::string> found;
        for (std::string cell; std::getline(row, cell, ',');) found.push_back(cell);
        return found;
    };
    std::string line;
    std::getline(text, line);
    const std::vector<std::string> heading = cells(line);
    const auto place = static_cast<std::size_t>(std::find(heading.begin(), heading.end(), column) -
                                                heading.begin());
    std::map<std::string, double> table;
    while (std::getline(text, line)) {
        const std::vector<std::string> row = cells(line);
        if (place < row.size() && !row[place].empty()) table[row[0]] = std::stod(row[place]);
    }
    return table;
}

/// One operator on fixed inputs, ready to be imported: "x0", "x1" ... are its inputs.
struct OneNode {
    OnnxModel model;

    OneNode(std::string type, const std::vector<Shape>& inputs, int opset = 17) {
        model.file = "net.onnx";
        model.opset = opset;
        OnnxNode node{.name = "n", .type = std::move(type), .outputs = {"y"}};
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            OnnxInput input{.name = "x" + std::to_string(i)};
            input.shape.emplace();
            for (const std::int64_t size : inputs[i]) input.shape->push_back({.size = size});
            node.inputs.push_back(input.name);
            model.graph.inputs.push_back(std::move(input));
        }
        model.graph.nodes.push_back(std::move(node));
        model.graph.outputs = {"y"};
    }
    OneNode& attribute(const std::string& key, Attribute value) {
        model.graph.nodes[0].attributes[key] = std::move(value);
        return *this;
    }
    /// A known integer input behind the data.
    OneNode& constant(std::vector<std::int64_t> values) {
        const std::string name = "c" + std::to_string(model.graph.nodes[0].inputs.size());
        const Shape shape{static_cast<std::int64_t>(values.size())};
        model.graph.initializers.push_back(
            {.name = name,
             .type = DataType::int64,
             .shape = shape,
             .contents = integer_constant(std::move(values), shape)});
        model.graph.nodes[0].inputs.push_back(name);
        return *this;
    }
    OneNode& skip() {
        model.graph.nodes[0].inputs.emplace_back();
        return *this;
    }
    OneNode& outputs(std::vector<std::string> names) {
        model.graph.nodes[0].outputs = names;
        model.graph.outputs = std::move(names);
        return *this;
    }
    [[nodiscard]] Graph graph() const { return import_onnx_model(model); }
    [[nodiscard]] Shape shape() const {
        const Graph built = graph();
        return built.tensor(built.outputs[0]).shape;
    }
    [[nodiscard]] std::string error() const {
        return message_of([&] { (void)graph(); });
    }
};

}  // namespace perfwatt

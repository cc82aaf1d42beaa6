#include "sim/graph/onnx_import.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "sim/base/diagnostics.h"
#include "sim/graph/canonical_order.h"
#include "sim/graph/onnx_importer.h"
#include "sim/graph/operators.h"

namespace perfwatt {
namespace {

[[noreturn]] void fail(const std::string& file, std::string message, std::string hint = {}) {
    throw UserError(Diagnostic{.place = {.file = file},
                               .message = std::move(message),
                               .hint = std::move(hint),
                               .source_line = {}});
}

using Inputs = std::vector<std::pair<const OnnxInput*, Shape>>;

/// Gives every dimension of the inputs a size.
class Dimensions {
  public:
    Dimensions(const OnnxModel& model, const ImportOptions& options)
        : model_(model), options_(options) {
        std::set<std::string> weights;
        for (const OnnxTensor& weight : model.graph.initializers) weights.insert(weight.name);
        for (const OnnxInput& input : model.graph.inputs)
            if (!weights.contains(input.name)) inputs_.push_back(&input);
        find_batch();
        check_names();
    }

    Inputs shapes(std::int64_t batch) const {
        Inputs result;
        for (const OnnxInput* input : inputs_) {
            Shape shape;
            for (std::size_t i = 0; i < input->shape->size(); ++i)
                shape.push_back(size(*input, i, batch));
            if (!checked_element_count(shape) || shape.size() > kMaxRank)
                fail(model_.file, fmt::format("input '{}' has the impossible shape {}", input->name,
                                              to_string(shape)));
            result.emplace_back(input, std::move(shape));
        }
        if (batch != 1 && !has_batch_)
            fail(model_.file,
                 fmt::format("the batch cannot be {}: no input has a first or second dimension "
                             "that is open or 1",
                             batch),
                 "export the network with batch 1 or with a named first dimension");
        return result;
    }

  private:
    /// How a dimension is named on the command line.
    static std::string key(const OnnxInput& input, std::size_t axis) {
        const std::string& name = (*input.shape)[axis].name;
        return name.empty() ? fmt::format("{}_{}", input.name, axis) : name;
    }

    /// Open, and not set by name; or of size 1.
    bool may_be_batch(const OnnxInput& input, std::size_t axis) const {
        if (axis >= input.shape->size()) return false;
        const OnnxDimension& dimension = (*input.shape)[axis];
        if (dimension.size) return *dimension.size == 1;
        return !options_.dimensions.contains(key(input, axis));
    }

    /// The batch is the first dimension; the second where that is so of no input, as in recurrent
    /// networks that count time first.
    void find_batch() {
        for (const OnnxInput* input : inputs_)
            if (!input->shape)
                fail(model_.file, fmt::format("input '{}' has no shape", input->name),
                     "export the network with the shapes of its inputs");
        for (batch_axis_ = 0; batch_axis_ < 2 && !has_batch_; ++batch_axis_)
            for (const OnnxInput* input : inputs_) {
                if (!may_be_batch(*input, batch_axis_)) continue;
                has_batch_ = true;
                if (!(*input->shape)[batch_axis_].size)
                    batch_names_.insert(key(*input, batch_axis_));
            }
        --batch_axis_;
    }

    void check_names() const {
        std::vector<std::string> known;
        for (const OnnxInput* input : inputs_)
            for (std::size_t i = 0; i < input->shape->size(); ++i)
                if (!(*input->shape)[i].size) known.push_back(key(*input, i));
        for (const auto& [name, size] : options_.dimensions) {
            if (size < 1) fail(model_.file, fmt::format("dimension '{}' is set to {}", name, size));
            if (std::find(known.begin(), known.end(), name) != known.end()) continue;
            std::sort(known.begin(), known.end());
            known.erase(std::unique(known.begin(), known.end()), known.end());
            fail(model_.file, fmt::format("the network has no open dimension '{}'", name),
                 known.empty() ? "all its dimensions are fixed"
                               : fmt::format("it has '{}'", fmt::join(known, "', '")));
        }
    }

    std::int64_t size(const OnnxInput& input, std::size_t axis, std::int64_t batch) const {
        const OnnxDimension& dimension = (*input.shape)[axis];
        if (dimension.size)
            return axis == batch_axis_ && *dimension.size == 1 ? batch : *dimension.size;
        const std::string name = key(input, axis);
        if (const auto set = options_.dimensions.find(name); set != options_.dimensions.end())
            return set->second;
        if (batch_names_.contains(name)) return batch;
        fail(model_.file, fmt::format("dimension '{}' of input '{}' is open", name, input.name),
             fmt::format("set it with --set workload.dim.{}=SIZE", name));
    }

    const OnnxModel& model_;
    const ImportOptions& options_;
    std::vector<const OnnxInput*> inputs_;
    std::set<std::string> batch_names_;
    std::size_t batch_axis_ = 0;
    bool has_batch_ = false;
};

Graph import_model(const OnnxModel& model, const ImportOptions& options) {
    if (options.batch < 1)
        fail(model.file, fmt::format("a batch of {} is impossible", options.batch));
    const Dimensions dimensions(model, options);
    OnnxImporter at_one(model, 1, nullptr);
    Graph single = canonical_order(at_one.import(dimensions.shapes(1)));
    if (single.nodes.empty()) fail(model.file, "the network computes nothing from its inputs");
    const std::int64_t work = macs(single);
    if (options.batch == 1) return single;
    OnnxImporter at_batch(model, options.batch, &at_one.records());
    Graph graph = canonical_order(at_batch.import(dimensions.shapes(options.batch)));
    if (macs(graph) != checked_multiply(work, options.batch))
        fail(
            model.file,
            fmt::format("at batch {} the network computes {} MACs, not {} times the {} of batch 1: "
                        "the export fixes the batch inside",
                        options.batch, macs(graph), options.batch, work),
            "export the network with a named first dimension, or run it at batch 1");
    return graph;
}

}  // namespace

Graph import_onnx_bytes(const std::string& bytes, const std::string& file,
                        const ImportOptions& options) {
    return import_onnx_model(read_onnx(bytes, file), options);
}

Graph import_onnx_model(const OnnxModel& model, const ImportOptions& options) {
    try {
        return import_model(model, options);
    } catch (const ShapeError& error) {
        fail(model.file, error.what());
    }
}

Graph import_onnx(const std::string& file, const ImportOptions& options) {
    std::error_code ignored;
    if (std::filesystem::is_directory(file, ignored)) fail(file, "this is a folder, not a network");
    std::ifstream stream(file, std::ios::binary);
    if (!stream) fail(file, "the file cannot be read");
    const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
    Graph graph = import_onnx_bytes(bytes, file, options);
    if (graph.name.empty() || graph.name.starts_with("torch"))
        graph.name = std::filesystem::path(file).stem().string();
    return graph;
}

}  // namespace perfwatt

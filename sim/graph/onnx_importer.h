#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/graph/constant.h"
#include "sim/graph/infer.h"
#include "sim/graph/onnx_model.h"

namespace perfwatt {

/// What a name of an ONNX file stands for while it is imported.
struct OnnxValue {
    std::string name;
    Shape shape;
    DataType type = DataType::fp32;
    TensorId tensor;       ///< valid once it stands in the graph
    bool ahead = false;    ///< depends on no input of the network
    bool trained = false;  ///< made of weights, not of shapes and literals alone
    std::optional<Constant> contents;
    std::optional<std::vector<std::shared_ptr<OnnxValue>>> sequence;
};
using OnnxValueRef = std::shared_ptr<OnnxValue>;

/// Names of one (sub)graph, within those of the enclosing one.
struct OnnxScope {
    const OnnxScope* parent = nullptr;
    std::string path = {};  ///< distinguishes the same name in two unrolled iterations
    std::map<std::string, OnnxValueRef> values = {};

    [[nodiscard]] OnnxValueRef find(const std::string& name) const;
};

/// A reshape at batch 1, from which the one at another batch is derived.
struct ReshapeRecord {
    Shape input, output;
    std::vector<std::int64_t> target;  ///< as asked for: with -1 and 0
};
using ReshapeRecords = std::map<std::string, ReshapeRecord>;

/// Builds the graph of one model, node by node.
class OnnxImporter {
  public:
    /// `at_batch_1`: what an import at batch 1 recorded, or null when this is that import.
    OnnxImporter(const OnnxModel& model, std::int64_t batch, const ReshapeRecords* at_batch_1)
        : model_(model), batch_(batch), at_batch_1_(at_batch_1) {}

    /// `inputs` are the shapes of the model's inputs, initializers excluded.
    [[nodiscard]] Graph import(const std::vector<std::pair<const OnnxInput*, Shape>>& inputs);
    [[nodiscard]] const ReshapeRecords& records() const { return records_; }

  private:
    [[noreturn]] void fail(const OnnxNode& node, std::string message, std::string hint = {}) const;

    // onnx_importer.cpp
    void add_initializers(const OnnxGraph& graph, OnnxScope& scope);
    void add_nodes(const OnnxGraph& graph, OnnxScope& scope);
    void add_node(const OnnxNode& node, OnnxScope& scope);
    void add_operator(const OnnxNode& node, OnnxScope& scope);
    void finish_operator(const OnnxNode& node, InferContext& context,
                         const std::vector<OnnxValueRef>& inputs, OnnxScope& scope);
    [[nodiscard]] std::optional<std::vector<Constant>> fold(
        const InferContext& context, const std::vector<OnnxValueRef>& inputs) const;
    [[nodiscard]] std::vector<OnnxValueRef> inputs_of(const OnnxNode& node,
                                                      const OnnxScope& scope) const;
    [[nodiscard]] OnnxValueRef lookup(const OnnxNode& node, const std::string& name,
                                      const OnnxScope& scope) const;
    void bind(const OnnxNode& node, std::size_t output, OnnxValueRef value, OnnxScope& scope);
    void adapt_to_batch(InferContext& context, const std::string& key) const;
    /// At a batch other than 1: a constant joined to batched data (a class token) is repeated.
    void repeat_for_batch(std::vector<OnnxValueRef>& inputs);
    TensorId materialise(OnnxValue& value);
    static OnnxValueRef constant_value(Constant contents, std::string name);

    // onnx_control.cpp
    bool add_special(const OnnxNode& node, OnnxScope& scope);
    void add_constant(const OnnxNode& node, OnnxScope& scope);
    void add_if(const OnnxNode& node, OnnxScope& scope);
    void add_loop(const OnnxNode& node, OnnxScope& scope);
    void add_call(const OnnxNode& node, const OnnxGraph& body, OnnxScope& scope);
    void add_sequence(const OnnxNode& node, OnnxScope& scope);
    [[nodiscard]] std::vector<OnnxValueRef> run_body(const OnnxNode& node, const OnnxGraph& body,
                                                     OnnxScope& inner);
    bool add_attention(const OnnxNode& node, OnnxScope& scope);  ///< onnx_attention.cpp
    [[nodiscard]] OnnxValueRef join(const OnnxNode& node, const std::vector<OnnxValueRef>& parts,
                                    std::int64_t axis, bool new_axis, OnnxScope& scope);

    const OnnxModel& model_;
    std::int64_t batch_ = 1;
    const ReshapeRecords* at_batch_1_ = nullptr;
    ReshapeRecords records_;
    Graph graph_;
    std::int64_t nodes_seen_ = 0;
    int depth_ = 0;
};

}  // namespace perfwatt

#include "sim/graph/onnx_importer.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "sim/base/diagnostics.h"
#include "sim/graph/operators.h"

namespace perfwatt {
namespace {

/// More nodes than any network has, even with its loops unrolled: a guard against absurd files.
constexpr std::int64_t kMaxNodes = 1'000'000;
/// Integer contents up to this size stay with a tensor of the graph.
constexpr std::size_t kMaxTensorValues = 1 << 16;

/// Operators of other domains that mean the same as one of ONNX's own.
std::string plain_type(const std::string& type) {
    static constexpr std::pair<std::string_view, std::string_view> kSame[] = {
        {"com.microsoft.FastGelu", "Gelu"},
        {"com.microsoft.Gelu", "Gelu"},
        {"com.microsoft.BiasGelu", "com.microsoft.BiasGelu"},
        {"com.microsoft.QuickGelu", "Swish"},
        {"com.microsoft.LayerNormalization", "LayerNormalization"},
        {"com.microsoft.SimplifiedLayerNormalization", "RMSNormalization"},
        {"SimplifiedLayerNormalization", "RMSNormalization"},
        {"com.microsoft.RotaryEmbedding", "RotaryEmbedding"},
        {"com.microsoft.QuantizeLinear", "QuantizeLinear"},
        {"com.microsoft.DequantizeLinear", "DequantizeLinear"},
        {"com.microsoft.FusedConv", "Conv"},
        {"com.microsoft.FusedGemm", "Gemm"},
        {"com.microsoft.Trilu", "Trilu"},
        {"com.microsoft.GridSample", "GridSample"},
        {"com.microsoft.Inverse", "com.microsoft.Inverse"},
    };
    for (const auto& [from, to] : kSame)
        if (from == type) return std::string(to);
    return type;
}

/// Every name that a graph, or a graph within it, uses.
void collect_names(const OnnxGraph& graph, std::set<std::string>& names) {
    names.insert(graph.outputs.begin(), graph.outputs.end());
    for (const OnnxNode& node : graph.nodes) {
        names.insert(node.inputs.begin(), node.inputs.end());
        for (const auto& [key, body] : node.graphs) collect_names(*body, names);
    }
}

std::string label(const OnnxNode& node) {
    if (!node.name.empty()) return node.name;
    return node.outputs.empty() ? std::string("?") : node.outputs[0];
}

/// The same elements in the same places: nothing is left to do.
bool changes_nothing(const InferContext& context) {
    const std::string& type = context.node.type;
    if (context.outputs.size() != 1 || context.inputs.empty() ||
        context.outputs[0].second != context.inputs[0].type)
        return false;
    if (type == "Dropout" || type == "Identity") return true;
    if (context.outputs[0].first != context.inputs[0].shape) return false;
    if (type == "Concat") return context.inputs.size() == 1;
    if (type == "Slice") {
        const auto steps = context.node.integers("steps", {});
        return std::all_of(steps.begin(), steps.end(), [](std::int64_t step) { return step > 0; });
    }
    if (type == "Transpose") {
        const auto perm = context.node.integers("perm", {});
        return std::is_sorted(perm.begin(), perm.end());
    }
    return type == "Reshape" || type == "Flatten" || type == "Squeeze" || type == "Unsqueeze" ||
           type == "Expand" || type == "Tile" || type == "Split" || type == "Cast" ||
           type == "CastLike" || type == "Resize" || type == "Upsample";
}

/// The shape at `batch` of a reshape whose target was written for batch 1. The batch stays at the
/// same place among the elements: before it, in row-major order, come as many as at batch 1.
std::optional<Shape> reshaped_for_batch(const ReshapeRecord& record, const Shape& input,
                                        std::int64_t batch) {
    if (input.size() != record.input.size()) return std::nullopt;
    std::optional<std::size_t> scaled;
    for (std::size_t i = 0; i < input.size(); ++i) {
        if (input[i] == record.input[i]) continue;
        if (scaled || input[i] != record.input[i] * batch) return std::nullopt;
        scaled = i;
    }
    if (!scaled || element_count(record.output) == 0) return std::nullopt;
    std::int64_t before = 1;
    for (std::size_t i = 0; i < *scaled; ++i) before *= record.input[i];
    const std::int64_t through = before * record.input[*scaled];
    std::optional<std::size_t> chosen;
    std::int64_t prefix = 1;
    for (std::size_t i = 0; i < record.output.size(); ++i) {
        const bool starts_here = prefix == before;
        const bool one = record.output[i] == 1 && prefix >= before && prefix <= through;
        if (one && (!chosen || record.output[*chosen] != 1)) chosen = i;
        if (starts_here && !chosen) chosen = i;
        prefix *= record.output[i];
    }
    if (!chosen) return std::nullopt;
    const std::size_t last = record.output.size() - 1;
    // Channels, which stand last, never take up the batch where another dimension can.
    if (*chosen == last && *chosen > 0 && record.output[last] != 1 && *scaled + 1 != input.size())
        --*chosen;
    Shape output = record.output;
    output[*chosen] = checked_multiply(output[*chosen], batch);
    return output;
}

}  // namespace

OnnxValueRef OnnxScope::find(const std::string& name) const {
    for (const OnnxScope* scope = this; scope != nullptr; scope = scope->parent)
        if (const auto found = scope->values.find(name); found != scope->values.end())
            return found->second;
    return nullptr;
}

void OnnxImporter::fail(const OnnxNode& node, std::string message, std::string hint) const {
    throw UserError(
        Diagnostic{.place = {.file = model_.file},
                   .message = fmt::format("node '{}' ({}): {}", label(node), node.type, message),
                   .hint = std::move(hint),
                   .source_line = {}});
}

OnnxValueRef OnnxImporter::constant_value(Constant contents, std::string name) {
    auto value = std::make_shared<OnnxValue>();
    value->name = std::move(name);
    value->shape = contents.shape;
    value->type = contents.type;
    value->ahead = true;
    value->contents = std::move(contents);
    return value;
}

Graph OnnxImporter::import(const std::vector<std::pair<const OnnxInput*, Shape>>& inputs) {
    graph_.name = model_.graph.name;
    graph_.file = model_.file;
    OnnxScope scope;
    for (const auto& [input, shape] : inputs) {
        auto value = std::make_shared<OnnxValue>();
        value->name = input->name;
        value->shape = shape;
        value->type = input->type;
        value->tensor = graph_.add(Tensor{.name = input->name,
                                          .shape = shape,
                                          .type = input->type,
                                          .role = TensorRole::input,
                                          .values = {}});
        graph_.inputs.push_back(value->tensor);
        scope.values[input->name] = std::move(value);
    }
    add_initializers(model_.graph, scope);
    add_nodes(model_.graph, scope);
    for (const std::string& name : model_.graph.outputs) {
        const OnnxValueRef value = scope.find(name);
        if (value == nullptr || value->sequence)
            throw UserError(Diagnostic{
                .place = {.file = model_.file},
                .message = fmt::format("output '{}' is a tensor that nothing produces", name),
                .hint = {},
                .source_line = {}});
        const TensorId id = materialise(*value);
        Tensor& tensor = graph_.tensor(id);
        if (tensor.role == TensorRole::activation) tensor.role = TensorRole::output;
        graph_.outputs.push_back(id);
    }
    return std::move(graph_);
}

void OnnxImporter::add_initializers(const OnnxGraph& graph, OnnxScope& scope) {
    for (const OnnxTensor& tensor : graph.initializers) {
        require_sane(tensor.shape);
        auto value = std::make_shared<OnnxValue>();
        value->name = tensor.name;
        value->shape = tensor.shape;
        value->type = tensor.type;
        value->ahead = true;
        value->trained = true;
        value->contents = tensor.contents;
        scope.values[tensor.name] = std::move(value);
    }
}

void OnnxImporter::add_nodes(const OnnxGraph& graph, OnnxScope& scope) {
    std::map<std::string, std::size_t> producer;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i)
        for (const std::string& output : graph.nodes[i].outputs) {
            if (output.empty()) continue;
            if (!producer.emplace(output, i).second || scope.values.contains(output))
                fail(graph.nodes[i], fmt::format("'{}' is produced twice", output));
        }
    std::vector<std::vector<std::size_t>> consumers(graph.nodes.size());
    std::vector<std::size_t> waiting(graph.nodes.size(), 0);
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
        std::set<std::string> names(graph.nodes[i].inputs.begin(), graph.nodes[i].inputs.end());
        for (const auto& [key, body] : graph.nodes[i].graphs) collect_names(*body, names);
        for (const std::string& name : names)
            if (const auto found = producer.find(name); found != producer.end()) {
                consumers[found->second].push_back(i);
                ++waiting[i];
            }
    }
    std::vector<std::size_t> ready;
    for (std::size_t i = 0; i < waiting.size(); ++i)
        if (waiting[i] == 0) ready.push_back(i);
    for (std::size_t next = 0; next < ready.size(); ++next) {
        const std::size_t at = ready[next];
        add_node(graph.nodes[at], scope);
        for (const std::size_t consumer : consumers[at])
            if (--waiting[consumer] == 0) ready.push_back(consumer);
    }
    for (std::size_t i = 0; i < waiting.size(); ++i)
        if (waiting[i] > 0) fail(graph.nodes[i], "the graph has a cycle through this node");
}

OnnxValueRef OnnxImporter::lookup(const OnnxNode& node, const std::string& name,
                                  const OnnxScope& scope) const {
    OnnxValueRef value = scope.find(name);
    if (value == nullptr) fail(node, fmt::format("it reads '{}', which nothing produces", name));
    return value;
}

std::vector<OnnxValueRef> OnnxImporter::inputs_of(const OnnxNode& node,
                                                  const OnnxScope& scope) const {
    std::vector<OnnxValueRef> inputs;
    for (const std::string& name : node.inputs)
        inputs.push_back(name.empty() ? nullptr : lookup(node, name, scope));
    return inputs;
}

void OnnxImporter::bind(const OnnxNode& node, std::size_t output, OnnxValueRef value,
                        OnnxScope& scope) {
    if (output < node.outputs.size() && !node.outputs[output].empty())
        scope.values[node.outputs[output]] = std::move(value);
}

void OnnxImporter::add_node(const OnnxNode& node, OnnxScope& scope) {
    if (++nodes_seen_ > kMaxNodes)
        fail(node, fmt::format("the network has more than {} nodes, loops unrolled", kMaxNodes));
    try {
        if (!add_special(node, scope)) add_operator(node, scope);
    } catch (const ShapeError& error) {
        fail(node, error.what());
    }
}

void OnnxImporter::add_operator(const OnnxNode& node, OnnxScope& scope) {
    Node built{.name = label(node),
               .type = plain_type(node.type),
               .inputs = {},
               .outputs = {},
               .attributes = node.attributes};
    const OperatorRow* row = find_operator(built.type);
    if (row == nullptr) {
        std::vector<std::string> known;
        for (const OperatorRow& one : operators()) known.emplace_back(one.name);
        std::string hint = did_you_mean(built.type, known);
        if (hint.empty()) hint = "'perfwatt list operators' names those that are known";
        fail(node, fmt::format("operator '{}' is not known", node.type), std::move(hint));
    }
    std::vector<OnnxValueRef> inputs = inputs_of(node, scope);
    if (built.type == "Concat" && at_batch_1_ != nullptr) repeat_for_batch(inputs);
    InferContext context(built);
    context.opset = model_.opset;
    context.output_count = node.outputs.size();
    for (const OnnxValueRef& input : inputs) {
        if (input != nullptr && input->sequence) fail(node, "it reads a sequence as a tensor");
        context.inputs.push_back(
            input == nullptr
                ? KnownInput{.present = false, .shape = {}}
                : KnownInput{.shape = input->shape,
                             .type = input->type,
                             .contents = input->contents ? &*input->contents : nullptr});
    }
    while (!context.inputs.empty() && !context.inputs.back().present) context.inputs.pop_back();
    ExtraAttributes extra{.reals = node.reals, .tensors = {}};
    for (const auto& [key, tensor] : node.tensors)
        extra.tensors[key] = tensor.contents.value_or(Constant{.type = tensor.type, .shape = {}});
    context.extra = &extra;
    const std::string key = scope.path + (node.outputs.empty() ? "" : node.outputs[0]);
    const auto target = built.type == "Reshape" ? context.parameter("shape", 1) : std::nullopt;
    const bool reshapes = target && context.has(0);
    if (reshapes && at_batch_1_ != nullptr) adapt_to_batch(context, key);
    row->infer(context);
    for (const auto& [shape, type] : context.outputs) require_sane(shape);
    if (reshapes && at_batch_1_ == nullptr)
        records_[key] = {context.shape(0), context.outputs[0].first, *target};
    finish_operator(node, context, inputs, scope);
}

void OnnxImporter::repeat_for_batch(std::vector<OnnxValueRef>& inputs) {
    const auto leading = [](const OnnxValueRef& value) {
        return value == nullptr || value->shape.empty() ? 0 : value->shape[0];
    };
    const bool batched = std::any_of(inputs.begin(), inputs.end(), [&](const OnnxValueRef& input) {
        return input != nullptr && !input->ahead && leading(input) == batch_;
    });
    for (OnnxValueRef& input : inputs) {
        if (!batched || leading(input) != 1) continue;
        auto repeated = std::make_shared<OnnxValue>();
        repeated->name = input->name;
        repeated->type = input->type;
        repeated->shape = input->shape;
        repeated->shape[0] = batch_;
        require_sane(repeated->shape);
        repeated->tensor = graph_.add(Tensor{.name = input->name,
                                             .shape = repeated->shape,
                                             .type = input->type,
                                             .role = TensorRole::activation,
                                             .values = {}});
        graph_.add(Node{.name = input->name,
                        .type = "Expand",
                        .inputs = {materialise(*input)},
                        .outputs = {repeated->tensor},
                        .attributes = {{"shape", repeated->shape}}});
        input = std::move(repeated);
    }
}

void OnnxImporter::adapt_to_batch(InferContext& context, const std::string& key) const {
    const auto found = at_batch_1_->find(key);
    // A target that differs from the one of batch 1 was computed from the batch: it is right.
    if (found == at_batch_1_->end() || context.parameter("shape", 1) != found->second.target)
        return;
    if (const auto adapted = reshaped_for_batch(found->second, context.shape(0), batch_))
        context.node.attributes["shape"] = *adapted;
}

std::optional<std::vector<Constant>> OnnxImporter::fold(
    const InferContext& context, const std::vector<OnnxValueRef>& inputs) const {
    const std::string& type = context.node.type;
    if (type == "Shape") {
        const Shape& shape = context.shape(0);
        const auto start = context.node.integer("start", 0);
        const auto end = context.node.integer("end", 0);
        return std::vector{
            integer_constant({shape.begin() + start, shape.begin() + end}, {end - start})};
    }
    if (type == "Size") return std::vector{integer_constant({element_count(context.shape(0))}, {})};
    if (type == "ConstantOfShape" || type == "ConstantFill") {
        const auto& [shape, kind] = context.outputs[0];
        const std::int64_t elements = element_count(shape);
        if (elements > kMaxFoldElements) return std::nullopt;
        Constant result{.type = kind, .shape = shape, .integers = {}, .reals = {}};
        const auto value = context.extra->tensors.find("value");
        const bool given = value != context.extra->tensors.end() && value->second.size() == 1;
        const auto size = static_cast<std::size_t>(elements);
        if (result.floating())
            result.reals.assign(size,
                                given ? value->second.real(0) : context.node.real("value", 0.0));
        else
            result.integers.assign(size, given ? value->second.integers[0] : 0);
        return std::vector{std::move(result)};
    }
    std::vector<const Constant*> contents;
    for (const OnnxValueRef& input : inputs) {
        if (input != nullptr && !input->contents) return std::nullopt;
        contents.push_back(input == nullptr ? nullptr : &*input->contents);
    }
    return evaluate(context.node, contents, context.outputs);
}

void OnnxImporter::finish_operator(const OnnxNode& node, InferContext& context,
                                   const std::vector<OnnxValueRef>& inputs, OnnxScope& scope) {
    if (changes_nothing(context)) {
        bind(node, 0, inputs[0], scope);
        return;
    }
    if (auto folded = fold(context, inputs)) {
        for (std::size_t i = 0; i < folded->size() && i < node.outputs.size(); ++i)
            bind(node, i, constant_value(std::move((*folded)[i]), node.outputs[i]), scope);
        return;
    }
    const bool from_shape = operator_class(context.node) == OperatorClass::fold;
    bool ahead = true;
    bool trained = false;
    for (const OnnxValueRef& input : inputs) {
        ahead = ahead && (input == nullptr || input->ahead);
        trained = trained || (input != nullptr && input->trained);
    }
    // A weight repeated for each element of a batch is still one weight, copied when it runs.
    const bool repeats = context.node.type == "Expand" || context.node.type == "Tile";
    ahead = (ahead && !(trained && repeats)) || from_shape;
    std::vector<OnnxValueRef> outputs;
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
        if (i >= context.outputs.size()) {
            if (!node.outputs[i].empty() && i == 0) fail(node, "it has no such output");
            break;
        }
        auto value = std::make_shared<OnnxValue>();
        value->name = node.outputs[i];
        value->shape = context.outputs[i].first;
        value->type = context.outputs[i].second;
        value->ahead = ahead;
        value->trained = trained;
        outputs.push_back(value);
        bind(node, i, value, scope);
    }
    if (ahead) {
        // Quantised weights stay as they are stored: they are widened where they are used.
        if (context.node.type == "DequantizeLinear" && !outputs.empty()) {
            outputs[0]->type = inputs[0]->type;
            outputs[0]->trained = true;
        }
        return;
    }
    if (std::all_of(outputs.begin(), outputs.end(),
                    [](const OnnxValueRef& output) { return output->name.empty(); }))
        fail(node, "none of its outputs has a name");
    std::vector<std::size_t> kept;
    for (std::size_t i = 0; i < context.inputs.size(); ++i) kept.push_back(i);
    for (const std::size_t i : context.kept.value_or(kept))
        context.node.inputs.push_back(
            i < inputs.size() && inputs[i] != nullptr ? materialise(*inputs[i]) : TensorId{});
    for (const OnnxValueRef& output : outputs) {
        if (!output->name.empty())
            output->tensor = graph_.add(Tensor{.name = output->name,
                                               .shape = output->shape,
                                               .type = output->type,
                                               .role = TensorRole::activation,
                                               .values = {}});
        context.node.outputs.push_back(output->tensor);
    }
    graph_.add(std::move(context.node));
    (void)macs(graph_, graph_.nodes.back());  // throws where they overflow
}

TensorId OnnxImporter::materialise(OnnxValue& value) {
    if (value.tensor.valid()) return value.tensor;
    Tensor tensor{.name = value.name,
                  .shape = value.shape,
                  .type = value.type,
                  .role = value.trained ? TensorRole::weight : TensorRole::constant,
                  .values = {}};
    if (value.contents && !value.contents->floating() &&
        value.contents->integers.size() <= kMaxTensorValues)
        tensor.values = value.contents->integers;
    value.tensor = graph_.add(std::move(tensor));
    return value.tensor;
}

}  // namespace perfwatt

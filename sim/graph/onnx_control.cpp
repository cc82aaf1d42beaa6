// Constants, branches, loops, functions and sequences: what leaves no operator of its own behind.
#include <fmt/format.h>

#include <algorithm>

#include "sim/base/diagnostics.h"
#include "sim/graph/onnx_importer.h"
#include "sim/graph/operators.h"

namespace perfwatt {
namespace {

constexpr std::int64_t kMaxIterations = 10'000;
constexpr int kMaxDepth = 24;

std::optional<std::int64_t> one_integer(const OnnxValueRef& value) {
    if (value == nullptr || !value->contents || value->contents->floating() ||
        value->contents->size() != 1)
        return std::nullopt;
    return value->contents->integers[0];
}

std::int64_t integer(const OnnxNode& node, const std::string& key, std::int64_t otherwise) {
    const auto found = node.attributes.find(key);
    if (found == node.attributes.end()) return otherwise;
    const auto* value = std::get_if<std::int64_t>(&found->second);
    if (value == nullptr) throw ShapeError(fmt::format("attribute '{}' is not an integer", key));
    return *value;
}

/// PyTorch writes an Identity of another weight where two weights are equal at export, as those of
/// untrained copies of a layer are. The trained network has two: so does the graph.
OnnxValueRef own_copy(const OnnxValueRef& value) {
    if (!value->trained || !value->ahead || value->sequence) return value;
    auto copy = std::make_shared<OnnxValue>(*value);
    copy->tensor = {};
    return copy;
}

std::int64_t elements_of(const std::vector<OnnxValueRef>& values) {
    std::int64_t total = 0;
    for (const OnnxValueRef& value : values) total += element_count(value->shape);
    return total;
}

}  // namespace

bool OnnxImporter::add_special(const OnnxNode& node, OnnxScope& scope) {
    const std::string& type = node.type;
    if (type == "Constant") {
        add_constant(node, scope);
    } else if (type == "Identity" || type == "Dropout") {
        const auto inputs = inputs_of(node, scope);
        if (inputs.empty() || inputs[0] == nullptr) fail(node, "input 0 is missing");
        bind(node, 0, type == "Identity" ? own_copy(inputs[0]) : inputs[0], scope);
        auto mask = std::make_shared<OnnxValue>();  // all true, since nothing is being trained
        mask->shape = inputs[0]->shape;
        mask->type = DataType::boolean;
        mask->ahead = true;
        bind(node, 1, std::move(mask), scope);
    } else if (type == "If") {
        add_if(node, scope);
    } else if (type == "Loop") {
        add_loop(node, scope);
    } else if (type.find("Sequence") != std::string::npos && type != "ReverseSequence") {
        add_sequence(node, scope);
    } else if (const auto body = model_.functions.find(type); body != model_.functions.end()) {
        add_call(node, body->second, scope);
    } else {
        return add_attention(node, scope);
    }
    return true;
}

void OnnxImporter::add_constant(const OnnxNode& node, OnnxScope& scope) {
    if (node.outputs.empty()) return;
    auto value = std::make_shared<OnnxValue>();
    value->ahead = true;
    value->name = node.outputs[0];
    if (const auto tensor = node.tensors.find("value"); tensor != node.tensors.end()) {
        value->shape = tensor->second.shape;
        value->type = tensor->second.type;
        value->contents = tensor->second.contents;
        // A literal without its contents, or a long one of real numbers, was trained.
        value->trained =
            !value->contents || (value->contents->floating() && value->contents->size() > 64);
    } else if (const auto reals = node.reals.find("value_floats"); reals != node.reals.end()) {
        const auto size = static_cast<std::int64_t>(reals->second.size());
        value->contents = Constant{DataType::fp32, {size}, {}, reals->second};
    } else if (const auto list = node.attributes.find("value_ints");
               list != node.attributes.end()) {
        const auto* integers = std::get_if<std::vector<std::int64_t>>(&list->second);
        if (integers == nullptr) fail(node, "attribute 'value_ints' is not a list of integers");
        value->contents =
            integer_constant(*integers, {static_cast<std::int64_t>(integers->size())});
    } else if (const auto real = node.attributes.find("value_float");
               real != node.attributes.end() && std::holds_alternative<double>(real->second)) {
        value->contents = Constant{DataType::fp32, {}, {}, {std::get<double>(real->second)}};
    } else if (node.attributes.contains("value_int")) {
        value->contents = integer_constant({integer(node, "value_int", 0)}, {});
    } else {
        fail(node, "it has no value that is known");
    }
    require_sane(value->shape);
    if (value->contents) {
        value->shape = value->contents->shape;
        value->type = value->contents->type;
    }
    bind(node, 0, std::move(value), scope);
}

std::vector<OnnxValueRef> OnnxImporter::run_body(const OnnxNode& node, const OnnxGraph& body,
                                                 OnnxScope& inner) {
    if (++depth_ > kMaxDepth) fail(node, "graphs within graphs are nested too deep");
    add_initializers(body, inner);
    add_nodes(body, inner);
    --depth_;
    std::vector<OnnxValueRef> results;
    for (const std::string& output : body.outputs) results.push_back(lookup(node, output, inner));
    return results;
}

/// The branch of a condition that is known; otherwise the costlier one: more multiplications, then
/// more elements, then the first. A branch that cannot be for the shapes at hand is not taken.
void OnnxImporter::add_if(const OnnxNode& node, OnnxScope& scope) {
    const auto inputs = inputs_of(node, scope);
    const auto condition = inputs.empty() ? std::nullopt : one_integer(inputs[0]);
    std::optional<std::vector<OnnxValueRef>> best;
    std::int64_t best_macs = 0;
    std::optional<UserError> impossible;
    for (const char* name : {"then_branch", "else_branch"}) {
        if (condition && (*condition != 0) != (std::string_view(name) == "then_branch")) continue;
        const auto body = node.graphs.find(name);
        if (body == node.graphs.end()) fail(node, fmt::format("it has no '{}'", name));
        const std::size_t first = graph_.nodes.size();
        const int depth = depth_;
        OnnxScope inner{.parent = &scope, .path = scope.path + name + "/", .values = {}};
        inner.path += node.outputs.empty() ? "" : node.outputs[0] + "/";
        try {
            auto results = run_body(node, *body->second, inner);
            std::int64_t cost = 0;
            for (std::size_t i = first; i < graph_.nodes.size(); ++i)
                cost = checked_add(cost, macs(graph_, graph_.nodes[i]));
            const bool better = !best || cost > best_macs ||
                                (cost == best_macs && elements_of(results) > elements_of(*best));
            if (better) best = std::move(results);
            best_macs = std::max(best_macs, cost);
        } catch (const UserError& error) {
            depth_ = depth;
            if (!impossible) impossible = error;
        }
    }
    if (!best && impossible) throw *impossible;
    if (!best) fail(node, "neither of its branches can be taken");
    for (std::size_t i = 0; i < best->size(); ++i) bind(node, i, (*best)[i], scope);
}

/// Unrolled. Where a condition is computed from data, all iterations are taken.
void OnnxImporter::add_loop(const OnnxNode& node, OnnxScope& scope) {
    const auto found = node.graphs.find("body");
    if (found == node.graphs.end()) fail(node, "it has no 'body'");
    const OnnxGraph& body = *found->second;
    const auto inputs = inputs_of(node, scope);
    if (inputs.size() < 2 || body.inputs.size() != inputs.size() || body.outputs.empty() ||
        body.outputs.size() + 1 < inputs.size())
        fail(node, "its body does not fit its inputs");
    const auto trips = one_integer(inputs[0]);
    if (inputs[0] != nullptr && !trips)
        fail(node, "its number of iterations is computed from data, and so is not known ahead");
    const std::size_t carried = inputs.size() - 2;
    std::vector<OnnxValueRef> state(inputs.begin() + 2, inputs.end());
    std::vector<std::vector<OnnxValueRef>> scanned(body.outputs.size() - 1 - carried);
    OnnxValueRef condition = inputs[1];
    for (std::int64_t i = 0; !trips || i < *trips; ++i) {
        if (one_integer(condition) == 0) break;
        if (i >= kMaxIterations)
            fail(node, fmt::format("it does not end within {} iterations", kMaxIterations));
        OnnxScope inner{.parent = &scope, .values = {}};
        inner.path =
            fmt::format("{}{}#{}/", scope.path, node.outputs.empty() ? "" : node.outputs[0], i);
        inner.values[body.inputs[0].name] = constant_value(integer_constant({i}, {}), "iteration");
        inner.values[body.inputs[1].name] =
            condition != nullptr ? condition
                                 : constant_value(integer_constant({1}, {}), "condition");
        for (std::size_t k = 0; k < carried; ++k) {
            if (state[k] == nullptr) fail(node, "a carried value is missing");
            inner.values[body.inputs[k + 2].name] = state[k];
        }
        const auto results = run_body(node, body, inner);
        condition = results[0];
        std::copy_n(results.begin() + 1, carried, state.begin());
        for (std::size_t k = 0; k < scanned.size(); ++k)
            scanned[k].push_back(results[1 + carried + k]);
    }
    for (std::size_t k = 0; k < carried; ++k) bind(node, k, state[k], scope);
    for (std::size_t k = 0; k < scanned.size() && carried + k < node.outputs.size(); ++k)
        if (!node.outputs[carried + k].empty())
            bind(node, carried + k, join(node, scanned[k], 0, true, scope), scope);
}

void OnnxImporter::add_call(const OnnxNode& node, const OnnxGraph& body, OnnxScope& scope) {
    const auto inputs = inputs_of(node, scope);
    OnnxScope inner{.values = {}};
    inner.path = scope.path + (node.outputs.empty() ? "" : node.outputs[0]) + "()/";
    for (std::size_t i = 0; i < body.inputs.size(); ++i)
        if (i < inputs.size() && inputs[i] != nullptr)
            inner.values[body.inputs[i].name] = inputs[i];
    OnnxGraph bound = body;
    for (OnnxNode& one : bound.nodes) {
        for (std::string& input : one.inputs)  // an optional input that the call leaves out
            if (std::any_of(body.inputs.begin(), body.inputs.end(),
                            [&](const OnnxInput& formal) { return formal.name == input; }) &&
                !inner.values.contains(input))
                input.clear();
        for (const auto& [key, outer] : one.references) {
            if (node.attributes.contains(outer)) one.attributes[key] = node.attributes.at(outer);
            if (node.reals.contains(outer)) one.reals[key] = node.reals.at(outer);
            if (node.tensors.contains(outer)) one.tensors[key] = node.tensors.at(outer);
        }
    }
    const auto results = run_body(node, bound, inner);
    for (std::size_t i = 0; i < results.size(); ++i) bind(node, i, results[i], scope);
}

/// Concatenates parts along an axis, which a stack first makes.
OnnxValueRef OnnxImporter::join(const OnnxNode& node, const std::vector<OnnxValueRef>& parts,
                                std::int64_t axis, bool new_axis, OnnxScope& scope) {
    if (parts.empty()) fail(node, "it joins no tensors, whose shape is not known");
    OnnxScope inner{.parent = &scope, .path = scope.path, .values = {}};
    OnnxNode concat{.name = node.name, .type = "Concat", .outputs = {"joined"}};
    concat.attributes["axis"] = axis;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const std::string name = fmt::format("part {}", i);
        if (parts[i]->sequence) fail(node, "it joins sequences");
        inner.values[name] = parts[i];
        concat.inputs.push_back(name);
        if (!new_axis) continue;
        OnnxNode unsqueeze{.name = node.name,
                           .type = "Unsqueeze",
                           .inputs = {name},
                           .outputs = {name + " stacked"}};
        unsqueeze.attributes["axes"] = std::vector{axis};
        add_node(unsqueeze, inner);
        concat.inputs.back() = unsqueeze.outputs[0];
    }
    add_node(concat, inner);
    return inner.values["joined"];
}

void OnnxImporter::add_sequence(const OnnxNode& node, OnnxScope& scope) {
    const auto inputs = inputs_of(node, scope);
    const std::string& type = node.type;
    auto result = std::make_shared<OnnxValue>();
    const auto items = [&]() -> std::vector<OnnxValueRef> {
        if (inputs.empty() || inputs[0] == nullptr || !inputs[0]->sequence)
            fail(node, "input 0 is not a sequence");
        return *inputs[0]->sequence;
    };
    const auto position = [&](std::size_t input, std::size_t size) {
        const auto at = input < inputs.size() ? one_integer(inputs[input]) : std::nullopt;
        if (!at || *at < -static_cast<std::int64_t>(size) || *at >= static_cast<std::int64_t>(size))
            fail(node, "its position in the sequence is not known, or outside it");
        return *at < 0 ? *at + static_cast<std::int64_t>(size) : *at;
    };
    if (type == "SequenceEmpty") {
        result->sequence.emplace();
    } else if (type == "SequenceConstruct") {
        result->sequence = inputs;
    } else if (type == "SequenceInsert") {
        result->sequence = items();
        if (inputs.size() < 2 || inputs[1] == nullptr) fail(node, "input 1 is missing");
        const auto size = result->sequence->size();
        const auto at = inputs.size() > 2 ? position(2, size + 1) : static_cast<std::int64_t>(size);
        result->sequence->insert(result->sequence->begin() + at, inputs[1]);
    } else if (type == "SequenceErase") {
        result->sequence = items();
        if (result->sequence->empty()) fail(node, "its sequence is empty");
        const auto size = result->sequence->size();
        result->sequence->erase(
            result->sequence->begin() +
            (inputs.size() > 1 ? position(1, size) : static_cast<std::int64_t>(size) - 1));
    } else if (type == "SequenceAt") {
        const auto all = items();
        result = all[static_cast<std::size_t>(position(1, all.size()))];
    } else if (type == "SequenceLength") {
        const auto size = static_cast<std::int64_t>(items().size());
        result = constant_value(integer_constant({size}, {}), node.type);
    } else if (type == "ConcatFromSequence") {
        result =
            join(node, items(), integer(node, "axis", 0), integer(node, "new_axis", 0) != 0, scope);
    } else if (type == "SplitToSequence") {
        if (inputs.empty() || inputs[0] == nullptr || inputs[0]->sequence)
            fail(node, "input 0 is missing");
        const Shape& shape = inputs[0]->shape;
        const auto axis = resolve_axis(integer(node, "axis", 0), shape.size());
        const auto each =
            inputs.size() > 1 ? one_integer(inputs[1]) : std::optional{std::int64_t{1}};
        std::vector<std::int64_t> sizes;
        if (each && (inputs.size() < 2 || inputs[1]->shape.empty())) {
            if (*each < 1 || shape[axis] / *each > kMaxIterations)
                fail(node, "its parts are too many");
            for (std::int64_t left = shape[axis]; left > 0; left -= sizes.back())
                sizes.push_back(std::min(left, *each));
        } else if (inputs.size() > 1 && inputs[1] != nullptr && inputs[1]->contents) {
            sizes = inputs[1]->contents->integers;
        } else {
            fail(node, "its parts are computed from data");
        }
        const bool keeps = inputs.size() > 1 || integer(node, "keepdims", 1) != 0;
        OnnxScope inner{.parent = &scope, .path = scope.path, .values = {}};
        OnnxNode split{.name = node.name, .type = "Split", .inputs = {node.inputs[0]}};
        split.attributes["axis"] = axis;
        split.attributes["split"] = sizes;
        for (std::size_t i = 0; i < sizes.size(); ++i)
            split.outputs.push_back(fmt::format("part {}", i));
        add_node(split, inner);
        result->sequence.emplace();
        for (const std::string& part : split.outputs) {
            if (!keeps) {
                OnnxNode squeeze{.name = node.name,
                                 .type = "Squeeze",
                                 .inputs = {part},
                                 .outputs = {part + " squeezed"}};
                squeeze.attributes["axes"] = std::vector{axis};
                add_node(squeeze, inner);
                result->sequence->push_back(inner.values[squeeze.outputs[0]]);
            } else {
                result->sequence->push_back(inner.values[part]);
            }
        }
    } else {
        fail(node, fmt::format("operator '{}' is not known", type),
             "'perfwatt list operators' names those that are known");
    }
    bind(node, 0, std::move(result), scope);
}

}  // namespace perfwatt

#include "sim/graph/layer_list.h"

#include <fmt/format.h>

#include <map>
#include <optional>

#include "sim/graph/layer_spec.h"
#include "sim/graph/shape.h"
#include "sim/graph/transformer.h"

namespace perfwatt {
namespace {

using namespace layer_list;
using Integers = std::vector<std::int64_t>;
using Attributes = std::map<std::string, Attribute>;

constexpr int kMaxDepth = 16;
constexpr std::int64_t kMaxLayers = 200'000;

class Builder {
  public:
    Builder(GraphBuilder graph, Reading& reading) : graph_(std::move(graph)), reading_(reading) {}

    Graph build(const LayerNetwork& network, std::int64_t batch) {
        batch_ = batch;
        const TensorId first = add_input(network.input);
        Scope scope{.names = {{"input", first}}, .outer = nullptr};
        for (const LayerInput& more : network.more_inputs)
            if (!scope.names.emplace(more.name, add_input(more)).second)
                reading_.error(*network.layers,
                               fmt::format("there are two inputs '{}'", more.name));
        const std::optional<TensorId> last = list(*network.layers, first, "", scope);
        if (!last) return {};
        if (*last == first) reading_.error(*network.layers, "the network has no layers");
        std::vector<TensorId> outputs;
        for (const std::string& name : network.outputs)
            if (const auto found = named(*network.layers, name, scope)) outputs.push_back(*found);
        for (const LayerZeros& zeros : network.zeros)
            if (const auto found = named(*network.layers, zeros.name, scope))
                graph_.set_zeros(*found, zeros.per_mille);
        return graph_.finish(network.outputs.empty() ? std::vector{*last} : outputs);
    }

  private:
    /// Names of a list, then of the lists around it.
    struct Scope {
        std::map<std::string, TensorId> names;
        const Scope* outer = nullptr;
    };

    TensorId add_input(const LayerInput& input) {
        Shape shape{batch_};
        shape.insert(shape.end(), input.shape.begin(), input.shape.end());
        const DataType type =
            input.type == LayerInput::Type::token ? DataType::int32 : DataType::fp32;
        return graph_.input(input.name, std::move(shape), type);
    }

    std::optional<TensorId> inner_list(const ConfigNode& node, TensorId input,
                                       const std::string& path, const Scope& outer) {
        Scope scope{.names = {{"input", input}}, .outer = &outer};
        return list(node, input, path, scope);
    }

    /// The result of a list of layers; nothing once a mistake was found.
    std::optional<TensorId> list(const ConfigNode& node, TensorId input, const std::string& path,
                                 Scope& names) {
        if (node.kind != ConfigNode::Kind::list) {
            reading_.error(node,
                           fmt::format("expected a list of layers, found {}", describe(node)));
            return std::nullopt;
        }
        if (++depth_ > kMaxDepth) {
            reading_.error(node, "groups of layers are nested too deep");
            return std::nullopt;
        }
        std::optional<TensorId> x = input;
        for (std::size_t i = 0; i < node.items.size() && x; ++i)
            x = entry(node.items[i], *x, names, fmt::format("{}{}", path, i));
        --depth_;
        return x;
    }

    std::optional<TensorId> entry(const ConfigNode& node, TensorId before, Scope& names,
                                  const std::string& path) {
        const std::size_t errors = reading_.error_count();
        const Layer layer = layer_schema().read(node, reading_, "layers." + path);
        if (reading_.error_count() > errors) return std::nullopt;
        const bool nested = path.find('.') != std::string::npos;
        const std::string name = layer.name.value_or(nested ? path : "layer" + path);
        std::optional<TensorId> x = before;
        if (layer.from) x = named(node, *layer.from, names);
        for (std::int64_t i = 0; i < layer.repeat && x; ++i) {
            if (++layers_built_ > kMaxLayers) {
                reading_.error(node,
                               fmt::format("the network has more than {} layers", kMaxLayers));
                return std::nullopt;
            }
            const std::string own = layer.repeat > 1 ? fmt::format("{}.{}", name, i) : name;
            graph_.set_line(node.place.line);
            try {
                x = layer.layers != nullptr     ? inner_list(*layer.layers, *x, own + ".", names)
                    : layer.branches != nullptr ? branches(layer, *x, own, names)
                                                : one(node, layer, *x, names, own);
            } catch (const ShapeError& error) {
                reading_.error(node, fmt::format("layer '{}': {}", own, error.what()));
                return std::nullopt;
            }
        }
        if (x && layer.name && !names.names.emplace(*layer.name, *x).second)
            reading_.error(node,
                           fmt::format("there are two layers '{}' in this list", *layer.name));
        return x;
    }

    std::optional<TensorId> named(const ConfigNode& node, const std::string& name,
                                  const Scope& names) {
        std::vector<std::string> known;
        for (const Scope* scope = &names; scope != nullptr; scope = scope->outer) {
            if (const auto found = scope->names.find(name); found != scope->names.end())
                return found->second;
            for (const auto& [one, tensor] : scope->names) known.push_back(one);
        }
        reading_.error(node, fmt::format("there is no layer '{}' before this one", name),
                       did_you_mean(name, known));
        return std::nullopt;
    }

    std::optional<TensorId> branches(const Layer& layer, TensorId x, const std::string& name,
                                     const Scope& names) {
        if (layer.branches->kind != ConfigNode::Kind::list || layer.branches->items.size() < 2) {
            reading_.error(*layer.branches, "branches are a list of two or more lists of layers");
            return std::nullopt;
        }
        std::vector<TensorId> results;
        for (std::size_t i = 0; i < layer.branches->items.size(); ++i) {
            const auto result =
                inner_list(layer.branches->items[i], x, fmt::format("{}.{}.", name, i), names);
            if (!result) return std::nullopt;
            results.push_back(*result);
        }
        return join(*layer.join, results, name, 1);
    }

    TensorId join(Join how, const std::vector<TensorId>& parts, const std::string& name,
                  std::int64_t axis) {
        if (how == Join::concat) return graph_.add(name, "Concat", parts, {{"axis", axis}});
        TensorId x = parts[0];
        for (std::size_t i = 1; i < parts.size(); ++i)
            x = graph_.add(name, how == Join::add ? "Add" : "Mul", {x, parts[i]});
        return x;
    }

    std::optional<TensorId> joined(const ConfigNode& node, const WithLayer& with, Join how,
                                   TensorId x, const Scope& names, const std::string& name) {
        std::vector<TensorId> parts{x};
        for (const std::string& other : with.with) {
            const auto found = named(node, other, names);
            if (!found) return std::nullopt;
            parts.push_back(*found);
        }
        return join(how, parts, name, with.axis);
    }

    std::optional<TensorId> one(const ConfigNode& node, const Layer& layer, TensorId x,
                                const Scope& names, const std::string& name) {
        if (layer.conv) return filtered(name, *layer.conv, conv(name, x, *layer.conv));
        if (layer.conv_transpose)
            return filtered(name, *layer.conv_transpose,
                            conv_transpose(name, x, *layer.conv_transpose));
        if (layer.depthwise) {
            ConvLayer own = *layer.depthwise;
            own.groups = extent(x, 1);
            own.filters = checked_multiply(own.groups, own.filters);
            return filtered(name, own, conv(name, x, own));
        }
        if (const auto result = with_others(node, layer, x, names, name)) return *result;
        if (const auto result = of_shape(layer, x, name)) return result;
        if (layer.linear)
            return graph_.linear(name, x, {layer.linear->features, layer.linear->bias});
        if (layer.pool) return pool(name, x, *layer.pool);
        if (layer.norm) return norm(name, x, *layer.norm);
        if (layer.activation) return activation(name, x, *layer.activation);
        if (layer.group_norm) return group_norm(name, x, layer.group_norm->groups);
        if (layer.offset) return trained(name, "Add", x, *layer.offset);
        if (layer.scale) return trained(name, "Mul", x, *layer.scale);
        if (layer.prepend) return prepend(name, x, layer.prepend->tokens);
        if (layer.mean)
            return graph_.add(
                name, "ReduceMean", {x},
                {{"axes", Integers{layer.mean->axis}}, {"keepdims", std::int64_t{0}}});
        if (layer.softmax) return graph_.add(name, "Softmax", {x}, {{"axis", layer.softmax->axis}});
        if (layer.embedding)
            return graph_.add(name, "Gather",
                              {graph_.weight(name + ".table", {layer.embedding->vocabulary,
                                                               layer.embedding->hidden}),
                               x},
                              {{"axis", std::int64_t{0}}});
        return recurrent(name, x, *layer.recurrent);
    }

    /// Operators that name other layers. Nothing: not one of them; nothing inside: a name is wrong.
    std::optional<std::optional<TensorId>> with_others(const ConfigNode& node, const Layer& layer,
                                                       TensorId x, const Scope& names,
                                                       const std::string& name) {
        if (layer.add) return joined(node, *layer.add, Join::add, x, names, name);
        if (layer.multiply) return joined(node, *layer.multiply, Join::multiply, x, names, name);
        if (layer.concat) return joined(node, *layer.concat, Join::concat, x, names, name);
        if (layer.attention) {
            TensorId context;
            if (layer.attention->context) {
                const auto found = named(node, *layer.attention->context, names);
                if (!found) return std::optional<TensorId>();
                context = *found;
            }
            return attention(name, x, *layer.attention, context);
        }
        if (layer.attend) {
            const auto keys = named(node, layer.attend->keys, names);
            const auto values = named(node, layer.attend->values, names);
            if (!keys || !values) return std::optional<TensorId>();
            return attend(name, {x, *keys, *values}, *layer.attend);
        }
        if (layer.reshape) {
            Shape shape{extent(x, 0)};
            shape.insert(shape.end(), layer.reshape->shape.begin(), layer.reshape->shape.end());
            if (layer.reshape->like) {
                const auto like = named(node, *layer.reshape->like, names);
                if (!like) return std::optional<TensorId>();
                for (const std::size_t axis : {2, 3}) shape.push_back(extent(*like, axis));
            }
            return graph_.add(name, "Reshape", {x}, {{"shape", shape}});
        }
        if (layer.matmul) {
            auto other = named(node, layer.matmul->with, names);
            if (!other) return std::optional<TensorId>();
            if (layer.matmul->transpose) other = transposed(name, *other);
            return graph_.add(name, "MatMul", {x, *other});
        }
        return std::nullopt;
    }

    /// Operators that change the shape and compute nothing.
    std::optional<TensorId> of_shape(const Layer& layer, TensorId x, const std::string& name) {
        if (layer.flatten) return graph_.add(name, "Flatten", {x}, {{"axis", layer.flatten->axis}});
        if (layer.slice)
            return graph_.add(name, "Slice", {x},
                              {{"starts", Integers{layer.slice->start}},
                               {"ends", Integers{layer.slice->end}},
                               {"axes", Integers{layer.slice->axis}}});
        if (layer.depth_to_space)
            return graph_.add(name, "DepthToSpace", {x},
                              {{"blocksize", layer.depth_to_space->block}});
        if (layer.space_to_depth)
            return graph_.add(name, "SpaceToDepth", {x},
                              {{"blocksize", layer.space_to_depth->block}});
        if (layer.upsample) return upsample(name, x, *layer.upsample);
        if (layer.resize) return upsample(name, x, *layer.resize);
        if (layer.transpose)
            return graph_.add(name, "Transpose", {x}, {{"perm", layer.transpose->perm}});
        return std::nullopt;
    }

    std::int64_t extent(TensorId x, std::size_t axis) const {
        const Shape& shape = graph_.shape(x);
        if (axis >= shape.size())
            throw ShapeError(
                fmt::format("its input {} has no dimension {}", to_string(shape), axis));
        return shape[axis];
    }

    Attributes window(const ConvLayer& layer, std::int64_t channels) const {
        if (channels % layer.groups != 0)
            throw ShapeError(
                fmt::format("{} channels do not divide into {} groups", channels, layer.groups));
        const std::int64_t sides = layer.padding_width.value_or(layer.padding);
        return {{"strides", Integers{layer.stride, layer.stride}},
                {"dilations", Integers{layer.dilation, layer.dilation}},
                {"pads", Integers{layer.padding, sides, layer.padding, sides}},
                {"group", layer.groups}};
    }

    TensorId conv(const std::string& name, TensorId x, const ConvLayer& layer) {
        const std::int64_t channels = extent(x, 1);
        const Attributes attributes = window(layer, channels);
        const Shape filter{layer.filters, channels / layer.groups, layer.kernel,
                           layer.kernel_width.value_or(layer.kernel)};
        std::vector<TensorId> inputs{x, graph_.weight(name + ".weight", filter)};
        if (layer.bias) inputs.push_back(graph_.weight(name + ".bias", {layer.filters}));
        return graph_.add(name, "Conv", std::move(inputs), attributes);
    }

    TensorId conv_transpose(const std::string& name, TensorId x, const ConvLayer& layer) {
        const std::int64_t channels = extent(x, 1);
        Attributes attributes = window(layer, channels);
        attributes["output_padding"] = Integers{layer.output_padding, layer.output_padding};
        if (layer.filters % layer.groups != 0)
            throw ShapeError(fmt::format("{} filters do not divide into {} groups", layer.filters,
                                         layer.groups));
        const Shape filter{channels, layer.filters / layer.groups, layer.kernel,
                           layer.kernel_width.value_or(layer.kernel)};
        std::vector<TensorId> inputs{x, graph_.weight(name + ".weight", filter)};
        if (layer.bias) inputs.push_back(graph_.weight(name + ".bias", {layer.filters}));
        return graph_.add(name, "ConvTranspose", std::move(inputs), attributes);
    }

    /// What follows a convolution in the same entry.
    TensorId filtered(const std::string& name, const ConvLayer& layer, TensorId x) {
        if (layer.norm) x = norm(name + ".norm", x, *layer.norm);
        if (layer.activation) x = activation(name + ".activation", x, *layer.activation);
        return x;
    }

    TensorId trained(const std::string& name, const char* type, TensorId x,
                     const TrainedLayer& layer) {
        const TensorId sum =
            graph_.add(name, type, {x, graph_.weight(name + ".trained", layer.shape)});
        if (graph_.shape(sum) != graph_.shape(x))
            throw ShapeError(fmt::format("its shape {} does not fit into {}",
                                         to_string(layer.shape), to_string(graph_.shape(x))));
        return sum;
    }

    TensorId prepend(const std::string& name, TensorId x, std::int64_t tokens) {
        const Shape rows{extent(x, 0), tokens, extent(x, 2)};
        TensorId first = graph_.weight(name + ".tokens", {1, tokens, extent(x, 2)});
        if (rows[0] > 1) first = graph_.add(name + ".each", "Expand", {first}, {{"shape", rows}});
        return graph_.add(name, "Concat", {first, x}, {{"axis", std::int64_t{1}}});
    }

    TensorId group_norm(const std::string& name, TensorId x, std::int64_t groups) {
        const std::int64_t channels = extent(x, 1);
        if (channels % groups != 0)
            throw ShapeError(
                fmt::format("{} channels do not divide into {} groups", channels, groups));
        return graph_.add(name, "GroupNormalization",
                          {x, graph_.weight(name + ".scale", {channels}),
                           graph_.weight(name + ".bias", {channels})},
                          {{"num_groups", groups}});
    }

    TensorId pool(const std::string& name, TensorId x, const PoolLayer& layer) {
        if (layer.kind == PoolKind::global_average)
            return graph_.add(name, "GlobalAveragePool", {x});
        if (layer.kind == PoolKind::global_max) return graph_.add(name, "GlobalMaxPool", {x});
        const std::int64_t stride = layer.stride.value_or(layer.kernel);
        return graph_.add(name, layer.kind == PoolKind::max ? "MaxPool" : "AveragePool", {x},
                          {{"kernel_shape", Integers{layer.kernel, layer.kernel}},
                           {"strides", Integers{stride, stride}},
                           {"pads", Integers(4, layer.padding)},
                           {"ceil_mode", std::int64_t{layer.ceil ? 1 : 0}}});
    }

    TensorId norm(const std::string& name, TensorId x, NormKind kind) {
        if (kind == NormKind::layer) return graph_.norm(name, x, GraphBuilder::Norm::layer);
        if (kind == NormKind::rms) return graph_.norm(name, x, GraphBuilder::Norm::rms);
        const Shape channels{extent(x, 1)};
        std::vector<TensorId> inputs{x, graph_.weight(name + ".scale", channels),
                                     graph_.weight(name + ".bias", channels)};
        if (kind == NormKind::instance)
            return graph_.add(name, "InstanceNormalization", std::move(inputs));
        for (const char* statistic : {".mean", ".variance"}) {  // measured, not trained
            inputs.push_back(graph_.weight(name + statistic, channels));
            graph_.set_role(inputs.back(), TensorRole::constant);
        }
        return graph_.add(name, "BatchNormalization", std::move(inputs));
    }

    TensorId activation(const std::string& name, TensorId x, int row) {
        const auto& [word, type] = kActivations[static_cast<std::size_t>(row)];
        Attributes attributes;
        if (word == "relu6") attributes = {{"min", 0.0}, {"max", 6.0}};
        return graph_.add(name, std::string(type), {x}, std::move(attributes));
    }

    TensorId transposed(const std::string& name, TensorId x) {
        Integers perm(graph_.shape(x).size());
        for (std::size_t i = 0; i < perm.size(); ++i) perm[i] = static_cast<std::int64_t>(i);
        if (perm.size() < 2) throw ShapeError("its second operand has less than two dimensions");
        std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
        return graph_.add(name + ".transpose", "Transpose", {x}, {{"perm", perm}});
    }

    TensorId attention(const std::string& name, TensorId x, const AttentionLayer& layer,
                       TensorId context) {
        const std::int64_t hidden = extent(x, 2);
        const std::int64_t kv_heads = layer.kv_heads.value_or(layer.heads);
        if (!layer.head_dim && hidden % layer.heads != 0)
            throw ShapeError(
                fmt::format("a size of {} does not divide into {} heads", hidden, layer.heads));
        return add_attention(graph_, name, x,
                             {.heads = layer.heads,
                              .kv_heads = kv_heads,
                              .head_dim = layer.head_dim.value_or(hidden / layer.heads),
                              .bias = layer.bias,
                              .rotary = layer.rotary,
                              .context = context,
                              .output_bias = layer.output_bias});
    }

    struct Attended {
        TensorId queries, keys, values;
    };

    TensorId attend(const std::string& name, const Attended& of, const AttendLayer& layer) {
        const auto heads = [&](const char* part, TensorId x, std::int64_t count) {
            const std::int64_t size = extent(x, 2);
            if (size % count != 0)
                throw ShapeError(
                    fmt::format("a size of {} does not divide into {} heads", size, count));
            return graph_.add(name + part, "Reshape", {x},
                              {{"shape", Shape{extent(x, 0), extent(x, 1), count, size / count}}});
        };
        const std::int64_t kv_heads = layer.kv_heads.value_or(layer.heads);
        const TensorId queries = heads(".queries", of.queries, layer.heads);
        TensorId scores = graph_.add(name + ".scores", "perfwatt.AttentionScores",
                                     {queries, heads(".keys", of.keys, kv_heads)});
        if (layer.score_bias) {
            Shape each = graph_.shape(scores);
            each.erase(each.begin());
            scores = trained(name + ".bias", "Add", scores, {.shape = each});
        }
        const TensorId weights =
            graph_.add(name + ".softmax", "Softmax", {scores}, {{"axis", std::int64_t{-1}}});
        const TensorId mixed = graph_.add(name + ".values", "perfwatt.AttentionValues",
                                          {weights, heads(".rows", of.values, kv_heads)});
        const Shape made = graph_.shape(mixed);
        return graph_.add(name + ".join", "Reshape", {mixed},
                          {{"shape", Shape{made[0], made[1], made[2] * made[3]}}});
    }

    TensorId upsample(const std::string& name, TensorId x, const UpsampleLayer& layer) {
        Shape sizes = graph_.shape(x);
        if (layer.rows > 0) {
            sizes = {extent(x, 0), extent(x, 1), layer.rows, layer.columns};
        } else {
            for (std::size_t i = 2; i < sizes.size(); ++i)
                sizes[i] = checked_multiply(sizes[i], layer.scale);
        }
        return graph_.add(
            name, "Resize", {x},
            {{"sizes", sizes},
             {"mode", layer.mode == UpsampleMode::nearest ? std::string("nearest") : "linear"}});
    }

    TensorId recurrent(const std::string& name, TensorId x, const RecurrentLayer& layer) {
        const std::string type = layer.kind == RecurrentKind::lstm  ? "LSTM"
                                 : layer.kind == RecurrentKind::gru ? "GRU"
                                                                    : "RNN";
        const std::int64_t gates = type == "LSTM" ? 4 : type == "GRU" ? 3 : 1;
        const std::int64_t directions = layer.bidirectional ? 2 : 1;
        const std::int64_t rows = gates * layer.hidden;
        const std::int64_t input = extent(x, 2);
        const TensorId y = graph_.add(
            name, type,
            {x, graph_.weight(name + ".weight", {directions, rows, input}),
             graph_.weight(name + ".recurrence", {directions, rows, layer.hidden}),
             graph_.weight(name + ".bias", {directions, 2 * rows})},
            {{"layout", std::int64_t{1}},
             {"hidden_size", layer.hidden},
             {"direction", std::string(layer.bidirectional ? "bidirectional" : "forward")}});
        return graph_.add(
            name + ".join", "Reshape", {y},
            {{"shape", Shape{extent(x, 0), extent(x, 1), directions * layer.hidden}}});
    }

    GraphBuilder graph_;
    Reading& reading_;
    std::int64_t batch_ = 1;
    int depth_ = 0;
    std::int64_t layers_built_ = 0;
};

}  // namespace

MapSchema<LayerInput> layer_input_schema() {
    return MapSchema<LayerInput>("input")
        .field("shape", &LayerInput::shape,
               list_of(count_value({.max = 1 << 30}), {.min = 0, .max = 8}), Presence::required,
               "of one inference, the batch left out: [channels, rows, columns]")
        .choice("type", &LayerInput::type,
                {.names = {{"real", LayerInput::Type::real}, {"token", LayerInput::Type::token}},
                 .otherwise = LayerInput::Type::real},
                "numbers, or tokens for an embedding");
}

MapSchema<LayerInput> named_input_schema() {
    return layer_input_schema().text("name", &LayerInput::name, {}, "by which layers read it");
}

MapSchema<LayerZeros> layer_zeros_schema() {
    return MapSchema<LayerZeros>("zeros")
        .text("of", &LayerZeros::name, {}, "an input, or a layer whose result it is")
        .count("per_mille", &LayerZeros::per_mille, {.min = 0, .max = 999}, "of its values");
}

Graph build_layers(const LayerNetwork& network, std::int64_t batch, GraphBuilder builder,
                   Reading& reading) {
    return Builder(std::move(builder), reading).build(network, batch);
}

}  // namespace perfwatt

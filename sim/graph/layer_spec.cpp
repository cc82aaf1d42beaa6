#include "sim/graph/layer_spec.h"

#include <fmt/format.h>

namespace perfwatt::layer_list {
namespace {

const CountLimits kSize{.max = 1 << 24};

std::vector<std::pair<std::string, NormKind>> norm_names() {
    return {{"batch", NormKind::batch},
            {"layer", NormKind::layer},
            {"rms", NormKind::rms},
            {"instance", NormKind::instance}};
}

std::vector<std::pair<std::string, int>> activation_names() {
    std::vector<std::pair<std::string, int>> names;
    for (const auto& [name, type] : kActivations)
        names.emplace_back(name, static_cast<int>(names.size()));
    return names;
}

enum class Filter { plain, depthwise, transposed };

MapSchema<ConvLayer> conv_schema(Filter kind) {
    const bool depthwise = kind == Filter::depthwise;
    MapSchema<ConvLayer> schema(depthwise                    ? "depthwise"
                                : kind == Filter::transposed ? "conv_transpose"
                                                             : "conv");
    if (depthwise) {
        schema.count("multiplier", &ConvLayer::filters, {.max = 1 << 16, .otherwise = 1},
                     "output channels of each input channel");
    } else {
        schema.count("filters", &ConvLayer::filters, kSize, "output channels")
            .count("groups", &ConvLayer::groups, {.max = 1 << 24, .otherwise = 1},
                   "groups that do not see each other");
    }
    if (kind == Filter::transposed)
        schema.count("output_padding", &ConvLayer::output_padding,
                     {.min = 0, .max = 1 << 16, .otherwise = 0},
                     "rows and columns more at the end");
    return schema.count("kernel", &ConvLayer::kernel, {.max = 1 << 16}, "rows of the filter")
        .count("kernel_width", &ConvLayer::kernel_width, {.max = 1 << 16},
               "columns of the filter, where not as many as rows")
        .count("stride", &ConvLayer::stride, {.max = 1 << 16, .otherwise = 1},
               "steps between neighbouring outputs")
        .count("padding", &ConvLayer::padding, {.min = 0, .max = 1 << 16, .otherwise = 0},
               "zeros on each side")
        .count("padding_width", &ConvLayer::padding_width, {.min = 0, .max = 1 << 16},
               "zeros on the left and on the right, where not as many as above")
        .count("dilation", &ConvLayer::dilation, {.max = 1 << 16, .otherwise = 1},
               "steps between elements of the filter")
        .flag("bias", &ConvLayer::bias, false, "whether a bias is added")
        .choice("norm", &ConvLayer::norm, {.names = norm_names(), .otherwise = {}},
                "a norm of its result")
        .choice("activation", &ConvLayer::activation,
                {.names = activation_names(), .otherwise = {}}, "a function after both");
}

MapSchema<WithLayer> with_schema(const char* name, bool with_axis) {
    MapSchema<WithLayer> schema(name);
    schema.field("with", &WithLayer::with, list_of(text_value(), {.min = 1}), Presence::required,
                 "names of layers");
    if (with_axis)
        schema.count("axis", &WithLayer::axis, {.min = -8, .max = 8, .otherwise = 1},
                     "along which dimension, the batch's being 0");
    return schema;
}

MapSchema<AxisLayer> axis_schema(const char* name, std::int64_t otherwise) {
    return MapSchema<AxisLayer>(name).count("axis", &AxisLayer::axis,
                                            {.min = -8, .max = 8, .otherwise = otherwise},
                                            "which dimension, the batch's being 0");
}

MapSchema<SliceLayer> slice_schema() {
    const CountLimits place{.min = 0, .max = 1 << 30};
    return MapSchema<SliceLayer>("slice")
        .count("axis", &SliceLayer::axis, {.min = -8, .max = 8, .otherwise = 1},
               "which dimension, the batch's being 0")
        .count("start", &SliceLayer::start, {.min = 0, .max = 1 << 30, .otherwise = 0}, "the first")
        .count("end", &SliceLayer::end, place, "behind the last");
}

MapSchema<PoolLayer> pool_schema() {
    return MapSchema<PoolLayer>("pool")
        .choice("kind", &PoolLayer::kind,
                {.names = {{"max", PoolKind::max},
                           {"average", PoolKind::average},
                           {"global_average", PoolKind::global_average},
                           {"global_max", PoolKind::global_max}},
                 .otherwise = {}},
                "what is made of a window")
        .count("kernel", &PoolLayer::kernel, {.max = 1 << 16, .otherwise = 1}, "rows and columns")
        .count("stride", &PoolLayer::stride, {.max = 1 << 16}, "the kernel's size if absent")
        .count("padding", &PoolLayer::padding, {.min = 0, .max = 1 << 16, .otherwise = 0},
               "on each side")
        .flag("ceil", &PoolLayer::ceil, false, "whether a last window may be cut off");
}

MapSchema<AttentionLayer> attention_schema() {
    return MapSchema<AttentionLayer>("attention")
        .count("heads", &AttentionLayer::heads, {.max = 65'536}, "attention heads")
        .count("kv_heads", &AttentionLayer::kv_heads, {.max = 65'536}, "as many as heads if absent")
        .count("head_dim", &AttentionLayer::head_dim, {.max = 65'536}, "the size / heads if absent")
        .text("context", &AttentionLayer::context, {},
              "the layer that keys and values are made of, where not that of the queries")
        .flag("bias", &AttentionLayer::bias, false, "whether the four projections have biases")
        .flag("output_bias", &AttentionLayer::output_bias, {},
              "whether the last of them has, where not as the others")
        .flag("rotary", &AttentionLayer::rotary, false, "whether positions are rotary");
}

MapSchema<AttendLayer> attend_schema() {
    return MapSchema<AttendLayer>("attend")
        .count("heads", &AttendLayer::heads, {.max = 65'536}, "heads of queries")
        .count("kv_heads", &AttendLayer::kv_heads, {.max = 65'536}, "as many as heads if absent")
        .text("keys", &AttendLayer::keys, {}, "the layer that gives them")
        .text("values", &AttendLayer::values, {}, "the layer that gives them")
        .flag("score_bias", &AttendLayer::score_bias, false,
              "whether a trained number is added to each score of a head");
}

MapSchema<UpsampleLayer> upsample_schema(bool to_size) {
    MapSchema<UpsampleLayer> schema(to_size ? "resize" : "upsample");
    if (to_size)
        schema.count("rows", &UpsampleLayer::rows, kSize, "of the result")
            .count("columns", &UpsampleLayer::columns, kSize, "of the result");
    else
        schema.count("scale", &UpsampleLayer::scale, {.max = 1024}, "of rows and columns");
    return schema.choice(
        "mode", &UpsampleLayer::mode,
        {.names = {{"nearest", UpsampleMode::nearest}, {"bilinear", UpsampleMode::bilinear}},
         .otherwise = {}},
        "how elements between are made");
}

MapSchema<TrainedLayer> trained_schema(const char* name) {
    return MapSchema<TrainedLayer>(name).field(
        "shape", &TrainedLayer::shape, list_of(count_value({.max = 1 << 30}), {.min = 1, .max = 8}),
        Presence::required, "the batch left out; dimensions of 1 hold for all");
}

MapSchema<BlockLayer> block_schema(const char* name) {
    return MapSchema<BlockLayer>(name).count("block", &BlockLayer::block, {.max = 4096},
                                             "rows and columns");
}

MapSchema<RecurrentLayer> recurrent_schema() {
    return MapSchema<RecurrentLayer>("recurrent")
        .choice("kind", &RecurrentLayer::kind,
                {.names = {{"lstm", RecurrentKind::lstm},
                           {"gru", RecurrentKind::gru},
                           {"rnn", RecurrentKind::rnn}},
                 .otherwise = {}},
                "the cell")
        .count("hidden", &RecurrentLayer::hidden, kSize, "size of the state")
        .flag("bidirectional", &RecurrentLayer::bidirectional, false, "whether it also runs back");
}

template <class... Layers>
int present(const Layers&... layers) {
    return (0 + ... + static_cast<int>(layers.has_value()));
}

/// Exactly one operator or group, and `join` with branches only.
void check_one(const Layer& layer, const MapCheck& check) {
    const int groups = (layer.layers != nullptr) + (layer.branches != nullptr);
    const int operators =
        present(layer.conv, layer.depthwise, layer.conv_transpose, layer.linear, layer.matmul,
                layer.pool, layer.norm, layer.group_norm, layer.activation) +
        present(layer.add, layer.multiply, layer.concat, layer.offset, layer.scale, layer.prepend,
                layer.softmax, layer.flatten, layer.mean, layer.slice) +
        present(layer.attention, layer.attend, layer.embedding, layer.upsample, layer.resize,
                layer.depth_to_space, layer.space_to_depth, layer.reshape, layer.transpose,
                layer.recurrent);
    if (groups + operators != 1)
        check.error(
            "",
            fmt::format("a layer is one operator or group, this one names {}", groups + operators),
            "write one of conv, linear, pool, layers, branches ...");
    if (layer.branches != nullptr && !layer.join)
        check.error("branches", "branches need `join`", "add, multiply or concat");
    if (layer.branches == nullptr && layer.join) check.error("join", "`join` belongs to branches");
}

void add_operators(MapSchema<Layer>& schema) {
    const auto optional = Presence::optional;
    schema.map("conv", &Layer::conv, conv_schema(Filter::plain), optional, "a convolution")
        .map("depthwise", &Layer::depthwise, conv_schema(Filter::depthwise), optional,
             "a convolution of each channel by itself")
        .map("conv_transpose", &Layer::conv_transpose, conv_schema(Filter::transposed), optional,
             "a transposed convolution: `stride` times as many rows and columns")
        .map("linear", &Layer::linear,
             MapSchema<LinearLayer>("linear")
                 .count("features", &LinearLayer::features, kSize, "outputs")
                 .flag("bias", &LinearLayer::bias, true, "whether a bias is added"),
             optional, "a matrix of weights times the last dimension")
        .map("matmul", &Layer::matmul,
             MapSchema<MatMulLayer>("matmul")
                 .text("with", &MatMulLayer::with, {}, "the layer that gives the second operand")
                 .flag("transpose", &MatMulLayer::transpose, false,
                       "whether the second operand is transposed"),
             optional, "the product with another layer's result")
        .map("pool", &Layer::pool, pool_schema(), optional, "pooling")
        .choice("norm", &Layer::norm, {.names = norm_names(), .otherwise = {}}, "a norm")
        .map("group_norm", &Layer::group_norm,
             MapSchema<GroupNormLayer>("group_norm")
                 .count("groups", &GroupNormLayer::groups, {.max = 65'536},
                        "groups of channels, each with a mean and variance of its own"),
             optional, "a norm over groups of channels")
        .choice("activation", &Layer::activation, {.names = activation_names(), .otherwise = {}},
                "a function of each element")
        .map("add", &Layer::add, with_schema("add", false), optional, "a sum")
        .map("multiply", &Layer::multiply, with_schema("multiply", false), optional,
             "a product, element by element")
        .map("concat", &Layer::concat, with_schema("concat", true), optional,
             "results behind one another")
        .map("offset", &Layer::offset, trained_schema("offset"), optional,
             "a trained tensor is added: positions")
        .map("scale", &Layer::scale, trained_schema("scale"), optional,
             "a trained tensor is multiplied")
        .map("prepend", &Layer::prepend,
             MapSchema<TokensLayer>("prepend").count("tokens", &TokensLayer::tokens,
                                                     {.max = 65'536}, "how many"),
             optional, "trained tokens before those of [batch, tokens, size]")
        .map("softmax", &Layer::softmax, axis_schema("softmax", -1), optional, "softmax")
        .map("flatten", &Layer::flatten, axis_schema("flatten", 1), optional,
             "all dimensions from one on made one")
        .map("mean", &Layer::mean, axis_schema("mean", -1), optional,
             "the mean along a dimension, which disappears")
        .map("slice", &Layer::slice, slice_schema(), optional, "a part along one dimension");
}

void add_more_operators(MapSchema<Layer>& schema) {
    const auto optional = Presence::optional;
    schema
        .map("attention", &Layer::attention, attention_schema(), optional,
             "attention with its four projections, on [batch, tokens, size]")
        .map("attend", &Layer::attend, attend_schema(), optional,
             "attention alone: the layer read gives the queries")
        .map("embedding", &Layer::embedding,
             MapSchema<EmbeddingLayer>("embedding")
                 .count("vocabulary", &EmbeddingLayer::vocabulary, kSize, "rows")
                 .count("hidden", &EmbeddingLayer::hidden, kSize, "columns"),
             optional, "a row of a table for each token")
        .map("upsample", &Layer::upsample, upsample_schema(false), optional,
             "more rows and columns")
        .map("resize", &Layer::resize, upsample_schema(true), optional, "rows and columns as told")
        .map("depth_to_space", &Layer::depth_to_space, block_schema("depth_to_space"), optional,
             "channels become rows and columns: pixel shuffle")
        .map("space_to_depth", &Layer::space_to_depth, block_schema("space_to_depth"), optional,
             "rows and columns become channels")
        .map("reshape", &Layer::reshape,
             MapSchema<ShapeLayer>("reshape")
                 .field("shape", &ShapeLayer::shape,
                        list_of(count_value({.min = -1, .max = 1 << 30}), {.min = 1, .max = 8}),
                        Presence::required, "without the batch; -1 is what is left")
                 .text("like", &ShapeLayer::like, {},
                       "a layer whose rows and columns are put behind"),
             optional, "the same elements under another shape")
        .map("transpose", &Layer::transpose,
             MapSchema<PermLayer>("transpose")
                 .field("perm", &PermLayer::perm,
                        list_of(count_value({.min = 0, .max = 8}), {.min = 2, .max = 8}),
                        Presence::required, "the order of the dimensions, the batch's being 0"),
             optional, "dimensions in another order")
        .map("recurrent", &Layer::recurrent, recurrent_schema(), optional,
             "a recurrent layer on [batch, steps, size]");
}

}  // namespace

MapSchema<Layer> layer_schema() {
    MapSchema<Layer> schema("layer");
    schema.text("name", &Layer::name, {}, "for `from`, `with` and reports")
        .text("from", &Layer::from, {}, "the layer it reads, where not the one before")
        .count("repeat", &Layer::repeat, {.max = 10'000, .otherwise = 1}, "how often, in a row");
    add_operators(schema);
    add_more_operators(schema);
    schema.raw("layers", &Layer::layers, Presence::optional, "a group of layers")
        .raw("branches", &Layer::branches, Presence::optional, "lists of layers from one input")
        .choice(
            "join", &Layer::join,
            {.names = {{"add", Join::add}, {"multiply", Join::multiply}, {"concat", Join::concat}},
             .otherwise = {}},
            "how branches meet")
        .check(check_one);
    return schema;
}

}  // namespace perfwatt::layer_list

#include "sim/graph/layer_spec.h"

#include <fmt/format.h>

namespace perfwatt::layer_list {
namespace {

const CountLimits kSize{.max = 1 << 24};

MapSchema<ConvLayer> conv_schema(bool depthwise) {
    MapSchema<ConvLayer> schema(depthwise ? "depthwise" : "conv");
    if (depthwise) {
        schema.count("multiplier", &ConvLayer::filters, {.max = 1 << 16, .otherwise = 1},
                     "output channels of each input channel");
    } else {
        schema.count("filters", &ConvLayer::filters, kSize, "output channels")
            .count("groups", &ConvLayer::groups, {.max = 1 << 24, .otherwise = 1},
                   "groups that do not see each other");
    }
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
        .flag("bias", &ConvLayer::bias, false, "whether a bias is added");
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
        .flag("bias", &AttentionLayer::bias, false, "whether the four projections have biases")
        .flag("rotary", &AttentionLayer::rotary, false, "whether positions are rotary");
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

std::vector<std::pair<std::string, int>> activation_names() {
    std::vector<std::pair<std::string, int>> names;
    for (const auto& [name, type] : kActivations)
        names.emplace_back(name, static_cast<int>(names.size()));
    return names;
}

/// Exactly one operator or group, and `join` with branches only.
void check_one(const Layer& layer, const MapCheck& check) {
    const int groups = (layer.layers != nullptr) + (layer.branches != nullptr);
    const int operators =
        layer.conv.has_value() + layer.depthwise.has_value() + layer.linear.has_value() +
        layer.matmul.has_value() + layer.pool.has_value() + layer.norm.has_value() +
        layer.activation.has_value() + layer.add.has_value() + layer.multiply.has_value() +
        layer.concat.has_value() + layer.softmax.has_value() + layer.flatten.has_value() +
        layer.attention.has_value() + layer.embedding.has_value() + layer.upsample.has_value() +
        layer.reshape.has_value() + layer.transpose.has_value() + layer.recurrent.has_value();
    if (groups + operators != 1)
        check.error(
            "",
            fmt::format("a layer is one operator or group, this one names {}", groups + operators),
            "write one of conv, linear, pool, layers, branches ...");
    if (layer.branches != nullptr && !layer.join)
        check.error("branches", "branches need `join`", "add, multiply or concat");
    if (layer.branches == nullptr && layer.join) check.error("join", "`join` belongs to branches");
}

}  // namespace

MapSchema<Layer> layer_schema() {
    MapSchema<Layer> schema("layer");
    schema.text("name", &Layer::name, {}, "for `from`, `with` and reports")
        .text("from", &Layer::from, {}, "the layer it reads, where not the one before")
        .count("repeat", &Layer::repeat, {.max = 10'000, .otherwise = 1}, "how often, in a row")
        .map("conv", &Layer::conv, conv_schema(false), Presence::optional, "a convolution")
        .map("depthwise", &Layer::depthwise, conv_schema(true), Presence::optional,
             "a convolution of each channel by itself")
        .map("linear", &Layer::linear,
             MapSchema<LinearLayer>("linear")
                 .count("features", &LinearLayer::features, kSize, "outputs")
                 .flag("bias", &LinearLayer::bias, true, "whether a bias is added"),
             Presence::optional, "a matrix of weights times the last dimension")
        .map("matmul", &Layer::matmul,
             MapSchema<MatMulLayer>("matmul")
                 .text("with", &MatMulLayer::with, {}, "the layer that gives the second operand")
                 .flag("transpose", &MatMulLayer::transpose, false,
                       "whether the second operand is transposed"),
             Presence::optional, "the product with another layer's result")
        .map("pool", &Layer::pool, pool_schema(), Presence::optional, "pooling")
        .choice("norm", &Layer::norm,
                {.names = {{"batch", NormKind::batch},
                           {"layer", NormKind::layer},
                           {"rms", NormKind::rms},
                           {"instance", NormKind::instance}},
                 .otherwise = {}},
                "a norm")
        .choice("activation", &Layer::activation, {.names = activation_names(), .otherwise = {}},
                "a function of each element")
        .map("add", &Layer::add, with_schema("add", false), Presence::optional, "a sum")
        .map("multiply", &Layer::multiply, with_schema("multiply", false), Presence::optional,
             "a product, element by element")
        .map("concat", &Layer::concat, with_schema("concat", true), Presence::optional,
             "results behind one another")
        .map("softmax", &Layer::softmax, axis_schema("softmax", -1), Presence::optional, "softmax")
        .map("flatten", &Layer::flatten, axis_schema("flatten", 1), Presence::optional,
             "all dimensions from one on made one")
        .map("attention", &Layer::attention, attention_schema(), Presence::optional,
             "self-attention with its four projections, on [batch, tokens, size]")
        .map("embedding", &Layer::embedding,
             MapSchema<EmbeddingLayer>("embedding")
                 .count("vocabulary", &EmbeddingLayer::vocabulary, kSize, "rows")
                 .count("hidden", &EmbeddingLayer::hidden, kSize, "columns"),
             Presence::optional, "a row of a table for each token")
        .map("upsample", &Layer::upsample,
             MapSchema<UpsampleLayer>("upsample")
                 .count("scale", &UpsampleLayer::scale, {.max = 1024}, "of rows and columns")
                 .choice("mode", &UpsampleLayer::mode,
                         {.names = {{"nearest", UpsampleMode::nearest},
                                    {"bilinear", UpsampleMode::bilinear}},
                          .otherwise = {}},
                         "how elements between are made"),
             Presence::optional, "more rows and columns")
        .map("reshape", &Layer::reshape,
             MapSchema<ShapeLayer>("reshape").field(
                 "shape", &ShapeLayer::shape,
                 list_of(count_value({.min = -1, .max = 1 << 30}), {.min = 1, .max = 8}),
                 Presence::required, "without the batch; -1 is what is left"),
             Presence::optional, "the same elements under another shape")
        .map("transpose", &Layer::transpose,
             MapSchema<PermLayer>("transpose")
                 .field("perm", &PermLayer::perm,
                        list_of(count_value({.min = 0, .max = 8}), {.min = 2, .max = 8}),
                        Presence::required, "the order of the dimensions, the batch's being 0"),
             Presence::optional, "dimensions in another order")
        .map("recurrent", &Layer::recurrent, recurrent_schema(), Presence::optional,
             "a recurrent layer on [batch, steps, size]")
        .raw("layers", &Layer::layers, Presence::optional, "a group of layers")
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

// Shapes of elementwise operators, norms, softmax and reductions.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "sim/graph/infer.h"

namespace perfwatt {
namespace {

Shape broadcast_inputs(const InferContext& context, std::size_t first) {
    Shape result = context.shape(first);
    for (std::size_t i = first + 1; i < context.inputs.size(); ++i)
        if (context.has(i)) result = broadcast(result, context.shape(i));
    return result;
}

/// The axes a reduction works on, sorted and counted from the front.
std::vector<std::int64_t> resolve_axes(std::vector<std::int64_t> axes, std::size_t rank) {
    for (std::int64_t& axis : axes) axis = resolve_axis(axis, rank);
    std::sort(axes.begin(), axes.end());
    if (std::adjacent_find(axes.begin(), axes.end()) != axes.end())
        throw ShapeError("the same axis is named twice");
    return axes;
}

Shape reduced(const Shape& shape, const std::vector<std::int64_t>& axes, std::int64_t keepdims) {
    Shape result;
    for (std::size_t i = 0; i < shape.size(); ++i) {
        const bool gone =
            std::binary_search(axes.begin(), axes.end(), static_cast<std::int64_t>(i));
        if (!gone) result.push_back(shape[i]);
        if (gone && keepdims != 0) result.push_back(1);
    }
    return result;
}

}  // namespace

void infer_same(InferContext& context) { context.add_output(context.shape(0)); }

void infer_broadcast(InferContext& context) { context.add_output(broadcast_inputs(context, 0)); }

void infer_compare(InferContext& context) {
    context.add_output(broadcast_inputs(context, 0), DataType::boolean);
}

void infer_test(InferContext& context) { context.add_output(context.shape(0), DataType::boolean); }

void infer_where(InferContext& context) {
    context.add_output(broadcast_inputs(context, 0), context.type(1));
}

void infer_cast(InferContext& context) {
    const std::string name = context.node.text("to", "fp32");
    const auto type = data_type_from(name);
    if (!type) throw ShapeError(fmt::format("it casts to an unknown type '{}'", name));
    context.add_output(context.shape(0), *type);
}

void infer_clip(InferContext& context) {
    if (const auto low = context.real_parameter("min", 1); low && !low->empty())
        context.set("min", low->front());
    if (const auto high = context.real_parameter("max", 2); high && !high->empty())
        context.set("max", high->front());
    context.kept = {{0}};
    context.add_output(context.shape(0));
}

void infer_dropout(InferContext& context) {
    context.kept = {{0}};
    context.add_output(context.shape(0));
    if (context.output_count > 1) context.add_output(context.shape(0), DataType::boolean);
}

void infer_quantize(InferContext& context) {
    context.add_output(context.shape(0), context.has(2) ? context.type(2) : DataType::uint8);
    context.kept = {{0}};
}

void infer_dequantize(InferContext& context) {
    context.add_output(context.shape(0), context.has(1) ? context.type(1) : DataType::fp32);
    context.kept = {{0}};
}

void infer_dynamic_quantize(InferContext& context) {
    context.add_output(context.shape(0), DataType::uint8);
    context.add_output({}, DataType::fp32);
    context.add_output({}, DataType::uint8);
}

void infer_normalize(InferContext& context) {
    const Shape& shape = context.shape(0);
    context.add_output(shape);
    const std::string& type = context.node.type;
    if (type == "BatchNormalization" || type == "InstanceNormalization" ||
        type == "GroupNormalization") {
        context.require_rank(0, 2, kMaxRank);
        return;
    }
    const std::int64_t axis = resolve_axis(context.node.integer("axis", -1), shape.size());
    context.set("axis", axis);
    Shape statistics(shape);
    std::fill(statistics.begin() + axis, statistics.end(), 1);
    for (std::size_t i = 1; i < std::min<std::size_t>(context.output_count, 3); ++i)
        context.add_output(statistics, DataType::fp32);
}

void infer_skip_normalize(InferContext& context) {
    context.add_output(broadcast(context.shape(0), context.shape(1)));
    const Shape sum = context.outputs[0].first;
    context.set("axis", static_cast<std::int64_t>(sum.size()) - 1);
    for (std::size_t i = 1; i < std::min<std::size_t>(context.output_count, 4); ++i)
        context.add_output(sum);
}

void infer_softmax(InferContext& context) {
    const Shape& shape = context.shape(0);
    const bool flattens = context.opset < 13;  // from 13 on, one axis instead of all from it on
    if (shape.empty()) {
        context.set("row", std::int64_t{1});
        context.add_output(shape);
        return;
    }
    const std::int64_t fallback = flattens && shape.size() > 1 ? 1 : -1;
    const std::int64_t axis = resolve_axis(context.node.integer("axis", fallback), shape.size());
    const auto from = shape.begin() + axis;
    const auto to = flattens ? shape.end() : from + 1;
    context.set("axis", axis);
    context.set("row", std::accumulate(from, to, std::int64_t{1}, checked_multiply));
    context.add_output(shape);
}

void infer_reduce(InferContext& context) {
    const Shape& shape = context.shape(0);
    auto axes = context.parameter("axes", 1);
    if (!axes && context.has(1)) axes = context.known("axes", 1);
    if (!axes || axes->empty()) {
        axes.emplace(context.node.integer("noop_with_empty_axes", 0) != 0 ? 0 : shape.size());
        std::iota(axes->begin(), axes->end(), 0);
    }
    axes = resolve_axes(*axes, shape.size());
    const std::int64_t keepdims = context.node.integer("keepdims", 1);
    context.set("axes", *axes);
    context.set("keepdims", keepdims);
    context.kept = {{0}};
    context.add_output(reduced(shape, *axes, keepdims));
}

void infer_arg_reduce(InferContext& context) {
    const Shape& shape = context.shape(0);
    const std::int64_t axis = resolve_axis(context.node.integer("axis", 0), shape.size());
    context.set("axis", axis);
    context.set("axes", std::vector{axis});
    context.add_output(reduced(shape, {axis}, context.node.integer("keepdims", 1)),
                       DataType::int64);
}

void infer_cumsum(InferContext& context) {
    const auto axis = context.known("axis", 1);
    if (axis.size() != 1) throw ShapeError("its 'axis' is not one integer");
    context.set("axis", resolve_axis(axis[0], context.rank(0)));
    context.kept = {{0}};
    context.add_output(context.shape(0));
}

/// Experts' rows [tokens x experts_per_token, size] to one row a token, weighted: [tokens, size].
void infer_combine(InferContext& context) {
    context.require_rank(0, 2, 2);
    const std::int64_t share = context.node.integer("experts_per_token", 1);
    if (share < 1 || context.shape(0)[0] % share != 0)
        throw ShapeError(
            fmt::format("{} rows do not divide into {} a token", context.shape(0)[0], share));
    context.add_output({context.shape(0)[0] / share, context.shape(0)[1]});
}

void infer_rotary(InferContext& context) {
    context.require_rank(0, 3, 4);
    context.add_output(context.shape(0));
}

}  // namespace perfwatt

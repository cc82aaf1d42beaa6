// Shapes of what detection networks use, of data-dependent operators (upper bounds, as each
// function says) and of operators that make a tensor from its shape.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/graph/infer.h"

namespace perfwatt {
namespace {

std::int64_t one_size(const InferContext& context, const char* key, std::size_t input) {
    const auto values = context.known(key, input);
    if (values.size() != 1) throw ShapeError(fmt::format("its '{}' is not one integer", key));
    return values[0];
}

}  // namespace

void infer_shape(InferContext& context) {
    const auto rank = static_cast<std::int64_t>(context.rank(0));
    const auto place = [&](std::int64_t at) {
        return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank);
    };
    const std::int64_t start = place(context.node.integer("start", 0));
    const std::int64_t end = std::max(start, place(context.node.integer("end", rank)));
    context.set("start", start);
    context.set("end", end);
    context.add_output({end - start}, DataType::int64);
}

void infer_size(InferContext& context) { context.add_output({}, DataType::int64); }

void infer_range(InferContext& context) {
    double parts[3] = {};
    for (std::size_t i = 0; i < 3; ++i) {
        if (!context.has(i) || context.inputs[i].contents == nullptr ||
            context.inputs[i].contents->size() != 1)
            throw ShapeError("its start, limit and step are not all known ahead of the run");
        parts[i] = context.inputs[i].contents->real(0);
    }
    const double count = parts[2] == 0 ? -1 : std::ceil((parts[1] - parts[0]) / parts[2]);
    if (parts[2] == 0 || !(count < static_cast<double>(kMaxFoldElements)))
        throw ShapeError("it makes an impossible number of elements");
    context.add_output(
        {std::max<std::int64_t>(0, static_cast<std::int64_t>(std::max(count, 0.0)))});
}

void infer_constant_of_shape(InferContext& context) {
    const Shape shape = context.known("shape", 0);
    require_sane(shape);
    DataType type = DataType::fp32;
    if (context.extra != nullptr)
        if (const auto value = context.extra->tensors.find("value");
            value != context.extra->tensors.end())
            type = value->second.type;
    context.set("shape", shape);
    context.kept = {std::vector<std::size_t>{}};
    context.add_output(shape, type);
}

void infer_roi_align(InferContext& context) {
    context.require_rank(0, 4, 4);
    context.require_rank(1, 2, 2);
    context.add_output({context.shape(1)[0], context.shape(0)[1],
                        context.node.integer("output_height", 1),
                        context.node.integer("output_width", 1)});
}

void infer_max_roi_pool(InferContext& context) {
    context.require_rank(0, 4, 4);
    context.require_rank(1, 2, 2);
    const auto pooled = context.known("pooled_shape", kMaxRank);
    if (pooled.size() != 2) throw ShapeError("its pooled_shape is not two sizes");
    context.add_output({context.shape(1)[0], context.shape(0)[1], pooled[0], pooled[1]});
}

void infer_grid_sample(InferContext& context) {
    const Shape& x = context.shape(0);
    const Shape& grid = context.shape(1);
    context.require_rank(0, 3, kMaxRank);
    context.require_rank(1, x.size(), x.size());
    Shape output{x[0], x[1]};
    output.insert(output.end(), grid.begin() + 1, grid.end() - 1);
    context.add_output(std::move(output));
}

/// k known, or at most the whole axis.
void infer_topk(InferContext& context) {
    Shape output = context.shape(0);
    const auto axis = resolve_axis(context.node.integer("axis", -1), output.size());
    if (const auto k = context.parameter("k", 1)) {
        if (k->size() != 1 || (*k)[0] < 0 || (*k)[0] > output[axis])
            throw ShapeError(fmt::format("k is {}, of {} elements", to_string(*k), output[axis]));
        output[axis] = (*k)[0];
    }
    context.set("axis", axis);
    context.set("k", output[axis]);
    context.kept = {{0}};
    context.add_output(output);
    if (context.output_count > 1) context.add_output(output, DataType::int64);
}

/// At most max_output_boxes_per_class of each class and image; all boxes where it is not known.
void infer_non_max_suppression(InferContext& context) {
    context.require_rank(0, 3, 3);
    context.require_rank(1, 3, 3);
    const Shape& scores = context.shape(1);
    std::int64_t kept = scores[2];
    const auto named = context.parameter("max_output_boxes_per_class", 2);
    if (named && named->size() == 1) kept = std::clamp<std::int64_t>((*named)[0], 0, kept);
    context.set("max_output_boxes_per_class", kept);
    context.kept = {{0, 1}};
    context.add_output({checked_multiply(checked_multiply(scores[0], scores[1]), kept), 3},
                       DataType::int64);
}

/// At most every element.
void infer_nonzero(InferContext& context) {
    context.add_output(
        {static_cast<std::int64_t>(context.rank(0)), element_count(context.shape(0))},
        DataType::int64);
}

/// At most every element, or every slice of the axis, differs from all others.
void infer_unique(InferContext& context) {
    Shape output = context.shape(0);
    std::int64_t slices = element_count(output);
    if (context.node.attributes.contains("axis"))
        slices = output[resolve_axis(context.node.integer("axis", 0), output.size())];
    else
        output = {slices};
    context.add_output(output);
    for (std::size_t i = 1; i < std::min<std::size_t>(context.output_count, 4); ++i)
        context.add_output({slices}, DataType::int64);
}

/// At most every slice is kept.
void infer_compress(InferContext& context) {
    Shape output = context.shape(0);
    const std::int64_t chosen = one_size(context, "axis", kMaxRank);
    context.set("axis", resolve_axis(chosen, output.size()));
    context.add_output(std::move(output));
}

}  // namespace perfwatt

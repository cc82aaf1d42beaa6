// Shapes of operators that move or rename elements.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/graph/infer.h"

namespace perfwatt {
namespace {

using Integers = std::vector<std::int64_t>;

std::int64_t product(Shape::const_iterator from, Shape::const_iterator to) {
    return std::accumulate(from, to, std::int64_t{1}, checked_multiply);
}

/// Axes counted from the front, sorted, each once.
Integers sorted_axes(Integers axes, std::size_t rank) {
    for (std::int64_t& axis : axes) axis = resolve_axis(axis, rank);
    std::sort(axes.begin(), axes.end());
    if (std::adjacent_find(axes.begin(), axes.end()) != axes.end())
        throw ShapeError("the same axis is named twice");
    return axes;
}

}  // namespace

void infer_reshape(InferContext& context) {
    const Shape& from = context.shape(0);
    const Integers target = context.known("shape", 1);
    const bool zero_is_zero = context.node.integer("allowzero", 0) != 0;
    Shape to;
    std::optional<std::size_t> free;
    for (std::size_t i = 0; i < target.size(); ++i) {
        std::int64_t dimension = target[i];
        if (dimension == 0 && !zero_is_zero) dimension = context.dimension(0, i);
        if (dimension == -1) {
            if (free) throw ShapeError("its target shape has two dimensions of -1");
            free = i;
            dimension = 1;
        }
        to.push_back(dimension);
    }
    require_sane(to);
    const std::int64_t elements = element_count(from);
    const std::int64_t others = element_count(to);
    if (free && others > 0 && elements % others == 0) to[*free] = elements / others;
    if (element_count(to) != elements)
        throw ShapeError(fmt::format("{} elements of shape {} do not reshape to {}", elements,
                                     to_string(from), to_string(target)));
    context.set("shape", to);
    context.node.attributes.erase("allowzero");
    context.kept = {{0}};
    context.add_output(std::move(to));
}

void infer_flatten(InferContext& context) {
    const Shape& x = context.shape(0);
    std::int64_t axis = context.node.integer("axis", 1);
    const auto rank = static_cast<std::int64_t>(x.size());
    if (axis != rank) axis = resolve_axis(axis, x.size());
    context.set("axis", axis);
    context.add_output({product(x.begin(), x.begin() + axis), product(x.begin() + axis, x.end())});
}

void infer_squeeze(InferContext& context) {
    const Shape& x = context.shape(0);
    Integers axes;
    if (const auto named = context.parameter("axes", 1)) {
        axes = sorted_axes(*named, x.size());
    } else {
        for (std::size_t i = 0; i < x.size(); ++i)
            if (x[i] == 1) axes.push_back(static_cast<std::int64_t>(i));
    }
    Shape output;
    for (std::size_t i = 0; i < x.size(); ++i) {
        if (!std::binary_search(axes.begin(), axes.end(), static_cast<std::int64_t>(i)))
            output.push_back(x[i]);
        else if (x[i] != 1)
            throw ShapeError(fmt::format("dimension {} of {} is not 1", i, to_string(x)));
    }
    context.set("axes", axes);
    context.kept = {{0}};
    context.add_output(std::move(output));
}

void infer_unsqueeze(InferContext& context) {
    Shape output = context.shape(0);
    const Integers named = context.known("axes", 1);
    const Integers axes = sorted_axes(named, output.size() + named.size());
    for (const std::int64_t axis : axes) output.insert(output.begin() + axis, 1);
    context.set("axes", axes);
    context.kept = {{0}};
    context.add_output(std::move(output));
}

void infer_transpose(InferContext& context) {
    const Shape& x = context.shape(0);
    Integers reversed(x.size());
    std::iota(reversed.rbegin(), reversed.rend(), 0);
    Integers perm = context.parameter("perm", kMaxRank).value_or(reversed);
    if (perm.size() != x.size() || sorted_axes(perm, x.size()).size() != x.size())
        throw ShapeError(fmt::format("perm {} does not fit {}", to_string(perm), to_string(x)));
    Shape output;
    for (std::int64_t& axis : perm) {
        axis = resolve_axis(axis, x.size());
        output.push_back(x[static_cast<std::size_t>(axis)]);
    }
    context.set("perm", perm);
    context.add_output(std::move(output));
}

void infer_concat(InferContext& context) {
    Shape output = context.shape(0);
    const auto axis = resolve_axis(context.node.integer("axis", 1), output.size());
    for (std::size_t i = 1; i < context.inputs.size(); ++i) {
        Shape expected = output;
        const Shape& next = context.shape(i);
        if (next.size() == output.size()) expected[axis] = next[axis];
        if (next != expected)
            throw ShapeError(fmt::format("{} and {} do not concatenate along axis {}",
                                         to_string(output), to_string(next), axis));
        output[axis] = checked_add(output[axis], next[axis]);
    }
    context.set("axis", axis);
    context.add_output(std::move(output));
}

void infer_split(InferContext& context) {
    const Shape& x = context.shape(0);
    const auto axis = resolve_axis(context.node.integer("axis", 0), x.size());
    const auto count = static_cast<std::int64_t>(context.output_count);
    Integers split;
    if (const auto named = context.parameter("split", 1)) {
        split = *named;
    } else {
        const std::int64_t part = (x[axis] + count - 1) / count;
        for (std::int64_t left = x[axis], i = 0; i < count; ++i, left -= split.back())
            split.push_back(std::clamp<std::int64_t>(left, 0, part));
    }
    if (split.size() != context.output_count)
        throw ShapeError(fmt::format("it has {} parts and {} outputs", split.size(), count));
    std::int64_t total = 0;
    for (const std::int64_t part : split) {
        if (part < 0) throw ShapeError("a part is negative");
        total = checked_add(total, part);
        Shape output = x;
        output[axis] = part;
        context.add_output(std::move(output));
    }
    if (total != x[axis])
        throw ShapeError(fmt::format("parts of {} do not make the {} elements of axis {}",
                                     to_string(split), x[axis], axis));
    context.set("axis", axis);
    context.set("split", split);
    context.kept = {{0}};
}

void infer_slice(InferContext& context) {
    Shape output = context.shape(0);
    context.kept = {{0}};
    Integers all(output.size());
    std::iota(all.begin(), all.end(), 0);
    auto axes = context.parameter("axes", 3);
    const auto starts = context.parameter("starts", 1);
    const auto ends = context.parameter("ends", 2);
    if (!starts || !ends) {  // data decide how much is kept: at most all of it
        for (const char* key : {"starts", "ends", "axes", "steps"})
            context.node.attributes.erase(key);
        context.add_output(std::move(output));
        return;
    }
    if (!axes)
        axes = Integers(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(
                                                       std::min(starts->size(), all.size())));
    const auto steps = context.parameter("steps", 4).value_or(Integers(axes->size(), 1));
    if (starts->size() != axes->size() || ends->size() != axes->size() ||
        steps.size() != axes->size())
        throw ShapeError("starts, ends, axes and steps differ in length");
    Integers first = *starts;
    for (std::size_t i = 0; i < axes->size(); ++i) {
        const std::int64_t axis = (*axes)[i] = resolve_axis((*axes)[i], output.size());
        const std::int64_t extent = output[axis];
        const std::int64_t step = steps[i];
        if (step == 0 || step == std::numeric_limits<std::int64_t>::min())
            throw ShapeError(fmt::format("a step of {} is impossible", step));
        if (extent == 0) {
            first[i] = 0;
            continue;
        }
        const std::int64_t low = step > 0 ? 0 : -1;
        const std::int64_t high = step > 0 ? extent : extent - 1;
        const auto place = [&](std::int64_t at) {
            return std::clamp(at < 0 ? at + extent : at, low, high);
        };
        first[i] = std::clamp<std::int64_t>((*starts)[i] < 0 ? (*starts)[i] + extent : (*starts)[i],
                                            0, high);
        const std::int64_t last = (*ends)[i] < -extent && step < 0 ? -1 : place((*ends)[i]);
        const std::int64_t span = step > 0 ? last - first[i] : first[i] - last;
        const std::int64_t stride = std::abs(step);
        output[axis] = span <= 0 ? 0 : (span - 1) / stride + 1;
    }
    context.set("starts", first);
    context.set("axes", *axes);
    context.set("steps", steps);
    context.node.attributes.erase("ends");
    context.add_output(std::move(output));
}

void infer_gather(InferContext& context) {
    const Shape& x = context.shape(0);
    const auto axis = resolve_axis(context.node.integer("axis", 0), x.size());
    Shape output(x.begin(), x.begin() + axis);
    output.insert(output.end(), context.shape(1).begin(), context.shape(1).end());
    output.insert(output.end(), x.begin() + axis + 1, x.end());
    context.set("axis", axis);
    context.add_output(std::move(output));
}

void infer_gather_elements(InferContext& context) {
    context.require_rank(1, context.rank(0), context.rank(0));
    context.set("axis", resolve_axis(context.node.integer("axis", 0), context.rank(0)));
    context.add_output(context.shape(1));
}

void infer_gather_nd(InferContext& context) {
    const Shape& x = context.shape(0);
    const Shape& indices = context.shape(1);
    context.require_rank(0, 1, kMaxRank);
    context.require_rank(1, 1, kMaxRank);
    const std::int64_t batch = context.node.integer("batch_dims", 0);
    if (batch < 0 || indices.back() < 0 ||
        indices.back() > static_cast<std::int64_t>(x.size()) - batch ||
        batch >= static_cast<std::int64_t>(indices.size()))
        throw ShapeError(
            fmt::format("indices {} do not point into {}", to_string(indices), to_string(x)));
    Shape output(indices.begin(), indices.end() - 1);
    output.insert(output.end(), x.begin() + batch + indices.back(), x.end());
    context.add_output(std::move(output));
}

void infer_expand(InferContext& context) {
    const Shape target = context.known("shape", 1);
    require_sane(target);
    Shape output = broadcast(context.shape(0), target);
    context.set("shape", output);
    context.kept = {{0}};
    context.add_output(std::move(output));
}

void infer_tile(InferContext& context) {
    Shape output = context.shape(0);
    const Integers repeats = context.known("repeats", 1);
    if (repeats.size() != output.size())
        throw ShapeError(
            fmt::format("repeats {} do not fit {}", to_string(repeats), to_string(output)));
    for (std::size_t i = 0; i < output.size(); ++i) {
        if (repeats[i] < 0) throw ShapeError("a repeat is negative");
        output[i] = checked_multiply(output[i], repeats[i]);
    }
    context.set("repeats", repeats);
    context.kept = {{0}};
    context.add_output(std::move(output));
}

void infer_pad(InferContext& context) {
    Shape output = context.shape(0);
    const Integers given = context.known(context.opset < 2 ? "paddings" : "pads", 1);
    Integers axes(output.size());
    std::iota(axes.begin(), axes.end(), 0);
    if (const auto named = context.parameter("axes", 3)) axes = *named;
    if (given.size() != 2 * axes.size())
        throw ShapeError(fmt::format("pads {} do not fit {}", to_string(given), to_string(output)));
    Integers pads(2 * output.size(), 0);
    for (std::size_t i = 0; i < axes.size(); ++i) {
        const std::int64_t axis = resolve_axis(axes[i], output.size());
        pads[axis] = given[i];
        pads[axis + output.size()] = given[i + axes.size()];
        output[axis] = checked_add(output[axis], checked_add(given[i], given[i + axes.size()]));
    }
    context.node.attributes.erase("axes");
    context.set("pads", pads);
    context.kept = {{0}};
    context.add_output(std::move(output));
}

void infer_resize(InferContext& context) {
    Shape output = context.shape(0);
    const bool upsample = context.node.type == "Upsample";
    const bool old_resize = !upsample && context.opset < 11;
    auto scales = context.real_parameter("scales", upsample || old_resize ? 1 : 2);
    if (scales && scales->empty()) scales.reset();
    auto sizes = upsample || old_resize ? std::nullopt : context.parameter("sizes", 3);
    Integers axes(output.size());
    std::iota(axes.begin(), axes.end(), 0);
    if (const auto named = context.parameter("axes", kMaxRank)) axes = *named;
    if (!scales && !sizes)
        throw ShapeError(
            "the size of its result is computed from data, and so is not known ahead of the run");
    if ((scales ? scales->size() : sizes->size()) != axes.size())
        throw ShapeError(fmt::format("it does not scale all {} dimensions", axes.size()));
    for (std::size_t i = 0; i < axes.size(); ++i) {
        const std::int64_t axis = resolve_axis(axes[i], output.size());
        const double scaled = scales ? std::floor(static_cast<double>(output[axis]) * (*scales)[i])
                                     : static_cast<double>((*sizes)[i]);
        if (!(scaled >= 0 && scaled < 1e15)) throw ShapeError("it scales to an impossible size");
        output[axis] = static_cast<std::int64_t>(scaled);
    }
    context.node.attributes.erase("axes");
    context.node.attributes.erase("sizes");
    context.set("mode", context.node.text("mode", "nearest"));
    context.kept = {{0}};
    context.add_output(std::move(output));
}

void infer_depth_to_space(InferContext& context) {
    context.require_rank(0, 4, 4);
    const Shape& x = context.shape(0);
    const std::int64_t block = context.node.integer("blocksize", 0);
    if (block < 1 || block > 4096 || x[1] % (block * block) != 0)
        throw ShapeError(fmt::format("blocksize {} does not fit {}", block, to_string(x)));
    context.add_output({x[0], x[1] / (block * block), x[2] * block, x[3] * block});
}

void infer_space_to_depth(InferContext& context) {
    context.require_rank(0, 4, 4);
    const Shape& x = context.shape(0);
    const std::int64_t block = context.node.integer("blocksize", 0);
    if (block < 1 || block > 4096 || x[2] % block != 0 || x[3] % block != 0)
        throw ShapeError(fmt::format("blocksize {} does not fit {}", block, to_string(x)));
    context.add_output({x[0], checked_multiply(x[1], block * block), x[2] / block, x[3] / block});
}

void infer_one_hot(InferContext& context) {
    const Integers depth = context.known("depth", 1);
    if (depth.size() != 1 || depth[0] < 0) throw ShapeError("its depth is not one size");
    Shape output = context.shape(0);
    const auto axis = resolve_axis(context.node.integer("axis", -1), output.size() + 1);
    output.insert(output.begin() + axis, depth[0]);
    context.set("axis", axis);
    context.set("depth", depth[0]);
    context.kept = {{0}};
    context.add_output(std::move(output), context.has(2) ? context.type(2) : DataType::fp32);
}

void infer_eye_like(InferContext& context) {
    context.require_rank(0, 2, 2);
    const auto type = data_type_from(context.node.text("dtype", ""));
    context.add_output(context.shape(0), type.value_or(context.type(0)));
}

/// New rows [batch, rows, heads, size] behind those of a cache of the same form, if there is one.
void infer_cache_append(InferContext& context) {
    context.require_rank(0, 4, 4);
    Shape output = context.shape(0);
    if (context.has(1)) {
        Shape cache = context.shape(1);
        if (cache.size() == 4) std::swap(cache[1], output[1]);
        if (cache != context.shape(0))
            throw ShapeError(fmt::format("{} does not append to a cache of {}",
                                         to_string(context.shape(0)), to_string(context.shape(1))));
        output[1] = checked_add(context.shape(0)[1], context.shape(1)[1]);
    }
    context.add_output(std::move(output));
}

/// Tokens [tokens, size] to the rows that experts work on: [rows, size].
void infer_dispatch(InferContext& context) {
    context.require_rank(0, 2, 2);
    const std::int64_t rows = context.node.integer("rows", 0);
    context.add_output({rows, context.shape(0)[1]});
}

}  // namespace perfwatt

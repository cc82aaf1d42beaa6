// Computes operators that move elements, on known inputs.
#include <algorithm>

#include "sim/graph/folding.h"

namespace perfwatt::folding {
namespace {

/// The part of `x` that begins at `starts` and steps by `steps`.
Constant part_of(const Constant& x, const Shape& shape, const Integers& starts,
                 const Integers& steps) {
    Constant result = blank(shape, x.type);
    const Integers strides = strides_of(x.shape);
    for_each(shape, [&](std::size_t at, const Coordinates& place) {
        std::int64_t source = 0;
        for (std::size_t i = 0; i < place.size(); ++i)
            source += (starts[i] + place[i] * steps[i]) * strides[i];
        put(result, at, x, static_cast<std::size_t>(source));
    });
    return result;
}

}  // namespace

Result view(const Node&, const Inputs& inputs, const Outputs& outputs) {
    Constant result = *inputs[0];
    result.shape = outputs[0].first;
    return std::vector{std::move(result)};
}

Result transpose(const Node& node, const Inputs& inputs, const Outputs& outputs) {
    const Constant& x = *inputs[0];
    Constant result = blank(outputs[0].first, x.type);
    const Integers strides = strides_of(x.shape);
    const Integers perm = node.integers("perm", {});
    for_each(result.shape, [&](std::size_t at, const Coordinates& place) {
        std::int64_t source = 0;
        for (std::size_t i = 0; i < perm.size(); ++i)
            source += place[i] * strides[static_cast<std::size_t>(perm[i])];
        put(result, at, x, static_cast<std::size_t>(source));
    });
    return std::vector{std::move(result)};
}

Result concat(const Node& node, const Inputs& inputs, const Outputs& outputs) {
    Constant result = blank(outputs[0].first, outputs[0].second);
    const auto axis = static_cast<std::size_t>(node.integer("axis", 0));
    const Integers strides = strides_of(result.shape);
    std::int64_t offset = 0;
    for (const Constant* input : inputs) {
        for_each(input->shape, [&](std::size_t at, const Coordinates& place) {
            std::int64_t target = offset * strides[axis];
            for (std::size_t i = 0; i < place.size(); ++i) target += place[i] * strides[i];
            put(result, static_cast<std::size_t>(target), *input, at);
        });
        offset += input->shape[axis];
    }
    return std::vector{std::move(result)};
}

Result slice(const Node& node, const Inputs& inputs, const Outputs& outputs) {
    if (!node.attributes.contains("starts") || !node.attributes.contains("steps"))
        return std::nullopt;
    const std::size_t rank = inputs[0]->shape.size();
    Integers starts(rank, 0);
    Integers steps(rank, 1);
    const Integers axes = node.integers("axes", {});
    for (std::size_t i = 0; i < axes.size(); ++i) {
        starts[static_cast<std::size_t>(axes[i])] = node.integers("starts", {})[i];
        steps[static_cast<std::size_t>(axes[i])] = node.integers("steps", {})[i];
    }
    return std::vector{part_of(*inputs[0], outputs[0].first, starts, steps)};
}

Result split(const Node& node, const Inputs& inputs, const Outputs& outputs) {
    const Constant& x = *inputs[0];
    const auto axis = static_cast<std::size_t>(node.integer("axis", 0));
    Integers starts(x.shape.size(), 0);
    std::vector<Constant> parts;
    for (const auto& [shape, type] : outputs) {
        parts.push_back(part_of(x, shape, starts, Integers(x.shape.size(), 1)));
        starts[axis] += shape[axis];
    }
    return parts;
}

Result gather(const Node& node, const Inputs& inputs, const Outputs& outputs) {
    const Constant& x = *inputs[0];
    const Constant& indices = *inputs[1];
    if (indices.floating()) return std::nullopt;
    const auto axis = static_cast<std::size_t>(node.integer("axis", 0));
    const std::int64_t extent = x.shape[axis];
    for (const std::int64_t index : indices.integers)
        if (index < -extent || index >= extent)
            throw ShapeError("an index of its points outside " + to_string(x.shape));
    Constant result = blank(outputs[0].first, x.type);
    const Integers strides = strides_of(x.shape);
    const Integers index_strides = strides_of(indices.shape);
    const std::size_t index_rank = indices.shape.size();
    for_each(result.shape, [&](std::size_t at, const Coordinates& place) {
        std::int64_t source = 0;
        std::int64_t index_at = 0;
        for (std::size_t i = 0; i < axis; ++i) source += place[i] * strides[i];
        for (std::size_t i = 0; i < index_rank; ++i) index_at += place[axis + i] * index_strides[i];
        const std::int64_t index = indices.integers[static_cast<std::size_t>(index_at)];
        source += (index < 0 ? index + extent : index) * strides[axis];
        for (std::size_t i = axis + 1; i < x.shape.size(); ++i)
            source += place[i - 1 + index_rank] * strides[i];
        put(result, at, x, static_cast<std::size_t>(source));
    });
    return std::vector{std::move(result)};
}

Result expand(const Node&, const Inputs& inputs, const Outputs& outputs) {
    const Constant& x = *inputs[0];
    Constant result = blank(outputs[0].first, x.type);
    const Integers strides = strides_of(x.shape);
    for_each(result.shape, [&](std::size_t at, const Coordinates& place) {
        put(result, at, x, broadcast_index(x.shape, strides, place));
    });
    return std::vector{std::move(result)};
}

Result tile(const Node&, const Inputs& inputs, const Outputs& outputs) {
    const Constant& x = *inputs[0];
    Constant result = blank(outputs[0].first, x.type);
    const Integers strides = strides_of(x.shape);
    for_each(result.shape, [&](std::size_t at, const Coordinates& place) {
        std::int64_t source = 0;
        for (std::size_t i = 0; i < place.size(); ++i) source += place[i] % x.shape[i] * strides[i];
        put(result, at, x, static_cast<std::size_t>(source));
    });
    return std::vector{std::move(result)};
}

/// ScatterND without a reduction: slices of the last dimensions are replaced.
Result scatter_nd(const Node& node, const Inputs& inputs, const Outputs&) {
    Constant result = *inputs[0];
    const Constant& indices = *inputs[1];
    const Constant& updates = *inputs[2];
    if (indices.floating() || indices.shape.empty() || node.text("reduction", "none") != "none")
        return std::nullopt;
    const auto depth = static_cast<std::size_t>(indices.shape.back());
    if (depth > result.shape.size() || depth == 0) return std::nullopt;
    const Integers strides = strides_of(result.shape);
    const auto run = static_cast<std::size_t>(strides[depth - 1]);
    const std::size_t rows = indices.integers.size() / depth;
    if (updates.size() != rows * run)
        throw ShapeError("updates " + to_string(updates.shape) + " do not fit its indices");
    for (std::size_t row = 0; row < rows; ++row) {
        std::int64_t target = 0;
        for (std::size_t i = 0; i < depth; ++i) {
            const std::int64_t extent = result.shape[i];
            std::int64_t index = indices.integers[row * depth + i];
            if (index < -extent || index >= extent)
                throw ShapeError("an index of its points outside " + to_string(result.shape));
            target += (index < 0 ? index + extent : index) * strides[i];
        }
        for (std::size_t i = 0; i < run; ++i)
            put(result, static_cast<std::size_t>(target) + i, updates, row * run + i);
    }
    return std::vector{std::move(result)};
}

Result pad(const Node& node, const Inputs& inputs, const Outputs& outputs) {
    const Integers pads = node.integers("pads", {});
    if (node.text("mode", "constant") != "constant" ||
        std::any_of(pads.begin(), pads.end(), [](std::int64_t p) { return p < 0; }))
        return std::nullopt;
    Constant result = blank(outputs[0].first, inputs[0]->type);
    const Integers strides = strides_of(result.shape);
    for_each(inputs[0]->shape, [&](std::size_t at, const Coordinates& place) {
        std::int64_t target = 0;
        for (std::size_t i = 0; i < place.size(); ++i) target += (place[i] + pads[i]) * strides[i];
        put(result, static_cast<std::size_t>(target), *inputs[0], at);
    });
    return std::vector{std::move(result)};
}

Result trilu(const Node& node, const Inputs& inputs, const Outputs&) {
    Constant result = *inputs[0];
    const std::size_t rank = result.shape.size();
    const std::int64_t k =
        inputs.size() > 1 && inputs[1] != nullptr && inputs[1]->size() == 1 &&
                !inputs[1]->floating()
            ? std::clamp<std::int64_t>(inputs[1]->integers[0], -kMaxFoldElements, kMaxFoldElements)
            : 0;
    const bool upper = node.integer("upper", 1) != 0;
    if (rank < 2) return std::nullopt;
    for_each(result.shape, [&](std::size_t at, const Coordinates& place) {
        const std::int64_t diagonal = place[rank - 1] - place[rank - 2];
        if (upper ? diagonal >= k : diagonal <= k) return;
        if (result.floating())
            result.reals[at] = 0;
        else
            result.integers[at] = 0;
    });
    return std::vector{std::move(result)};
}

}  // namespace perfwatt::folding

#include "sim/graph/shape.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace perfwatt {

std::string to_string(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

std::optional<std::int64_t> checked_element_count(const Shape& shape) {
    std::int64_t count = 1;
    bool empty = false;
    for (const std::int64_t dimension : shape) {
        if (dimension < 0 || dimension > kMaxElements) return std::nullopt;
        if (dimension == 0) {
            empty = true;
            continue;
        }
        if (count > kMaxElements / dimension) return std::nullopt;
        count *= dimension;
    }
    return empty ? 0 : count;
}

void require_sane(const Shape& shape) {
    if (shape.size() > kMaxRank)
        throw ShapeError(fmt::format("a shape of {} dimensions is more than the {} that are known",
                                     shape.size(), kMaxRank));
    if (!checked_element_count(shape))
        throw ShapeError(
            fmt::format("shape {} is negative or has more than 2^50 elements", to_string(shape)));
}

Shape broadcast(const Shape& a, const Shape& b) {
    const std::size_t rank = std::max(a.size(), b.size());
    Shape result(rank);
    for (std::size_t i = 0; i < rank; ++i) {
        const std::int64_t from_a = i + a.size() < rank ? 1 : a[i + a.size() - rank];
        const std::int64_t from_b = i + b.size() < rank ? 1 : b[i + b.size() - rank];
        if (from_a != from_b && from_a != 1 && from_b != 1)
            throw ShapeError(
                fmt::format("shapes {} and {} do not broadcast", to_string(a), to_string(b)));
        result[i] = from_a == 1 ? from_b : from_a;
    }
    return result;
}

std::int64_t resolve_axis(std::int64_t axis, std::size_t rank) {
    const auto signed_rank = static_cast<std::int64_t>(rank);
    if (axis < -signed_rank || axis >= signed_rank)
        throw ShapeError(fmt::format("axis {} is outside a tensor of {} dimensions", axis, rank));
    return axis < 0 ? axis + signed_rank : axis;
}

std::int64_t checked_multiply(std::int64_t a, std::int64_t b) {
    std::int64_t result = 0;
    if (__builtin_mul_overflow(a, b, &result))
        throw ShapeError(fmt::format("{} x {} is more than 64 bits hold", a, b));
    return result;
}

std::int64_t checked_add(std::int64_t a, std::int64_t b) {
    std::int64_t result = 0;
    if (__builtin_add_overflow(a, b, &result))
        throw ShapeError(fmt::format("{} + {} is more than 64 bits hold", a, b));
    return result;
}

}  // namespace perfwatt

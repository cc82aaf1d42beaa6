#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "sim/graph/constant.h"
#include "sim/graph/shape.h"

/// What the functions that compute known operators share; private to fold.cpp and fold_move.cpp.
namespace perfwatt::folding {

using Integers = std::vector<std::int64_t>;
using Inputs = std::vector<const Constant*>;
using Outputs = std::vector<std::pair<Shape, DataType>>;
using Result = std::optional<std::vector<Constant>>;

inline std::int64_t wrap(std::uint64_t value) { return static_cast<std::int64_t>(value); }
inline std::uint64_t plain(std::int64_t value) { return static_cast<std::uint64_t>(value); }

/// Row-major strides; those of an empty shape may wrap, and are not used.
[[nodiscard]] inline Integers strides_of(const Shape& shape) {
    Integers strides(shape.size(), 1);
    for (std::size_t i = shape.size(); i > 1; --i)
        strides[i - 2] = wrap(plain(strides[i - 1]) * plain(shape[i - 1]));
    return strides;
}

inline Constant blank(const Shape& shape, DataType type) {
    Constant result{.type = type, .shape = shape, .integers = {}, .reals = {}};
    const auto size = static_cast<std::size_t>(element_count(shape));
    if (result.floating())
        result.reals.resize(size);
    else
        result.integers.resize(size);
    return result;
}

inline std::int64_t to_integer(double value) {
    if (!(value > -9.2e18)) return std::numeric_limits<std::int64_t>::min();
    if (!(value < 9.2e18)) return std::numeric_limits<std::int64_t>::max();
    return static_cast<std::int64_t>(value);
}

inline void put(Constant& to, std::size_t at, const Constant& from, std::size_t source) {
    if (to.floating())
        to.reals[at] = from.real(source);
    else
        to.integers[at] = from.floating() ? to_integer(from.reals[source]) : from.integers[source];
}

/// The coordinates of an element.
struct Coordinates {
    std::array<std::int64_t, kMaxRank> values{};
    std::size_t rank = 0;

    [[nodiscard]] std::size_t size() const { return rank; }
    std::int64_t& operator[](std::size_t i) { return values[i]; }
    std::int64_t operator[](std::size_t i) const { return values[i]; }
};

/// Calls visit(linear index, coordinates) for every element of a shape, in row-major order.
template <class Visit>
inline void for_each(const Shape& shape, Visit&& visit) {
    const std::int64_t count = element_count(shape);
    Coordinates at;
    at.rank = shape.size();
    for (std::int64_t i = 0; i < count; ++i) {
        visit(static_cast<std::size_t>(i), at);
        for (std::size_t axis = shape.size(); axis-- > 0;) {
            if (++at[axis] < shape[axis]) break;
            at[axis] = 0;
        }
    }
}

/// Index into a tensor of `shape` that is broadcast to coordinates `at` of a larger one.
inline std::size_t broadcast_index(const Shape& shape, const Integers& strides,
                                   const Coordinates& at) {
    std::int64_t index = 0;
    for (std::size_t i = 0; i < shape.size(); ++i)
        if (shape[i] != 1) index += strides[i] * at[at.size() - shape.size() + i];
    return static_cast<std::size_t>(index);
}

// fold_move.cpp
Result view(const Node&, const Inputs&, const Outputs&);
Result transpose(const Node&, const Inputs&, const Outputs&);
Result concat(const Node&, const Inputs&, const Outputs&);
Result slice(const Node&, const Inputs&, const Outputs&);
Result split(const Node&, const Inputs&, const Outputs&);
Result gather(const Node&, const Inputs&, const Outputs&);
Result expand(const Node&, const Inputs&, const Outputs&);
Result tile(const Node&, const Inputs&, const Outputs&);
Result scatter_nd(const Node&, const Inputs&, const Outputs&);
Result pad(const Node&, const Inputs&, const Outputs&);
Result trilu(const Node&, const Inputs&, const Outputs&);

}  // namespace perfwatt::folding

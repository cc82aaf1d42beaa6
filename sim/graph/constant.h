#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sim/graph/graph.h"

namespace perfwatt {

/// A tensor whose contents are known ahead of the run: shape arithmetic, scales, index tables.
/// Floating types fill `reals`, all others `integers`; never both.
struct Constant {
    DataType type = DataType::int64;
    Shape shape = {};
    std::vector<std::int64_t> integers = {};
    std::vector<double> reals = {};

    [[nodiscard]] bool floating() const { return is_floating(type); }
    [[nodiscard]] std::size_t size() const { return floating() ? reals.size() : integers.size(); }
    [[nodiscard]] double real(std::size_t i) const {
        return floating() ? reals[i] : static_cast<double>(integers[i]);
    }
};

/// Contents larger than this are not followed: the value is still known to exist ahead of the run.
inline constexpr std::int64_t kMaxFoldElements = std::int64_t{1} << 22;

[[nodiscard]] Constant integer_constant(std::vector<std::int64_t> values, Shape shape);

/// Computes a node of `inputs` (a null pointer is an absent optional input), all known, whose
/// attributes and output shapes have been inferred. Empty where the operator is not one that folds
/// or its contents do not allow it (division by zero).
[[nodiscard]] std::optional<std::vector<Constant>> evaluate(
    const Node& node, const std::vector<const Constant*>& inputs,
    const std::vector<std::pair<Shape, DataType>>& outputs);

}  // namespace perfwatt

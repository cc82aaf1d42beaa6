#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "sim/graph/graph.h"

namespace perfwatt {

/// A shape that cannot be: the reader that knows the node and the file makes a UserError of it.
class ShapeError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// More elements than this are an error in the file, not a network: 2^50 elements of 8 bytes still
/// leave room for counting their bits in 64 bits.
inline constexpr std::int64_t kMaxElements = std::int64_t{1} << 50;
inline constexpr std::size_t kMaxRank = 32;

/// "[1, 3, 224, 224]"
[[nodiscard]] std::string to_string(const Shape& shape);

/// Number of elements; empty where a dimension is negative or the product exceeds kMaxElements.
[[nodiscard]] std::optional<std::int64_t> checked_element_count(const Shape& shape);

/// Throws ShapeError for what checked_element_count and kMaxRank refuse.
void require_sane(const Shape& shape);

/// The shape of both after ONNX's (numpy's) broadcasting; throws ShapeError.
[[nodiscard]] Shape broadcast(const Shape& a, const Shape& b);

/// An axis counted from the front; throws ShapeError when outside [-rank, rank).
[[nodiscard]] std::int64_t resolve_axis(std::int64_t axis, std::size_t rank);

/// Sum and product that throw ShapeError instead of overflowing.
[[nodiscard]] std::int64_t checked_multiply(std::int64_t a, std::int64_t b);
[[nodiscard]] std::int64_t checked_add(std::int64_t a, std::int64_t b);

}  // namespace perfwatt

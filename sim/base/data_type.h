#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace perfwatt {

/// The number formats of tensors and arithmetic units.
enum class DataType : std::uint8_t {
    int4,
    int8,
    uint8,
    int16,
    int32,
    int64,
    fp8,
    fp16,
    bf16,
    tf32,
    fp32,
    fp64,
    boolean,
};

[[nodiscard]] int bits(DataType type);
/// Bytes that `elements` elements take when packed, rounded up to a whole byte.
[[nodiscard]] std::int64_t bytes(DataType type, std::int64_t elements);
[[nodiscard]] std::string_view to_string(DataType type);
[[nodiscard]] std::optional<DataType> data_type_from(std::string_view name);
[[nodiscard]] bool is_floating(DataType type);

}  // namespace perfwatt

#include "sim/base/data_type.h"

#include <array>
#include <utility>

namespace perfwatt {
namespace {

struct Row {
    DataType type;
    std::string_view name;
    int bits;
    bool floating;
};

constexpr std::array kRows = {
    Row{DataType::int4, "int4", 4, false},    Row{DataType::int8, "int8", 8, false},
    Row{DataType::uint8, "uint8", 8, false},  Row{DataType::int16, "int16", 16, false},
    Row{DataType::int32, "int32", 32, false}, Row{DataType::int64, "int64", 64, false},
    Row{DataType::fp8, "fp8", 8, true},       Row{DataType::fp16, "fp16", 16, true},
    Row{DataType::bf16, "bf16", 16, true},    Row{DataType::tf32, "tf32", 32, true},
    Row{DataType::fp32, "fp32", 32, true},    Row{DataType::fp64, "fp64", 64, true},
    Row{DataType::boolean, "bool", 8, false},
};

constexpr const Row& row(DataType type) { return kRows[static_cast<std::size_t>(type)]; }

}  // namespace

int bits(DataType type) { return row(type).bits; }

std::int64_t bytes(DataType type, std::int64_t elements) { return (elements * bits(type) + 7) / 8; }

std::string_view to_string(DataType type) { return row(type).name; }

std::optional<DataType> data_type_from(std::string_view name) {
    for (const Row& candidate : kRows)
        if (candidate.name == name) return candidate.type;
    return std::nullopt;
}

bool is_floating(DataType type) { return row(type).floating; }

}  // namespace perfwatt

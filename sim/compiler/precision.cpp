#include "sim/compiler/precision.h"

#include <fmt/format.h>

#include <array>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

struct Row {
    std::string_view name;
    Precision precision;
};

using enum DataType;

constexpr std::array kRows = {
    Row{"int4", {int4, int4, int32}},   Row{"int8", {int8, int8, int32}},
    Row{"w8a8", {int8, int8, int32}},   Row{"int16", {int16, int16, int32}},
    Row{"w8a16", {int8, fp16, fp32}},   Row{"w4a16", {int4, fp16, fp32}},
    Row{"w4a8", {int4, int8, int32}},   Row{"fp8", {fp8, fp8, fp32}},
    Row{"fp16", {fp16, fp16, fp32}},    Row{"bf16", {bf16, bf16, fp32}},
    Row{"w8abf16", {int8, bf16, fp32}}, Row{"w4abf16", {int4, bf16, fp32}},
    Row{"tf32", {tf32, tf32, fp32}},    Row{"fp32", {fp32, fp32, fp32}},
};

}  // namespace

std::vector<std::string> precisions() {
    std::vector<std::string> names;
    for (const Row& row : kRows) names.emplace_back(row.name);
    return names;
}

Precision precision_from(std::string_view name) {
    for (const Row& row : kRows)
        if (row.name == name) return row.precision;
    std::string hint = did_you_mean(name, precisions());
    if (hint.empty()) hint = fmt::format("one of {}", fmt::join(precisions(), ", "));
    throw UserError(fmt::format("unknown precision '{}'", name), hint);
}

}  // namespace perfwatt

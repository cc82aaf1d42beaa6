#include "sim/program/pim_kernel.h"

#include <array>

namespace perfwatt {
namespace {

constexpr std::array<std::string_view, 8> kNames = {"gemv", "gemv_tree",  "add",        "multiply",
                                                    "relu", "batch_norm", "activation", "copy"};

}  // namespace

std::string_view to_string(PimOp op) { return kNames[static_cast<std::size_t>(op)]; }

std::optional<PimOp> pim_op_from(std::string_view name) {
    for (std::size_t i = 0; i < kNames.size(); ++i)
        if (kNames[i] == name) return static_cast<PimOp>(i);
    return std::nullopt;
}

}  // namespace perfwatt

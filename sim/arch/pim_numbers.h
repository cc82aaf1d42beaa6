#pragma once

#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "sim/arch/pim_job.h"

namespace perfwatt {

/// Programs of units in a memory on numbers: operands are laid out in banks, the steps carried out
/// one by one on registers, and results fetched from where the steps left them, as the host would.
/// For tests: it proves that a program computes what it is timed for. Numbers are rounded to their
/// types at every step (fp16, bf16; integers are added in 32 bits).

/// outputs x inputs, row after row, times `batch` vectors; the answer is vector after vector. An
/// Infeasible where pim_program() has none, or for several groups.
[[nodiscard]] std::variant<std::vector<float>, Infeasible> pim_gemv_on_numbers(
    const PimSpec& spec, const PimKernel& kernel, std::span<const float> matrix,
    std::span<const float> vectors);

/// add, multiply, relu, batch_norm (scale and shift given) of `first` and, where it has two
/// operands, `second`.
[[nodiscard]] std::variant<std::vector<float>, Infeasible> pim_elementwise_on_numbers(
    const PimSpec& spec, const PimKernel& kernel, std::span<const float> first,
    std::span<const float> second, float scale = 1, float shift = 0);

/// The nearest number of a type, ties to even; integers saturate.
[[nodiscard]] float rounded(float value, DataType type);

}  // namespace perfwatt

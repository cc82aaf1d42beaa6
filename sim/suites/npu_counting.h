#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/npu/npu_spec.h"

namespace perfwatt::npu_counting {

/// What another simulator counts for a product of matrices on a systolic array, in its own terms:
/// folds x (fold_rows R + fold_columns C + streamed + fold_constant) + once. A fold is one filling
/// of the R x C cells. It is a statement about that simulator, used by nothing but validation.
struct Rule {
    std::string name;
    npu::Dataflow dataflow = npu::Dataflow::output_stationary;
    std::int64_t fold_rows = 0;
    std::int64_t fold_columns = 0;
    std::int64_t fold_constant = 0;
    std::int64_t once = 0;
};

struct Gemm {
    std::int64_t array = 0;  ///< rows and columns
    std::int64_t m = 0, n = 0, k = 0;
};

/// Cycles after the rule.
[[nodiscard]] std::int64_t cycles(const Rule& rule, const Gemm& gemm);

/// Cycles of our own matrix unit for the same product as one tile: nothing overlaps, systolic, one
/// row of what is held moving a cycle.
[[nodiscard]] std::int64_t native_cycles(const Rule& rule, const Gemm& gemm);

/// A part of the difference between the two, and why.
struct Difference {
    std::int64_t cycles = 0;
    std::string reason;
};
/// What the native count has more (or, below 0, less) than the rule, counted independently of
/// both: they sum to native_cycles() - cycles() if we understand the difference.
[[nodiscard]] std::vector<Difference> differences(const Rule& rule, const Gemm& gemm);

}  // namespace perfwatt::npu_counting

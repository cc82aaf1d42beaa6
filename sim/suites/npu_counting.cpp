#include "sim/suites/npu_counting.h"

#include <fmt/format.h>

#include "models/npu/matrix_timing.h"
#include "sim/base/math.h"

namespace perfwatt::npu_counting {
namespace {

/// What runs down the rows, across the columns and past the cells, by dataflow.
struct Sides {
    std::int64_t down = 0, across = 0, streamed = 0;
};

Sides sides_of(npu::Dataflow dataflow, const Gemm& gemm) {
    switch (dataflow) {
        case npu::Dataflow::weight_stationary:
            return {gemm.k, gemm.n, gemm.m};
        case npu::Dataflow::input_stationary:
            return {gemm.k, gemm.m, gemm.n};
        case npu::Dataflow::output_stationary:
        case npu::Dataflow::row_stationary:
            break;
    }
    return {gemm.m, gemm.n, gemm.k};
}

}  // namespace

std::int64_t cycles(const Rule& rule, const Gemm& gemm) {
    const Sides sides = sides_of(rule.dataflow, gemm);
    const std::int64_t folds =
        ceil_div(sides.down, gemm.array) * ceil_div(sides.across, gemm.array);
    const std::int64_t a_fold =
        (rule.fold_rows + rule.fold_columns) * gemm.array + sides.streamed + rule.fold_constant;
    return folds * a_fold + rule.once;
}

std::int64_t native_cycles(const Rule& rule, const Gemm& gemm) {
    npu::NpuSpec spec;
    spec.matrix.rows = spec.matrix.columns = gemm.array;
    spec.matrix.dataflow = rule.dataflow;
    spec.matrix.stationary_double_buffered = false;
    spec.scratchpad.bytes_per_cycle_per_bank = std::int64_t{1} << 30;  // never the limit
    // Room for the sums of any of these products: how partial sums spill is no array's matter.
    spec.matrix.accumulator_bytes = std::int64_t{1} << 40;
    spec.matrix.rates = {{.first = DataType::int8, .second = DataType::int8}};
    return npu::matrix_work(spec, {.m = gemm.m, .n = gemm.n, .k = gemm.k}).array_cycles;
}

std::vector<Difference> differences(const Rule& rule, const Gemm& gemm) {
    const Sides sides = sides_of(rule.dataflow, gemm);
    const std::int64_t r = gemm.array;
    const std::int64_t across = ceil_div(sides.across, r);
    const std::int64_t down = ceil_div(sides.down, r);
    std::vector<Difference> found;
    if (rule.once != 0) found.push_back({-rule.once, "the last cycle is counted"});
    if (rule.dataflow == npu::Dataflow::output_stationary) {
        found.push_back({across * sides.down, "sums leave row by row after each fold"});
        const std::int64_t pipeline = rule.fold_constant + 2;
        if (pipeline != 0) {
            found.push_back(
                {-across * down * pipeline,
                 fmt::format("{} cycles a fold of pipeline are not this unit's", pipeline)});
        }
    } else {
        const std::int64_t empty = down * r - sides.down;
        if (empty > 0) {
            found.push_back({-across * empty, "rows without a value are not filled"});
        }
    }
    return found;
}

}  // namespace perfwatt::npu_counting

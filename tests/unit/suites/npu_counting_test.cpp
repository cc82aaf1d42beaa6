#include "sim/suites/npu_counting.h"

#include <gtest/gtest.h>

namespace perfwatt::npu_counting {
namespace {

using npu::Dataflow;

const Rule kScaleSimOs{"scale_sim_os", Dataflow::output_stationary, 1, 1, -2, -1};
const Rule kScaleSimWs{"scale_sim_ws", Dataflow::weight_stationary, 2, 1, -2, -1};
const Rule kStonne{"stonne_os", Dataflow::output_stationary, 1, 1, 3, 0};

std::int64_t explained(const Rule& rule, const Gemm& gemm) {
    std::int64_t sum = 0;
    for (const Difference& part : differences(rule, gemm)) sum += part.cycles;
    return sum;
}

TEST(Counting, RulesByHand) {
    // 64 x 64 x 64 on 8 x 8: 64 folds of 8 + 8 + 64 - 2 cycles, less one.
    EXPECT_EQ(cycles(kScaleSimOs, {8, 64, 64, 64}), 64 * 78 - 1);
    // 8 folds down, 8 across, each of 16 + 8 + 64 - 2.
    EXPECT_EQ(cycles(kScaleSimWs, {8, 64, 64, 64}), 64 * 86 - 1);
    EXPECT_EQ(cycles(kStonne, {8, 64, 64, 64}), 64 * 83);
}

TEST(Counting, OutputStationaryUnitAlsoCountsSumsThatLeave) {
    // 64 folds of fill 14, 64 steps and 8 rows that leave.
    EXPECT_EQ(native_cycles(kScaleSimOs, {8, 64, 64, 64}), 64 * (14 + 64 + 8));
    EXPECT_EQ(explained(kScaleSimOs, {8, 64, 64, 64}), 64 * 8 + 1);
}

TEST(Counting, DifferencesSumToTheDifference) {
    for (const Rule& rule : {kScaleSimOs, kScaleSimWs, kStonne}) {
        for (const Gemm& gemm : {Gemm{8, 64, 64, 64}, Gemm{8, 33, 65, 129}, Gemm{16, 1, 100, 7},
                                 Gemm{32, 100, 3, 1000}}) {
            EXPECT_EQ(native_cycles(rule, gemm) - cycles(rule, gemm), explained(rule, gemm))
                << rule.name << " " << gemm.m << " " << gemm.n << " " << gemm.k;
        }
    }
}

}  // namespace
}  // namespace perfwatt::npu_counting

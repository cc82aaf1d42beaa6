#include "models/npu/matrix_timing.h"

#include <gtest/gtest.h>

namespace perfwatt::npu {
namespace {

NpuSpec square(std::int64_t size, Dataflow dataflow) {
    NpuSpec spec;
    spec.clock = Clock(1'000'000'000);
    spec.matrix.rows = size;
    spec.matrix.columns = size;
    spec.matrix.dataflow = dataflow;
    spec.matrix.stationary_double_buffered = false;
    spec.matrix.accumulator_bytes = std::int64_t{1} << 40;
    spec.matrix.rates = {{DataType::int8, DataType::int8, 1, 1},
                         {DataType::int16, DataType::int16, 1, 4},
                         {DataType::int8, DataType::int4, 2, 1}};
    spec.scratchpad = {.bytes = 1 << 20,
                       .weight_bytes = 1 << 20,
                       .activation_bytes = 1 << 20,
                       .banks = 64,
                       .bytes_per_cycle_per_bank = 1024};
    return spec;
}

Contract tile(std::int64_t m, std::int64_t n, std::int64_t k) {
    Contract contract{.m = m, .n = n, .k = k};
    contract.output.bytes = m * n;
    return contract;
}

// SCALE-Sim v2 counts one cycle less than the sum over folds: 2 rows + columns + stream - 2 each
// (Samajdar et al., ISPASS 2020, equation 1); measured 5503 for an 8x8 array and 64x64x64.
TEST(MatrixTiming, WeightStationarySystolicFoldTakesPreloadSkewAndStream) {
    const MatrixWork work = matrix_work(square(8, Dataflow::weight_stationary), tile(64, 64, 64));
    EXPECT_EQ(work.passes, 64);
    EXPECT_EQ(work.array_cycles, 64 * (2 * 8 + 8 + 64 - 2));
    EXPECT_EQ(work.executed_macs, 64 * 64 * 64);
}

TEST(MatrixTiming, OutputStationarySystolicFoldTakesSkewStreamAndDrain) {
    const MatrixWork work = matrix_work(square(8, Dataflow::output_stationary), tile(16, 24, 100));
    EXPECT_EQ(work.passes, 2 * 3);
    EXPECT_EQ(work.array_cycles, 6 * (100 + 7 + 7 + 8));
}

TEST(MatrixTiming, InputStationaryIsWeightStationaryWithOperandsExchanged) {
    const MatrixWork held = matrix_work(square(8, Dataflow::input_stationary), tile(24, 40, 64));
    const MatrixWork mirror = matrix_work(square(8, Dataflow::weight_stationary), tile(40, 24, 64));
    EXPECT_EQ(held.array_cycles, mirror.array_cycles);
    EXPECT_EQ(held.first_bytes, mirror.second_bytes);
    EXPECT_EQ(held.second_bytes, mirror.first_bytes);
}

TEST(MatrixTiming, DoubleBufferedWeightsHidePreloadBehindTheStream) {
    NpuSpec spec = square(8, Dataflow::weight_stationary);
    spec.matrix.stationary_double_buffered = true;
    // 8 folds: first preload 8, streams of 64 that hide the other preloads, skew 14 once.
    EXPECT_EQ(matrix_work(spec, tile(64, 8, 64)).array_cycles, 8 + 8 * 64 + 14);
    // Streams of 2 cannot hide preloads of 8: seven exchanges show, then the last stream.
    EXPECT_EQ(matrix_work(spec, tile(2, 8, 64)).array_cycles, 8 + 7 * 8 + 2 + 14);
}

TEST(MatrixTiming, BroadcastHasNoSkewAndTreeHasItsDepth) {
    NpuSpec spec = square(16, Dataflow::weight_stationary);
    spec.matrix.feeding = Feeding::broadcast;
    EXPECT_EQ(matrix_work(spec, tile(10, 16, 16)).array_cycles, 16 + 10);
    spec.matrix.feeding = Feeding::tree;
    EXPECT_EQ(matrix_work(spec, tile(10, 16, 16)).array_cycles, 16 + 10 + 4);
    spec.matrix.pipeline_depth = 6;
    EXPECT_EQ(matrix_work(spec, tile(10, 16, 16)).array_cycles, 16 + 10 + 4 + 5);
}

TEST(MatrixTiming, PaddingCountsAsExecutedNotAsFaster) {
    const NpuSpec spec = square(16, Dataflow::weight_stationary);
    const MatrixWork ragged = matrix_work(spec, tile(10, 17, 27));
    EXPECT_EQ(ragged.passes, 2 * 2);
    EXPECT_EQ(ragged.executed_macs, 10 * 32 * 32);
    EXPECT_GT(ragged.executed_macs, 10 * 17 * 27);
}

TEST(MatrixTiming, SmallAccumulatorsRepeatThePreloads) {
    NpuSpec spec = square(8, Dataflow::weight_stationary);
    spec.matrix.accumulator_bytes = 16 * 8 * 4;  // 16 rows of 8 partial sums
    const MatrixWork work = matrix_work(spec, tile(64, 8, 16));
    EXPECT_EQ(work.passes, 4 * 2);  // four chunks of 16 rows, two folds along the reduction
    EXPECT_EQ(work.second_bytes, 4 * 8 * 16);
    EXPECT_EQ(work.accumulations, 64 * 8);
    EXPECT_EQ(work.spill_read_bytes, 0);
}

TEST(MatrixTiming, WithoutAccumulatorsPartialSumsTravelThroughTheScratchpad) {
    NpuSpec spec = square(8, Dataflow::weight_stationary);
    spec.matrix.accumulator_bytes = 0;
    const MatrixWork work = matrix_work(spec, tile(64, 8, 24));  // three folds: two partial sums
    EXPECT_EQ(work.spill_read_bytes, 2 * 64 * 8 * 4);
    EXPECT_EQ(work.spill_write_bytes, 2 * 64 * 8 * 4);
}

TEST(MatrixTiming, OutputStationarySumsOfSeveralPassesSpillBetweenTiles) {
    NpuSpec spec = square(8, Dataflow::output_stationary);
    spec.matrix.accumulator_bytes = 0;
    Contract middle = tile(16, 8, 32);
    middle.first_k_tile = middle.last_k_tile = false;
    const MatrixWork work = matrix_work(spec, middle);
    EXPECT_EQ(work.spill_read_bytes, 16 * 8 * 4);
    EXPECT_EQ(work.spill_write_bytes, 16 * 8 * 4);
    EXPECT_EQ(work.output_bytes, 0);
    EXPECT_EQ(work.array_cycles, 2 * (32 + 14 + 16));  // in and out, eight rows each
}

TEST(MatrixTiming, SlowTypesStreamLongerAndNarrowOnesCoverMoreOfTheReduction) {
    const NpuSpec spec = square(8, Dataflow::weight_stationary);
    Contract wide = tile(64, 8, 8);
    wide.first_type = wide.second_type = DataType::int16;
    EXPECT_EQ(matrix_work(spec, wide).array_cycles, 8 + 4 * 64 + 14);
    Contract narrow = tile(64, 8, 16);
    narrow.second_type = DataType::int4;
    EXPECT_EQ(matrix_work(spec, narrow).passes, 1);
    EXPECT_EQ(peak_macs_per_second(spec, DataType::int16, DataType::int16), 16'000'000'000);
    EXPECT_EQ(peak_macs_per_second(spec, DataType::int8, DataType::int4), 128'000'000'000);
    EXPECT_EQ(peak_macs_per_second(spec, DataType::fp32, DataType::fp32), 0);
}

TEST(MatrixTiming, DepthwiseUsesOneColumnOfTheTapsUnlessGroupsArePacked) {
    NpuSpec spec = square(32, Dataflow::weight_stationary);
    Contract depthwise = tile(100, 1, 9);
    depthwise.repeat = 32;
    const MatrixWork separate = matrix_work(spec, depthwise);
    EXPECT_EQ(separate.passes, 32);
    EXPECT_EQ(separate.executed_macs, std::int64_t{32} * 100 * 32 * 32);
    spec.matrix.grouped = Grouped::block_diagonal;  // three groups of nine rows side by side
    EXPECT_EQ(matrix_work(spec, depthwise).passes, 11);
    spec.matrix.grouped = Grouped::dedicated;
    spec.matrix.grouped_macs_per_cycle = 288;
    EXPECT_EQ(matrix_work(spec, depthwise).array_cycles, 100 + 62);
}

TEST(MatrixTiming, WhereChannelsAreSummedEachTapBeginsAnew) {
    NpuSpec spec = square(8, Dataflow::output_stationary);
    spec.matrix.feeding = Feeding::broadcast;
    spec.matrix.depth = 4;
    Contract filter = tile(16, 8, 3 * 9);
    // 27 products in steps of 4, two passes, 8 rows of sums leave after each
    EXPECT_EQ(matrix_work(spec, filter).array_cycles, 2 * (7 + 8));
    filter.filter_rows = filter.filter_columns = 3;
    EXPECT_EQ(matrix_work(spec, filter).array_cycles, 2 * (9 + 8));
}

TEST(MatrixTiming, GroupsOfAFewChannelsShareABlock) {
    NpuSpec spec = square(8, Dataflow::output_stationary);
    spec.matrix.feeding = Feeding::broadcast;
    spec.matrix.depth = 8;
    Contract groups = tile(8, 2, 2);
    groups.repeat = 8;
    EXPECT_EQ(matrix_work(spec, groups).array_cycles, 8 * (1 + 8));
    spec.matrix.block.channels = 8;
    const MatrixWork work = matrix_work(spec, groups);
    EXPECT_EQ(work.array_cycles, 2 * (1 + 8));
    EXPECT_EQ(work.executed_macs, 2 * 8 * 8 * 8);
}

TEST(MatrixTiming, DepthwiseModeComputesWholeBlocksAndWideTypesSlower) {
    NpuSpec spec = square(8, Dataflow::output_stationary);
    spec.matrix.feeding = Feeding::broadcast;
    spec.matrix.grouped = Grouped::dedicated;
    spec.matrix.grouped_macs_per_cycle = 16;
    spec.matrix.grouped_bits = 8;
    spec.matrix.block.channels = 8;
    Contract depthwise = tile(10, 1, 9);
    depthwise.repeat = 5;
    depthwise.filter_rows = depthwise.filter_columns = 3;
    const MatrixWork work = matrix_work(spec, depthwise);
    EXPECT_EQ(work.array_cycles, 8 * 10 * 9 / 16);
    EXPECT_EQ(work.executed_macs, 8 * 10 * 9);
    spec.matrix.grouped_output_macs = 7;
    EXPECT_EQ(matrix_work(spec, depthwise).array_cycles, 8 * 10 * (9 + 7) / 16);
    EXPECT_EQ(matrix_work(spec, depthwise).executed_macs, 8 * 10 * 9);
    spec.matrix.grouped_output_macs = 0;
    depthwise.first_type = depthwise.second_type = DataType::int16;
    EXPECT_EQ(matrix_work(spec, depthwise).array_cycles, 4 * 8 * 10 * 9 / 16);
}

TEST(MatrixTiming, NarrowPortsSlowTheUnitDown) {
    NpuSpec spec = square(8, Dataflow::weight_stationary);
    spec.scratchpad.banks = 1;
    spec.scratchpad.bytes_per_cycle_per_bank = 4;
    const MatrixWork work = matrix_work(spec, tile(64, 8, 8));
    EXPECT_EQ(work.port_cycles, (64 * 8 + 64 + 64 * 8) / 4);
    EXPECT_EQ(work.cycles(), work.port_cycles);
}

TEST(MatrixTiming, LineBufferReadsAnInputElementOnceAPass) {
    NpuSpec spec = square(16, Dataflow::weight_stationary);
    Contract conv = tile(100, 32, 36);
    conv.first.bytes = 12 * 12 * 4;
    EXPECT_EQ(matrix_work(spec, conv).first_bytes, 2 * 100 * 36);
    spec.matrix.line_buffer = true;
    EXPECT_EQ(matrix_work(spec, conv).first_bytes, 2 * 12 * 12 * 4);
}

}  // namespace
}  // namespace perfwatt::npu

#include <gtest/gtest.h>

#include "models/npu/matrix_timing.h"
#include "models/npu/tiling.h"
#include "npu_test_support.h"

namespace perfwatt::npu {
namespace {

NpuSpec buffered(Dataflow dataflow) {
    NpuSpec spec = small_spec();
    spec.matrix.dataflow = dataflow;
    spec.matrix.feeding = Feeding::broadcast;
    spec.scratchpad.bytes_per_cycle_per_bank = 1 << 16;  // ports play no part
    return spec;
}

TEST(Preload, HidesBehindTheCommandBefore) {
    const NpuSpec spec = buffered(Dataflow::weight_stationary);
    Contract tile{.m = 64, .n = 8, .k = 64};
    // 8 folds of 64, and the first preload of 8 rows.
    EXPECT_EQ(matrix_work(spec, tile).array_cycles, 8 + 8 * 64);
    tile.preloaded = true;
    EXPECT_EQ(matrix_work(spec, tile).array_cycles, 8 * 64);
    // A stream of 2 hides 2 of 8 rows.
    tile.m = 2;
    EXPECT_EQ(matrix_work(spec, tile).array_cycles, (8 - 2) + 7 * 8 + 2);
}

TEST(OutputsLeave, ByTheShorterWay) {
    NpuSpec spec = buffered(Dataflow::output_stationary);
    // One column of 8 rows, reduced over 3: a drain of 8 rows hides the 3 cycles of the next pass.
    const Contract tile{.m = 8, .n = 1, .k = 3, .repeat = 10};
    EXPECT_EQ(matrix_work(spec, tile).array_cycles, 8 + 9 * 8 + 3);
    // Along the row it takes one cycle.
    spec.matrix.outputs_leave = Leaving::shorter;
    EXPECT_EQ(matrix_work(spec, tile).array_cycles, 1 + 10 * 3);
}

Sparsity kept(std::int64_t kept, std::int64_t of, Sparsity::Pattern pattern) {
    return {.pattern = pattern, .kept = kept, .of = of};
}

TEST(SparseWeights, GainWhatTheUnitSupports) {
    using enum Sparsity::Pattern;
    MatrixSpec spec = small_spec().matrix;
    EXPECT_EQ(multiplied(spec, kept(2, 4, n_of_m), 64), 64);
    spec.skipping = Skipping::n_of_m;
    spec.kept = 2, spec.of = 4;
    EXPECT_EQ(multiplied(spec, kept(2, 4, n_of_m), 64), 32);
    EXPECT_EQ(multiplied(spec, kept(1, 4, n_of_m), 64), 32);  // the unit's pattern, no more
    EXPECT_EQ(multiplied(spec, kept(3, 4, n_of_m), 64), 64);
    EXPECT_EQ(multiplied(spec, kept(2, 4, unstructured), 64), 64);
    EXPECT_EQ(multiplied(spec, {}, 64), 64);
    spec.skipping = Skipping::zeros;
    EXPECT_EQ(multiplied(spec, kept(1, 4, n_of_m), 64), 16);  // every column alike
    // 16 on the mean, a deviation of sqrt(64 / 4 * 3 / 4) = 3.46, the fullest of 8 columns
    // sqrt(2 ln 8) = 2.04 deviations above: 7.06.
    EXPECT_EQ(multiplied(spec, kept(1, 4, unstructured), 64), 16 + 7);
}

TEST(SparseWeights, OfATileTakeFewerPassesAndFewerBytes) {
    NpuSpec spec = small_spec();
    spec.matrix.skipping = Skipping::n_of_m;
    spec.matrix.kept = 2, spec.matrix.of = 4;
    const Npu npu = make_npu(spec);
    Kernel kernel = convolution(8, 16, 16);
    std::get<Contraction>(kernel.work).second_sparsity = kept(2, 4, Sparsity::Pattern::n_of_m);
    kernel.inputs[1].bytes = 16 * 16 * 9 / 2 * 5 / 4;  // half the values, two bits for each
    const MappingRequest request = from_memory(kernel, spec);
    const ContractionPlan plan(npu, request);
    const Tiling whole{.p = 8, .q = 8, .k = 16, .c = 16};
    const Contract tile = plan.contract(whole);
    EXPECT_EQ(tile.useful_macs, 8 * 8 * 16 * 16 * 9);
    EXPECT_EQ(tile.saved_macs, tile.useful_macs / 2);
    EXPECT_EQ(matrix_work(spec, tile).executed_macs, tile.useful_macs / 2);
    EXPECT_EQ(plan.weight_bytes(whole), kernel.inputs[1].bytes);
    Tiling half = whole;
    half.k = 8;
    EXPECT_EQ(plan.weight_bytes(half), kernel.inputs[1].bytes / 2);
    const auto found = npu.map(request);
    EXPECT_GE(std::get<MappingChoice>(found).cost, std::get<MappingChoice>(found).bound);
}

TEST(WinogradTransform, TakesSixteenProductsForFourOutputs) {
    NpuSpec spec = small_spec();
    spec.matrix.winograd = Winograd::f2;
    const Npu npu = make_npu(spec);
    const Kernel kernel = convolution(8, 16, 16);
    const MappingRequest request = from_memory(kernel, spec);
    const ContractionPlan plan(npu, request);
    const Contract tile = plan.contract({.p = 8, .q = 8, .k = 16, .c = 16});
    EXPECT_EQ(tile.m, 16);       // 4 x 4 tiles of 2 x 2 outputs
    EXPECT_EQ(tile.repeat, 16);  // points of a tile
    EXPECT_EQ(tile.k, 16);
    EXPECT_EQ(tile.useful_macs, 64 * 16 * 16 * 9);
    EXPECT_EQ(tile.saved_macs, tile.useful_macs - 16 * 16 * 16 * 16);  // 2.25 times fewer are left
    EXPECT_EQ(tile.transform_sums, 16 * (16 * 32 + 16 * 24));
    EXPECT_EQ(matrix_work(spec, tile).executed_macs, 16 * 16 * 16 * 16);
    // Another stride is none of it.
    Kernel strided = kernel;
    std::get<Contraction>(strided.work).stride_h = 2;
    const MappingRequest other = from_memory(strided, spec);
    EXPECT_EQ(ContractionPlan(npu, other).contract({.p = 4, .q = 4, .k = 16, .c = 16}).repeat, 1);
}

TEST(WinogradTransform, InATreeThePointsOfATileAreBesideOneAnother) {
    NpuSpec spec = small_spec();
    spec.matrix.winograd = Winograd::f2;
    spec.matrix.feeding = Feeding::tree;
    const Npu npu = make_npu(spec);
    const Kernel kernel = convolution(16, 6, 16);
    const MappingRequest request = from_memory(kernel, spec);
    const Contract tile =
        ContractionPlan(npu, request).contract({.p = 16, .q = 16, .k = 16, .c = 6});
    EXPECT_EQ(tile.repeat, 1);
    EXPECT_EQ(tile.m, 64);
    EXPECT_EQ(tile.k, 16 * 6);  // 12 columns of 8: no channel is padded
    EXPECT_EQ(matrix_work(spec, tile).executed_macs, 64 * 16 * 16 * 6);
}

TEST(WinogradTransform, FiltersTransformedAheadTakeMoreMemory) {
    NpuSpec spec = small_spec();
    spec.matrix.winograd = Winograd::f2;
    const Kernel kernel = convolution(16, 16, 16);
    EXPECT_EQ(make_npu(spec).weight_bytes(kernel), 16 * 16 * 9);
    spec.matrix.winograd_filters = WinogradFilters::ahead;
    EXPECT_EQ(make_npu(spec).weight_bytes(kernel), 16 * 16 * 16);
    Kernel strided = kernel;
    std::get<Contraction>(strided.work).stride_h = 2;
    EXPECT_EQ(make_npu(spec).weight_bytes(strided), 16 * 16 * 9);
}

/// Eyeriss: 12 x 14 cells (Chen et al., JSSC 2017).
NpuSpec eyeriss() {
    NpuSpec spec = buffered(Dataflow::row_stationary);
    spec.matrix.rows = 12;
    spec.matrix.columns = 14;
    spec.matrix.filter_words = 224;
    return spec;
}

TEST(RowStationary, FilterRowsByOutputRowsFillTheArray) {
    // 3 x 3 filters, 13 rows of outputs: four sets of 3 x 13 cells, one channel, four filters.
    Contract tile{.m = 13 * 13, .n = 4, .k = 9};
    tile.filter_rows = tile.filter_columns = 3;
    tile.output_rows = 13;
    const MatrixWork work = matrix_work(eyeriss(), tile);
    EXPECT_EQ(work.passes, 1);
    // Each cell takes 3 taps for each of 13 outputs of its row, after four filters of 3 x 3 taps
    // moved in.
    EXPECT_EQ(work.array_cycles, 4 * 9 + 13 * 3);
    EXPECT_EQ(work.executed_macs, 13 * 3 * 12 * 14);
    EXPECT_GE(work.executed_macs, 13 * 13 * 4 * 9);
}

TEST(RowStationary, MoreRowsThanColumnsAreStripsAndTallFiltersFold) {
    Contract tile{.m = 27, .n = 1, .k = 5};
    tile.filter_rows = 5;
    tile.output_rows = 27;  // two strips of 14
    EXPECT_EQ(matrix_work(eyeriss(), tile).passes, 2);
    NpuSpec low = eyeriss();
    low.matrix.rows = 3;  // five filter rows fold into two
    EXPECT_EQ(matrix_work(low, tile).passes, 4);
}

TEST(RowStationary, FiltersACellKeepsAreInputsFetchedOnce) {
    Contract tile{.m = 14 * 14, .n = 64, .k = 9};
    tile.filter_rows = tile.filter_columns = 3;
    tile.output_rows = 14;
    tile.first.bytes = 16 * 16;
    NpuSpec spec = eyeriss();  // 4 sets, each cell keeps 16 of the 64 filters' rows
    EXPECT_EQ(matrix_work(spec, tile).first_bytes, 256);
    spec.matrix.filter_words = 3;  // one at a time
    EXPECT_EQ(matrix_work(spec, tile).first_bytes, 16 * 256);
}

TEST(RowStationary, CellsThatKeepSeveralChannelsMakeFewerSums) {
    // 13 x 13 outputs of 64 filters and 8 channels: four sets, 16 filters and 4 channels a cell.
    Contract tile{.m = 13 * 13, .n = 64, .k = 9 * 8};
    tile.filter_rows = tile.filter_columns = 3;
    tile.output_rows = 13;
    tile.first.bytes = 8 * 15 * 15;
    NpuSpec spec = eyeriss();
    spec.matrix.accumulator_bits = 16;
    spec.matrix.accumulator_bytes = 24 * 168 * 2;
    spec.matrix.input_words = 12;
    const MatrixWork work = matrix_work(spec, tile);
    EXPECT_EQ(work.passes, 2);
    EXPECT_EQ(work.spill_write_bytes, 13 * 13 * 64 * 2);  // once between the two passes
    EXPECT_EQ(work.spill_read_bytes, 13 * 13 * 64 * 2);
    spec.matrix.input_words = 3;
    EXPECT_EQ(matrix_work(spec, tile).passes, 8 * 1);  // a channel each
}

TEST(RowStationary, NetworksOfStatedWidthBoundAPass) {
    // One pass: 16 filters x 4 channels x 3 taps for 13 outputs are 2496 cycles.
    Contract tile{.m = 13 * 13, .n = 64, .k = 9 * 4};
    tile.filter_rows = tile.filter_columns = 3;
    tile.output_rows = 13;
    tile.first.bytes = 4 * 15 * 15;
    NpuSpec spec = eyeriss();
    spec.matrix.stationary_double_buffered = false;
    spec.matrix.stationary_rows_per_cycle = 4;
    spec.matrix.pipeline_depth = 1;
    spec.matrix.input_words = 12;
    const std::int64_t filters = 3 * 3 * 64 * 4 / 4;
    EXPECT_EQ(matrix_work(spec, tile).array_cycles, filters + 2496);
    spec.matrix.inputs_per_cycle = 1;  // 900 inputs; the first column of outputs waits for 70
    EXPECT_EQ(matrix_work(spec, tile).array_cycles, filters + 2496 + 70);
    spec.matrix.sums_per_cycle = 4;  // 13 x 13 x 64 sums
    EXPECT_EQ(matrix_work(spec, tile).array_cycles, filters + 2704 + 70);
}

TEST(RowStationary, WordsAreCountedByTheCellsThatTheirWiresPass) {
    Contract tile{.m = 13 * 13, .n = 4, .k = 9};
    tile.filter_rows = tile.filter_columns = 3;
    tile.output_rows = 13;
    tile.first.bytes = 15 * 15;
    // 36 taps to a row each, 225 inputs to all 12 rows, 676 sums from a row and up three cells.
    EXPECT_EQ(matrix_work(eyeriss(), tile).carried,
              36 * (12 + 14) + 225 * (12 + 12 * 14) + 676 * (12 + 14 + 3));
}

TEST(RowStationary, NoTileIsDoneByFewerCyclesThanItsProducts) {
    for (const std::int64_t rows : {1, 3, 11})
        for (const std::int64_t out : {1, 13, 55})
            for (const std::int64_t n : {1, 7, 96}) {
                Contract tile{.m = out * out, .n = n, .k = 5 * rows * rows, .repeat = 2};
                tile.filter_rows = tile.filter_columns = rows;
                tile.output_rows = out;
                const MatrixWork work = matrix_work(eyeriss(), tile);
                const std::int64_t macs = tile.m * tile.n * tile.k * tile.repeat;
                EXPECT_GE(work.executed_macs, macs);
                EXPECT_GE(work.array_cycles * 12 * 14, macs);
            }
}

}  // namespace
}  // namespace perfwatt::npu

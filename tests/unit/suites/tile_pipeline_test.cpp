#include "sim/suites/tile_pipeline.h"

#include <gtest/gtest.h>

namespace perfwatt::tile_pipeline {
namespace {

/// One core of 8 x 8, bytes that are never waited for.
Preset one_core() {
    return {.name = "one",
            .array = 8,
            .cores = 1,
            .scratchpad_bytes = 64 << 10,
            .accumulator_bytes = 16 << 10,
            .element_bytes = 1,
            .memory_bytes_per_cycle = 1e9,
            .core_bytes_per_cycle = 1e9,
            .latency_cycles = 0};
}

TEST(TilePipeline, TilesAreASquareOfSumsAndTheReductionBesideIt) {
    // 16 KiB: half of it is 32 blocks of 8 x 8 sums, a square of 5; half of 64 KiB has 512 blocks
    // of which half are an operand's: 51 of the reduction.
    const Gemm tile = tile_of(one_core(), {512, 512, 512});
    EXPECT_EQ(tile.m, 40);  // 512 in 13 parts of five blocks: 39.4, whole blocks of which are 4
    EXPECT_EQ(tile.n, 40);
    EXPECT_EQ(tile.k, 256);
}

TEST(TilePipeline, FewTilesAreMadeMoreForTheCores) {
    Preset four = one_core();
    four.cores = 4;
    EXPECT_EQ(tile_of(four, {8, 64, 8}).n, 16);
    EXPECT_EQ(tile_of(four, {40, 40, 8}).n, 40);  // a square stays whole
}

TEST(TilePipeline, AnIdleArrayReadsAndLoadsBeforeItsFirstProduct) {
    // 2 x 8 - 1 to load, 8 rows, 2 x 8 - 2 to pass.
    EXPECT_NEAR(cycles(one_core(), {8, 8, 8}), 15 + 8 + 14, 1e-3);
    // Four blocks of results follow one another every 8 cycles.
    EXPECT_NEAR(cycles(one_core(), {16, 16, 8}), 15 + 4 * 8 + 14, 1e-3);
    EXPECT_NEAR(cycles(one_core(), {1, 8, 8}), 15 + 4 + 14, 1e-3);  // four at least
}

TEST(TilePipeline, ProductsWaitForTheirBlocks) {
    Preset slow = one_core();
    slow.memory_bytes_per_cycle = 1;  // 8 rows of 32 bytes: 256 cycles for weights, and for inputs
    slow.latency_cycles = 5;
    const double moved = 2 * 256 + 5;
    const double stored = 256 + 5;
    EXPECT_NEAR(cycles(slow, {8, 8, 8}), moved + 15 + 8 + 14 + stored, 1e-3);
    // With twice the rows memory is never idle: three blocks to the core, then two of results.
    EXPECT_NEAR(cycles(slow, {16, 8, 8}), 5 * 256 + 5, 1e-3);
}

TEST(TilePipeline, CoresShareTheMemory) {
    Preset two = one_core();
    two.memory_bytes_per_cycle = 2;
    const double alone = cycles(two, {8, 40, 64});
    two.cores = 2;
    const double both = cycles(two, {8, 80, 64});
    EXPECT_GT(both, 1.5 * alone);  // each of them has as much to do, and half the rate
}

}  // namespace
}  // namespace perfwatt::tile_pipeline

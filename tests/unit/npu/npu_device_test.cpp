#include "models/npu/npu_device.h"

#include <gtest/gtest.h>

#include "models/npu/matrix_timing.h"

namespace perfwatt::npu {
namespace {

// 1 GHz, so that a cycle is a nanosecond; 16 x 16 cells, weights held, loaded a row a cycle.
NpuSpec small_npu() {
    NpuSpec spec;
    spec.clock = Clock(1'000'000'000);
    spec.matrix.rows = 16;
    spec.matrix.columns = 16;
    spec.matrix.rates = {TypeRate{}};
    spec.matrix.pipeline_depth = 1;
    spec.matrix.accumulator_bytes = 1 << 20;
    spec.vector.lanes = 16;
    spec.vector.latency_cycles = 7;
    spec.scratchpad = {.bytes = 1000, .banks = 3, .bytes_per_cycle_per_bank = 64};
    spec.dma.bytes_per_cycle = 32;
    return spec;
}

Command command_of(const Contract& tile) { return {UnitId{0}, LayerId{0}, tile, {}}; }

Time ns(std::int64_t n) { return Time::from_ps(n * 1000); }

// 100 positions stream for 100 cycles; 16 rows of weights are loaded before, and the skew of
// 15 + 15 cycles follows.
TEST(FillDrain, IsWhatIsNotStreaming) {
    NpuSpec spec = small_npu();
    const Contract tile{.m = 100, .n = 16, .k = 16, .useful_macs = 25'600};
    ASSERT_EQ(matrix_work(spec, tile).array_cycles, 16 + 100 + 30);
    EXPECT_EQ(fill_drain(spec, command_of(tile)), ns(46));
    spec.command_overhead_cycles = 4;
    EXPECT_EQ(fill_drain(spec, command_of(tile)), ns(50));
}

// 10 of 16 rows are used, but the array streams all the same: padding is no fill.
TEST(FillDrain, PaddingStreamsToo) {
    const NpuSpec spec = small_npu();
    const Contract tile{.m = 100, .n = 16, .k = 10, .useful_macs = 16'000};
    EXPECT_EQ(fill_drain(spec, command_of(tile)), ns(matrix_work(spec, tile).array_cycles - 100));
}

TEST(FillDrain, OfAVectorCommandIsItsLatency) {
    const Command command{UnitId{0}, LayerId{0}, Vector{.elements = 32, .operations = 32}, {}};
    EXPECT_EQ(fill_drain(small_npu(), command), ns(7));
}

TEST(ScratchpadGeometry, BanksCoverEveryByte) {
    NpuSpec spec = small_npu();
    spec.scratchpad.banking = Banking::blocked;
    const ScratchpadGeometry geometry = scratchpad_geometry(spec);
    EXPECT_EQ(geometry.banks, 3);
    EXPECT_EQ(geometry.bank_bytes, 334);
    EXPECT_EQ(geometry.bytes_per_second, 64'000'000'000);
}

TEST(DmaPort, IsTheEnginesRate) {
    NpuSpec spec = small_npu();
    spec.command_overhead_cycles = 9;
    EXPECT_EQ(dma_port(spec).bytes_per_second, 32'000'000'000);
    EXPECT_EQ(dma_port(spec).setup, ns(9));
}

// 32 output channels are two passes over 16 columns: the activations are read twice.
TEST(BankUses, CountReReads) {
    Contract tile{.m = 100, .n = 32, .k = 16, .useful_macs = 51'200};
    tile.first = {.address = 0, .bytes = 1600};
    tile.second = {.address = 2000, .bytes = 512};
    tile.output = {.address = 3000, .bytes = 3200};
    std::vector<BankUse> uses;
    bank_uses(small_npu(), command_of(tile), uses);
    ASSERT_EQ(uses.size(), 3U);
    EXPECT_EQ(uses[0].bytes, 3200);
    EXPECT_EQ(uses[1].bytes, 512);
    EXPECT_EQ(uses[2].bytes, 3200);
    EXPECT_EQ(uses[2].buffer.address, 3000);
}

}  // namespace
}  // namespace perfwatt::npu

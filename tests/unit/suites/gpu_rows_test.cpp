#include "sim/suites/gpu_rows.h"

#include <gtest/gtest.h>

#include <cmath>

#include "models/dram/dram_schema.h"

namespace perfwatt::gpu_rows {
namespace {

// Operands of twice the cache: h = exp(-2 (1 - h)) has the solution 0.2032.
TEST(GpuRows, RandomReplacementKeepsAFifthOfTwiceTheCache) {
    EXPECT_NEAR(found_again(200, 100), 0.2032, 1e-4);
    EXPECT_NEAR(found_again(500, 100), std::exp(-5 * (1 - 0.00698)), 1e-5);
    EXPECT_EQ(found_again(100, 0), 0);
}

// 100 bytes less 20 of the cache at 80 B/s take a second.
TEST(GpuRows, AKernelFasterThanMemoryIsNotWhatItsRowSays) {
    Row row{.operand_bytes = 100, .microseconds = 0.99e6};
    EXPECT_TRUE(beyond_memory(row, 20, 80));
    row.microseconds = 1.01e6;
    EXPECT_FALSE(beyond_memory(row, 20, 80));
    row.operand_bytes = 10;
    EXPECT_FALSE(beyond_memory(row, 20, 80));
}

CollectiveRow reduce(std::string type) {
    return {.type = std::move(type),
            .work = {.kind = Collective::Kind::all_reduce, .bytes = 8'000'000},
            .gpus = 8};
}

TEST(GpuRows, SwitchesAddNoBytes) {
    const PeerLink link{.topology = PeerTopology::switch_,
                        .bytes_per_second = 1'000'000'000,
                        .protocols = {{.name = "ring", .algorithm = PeerAlgorithm::ring},
                                      {.name = "switch", .algorithm = PeerAlgorithm::in_switch}}};
    // 9/8 and 14/8 of 8 MB at 1 GB/s.
    EXPECT_EQ(time_on(link, reduce("half")), Time::from_ns(9'000'000));
    EXPECT_EQ(time_on(link, reduce("int8")), Time::from_ns(14'000'000));
}

TEST(GpuRows, AMemoryTakesEnergyForEachByteAndPowerAllTheTime) {
    const ConfigPath configs({PERFWATT_SOURCE_DIR});
    const dram::DramSpec spec =
        dram::load_spec(configs, configs.find(ConfigKind::memory, "gddr6_10_8gb", "")).spec;
    const MemoryPower one = memory_power(spec, 1), all = memory_power(spec, 16);
    EXPECT_GT(one.watts, 0);
    EXPECT_DOUBLE_EQ(all.watts, 16 * one.watts);
    EXPECT_EQ(all.picojoules_per_byte, one.picojoules_per_byte);
    // 7.5 pJ/bit with its pins are 60 pJ a byte (GDDR6), within a third.
    EXPECT_NEAR(one.picojoules_per_byte, 60, 20);
}

}  // namespace
}  // namespace perfwatt::gpu_rows

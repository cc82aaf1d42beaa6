#include "models/npu/npu_prices.h"

#include <gtest/gtest.h>

#include "models/sram/sram_energy.h"
#include "sim/arch/energy_loader.h"

namespace perfwatt::npu {
namespace {

const EnergyTables& tables() {
    static const LoadedEnergy loaded = load_energy_tables(ConfigPath({PERFWATT_SOURCE_DIR}));
    return loaded.tables;
}

NpuSpec npu(std::int64_t rows, std::int64_t columns, Dataflow dataflow, std::int64_t hertz) {
    NpuSpec spec;
    spec.clock = Clock(hertz);
    spec.matrix.rows = rows;
    spec.matrix.columns = columns;
    spec.matrix.dataflow = dataflow;
    spec.matrix.rates = {{DataType::int8, DataType::int8}};
    spec.vector.lanes = columns;
    spec.scratchpad.bytes = 8 << 20;
    spec.scratchpad.banks = 16;
    spec.scratchpad.bytes_per_cycle_per_bank = 64;
    spec.scratchpad.cell = "lstp";
    return spec;
}

double pj(const NpuPrices& prices, const std::string& action) {
    return prices.actions.at(action).picojoules;
}

/// Watts of an array whose cells all work in every cycle, its operands and its sums, plus idle.
double full_rate_watts(const NpuSpec& spec, const NpuPrices& prices) {
    const auto hertz = static_cast<double>(spec.clock.hertz());
    const auto rows = static_cast<double>(spec.matrix.rows);
    const auto columns = static_cast<double>(spec.matrix.columns);
    const bool outputs_stay = spec.matrix.dataflow == Dataflow::output_stationary;
    const double operand_bytes = outputs_stay ? rows + columns : rows;
    const double cycle_pj =
        rows * columns * (pj(prices, "mac.int8.int8") + pj(prices, "register")) +
        operand_bytes / static_cast<double>(spec.scratchpad.bytes_per_cycle_per_bank) *
            pj(prices, "scratchpad.read") +
        (outputs_stay ? 0 : columns * pj(prices, "accumulator"));
    double watts = cycle_pj * 1e-12 * hertz * spec.cores;
    for (const StaticPower& power : prices.static_power) watts += power.watts;
    return watts;
}

/// Registers of 16 bits, read once and written once a MAC, on top of what there was; a memory of
/// 448 bytes costs what the table says of one that size.
TEST(NpuPrices, AMacPaysForItsCellsMemories) {
    const Silicon silicon{65, 1.0};
    NpuSpec spec = npu(12, 14, Dataflow::row_stationary, 200'000'000);
    const double plain = pj(price_npu(spec, std::nullopt, tables(), silicon), "register");
    spec.matrix.cell_memories = {{.bytes = 48, .access_bytes = 2, .reads = 1, .writes = 1}};
    const double sums = pj(price_npu(spec, std::nullopt, tables(), silicon), "register");
    EXPECT_NEAR(sums - plain, 2 * 16 * tables().register_bit(silicon).picojoules, 1e-9);
    spec.matrix.cell_memories = {{.bytes = 448, .access_bytes = 2, .reads = 1, .writes = 0}};
    const NpuPrices prices = price_npu(spec, std::nullopt, tables(), silicon);
    const double read =
        sram::SramEnergy(tables())
            .cost({.bytes = 448, .width_bytes = 2, .banks = 1, .cell = sram::Cell::lstp}, silicon)
            .read_pj;
    EXPECT_GT(read, 0);
    EXPECT_NEAR(pj(prices, "register") - plain, read, 1e-9);
}

TEST(NpuPrices, AnAccessOfACellsMemoryMayBeStatedAsAPartOfAMac) {
    const Silicon silicon{65, 1.0};
    NpuSpec spec = npu(12, 14, Dataflow::row_stationary, 200'000'000);
    const double plain = pj(price_npu(spec, std::nullopt, tables(), silicon), "register");
    spec.matrix.cell_memories = {
        {.bytes = 448, .access_bytes = 2, .reads = 1, .writes = 1, .mac_percent = 150}};
    const NpuPrices prices = price_npu(spec, std::nullopt, tables(), silicon);
    EXPECT_NEAR(pj(prices, "register") - plain, 2 * 1.5 * pj(prices, "mac.int8.int8"), 1e-9);
}

TEST(NpuPrices, EveryActionHasOneWithItsSource) {
    NpuSpec spec = npu(64, 64, Dataflow::weight_stationary, 1'000'000'000);
    spec.matrix.rates.push_back({DataType::bf16, DataType::bf16, 1, 4});
    const NpuPrices prices = price_npu(spec, std::nullopt, tables(), {12, 0.8});
    for (const std::string& name : action_names(spec)) {
        ASSERT_TRUE(prices.actions.contains(name)) << name;
        EXPECT_GT(pj(prices, name), 0) << name;
        EXPECT_FALSE(prices.actions.at(name).source.empty()) << name;
    }
    EXPECT_EQ(prices.actions.size(), action_names(spec).size());
    EXPECT_LT(pj(prices, "mac_padding.int8.int8"), pj(prices, "mac.int8.int8"));
}

TEST(NpuPrices, RegistersFollowTheDataflow) {
    const Silicon silicon{40, 0.9};  // 0.009 pJ a bit, as published
    const auto registers = [&](Dataflow dataflow, Feeding feeding) {
        NpuSpec spec = npu(128, 64, dataflow, 1'000'000'000);
        spec.matrix.feeding = feeding;
        return pj(price_npu(spec, std::nullopt, tables(), silicon), "register");
    };
    // One operand of 8 bit and a sum of 32; two operands and a sum; a sum for 128 products.
    EXPECT_NEAR(registers(Dataflow::weight_stationary, Feeding::systolic), 0.009 * 40, 1e-9);
    EXPECT_NEAR(registers(Dataflow::output_stationary, Feeding::systolic), 0.009 * 48, 1e-9);
    EXPECT_NEAR(registers(Dataflow::weight_stationary, Feeding::tree), 0.009 * 8.25, 1e-9);
}

TEST(NpuPrices, IdlePowerIncludesLeakage) {
    NpuSpec spec = npu(64, 64, Dataflow::weight_stationary, 1'000'000'000);
    spec.scratchpad.cell = "hp";
    const auto watts = [&](std::optional<IdlePower> idle) {
        double sum = 0;
        for (const StaticPower& power : price_npu(spec, idle, tables(), {28, 0.9}).static_power)
            sum += power.watts;
        return sum;
    };
    const double leakage = watts(std::nullopt);
    EXPECT_GT(leakage, 0.5);
    EXPECT_NEAR(watts(IdlePower{28, "published"}), 28, 1e-9);
    EXPECT_NEAR(watts(IdlePower{0.1, "below the leakage"}), leakage, 1e-9);
    spec.cores = 2;
    EXPECT_NEAR(watts(std::nullopt), 2 * leakage, 1e-9);
}

TEST(NpuPrices, LowerVoltageIsCheaperByItsSquare) {
    const NpuSpec spec = npu(64, 64, Dataflow::weight_stationary, 1'000'000'000);
    const NpuPrices full = price_npu(spec, std::nullopt, tables(), {14, 0.8});
    const NpuPrices low = price_npu(spec, std::nullopt, tables(), {14, 0.6});
    for (const std::string& name : action_names(spec))
        EXPECT_NEAR(pj(low, name) / pj(full, name), 0.5625, 1e-9) << name;
}

// Whole chips against what their makers say; configs/energy/README.md states the errors.

TEST(PricedPower, OfOneTeslaNpuIsWithinAQuarterOfWhatIsPublished) {
    NpuSpec spec = npu(96, 96, Dataflow::output_stationary, 2'000'000'000);
    spec.matrix.feeding = Feeding::broadcast;
    spec.scratchpad.bytes = 32 << 20;
    spec.scratchpad.banks = 8;
    const NpuPrices prices = price_npu(spec, IdlePower{1, "estimated"}, tables(), {14, 0.8});
    EXPECT_NEAR(full_rate_watts(spec, prices) / 7.5, 1, 0.25);
}

TEST(PricedPower, OfTheEdgeTpuIsWithinAQuarterOfWhatIsPublished) {
    const NpuSpec spec = npu(64, 64, Dataflow::output_stationary, 488'000'000);
    const NpuPrices prices = price_npu(spec, IdlePower{0.5, "estimated"}, tables(), {28, 0.9});
    EXPECT_NEAR(full_rate_watts(spec, prices) / 2.0, 1, 0.25);
}

TEST(PricedPower, OfTpuV1LiesBetweenIdleAndItsLimit) {
    NpuSpec spec = npu(256, 256, Dataflow::weight_stationary, 700'000'000);
    spec.matrix.accumulator_bytes = 4 << 20;
    spec.scratchpad.bytes = 24 << 20;
    spec.scratchpad.banks = 8;
    const NpuPrices prices = price_npu(spec, IdlePower{28, "ISCA 2017"}, tables(), {28, 0.9});
    EXPECT_GT(full_rate_watts(spec, prices), 40);  // busy, at less than full rate
    EXPECT_LT(full_rate_watts(spec, prices), 75);  // TDP
}

}  // namespace
}  // namespace perfwatt::npu

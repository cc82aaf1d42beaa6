#include "models/sram/sram_energy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "sim/arch/energy_loader.h"

namespace perfwatt::sram {
namespace {

const EnergyTables& tables() {
    static const LoadedEnergy loaded = load_energy_tables(ConfigPath({PERFWATT_SOURCE_DIR}));
    return loaded.tables;
}

const SramRow& run(std::int64_t bytes, std::int64_t width, int node, const char* cell) {
    return *std::find_if(tables().sram().begin(), tables().sram().end(), [&](const SramRow& r) {
        return r.bytes == bytes && r.width_bytes == width && r.node_nm == node && r.banks == 1 &&
               r.cell == cell;
    });
}

TEST(SramEnergy, GivesARunBackAtItsOwnPointAndSupply) {
    const SramRow& hp = run(65536, 32, 22, "hp");
    const Cost cost = SramEnergy(tables()).cost({.bytes = 65536, .width_bytes = 32},
                                                {.node_nm = 22, .voltage = 0.8});
    EXPECT_NEAR(cost.read_pj / hp.read_pj, 1, 1e-9);
    EXPECT_NEAR(cost.write_pj / hp.write_pj, 1, 1e-9);
    EXPECT_NEAR(cost.leakage_w / (hp.leakage_mw * 1e-3), 1, 1e-9);
    EXPECT_EQ(cost.source, "CACTI 7");

    const SramRow& lstp = run(1048576, 32, 45, "lstp");
    const Cost other = SramEnergy(tables()).cost(
        {.bytes = 1048576, .width_bytes = 32, .cell = Cell::lstp}, {.node_nm = 45, .voltage = 1.1});
    EXPECT_NEAR(other.read_pj / lstp.read_pj, 1, 1e-9);
    EXPECT_NEAR(other.leakage_w / (lstp.leakage_mw * 1e-3), 1, 1e-9);
}

TEST(SramEnergy, InterpolatesLogLogBetweenSizes) {
    const double lower = run(65536, 32, 22, "hp").read_pj;
    const double upper = run(131072, 32, 22, "hp").read_pj;
    const auto between = static_cast<std::int64_t>(65536 * std::sqrt(2.0) + 0.5);
    const Cost cost = SramEnergy(tables()).cost({.bytes = between, .width_bytes = 32},
                                                {.node_nm = 22, .voltage = 0.8});
    EXPECT_NEAR(cost.read_pj / std::sqrt(lower * upper), 1, 1e-4);
}

TEST(SramEnergy, DynamicEnergyGoesWithTheSquareOfTheVoltage) {
    const Array array{.bytes = 65536, .width_bytes = 32};
    const SramEnergy energy(tables());
    const Cost full = energy.cost(array, {.node_nm = 28, .voltage = 1.0});
    const Cost low = energy.cost(array, {.node_nm = 28, .voltage = 0.7});
    EXPECT_NEAR(low.read_pj / full.read_pj, 0.49, 1e-9);
    EXPECT_NEAR(low.leakage_w / full.leakage_w, 0.7, 1e-9);
}

TEST(SramEnergy, BanksShareTheBytesAndAddTheirLeakage) {
    const SramEnergy energy(tables());
    const Silicon silicon{.node_nm = 28, .voltage = 0.9};
    const Cost one = energy.cost({.bytes = 65536, .width_bytes = 32}, silicon);
    const Cost sixteen =
        energy.cost({.bytes = 16 * 65536, .width_bytes = 32, .banks = 16}, silicon);
    EXPECT_NEAR(sixteen.read_pj / one.read_pj, 1, 1e-9);
    EXPECT_NEAR(sixteen.leakage_w / one.leakage_w, 16, 1e-9);
    EXPECT_NEAR(sixteen.distance_mm / one.distance_mm, 4, 1e-9);
}

TEST(SramEnergy, CellsAreAChoiceOfLeakage) {
    const SramEnergy energy(tables());
    const Silicon silicon{.node_nm = 45, .voltage = 1.0};
    const auto leakage = [&](Cell cell) {
        return energy.cost({.bytes = 1 << 20, .width_bytes = 32, .cell = cell}, silicon).leakage_w;
    };
    EXPECT_GT(leakage(Cell::hp), 0.5);
    EXPECT_LT(leakage(Cell::lstp), 1e-3);
    EXPECT_GT(leakage(Cell::lop), leakage(Cell::lstp));
    EXPECT_EQ(cell_from("lop"), Cell::lop);
    EXPECT_EQ(cell_from("6t"), std::nullopt);
}

TEST(SramEnergy, IsContinuousWhereTheTableEnds) {
    const SramEnergy energy(tables());
    const Array array{.bytes = 1 << 20, .width_bytes = 64, .cell = Cell::lstp};
    for (const double edge : {22.0, 90.0}) {
        const Cost at = energy.cost(array, {.node_nm = edge, .voltage = 0.9});
        for (const double step : {0.999, 1.001}) {
            const Cost near = energy.cost(array, {.node_nm = edge * step, .voltage = 0.9});
            EXPECT_NEAR(near.read_pj / at.read_pj, 1, 0.01) << edge * step;
        }
    }
    const Cost beyond = energy.cost(array, {.node_nm = 7, .voltage = 0.75});
    EXPECT_EQ(beyond.source, "estimated: CACTI 7 at 22 nm, scaled to 7 nm");
}

/// Mean relative error when each run inside its curve is foretold by the others.
double leave_one_out(Cell cell, Quantity quantity, double (*value)(const SramRow&)) {
    double sum = 0;
    int count = 0;
    const std::vector<SramRow>& rows = tables().sram();
    for (const SramRow& row : rows) {
        if (row.banks != 1 || row.cell != to_string(cell)) continue;
        bool below = false;
        bool above = false;
        for (const SramRow& other : rows) {
            if (other.node_nm != row.node_nm || other.banks != 1 || other.cell != row.cell ||
                other.width_bytes != row.width_bytes)
                continue;
            below = below || other.bytes < row.bytes;
            above = above || other.bytes > row.bytes;
        }
        if (!below || !above) continue;
        const double told =
            interpolate(rows, row.node_nm, cell, quantity, static_cast<double>(row.bytes),
                        static_cast<double>(row.width_bytes), &row);
        sum += std::fabs(told / value(row) - 1);
        ++count;
    }
    EXPECT_GE(count, 100);
    return sum / count;
}

TEST(SramTable, ForetellsItsOwnRunsWithinNinePercent) {
    for (const Cell cell : {Cell::hp, Cell::lop, Cell::lstp}) {
        const double read =
            leave_one_out(cell, Quantity::read_pj, [](const SramRow& r) { return r.read_pj; });
        const double write =
            leave_one_out(cell, Quantity::write_pj, [](const SramRow& r) { return r.write_pj; });
        const double leakage = leave_one_out(cell, Quantity::leakage_mw,
                                             [](const SramRow& r) { return r.leakage_mw; });
        RecordProperty(std::string(to_string(cell)) + "_read", std::to_string(read));
        EXPECT_LE(read, 0.09) << to_string(cell);
        EXPECT_LE(write, 0.09) << to_string(cell);
        EXPECT_LE(leakage, 0.05) << to_string(cell);
    }
}

}  // namespace
}  // namespace perfwatt::sram

#include "sim/arch/energy_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "sim/arch/energy_loader.h"
#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

using ::testing::HasSubstr;

const EnergyTables& shipped() {
    static const LoadedEnergy loaded = load_energy_tables(ConfigPath({PERFWATT_SOURCE_DIR}));
    return loaded.tables;
}

/// Every quantity costs 1 pJ at 40 nm and 1 V, and 0.25 pJ at 10 nm and 0.5 V (both 1 pF), but
/// `add_int32`, of which one figure is known: 2 pJ at 40 nm.
EnergyTables simple() {
    std::vector<EnergyQuantity> quantities;
    for (const std::string& name : required_quantities()) {
        if (name == "add_int32")
            quantities.push_back({.name = name, .anchors = {{40, 1.0, 2.0, "one figure"}}});
        else
            quantities.push_back(
                {.name = name, .anchors = {{10, 0.5, 0.25, "small"}, {40, 1.0, 1.0, "large"}}});
    }
    // A gate takes 4 V^2 at 40 nm, V^2 at 10 nm.
    return EnergyTables({{.node_nm = 40, .a = 4, .nominal_voltage = 1.0},
                         {.node_nm = 10, .a = 1, .nominal_voltage = 0.5}},
                        quantities, {});
}

TEST(EnergyTables, CapacitanceIsInterpolatedBetweenPublishedNodes) {
    // 1 pF at both nodes: 1 pF between them, times the voltage squared.
    EXPECT_NEAR(simple().price("multiply_int8", {20, 0.8}).picojoules, 0.64, 1e-12);
    EXPECT_EQ(simple().price("multiply_int8", {20, 0.8}).source, "large; small");
    EXPECT_NEAR(simple().price("multiply_int8", {40, 1.0}).picojoules, 1.0, 1e-12);
}

TEST(EnergyTables, BeyondThemItScalesAsAGate) {
    // Gates: 4 at 40 nm, 1 at 10 nm, so 2 at 20 nm (log-log): half of 2 pF, at 0.8 V.
    const EnergyPrice price = simple().price("add_int32", {20, 0.8});
    EXPECT_NEAR(price.picojoules, 2.0 / 2 * 0.64, 1e-12);
    EXPECT_EQ(price.source,
              "estimated: one figure, scaled from 40 nm after Stillmaker and Baas 2017");
    EXPECT_EQ(simple().price("add_int32", {40, 1.0}).source, "one figure");
}

TEST(EnergyTables, NominalVoltageIsUsedWhereNoneIsGiven) {
    // sqrt(1.0 V x 0.5 V) half-way between the nodes.
    EXPECT_NEAR(simple().nominal_voltage(20), std::sqrt(0.5), 1e-12);
    EXPECT_NEAR(simple().price("multiply_int8", {20, 0}).picojoules, 0.5, 1e-12);
}

TEST(EnergyTables, AMacIsAMultiplicationAndAnAddition) {
    EXPECT_NEAR(simple().mac(DataType::int8, DataType::int8, {40, 1.0}).picojoules, 3, 1e-12);
    EXPECT_NEAR(simple().mac(DataType::fp16, DataType::fp16, {40, 1.0}).picojoules, 2, 1e-12);
    // 64 bit: four products and two sums of 32 bit.
    EXPECT_NEAR(simple().mac(DataType::fp64, DataType::fp64, {40, 1.0}).picojoules, 6, 1e-12);
}

TEST(EnergyTables, AVectorOperationMovesThreeOperands) {
    EXPECT_NEAR(simple().vector_operation(DataType::int8, {40, 1.0}).picojoules, 1 + 3 * 8, 1e-12);
}

TEST(EnergyTables, RefusesNodesAndVoltagesItKnowsNothingOf) {
    EXPECT_EQ(simple().refuses({20, 0}), std::nullopt);
    EXPECT_EQ(simple().refuses({5, 0}), "energies are known from 40 nm down to 10 nm, not at 5 nm");
    EXPECT_EQ(simple().refuses({40, 0.4}), "0.4 V is out of reach at 40 nm, where 1 V is nominal");
    EXPECT_TRUE(simple().refuses({40, std::nan("")}).has_value());
}

TEST(ShippedEnergies, AreThePublishedOnesAtTheirNodes) {
    // Horowitz 2014: 0.2 pJ for an 8-bit product, 0.1 pJ for a 32-bit sum.
    const Silicon published{45, 0.9};
    EXPECT_NEAR(shipped().mac(DataType::int8, DataType::int8, published).picojoules, 0.3, 1e-9);
    EXPECT_NEAR(shipped().mac(DataType::fp16, DataType::fp16, published).picojoules, 2.0, 1e-9);
    EXPECT_NEAR(shipped().mac(DataType::fp32, DataType::fp32, published).picojoules, 4.6, 1e-9);
    EXPECT_NEAR(shipped().mac(DataType::bf16, DataType::bf16, {7, 0.75}).picojoules, 0.59, 1e-9);
}

TEST(ShippedEnergies, FallWithTheNodeAndRiseWithTheWidth) {
    double before = 1e9;
    for (const double node : {130., 90., 65., 45., 32., 28., 20., 16., 14., 10., 7., 5., 3.}) {
        const Silicon silicon{node, 0};
        ASSERT_EQ(shipped().refuses(silicon), std::nullopt) << node;
        const double mac = shipped().mac(DataType::int8, DataType::int8, silicon).picojoules;
        EXPECT_LT(mac, before) << node;
        before = mac;
        const auto multiply = [&](const char* type) {
            return shipped().price(std::string("multiply_") + type, silicon).picojoules;
        };
        EXPECT_LT(multiply("int4"), multiply("int8"));
        EXPECT_LT(multiply("int8"), multiply("int16"));
        EXPECT_LT(multiply("int16"), multiply("int32"));
        EXPECT_LT(multiply("bf16"), multiply("fp16"));
        EXPECT_LT(multiply("fp16"), multiply("fp32"));
    }
}

TEST(ShippedEnergies, EveryPriceSaysWhereItComesFrom) {
    for (const EnergyQuantity& quantity : shipped().quantities())
        for (const EnergyAnchor& anchor : quantity.anchors)
            EXPECT_GT(anchor.source.size(), 10U) << quantity.name;
}

// What chips of these sizes were measured to draw bounds what their arithmetic may cost.

TEST(ShippedEnergies, TpuV1ArithmeticIsBelowItsBusyPower) {
    // 65 536 MACs at 700 MHz, 28 nm; the chip draws 28 W idle and 40 W busy (Jouppi, ISCA 2017),
    // 75 W at most: the array at full rate lies between a tenth of the difference and the TDP.
    const Silicon silicon{28, 0};
    const double mac = shipped().mac(DataType::int8, DataType::int8, silicon).picojoules;
    const double watts = mac * 1e-12 * 65536 * 700e6;
    EXPECT_GT(watts, 1.2);
    EXPECT_LT(watts, 40);
}

TEST(ShippedEnergies, TeslaNpuArithmeticIsPartOfItsSevenAndAHalfWatts) {
    // 9216 MACs at 2 GHz, 14 nm, 7.5 W with the memories (36.86 TOPS at 4.9 TOPS/W).
    const Silicon silicon{14, 0};
    const double mac = shipped().mac(DataType::int8, DataType::int8, silicon).picojoules;
    const double watts = mac * 1e-12 * 9216 * 2e9;
    EXPECT_GT(watts, 0.1 * 7.5);
    EXPECT_LT(watts, 0.9 * 7.5);
}

TEST(ShippedEnergies, EyerissArithmeticIsPartOfItsPower) {
    // 65 nm, 1 V, 16 bit: 278 mW at 35 frames/s of AlexNet's convolutions, 666 M MACs a frame.
    const double mac = shipped().mac(DataType::int16, DataType::int16, {65, 1.0}).picojoules;
    const double watts = mac * 1e-12 * 666e6 * 35;
    EXPECT_GT(watts, 0.05 * 0.278);
    EXPECT_LT(watts, 0.5 * 0.278);
}

class BrokenEnergyFile : public ::testing::Test {
  protected:
    void SetUp() override {
        folder_ = std::filesystem::temp_directory_path() /
                  ("perfwatt_energy_" + std::to_string(::getpid()));
        std::filesystem::create_directories(folder_);
        write("t.csv",
              "size_bytes,width_bytes,node_nm,banks,cell,read_pj,write_pj,access_ns,cycle_ns,"
              "leak_mw_bank,gate_leak_mw_bank,area_mm2,leak_mw_total\n"
              "1024,8,45,1,itrs-hp,1,2,0.2,0.2,1,0.1,0.01,1.1\n");
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    void write(const std::string& name, const std::string& text) const {
        std::ofstream(folder_ / name) << text;
    }
    [[nodiscard]] std::string file(const std::string& without = {}) const {
        std::string text =
            "schema: perfwatt/energy/v1\nnodes:\n"
            "  - {node: 45 nm, a: 1, b: 0, c: 0, nominal_voltage: 1 V}\nactions:\n";
        for (const std::string& name : required_quantities())
            if (name != without)
                text += "  " + name +
                        ": {figures: [{node: 45 nm, voltage: 1 V, energy: 1 pJ, source: us}]}\n";
        return text +
               "sram:\n  table: t.csv\n  supplies: [{cell: hp, node: 45 nm, voltage: 1 V}]\n";
    }
    [[nodiscard]] std::string mistakes(const std::string& text) const {
        write("e.yaml", text);
        try {
            static_cast<void>(load_energy_tables(ConfigPath(), (folder_ / "e.yaml").string()));
        } catch (const UserError& error) {
            std::string all;
            for (const Diagnostic& d : error.diagnostics()) all += d.message + "\n";
            return all;
        }
        return "";
    }

  private:
    std::filesystem::path folder_;
};

TEST_F(BrokenEnergyFile, IsWholeAsWrittenHere) { EXPECT_EQ(mistakes(file()), ""); }

TEST_F(BrokenEnergyFile, LacksAQuantity) {
    EXPECT_THAT(mistakes(file("add_fp8")), HasSubstr("no figure for 'add_fp8'"));
}

TEST_F(BrokenEnergyFile, HasAnUnknownKey) {
    EXPECT_THAT(mistakes(file() + "frequency: 1 GHz\n"), HasSubstr("frequency"));
}

TEST_F(BrokenEnergyFile, TableIsMissing) {
    std::string text = file();
    text.replace(text.find("t.csv"), 5, "u.csv");
    EXPECT_EQ(mistakes(text), "cannot be read\n");
}

TEST_F(BrokenEnergyFile, TableHasOtherColumns) {
    write("t.csv", "size,width\n1,2\n");
    EXPECT_THAT(mistakes(file()), HasSubstr("columns are not size_bytes,"));
}

TEST_F(BrokenEnergyFile, TableHoldsWhatIsNoNumber) {
    write("t.csv",
          "size_bytes,width_bytes,node_nm,banks,cell,read_pj,write_pj,access_ns,cycle_ns,"
          "leak_mw_bank,gate_leak_mw_bank,area_mm2,leak_mw_total\n"
          "1024,8,45,1,itrs-hp,one,2,0.2,0.2,1,0.1,0.01,-3\n1,2\n");
    EXPECT_EQ(mistakes(file()), "'one' is not a number\n'-3' is not a number\n2 fields, not 13\n");
}

TEST_F(BrokenEnergyFile, TableHasACellWithoutSupply) {
    write("t.csv",
          "size_bytes,width_bytes,node_nm,banks,cell,read_pj,write_pj,access_ns,cycle_ns,"
          "leak_mw_bank,gate_leak_mw_bank,area_mm2,leak_mw_total\n"
          "1024,8,45,1,itrs-lop,1,2,0.2,0.2,1,0.1,0.01,3\n");
    EXPECT_EQ(mistakes(file()), "no supply is stated for lop at 45 nm\n");
}

}  // namespace
}  // namespace perfwatt

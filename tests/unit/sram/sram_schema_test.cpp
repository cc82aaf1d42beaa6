#include "models/sram/sram_schema.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "models/sram/sram_energy.h"
#include "sim/arch/energy_loader.h"
#include "sim/base/diagnostics.h"

namespace perfwatt::sram {
namespace {

class SramFile : public ::testing::Test {
  protected:
    void SetUp() override {
        path_ = std::filesystem::temp_directory_path() /
                ("perfwatt_sram_" + std::to_string(::getpid()) + ".yaml");
    }
    void TearDown() override { std::filesystem::remove(path_); }

    LoadedMemory load(const std::string& text) const {
        std::ofstream(path_) << text;
        return load_memory(ConfigPath({PERFWATT_SOURCE_DIR}), path_.string());
    }
    [[nodiscard]] std::string mistake(const std::string& text) const {
        try {
            static_cast<void>(load(text));
        } catch (const UserError& error) {
            return error.diagnostics().front().message;
        }
        return "";
    }
    const std::string good_ =
        "schema: perfwatt/memory/v1\nstandard: SRAM\nnode: 14 nm\nvoltage: 0.8 V\n"
        "capacity: 4 MiB\nbanks: 16\nbytes_per_cycle: 64 B\nclock: 1 GHz\nlatency: 20 ns\n";

  private:
    std::filesystem::path path_;
};

TEST_F(SramFile, IsReadAndPriced) {
    const LoadedMemory loaded = load(good_);
    EXPECT_EQ(loaded.spec.banks, 16);
    EXPECT_EQ(loaded.spec.interleave_bytes, 64);
    EXPECT_EQ(loaded.spec.latency, Time::from_ns(20));
    const LoadedEnergy energy = load_energy_tables(ConfigPath({PERFWATT_SOURCE_DIR}));
    const Silicon silicon{14, 0.8};
    const Cost cost =
        SramEnergy(energy.tables)
            .cost({.bytes = 4 << 20, .width_bytes = 64, .banks = 16, .cell = Cell::lstp}, silicon);
    EXPECT_NEAR(
        loaded.spec.read_pj,
        cost.read_pj + 512 * cost.distance_mm * energy.tables.wire_bit_mm(silicon).picojoules,
        1e-9);
    EXPECT_NEAR(loaded.leakage_w, cost.leakage_w, 1e-12);
    EXPECT_EQ(SramMemory(loaded.spec).report().peak_bytes_per_second, 1'024'000'000'000);
}

TEST_F(SramFile, SaysWhatIsWrong) {
    EXPECT_EQ(mistake(good_ + "interleave: 32 B\n"),
              "'interleave' must be a whole number of accesses");
    std::string text = good_;
    text.replace(text.find("4 MiB"), 5, "5000 B");
    EXPECT_EQ(mistake(text), "'capacity' must be a whole number of rounds of all banks");
    text = good_;
    text.replace(text.find("14 nm"), 5, "500 nm");
    EXPECT_EQ(mistake(text), "energies are known from 130 nm down to 3 nm, not at 500 nm");
    text = good_;
    text.replace(text.find("SRAM"), 4, "DDR9");
    EXPECT_EQ(mistake(text), "'DDR9' is no on-chip memory");
}

}  // namespace
}  // namespace perfwatt::sram

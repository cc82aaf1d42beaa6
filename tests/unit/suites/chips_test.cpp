#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "sim/config/config_path.h"

namespace perfwatt {
namespace {

// Accelerators that people compare with, under the names they look for.
constexpr const char* kChips[] = {
    // NPUs
    "edge_tpu", "edge_tpu_usb", "pixel_visual_core", "tpu_v1", "tesla_fsd", "warboy", "warboy_1pe",
    "rngd", "atom", "ion", "sapeon_x220", "sapeon_x330", "goya", "gaudi2", "greco", "myriad_x",
    "apple_a12", "snapdragon_8_gen_1", "snapdragon_8_gen_2", "snapdragon_8_gen_3", "cloud_ai_100",
    "dx_m1", "nvdla_2048", "eyeriss_v1", "eyeriss_v2",
    // processing in memory
    "hbm_pim_stack", "aimx_card", "npu_gddr6_aim", "phone_lpddr5x_pim",
    // GPUs and CPUs
    "t4", "v100_sxm_16", "a100_sxm_80", "a100_pcie_40", "h100_sxm", "h200_sxm", "jetson_agx_orin",
    "mi100", "tesla_fsd_cpu", "apple_a12_cpu", "phone_cpu_2023", "xeon_8380_2s"};

/// Of these too little is known for a file: a line says what is missing and what to assume.
constexpr const char* kNotModelled[] = {"X340", "X350", "Genesis", "Dipher"};

std::string readme() {
    std::ifstream file(PERFWATT_SOURCE_DIR "/configs/chips/README.md");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

TEST(ShippedChips, AreFoundByName) {
    const ConfigPath configs({PERFWATT_SOURCE_DIR});
    for (const char* name : kChips) EXPECT_TRUE(configs.try_find(ConfigKind::chip, name)) << name;
}

TEST(ShippedChips, NpusStandInTheTableThatSaysWhatTheyRestOn) {
    const std::string text = readme();
    ASSERT_FALSE(text.empty());
    for (std::size_t i = 0; i < 25; ++i)
        EXPECT_NE(text.find(std::string("`") + kChips[i] + "`"), std::string::npos) << kChips[i];
    for (const char* name : kNotModelled) EXPECT_NE(text.find(name), std::string::npos) << name;
}

}  // namespace
}  // namespace perfwatt

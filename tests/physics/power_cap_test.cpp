#include "sim/run/power_cap.h"

#include <gtest/gtest.h>

#include "sim/arch/chip_loader.h"
#include "tests/physics/laboratory.h"

namespace perfwatt::laboratory {
namespace {

/// GPUs that have a rated power.
constexpr const char* kCards[] = {"t4",           "v100_sxm_16",  "a100_sxm_40", "a100_sxm_80",
                                  "a100_pcie_40", "a100_pcie_80", "a30",         "a40",
                                  "h100_pcie",    "h100_sxm",     "h200_sxm",    "l4",
                                  "l40s",         "rtx_4090",     "mi100",       "mi210"};

class PowerCap : public ::testing::Test {
  protected:
    /// A product of 8192 x 1024 by 1024 x 1024, which keeps all SMs busy.
    static RunRequest product(const std::string& chip, const std::string& precision,
                              std::vector<std::string> overrides = {}) {
        return {.chip = chip,
                .workload = "gemm_1024x1024x1024",
                .batch = 8,
                .precision = precision,
                .memory_timing = "stream",
                .overrides = std::move(overrides)};
    }

    Laboratory laboratory_;
};

TEST_F(PowerCap, NoCardDrawsMoreThanItIsRatedFor) {
    std::vector<RunRequest> requests;
    for (const char* card : kCards)
        for (const char* precision : {"fp16", "fp32"}) requests.push_back(product(card, precision));
    const std::vector<Answer> answers = laboratory_.run(requests);
    for (std::size_t i = 0; i < answers.size(); ++i) {
        const Result& result = answers[i].result;
        const Environment& with = laboratory_.environment();
        const ChipSpec chip =
            load_chip(requests[i].chip, {}, with.families, with.configs, with.memories).spec;
        ASSERT_TRUE(answers[i].ok()) << answers[i].reason;
        ASSERT_TRUE(is_capped(chip)) << chip.name;
        EXPECT_LE(result.power_w, *chip.power_cap_w) << chip.name << " " << *requests[i].precision;
        EXPECT_FALSE(result.operating_point.empty()) << chip.name;
    }
}

TEST_F(PowerCap, AHigherCapIsNeverSlower) {
    std::vector<RunRequest> requests;
    for (const char* watts : {"45 W", "55 W", "70 W", "90 W", "200 W"})
        requests.push_back(product("t4", "fp16", {std::string("power_cap=") + watts}));
    const std::vector<Answer> answers = laboratory_.run(requests);
    for (std::size_t i = 1; i < answers.size(); ++i)
        EXPECT_LE(answers[i].result.latency_ns, answers[i - 1].result.latency_ns)
            << requests[i].overrides.front();
    EXPECT_LT(answers.back().result.latency_ns, answers.front().result.latency_ns);
    EXPECT_EQ(answers.back().result.operating_point, "boost");
}

TEST_F(PowerCap, AClockHeldByHandIsNotLowered) {
    const Answer held = laboratory_.run(product("t4", "fp16", {"gpu.clock=1590 MHz"}));
    EXPECT_GT(held.result.power_w, 70);
}

}  // namespace
}  // namespace perfwatt::laboratory

// The shipped standards, their own model, and a judge that shares nothing with either.

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "tests/dram_checker/model/judged_run.h"
#include "tests/dram_checker/model/standards.h"

namespace perfwatt::dram_checker {
namespace {

class ShippedStandard : public ::testing::TestWithParam<std::tuple<std::string, Variant>> {};

TEST_P(ShippedStandard, ObeysEveryRuleUnderAdversarialTraffic) {
    const auto& [name, variant] = GetParam();
    const RuleSet rules = rules_of(name);
    dram::DramSpec spec = spec_of(name);
    if (!apply(variant, spec)) GTEST_SKIP() << name << " has no " << to_string(variant);
    JudgedLog log(rules, spec.tick_clock());
    run_judged(spec, 100'000, 1, log);
    if (variant == Variant::low_power && log.power_downs() == 0) {
        GTEST_SKIP() << "the controller does not power down";
    }
    EXPECT_GE(log.count(), 100'000);
    EXPECT_EQ(log.unknown(), "");
    EXPECT_EQ(log.checker().violation_count(), 0) << listed(log.checker());
}

INSTANTIATE_TEST_SUITE_P(
    All, ShippedStandard,
    ::testing::Combine(::testing::ValuesIn(standards()),
                       ::testing::Values(Variant::as_shipped, Variant::closed_page,
                                         Variant::low_power, Variant::bank_refresh,
                                         Variant::two_ranks)),
    [](const auto& name) {
        return std::get<0>(name.param) + "_" + to_string(std::get<1>(name.param));
    });

std::string faults(const std::string& name, dram::RefreshMode mode) {
    dram::DramSpec spec = spec_of(name);
    spec.refresh.mode = mode;
    spec.refresh.max_postponed = 2;
    JudgedLog log(rules_of(name), spec.tick_clock());
    run_judged(spec, 100'000, 1, log);
    return listed(log.checker());
}

// One LPDDR5 REFpb refreshes a pair of banks; the model takes one, and lets a REFpb go out between
// the parts of an activate. To be enabled when it does not.
TEST(KnownFault, DISABLED_Lpddr5BankRefreshTakesAPairOfBanks) {
    EXPECT_EQ(faults("lpddr5_6400", dram::RefreshMode::per_bank), "");
}

// A same-bank refresh reaches every bank group: after any activate of the rank it waits tRRD_L.
TEST(KnownFault, DISABLED_Ddr5SameBankRefreshWaitsLongAfterActivates) {
    EXPECT_EQ(faults("ddr5_4800", dram::RefreshMode::same_bank), "");
}

}  // namespace
}  // namespace perfwatt::dram_checker

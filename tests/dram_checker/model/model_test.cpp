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

// One LPDDR5 REFpb refreshes a pair of banks; the model takes one. To be enabled when it takes two.
TEST(PairRefresh, DISABLED_ClosesBothBanks) {
    dram::DramSpec spec = spec_of("lpddr5_6400");
    spec.refresh.mode = dram::RefreshMode::per_bank;
    spec.refresh.max_postponed = 2;
    JudgedLog log(rules_of("lpddr5_6400"), spec.tick_clock());
    run_judged(spec, 100'000, 1, log);
    EXPECT_EQ(log.checker().violation_count(), 0) << listed(log.checker());
}

}  // namespace
}  // namespace perfwatt::dram_checker

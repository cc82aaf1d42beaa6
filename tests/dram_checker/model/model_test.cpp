// The shipped standards, their own model, and a judge that shares nothing with either.

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/dram_checker/model/judged_run.h"
#include "tests/dram_checker/model/standards.h"

namespace perfwatt::dram_checker {
namespace {

using Case = std::pair<std::string, Variant>;

/// Each shipped standard in each way that it has.
std::vector<Case> cases() {
    std::vector<Case> all;
    for (const std::string& name : standards()) {
        for (const Variant variant :
             {Variant::as_shipped, Variant::closed_page, Variant::low_power, Variant::bank_refresh,
              Variant::sleepy_banks, Variant::two_ranks, Variant::hot, Variant::rows_kept_open}) {
            dram::DramSpec spec = spec_of(name);
            if (apply(variant, spec)) all.emplace_back(name, variant);
        }
    }
    return all;
}

class ShippedStandard : public ::testing::TestWithParam<Case> {};

TEST_P(ShippedStandard, ObeysEveryRuleUnderAdversarialTraffic) {
    const auto& [name, variant] = GetParam();
    RuleSet rules = rules_of(name);
    if (variant == Variant::hot) rules.at_celsius(kHot);
    dram::DramSpec spec = spec_of(name);
    ASSERT_TRUE(apply(variant, spec));
    JudgedLog log(rules, spec.tick_clock());
    run_judged(spec, 100'000, 1, log);
    EXPECT_GE(log.count(), 100'000);
    EXPECT_EQ(log.unknown(), "");
    EXPECT_EQ(log.checker().violation_count(), 0) << listed(log.checker());
    // What the variant is there for has happened.
    if (variant == Variant::low_power || variant == Variant::sleepy_banks) {
        EXPECT_GT(log.count_of(Kind::PDE), 0);
        EXPECT_GT(log.count_of(Kind::SRE), 0);
    }
    if (variant == Variant::bank_refresh || variant == Variant::sleepy_banks) {
        EXPECT_GT(log.count_of(Kind::REFPB) + log.count_of(Kind::REFSB), 0);
    }
}

// What a hot device needs is more than a cool one gets: the judge tells them apart.
TEST(HotRefresh, IsMissedByTheJudgeOfHotDevices) {
    for (const std::string& name : standards()) {
        RuleSet rules = rules_of(name);
        rules.at_celsius(kHot);
        dram::DramSpec spec = spec_of(name);
        JudgedLog log(rules, spec.tick_clock());
        run_judged(spec, 30'000, 1, log);
        EXPECT_GT(log.checker().violation_count(), 0) << name;
    }
}

// Devices that ask for management get it, and the judge sees when they do not.
TEST(RefreshManagement, IsGivenWhereDevicesAskForIt) {
    for (const char* name : {"ddr5_4800_rfm", "lpddr5_6400_rfm", "hbm3_6400_rfm"}) {
        const RuleSet rules = rules_of(name);
        for (const dram::RefreshMode mode :
             {dram::RefreshMode::all_bank, spec_of(name).refresh.management.mode}) {
            for (const bool postpone : {false, true}) {
                dram::DramSpec spec = spec_of(name);
                spec.refresh.management.mode = mode;
                spec.refresh.management.postpone = postpone;
                JudgedLog log(rules, spec.tick_clock());
                run_judged(spec, 200'000, 4, log);
                EXPECT_EQ(log.checker().violation_count(), 0) << name << listed(log.checker());
                EXPECT_GT(log.count_of(Kind::RFMAB) + log.count_of(Kind::RFMPB) +
                              log.count_of(Kind::RFMSB),
                          0)
                    << name;
            }
        }
        dram::DramSpec careless = spec_of(name);
        careless.refresh.management = {};
        JudgedLog log(rules, careless.tick_clock());
        run_judged(careless, 200'000, 4, log);
        EXPECT_GT(log.checker().violation_count(), 0) << name;
    }
}

INSTANTIATE_TEST_SUITE_P(All, ShippedStandard, ::testing::ValuesIn(cases()), [](const auto& name) {
    return name.param.first + "_" + to_string(name.param.second);
});

// Four families have refreshes of some banks, five have gaps between ranks.
TEST(Variants, AreRunByTheStandardsThatHaveThem) {
    std::map<Variant, std::size_t> runs;
    for (const Case& one : cases()) ++runs[one.second];
    EXPECT_EQ(runs[Variant::as_shipped], standards().size());
    EXPECT_EQ(runs[Variant::low_power], standards().size());
    EXPECT_EQ(runs[Variant::hot], standards().size());
    EXPECT_EQ(runs[Variant::rows_kept_open], standards().size());
    EXPECT_EQ(runs[Variant::bank_refresh], standards().size() - 2);  // not DDR3, not DDR4
    EXPECT_EQ(runs[Variant::sleepy_banks], standards().size() - 2);
    EXPECT_EQ(runs[Variant::two_ranks], 14u);  // not GDDR6, not HBM
}

}  // namespace
}  // namespace perfwatt::dram_checker

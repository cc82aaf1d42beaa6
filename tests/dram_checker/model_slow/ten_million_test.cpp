// Ten million commands a standard, a quarter or more as shipped, the rest in the other ways to
// run it.

#include <gtest/gtest.h>

#include <string>

#include "tests/dram_checker/model/judged_run.h"
#include "tests/dram_checker/model/standards.h"

namespace perfwatt::dram_checker {
namespace {

class ShippedStandardAtLength : public ::testing::TestWithParam<std::string> {};

TEST_P(ShippedStandardAtLength, ObeysEveryRuleForTenMillionCommands) {
    const RuleSet rules = rules_of(GetParam());
    std::int64_t commands = 0;
    for (const Variant variant :
         {Variant::two_ranks, Variant::bank_refresh, Variant::sleepy_banks, Variant::low_power,
          Variant::closed_page, Variant::rows_kept_open, Variant::as_shipped}) {
        SCOPED_TRACE(to_string(variant));
        dram::DramSpec spec = spec_of(GetParam());
        if (!apply(variant, spec)) continue;
        JudgedLog log(rules, spec.tick_clock());
        const std::int64_t share =
            variant == Variant::as_shipped ? 10'000'000 - commands : 1'250'000;
        run_judged(spec, share, 2, log);
        commands += log.count();
        EXPECT_EQ(log.unknown(), "");
        EXPECT_EQ(log.checker().violation_count(), 0) << listed(log.checker());
    }
    EXPECT_GE(commands, 10'000'000);
}

INSTANTIATE_TEST_SUITE_P(All, ShippedStandardAtLength, ::testing::ValuesIn(standards()),
                         [](const auto& name) { return name.param; });

}  // namespace
}  // namespace perfwatt::dram_checker

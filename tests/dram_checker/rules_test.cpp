// The shipped rule lists: each bound is tight, the figures are those of the standards, and
// mistakes in a list are refused.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/dram_checker/checker.h"

namespace perfwatt::dram_checker {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

const std::vector<std::string>& all_lists() {
    static const std::vector<std::string> names = {
        "ddr3_1866",     "ddr4_3200",       "ddr5_4800",    "ddr5_6400",      "lpddr4_3200",
        "lpddr4_4266",   "lpddr4x_4266",    "lpddr5_6400",  "lpddr5x_8533",   "lpddr5x_9600",
        "gddr6_14",      "gddr6_16",        "hbm2_2000",    "hbm2e_3200",     "hbm2e_3600",
        "hbm3_5200",     "hbm3_6400",       "hbm3e_8000",   "lpddr5_6400_8b", "lpddr5_3200_16b",
        "ddr5_4800_rfm", "lpddr5_6400_rfm", "hbm3_6400_rfm"};
    return names;
}

RuleSet list(const std::string& name) {
    return load_rules(PERFWATT_SOURCE_DIR "/tests/dram_checker/rules/" + name + ".rules");
}

/// The longest bound of this name, in ticks between first ticks; -1 when the list has none.
std::int64_t bound(const RuleSet& rules, const std::string& name, Kind from, Kind to, Scope scope) {
    std::int64_t longest = -1;
    for (const Distance& one : rules.distances) {
        if (rules.names[one.name] == name && one.from == from && one.to == to &&
            one.scope == scope) {
            longest = std::max(longest, one.ticks);
        }
    }
    return longest;
}

std::int64_t window(const RuleSet& rules, const std::string& name) {
    for (const Window& one : rules.windows) {
        if (rules.names[one.name] == name) return one.ticks;
    }
    return -1;
}

class ShippedList : public ::testing::TestWithParam<std::string> {};

/// Names of the rules that a second command breaks, `ticks` after a first one, with the places of
/// both so that they meet at `scope` and no nearer.
std::vector<std::string> broken_after(const RuleSet& rules, const Distance& rule,
                                      std::int64_t ticks) {
    Command first{.tick = 1000, .kind = rule.from};
    Command second{.tick = 1000 + ticks, .kind = rule.to};
    if (rule.scope == Scope::bank_group) second.bank = rules.banks > 1 ? 1 : 0;
    if (rule.scope == Scope::rank && rules.bank_groups > 1) second.bank_group = 1;
    if (rule.scope == Scope::rank && rules.bank_groups == 1) second.bank = 1;
    if (rule.scope == Scope::pair) second.bank_group = rules.bank_groups / 2;
    if (rule.scope == Scope::same_bank) second.bank_group = 1;
    const auto ps = [&](std::int64_t tick) {
        return static_cast<std::int64_t>(static_cast<double>(tick) * rules.clock_ps /
                                         rules.ticks_per_clock);
    };
    first.time_ps = ps(first.tick);
    second.time_ps = ps(second.tick);
    Checker checker(rules);
    checker.command(first, 1);
    const std::size_t before = checker.violations().size();
    checker.command(second, 2);
    std::vector<std::string> names;
    for (std::size_t i = before; i < checker.violations().size(); ++i) {
        names.push_back(checker.violations()[i].rule);
    }
    return names;
}

TEST_P(ShippedList, EveryDistanceIsTight) {
    const RuleSet rules = list(GetParam());
    ASSERT_GT(rules.distances.size(), 100u);
    for (const Distance& rule : rules.distances) {
        const std::string& name = rules.names[rule.name];
        SCOPED_TRACE(name + " " + std::string(to_string(rule.from)) + " to " +
                     std::string(to_string(rule.to)));
        EXPECT_THAT(broken_after(rules, rule, rule.ticks - 1), Contains(name));
        EXPECT_THAT(broken_after(rules, rule, rule.ticks), Not(Contains(name)));
    }
}

TEST_P(ShippedList, BoundsEverythingADramMustKeep) {
    const RuleSet rules = list(GetParam());
    for (const char* name : {"tRCDRD", "tRCDWR", "tRAS", "tRC", "tRP", "tRTP", "tWR", "tRRD_S",
                             "tCCD_S", "tWTR_S", "tRFCab", "tXP", "tCKESR", "tXS", "tPD"}) {
        EXPECT_THAT(rules.names, Contains(name));
    }
    EXPECT_GT(window(rules, "tFAW"), 0);
    EXPECT_GT(rules.refresh_interval_ps, 0);
    EXPECT_GT(rules.burst, 0);
    EXPECT_GT(rules.read_latency, rules.write_latency);
    EXPECT_GE(rules.read_to_write_gap, 1);
    EXPECT_FALSE(rules.sources.empty());
}

INSTANTIATE_TEST_SUITE_P(All, ShippedList, ::testing::ValuesIn(all_lists()),
                         [](const auto& list_name) { return list_name.param; });

// Each figure below is computed by hand from the standard's nanoseconds.

TEST(RuleLists, Ddr4AtThreePointTwo) {
    const RuleSet rules = list("ddr4_3200");                                      // 0.625 ns
    EXPECT_EQ(bound(rules, "tRCDRD", Kind::ACT, Kind::RD, Scope::bank), 22);      // 13.75 ns
    EXPECT_EQ(bound(rules, "tRAS", Kind::ACT, Kind::PRE, Scope::bank), 52);       // 32 ns = 51.2
    EXPECT_EQ(bound(rules, "tRFCab", Kind::REFAB, Kind::ACT, Scope::rank), 560);  // 350 ns
    EXPECT_EQ(bound(rules, "tWTR_L", Kind::WR, Kind::RD, Scope::bank_group), 16 + 4 + 12);
    EXPECT_EQ(bound(rules, "tWR", Kind::WR, Kind::PRE, Scope::bank), 16 + 4 + 24);  // 15 ns
    EXPECT_EQ(bound(rules, "tCCD_L", Kind::RD, Kind::RD, Scope::bank_group), 8);    // 5 ns
    EXPECT_EQ(window(rules, "tFAW"), 34);                                           // 21 ns
}

TEST(RuleLists, Ddr3AtOnePointNine) {
    const RuleSet rules = list("ddr3_1866");                                  // 1.0714 ns
    EXPECT_EQ(bound(rules, "tRCDRD", Kind::ACT, Kind::RD, Scope::bank), 13);  // 13.91 ns
    EXPECT_EQ(bound(rules, "tRC", Kind::ACT, Kind::ACT, Scope::bank), 45);    // 47.91 = 44.7
    EXPECT_EQ(bound(rules, "tRRD_S", Kind::ACT, Kind::ACT, Scope::rank), 6);  // 6 ns = 5.6
    EXPECT_EQ(window(rules, "tFAW"), 33);                                     // 35 ns = 32.7
}

TEST(RuleLists, Ddr5CountsTwoTickCommandsTheWeakerWay) {
    const RuleSet rules = list("ddr5_4800");  // 0.41667 ns
    EXPECT_EQ(bound(rules, "tRCDRD", Kind::ACT, Kind::RD, Scope::bank), 34);
    EXPECT_EQ(bound(rules, "tRAS", Kind::ACT, Kind::PRE, Scope::bank), 77);           // 76.8
    EXPECT_EQ(bound(rules, "tRP", Kind::PRE, Kind::ACT, Scope::bank), 33);            // 34 less one
    EXPECT_EQ(bound(rules, "tCCD_L_WR", Kind::WR, Kind::WR, Scope::bank_group), 24);  // 10 ns
    EXPECT_EQ(bound(rules, "tRFCsb", Kind::REFSB, Kind::REFAB, Scope::rank), 312);    // 130 ns
}

TEST(RuleLists, Lpddr4CountsFromLastTicks) {
    const RuleSet rules = list("lpddr4_3200");  // 0.625 ns; ACT2 and PRE two ticks, RD four
    EXPECT_EQ(bound(rules, "tRAS", Kind::ACT2, Kind::PRE, Scope::bank), 68);   // 42 ns = 67.2
    EXPECT_EQ(bound(rules, "tRCDRD", Kind::ACT2, Kind::RD, Scope::bank), 27);  // 29 - 2
    EXPECT_EQ(bound(rules, "tRTP", Kind::RD, Kind::PRE, Scope::bank), 14);     // 12 + 2
    // WL + 1 + BL/2 + tWR = 14 + 1 + 8 + 29, and two for the lengths
    EXPECT_EQ(bound(rules, "tWR", Kind::WR, Kind::PRE, Scope::bank), 54);
    EXPECT_EQ(rules.read_to_write_gap, 6 + 2);  // 3.5 ns of tDQSCK, two of preamble
}

TEST(RuleLists, Lpddr5AtSixPointFour) {
    const RuleSet rules = list("lpddr5_6400");                                 // 1.25 ns
    EXPECT_EQ(bound(rules, "tRCDRD", Kind::ACT2, Kind::RD, Scope::bank), 15);  // 18 ns = 14.4
    EXPECT_EQ(bound(rules, "tRPab", Kind::PREA, Kind::ACT2, Scope::rank), 17);
    EXPECT_EQ(bound(rules, "tRTP", Kind::RD, Kind::PRE, Scope::bank), 6);
    EXPECT_EQ(bound(rules, "tWR", Kind::WR, Kind::PRE, Scope::bank), 9 + 2 + 1 + 28);
    EXPECT_EQ(bound(rules, "tRTW_L", Kind::RD, Kind::WR, Scope::bank_group), 17 + 4 + 2 - 9);
    EXPECT_EQ(bound(rules, "tRFCpb", Kind::REFPB, Kind::ACT2, Scope::pair), 96);
    EXPECT_EQ(window(rules, "tFAW"), 16);
    EXPECT_EQ(rules.second_part_max, 8);
    EXPECT_TRUE(rules.needs_wck);
}

TEST(RuleLists, HbmSplitsTheCommandBus) {
    const RuleSet rules = list("hbm3_6400");  // half clocks of 0.3125 ns
    EXPECT_EQ(rules.bus[static_cast<std::size_t>(Kind::ACT)], Bus::row);
    EXPECT_EQ(rules.bus[static_cast<std::size_t>(Kind::RD)], Bus::column);
    EXPECT_EQ(bound(rules, "tPB2ACT", Kind::REFSB, Kind::ACT, Scope::rank),
              26 - 2);  // 8 ns = 25.6; ACT is longer
    EXPECT_EQ(bound(rules, "tCCD_L", Kind::RD, Kind::RD, Scope::bank_group), 8);
    EXPECT_EQ(bound(list("hbm3e_8000"), "tCCD_L", Kind::RD, Kind::RD, Scope::bank_group), 10);
    EXPECT_EQ(rules.length[static_cast<std::size_t>(Kind::ACT)], 3);
    EXPECT_EQ(list("hbm2_2000").length[static_cast<std::size_t>(Kind::ACT)], 2);
}

std::string refusal(const std::string& text) {
    try {
        (void)parse_rules(text);
    } catch (const RuleError& error) {
        return error.what();
    }
    return "accepted";
}

TEST(RuleText, MistakesAreRefusedWithTheirLine) {
    const std::string head = "standard s\nsource t\nclock_ps 1000\n";
    EXPECT_EQ(refusal(head), "accepted");
    EXPECT_EQ(refusal("source t\nclock_ps 1\n"), "rules:0: no 'standard'");
    EXPECT_THAT(refusal("standard s\nclock_ps 1\n"), HasSubstr("no 'source'"));
    EXPECT_THAT(refusal("standard s\nsource t\n"), HasSubstr("no 'clock_ps'"));
    EXPECT_EQ(refusal(head + "hop 3\n"), "rules:4: no directive is called 'hop'");
    EXPECT_EQ(refusal(head + "rule a bank ACT -> FLY = 3\n"),
              "rules:4: no command is called 'FLY'");
    EXPECT_EQ(refusal(head + "rule a die ACT -> RD = 3\n"), "rules:4: no scope is called 'die'");
    EXPECT_EQ(refusal(head + "rule a bank ACT -> RD = tRCD\n"), "rules:4: 'tRCD' is not defined");
    EXPECT_EQ(refusal(head + "define x = 3 4\n"), "rules:4: '4' is left over");
    EXPECT_EQ(refusal(head + "define x = max(3, 4\n"), "rules:4: ')' expected");
    EXPECT_EQ(refusal(head + "define x = 3q\n"), "rules:4: '3q' is not a number");
    EXPECT_EQ(refusal(head + "banks x\n"), "rules:4: 'x' is not a number");
    EXPECT_THAT(refusal("define x = 3ns\n"), HasSubstr("'clock_ps' must come before"));
    EXPECT_THAT(refusal(head + "include nowhere.family\n"), HasSubstr("cannot be read"));
}

TEST(RuleText, QuantitiesAddAndCompare) {
    const RuleSet rules = parse_rules(
        "standard s\nsource t\nclock_ps 500\nread_latency 5\ndefine a = max(4, 7.4ns) + RL - 1\n"
        "write_latency (a + 2)\nburst min(a, 3)\n");
    EXPECT_EQ(rules.write_latency, 15 + 5 - 1 + 2);  // 7.4 ns are 14.8 ticks
    EXPECT_EQ(rules.burst, 3);
}

TEST(RuleText, HalfTicksScaleClocksAndTimes) {
    const RuleSet rules = parse_rules(
        "standard s\nsource t\nclock_ps 1000\nticks_per_clock 2\nread_latency 7\nburst 1.5\n"
        "write_latency 2.2ns\n");
    EXPECT_EQ(rules.read_latency, 14);
    EXPECT_EQ(rules.burst, 3);
    EXPECT_EQ(rules.write_latency, 5);  // 4.4 half ticks
}

}  // namespace
}  // namespace perfwatt::dram_checker

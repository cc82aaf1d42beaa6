// Every kind of rule: the tight case passes, a tick less is found, and nothing else is.

#include "tests/dram_checker/checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "tests/dram_checker/log_builder.h"

namespace perfwatt::dram_checker {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view kBase = R"(
standard test
source made up
clock_ps 1000
ranks 2
pseudo_channels 2
bank_groups 2
banks 4
read_latency 10
write_latency 6
burst 4
)";

RuleSet rules(const std::string& more) { return parse_rules(std::string(kBase) + more); }
LogBuilder log() { return LogBuilder(1000); }

TEST(Distance, TightPassesAndATickLessIsFound) {
    const RuleSet set = rules("rule tRCD bank ACT -> RD = 14ns\n");
    EXPECT_THAT(log().add(100, "ACT").add(114, "RD").broken(set), IsEmpty());
    EXPECT_THAT(log().add(100, "ACT").add(113, "RD").broken(set), ElementsAre("tRCD"));
}

TEST(Distance, TimesAreRoundedUpToTicks) {
    const RuleSet set = rules("rule tRCD bank ACT -> RD = 13.2ns\n");
    EXPECT_THAT(log().add(100, "ACT").add(114, "RD").broken(set), IsEmpty());
    EXPECT_THAT(log().add(100, "ACT").add(113, "RD").broken(set), ElementsAre("tRCD"));
}

TEST(Distance, BankRuleLeavesOtherBanksFree) {
    const RuleSet set = rules("rule tRC bank ACT -> ACT = 40\n");
    EXPECT_THAT(log().add(100, "ACT").add(101, "ACT", {.bank = 1}).broken(set), IsEmpty());
    EXPECT_THAT(log().add(100, "ACT").add(101, "ACT", {.bank_group = 1}).broken(set), IsEmpty());
}

TEST(Distance, BankGroupRuleHoldsInsideTheGroupOnly) {
    const RuleSet set = rules("rule tRRD_L bank_group ACT -> ACT = 6\n");
    EXPECT_THAT(log().add(100, "ACT").add(106, "ACT", {.bank = 1}).broken(set), IsEmpty());
    EXPECT_THAT(log().add(100, "ACT").add(105, "ACT", {.bank = 1}).broken(set),
                ElementsAre("tRRD_L"));
    EXPECT_THAT(log().add(100, "ACT").add(105, "ACT", {.bank_group = 1}).broken(set), IsEmpty());
}

TEST(Distance, RankRuleHoldsInsideTheRankOnly) {
    const RuleSet set = rules("rule tRRD_S rank ACT -> ACT = 4\n");
    EXPECT_THAT(log().add(100, "ACT").add(103, "ACT", {.bank_group = 1}).broken(set),
                ElementsAre("tRRD_S"));
    EXPECT_THAT(log().add(100, "ACT").add(104, "ACT", {.bank_group = 1}).broken(set), IsEmpty());
    EXPECT_THAT(log().add(100, "ACT").add(103, "ACT", {.rank = 1}).broken(set), IsEmpty());
    EXPECT_THAT(log().add(100, "ACT").add(103, "ACT", {.pseudo_channel = 1}).broken(set),
                IsEmpty());
}

TEST(Distance, OtherRankRuleHoldsBetweenRanksOnly) {
    const RuleSet set = rules("rule switch other_rank PRE -> PRE = 3\n");
    EXPECT_THAT(log().add(100, "PRE").add(102, "PRE", {.rank = 1}).broken(set),
                ElementsAre("switch"));
    EXPECT_THAT(log().add(100, "PRE").add(103, "PRE", {.rank = 1}).broken(set), IsEmpty());
    EXPECT_THAT(log().add(100, "PRE").add(102, "PRE", {.bank = 1}).broken(set), IsEmpty());
}

TEST(Distance, PseudoChannelAndChannelRules) {
    const RuleSet pseudo = rules("rule p pseudo_channel PRE -> PRE = 3\n");
    EXPECT_THAT(log().add(9, "PRE").add(11, "PRE", {.rank = 1}).broken(pseudo), ElementsAre("p"));
    EXPECT_THAT(log().add(9, "PRE").add(12, "PRE", {.rank = 1}).broken(pseudo), IsEmpty());
    EXPECT_THAT(log().add(9, "PRE").add(11, "PRE", {.pseudo_channel = 1}).broken(pseudo),
                IsEmpty());
    const RuleSet channel = rules("rule c channel PRE -> PRE = 3\n");
    EXPECT_THAT(log().add(9, "PRE").add(11, "PRE", {.pseudo_channel = 1}).broken(channel),
                ElementsAre("c"));
    EXPECT_THAT(log().add(9, "PRE").add(12, "PRE", {.pseudo_channel = 1}).broken(channel),
                IsEmpty());
    EXPECT_THAT(log().add(9, "PRE").add(11, "PRE", {.channel = 1}).broken(channel), IsEmpty());
}

TEST(Distance, SameBankNumberAndPairRules) {
    const RuleSet same = rules("rule s same_bank PRE -> PRE = 5\n");
    EXPECT_THAT(log().add(9, "PRE").add(13, "PRE", {.bank_group = 1}).broken(same),
                ElementsAre("s"));
    EXPECT_THAT(log().add(9, "PRE").add(14, "PRE", {.bank_group = 1}).broken(same), IsEmpty());
    EXPECT_THAT(log().add(9, "PRE").add(13, "PRE", {.bank = 1}).broken(same), IsEmpty());
    const RuleSet pair = rules("rule p pair PRE -> PRE = 5\n");  // banks 0 and 4 of eight
    EXPECT_THAT(log().add(9, "PRE").add(13, "PRE", {.bank_group = 1}).broken(pair),
                ElementsAre("p"));
    EXPECT_THAT(log().add(9, "PRE").add(14, "PRE", {.bank_group = 1}).broken(pair), IsEmpty());
    EXPECT_THAT(log().add(9, "PRE").add(13, "PRE", {.bank = 1, .bank_group = 1}).broken(pair),
                IsEmpty());
}

TEST(Distance, LongCommandsCountFromTheTickTheListSays) {
    const std::string text = "length ACT = 4\nlength PRE = 2\nrule tRAS bank ACT -> PRE = 20\n";
    const RuleSet first = rules("reference first\n" + text);
    const RuleSet last = rules("reference last\n" + text);
    EXPECT_THAT(log().add(10, "ACT").add(30, "PRE").broken(first), IsEmpty());
    EXPECT_THAT(log().add(10, "ACT").add(29, "PRE").broken(first), ElementsAre("tRAS"));
    EXPECT_THAT(log().add(10, "ACT").add(32, "PRE").broken(last), IsEmpty());
    EXPECT_THAT(log().add(10, "ACT").add(31, "PRE").broken(last), ElementsAre("tRAS"));
    const RuleSet weak = rules("reference weakest\n" + text + "rule tRP bank PRE -> ACT = 9\n");
    EXPECT_THAT(log().add(10, "ACT").add(30, "PRE").add(37, "ACT").broken(weak), IsEmpty());
    EXPECT_THAT(log().add(10, "ACT").add(30, "PRE").add(36, "ACT").broken(weak),
                ElementsAre("tRP"));
}

TEST(Window, FifthActivateWaitsForTheFirst) {
    const RuleSet set = rules("reference first\nwindow tFAW rank 4 ACT = 20\n");
    const auto five = [](long fifth) {
        return log()
            .add(100, "ACT", {.bank = 0})
            .add(104, "ACT", {.bank = 1})
            .add(108, "ACT", {.bank = 2})
            .add(112, "ACT", {.bank = 3})
            .add(fifth, "ACT", {.bank_group = 1});
    };
    EXPECT_THAT(five(120).broken(set), IsEmpty());
    EXPECT_THAT(five(119).broken(set), ElementsAre("tFAW"));
}

TEST(Window, OfTwoPartActivatesCountsEitherPart) {
    const RuleSet set =
        rules("reference weakest\nsecond_part 1 .. 8\nwindow tFAW rank 1 ACT2 = 20\n");
    const auto two = [](long first, long second) {
        return log()
            .add(100, "ACT1")
            .add(105, "ACT2")
            .add(first, "ACT1", {.bank = 1})
            .add(second, "ACT2", {.bank = 1});
    };
    EXPECT_THAT(two(120, 121).broken(set), IsEmpty());  // first parts 20 apart
    EXPECT_THAT(two(119, 125).broken(set), IsEmpty());  // second parts 20 apart
    EXPECT_THAT(two(119, 124).broken(set), ElementsAre("tFAW"));
}

TEST(BankState, ActivateNeedsAClosedBank) {
    const RuleSet set = rules("");
    EXPECT_THAT(log().add(1, "ACT").add(2, "PRE").add(3, "ACT").broken(set), IsEmpty());
    EXPECT_THAT(log().add(1, "ACT").add(3, "ACT").broken(set), ElementsAre("bank_open"));
    EXPECT_THAT(log().add(1, "ACT").add(2, "PREA").add(3, "ACT").broken(set), IsEmpty());
    EXPECT_THAT(log().add(1, "ACT").add(2, "RDA").add(3, "ACT").broken(set), IsEmpty());
}

TEST(BankState, ReadsAndWritesNeedTheirRowOpen) {
    const RuleSet set = rules("");
    EXPECT_THAT(log().add(1, "RD").broken(set), ElementsAre("bank_closed"));
    EXPECT_THAT(log().add(1, "ACT", {.row = 3}).add(2, "WR", {.row = 3}).broken(set), IsEmpty());
    EXPECT_THAT(log().add(1, "ACT", {.row = 3}).add(2, "WR", {.row = 4}).broken(set),
                ElementsAre("wrong_row"));
    EXPECT_THAT(log().add(1, "ACT").add(2, "WRA").add(20, "WR").broken(set),
                ElementsAre("bank_closed"));
}

TEST(BankState, RefreshNeedsItsBanksClosed) {
    const RuleSet set = rules("refresh REFPB 1/8 bank\nrefresh REFSB 1/4 same_bank\n");
    EXPECT_THAT(log().add(1, "ACT").add(9, "REFAB", {.bank = -1}).broken(set),
                ElementsAre("refresh_open"));
    EXPECT_THAT(log().add(1, "ACT").add(5, "PRE").add(9, "REFAB", {.bank = -1}).broken(set),
                IsEmpty());
    EXPECT_THAT(log().add(1, "ACT").add(9, "REFAB", {.bank = -1, .rank = 1}).broken(set),
                IsEmpty());
    EXPECT_THAT(log().add(1, "ACT").add(9, "REFPB").broken(set), ElementsAre("refresh_open"));
    EXPECT_THAT(log().add(1, "ACT").add(9, "REFPB", {.bank = 1}).broken(set), IsEmpty());
    EXPECT_THAT(log().add(1, "ACT", {.bank_group = 1}).add(9, "REFSB").broken(set),
                ElementsAre("refresh_open"));
    EXPECT_THAT(log().add(1, "ACT", {.bank_group = 1}).add(9, "REFSB", {.bank = 2}).broken(set),
                IsEmpty());
}

TEST(BankState, PairRefreshNeedsBothBanksClosed) {
    const RuleSet set = rules("refresh REFPB 1/4 pair\n");
    EXPECT_THAT(log().add(1, "ACT", {.bank_group = 1}).add(9, "REFPB").broken(set),
                ElementsAre("refresh_open"));
    EXPECT_THAT(log().add(1, "ACT", {.bank = 1, .bank_group = 1}).add(9, "REFPB").broken(set),
                IsEmpty());
}

TEST(BankState, ARowStaysOpenNoLongerThanItsLimit) {
    const RuleSet set = rules("row_open_limit 50\n");
    EXPECT_THAT(log().add(1, "ACT").add(51, "PRE").broken(set), IsEmpty());
    EXPECT_THAT(log().add(1, "ACT").add(52, "PRE").broken(set), ElementsAre("row_open_limit"));
}

TEST(DataBus, BurstsOfOneDirectionFollowWithoutAGap) {
    const RuleSet set = rules("");
    EXPECT_THAT(log().add(1, "ACT").add(10, "RD").add(14, "RD").broken(set), IsEmpty());
    EXPECT_THAT(log().add(1, "ACT").add(10, "RD").add(13, "RD").broken(set),
                ElementsAre("data_bus"));
}

TEST(DataBus, ReadToWriteFollowsFromLatenciesAndGap) {
    const RuleSet set = rules("read_to_write_gap 2\n");  // 10 + 4 + 2 - 6 = 10
    EXPECT_THAT(log().add(1, "ACT").add(10, "RD").add(20, "WR").broken(set), IsEmpty());
    EXPECT_THAT(log().add(1, "ACT").add(10, "RD").add(19, "WR").broken(set),
                ElementsAre("turnaround"));
    EXPECT_THAT(log().add(1, "ACT").add(10, "RD").add(17, "WR").broken(set),
                ElementsAre("data_bus"));
}

TEST(DataBus, WriteToReadKeepsItsGap) {
    const RuleSet set = rules("write_to_read_gap 1\n");  // 6 + 4 + 1 - 10 = 1
    EXPECT_THAT(log().add(1, "ACT").add(10, "WR").add(11, "RD").broken(set), IsEmpty());
    EXPECT_THAT(log().add(1, "ACT").add(10, "WR").add(10, "RD").broken(set),
                Contains("turnaround"));
}

TEST(DataBus, RanksNeedAGapPseudoChannelsHaveTheirOwnBus) {
    const RuleSet set = rules("rank_gap 2\n");
    const At other = {.rank = 1};
    const auto two = [&](long second) {
        return log().add(1, "ACT").add(2, "ACT", other).add(10, "RD").add(second, "RD", other);
    };
    EXPECT_THAT(two(16).broken(set), IsEmpty());
    EXPECT_THAT(two(15).broken(set), ElementsAre("turnaround"));
    const RuleSet writes = rules("rank_gap 2\nwrite_rank_gap 1\n");
    const auto written = [&](long second) {
        return log().add(1, "ACT").add(2, "ACT", other).add(10, "WR").add(second, "WR", other);
    };
    EXPECT_THAT(written(15).broken(writes), IsEmpty());
    EXPECT_THAT(written(14).broken(writes), ElementsAre("turnaround"));
    const At pseudo = {.pseudo_channel = 1};
    EXPECT_THAT(
        log().add(1, "ACT").add(2, "ACT", pseudo).add(10, "RD").add(11, "RD", pseudo).broken(set),
        IsEmpty());
}

TEST(CommandBus, ACommandHoldsItForItsLength) {
    const RuleSet set = rules("length ACT = 2\n");
    EXPECT_THAT(log().add(1, "ACT").add(3, "PRE", {.bank = 1}).broken(set), IsEmpty());
    EXPECT_THAT(log().add(1, "ACT").add(2, "PRE", {.bank = 1}).broken(set),
                ElementsAre("command_bus"));
    EXPECT_THAT(log().add(1, "ACT").add(2, "PRE", {.rank = 1}).broken(set),
                ElementsAre("command_bus"));
    EXPECT_THAT(log().add(1, "ACT").add(2, "PRE", {.channel = 1}).broken(set), IsEmpty());
}

TEST(CommandBus, RowAndColumnBusesAreSeparate) {
    const RuleSet set = rules("row_bus ACT,PRE\ncolumn_bus RD,WR\nlength ACT = 2\n");
    EXPECT_THAT(log().add(1, "ACT").add(9, "RD").add(9, "ACT", {.bank = 1}).broken(set), IsEmpty());
    EXPECT_THAT(log().add(1, "ACT").add(2, "ACT", {.bank = 1}).broken(set), ElementsAre("row_bus"));
    EXPECT_THAT(log()
                    .add(1, "ACT")
                    .add(3, "ACT", {.pseudo_channel = 1})
                    .add(9, "RD")
                    .add(9, "RD", {.pseudo_channel = 1})
                    .broken(set),
                ElementsAre("column_bus"));
    const RuleSet own = rules("bus_per pseudo_channel\n");
    EXPECT_THAT(log().add(1, "ACT").add(1, "ACT", {.pseudo_channel = 1}).broken(own), IsEmpty());
}

TEST(CommandBus, SomeCommandsNeedNone) {
    const RuleSet set = rules("no_bus PDE\n");
    EXPECT_THAT(log().add(1, "PRE").add(1, "PDE", {.bank = -1}).broken(set), IsEmpty());
}

TEST(Refresh, MayBePostponedAsOftenAsTheListSays) {
    const RuleSet set = rules("refresh_interval_ns 1000\npostpone 8\npull_in 8\nrefresh REFAB 1\n");
    const At all = {.bank = -1};
    EXPECT_THAT(log().add(1, "PRE").add(9000, "REFAB", all).broken(set), IsEmpty());
    EXPECT_THAT(log().add(1, "PRE").add(9001, "REFAB", all).broken(set),
                ElementsAre("refresh_interval"));
    // After nine were owed and one was done, the tenth falls due a thousand ticks later.
    EXPECT_THAT(log().add(1, "PRE").add(9000, "REFAB", all).add(10001, "REFAB", all).broken(set),
                ElementsAre("refresh_interval"));
}

TEST(Refresh, IsOwedAtTheEndOfTheLogToo) {
    const RuleSet set = rules("refresh_interval_ns 1000\npostpone 0\nrefresh REFAB 1\n");
    EXPECT_THAT(log().add(1, "PRE").add(2, "REFAB", {.bank = -1}).add(900, "PRE").broken(set),
                IsEmpty());
    EXPECT_THAT(log().add(1, "PRE").add(5000, "PRE", {.rank = 1}).broken(set),
                ElementsAre("refresh_interval", "refresh_interval"));
}

TEST(Refresh, DoneAheadCountsOnlyUpToTheLimit) {
    const RuleSet set = rules("refresh_interval_ns 1000\npostpone 0\npull_in 2\nrefresh REFAB 1\n");
    const At all = {.bank = -1};
    auto ahead = log();
    for (long i = 1; i <= 6; ++i) ahead.add(i, "REFAB", all);  // six, of which two count
    EXPECT_THAT(LogBuilder(ahead).add(3006, "PRE").broken(set), IsEmpty());
    EXPECT_THAT(LogBuilder(ahead).add(3010, "PRE").broken(set), ElementsAre("refresh_interval"));
}

TEST(Refresh, OfSingleBanksCountsItsShare) {
    const RuleSet set =
        rules("refresh_interval_ns 800\npostpone 0\npull_in 1\nrefresh REFPB 1/8 bank\n");
    auto even = log();
    for (int i = 0; i < 32; ++i) {
        even.add(100L * (i + 1), "REFPB", {.bank = i % 4, .bank_group = (i / 4) % 2});
    }
    EXPECT_THAT(even.broken(set), IsEmpty());
    auto slow = log();
    for (int i = 0; i < 32; ++i) {
        slow.add(150L * (i + 1), "REFPB", {.bank = i % 4, .bank_group = (i / 4) % 2});
    }
    EXPECT_THAT(slow.broken(set), Contains("refresh_interval"));
}

TEST(Refresh, NoBankTwiceBeforeAllOthers) {
    const RuleSet set = rules("refresh_interval_ns 1000000\nrefresh REFPB 1/8 bank\n");
    EXPECT_THAT(log().add(1, "REFPB").add(2, "REFPB", {.bank = 1}).broken(set), IsEmpty());
    EXPECT_THAT(log().add(1, "REFPB").add(2, "REFPB").broken(set), ElementsAre("refresh_round"));
    // Leaving self-refresh sets the count of banks back.
    EXPECT_THAT(log().add(1, "REFPB").add(2, "SRE").add(3, "SRX").add(4, "REFPB").broken(set),
                IsEmpty());
    auto round = log();
    for (int i = 0; i < 9; ++i) {
        round.add(i + 1, "REFPB", {.bank = i % 4, .bank_group = (i / 4) % 2});
    }
    EXPECT_THAT(round.broken(set), IsEmpty());
}

// The fourth activate of a bank is one too many, unless a refresh or management came between.
TEST(RefreshManagement, ABankIsNotActivatedTooOftenWithoutIt) {
    const RuleSet set = rules("refresh_management 3 1 3\nrefresh RFMSB 0 same_bank\n");
    const auto activates = [](int before, std::string_view between, int after, At at = {}) {
        auto made = log();
        long tick = 0;
        const auto activate = [&] {
            made.add(++tick, "ACT");
            made.add(++tick, "PRE");
        };
        for (int i = 0; i < before; ++i) activate();
        if (!between.empty()) made.add(++tick, between, at);
        for (int i = 0; i < after; ++i) activate();
        return made;
    };
    EXPECT_THAT(activates(3, "", 0).broken(set), IsEmpty());
    EXPECT_THAT(activates(4, "", 0).broken(set), ElementsAre("activate_count"));
    EXPECT_THAT(activates(3, "REFAB", 1, {.bank = -1}).broken(set), IsEmpty());
    EXPECT_THAT(activates(3, "REFAB", 2, {.bank = -1}).broken(set), ElementsAre("activate_count"));
    EXPECT_THAT(activates(3, "RFMAB", 3, {.bank = -1}).broken(set), IsEmpty());
    EXPECT_THAT(activates(3, "RFMAB", 4, {.bank = -1}).broken(set), ElementsAre("activate_count"));
    // By number it reaches the bank of that number in every group, and no other.
    EXPECT_THAT(activates(3, "RFMSB", 3, {.bank_group = 1}).broken(set), IsEmpty());
    EXPECT_THAT(activates(3, "RFMSB", 1, {.bank = 1}).broken(set), ElementsAre("activate_count"));
    EXPECT_THAT(log().add(1, "ACT").add(2, "RFMPB").broken(set), ElementsAre("refresh_open"));
}

TEST(HotRefresh, IsAskedForAboveEachStep) {
    RuleSet set = rules("refresh_interval_ns 1000\nhot 85 2\nhot 95 4\n");
    set.at_celsius(85);
    EXPECT_EQ(set.refresh_interval_ps, 1'000'000);
    set.at_celsius(90);
    EXPECT_EQ(set.refresh_interval_ps, 500'000);
    set = rules("refresh_interval_ns 1000\nhot 85 2\nhot 95 4\n");
    set.at_celsius(105);
    EXPECT_EQ(set.refresh_interval_ps, 250'000);
}

TEST(PowerDown, NothingButItsExitIsHeard) {
    const RuleSet set = rules("rule tXP rank PDX -> ACT = 6\nrule tPD rank PDE -> PDX = 5\n");
    const At all = {.bank = -1};
    EXPECT_THAT(log().add(1, "PDE", all).add(6, "PDX", all).add(12, "ACT").broken(set), IsEmpty());
    EXPECT_THAT(log().add(1, "PDE", all).add(6, "PDX", all).add(11, "ACT").broken(set),
                ElementsAre("tXP"));
    EXPECT_THAT(log().add(1, "PDE", all).add(5, "PDX", all).broken(set), ElementsAre("tPD"));
    EXPECT_THAT(log().add(1, "PDE", all).add(30, "ACT").broken(set), ElementsAre("power_down"));
    EXPECT_THAT(log().add(1, "PDE", all).add(30, "ACT", {.rank = 1}).broken(set), IsEmpty());
    EXPECT_THAT(log().add(1, "PDX", all).broken(set), ElementsAre("power_down"));
}

TEST(SelfRefresh, NeedsClosedBanksAndRefreshesItself) {
    const RuleSet set = rules(
        "refresh_interval_ns 1000\npostpone 0\nrefresh REFAB 1\nrule tXS rank SRX -> ACT = 30\n");
    const At all = {.bank = -1};
    EXPECT_THAT(log().add(10, "SRE", all).add(900000, "SRX", all).add(900030, "ACT").broken(set),
                IsEmpty());
    EXPECT_THAT(log().add(10, "SRE", all).add(900000, "SRX", all).add(900029, "ACT").broken(set),
                ElementsAre("tXS"));
    EXPECT_THAT(log().add(1, "ACT").add(10, "SRE", all).broken(set), ElementsAre("refresh_open"));
    EXPECT_THAT(log().add(10, "SRE", all).add(20, "PRE").broken(set), ElementsAre("power_down"));
    EXPECT_THAT(log().add(10, "SRX", all).broken(set), ElementsAre("power_down"));
}

TEST(TwoPartActivate, SecondPartComesInItsTime) {
    const RuleSet set = rules("second_part 2 .. 8\n");
    EXPECT_THAT(log().add(1, "ACT1").add(9, "ACT2").add(10, "RD").broken(set), IsEmpty());
    EXPECT_THAT(log().add(1, "ACT1").add(10, "ACT2").broken(set), ElementsAre("second_part"));
    EXPECT_THAT(log().add(1, "ACT1").add(3, "ACT2").broken(set), IsEmpty());
    EXPECT_THAT(log().add(1, "ACT1").add(2, "ACT2").broken(set), ElementsAre("second_part"));
    EXPECT_THAT(log().add(1, "ACT2").broken(set), ElementsAre("second_part"));
    EXPECT_THAT(log().add(1, "ACT1").add(4, "ACT2", {.bank = 1}).broken(set),
                ElementsAre("second_part"));
    EXPECT_THAT(log().add(1, "ACT1").add(4, "ACT2", {.row = 8}).broken(set),
                ElementsAre("second_part"));
    EXPECT_THAT(log().add(1, "ACT1").add(2, "ACT1", {.bank = 1}).broken(set),
                ElementsAre("second_part"));
    EXPECT_THAT(log().add(1, "ACT1").add(2, "RD").broken(set), ElementsAre("bank_closed"));
}

TEST(Wck, MustBeSynchronisedAndStillToggle) {
    const RuleSet set = rules("wck 20, 15\n");
    const At all = {.bank = -1};
    EXPECT_THAT(log().add(1, "ACT").add(9, "CAS_RD", all).add(10, "RD").broken(set), IsEmpty());
    EXPECT_THAT(log().add(1, "ACT").add(10, "RD").broken(set), ElementsAre("wck"));
    EXPECT_THAT(log().add(1, "ACT").add(9, "CAS_WR", all).add(10, "RD").broken(set),
                ElementsAre("wck"));
    const auto pause = [&](long second) {
        return log().add(1, "ACT").add(9, "CAS_RD", all).add(10, "RD").add(second, "RD");
    };
    EXPECT_THAT(pause(30).broken(set), IsEmpty());
    EXPECT_THAT(pause(31).broken(set), ElementsAre("wck"));
    const auto written = [&](long second) {
        return log().add(1, "ACT").add(9, "CAS_WR", all).add(10, "WR").add(second, "WR");
    };
    EXPECT_THAT(written(25).broken(set), IsEmpty());
    EXPECT_THAT(written(26).broken(set), ElementsAre("wck"));
}

TEST(Log, OrderClockPlacesAndFormAreChecked) {
    const RuleSet set = rules("");
    EXPECT_THAT(log().add(5, "PRE").add(4, "PRE", {.bank = 1}).broken(set), Contains("order"));
    EXPECT_THAT(log().add(5, "PRE").add(4, "PRE", {.channel = 1}).broken(set), IsEmpty());
    EXPECT_THAT(LogBuilder(1100).add(500, "PRE").broken(set), ElementsAre("clock"));
    EXPECT_THAT(LogBuilder(1001).add(500, "PRE").broken(set), IsEmpty());
    EXPECT_THAT(log().add(1, "PRE", {.bank = 4}).broken(set), ElementsAre("place"));
    EXPECT_THAT(log().add(1, "PRE", {.bank_group = 2}).broken(set), ElementsAre("place"));
    EXPECT_THAT(log().add(1, "PRE", {.rank = 2}).broken(set), ElementsAre("place"));
    EXPECT_THAT(log().add(1, "PRE", {.pseudo_channel = 2}).broken(set), ElementsAre("place"));
    EXPECT_THAT(log().raw("1000,1,HOP,0,0,0,0,0,0,0").broken(set), ElementsAre("format"));
    EXPECT_THAT(log().raw("1000,1,PRE,0,0,0,0").broken(set), ElementsAre("format"));
    EXPECT_THAT(log().raw("1000,x,PRE,0,0,0,0,0,0,0").broken(set), ElementsAre("format"));
    EXPECT_THAT(log().raw("1000,1,PREA,0,,0,,,,").broken(set), IsEmpty());
    std::istringstream headless("1000,1,PRE,0,0,0,0,0,0,0\n");
    EXPECT_THAT(check(headless, set).at(0).rule, "format");
}

TEST(Log, AViolationNamesItsLineAndWhy) {
    const RuleSet set = rules("rule tRCD bank ACT -> RD = 14\n");
    std::istringstream stream(log().add(100, "ACT").add(113, "RD").text());
    const auto found = check(stream, set);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].line, 3);
    EXPECT_EQ(found[0].details, "RD at tick 113 is 13 ticks after ACT at tick 100, not 14");
}

TEST(Log, MoreViolationsThanKeptAreCounted) {
    const RuleSet set = rules("");
    Checker checker(set, 2);
    for (int i = 0; i < 5; ++i) {
        checker.command({.time_ps = 20000L * (i + 1), .tick = 20L * (i + 1), .kind = Kind::RD},
                        i + 2);
    }
    EXPECT_EQ(checker.violations().size(), 2u);
    EXPECT_EQ(checker.violation_count(), 5);
    EXPECT_EQ(checker.command_count(), 5);
}

}  // namespace
}  // namespace perfwatt::dram_checker

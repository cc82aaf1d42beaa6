#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/dram/dram_schema.h"

namespace perfwatt::dram {
namespace {

DramSpec ddr4() {
    DramSpec spec = load_spec(ConfigPath({PERFWATT_SOURCE_DIR}), "ddr4_3200").spec;
    spec.name = "m";
    return spec;
}

std::vector<std::string> messages(const DramSpec& spec) {
    std::vector<std::string> texts;
    for (const Diagnostic& diagnostic : lint(spec)) {
        texts.push_back((diagnostic.severity == Severity::error ? "error: " : "warning: ") +
                        diagnostic.message);
    }
    return texts;
}

void set(DramSpec& spec, const std::string& name, std::int64_t clocks) {
    for (TimingParameter& parameter : spec.timing) {
        if (parameter.name == name) parameter.span = {.time = Time::zero(), .clocks = clocks};
    }
}

TEST(Lint, IsContentWithAShippedStandard) { EXPECT_THAT(messages(ddr4()), ::testing::IsEmpty()); }

TEST(Lint, FindsABurstThatDoesNotFitTheRate) {
    DramSpec spec = ddr4();
    spec.transfers_per_second = 1'600'000'000;
    EXPECT_THAT(messages(spec),
                ::testing::Contains("error: memory 'm': a burst of 8 beats takes 8.00 ticks at "
                                    "1600 MT/s, but tBL is 4"));
}

TEST(Lint, FindsColumnsCloserThanABurst) {
    DramSpec spec = ddr4();
    set(spec, "tCCD_S", 3);
    EXPECT_THAT(
        messages(spec),
        ::testing::Contains("error: memory 'm': RD may follow RD after 3 ticks, but a burst "
                            "holds the pins for 4"));
    set(spec, "tCCD_S", 8);
    EXPECT_THAT(messages(spec),
                ::testing::Contains("warning: memory 'm': RD follows RD after 8 ticks, longer than "
                                    "a burst of 4: streams reach 50 % of the peak"));
}

TEST(Lint, FindsSumsThatDoNotFit) {
    DramSpec spec = ddr4();
    set(spec, "tRC", 60);
    EXPECT_THAT(messages(spec),
                ::testing::ElementsAre(
                    "warning: memory 'm': tRC is 37.50 ns, but tRAS + tRP are 46.25 ns"));
}

TEST(Lint, FindsARefreshThatTakesTheTime) {
    DramSpec spec = ddr4();
    set(spec, "tREFI", 1000);
    EXPECT_THAT(messages(spec),
                ::testing::ElementsAre("error: memory 'm': refresh takes 56 % of the time"));
}

TEST(Lint, FindsRanksWithoutAGapBetweenThem) {
    DramSpec spec = ddr4();
    spec.organization.ranks = 2;
    spec.address_mapping = "rank|" + spec.address_mapping;
    EXPECT_THAT(messages(spec), ::testing::IsEmpty());
    std::erase_if(spec.constraints, [](const Constraint& c) {
        return c.sibling && c.from.front() == Command::read && c.to.front() == Command::write;
    });
    EXPECT_THAT(messages(spec),
                ::testing::ElementsAre(
                    "error: memory 'm': 2 ranks need a constraint from RD to WR of another rank"));
}

TEST(Lint, FindsBanksRefreshedTooSeldom) {
    DramSpec spec = load_spec(ConfigPath({PERFWATT_SOURCE_DIR}), "lpddr5_6400").spec;
    spec.name = "m";
    spec.refresh = {.mode = RefreshMode::per_bank, .banks_at_once = 2};
    EXPECT_THAT(messages(spec), ::testing::IsEmpty());
    spec.refresh.banks_at_once = 1;
    EXPECT_THAT(messages(spec),
                ::testing::ElementsAre(
                    "warning: memory 'm': a bank is refreshed every 7800 ns, not every 3906 ns"));
}

TEST(Lint, FindsAStreamThatStaysInOneBankGroup) {
    DramSpec spec = ddr4();
    spec.address_mapping = "row|bank|bank_group|column";
    EXPECT_THAT(messages(spec),
                ::testing::ElementsAre("warning: memory 'm': neighbouring bursts stay in one bank "
                                       "group (63 of 63), where reads are 8 ticks apart: a stream "
                                       "reaches 50 % of the peak"));
}

TEST(Lint, FindsMissingRulesAndUnknownTerms) {
    DramSpec spec = ddr4();
    std::erase_if(spec.constraints, [](const Constraint& constraint) {
        return constraint.from == std::vector<Command>{Command::precharge} &&
               constraint.level == Level::bank;
    });
    EXPECT_THAT(messages(spec),
                ::testing::ElementsAre("error: memory 'm': no constraint from PRE to ACT"));
    spec = ddr4();
    spec.constraints[0].wait = "tCDC_S + 1";
    EXPECT_THAT(messages(spec), ::testing::ElementsAre("error: memory 'm' has no timing 'tCDC_S'"));
}

TEST(Facts, GiveTheFiguresOfAChannel) {
    const auto all = facts(ddr4());
    EXPECT_THAT(all, ::testing::Contains(std::make_pair(std::string("peak bandwidth"),
                                                        std::string("25.60 GB/s a channel"))));
    EXPECT_THAT(all,
                ::testing::Contains(std::make_pair(std::string("row"), std::string("8192 B"))));
    EXPECT_THAT(all, ::testing::Contains(std::make_pair(
                         std::string("refresh"), std::string("350.00 ns every 7800.00 ns, 4.5 % "
                                                             "of the time"))));
}

}  // namespace
}  // namespace perfwatt::dram

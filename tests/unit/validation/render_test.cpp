#include "sim/validation/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/validation/statistics.h"

namespace perfwatt {
namespace {

using testing::HasSubstr;
using testing::Not;

SuiteOutcome outcome() {
    Figure good{.subject = "chip_a", .topic = "net <1>", .name = "latency_ms", .low = 2, .high = 2};
    good.ours = 2.1;
    good.judged = false;
    good.group = "B";
    good.role = "test";
    good.source = "hand";
    good.seconds = 0.002;
    good.our_seconds = 0.0021;
    judge(good);
    Figure exact{.subject = "chip_b", .topic = "gemm", .name = "cycles", .low = 7, .high = 7};
    exact.ours = 8;
    judge(exact);
    Figure skipped{.subject = "chip_c", .topic = "net", .name = "latency_ms", .low = 1, .high = 1};
    skipped.skipped = true;
    skipped.note = "there is no chip 'chip_c'";
    return {"hand", {good, exact, skipped}, {{.group = "B", .statistic = "rank", .limit = 1}}};
}

TEST(Render, TableNamesVerdictsReasonsAndTheSum) {
    const std::string text = render_outcomes({outcome()}, {});
    EXPECT_THAT(text, HasSubstr("missed"));
    EXPECT_THAT(text, HasSubstr("- 1: there is no chip 'chip_c'"));
    EXPECT_THAT(text, HasSubstr("hand: 0 of 1 figures within tolerance; 1 of 1 targets met; "
                                "failed"));
    EXPECT_THAT(text, Not(HasSubstr("mJ"))) << "columns that say nothing are left out";
}

TEST(Render, SkippedFiguresHaveNoOursInJsonAndCsv) {
    const std::string json = render_outcomes({outcome()}, {.format = ReportFormat::json});
    EXPECT_THAT(json, HasSubstr("\"verdict\": \"skipped\""));
    EXPECT_THAT(json, HasSubstr("\"ratio\": 1.05"));
    EXPECT_THAT(json, HasSubstr("\"skipped\": 1"));
    const std::string csv = render_outcomes({outcome()}, {.format = ReportFormat::csv});
    EXPECT_THAT(csv, HasSubstr("hand,chip_c,net,latency_ms,1,1,,,"));
}

TEST(Render, PageDrawsTimesOnlyAndEscapesNames) {
    const std::string page = outcomes_page({outcome()});
    EXPECT_THAT(page, HasSubstr("net &lt;1&gt; latency_ms: 2 measured, 2.1 simulated"));
    EXPECT_THAT(page, Not(HasSubstr("gemm cycles: 7")));
    EXPECT_THAT(page, HasSubstr("<svg"));
}

}  // namespace
}  // namespace perfwatt

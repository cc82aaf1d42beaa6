#include "sim/validation/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace perfwatt {
namespace {

Figure timed(const char* group, double seconds, double ours, const char* role = "") {
    Figure figure{.subject = "chip", .low = seconds, .high = seconds, .ours = ours};
    figure.judged = false;
    figure.group = group;
    figure.role = role;
    figure.seconds = seconds;
    figure.our_seconds = ours;
    judge(figure);
    return figure;
}

TEST(Statistics, ErrorIsBeyondTheNearerEndOfARange) {
    EXPECT_EQ(error_percent(15, 10, 20), 0);
    EXPECT_DOUBLE_EQ(error_percent(9, 10, 20), -10);
    EXPECT_DOUBLE_EQ(error_percent(25, 10, 20), 25);
    EXPECT_DOUBLE_EQ(error_percent(1, 0, 0), 100);
    EXPECT_EQ(error_percent(0, 0, 0), 0);
}

TEST(Statistics, MedianOfEvenlyManyIsTheMeanOfTheMiddleTwo) {
    EXPECT_EQ(median({}), 0);
    EXPECT_EQ(median({3, 1, 2}), 2);
    EXPECT_EQ(median({4, 1, 3, 2}), 2.5);
}

TEST(Statistics, RankCorrelationByHand) {
    EXPECT_DOUBLE_EQ(rank_correlation({1, 2, 3}, {10, 100, 1000}), 1);
    EXPECT_DOUBLE_EQ(rank_correlation({1, 2, 3}, {3, 2, 1}), -1);
    // Differences of rank 0, 1, 1, 0: 1 - 6 * 2 / (4 * 15) = 0.8.
    EXPECT_DOUBLE_EQ(rank_correlation({1, 2, 3, 4}, {1, 3, 2, 4}), 0.8);
    // Ties share the mean rank 1.5: covariance 1.5, spreads 1.5 and 2.
    EXPECT_NEAR(rank_correlation({1, 1, 2}, {1, 2, 3}), 1.5 / std::sqrt(1.5 * 2.0), 1e-12);
    EXPECT_EQ(rank_correlation({1, 1, 1}, {1, 2, 3}), 0);
}

TEST(Statistics, FigureOfZeroToleranceMustBeExact) {
    Figure figure{.low = 100, .high = 100, .ours = 101};
    judge(figure);
    EXPECT_FALSE(figure.passed);
    figure.tolerance_percent = 1;
    judge(figure);
    EXPECT_TRUE(figure.passed);
}

TEST(Statistics, SummaryLeavesOutSkippedAndKeepsTheSignAsBias) {
    std::vector<Figure> figures = {timed("A", 1, 0.9), timed("A", 2, 1.6), timed("A", 4, 4.4),
                                   timed("B", 8, 8)};
    figures.push_back(timed("A", 5, 0));
    figures.back().skipped = true;
    const Summary a =
        summarise(figures, "A", [](const Figure& figure) { return figure.group == "A"; });
    EXPECT_EQ(a.figures, 3);
    EXPECT_EQ(a.skipped, 1);
    EXPECT_NEAR(a.median_error, 10, 1e-9);
    EXPECT_NEAR(a.mean_error, 40.0 / 3, 1e-9);
    EXPECT_NEAR(a.worst_error, 20, 1e-9);
    EXPECT_NEAR(a.bias, -10, 1e-9);
    EXPECT_EQ(a.rank, 1);
}

TEST(Statistics, TimesAndRatesRankTogetherThroughSeconds) {
    Figure rate{.low = 100, .high = 100, .ours = 90};
    rate.seconds = 0.01;
    rate.our_seconds = 1 / 90.0;
    const std::vector<Figure> figures = {timed("", 0.001, 0.002), rate, timed("", 1, 2)};
    EXPECT_EQ(summarise(figures, "all", [](const Figure&) { return true; }).rank, 1);
}

TEST(Statistics, TargetsAreMissedAtTheirLimitsAndAbsentWithoutFigures) {
    const Summary summary{
        .group = "A", .figures = 4, .median_error = 10, .worst_error = 26, .rank = 0.9};
    const auto targets = judged(summary, {.median = 10, .worst = 25, .rank = 0.95});
    ASSERT_EQ(targets.size(), 3u);
    EXPECT_TRUE(targets[0].passed);
    EXPECT_FALSE(targets[1].passed);
    EXPECT_FALSE(targets[2].passed);
    EXPECT_TRUE(judged({.group = "empty"}, {.median = 10}).empty());
}

}  // namespace
}  // namespace perfwatt

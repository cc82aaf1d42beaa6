#include "sim/run/scenario.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sim/run/power_cap.h"

namespace perfwatt {
namespace {

constexpr Time ns(std::int64_t n) { return {n * 1'000'000}; }

TEST(Percentile, IsTheNearestRank) {
    const std::vector<Time> times{ns(1), ns(2), ns(3), ns(4)};
    EXPECT_EQ(percentile(times, 0.5), ns(2));
    EXPECT_EQ(percentile(times, 0.51), ns(3));
    EXPECT_EQ(percentile(times, 0.99), ns(4));
    EXPECT_EQ(percentile(times, 0), ns(1));
    EXPECT_EQ(percentile({ns(7)}, 0.99), ns(7));
}

Result inferences(int n) {
    Result result;
    result.batch = 4;
    result.latency_ns = 100 + 60.0 * (n - 1);
    result.energy_pj = 1000 + 700.0 * (n - 1);
    result.energy_breakdown_pj[0] = result.energy_pj;
    result.time_breakdown_ns[0] = result.latency_ns;
    result.utilization = 0.5;
    result.memories.push_back(
        {.name = "dram", .read_bytes = 10 + 8 * (n - 1), .commands = {{"ACT", 1 + 2 * (n - 1)}}});
    return result;
}

TEST(Offline, AnInferenceIsWhatOneMoreAdds) {
    const Result steady = combine_offline(inferences(1), inferences(kOfflineInferences));
    EXPECT_EQ(steady.scenario, "offline");
    EXPECT_DOUBLE_EQ(steady.latency_ns, 60);
    EXPECT_DOUBLE_EQ(steady.energy_pj, 700);
    EXPECT_DOUBLE_EQ(steady.energy_breakdown_pj[0], 700);
    EXPECT_DOUBLE_EQ(steady.time_breakdown_ns[0], 60);
    EXPECT_DOUBLE_EQ(steady.throughput_per_s, 4 / 60e-9);
    EXPECT_DOUBLE_EQ(steady.power_w, 700e-12 / 60e-9);
    EXPECT_DOUBLE_EQ(steady.utilization, 0.5 * 100 / 60);
    EXPECT_DOUBLE_EQ(steady.latency_p99_ns, 100);
    EXPECT_EQ(steady.memories[0].read_bytes, 8);
    EXPECT_EQ(steady.memories[0].commands[0].count, 2);
}

TEST(Offline, InferencesSideBySideShareWhatARoundAdds) {
    Result one = inferences(1);
    Result many = inferences(kOfflineInferences);
    one.macs = 30;
    one.layers.resize(6);
    const Result steady = combine_offline(one, many, 3);
    EXPECT_DOUBLE_EQ(steady.latency_ns, 20);
    EXPECT_DOUBLE_EQ(steady.energy_pj, 700.0 / 3);
    EXPECT_DOUBLE_EQ(steady.throughput_per_s, 4 / 20e-9);
    EXPECT_DOUBLE_EQ(steady.power_w, 700e-12 / 60e-9);  // of the chip, whoever it works for
    EXPECT_DOUBLE_EQ(steady.utilization, 0.5 * 100 / 60);
    EXPECT_DOUBLE_EQ(steady.latency_p99_ns, 100);
    EXPECT_EQ(steady.macs, 10);
    EXPECT_EQ(steady.layers.size(), 2U);
    ASSERT_EQ(steady.notes.size(), 1U);
}

TEST(Offline, BlocksThatAreAlikeOnlyLoseTheLaunch) {
    Result one = inferences(1);
    one.energy_breakdown_pj = {};
    one.energy_breakdown_pj[static_cast<std::size_t>(EnergyComponent::static_)] = 400;
    one.energy_breakdown_pj[0] += 600;
    one.time_breakdown_ns = {};
    one.time_breakdown_ns[static_cast<std::size_t>(TimeCause::launch)] = 20;
    one.time_breakdown_ns[static_cast<std::size_t>(TimeCause::compute)] = 80;
    const Result steady = without_launch(one, 20);
    EXPECT_DOUBLE_EQ(steady.latency_ns, 80);
    EXPECT_DOUBLE_EQ(steady.energy_pj, 1000 - 400 * 0.2);
    EXPECT_DOUBLE_EQ(steady.time_breakdown_ns[static_cast<std::size_t>(TimeCause::launch)], 0);
    EXPECT_DOUBLE_EQ(steady.utilization, 0.5 * 100 / 80);
}

TEST(PowerCap, TakesTheFastestPointThatKeepsToIt) {
    const std::vector<double> watts{100, 90, 81, 70, 55, 30};
    const auto chosen = [&](double cap, int* asked) {
        *asked = 0;
        const auto answer = fastest_within(
            cap, watts.size(), [&](std::size_t point) -> std::variant<double, Infeasible> {
                ++*asked;
                return watts[point];
            });
        return std::get<std::size_t>(answer);
    };
    int asked = 0;
    EXPECT_EQ(chosen(100, &asked), 0U);
    EXPECT_EQ(asked, 1);
    EXPECT_EQ(chosen(99.9, &asked), 1U);
    EXPECT_EQ(chosen(70, &asked), 3U);
    EXPECT_LE(asked, 4);
    EXPECT_EQ(chosen(29, &asked), 5U) << "none keeps to it: the slowest";
    for (std::size_t i = 0; i < watts.size(); ++i) EXPECT_EQ(chosen(watts[i], &asked), i);
}

TEST(PowerCap, WhatCannotRunEndsTheSearch) {
    const auto answer = fastest_within(1, 3, [](std::size_t) -> std::variant<double, Infeasible> {
        return Infeasible{"no room"};
    });
    EXPECT_EQ(std::get<Infeasible>(answer).reason, "no room");
}

}  // namespace
}  // namespace perfwatt

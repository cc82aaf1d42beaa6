#include "sim/engine/invariants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/diagnostics.h"

// Each invariant: figures that agree pass, the same figures broken in one place do not.
namespace perfwatt::invariants {
namespace {

Time ns(std::int64_t n) { return Time::from_ps(n * 1000); }

// 1000 at 10 a nanosecond are 100 ns, 500 at 5 another 100.
TEST(Invariants, NothingIsFasterThanItsPeak) {
    const Work work{.resource = "unit", .parts = {{1000, 10'000'000'000}, {500, 5'000'000'000}}};
    no_faster_than_peak(work, ns(200));
    EXPECT_THROW(no_faster_than_peak(work, ns(200) - Time{1}), InternalError);
    EXPECT_THROW(no_faster_than_peak({.resource = "unit", .parts = {{1, 0}}}, ns(200)),
                 InternalError);
    no_faster_than_peak({.resource = "unit", .parts = {{0, 0}}}, ns(0));
}

struct MemoryInvariants : testing::Test {
    MemoryTraffic traffic{.asked_read_bytes = 100,
                          .asked_write_bytes = 60,
                          .sent_requests = 3,
                          .answered_requests = 3};
    MemoryReport report;

    void SetUp() override {
        report.name = "memory";
        report.read_bytes = 100;
        report.write_bytes = 60;
        report.rounding_bytes = 32;
        report.burst_bytes = 64;
        report.column_commands = 3;
    }
};

TEST_F(MemoryInvariants, BytesAreBursts) {
    bytes_are_bursts(traffic, report);
    report.column_commands = 4;
    EXPECT_THROW(bytes_are_bursts(traffic, report), InternalError);
}

TEST_F(MemoryInvariants, MemorySawWhatWasAsked) {
    report.read_bytes -= 64;
    report.column_commands -= 1;
    EXPECT_THROW(bytes_are_bursts(traffic, report), InternalError);
}

TEST_F(MemoryInvariants, RoundingIsNeverNegative) {
    report.rounding_bytes = -32;
    report.column_commands = 2;
    EXPECT_THROW(bytes_are_bursts(traffic, report), InternalError);
}

TEST_F(MemoryInvariants, EveryRequestIsAnswered) {
    every_request_answered(traffic, "memory");
    traffic.answered_requests = 2;
    EXPECT_THROW(every_request_answered(traffic, "memory"), InternalError);
}

// Ten intervals, two ranks: 20 refreshes, of which each rank may postpone 2 and be 1 off.
TEST_F(MemoryInvariants, RefreshesAreKept) {
    report.refresh_interval = ns(100);
    report.refresh_units = 2;
    report.refresh_postponable = 2;
    for (const std::int64_t refreshes : {14, 20, 26}) {
        report.refreshes = refreshes;
        refreshes_kept(report, ns(1050));
    }
    for (const std::int64_t refreshes : {13, 27}) {
        report.refreshes = refreshes;
        EXPECT_THROW(refreshes_kept(report, ns(1050)), InternalError);
    }
    // Half of the time asleep, once each: ten are due, and four more may lack or lead.
    report.self_refreshed = ns(1050);
    report.self_refreshes = 2;
    for (const std::int64_t refreshes : {0, 10, 20}) {
        report.refreshes = refreshes;
        refreshes_kept(report, ns(1050));
    }
    report.refreshes = 21;
    EXPECT_THROW(refreshes_kept(report, ns(1050)), InternalError);
    report.refresh_interval = Time::zero();
    EXPECT_THROW(refreshes_kept(report, ns(1050)), InternalError);
}

TEST(Invariants, EveryCountHasAPriceOrAReason) {
    const Action priced{.name = "priced", .picojoules = 1};
    const Action excused{.name = "excused", .not_modelled = "too small"};
    const Action free{.name = "free"};
    Counts counts({priced, excused, free}, 2);
    counts.add(0, ActionId{0}, 5);
    counts.add(1, ActionId{1}, 5);
    every_count_priced(counts);
    counts.add(1, ActionId{2}, 1);
    EXPECT_THROW(every_count_priced(counts), InternalError);
}

TEST(Invariants, BusyIsAtMostElapsed) {
    no_busier_than_elapsed({.name = "unit", .busy = ns(200), .units = 2}, ns(100));
    EXPECT_THROW(no_busier_than_elapsed({.name = "unit", .busy = ns(201), .units = 2}, ns(100)),
                 InternalError);
}

TEST(Invariants, CommandTakesItsDurationAndItsWaits) {
    takes_its_duration(
        {.unit = "unit", .taken = ns(120), .duration = ns(100), .bank_delay = ns(20)});
    EXPECT_THROW(takes_its_duration({.unit = "unit",
                                     .taken = ns(120) + Time{1},
                                     .duration = ns(100),
                                     .bank_delay = ns(20)}),
                 InternalError);
    EXPECT_THROW(
        takes_its_duration(
            {.unit = "unit", .taken = ns(90), .duration = ns(100), .bank_delay = Time{} - ns(10)}),
        InternalError);
}

TEST(Invariants, CausesSumToTheLatency) {
    CauseTimes causes{};
    of(causes, TimeCause::compute) = ns(60);
    of(causes, TimeCause::idle) = ns(40);
    causes_sum_to_latency(causes, ns(100));
    EXPECT_THROW(causes_sum_to_latency(causes, ns(100) + Time{1}), InternalError);
}

TEST(Invariants, MacsAreConserved) {
    macs_conserved({.useful = 90, .executed = 128, .graph = 100, .removed = 10});
    EXPECT_THROW(macs_conserved({.useful = 90, .executed = 128, .graph = 100, .removed = 9}),
                 InternalError);
}

TEST(Invariants, EnergiesSumToTheTotal) {
    const std::vector<double> layers{1.0, 2.0};
    energies_sum_to_total(layers, 0.5, 3.5);
    EXPECT_THROW(energies_sum_to_total(layers, 0.5, 3.6), InternalError);
}

}  // namespace
}  // namespace perfwatt::invariants

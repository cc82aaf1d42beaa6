#include "models/dram/dram_memory.h"

#include <gtest/gtest.h>

#include <numeric>

#include "models/dram/dram_schema.h"
#include "models/dram/dram_stream.h"
#include "models/dram/trace_generator.h"
#include "models/dram/trace_replay.h"

namespace perfwatt::dram {
namespace {

DramSpec shipped(const char* name) {
    return load_spec(ConfigPath({PERFWATT_SOURCE_DIR}), name).spec;
}

/// Submits everything at once and runs to the end; returns when the last was complete.
template <class Memory>
Time run_all(Memory& memory, const std::vector<MemoryTransfer>& transfers) {
    for (const MemoryTransfer& transfer : transfers) memory.submit(Time::zero(), transfer);
    std::vector<MemoryCompletion> completions;
    Time end;
    while (completions.size() < transfers.size()) {
        const Time bound = memory.next_completion_bound();
        EXPECT_NE(bound, Time::max());
        const std::size_t known = completions.size();
        memory.advance(bound, completions);
        for (std::size_t i = known; i < completions.size(); ++i) {
            end = std::max(end, completions[i].at);
        }
    }
    memory.finish(end);
    return end;
}

std::vector<MemoryTransfer> mixed(int count) {
    std::vector<MemoryTransfer> transfers;
    for (int i = 0; i < count; ++i) {
        transfers.push_back({.address = i * 5000 + 13,
                             .row_bytes = 700 + i % 5 * 333,
                             .rows = 1 + i % 3,
                             .pitch_bytes = 4096,
                             .direction = i % 3 == 2 ? Direction::write : Direction::read,
                             .layer = i % 2,
                             .master = i % 2,
                             .id = static_cast<std::uint64_t>(i)});
    }
    return transfers;
}

std::int64_t asked(const std::vector<MemoryTransfer>& transfers) {
    return std::accumulate(
        transfers.begin(), transfers.end(), std::int64_t{0},
        [](std::int64_t sum, const MemoryTransfer& t) { return sum + t.bytes(); });
}

template <class Memory>
void expect_conservation(const char* name) {
    const DramSpec spec = shipped(name);
    Memory memory(spec, {.name = "m", .channels = 3});
    const std::vector<MemoryTransfer> transfers = mixed(200);
    const Time end = run_all(memory, transfers);
    const MemoryReport report = memory.report();
    EXPECT_EQ(report.read_bytes + report.write_bytes, asked(transfers));
    EXPECT_EQ(report.read_bytes + report.write_bytes + report.rounding_bytes,
              report.column_commands * report.burst_bytes)
        << name;
    EXPECT_LE(report.data_bus_busy, end * report.channels);
    // Every rank is in one state at a time.
    const std::vector<Action> actions = memory.actions();
    Counts counts(actions, 3);
    std::vector<ActionId> ids;
    for (std::size_t i = 0; i < actions.size(); ++i) {
        ids.push_back(ActionId{static_cast<std::int32_t>(i)});
    }
    memory.add_counts(counts, ids);
    const int ranks = spec.organization.pseudo_channels * spec.organization.ranks * 3;
    std::int64_t resident = 0;
    for (const auto category : {EnergyCategory::active_standby, EnergyCategory::precharged_standby,
                                EnergyCategory::power_down, EnergyCategory::active_power_down,
                                EnergyCategory::self_refresh}) {
        resident += counts.total(ids[static_cast<std::size_t>(category)]);
    }
    EXPECT_NEAR(static_cast<double>(resident),
                static_cast<double>(spec.tick_clock().cycles_in(end) * ranks), ranks * 2000.0)
        << name;
    EXPECT_GT(counts.get(0, ids[0]), 0);
    EXPECT_GT(counts.get(1, ids[0]), 0);
}

TEST(DramMemory, MovesEveryBurstOnceAndCountsEveryTick) {
    for (const char* name : {"lpddr4_3200", "lpddr5_6400", "ddr4_3200", "hbm3_6400"}) {
        expect_conservation<DramMemory>(name);
    }
}

TEST(DramStream, MovesEveryBurstOnceAndCountsEveryTick) {
    for (const char* name : {"lpddr4_3200", "lpddr5_6400", "ddr4_3200", "hbm3_6400"}) {
        expect_conservation<DramStream>(name);
    }
}

TEST(DramMemory, AdvancingInSmallStepsChangesNothing) {
    const DramSpec spec = shipped("lpddr5_6400");
    DramMemory whole(spec, {.name = "m", .channels = 2});
    const Time end = run_all(whole, mixed(60));
    DramMemory steps(spec, {.name = "m", .channels = 2});
    for (const MemoryTransfer& transfer : mixed(60)) steps.submit(Time::zero(), transfer);
    std::vector<MemoryCompletion> completions;
    Time last;
    for (Time now; completions.size() < 60; now += Time::from_ns(3.3)) {
        steps.advance(now, completions);
    }
    for (const MemoryCompletion& completion : completions) last = std::max(last, completion.at);
    EXPECT_EQ(last, end);
}

TEST(DramMemory, RefreshesAsOftenAsTimePasses) {
    const DramSpec spec = shipped("ddr4_3200");
    DramMemory memory(spec, {.name = "m", .channels = 1});
    memory.finish(Time::from_ns(7800.0 * 100 + 1000));
    std::int64_t refreshes = 0;
    for (const auto& command : memory.report().commands) {
        if (command.name == "REF") refreshes = command.count;
    }
    EXPECT_EQ(refreshes, 100);
}

// 3906 ns are 3124.8 clocks: with 3125, a refresh would be late by one in 15 000.
TEST(TimingTable, IntervalsOfRefreshAreRoundedDown) {
    DramSpec spec = shipped("lpddr5_6400");
    spec.refresh.mode = RefreshMode::per_bank;
    const TimingTable table(spec);
    EXPECT_EQ(table.refresh_interval, 3124);
    EXPECT_EQ(table.refresh_bank_interval, 390);  // of 390.4
    spec.refresh.interval_divisor = 4;
    EXPECT_EQ(TimingTable(spec).refresh_interval, 781);
}

/// Refreshes beyond those due, by what the report says, in units.
double lead_of(const MemoryReport& report, Time elapsed) {
    const double time = elapsed.ns() * static_cast<double>(report.refresh_units);
    return static_cast<double>(report.refreshes) -
           (time - report.self_refreshed.ns()) / report.refresh_interval.ns();
}

TEST(DramReport, CountsWhatWasDueAndWhatWasRefreshed) {
    const Time end = Time::from_ns(1e6);
    for (const char* name : {"ddr4_3200", "ddr5_4800", "lpddr4_3200", "lpddr5_6400", "hbm3_6400"}) {
        for (const RefreshMode mode :
             {RefreshMode::all_bank, RefreshMode::per_bank, RefreshMode::same_bank}) {
            DramSpec spec = shipped(name);
            spec.refresh.mode = mode;
            const auto& rules = spec.constraints;
            const bool possible = std::any_of(
                rules.begin(), rules.end(),
                [&](const Constraint& rule) { return rule.from.front() == refresh_command(mode); });
            if (!possible) continue;
            DramMemory exact(spec, {.name = "m", .channels = 2});
            exact.finish(end);
            DramStream stream(spec, {.name = "m", .channels = 2});
            stream.finish(end);
            for (const MemoryReport& report : {exact.report(), stream.report()}) {
                EXPECT_GE(report.refreshes, 2 * 128) << name;
                EXPECT_LE(std::abs(lead_of(report, end)), static_cast<double>(report.refresh_units))
                    << name << " " << report.timing;
            }
        }
    }
}

TEST(DramReport, LeavesOutTheTimeInSelfRefresh) {
    for (const RefreshMode mode : {RefreshMode::all_bank, RefreshMode::per_bank}) {
        DramSpec spec = shipped("lpddr5_6400");
        spec.refresh.mode = mode;
        spec.power = {.power_down_after = 64, .self_refresh_after = 100};
        DramMemory memory(spec, {.name = "m", .channels = 1});
        const Time end = Time::from_ns(1e6);
        memory.finish(end);
        const MemoryReport report = memory.report();
        EXPECT_GT(report.self_refreshes, 0);
        EXPECT_GT(report.self_refreshed.ns(), 0.9e6 * static_cast<double>(report.refresh_units));
        EXPECT_LT(report.refreshes, 10);
        EXPECT_LE(std::abs(lead_of(report, end)),
                  static_cast<double>(report.refresh_units + 2 * report.self_refreshes));
    }
}

// Open rows are closed on the way to power-down, and refreshes interrupt it; neither is a reason to
// refresh itself earlier or later than its time.
TEST(DramMemory, RefreshesItselfOnceItHasBeenIdleForItsTime) {
    DramSpec spec = shipped("lpddr4_3200");
    spec.power = {.power_down_after = 64, .self_refresh_after = 20'000};  // 12.5 microseconds
    DramMemory memory(spec, {.name = "m", .channels = 1});
    memory.submit(Time::zero(), {.address = 0, .row_bytes = 64, .id = 1});
    memory.finish(Time::from_ns(30'000));
    const MemoryReport report = memory.report();
    EXPECT_EQ(report.self_refreshes, 1);
    EXPECT_NEAR(report.self_refreshed.ns(), 30'000 - 12'500, 200);
    EXPECT_EQ(report.refreshes, 3);  // at 3904, 7808 and 11 712 ns
}

// One of the device's own refreshes may have been cut off by the exit.
TEST(DramMemory, ARankThatWakesFromSelfRefreshOwesOneRefresh) {
    DramSpec spec = shipped("ddr4_3200");
    spec.power = {.power_down_after = 64, .self_refresh_after = 100};
    DramMemory memory(spec, {.name = "m", .channels = 1});
    std::vector<MemoryCompletion> completions;
    for (int i = 1; i <= 5; ++i) {
        // 32 microseconds apart: each finds the rank asleep, and none comes when one is due.
        const Time now = Time::from_ns(32'000.0 * i);
        memory.advance(now, completions);
        memory.submit(now, {.address = 0, .row_bytes = 64, .id = static_cast<std::uint64_t>(i)});
    }
    memory.finish(Time::from_ns(32'000.0 * 6));
    EXPECT_EQ(memory.report().self_refreshes, 6);
    EXPECT_EQ(memory.report().refreshes, 5);
}

TEST(DramMemory, AHigherPriorityMasterWaitsLess) {
    DramSpec spec = shipped("lpddr4_3200");
    spec.controller.masters = {{.master = 1, .weight = 1, .priority = 5}};
    DramMemory memory(spec, {.name = "m", .channels = 1});
    std::vector<MemoryCompletion> completions;
    for (std::uint64_t i = 0; i < 40; ++i) {
        memory.submit(Time::zero(), {.address = static_cast<std::int64_t>(i) * 65536,
                                     .row_bytes = 2048,
                                     .master = i == 39 ? 1 : 0,
                                     .id = i});
    }
    memory.advance(Time::from_ns(1e6), completions);
    ASSERT_EQ(completions.size(), 40U);
    for (std::size_t i = 0; i < completions.size(); ++i) {
        if (completions[i].id == 39) {
            EXPECT_LT(i, 3U);
        }
    }
}

TEST(DramMemory, SleepsWhenIdle) {
    DramSpec spec = shipped("lpddr4_3200");
    spec.power = {.power_down_after = 64, .self_refresh_after = 20'000};
    const TimingTable table(spec);
    DramMemory memory(spec, {.name = "m", .channels = 1});
    memory.finish(Time::from_ns(1e6));
    Counts counts(memory.actions(), 1);
    std::vector<ActionId> ids;
    for (int i = 0; i < kEnergyCategories; ++i) ids.push_back(ActionId{i});
    memory.add_counts(counts, ids);
    const auto share = [&](EnergyCategory category) {
        return static_cast<double>(counts.total(ids[static_cast<std::size_t>(category)])) / 1.6e6;
    };
    EXPECT_GT(share(EnergyCategory::power_down) + share(EnergyCategory::self_refresh), 0.85);
}

// 64-bit rank of eight x8 devices at maximum currents: by hand from the data sheet.
TEST(DramEnergy, Ddr4PricesFollowFromItsCurrents) {
    const DramSpec spec = shipped("ddr4_3200");
    const std::vector<Action> actions = energy_actions(spec, EnergyCorner::maximum, "m");
    const auto price = [&](EnergyCategory category) {
        return actions[static_cast<std::size_t>(category)].picojoules;
    };
    // (48 - 43) mA x 1.2 V x 32.5 ns (52 ticks), VPP does not change: 195 pJ a device.
    EXPECT_NEAR(price(EnergyCategory::activate), 8 * 5 * 1.2 * 32.5, 0.001 * 1560);
    // (48 - 34) mA x 1.2 V x 13.75 ns = 231 pJ a device.
    EXPECT_NEAR(price(EnergyCategory::precharge), 8 * 14 * 1.2 * 13.75, 1.8);
    // (135 - 43) mA x 1.2 V over 8 pins x 2.4 Gb/s = 5.75 pJ/bit, 512 bits.
    EXPECT_NEAR(price(EnergyCategory::read), 92 * 1.2 / 19.2 * 512, 2.9);
    EXPECT_NEAR(price(EnergyCategory::write), 80 * 1.2 / 19.2 * 512, 2.5);
    // (457.4 - 34) mA x 1.2 V x 350 ns.
    EXPECT_NEAR(price(EnergyCategory::refresh_all), 8 * 423.4 * 1.2 * 350, 1400);
    // 43 mA x 1.2 V + 3 mA x 2.5 V = 59.1 mW for 0.625 ns.
    EXPECT_NEAR(price(EnergyCategory::active_standby), 8 * 59.1 * 0.625, 0.3);
}

TEST(DramEnergy, ATraceCostsWhatItsCommandsCost) {
    const DramSpec spec = shipped("lpddr4_3200");
    TraceGenerator generator({.kind = TraceKind::sequential_reads,
                              .requests = 1000,
                              .granularity_bytes = 32,
                              .capacity_bytes = 1 << 30});
    const ReplayResult result =
        replay(spec, [&](TraceRequest& request) { return generator.next(request); }, {});
    EXPECT_EQ(result.command("RD"), 1000);
    EXPECT_NEAR(result.energy_breakdown_pj[static_cast<std::size_t>(EnergyCategory::read)],
                1000 * 256 * 2.63, 0.001 * 673'280);
    EXPECT_NEAR(result.energy_breakdown_pj[static_cast<std::size_t>(EnergyCategory::activate)],
                static_cast<double>(result.command("ACT")) * 1000.0, 1);
}

TEST(PagePolicy, ClosedRowsAreClosedByTheirLastAccess) {
    DramSpec spec = shipped("ddr4_3200");
    spec.controller.page = PagePolicy::closed;
    spec.power = {};
    TraceGenerator generator({.kind = TraceKind::random_reads,
                              .requests = 2000,
                              .capacity_bytes = std::int64_t{8} << 30,
                              .gap_clocks = 100});
    const ReplayResult closed =
        replay(spec, [&](TraceRequest& request) { return generator.next(request); }, {});
    EXPECT_GT(closed.command("RDA"), 1990);
    EXPECT_EQ(closed.command("PRE"), 0);
    // ACT, RD and data, scheduled a tick after arrival, but for refreshes: 22 + 22 + 4 + 1 ticks.
    EXPECT_NEAR(closed.mean_read_latency_ns, 49 * 0.625, 10);
}

// Rows visited once only are closed early once the bank has learnt it; rows visited often stay.
TEST(PagePolicy, AdaptiveFollowsTheTraffic) {
    DramSpec spec = shipped("ddr4_3200");
    spec.controller.page = PagePolicy::adaptive;
    spec.power = {};
    const auto run = [&](TraceKind kind) {
        TraceGenerator generator({.kind = kind,
                                  .requests = 4000,
                                  .capacity_bytes = std::int64_t{8} << 30,
                                  .gap_clocks = 100});
        return replay(spec, [&](TraceRequest& request) { return generator.next(request); }, {});
    };
    EXPECT_GT(run(TraceKind::random_reads).command("RDA"), 3000);
    EXPECT_LT(run(TraceKind::sequential_reads).command("RDA"), 100);
}

}  // namespace
}  // namespace perfwatt::dram

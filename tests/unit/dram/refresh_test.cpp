// Refresh management, hot refresh, and power-down with rows open.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/dram/dram_energy.h"
#include "models/dram/dram_schema.h"
#include "models/dram/refresh_management.h"
#include "models/dram/timing_table.h"
#include "models/dram/trace_replay.h"

namespace perfwatt::dram {
namespace {

DramSpec shipped(const std::string& name) {
    return load_spec(ConfigPath({PERFWATT_SOURCE_DIR}), name).spec;
}

/// Reads of two rows of one bank in turn, `gap` clocks apart.
ReplayResult hammer(const DramSpec& spec, std::int64_t reads, std::int64_t gap = 0) {
    const std::int64_t half = spec.organization.capacity_bytes() / 2;
    std::int64_t i = 0;
    return replay(spec,
                  [&](TraceRequest& request) {
                      request = {.cycle = i * gap, .address = i % 2 * half, .write = false};
                      return i++ < reads;
                  },
                  {.window = 1});
}

double energy(const ReplayResult& result, EnergyCategory category) {
    return result.energy_breakdown_pj[static_cast<std::size_t>(category)];
}

TEST(RefreshManagement, CountsActivatesLessWhatRefreshesTakeOff) {
    DramSpec spec = shipped("ddr5_4800");
    spec.refresh.management = {
        .mode = RefreshMode::same_bank, .initial = 3, .maximum = 6, .per_refresh = 2};
    RefreshManagement management(spec);
    EXPECT_TRUE(management.needed());
    EXPECT_EQ(management.command(), Command::manage_same_bank);
    EXPECT_FALSE(management.activated(7));
    EXPECT_FALSE(management.activated(7));
    EXPECT_FALSE(management.due(7));
    EXPECT_TRUE(management.activated(7));
    EXPECT_TRUE(management.due(7));
    EXPECT_EQ(management.count(6), 0);  // each bank for itself
    management.refreshed(Command::refresh_all, 7);
    EXPECT_EQ(management.count(7), 1);
    management.refreshed(Command::manage_same_bank, 7);  // takes 3 off, not below nothing
    EXPECT_EQ(management.count(7), 0);
}

TEST(RefreshManagement, PostponedIsInForceAtTheMaximum) {
    DramSpec spec = shipped("lpddr5_6400");
    spec.refresh.management = {
        .mode = RefreshMode::per_bank, .initial = 2, .maximum = 4, .postpone = true};
    RefreshManagement management(spec);
    EXPECT_FALSE(management.activated(0));
    EXPECT_FALSE(management.activated(0));
    EXPECT_TRUE(management.due(0));
    EXPECT_FALSE(management.activated(0));
    EXPECT_TRUE(management.activated(0));
}

// No refresh, an RFM each eight activates: 1000 activates, 125 RFM.
TEST(RefreshManagement, IsIssuedOnceForEachThresholdOfActivates) {
    for (const auto& [name, mode, command] :
         {std::tuple{"ddr5_4800", RefreshMode::same_bank, "RFMSB"},
          std::tuple{"ddr5_4800", RefreshMode::all_bank, "RFMAB"},
          std::tuple{"lpddr5_6400", RefreshMode::per_bank, "RFMPB"},
          std::tuple{"hbm3_6400", RefreshMode::per_bank, "RFMPB"}}) {
        DramSpec spec = shipped(name);
        spec.refresh.mode = RefreshMode::none;
        spec.refresh.management = {.mode = mode, .initial = 8, .maximum = 16};
        const ReplayResult result = hammer(spec, 1000);
        ASSERT_EQ(result.command("ACT"), 1000) << name;
        // The last one may find nothing left to wait for.
        EXPECT_NEAR(static_cast<double>(result.command(command)), 125, 1) << name;
    }
}

// An RFM holds its bank for tRFM beyond what a row conflict takes.
TEST(RefreshManagement, TakesItsTimeFromABusyBank) {
    DramSpec spec = shipped("ddr5_4800");
    spec.refresh.mode = RefreshMode::none;
    const std::int64_t alone = hammer(spec, 1000).cycles;
    spec.refresh.management = {.mode = RefreshMode::same_bank, .initial = 8, .maximum = 16};
    const std::int64_t managed = hammer(spec, 1000).cycles;
    // After PRE and tRP, tRFMsb until the activate: 312 clocks, 124 or 125 times.
    EXPECT_NEAR(static_cast<double>(managed - alone) / 124.5, 312, 6);
}

TEST(RefreshManagement, IsPricedAsARefreshOfTheSameReach) {
    DramSpec spec = shipped("lpddr5_6400");
    spec.refresh.mode = RefreshMode::none;
    spec.refresh.management = {.mode = RefreshMode::per_bank, .initial = 8, .maximum = 16};
    const ReplayResult result = hammer(spec, 1000);
    EXPECT_DOUBLE_EQ(energy(result, EnergyCategory::refresh_bank),
                     5260.0 * static_cast<double>(result.command("RFMPB")));
    EXPECT_EQ(energy(result, EnergyCategory::refresh_all), 0);
}

TEST(HotRefresh, ShortensTheIntervalByTheStepReached) {
    DramSpec spec = shipped("lpddr5_6400");
    EXPECT_EQ(TimingTable(spec).refresh_interval, 3124);  // 3906 ns at 1.25 ns
    spec.refresh.temperature = 85;
    EXPECT_EQ(TimingTable(spec).refresh_interval, 3124);
    spec.refresh.temperature = 86;
    EXPECT_EQ(TimingTable(spec).refresh_interval, 1562);
    spec.refresh.temperature = 105;
    EXPECT_EQ(TimingTable(spec).refresh_interval, 781);
    spec.refresh.interval_divisor = 2;
    EXPECT_EQ(TimingTable(spec).refresh_interval, 390);
}

TEST(HotRefresh, IsCountedAndPaid) {
    DramSpec spec = shipped("ddr4_3200");
    spec.power = {};
    const ReplayResult cool = hammer(spec, 2000, 1000);
    spec.refresh.temperature = 95;
    const ReplayResult hot = hammer(spec, 2000, 1000);
    EXPECT_NEAR(static_cast<double>(hot.command("REFAB")),
                2 * static_cast<double>(cool.command("REFAB")), 2);
    EXPECT_NEAR(
        energy(hot, EnergyCategory::refresh_all) / energy(cool, EnergyCategory::refresh_all), 2,
        0.02);
}

TEST(HotRefresh, IsMissedWhereTheFileDoesNotKnowIt) {
    DramSpec spec = shipped("ddr4_3200");
    spec.name = "m";
    spec.refresh.hot.clear();
    spec.refresh.temperature = 95;
    ASSERT_EQ(lint(spec).size(), 1U);
    EXPECT_EQ(lint(spec)[0].message, "memory 'm': at 95 degrees it is refreshed as often as at 85");
}

TEST(Lint, FindsManagementThatCannotBe) {
    DramSpec spec = shipped("ddr4_3200");
    spec.name = "m";
    spec.refresh.management = {.mode = RefreshMode::all_bank, .initial = 20, .maximum = 10};
    const std::vector<Diagnostic> found = lint(spec);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].message,
              "memory 'm': refresh management needs a constraint from RFMAB to "
              "ACT");
    EXPECT_EQ(found[1].message,
              "memory 'm': refresh management is due after 20 activates and at "
              "most 10: the first must be at least 1 and not above the second");
    DramSpec never = shipped("ddr5_4800");
    never.name = "m";
    never.refresh.management = {
        .mode = RefreshMode::same_bank, .initial = 100, .maximum = 300, .per_refresh = 100};
    ASSERT_EQ(lint(never).size(), 1U);
    EXPECT_EQ(lint(never)[0].message,
              "memory 'm': a bank is activated at most 83 times between refreshes, which take 100 "
              "off its count: management is never due");
}

// Eight x8 devices in active power-down: (37 mA x 1.2 V + 3 mA x 2.5 V) of each for 0.625 ns.
TEST(ActivePowerDown, IsPricedByItsCurrent) {
    const std::vector<Action> actions =
        energy_actions(shipped("ddr4_3200"), EnergyCorner::maximum, "m");
    EXPECT_NEAR(actions[static_cast<std::size_t>(EnergyCategory::active_power_down)].picojoules,
                8 * (37 * 1.2 + 3 * 2.5) * 0.625, 0.1);
}

// LPDDR5 has no public figure: power-down 2.3 mW and 26 - 20.4 mW for open rows, 1.25 ns a tick.
TEST(ActivePowerDown, IsEstimatedFromTheOtherStatesWhereUnknown) {
    const std::vector<Action> actions =
        energy_actions(shipped("lpddr5_6400"), EnergyCorner::typical, "m");
    const Action& action = actions[static_cast<std::size_t>(EnergyCategory::active_power_down)];
    EXPECT_NEAR(action.picojoules, 7.9 * 1.25, 0.01);
    EXPECT_EQ(action.source, "estimated: power-down, and what open rows add in standby");
}

// With rows kept open, a read after a pause needs no activate, but has to wait for tXP.
TEST(ActivePowerDown, KeepsRowsOpen) {
    DramSpec spec = shipped("ddr4_3200");
    spec.refresh.mode = RefreshMode::none;
    spec.power = {.power_down_after = 64, .keep_rows_open = true};
    std::int64_t i = 0;
    const auto reads = [&](TraceRequest& request) {
        request = {.cycle = i * 1000, .address = 0, .write = false};
        return i++ < 100;
    };
    const ReplayResult open = replay(spec, reads, {.window = 1});
    EXPECT_EQ(open.command("ACT"), 1);
    EXPECT_GE(open.command("PDE"), 99);
    EXPECT_EQ(open.command("PRE") + open.command("PREA"), 0);
    EXPECT_GT(energy(open, EnergyCategory::active_power_down), 0);
    EXPECT_EQ(energy(open, EnergyCategory::power_down), 0);
    i = 0;
    spec.power.keep_rows_open = false;
    const ReplayResult closed = replay(spec, reads, {.window = 1});
    EXPECT_EQ(closed.command("ACT"), 100);
    EXPECT_GT(energy(closed, EnergyCategory::power_down), 0);
    EXPECT_EQ(energy(closed, EnergyCategory::active_power_down), 0);
    EXPECT_LT(open.mean_read_latency_ns, closed.mean_read_latency_ns);
}

// Which bursts may follow each other gaplessly depends on how banks are organised.
TEST(Lpddr5BankModes, BoundStreamsByTheirOwnSpacing) {
    const auto stream = [](const std::string& name, const std::string& mapping) {
        DramSpec spec = shipped(name);
        spec.refresh.mode = RefreshMode::none;
        if (!mapping.empty()) spec.address_mapping = mapping;
        std::int64_t i = 0;
        const std::int64_t burst = spec.organization.burst_bytes();
        return replay(spec,
                      [&](TraceRequest& request) {
                          request = {.cycle = 0, .address = i * burst, .write = false};
                          return i++ < 4000;
                      },
                      {.window = 32})
            .bandwidth_fraction;
    };
    // In one bank group, bursts of 16 are tCCD_L apart, twice a burst; without groups they are not.
    EXPECT_NEAR(stream("lpddr5_6400", "bank_group|row|bank|column"), 0.5, 0.01);
    EXPECT_GT(stream("lpddr5_6400", ""), 0.98);
    EXPECT_GT(stream("lpddr5_3200_16b", ""), 0.98);
    EXPECT_GT(stream("lpddr5_6400_8b", ""), 0.98);
    EXPECT_EQ(shipped("lpddr5_6400_8b").organization.burst_bytes(), 64);
    EXPECT_EQ(shipped("lpddr5_6400_8b").organization.row_bytes(), 4096);
    EXPECT_EQ(shipped("lpddr5_6400_8b").organization.capacity_bytes(),
              shipped("lpddr5_6400").organization.capacity_bytes());
    EXPECT_EQ(shipped("lpddr5_3200_16b").peak_bytes_per_second(), 6'400'000'000);
}

/// Names of commands in order.
struct Names final : CommandLog {
    std::vector<std::string> names;
    void write(const LoggedCommand& command) override { names.emplace_back(command.name); }
};

// A read whose row is opened ten clocks before a refresh falls due could go out 12 clocks after it.
TEST(Refresh, LetsAnOpenedAccessGoFirstOrMakesItWait) {
    for (const auto& [opened, order] :
         {std::pair{OpenedAccess::served, std::vector<std::string>{"ACT", "RD", "PREA", "REFAB"}},
          std::pair{OpenedAccess::waits,
                    std::vector<std::string>{"ACT", "PREA", "REFAB", "ACT", "RD"}}}) {
        DramSpec spec = shipped("ddr4_3200");
        spec.refresh.max_postponed = 0;
        spec.refresh.opened = opened;
        spec.power = {};
        const TimingTable table(spec);
        Names log;
        std::int64_t sent = 0;
        const ReplayResult result =
            replay(spec,
                   [&](TraceRequest& request) {
                       const std::int64_t first = table.refresh_interval - 10;
                       request = {.cycle = first + sent * 2000, .address = 0, .write = false};
                       return sent++ < 2;
                   },
                   {.window = 1, .log = &log});
        ASSERT_GE(log.names.size(), order.size());
        log.names.resize(order.size());
        EXPECT_EQ(log.names, order);
        EXPECT_EQ(result.command("ACT"), 2);  // the refresh closed the row for both
    }
}

}  // namespace
}  // namespace perfwatt::dram

// The scheduler remembers what banks need next, looks only at those whose turn may come and runs to
// the first completion. Here it does so beside one that finds every step anew, in small steps.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "models/dram/dram_memory.h"
#include "models/dram/dram_schema.h"

namespace perfwatt::dram {
namespace {

struct Log final : CommandLog {
    std::vector<LoggedCommand> commands;
    void write(const LoggedCommand& command) override { commands.push_back(command); }
};

bool same(const LoggedCommand& a, const LoggedCommand& b) {
    return a.tick == b.tick && a.name == b.name && a.channel == b.channel &&
           a.pseudo_channel == b.pseudo_channel && a.rank == b.rank &&
           a.bank_group == b.bank_group && a.bank == b.bank && a.row == b.row &&
           a.column == b.column;
}

enum class Traffic { sequential, random, conflicts, mixed, lone };

struct Run {
    Log log;
    std::vector<MemoryCompletion> completions;
    Counts counts{{}, 2};  ///< of everything that has a price
    MemoryReport report;
};

/// A transfer of `traffic`; the n-th.
MemoryTransfer transfer_of(Traffic traffic, const DramSpec& spec, std::uint64_t n,
                           std::mt19937_64& random) {
    const Organization& org = spec.organization;
    const auto up_to = [&](std::int64_t most) {
        return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(most));
    };
    const std::int64_t burst = org.burst_bytes();
    MemoryTransfer transfer{.row_bytes = burst, .layer = 0, .id = n};
    const auto i = static_cast<std::int64_t>(n);
    switch (traffic) {
        case Traffic::sequential:
            transfer.address = i * burst;
            transfer.direction = i / 200 % 3 == 2 ? Direction::write : Direction::read;
            break;
        case Traffic::random:
            transfer.address = up_to(1 << 20) * burst;
            break;
        case Traffic::conflicts:
            transfer.address = i * org.row_bytes() * org.total_banks() % org.capacity_bytes();
            break;
        case Traffic::mixed:
            transfer.address = up_to(3000) * burst + up_to(4) * (1 << 24);
            transfer.row_bytes = up_to(600) + 1;
            transfer.rows = 1 + up_to(2);
            transfer.pitch_bytes = 2048;
            transfer.direction = up_to(3) == 0 ? Direction::write : Direction::read;
            transfer.master = static_cast<int>(up_to(3));
            break;
        case Traffic::lone:
            transfer.address = up_to(1 << 20) * burst;
            transfer.direction = up_to(3) == 0 ? Direction::write : Direction::read;
            break;
    }
    return transfer;
}

/// From a nanosecond to 60 us, as often short as long.
Time pause(std::mt19937_64& random) {
    const auto most = std::int64_t{1'000'000} << random() % 17;
    return Time{static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(most))};
}

/// Up to 40 transfers under way; a new one comes the moment another is complete, or after a pause
/// long enough for refreshes and sleep. Lone ones come one by one, after a pause each. `quick` as
/// the platform drives a memory; otherwise plain, and in steps of 7 ns at most.
Run run(const DramSpec& spec, Traffic traffic, bool quick, bool logged = true, int channels = 1) {
    Run result;
    DramMemory memory(
        spec, {.channels = channels, .log = logged ? &result.log : nullptr, .plain = !quick});
    const bool lone = traffic == Traffic::lone;
    const std::size_t most = lone ? 1 : 40;
    std::mt19937_64 random(7);
    constexpr std::uint64_t kTransfers = 700;
    std::vector<MemoryCompletion> known;  // not yet answered
    Time now;
    std::uint64_t sent = 0;
    std::size_t in_flight = 0;
    while (sent < kTransfers || in_flight > 0) {
        while (sent < kTransfers && in_flight < most) {
            if (lone) {
                now += pause(random);
            } else if (random() % 90 == 0) {
                if (in_flight > 0) break;
                now += Time{static_cast<std::int64_t>(random() % 30'000'000'000)};
            }
            memory.submit(now, transfer_of(traffic, spec, sent++, random));
            ++in_flight;
        }
        // On to the first completion.
        while (true) {
            Time next = Time::max();
            for (const MemoryCompletion& completion : known) next = std::min(next, completion.at);
            if (next <= now) break;
            if (quick) {
                now = memory.advance_to_completion(next, known);
            } else {
                now = std::min({next, memory.next_completion_bound(), now + Time::from_ns(7)});
                memory.advance(now, known);
            }
        }
        std::erase_if(known, [&](const MemoryCompletion& completion) {
            if (completion.at > now) return false;
            result.completions.push_back(completion);
            --in_flight;
            return true;
        });
    }
    memory.finish(now + Time::from_ns(100'000));
    // Channels tell of what is complete at one moment as they are driven.
    std::sort(result.completions.begin(), result.completions.end(),
              [](const MemoryCompletion& a, const MemoryCompletion& b) {
                  return a.at != b.at ? a.at < b.at : a.id < b.id;
              });
    result.report = memory.report();
    const std::vector<Action> actions = memory.actions();
    std::vector<ActionId> ids;
    for (std::size_t i = 0; i < actions.size(); ++i) ids.push_back(ActionId{static_cast<int>(i)});
    result.counts = Counts(actions, 2);
    memory.add_counts(result.counts, ids);
    return result;
}

/// Statistics and, since energy is what counts cost, energy.
void expect_same_figures(const Run& a, const Run& b) {
    for (std::size_t i = 0; i < a.counts.actions().size(); ++i) {
        const ActionId action{static_cast<int>(i)};
        for (int layer = 0; layer < a.counts.layers(); ++layer) {
            EXPECT_EQ(a.counts.get(layer, action), b.counts.get(layer, action))
                << a.counts.actions()[i].name << " of row " << layer;
        }
    }
    EXPECT_EQ(a.report.data_bus_busy, b.report.data_bus_busy);
    EXPECT_EQ(a.report.row_hits, b.report.row_hits);
    EXPECT_EQ(a.report.column_commands, b.report.column_commands);
    EXPECT_EQ(a.report.refreshes, b.report.refreshes);
    EXPECT_EQ(a.report.self_refreshed, b.report.self_refreshed);
    EXPECT_EQ(a.report.self_refreshes, b.report.self_refreshes);
    ASSERT_EQ(a.report.commands.size(), b.report.commands.size());
    for (std::size_t i = 0; i < a.report.commands.size(); ++i) {
        EXPECT_EQ(a.report.commands[i].count, b.report.commands[i].count)
            << a.report.commands[i].name;
    }
    ASSERT_EQ(a.completions.size(), b.completions.size());
    for (std::size_t i = 0; i < a.completions.size(); ++i) {
        ASSERT_EQ(a.completions[i].id, b.completions[i].id);
        ASSERT_EQ(a.completions[i].at, b.completions[i].at);
    }
}

void expect_equal(const DramSpec& spec, const std::string& what) {
    for (const Traffic traffic : {Traffic::sequential, Traffic::random, Traffic::conflicts,
                                  Traffic::mixed, Traffic::lone}) {
        SCOPED_TRACE(what + ", traffic " + std::to_string(static_cast<int>(traffic)));
        const Run quick = run(spec, traffic, true);
        const Run plain = run(spec, traffic, false);
        ASSERT_GT(plain.log.commands.size(), 700U);
        for (std::size_t i = 0; i < std::min(quick.log.commands.size(), plain.log.commands.size());
             ++i) {
            ASSERT_TRUE(same(quick.log.commands[i], plain.log.commands[i]))
                << "command " << i << ": " << quick.log.commands[i].name << " at "
                << quick.log.commands[i].tick << ", not " << plain.log.commands[i].name << " at "
                << plain.log.commands[i].tick;
        }
        EXPECT_EQ(quick.log.commands.size(), plain.log.commands.size());
        expect_same_figures(quick, plain);
        // What nobody logs may be done in fewer steps yet.
        expect_same_figures(run(spec, traffic, true, false), plain);
    }
}

/// Commands of several channels interleave as they are driven: figures only.
void expect_equal_channels(const DramSpec& spec) {
    for (const Traffic traffic : {Traffic::random, Traffic::mixed, Traffic::lone}) {
        SCOPED_TRACE("three channels, traffic " + std::to_string(static_cast<int>(traffic)));
        expect_same_figures(run(spec, traffic, true, false, 3),
                            run(spec, traffic, false, false, 3));
    }
}

class QuickScheduler : public testing::TestWithParam<const char*> {
  protected:
    DramSpec spec = load_spec(ConfigPath({PERFWATT_SOURCE_DIR}), GetParam()).spec;
};

TEST_P(QuickScheduler, SendsTheSameCommandsAsThePlainOne) { expect_equal(spec, "as shipped"); }

TEST_P(QuickScheduler, CountsTheSameOnSeveralChannels) { expect_equal_channels(spec); }

TEST_P(QuickScheduler, SendsTheSameCommandsWhenRowsCloseAndMastersDiffer) {
    spec.controller.page = PagePolicy::closed;
    spec.controller.row_hits_first = false;
    spec.controller.age_limit = 150;
    spec.controller.masters = {{.master = 1, .weight = 3}, {.master = 2, .priority = 1}};
    spec.refresh.max_postponed = 0;
    spec.refresh.blocks_channel = false;
    expect_equal(spec, "closed pages");
}

TEST_P(QuickScheduler, SendsTheSameCommandsWhenRanksSleepEarly) {
    spec.controller.page = PagePolicy::adaptive;
    spec.power.power_down_after = 12;
    spec.power.self_refresh_after = 2000;
    expect_equal(spec, "sleepy");
}

class QuickSchedulerAsShipped : public QuickScheduler {};

TEST_P(QuickSchedulerAsShipped, SendsTheSameCommandsAsThePlainOne) {
    expect_equal(spec, "as shipped");
}

INSTANTIATE_TEST_SUITE_P(Others, QuickSchedulerAsShipped,
                         testing::Values("ddr5_4800_rfm", "gddr6_aim_16", "hbm2e_3600",
                                         "hbm3_6400_rfm", "hbm3e_8000", "hbm_pim_2000",
                                         "lpddr4x_4266_16gb", "lpddr5_3200_16b", "lpddr5_6400_8b",
                                         "lpddr5_6400_rfm", "lpddr5x_9600"));

INSTANTIATE_TEST_SUITE_P(Standards, QuickScheduler,
                         testing::Values("ddr3_1866", "ddr4_3200", "ddr5_4800", "lpddr4_3200",
                                         "lpddr5_6400", "gddr6_14", "hbm2_2000", "hbm3_6400"));

}  // namespace
}  // namespace perfwatt::dram

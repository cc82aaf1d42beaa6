// The scheduler remembers what banks need next, looks only at those whose turn may come and runs to
// the first completion. Here it does so beside one that finds every step anew, in small steps.
#include <gtest/gtest.h>

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

enum class Traffic { sequential, random, conflicts, mixed };

struct Run {
    Log log;
    std::vector<MemoryCompletion> completions;
    Time data_bus_busy;
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
    }
    return transfer;
}

/// Up to 40 transfers under way; a new one comes the moment another is complete, or after a pause
/// long enough for refreshes and sleep. `quick` as the platform drives a memory; otherwise plain,
/// and in steps of 7 ns at most.
Run run(const DramSpec& spec, Traffic traffic, bool quick) {
    Run result;
    DramMemory memory(spec, {.log = &result.log, .plain = !quick});
    std::mt19937_64 random(7);
    constexpr std::uint64_t kTransfers = 700;
    std::vector<MemoryCompletion> known;  // not yet answered
    Time now;
    std::uint64_t sent = 0;
    std::size_t in_flight = 0;
    while (sent < kTransfers || in_flight > 0) {
        while (sent < kTransfers && in_flight < 40) {
            if (random() % 90 == 0) {
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
    result.data_bus_busy = memory.report().data_bus_busy;
    return result;
}

void expect_equal(const DramSpec& spec, const std::string& what) {
    for (const Traffic traffic :
         {Traffic::sequential, Traffic::random, Traffic::conflicts, Traffic::mixed}) {
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
        ASSERT_EQ(quick.completions.size(), plain.completions.size());
        for (std::size_t i = 0; i < quick.completions.size(); ++i) {
            ASSERT_EQ(quick.completions[i].id, plain.completions[i].id);
            ASSERT_EQ(quick.completions[i].at, plain.completions[i].at);
        }
        EXPECT_EQ(quick.data_bus_busy, plain.data_bus_busy);
    }
}

class QuickScheduler : public testing::TestWithParam<const char*> {
  protected:
    DramSpec spec = load_spec(ConfigPath({PERFWATT_SOURCE_DIR}), GetParam()).spec;
};

TEST_P(QuickScheduler, SendsTheSameCommandsAsThePlainOne) { expect_equal(spec, "as shipped"); }

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

INSTANTIATE_TEST_SUITE_P(Standards, QuickScheduler,
                         testing::Values("ddr3_1866", "ddr4_3200", "ddr5_4800", "lpddr4_3200",
                                         "lpddr5_6400", "gddr6_14", "hbm2_2000", "hbm3_6400"));

}  // namespace
}  // namespace perfwatt::dram

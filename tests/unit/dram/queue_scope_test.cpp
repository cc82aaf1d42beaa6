// Queues of a channel, or of each of its pseudo channels.

#include <gtest/gtest.h>

#include "models/dram/dram_schema.h"
#include "models/dram/request_queues.h"
#include "models/dram/trace_replay.h"

namespace perfwatt::dram {
namespace {

DramSpec hbm(QueueScope scope) {
    DramSpec spec = load_spec(ConfigPath({PERFWATT_SOURCE_DIR}), "hbm2_2000").spec;
    spec.controller.queues = scope;
    spec.refresh.mode = RefreshMode::none;
    spec.power = {};
    return spec;
}

TEST(RequestQueues, CountForEachPartAlone) {
    RequestQueues queues(32, 2, 2, 2);
    EXPECT_EQ(queues.part_of(15), 0);
    EXPECT_EQ(queues.part_of(16), 1);
    queues.push({.row = 1, .bank = 3}, 0, -1);
    queues.push({.row = 2, .bank = 4}, 0, -1);
    EXPECT_TRUE(queues.full(false, 0));
    EXPECT_FALSE(queues.full(false, 1));
    EXPECT_FALSE(queues.full(true, 0));
    queues.push({.row = 1, .bank = 20}, 0, -1);
    EXPECT_EQ(queues.size(false, 1), 1);
    EXPECT_EQ(queues.busy(false, 1), std::vector<int>{20});
}

// Rows 64 apart are counted together; what counts is still the row itself.
TEST(RequestQueues, KnowTheOldestRequestsForAnOpenedRow) {
    RequestQueues queues(16, 8, 8);
    const int far = queues.push({.row = 65, .bank = 3}, 0, -1);
    const int first = queues.push({.row = 1, .bank = 3}, 1, -1);
    const int second = queues.push({.row = 1, .bank = 3}, 2, -1);
    queues.row_changed(3, 1);
    EXPECT_EQ(queues.oldest_hit(false, 3), first);
    EXPECT_EQ(queues.oldest_miss(false, 3), far);
    EXPECT_EQ(queues.oldest_hit(true, 3), RequestQueues::kNone);
    queues.remove(first, 1);
    EXPECT_EQ(queues.oldest_hit(false, 3), second);
    queues.make_active(second);
    queues.row_changed(3, 1);
    EXPECT_EQ(queues.oldest_hit(false, 3), RequestQueues::kNone);
    EXPECT_EQ(queues.oldest_miss(false, 3), far);
    queues.put_back(3, 1);
    EXPECT_EQ(queues.oldest_hit(false, 3), second);
    queues.row_changed(3, 129);
    EXPECT_EQ(queues.oldest_hit(false, 3), RequestQueues::kNone);
    EXPECT_EQ(queues.oldest_miss(false, 3), second);
}

TEST(HbmStandards, HaveQueuesOfEachPseudoChannel) {
    for (const char* name : {"hbm2_2000", "hbm2e_3200", "hbm3_6400", "hbm3e_8000"}) {
        const DramSpec spec = load_spec(ConfigPath({PERFWATT_SOURCE_DIR}), name).spec;
        EXPECT_EQ(spec.queues_per_channel(), 2) << name;
    }
}

// Writes fill one pseudo channel, reads of the other come now and then: with queues of its own,
// they never wait for a batch of writes to be drained.
TEST(PseudoChannels, WithQueuesOfTheirOwnDrainWritesBesideReads) {
    const auto latency = [&](QueueScope scope) {
        const DramSpec spec = hbm(scope);
        std::int64_t i = 0;
        return replay(spec,
                      [&](TraceRequest& request) {
                          // Pseudo channels alternate burst by burst: odd ones are written.
                          const bool write = i % 8 != 0;
                          request = {.cycle = 2 * i,
                                     .address = 32 * (2 * (i % 4096) + (write ? 1 : 0)),
                                     .write = write};
                          return i++ < 20'000;
                      },
                      {.window = 32})
            .mean_read_latency_ns;
    };
    EXPECT_LT(latency(QueueScope::pseudo_channel), 0.8 * latency(QueueScope::channel));
}

// Refreshed at the same time, both halves rest at once; in turn, a stream over both rests twice.
TEST(PseudoChannels, RefreshedInTurnHoldUpAStreamTwice) {
    const auto cycles = [](bool staggered) {
        DramSpec spec = hbm(QueueScope::pseudo_channel);
        spec.refresh = {.mode = RefreshMode::all_bank, .staggered = staggered};
        spec.refresh.blocks_channel = false;
        std::int64_t i = 0;
        return replay(spec,
                      [&](TraceRequest& request) {
                          request = {.cycle = 0, .address = 32 * i, .write = false};
                          return i++ < 50'000;
                      },
                      {.window = 32})
            .cycles;
    };
    const std::int64_t none = 50'000;
    const std::int64_t together = cycles(false) - none;
    const std::int64_t in_turn = cycles(true) - none;
    EXPECT_GT(in_turn, together * 3 / 2);
    EXPECT_LT(in_turn, together * 5 / 2);
}

}  // namespace
}  // namespace perfwatt::dram

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <queue>
#include <random>

#include "models/dram/dram_memory.h"
#include "models/dram/dram_schema.h"
#include "models/dram/dram_stream.h"

namespace perfwatt::dram {
namespace {

struct Traffic {
    std::string name;
    std::int64_t bytes = 0;  ///< of a transfer
    int masters = 1;
    int window = 1;  ///< transfers under way for a master
    double limit_percent = 0;
    std::int64_t apart = 0;  ///< bytes by which masters start further on than a bank's first
};

MemoryTransfer transfer_of(const Traffic& traffic, std::int64_t capacity, int master,
                           std::int64_t i, std::mt19937_64& random) {
    const std::int64_t part = capacity / (2 * traffic.masters);
    const std::int64_t reads = (part + traffic.apart) * master;
    const std::int64_t writes = capacity / 2 + reads;
    MemoryTransfer transfer{.row_bytes = traffic.bytes, .layer = 0, .master = master};
    if (traffic.name == "seqR") {
        transfer.address = reads + i * traffic.bytes;
    } else if (traffic.name == "seqW") {
        transfer.address = writes + i * traffic.bytes;
        transfer.direction = Direction::write;
    } else if (traffic.name == "mix21" || traffic.name == "npu") {
        const int period = traffic.name == "mix21" ? 3 : 6;
        const bool write = i % period == period - 1;
        transfer.direction = write ? Direction::write : Direction::read;
        transfer.address = write ? writes + i / period * traffic.bytes
                                 : reads + (i / period * (period - 1) + i % period) * traffic.bytes;
    } else {
        const std::int64_t places = std::min<std::int64_t>(capacity, 1 << 30) / traffic.bytes;
        transfer.address =
            static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(places)) *
            traffic.bytes;
    }
    return transfer;
}

/// Nanoseconds until the last of `count` transfers is complete.
double duration(MemoryModel& memory, const Traffic& traffic, std::int64_t capacity, int count) {
    std::vector<std::mt19937_64> random;
    for (int m = 0; m < traffic.masters; ++m) random.emplace_back(m + 1);
    std::vector<std::int64_t> sent(static_cast<std::size_t>(traffic.masters), 0);
    std::vector<int> under_way(static_cast<std::size_t>(traffic.masters), 0);
    const auto later = [](const MemoryCompletion& a, const MemoryCompletion& b) {
        return a.at != b.at ? a.at > b.at : a.id > b.id;
    };
    std::priority_queue<MemoryCompletion, std::vector<MemoryCompletion>, decltype(later)> known(
        later);
    std::vector<MemoryCompletion> completions;
    Time now;
    for (;;) {
        for (std::size_t m = 0; m < sent.size(); ++m) {
            while (under_way[m] < traffic.window && sent[m] < count / traffic.masters) {
                MemoryTransfer transfer =
                    transfer_of(traffic, capacity, static_cast<int>(m), sent[m], random[m]);
                transfer.id = static_cast<std::uint64_t>(sent[m]) * 16 + m;
                memory.submit(now, transfer);
                ++sent[m];
                ++under_way[m];
            }
        }
        Time next = memory.next_completion_bound();
        if (!known.empty()) next = std::min(next, known.top().at);
        if (next == Time::max()) return now.ns();
        completions.clear();
        memory.advance(next, completions);
        for (const MemoryCompletion& completion : completions) known.push(completion);
        now = next;
        for (; !known.empty() && known.top().at <= now; known.pop()) {
            --under_way[known.top().id % 16];
        }
    }
}

// What the README states about the stream timing, per standard and traffic.
void expect_within(
    const std::string& name, const std::vector<Traffic>& traffics,
    const std::function<void(DramSpec&)>& change = [](DramSpec&) {}) {
    DramSpec spec = load_spec(ConfigPath({PERFWATT_SOURCE_DIR}), name).spec;
    change(spec);
    const std::int64_t burst = spec.organization.burst_bytes();
    for (const Traffic& traffic : traffics) {
        DramMemory exact(spec, {.name = "m", .channels = 1});
        DramStream stream(spec, {.name = "m", .channels = 1});
        const int count =
            static_cast<int>(std::max<std::int64_t>(300, 15000 * burst / traffic.bytes));
        const double slow = duration(exact, traffic, exact.capacity_bytes(), count);
        const double fast = duration(stream, traffic, stream.capacity_bytes(), count);
        const double error = 100 * (fast / slow - 1);
        EXPECT_LE(std::abs(error), traffic.limit_percent)
            << fmt::format("{} {} of {} B, {} masters: {:+.2f} %", name, traffic.name,
                           traffic.bytes, traffic.masters, error);
    }
}

std::vector<Traffic> one_master(std::int64_t burst) {
    return {{"seqR", 4096, 1, 8, 1},   {"seqR", burst, 1, 32, 2},  {"seqW", 4096, 1, 8, 1},
            {"seqW", burst, 1, 32, 1}, {"npu", 1024, 1, 16, 1},    {"npu", 4096, 1, 8, 2},
            {"mix21", 1024, 1, 16, 2}, {"mix21", burst, 1, 32, 9}, {"rand", burst, 1, 32, 5},
            {"rand", 4096, 1, 4, 2}};
}

TEST(DramStreamError, OfOneMasterStaysWithinWhatIsStated) {
    for (const char* name : {"ddr4_3200", "ddr5_4800"}) expect_within(name, one_master(64));
    for (const char* name : {"lpddr4_3200", "lpddr5_6400", "gddr6_14", "hbm2_2000", "hbm3_6400"})
        expect_within(name, one_master(32));
}

std::vector<Traffic> several_masters(double limit) {
    return {{"seqR", 4096, 2, 8, limit},  {"seqR", 4096, 4, 8, limit},  {"seqR", 1024, 2, 8, limit},
            {"mix21", 4096, 2, 8, limit}, {"mix21", 4096, 4, 8, limit}, {"npu", 1024, 2, 8, limit},
            {"npu", 1024, 4, 8, limit}};
}

// Masters that begin at the same bank with different rows, and so close each other's.
TEST(DramStreamError, OfSeveralMastersStaysWithinWhatIsStated) {
    for (const char* name : {"ddr4_3200", "ddr5_4800", "lpddr4_3200", "lpddr5_6400", "gddr6_14"}) {
        expect_within(name, several_masters(name == std::string{"lpddr5_6400"} ? 13 : 8));
    }
}

// Pseudo channels with queues of their own let masters overtake each other or keep step, as chance
// will have it: the exact time changes by up to half when one starts a few bursts further on.
TEST(DramStreamError, OfMastersOfAnHbmIsSmallOnAverage) {
    for (const char* name : {"hbm2_2000", "hbm3_6400"}) {
        const DramSpec spec = load_spec(ConfigPath({PERFWATT_SOURCE_DIR}), name).spec;
        for (Traffic traffic : several_masters(15)) {
            double slow = 0;
            double fast = 0;
            for (const std::int64_t apart : {0, 64, 256, 1024, 2048, 4096, 8192, 16384}) {
                traffic.apart = apart;
                const auto count = static_cast<int>(500'000 / traffic.bytes);
                DramMemory exact(spec, {.name = "m", .channels = 1});
                DramStream stream(spec, {.name = "m", .channels = 1});
                slow += duration(exact, traffic, exact.capacity_bytes(), count);
                fast += duration(stream, traffic, stream.capacity_bytes(), count);
            }
            const double error = 100 * (fast / slow - 1);
            EXPECT_LE(std::abs(error), traffic.limit_percent)
                << fmt::format("{} {} of {} B, {} masters: {:+.2f} %", name, traffic.name,
                               traffic.bytes, traffic.masters, error);
        }
    }
}

TEST(DramStreamError, OfClosedAndAdaptivePagesStaysWithinWhatIsStated) {
    for (const char* name : {"ddr4_3200", "lpddr5_6400"}) {
        for (const PagePolicy page : {PagePolicy::closed, PagePolicy::adaptive}) {
            expect_within(
                name, {{"seqR", 4096, 1, 8, 1}, {"npu", 1024, 1, 16, 2}, {"rand", 64, 1, 32, 9}},
                [&](DramSpec& spec) { spec.controller.page = page; });
        }
    }
}

TEST(DramStreamError, OfRefreshManagementStaysWithinWhatIsStated) {
    for (const char* name : {"ddr5_4800_rfm", "lpddr5_6400_rfm", "hbm3_6400_rfm"}) {
        expect_within(name, {{"rand", 64, 1, 32, 6}});
    }
}

// A rank that is asked for something every 100 us sleeps as long and as deeply in both timings.
TEST(DramStreamError, OfSelfRefreshIsSmall) {
    DramSpec spec = load_spec(ConfigPath({PERFWATT_SOURCE_DIR}), "lpddr5_6400").spec;
    spec.power = {.power_down_after = 64, .self_refresh_after = 8000};
    DramMemory exact(spec, {.name = "m", .channels = 1});
    DramStream stream(spec, {.name = "m", .channels = 1});
    const auto run = [](MemoryModel& memory) {
        std::vector<MemoryCompletion> completions;
        for (int i = 0; i < 20; ++i) {
            const Time now = Time::from_ns(100'000.0 * (i + 1));
            memory.advance(now, completions);
            memory.submit(now, {.address = i * 4096, .row_bytes = 4096, .layer = 0});
        }
        memory.advance(Time::from_ns(2'100'000), completions);
        EXPECT_EQ(completions.size(), 20);
        memory.finish(Time::from_ns(2'100'000));
        return memory.report();
    };
    const MemoryReport slow = run(exact);
    const MemoryReport fast = run(stream);
    EXPECT_EQ(slow.self_refreshes, 21 * slow.refresh_units);
    EXPECT_EQ(fast.self_refreshes, slow.self_refreshes);
    EXPECT_NEAR(fast.self_refreshed.ns(), slow.self_refreshed.ns(),
                0.01 * slow.self_refreshed.ns());
    EXPECT_NEAR(static_cast<double>(fast.refreshes), static_cast<double>(slow.refreshes), 5);
}

// Banks refreshed one after the other hold up what needs them.
TEST(DramStreamError, OfBankRefreshesStaysWithinWhatIsStated) {
    for (const auto& [name, mode] : {std::pair{"lpddr5_6400", RefreshMode::per_bank},
                                     std::pair{"ddr5_4800", RefreshMode::same_bank}}) {
        DramSpec spec = load_spec(ConfigPath({PERFWATT_SOURCE_DIR}), name).spec;
        spec.refresh.mode = mode;
        spec.refresh.max_postponed = 0;
        for (const Traffic& traffic :
             {Traffic{"seqR", 4096, 1, 8, 2}, Traffic{"npu", 4096, 1, 8, 3},
              Traffic{"rand", 64, 1, 32, 5}}) {
            DramMemory exact(spec, {.name = "m", .channels = 1});
            DramStream stream(spec, {.name = "m", .channels = 1});
            const double slow = duration(exact, traffic, exact.capacity_bytes(), 1500);
            const double fast = duration(stream, traffic, stream.capacity_bytes(), 1500);
            EXPECT_NEAR(fast / slow, 1, traffic.limit_percent / 100) << name << " " << traffic.name;
        }
    }
}

}  // namespace
}  // namespace perfwatt::dram

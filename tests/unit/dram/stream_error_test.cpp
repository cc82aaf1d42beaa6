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
};

MemoryTransfer transfer_of(const Traffic& traffic, std::int64_t capacity, int master,
                           std::int64_t i, std::mt19937_64& random) {
    const std::int64_t part = capacity / (2 * traffic.masters);
    const std::int64_t reads = part * master;
    const std::int64_t writes = capacity / 2 + part * master;
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
void expect_within(const std::string& name, const std::vector<Traffic>& traffics) {
    const DramSpec spec = load_spec(ConfigPath({PERFWATT_SOURCE_DIR}), name).spec;
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
    return {{"seqR", 4096, 1, 8, 2},   {"seqR", burst, 1, 32, 2},   {"seqW", 4096, 1, 8, 2},
            {"seqW", burst, 1, 32, 2}, {"npu", 1024, 1, 16, 3},     {"npu", 4096, 1, 8, 3},
            {"mix21", 1024, 1, 16, 5}, {"mix21", burst, 1, 32, 14}, {"rand", burst, 1, 32, 12},
            {"rand", 4096, 1, 4, 5}};
}

TEST(DramStreamError, OfOneMasterStaysWithinWhatIsStated) {
    for (const char* name : {"ddr4_3200", "ddr5_4800"}) expect_within(name, one_master(64));
    for (const char* name : {"lpddr4_3200", "lpddr5_6400", "gddr6_14", "hbm2_2000", "hbm3_6400"})
        expect_within(name, one_master(32));
}

// Masters that begin at the same bank with different rows, and so close each other's.
TEST(DramStreamError, OfSeveralMastersStaysWithinWhatIsStated) {
    for (const char* name : {"ddr4_3200", "ddr5_4800", "lpddr4_3200", "lpddr5_6400", "gddr6_14"}) {
        expect_within(name, {{"seqR", 4096, 2, 8, 10},
                             {"seqR", 4096, 4, 8, 10},
                             {"mix21", 4096, 2, 8, 10},
                             {"mix21", 4096, 4, 8, 10},
                             {"npu", 1024, 2, 8, 12},
                             {"npu", 1024, 4, 8, 12}});
    }
}

// Banks refreshed one after the other hold up what needs them.
TEST(DramStreamError, OfBankRefreshesStaysWithinWhatIsStated) {
    for (const auto& [name, mode] : {std::pair{"lpddr5_6400", RefreshMode::per_bank},
                                     std::pair{"ddr5_4800", RefreshMode::same_bank}}) {
        DramSpec spec = load_spec(ConfigPath({PERFWATT_SOURCE_DIR}), name).spec;
        spec.refresh.mode = mode;
        spec.refresh.max_postponed = 0;
        for (const Traffic& traffic :
             {Traffic{"seqR", 4096, 1, 8, 5}, Traffic{"npu", 4096, 1, 8, 7},
              Traffic{"rand", 64, 1, 32, 10}}) {
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

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "models/dram/dram_memory.h"
#include "models/dram/dram_schema.h"
#include "models/dram/dram_stream.h"

namespace perfwatt::dram {
namespace {

constexpr int kChannels = 4;

DramSpec shipped(const char* name) {
    return load_spec(ConfigPath({PERFWATT_SOURCE_DIR}), name).spec;
}

/// Groups of transfers: each is submitted when all of the one before are complete, `pause` later.
using Groups = std::vector<std::vector<MemoryTransfer>>;

/// When each group was complete.
std::vector<Time> ends_of(MemoryModel& memory, const Groups& groups, Time pause) {
    std::vector<Time> ends;
    Time now;
    for (const std::vector<MemoryTransfer>& group : groups) {
        for (const MemoryTransfer& transfer : group) memory.submit(now, transfer);
        std::vector<MemoryCompletion> completions;
        while (completions.size() < group.size())
            (void)memory.advance_to_completion(Time::max(), completions);
        for (const MemoryCompletion& completion : completions) now = std::max(now, completion.at);
        ends.push_back(now);
        now += pause;
    }
    memory.finish(now);
    return ends;
}

/// `channels` channels' worth of neighbouring reads, then writes, of two masters.
Groups even_groups(std::int64_t channels) {
    Groups groups;
    for (int g = 0; g < 5; ++g) {
        groups.emplace_back();
        for (int i = 0; i < 40; ++i)
            groups.back().push_back({.address = channels * 4096 * (64 * g + i),
                                     .row_bytes = channels * 4096,
                                     .direction = i % 4 == 3 ? Direction::write : Direction::read,
                                     .layer = 0,
                                     .master = i % 2,
                                     .id = static_cast<std::uint64_t>(i)});
    }
    return groups;
}

/// Small pieces of a matrix's columns, all of them in the channel where the matrix begins.
std::vector<MemoryTransfer> one_channels_pieces(const DramSpec& spec) {
    const std::int64_t block =
        AddressMapping(spec, kChannels).channel_stride() * spec.organization.burst_bytes();
    std::vector<MemoryTransfer> pieces;
    for (int i = 0; i < 12; ++i)
        pieces.push_back({.address = i * 64 * block * kChannels,
                          .row_bytes = spec.organization.burst_bytes(),
                          .rows = 64,
                          .pitch_bytes = block * kChannels,
                          .layer = 1,
                          .id = static_cast<std::uint64_t>(i)});
    return pieces;
}

TEST(DramStreamChannels, ThatDoTheSameTakeTheTimeOfOne) {
    for (const char* name : {"lpddr4_3200", "lpddr5_6400", "ddr4_3200", "hbm3_6400"}) {
        const DramSpec spec = shipped(name);
        DramStream many(spec, {.name = "m", .channels = kChannels});
        DramStream one(spec, {.name = "m", .channels = 1});
        const Time pause = Time::from_ns(3000);
        EXPECT_EQ(ends_of(many, even_groups(kChannels), pause), ends_of(one, even_groups(1), pause))
            << name;
        const MemoryReport all = many.report();
        const MemoryReport single = one.report();
        ASSERT_EQ(all.commands.size(), single.commands.size());
        for (std::size_t i = 0; i < all.commands.size(); ++i)
            EXPECT_EQ(all.commands[i].count, kChannels * single.commands[i].count)
                << name << " " << all.commands[i].name;
        EXPECT_EQ(all.data_bus_busy, kChannels * single.data_bus_busy);
    }
}

// Rows that all fall to one channel take as long as they do burst by burst, whatever the others
// could have taken over.
TEST(DramStreamChannels, AreTimedApartWhereOneHasAllToDo) {
    for (const char* name : {"lpddr4_3200", "lpddr5_6400", "ddr4_3200", "hbm3_6400"}) {
        const DramSpec spec = shipped(name);
        Groups groups = even_groups(kChannels);
        for (std::size_t g = 1; g < groups.size(); g += 2) groups[g] = one_channels_pieces(spec);
        DramStream stream(spec, {.name = "m", .channels = kChannels});
        DramMemory exact(spec, {.name = "m", .channels = kChannels});
        const std::vector<Time> fast = ends_of(stream, groups, Time::from_ns(500));
        const std::vector<Time> slow = ends_of(exact, groups, Time::from_ns(500));
        for (std::size_t g = 1; g < groups.size(); ++g)
            EXPECT_NEAR((fast[g] - fast[g - 1]).ns() / (slow[g] - slow[g - 1]).ns(), 1, 0.12)
                << name << ", group " << g;
    }
}

TEST(DramStreamChannels, MoveEveryByteOnceHoweverTheyAreTimed) {
    for (const char* name : {"lpddr4_3200", "hbm3_6400"}) {
        const DramSpec spec = shipped(name);
        Groups groups = even_groups(kChannels);
        groups[1] = one_channels_pieces(spec);
        // A share of a channel's block more or less: even on the whole.
        for (MemoryTransfer& transfer : groups[2]) transfer.row_bytes -= 640;
        for (MemoryTransfer& transfer : groups[4]) transfer.address += 96;
        DramStream stream(spec, {.name = "m", .channels = kChannels});
        const Time end = ends_of(stream, groups, Time::from_ns(500)).back();
        std::int64_t asked = 0;
        for (const auto& group : groups)
            for (const MemoryTransfer& transfer : group) asked += transfer.bytes();
        const MemoryReport report = stream.report();
        EXPECT_EQ(report.read_bytes + report.write_bytes, asked);
        EXPECT_EQ(asked + report.rounding_bytes, report.column_commands * report.burst_bytes);
        EXPECT_LE(report.row_hits, report.column_commands);
        EXPECT_LE(report.data_bus_busy, end * kChannels);
        const double due =
            end.ns() / report.refresh_interval.ns() * static_cast<double>(report.refresh_units);
        EXPECT_NEAR(static_cast<double>(report.refreshes), due,
                    static_cast<double>(report.refresh_units * (report.refresh_postponable + 1)));
    }
}

}  // namespace
}  // namespace perfwatt::dram

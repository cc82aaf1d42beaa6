#include "models/sram/sram_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "sim/base/diagnostics.h"

namespace perfwatt::sram {
namespace {

/// Four banks of 16 B a cycle at 1 GHz, interleaved by 64 B, 5 ns away.
SramMemorySpec spec() {
    return {.name = "l2",
            .capacity_bytes = 4096,
            .banks = 4,
            .interleave_bytes = 64,
            .bytes_per_cycle = 16,
            .clock = Clock(1'000'000'000),
            .latency = Time::from_ns(5),
            .read_pj = 2,
            .write_pj = 3,
            .energy_source = "CACTI 7"};
}

MemoryTransfer transfer(std::int64_t address, std::int64_t bytes,
                        Direction direction = Direction::read, std::uint64_t id = 1) {
    return {.address = address, .row_bytes = bytes, .direction = direction, .layer = 0, .id = id};
}

std::vector<MemoryCompletion> completions_of(SramMemory& memory, Time limit) {
    std::vector<MemoryCompletion> completions;
    memory.advance(limit, completions);
    return completions;
}

TEST(SramMemory, OneBankServesOneAccessACycle) {
    SramMemory memory(spec());
    memory.submit(Time::from_ns(10), transfer(0, 64));
    EXPECT_EQ(memory.next_completion_bound(), Time::from_ns(19));  // 4 accesses, 5 ns away
    const auto done = completions_of(memory, Time::from_ns(11));
    ASSERT_EQ(done.size(), 1U);
    EXPECT_EQ(done[0].at, Time::from_ns(19));
    EXPECT_EQ(memory.next_completion_bound(), Time::max());
}

TEST(SramMemory, BanksWorkSideBySide) {
    SramMemory memory(spec());
    memory.submit(Time::zero(), transfer(0, 256));  // 64 B in each of four banks
    EXPECT_EQ(memory.next_completion_bound(), Time::from_ns(9));
    EXPECT_EQ(memory.data_bus_busy(Time::from_ns(4)), Time::from_ns(16));
    EXPECT_EQ(memory.data_bus_busy(Time::from_ns(1)), Time::from_ns(4));
}

TEST(SramMemory, TransfersToOneBankQueueInOrder) {
    SramMemory memory(spec());
    memory.submit(Time::zero(), transfer(0, 64, Direction::read, 1));
    memory.submit(Time::from_ns(1), transfer(256, 64, Direction::write, 2));  // bank 0 again
    memory.submit(Time::from_ns(1), transfer(64, 16, Direction::read, 3));    // bank 1 is free
    const auto done = completions_of(memory, Time::from_ns(2));
    ASSERT_EQ(done.size(), 3U);
    EXPECT_EQ(done[0].at, Time::from_ns(4 + 5));
    EXPECT_EQ(done[1].at, Time::from_ns(8 + 5));
    EXPECT_EQ(done[2].at, Time::from_ns(2 + 5));
}

TEST(SramMemory, TwoThatShareTakeLongerTogetherThanAlone) {
    SramMemory alone(spec());
    alone.submit(Time::zero(), transfer(0, 1024));
    SramMemory shared(spec());
    shared.submit(Time::zero(), transfer(0, 1024, Direction::read, 1));
    shared.submit(Time::zero(), transfer(1024, 1024, Direction::read, 2));
    EXPECT_EQ(completions_of(alone, Time::from_ns(1))[0].at, Time::from_ns(16 + 5));
    EXPECT_EQ(completions_of(shared, Time::from_ns(1))[1].at, Time::from_ns(32 + 5));
}

TEST(SramMemory, RowsAndEdgesAreWholeAccesses) {
    SramMemory memory(spec());
    // Three rows of 20 B, 100 B apart: at 8, 108 and 208, which touch 2, 2 and 2 accesses.
    MemoryTransfer t = transfer(8, 20);
    t.rows = 3;
    t.pitch_bytes = 100;
    memory.submit(Time::zero(), t);
    static_cast<void>(completions_of(memory, Time::from_ns(1)));
    memory.finish(Time::from_ns(100));
    const MemoryReport report = memory.report();
    EXPECT_EQ(report.read_bytes, 60);
    EXPECT_EQ(report.rounding_bytes, 6 * 16 - 60);
    EXPECT_EQ(report.column_commands * report.burst_bytes,
              report.read_bytes + report.write_bytes + report.rounding_bytes);
    EXPECT_EQ(report.peak_bytes_per_second, 64'000'000'000);
}

TEST(SramMemory, ClosedFormEqualsCountingAccessByAccess) {
    for (std::int64_t address = 0; address < 300; address += 7)
        for (std::int64_t bytes = 1; bytes < 700; bytes += 13) {
            SramMemory memory(spec());
            memory.submit(Time::zero(), transfer(address, bytes));
            std::array<std::int64_t, 4> accesses{};
            for (std::int64_t a = address / 16; a <= (address + bytes - 1) / 16; ++a)
                ++accesses[static_cast<std::size_t>(a * 16 / 64 % 4)];
            const std::int64_t longest = *std::max_element(accesses.begin(), accesses.end());
            ASSERT_EQ(memory.next_completion_bound(),
                      Time::from_ns(5) + Time::from_ps(longest * 1000))
                << address << " " << bytes;
        }
}

TEST(SramMemory, CountsAccessesByLayer) {
    SramMemory memory(spec());
    memory.submit(Time::zero(), transfer(0, 64));
    memory.submit(Time::zero(), transfer(0, 32, Direction::write));
    MemoryTransfer unlabelled = transfer(0, 16);
    unlabelled.layer = -1;
    memory.submit(Time::zero(), unlabelled);
    Counts counts(memory.actions(), 2);
    memory.add_counts(counts, {ActionId{0}, ActionId{1}});
    EXPECT_EQ(counts.get(0, ActionId{0}), 4);
    EXPECT_EQ(counts.get(0, ActionId{1}), 2);
    EXPECT_EQ(counts.get(1, ActionId{0}), 1);  // the shared row
    EXPECT_EQ(memory.actions()[0].unit, "access of 16 B");
}

TEST(SramMemory, BusyTimeSkipsGaps) {
    SramMemory memory(spec());
    memory.submit(Time::zero(), transfer(0, 32));
    memory.submit(Time::from_ns(10), transfer(0, 32));
    EXPECT_EQ(memory.data_bus_busy(Time::from_ns(5)), Time::from_ns(2));
    EXPECT_EQ(memory.data_bus_busy(Time::from_ns(11)), Time::from_ns(3));
    EXPECT_EQ(memory.data_bus_busy(Time::from_ns(20)), Time::from_ns(4));
}

TEST(SramMemory, WhatLiesBeyondIsFatal) {
    SramMemory memory(spec());
    EXPECT_THROW(memory.submit(Time::zero(), transfer(4090, 16)), InternalError);
    EXPECT_THROW(memory.submit(Time::zero(), transfer(0, 0)), InternalError);
    memory.submit(Time::zero(), transfer(0, 16));
    EXPECT_THROW(memory.finish(Time::from_ns(100)), InternalError);  // never reported
}

}  // namespace
}  // namespace perfwatt::sram

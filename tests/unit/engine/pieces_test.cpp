#include "sim/engine/pieces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

std::vector<Piece> cut(const Region& region, std::int64_t transaction_bytes) {
    PieceCutter cutter(region, transaction_bytes);
    std::vector<Piece> pieces;
    while (!cutter.done()) {
        pieces.push_back(cutter.next());
    }
    return pieces;
}

std::int64_t bytes(const std::vector<Piece>& pieces) {
    std::int64_t sum = 0;
    for (const Piece& piece : pieces) {
        EXPECT_EQ(piece.offset, sum) << "offsets follow one another";
        sum += piece.bytes();
    }
    return sum;
}

TEST(PieceCutter, ContiguousBytesAreCutAtMultiplesOfTheTransaction) {
    const auto pieces = cut({MemoryId{0}, 3000, 10'000, 1, 10'000}, 4096);
    ASSERT_EQ(pieces.size(), 4U);
    EXPECT_EQ(pieces[0].bytes(), 1096);
    EXPECT_EQ(pieces[1].address, 4096);
    EXPECT_EQ(pieces[1].bytes(), 4096);
    EXPECT_EQ(pieces[3].address, 12'288);
    EXPECT_EQ(bytes(pieces), 10'000);
}

TEST(PieceCutter, RowsThatTouchAreContiguous) {
    EXPECT_EQ(cut({MemoryId{0}, 0, 64, 64, 64}, 4096).size(), 1U);
}

// Ten rows of 100 bytes, 300 apart; four fit into 400 bytes.
TEST(PieceCutter, ShortRowsTravelTogether) {
    const auto pieces = cut({MemoryId{0}, 1000, 100, 10, 300}, 400);
    ASSERT_EQ(pieces.size(), 3U);
    EXPECT_EQ(pieces[0].rows, 4);
    EXPECT_EQ(pieces[0].pitch_bytes, 300);
    EXPECT_EQ(pieces[1].address, 1000 + 4 * 300);
    EXPECT_EQ(pieces[2].rows, 2);
    EXPECT_EQ(bytes(pieces), 1000);
}

TEST(PieceCutter, LongRowsAreCutEachByItself) {
    const auto pieces = cut({MemoryId{0}, 0, 600, 2, 1000}, 400);
    ASSERT_EQ(pieces.size(), 4U);
    EXPECT_EQ(pieces[1].bytes(), 200);
    EXPECT_EQ(pieces[2].address, 1000);
    EXPECT_EQ(pieces[2].bytes(), 200) << "up to the next multiple of 400";
    EXPECT_EQ(bytes(pieces), 1200);
}

TEST(PieceCutter, RefusesNothingAndOverlap) {
    EXPECT_THROW(cut({MemoryId{0}, 0, 0, 1, 0}, 64), InternalError);
    EXPECT_THROW(cut({MemoryId{0}, 0, 100, 2, 50}, 64), InternalError);
    EXPECT_THROW(cut({MemoryId{0}, 0, 100, 2, 200}, 0), InternalError);
}

}  // namespace
}  // namespace perfwatt

#include "sim/engine/scratchpad.h"

#include <gtest/gtest.h>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

// Two banks of 1000 bytes, each of which moves a byte a nanosecond.
constexpr ScratchpadGeometry kGeometry{2, 1000, 1'000'000'000};
constexpr UnitId kMatrix{0};
constexpr UnitId kVector{1};

Time ns(std::int64_t n) { return Time::from_ps(n * 1000); }

struct ScratchpadTest : testing::Test {
    Scratchpad pad{kGeometry, 2};

    void claim(UnitId unit, Time now, Time duration, std::int64_t address, std::int64_t bytes) {
        const std::vector<BankUse> uses{{{address, 100}, bytes}};
        pad.claim(now, unit, duration, uses);
    }
};

TEST_F(ScratchpadTest, CommandAloneTakesItsDuration) {
    claim(kMatrix, ns(10), ns(200), 0, 150);
    EXPECT_EQ(pad.end(kMatrix), ns(210));
}

TEST_F(ScratchpadTest, CommandThatOverloadsABankByItselfHasThatInItsDuration) {
    claim(kMatrix, ns(0), ns(200), 0, 500);
    EXPECT_EQ(pad.end(kMatrix), ns(200));
}

// 150 of 200 ns used: 50 ns of slack. 80 bytes take 80 ns: 30 too many.
TEST_F(ScratchpadTest, TransferIntoTheSameBankDelaysByWhatExceedsTheSlack) {
    claim(kMatrix, ns(0), ns(200), 0, 150);
    (void)pad.transfer(ns(100), {200, 40}, {ns(100), ns(100)});
    EXPECT_EQ(pad.end(kMatrix), ns(200));
    (void)pad.transfer(ns(150), {200, 40}, {ns(150), ns(150)});
    EXPECT_EQ(pad.end(kMatrix), ns(230));
}

TEST_F(ScratchpadTest, TransferIntoAnotherBankDelaysNobody) {
    claim(kMatrix, ns(0), ns(200), 0, 200);
    (void)pad.transfer(ns(100), {1000, 500}, {ns(100), ns(100)});
    EXPECT_EQ(pad.end(kMatrix), ns(200));
}

TEST_F(ScratchpadTest, TransferThatStraddlesBanksTakesItsPartOfEach) {
    claim(kMatrix, ns(0), ns(200), 0, 200);
    (void)pad.transfer(ns(100), {970, 100}, {ns(100), ns(100)});
    EXPECT_EQ(pad.end(kMatrix), ns(230));
}

TEST_F(ScratchpadTest, CommandsShareABankFairly) {
    claim(kMatrix, ns(0), ns(100), 0, 100);  // all of the bank
    claim(kVector, ns(0), ns(100), 0, 100);  // all of it, too: each takes twice as long
    EXPECT_EQ(pad.end(kMatrix), ns(200));
    EXPECT_EQ(pad.end(kVector), ns(200));
}

// The vector unit wants half the bank for 40 ns: 20 ns taken. The matrix unit wants all of it in
// those 40 ns, of which the vector unit can spare 20.
TEST_F(ScratchpadTest, OnlyTheOverlapCounts) {
    claim(kMatrix, ns(0), ns(100), 0, 100);
    claim(kVector, ns(50), ns(40), 0, 20);
    EXPECT_EQ(pad.end(kMatrix), ns(120));
    EXPECT_EQ(pad.end(kVector), ns(110));
}

TEST_F(ScratchpadTest, ReleasedClaimIsOutOfTheWay) {
    claim(kMatrix, ns(0), ns(100), 0, 100);
    pad.release(kMatrix);
    claim(kVector, ns(100), ns(100), 0, 100);
    EXPECT_EQ(pad.end(kVector), ns(200));
    EXPECT_THROW(pad.release(kMatrix), InternalError);
}

TEST_F(ScratchpadTest, TransfersQueueForABank) {
    EXPECT_EQ(pad.transfer(ns(0), {0, 100}, {ns(0), ns(0)}).tail, ns(100));
    EXPECT_EQ(pad.transfer(ns(0), {500, 100}, {ns(0), ns(0)}).tail, ns(200));
    EXPECT_EQ(pad.transfer(ns(0), {1500, 100}, {ns(0), ns(0)}).tail, ns(100)) << "another bank";
}

TEST_F(ScratchpadTest, SlowTransferAloneIsNotHeldUp) {
    EXPECT_EQ(pad.transfer(ns(500), {0, 100}, {ns(100), ns(500)}).tail, ns(500));
}

TEST_F(ScratchpadTest, CommandThatStartsBehindTransfersWaitsForThem) {
    (void)pad.transfer(ns(0), {0, 100}, {ns(0), ns(0)});
    claim(kMatrix, ns(40), ns(50), 0, 50);
    EXPECT_EQ(pad.end(kMatrix), ns(150));
}

TEST_F(ScratchpadTest, BufferOutsideIsRefused) {
    EXPECT_THROW(claim(kMatrix, ns(0), ns(1), 1950, 10), InternalError);
}

TEST(Scratchpad, WithoutBanksNobodyWaits) {
    Scratchpad pad({}, 1);
    const std::vector<BankUse> uses{{{0, 1000}, 100'000}};
    pad.claim(ns(0), kMatrix, ns(10), uses);
    EXPECT_EQ(pad.transfer(ns(5), {0, 1000}, {ns(5), ns(5)}).tail, ns(5));
    EXPECT_EQ(pad.end(kMatrix), ns(10));
}

}  // namespace
}  // namespace perfwatt

#include "sim/base/time.h"

#include <gtest/gtest.h>

#include "sim/base/math.h"

namespace perfwatt {
namespace {

TEST(Clock, CyclesRoundUpToTheFemtosecond) {
    EXPECT_EQ(Clock(1'000'000'000).cycles(3), Time{3'000'000});
    EXPECT_EQ(Clock(3'000'000'000).cycles(1), Time{333'334});  // 333333.3 fs
    EXPECT_EQ(Clock(3'000'000'000).cycles(3), Time{1'000'000});
    EXPECT_EQ(Clock(700'000'000).cycles(0), Time::zero());
}

TEST(Clock, ErrorsDoNotAccumulate) {
    // A billion cycles of 3 GHz are 1/3 s, not a billion times the rounded cycle.
    EXPECT_EQ(Clock(3'000'000'000).cycles(1'000'000'000), Time{333'333'333'333'334});
    // An hour of 2.133 GHz still fits.
    EXPECT_EQ(Clock(2'133'000'000).cycles(2'133'000'000LL * 3600), Time{3'600'000'000'000'000'000});
}

TEST(Clock, CyclesInIsTheSmallestNumberThatLastsAtLeast) {
    const Clock clock(1'600'000'000);  // 625 ps
    EXPECT_EQ(clock.cycles_in(Time::zero()), 0);
    EXPECT_EQ(clock.cycles_in(Time{1}), 1);
    EXPECT_EQ(clock.cycles_in(Time{625'000}), 1);
    EXPECT_EQ(clock.cycles_in(Time{625'001}), 2);
    EXPECT_EQ(clock.cycles_in(Time::from_ns(18)), 29);  // 28.8
}

TEST(Clock, CyclesThereAndBackAreTheSame) {
    for (const std::int64_t hertz : {3'000'000'000LL, 2'133'333'333LL, 700'000'001LL, 1'000'000LL})
        for (const std::int64_t n : {1, 2, 3, 7, 1000, 999'999'937}) {
            const Clock clock(hertz);
            EXPECT_EQ(clock.cycles_in(clock.cycles(n)), n) << hertz;
            EXPECT_EQ(clock.cycles_in(clock.cycles(n) + Time{1}), n + 1) << hertz;
        }
}

TEST(Time, ConvertsExactly) {
    EXPECT_EQ(Time::from_ns(0.625), Time{625'000});
    EXPECT_EQ(Time::from_ps(7), Time{7'000});
    EXPECT_EQ(Time{1'500'000}.ns(), 1.5);
    EXPECT_EQ((Time{3} + Time{4}) * 2 - Time{1}, Time{13});
    EXPECT_LT(Time::zero(), Time::max());
}

TEST(TransferTime, RoundsUpAndDoesNotOverflow) {
    EXPECT_EQ(transfer_time(64, 64'000'000'000), Time{1'000'000});  // 64 B at 64 GB/s: 1 ns
    EXPECT_EQ(transfer_time(1, 3), Time{333'333'333'333'334});
    EXPECT_EQ(transfer_time(0, 1), Time::zero());
    EXPECT_EQ(transfer_time(1LL << 40, 1'000'000'000'000), Time{1'099'511'627'776'000});
}

TEST(Math, CeilDivAndRoundUp) {
    EXPECT_EQ(ceil_div(7, 3), 3);
    EXPECT_EQ(ceil_div(6, 3), 2);
    EXPECT_EQ(ceil_div(0, 3), 0);
    EXPECT_EQ(round_up(13, 8), 16);
    EXPECT_EQ(round_up(16, 8), 16);
}

}  // namespace
}  // namespace perfwatt

#include "sim/engine/breakdown.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/diagnostics.h"
#include "sim/engine/busy_curve.h"

namespace perfwatt {
namespace {

struct Made {
    Program program;
    std::vector<CommandTimes> times;

    void add(int unit, Time start, Time end, std::vector<CommandId> after = {}) {
        program.units.resize(3);
        program.layers.resize(1);
        program.commands.push_back({UnitId{unit}, LayerId{0}, Delay{}, std::move(after)});
        times.push_back({start, end});
    }
    [[nodiscard]] std::vector<PathSlice> path(Time launched = {}) const {
        return critical_path(program, times, launched);
    }
};

MATCHER_P3(Slice, command, from, to, "") {
    return arg.command.value == command && arg.from == Time{from} && arg.to == Time{to};
}

using testing::ElementsAre;

TEST(CriticalPath, FollowsTheDependencyThatEndedLast) {
    Made made;
    made.add(0, Time{0}, Time{10});
    made.add(1, Time{0}, Time{30});
    made.add(2, Time{30}, Time{50}, {{0}, {1}});
    EXPECT_THAT(made.path(), ElementsAre(Slice(1, 0, 30), Slice(2, 30, 50)));
}

TEST(CriticalPath, FollowsTheUnitWhereItWasTheOneInTheWay) {
    Made made;
    made.add(0, Time{0}, Time{10});
    made.add(1, Time{0}, Time{30});
    made.add(1, Time{30}, Time{50}, {{0}});
    EXPECT_THAT(made.path(), ElementsAre(Slice(1, 0, 30), Slice(2, 30, 50)));
}

// A DMA engine starts the second transfer when it has sent the first one's requests.
TEST(CriticalPath, TransferInFlightIsInChargeUntilTheNextStarts) {
    Made made;
    made.add(0, Time{0}, Time{40});
    made.add(0, Time{15}, Time{60});
    EXPECT_THAT(made.path(), ElementsAre(Slice(0, 0, 15), Slice(1, 15, 60)));
}

TEST(CriticalPath, GapsHaveNoCommand) {
    Made made;
    made.add(0, Time{5}, Time{10});
    made.add(1, Time{20}, Time{30}, {{0}});
    EXPECT_THAT(made.path(Time{2}),
                ElementsAre(Slice(-1, 2, 5), Slice(0, 5, 10), Slice(-1, 10, 20), Slice(1, 20, 30)));
}

TEST(CriticalPath, CommandBeforeItsDependencyIsRefused) {
    Made made;
    made.add(0, Time{0}, Time{10});
    made.add(1, Time{5}, Time{30}, {{0}});
    EXPECT_THROW((void)made.path(), InternalError);
}

TEST(BreakDown, EachInstantHasOneCause) {
    Made made;
    made.add(0, Time{7}, Time{10});
    made.add(1, Time{12}, Time{30}, {{0}});
    const auto path = made.path(Time{5});
    const PathBreakdown result =
        break_down(made.program, path, Time{5}, [](const PathSlice& slice) {
            CauseTimes causes{};
            of(causes, slice.command.value == 0 ? TimeCause::vector : TimeCause::compute) =
                slice.to - slice.from;
            return causes;
        });
    EXPECT_EQ(of(result.whole, TimeCause::launch), Time{5});
    EXPECT_EQ(of(result.whole, TimeCause::dependency), Time{4});
    EXPECT_EQ(of(result.whole, TimeCause::vector), Time{3});
    EXPECT_EQ(of(result.whole, TimeCause::compute), Time{18});
    EXPECT_EQ(sum(result.whole), Time{30});
    EXPECT_EQ(sum(result.layers[0]), Time{21});
    EXPECT_EQ(largest(result.whole), TimeCause::compute);
}

TEST(BreakDown, CausesThatDoNotFillTheirSliceAreRefused) {
    Made made;
    made.add(0, Time{0}, Time{10});
    EXPECT_THROW((void)break_down(made.program, made.path(), Time{0},
                                  [](const PathSlice&) { return CauseTimes{}; }),
                 InternalError);
}

TEST(BusyCurve, IntervalsAddUp) {
    BusyCurve curve;
    curve.add_interval(Time{10}, Time{20});
    curve.add_interval(Time{20}, Time{25});
    curve.add_interval(Time{40}, Time{50});
    EXPECT_EQ(curve.until(Time{5}), Time{0});
    EXPECT_EQ(curve.until(Time{15}), Time{5});
    EXPECT_EQ(curve.until(Time{30}), Time{15});
    EXPECT_EQ(curve.until(Time{45}), Time{20});
    EXPECT_EQ(curve.between(Time{15}, Time{100}), Time{20});
    EXPECT_EQ(curve.total(), Time{25});
    EXPECT_THROW(curve.add_interval(Time{49}, Time{60}), InternalError);
}

TEST(BusyCurve, PointsAreJoinedByLines) {
    BusyCurve curve;
    curve.add_point(Time{0}, Time{0});
    curve.add_point(Time{10}, Time{0});
    curve.add_point(Time{20}, Time{8});
    curve.add_point(Time{30}, Time{8});
    curve.add_point(Time{50}, Time{8});
    EXPECT_EQ(curve.until(Time{10}), Time{0});
    EXPECT_EQ(curve.until(Time{15}), Time{4});
    EXPECT_EQ(curve.until(Time{40}), Time{8});
    EXPECT_THROW(curve.add_point(Time{60}, Time{7}), InternalError);
}

}  // namespace
}  // namespace perfwatt

#include "sim/engine/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr UnitId kFirst{0};
constexpr UnitId kSecond{1};

Program program_of(std::vector<std::pair<UnitId, std::vector<CommandId>>> commands) {
    Program program;
    program.units = {{"a", UnitKind::matrix, 0}, {"b", UnitKind::vector, 0}};
    for (auto& [unit, after] : commands) {
        program.commands.push_back({unit, {}, Delay{}, std::move(after)});
    }
    return program;
}

TEST(Schedule, CommandIsReadyWhenAllItWaitsForHasEnded) {
    const Program program = program_of({{kFirst, {}}, {kFirst, {}}, {kSecond, {{0}, {1}}}});
    Schedule schedule(program);
    std::vector<UnitId> unblocked;
    EXPECT_FALSE(schedule.ready_head(kSecond).valid());
    schedule.start({0}, Time{0});
    schedule.end({0}, Time{5}, unblocked);
    EXPECT_TRUE(unblocked.empty());
    schedule.start({1}, Time{5});
    schedule.end({1}, Time{9}, unblocked);
    EXPECT_THAT(unblocked, ElementsAre(kSecond));
    EXPECT_EQ(schedule.ready_head(kSecond), CommandId{2});
    EXPECT_EQ(schedule.times()[1].end, Time{9});
    EXPECT_FALSE(schedule.done());
}

TEST(Schedule, ReadyCommandWaitsForThoseBeforeItOnItsUnit) {
    const Program program = program_of({{kFirst, {}}, {kSecond, {{0}}}, {kSecond, {}}});
    Schedule schedule(program);
    EXPECT_FALSE(schedule.ready_head(kSecond).valid()) << "command 2 is ready, but second";
    EXPECT_THROW(schedule.start({2}, Time{0}), InternalError);
}

TEST(Schedule, RefusesWaitingForLaterCommands) {
    EXPECT_THROW(Schedule(program_of({{kFirst, {{0}}}})), InternalError);
    EXPECT_THROW(Schedule(program_of({{UnitId{7}, {}}})), InternalError);
}

TEST(Schedule, EndsOnce) {
    const Program program = program_of({{kFirst, {}}});
    Schedule schedule(program);
    std::vector<UnitId> unblocked;
    schedule.start({0}, Time{3});
    EXPECT_THROW(schedule.end({0}, Time{2}, unblocked), InternalError);
    schedule.end({0}, Time{4}, unblocked);
    EXPECT_THROW(schedule.end({0}, Time{4}, unblocked), InternalError);
    EXPECT_TRUE(schedule.done());
}

TEST(Schedule, SaysWhatIsStuck) {
    const Program program = program_of({{kFirst, {}}, {kSecond, {{0}}}});
    Schedule schedule(program);
    EXPECT_THAT(schedule.describe_stuck(), HasSubstr("command 0 on a is ready"));
    schedule.start({0}, Time{0});
    EXPECT_THAT(schedule.describe_stuck(), HasSubstr("command 0 on a has started"));
}

}  // namespace
}  // namespace perfwatt

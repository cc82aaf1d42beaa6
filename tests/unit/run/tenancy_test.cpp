#include "sim/run/tenancy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace perfwatt {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Sharing, IsReadFromItsWord) {
    EXPECT_EQ(sharing_from("turns").kind, Sharing::Kind::turns);
    EXPECT_THAT(sharing_from("cores").cores, IsEmpty());
    EXPECT_THAT(sharing_from("cores:3,1").cores, ElementsAre(3, 1));
    EXPECT_THAT(sharing_from("engines:gpu,dla0").engines, ElementsAre("gpu", "dla0"));
    for (const char* wrong : {"", "turn", "turns:1", "cores:", "cores:0,1", "cores:a", "engines"})
        EXPECT_THROW((void)sharing_from(wrong), UserError) << wrong;
}

TEST(Sharing, CoresAreSharedAlikeUnlessNamed) {
    EXPECT_THAT(cores_of_each({}, 4, 2), ElementsAre(2, 2));
    EXPECT_THAT(cores_of_each({}, 5, 3), ElementsAre(2, 2, 1));
    EXPECT_THAT(cores_of_each({.cores = {1, 2}}, 4, 2), ElementsAre(1, 2));
    EXPECT_THROW((void)cores_of_each({}, 1, 2), UserError);
    EXPECT_THROW((void)cores_of_each({.cores = {3, 2}}, 4, 2), UserError);
    EXPECT_THROW((void)cores_of_each({.cores = {4}}, 4, 2), UserError);
}

Result turn(const char* workload, double latency_ns, std::int64_t bytes) {
    Result result;
    result.workload = workload;
    result.batch = 2;
    result.latency_ns = latency_ns;
    result.energy_pj = 10 * latency_ns;
    result.utilization = 0.5;
    result.memories.push_back({.name = "dram", .read_bytes = bytes, .commands = {{"RD", bytes}}});
    result.layers.push_back({.name = "layer", .start_ns = 0, .end_ns = latency_ns});
    return result;
}

TEST(Turns, AddUp) {
    const Result round = take_turns({turn("a", 100, 64), turn("b", 300, 32)},
                                    {turn("a", 80, 64), turn("b", 200, 32)});
    EXPECT_EQ(round.workload, "a + b");
    EXPECT_DOUBLE_EQ(round.latency_ns, 400);
    EXPECT_DOUBLE_EQ(round.energy_pj, 4000);
    EXPECT_DOUBLE_EQ(round.utilization, 0.5);
    EXPECT_EQ(round.memories[0].read_bytes, 96);
    EXPECT_EQ(round.memories[0].commands[0].count, 96);
    EXPECT_DOUBLE_EQ(round.memories[0].bandwidth_bytes_per_s, 96 / 400e-9);
    ASSERT_EQ(round.layers.size(), 2U);
    EXPECT_DOUBLE_EQ(round.layers[1].start_ns, 100);
    EXPECT_DOUBLE_EQ(round.throughput_per_s, 4 / 400e-9);  // two of each in a round
    ASSERT_EQ(round.tenants.size(), 2U);
    EXPECT_DOUBLE_EQ(round.tenants[1].latency_ns, 300);
    EXPECT_DOUBLE_EQ(round.tenants[1].alone_ns, 200);
    EXPECT_DOUBLE_EQ(round.tenants[1].throughput_per_s, 2 / 400e-9);
}

}  // namespace
}  // namespace perfwatt

#include "models/link/link_collective.h"

#include <gtest/gtest.h>

namespace perfwatt::link {
namespace {

using Kind = Collective::Kind;

Time us(std::int64_t n) { return Time{n * 1'000'000'000}; }

/// 100 GB/s each way; 5 us to begin, steps of 1 us.
PeerLink link_of(PeerTopology topology) {
    return {.name = "peers",
            .topology = topology,
            .bytes_per_second = 100'000'000'000,
            .setup = us(5),
            .protocols = {{.name = "plain", .step = us(1), .efficiency = 1}},
            .picojoules_per_bit = 1,
            .energy_source = "a test"};
}
const PeerLink ring = link_of(PeerTopology::ring);
const PeerLink switched = link_of(PeerTopology::switch_);

// 4 chips, 4 MB: six steps, each of a quarter; 6 MB at 100 GB/s are 60 us.
TEST(Collective, RingAllReduceSendsEverythingTwiceLessAShare) {
    const CollectiveCost cost = collective(ring, Kind::all_reduce, 4'000'000, 4);
    EXPECT_EQ(cost.duration, us(5 + 6 + 60));
    EXPECT_EQ(cost.sent_bytes, 6'000'000);
}

// 8 chips, 8 kB: the ring takes 14 steps and 0.14 us, a tree 6 steps and 0.16 us.
TEST(Collective, SmallAllReducesTakeATreeWhereThereIsASwitch) {
    EXPECT_EQ(collective(ring, Kind::all_reduce, 8'000, 8).duration,
              us(5 + 14) + Time{140'000'000});
    const CollectiveCost tree = collective(switched, Kind::all_reduce, 8'000, 8);
    EXPECT_EQ(tree.duration, us(5 + 6) + Time{160'000'000});
    EXPECT_EQ(tree.sent_bytes, 16'000);
}

// 8 chips, 80 MB: the ring's 14 us and 1400 us against the tree's 6 us and 1600 us.
TEST(Collective, LargeAllReducesTakeTheRing) {
    EXPECT_EQ(collective(switched, Kind::all_reduce, 80'000'000, 8).duration, us(5 + 14 + 1400));
}

TEST(Collective, GatherAndScatterAreHalfAnAllReduce) {
    for (const Kind kind : {Kind::all_gather, Kind::reduce_scatter}) {
        const CollectiveCost cost = collective(ring, kind, 4'000'000, 4);
        EXPECT_EQ(cost.duration, us(5 + 3 + 30));
        EXPECT_EQ(cost.sent_bytes, 3'000'000);
    }
}

// A ring passes on what is for others: 3/2 of 4 MB instead of 3/4.
TEST(Collective, AllToAllIsDearerOnARing) {
    EXPECT_EQ(collective(switched, Kind::all_to_all, 4'000'000, 4).duration, us(5 + 3 + 30));
    EXPECT_EQ(collective(ring, Kind::all_to_all, 4'000'000, 4).duration, us(5 + 3 + 60));
}

TEST(Collective, BroadcastReachesEightChipsInThreeSteps) {
    EXPECT_EQ(collective(switched, Kind::broadcast, 1'000'000, 8).duration, us(5 + 3 + 10));
    EXPECT_EQ(collective(ring, Kind::broadcast, 1'000'000, 8).duration, us(5 + 7 + 10));
    EXPECT_EQ(collective(ring, Kind::send, 1'000'000, 2).duration, us(5 + 1 + 10));
}

// A protocol of half the bandwidth and a tenth of the step: better up to where 12.6 us saved in 14
// steps are lost again to 14/8 S / 100 GB/s.
TEST(Collective, TakesTheProtocolThatIsFastest) {
    PeerLink two = ring;
    two.protocols.push_back({.name = "eager", .step = Time{100'000'000}, .efficiency = 0.5});
    EXPECT_EQ(collective(two, Kind::all_reduce, 0, 8).duration, us(5) + Time{1'400'000'000});
    EXPECT_EQ(collective(two, Kind::all_reduce, 8'000'000, 8).duration, us(5 + 14 + 140));
    EXPECT_LT(collective(two, Kind::all_reduce, 700'000, 8).duration,
              collective(ring, Kind::all_reduce, 700'000, 8).duration);
}

PeerLink with(PeerLink link, PeerProtocol protocol) {
    link.protocols = {std::move(protocol)};
    return link;
}

// Of 4 MB on 4 chips one keeps a quarter: at half the time of sending it, 5 us of 10.
TEST(Collective, WhatAChipKeepsItCopies) {
    const PeerLink copying =
        with(switched, {.name = "c", .step = us(1), .efficiency = 1, .own_share = 0.5});
    EXPECT_EQ(collective(copying, Kind::all_gather, 4'000'000, 4).duration, us(5 + 3 + 30 + 5));
    EXPECT_EQ(collective(copying, Kind::all_gather, 4'000'000, 4).sent_bytes, 3'000'000);
    EXPECT_EQ(collective(copying, Kind::all_to_all, 4'000'000, 4).duration, us(5 + 3 + 30 + 5));
    EXPECT_EQ(collective(with(ring, copying.protocols[0]), Kind::all_reduce, 4'000'000, 4).duration,
              us(5 + 6 + 60 + 5));
}

TEST(Collective, AProtocolHasItsOwnSetupAndAlgorithm) {
    PeerProtocol round{
        .name = "r", .algorithm = PeerAlgorithm::ring, .setup = us(7), .step = us(1)};
    EXPECT_EQ(collective(with(switched, round), Kind::all_reduce, 0, 8).duration, us(5 + 7 + 14));
    round.algorithm = PeerAlgorithm::tree;
    EXPECT_EQ(collective(with(switched, round), Kind::all_reduce, 0, 8).duration, us(5 + 7 + 6));
    round.algorithm = PeerAlgorithm::any;
    EXPECT_EQ(collective(with(switched, round), Kind::all_reduce, 0, 8).duration, us(5 + 7 + 6));
}

// 8 chips, 80 MB: the switch takes 80 MB of each and the sum of its eighth: 900 us in one step;
// a ring 14 us and 1400 us. It gathers nothing.
TEST(Collective, ASwitchThatAddsSparesSteps) {
    PeerLink adding = switched;
    adding.protocols = {{.name = "ring", .algorithm = PeerAlgorithm::ring, .step = us(1)},
                        {.name = "sharp", .algorithm = PeerAlgorithm::in_switch, .step = us(20)}};
    const CollectiveCost cost = collective(adding, Kind::all_reduce, 80'000'000, 8);
    EXPECT_EQ(cost.duration, us(5 + 20 + 900));
    EXPECT_EQ(cost.sent_bytes, 90'000'000);
    EXPECT_EQ(collective(adding, Kind::all_reduce, 8'000, 8).duration,
              us(5 + 14) + Time{140'000'000});
    EXPECT_EQ(collective(adding, Kind::all_gather, 80'000'000, 8).duration, us(5 + 7 + 700));
}

TEST(Collective, OneChipExchangesNothing) {
    EXPECT_EQ(collective(ring, Kind::all_reduce, 1'000'000, 1).duration, Time::zero());
    EXPECT_EQ(collective(ring, Kind::all_reduce, 1'000'000, 1).sent_bytes, 0);
}

}  // namespace
}  // namespace perfwatt::link

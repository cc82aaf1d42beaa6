#include "models/link/link_channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/diagnostics.h"

namespace perfwatt::link {
namespace {

constexpr std::int64_t kGigabyte = 1'000'000'000;

Time ns(std::int64_t n) { return Time::from_ps(n * 1000); }

LinkSpec spec(std::int64_t bytes_per_second = kGigabyte) {
    LinkSpec result;
    result.name = "bus";
    result.bytes_per_second = bytes_per_second;
    result.latency = ns(5);
    result.picojoules_per_bit = 2.0;
    result.energy_source = "test";
    return result;
}

// 100 bytes at 1 GB/s are 100 ns; the data stand ready at 10 ns.
TEST(LinkChannel, TransferTakesItsBytesAtBandwidthPlusLatency) {
    LinkChannel link(spec());
    const Crossing crossing = link.send(Direction::read, {ns(10), ns(10)}, 100);
    EXPECT_EQ(crossing.arrival.tail, ns(115));
    EXPECT_EQ(crossing.arrival.head, ns(15));
    EXPECT_EQ(crossing.busy_from, ns(10));
    EXPECT_EQ(crossing.busy_to, ns(110));
}

TEST(LinkChannel, SecondTransferWaitsForTheFirst) {
    LinkChannel link(spec());
    link.send(Direction::read, {ns(0), ns(0)}, 100);
    const Crossing second = link.send(Direction::read, {ns(10), ns(10)}, 50);
    EXPECT_EQ(second.busy_from, ns(100));
    EXPECT_EQ(second.arrival.tail, ns(155));
}

TEST(LinkChannel, DirectionsDoNotMeet) {
    LinkChannel link(spec());
    link.send(Direction::read, {ns(0), ns(0)}, 100);
    EXPECT_EQ(link.send(Direction::write, {ns(0), ns(0)}, 100).busy_from, ns(0));
}

// Data that trickle in over 400 ns leave a link that could do it in 100 as the last one arrives,
// and leave room for others.
TEST(LinkChannel, CutsThroughWhenTheSourceIsSlower) {
    LinkChannel link(spec());
    const Crossing crossing = link.send(Direction::read, {ns(0), ns(400)}, 100);
    EXPECT_EQ(crossing.arrival.tail, ns(405));
    EXPECT_EQ(crossing.arrival.head, ns(5));
    EXPECT_EQ(crossing.busy_to - crossing.busy_from, ns(100));
    EXPECT_EQ(link.send(Direction::read, {ns(0), ns(400)}, 100).arrival.tail, ns(405));
}

// Five such sources at once are more than the link can do: 500 ns.
TEST(LinkChannel, TricklingSourcesTogetherAreHeldToTheBandwidth) {
    LinkChannel link(spec());
    Crossing last;
    for (int i = 0; i < 5; ++i) {
        last = link.send(Direction::read, {ns(0), ns(400)}, 100);
    }
    EXPECT_EQ(last.arrival.tail, ns(505));
}

TEST(LinkChannel, NeverFasterThanItsBandwidthWhenTheSourceIsFaster) {
    LinkChannel link(spec());
    EXPECT_EQ(link.send(Direction::read, {ns(0), ns(20)}, 100).arrival.tail, ns(105));
}

// 100 bytes in packets of 64 are 2 packets; 2 x 8 bytes of headers travel too.
TEST(LinkChannel, HeadersTakeTimeAndEnergy) {
    LinkSpec with_packets = spec();
    with_packets.packet_payload_bytes = 64;
    with_packets.packet_overhead_bytes = 8;
    LinkChannel link(with_packets);
    EXPECT_EQ(link.wire_bytes(100), 116);
    EXPECT_EQ(link.send(Direction::write, {ns(0), ns(0)}, 100).arrival.tail, ns(121));
    Counts counts(link.actions(), 2);
    link.count(100, 1, {ActionId{0}}, counts);
    EXPECT_EQ(counts.get(1, ActionId{0}), 116 * 8);
    EXPECT_EQ(counts.get(0, ActionId{0}), 0);
}

TEST(LinkChannel, FreeBitsHaveAReason) {
    LinkSpec free = spec();
    free.picojoules_per_bit = 0;
    free.energy_source.clear();
    EXPECT_THAT(LinkChannel(free).actions().front().not_modelled, testing::HasSubstr("bus"));
    EXPECT_EQ(LinkChannel(spec()).actions().front().not_modelled, "");
}

TEST(LinkChannel, RefusesNoBandwidth) { EXPECT_THROW(LinkChannel{spec(0)}, InternalError); }

}  // namespace
}  // namespace perfwatt::link

// What a run says about itself: causes, layers, counts, utilisation, timeline.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/engine/platform.h"
#include "tests/systemc/child.h"
#include "tests/systemc/test_platform.h"

namespace perfwatt {
namespace {

using namespace testing_support;
using testing::ElementsAre;
using Numbers = std::vector<std::int64_t>;

/// Load (layer 0) -> contract (1) -> vector (1) -> store (2), and a load of layer 3 beside them.
struct Account : testing::Test {
    ProgramMaker make;

    void SetUp() override {
        make.program.memories = {"test"};
        const UnitId dma = make.unit("dma", UnitKind::dma);
        const UnitId matrix = make.unit("matrix", UnitKind::matrix);
        const UnitId vector = make.unit("vector", UnitKind::vector);
        const UnitId other = make.unit("other", UnitKind::dma);
        make.layer("load");
        const CommandId load = make.load(dma, 4000);
        make.layer("work");
        const CommandId tile = make.contract(matrix, 1'000'000, {load});
        const CommandId after = make.vector(vector, 50'000, {tile});
        make.layer("store");
        make.store(dma, 2000, 8000, {}, {after});
        make.layer("beside");
        make.load(other, 500, 20'000, {}, {tile});
    }
    template <class Body>
    Numbers look(Body body) const {
        return in_child([&] {
            const TestDevice device(make.program.units);
            PlatformSetup setup = make_setup(make.program, device, {{}});
            setup.want_timeline = true;
            return body(simulate(std::move(setup)));
        });
    }
};

// Load: 4 pieces of 100 ns on the bus and 50 ns latency. Store: 2 pieces and 50 ns.
TEST_F(Account, CausesAlongTheCriticalPath) {
    EXPECT_THAT(look([](const PlatformResult& r) {
                    return Numbers{r.end.fs, of(r.causes, TimeCause::memory_bandwidth).fs,
                                   of(r.causes, TimeCause::memory_latency).fs,
                                   of(r.causes, TimeCause::compute).fs,
                                   of(r.causes, TimeCause::vector).fs};
                }),
                ElementsAre(ns(2200).fs, ns(600).fs, ns(100).fs, ns(1000).fs, ns(500).fs));
}

TEST_F(Account, LayersHaveTheirTimesBytesAndLimits) {
    EXPECT_THAT(
        look([](const PlatformResult& r) {
            Numbers numbers;
            for (const LayerUse& layer : r.layers) {
                numbers.insert(numbers.end(),
                               {layer.start.fs, layer.end.fs, layer.traffic.at(0).read_bytes,
                                layer.traffic.at(0).write_bytes, static_cast<int>(layer.limited_by),
                                static_cast<int>(layer.engine)});
            }
            return numbers;
        }),
        ElementsAre(0, ns(450).fs, 4000, 0, static_cast<int>(TimeCause::memory_bandwidth),
                    static_cast<int>(UnitKind::dma),  //
                    ns(450).fs, ns(1950).fs, 0, 0, static_cast<int>(TimeCause::compute),
                    static_cast<int>(UnitKind::matrix),  //
                    ns(1950).fs, ns(2200).fs, 0, 2000,
                    static_cast<int>(TimeCause::memory_bandwidth),
                    static_cast<int>(UnitKind::dma),  //
                    ns(1450).fs, ns(1550).fs, 500, 0, static_cast<int>(TimeCause::memory_bandwidth),
                    static_cast<int>(UnitKind::dma)));
}

TEST_F(Account, CountsStandWithTheirLayers) {
    EXPECT_THAT(look([](const PlatformResult& r) {
                    const ActionId mac{0}, byte{1};
                    return Numbers{r.counts.get(1, mac),  r.counts.get(0, mac),
                                   r.counts.get(0, byte), r.counts.get(2, byte),
                                   r.counts.get(3, byte), r.counts.get(4, byte),
                                   r.counts.layers(),     r.useful_macs};
                }),
                ElementsAre(1'000'000, 0, 4000, 2000, 500, 0, 5, 1'000'000));
}

TEST_F(Account, UnitsSayHowLongTheyWereBusy) {
    EXPECT_THAT(look([](const PlatformResult& r) {
                    Numbers busy;
                    for (const UnitUse& unit : r.units) {
                        busy.push_back(unit.busy.fs);
                    }
                    return busy;
                }),
                ElementsAre(ns(700).fs, ns(1000).fs, ns(500).fs, ns(100).fs));
}

TEST_F(Account, TimelineHasATrackAUnitAndACounterAMemory) {
    EXPECT_THAT(look([](const PlatformResult& r) {
                    double bytes = 0;  // the counter's area: GB/s x ns
                    const auto& samples = r.timeline.counters.at(0).samples;
                    for (std::size_t i = 0; i + 1 < samples.size(); ++i) {
                        bytes += samples[i].value * (samples[i + 1].at - samples[i].at).ns();
                    }
                    return Numbers{static_cast<std::int64_t>(r.timeline.tracks.size()),
                                   r.timeline.tracks[1].slices.at(0).start.fs,
                                   r.timeline.tracks[1].slices.at(0).duration.fs,
                                   r.timeline.tracks[1].slices.at(0).layer,
                                   static_cast<std::int64_t>(bytes + 0.5)};
                }),
                ElementsAre(4, ns(450).fs, ns(1000).fs, 1, 6500));
}

// Commands of one engine overlap; the slices of its track must not.
TEST_F(Account, SlicesOfATrackDoNotOverlap) {
    make.load(UnitId{3}, 3000);
    make.load(UnitId{3}, 3000);
    EXPECT_THAT(look([](const PlatformResult& r) {
                    Numbers overlaps;
                    for (const Timeline::Track& track : r.timeline.tracks) {
                        for (std::size_t i = 1; i < track.slices.size(); ++i) {
                            const Timeline::Slice& last = track.slices[i - 1];
                            overlaps.push_back(track.slices[i].start < last.start + last.duration);
                        }
                    }
                    return overlaps;
                }),
                ElementsAre(0, 0, 0));
}

TEST_F(Account, LaunchAndHostWorkAreTold) {
    const UnitId host = make.unit("host", UnitKind::host);
    make.delay(host, ns(5000));
    EXPECT_THAT(look([](const PlatformResult& r) {
                    return Numbers{of(r.causes, TimeCause::launch).fs, r.end.fs};
                }),
                ElementsAre(ns(5000).fs, ns(5000).fs));
}

}  // namespace
}  // namespace perfwatt

// Several engines in one platform: what they share, and what each has for itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/diagnostics.h"
#include "sim/engine/platform.h"
#include "tests/systemc/child.h"
#include "tests/systemc/test_platform.h"

namespace perfwatt {
namespace {

using namespace testing_support;
using testing::ElementsAre;

// Each engine loads 100 000 bytes (10 us of the memory at 10 GB/s) and then computes for 1 us.
struct TwoEngines : testing::Test {
    ProgramMaker make;

    void SetUp() override {
        make.program.memories = {"test"};
        make.layer("work");
    }
    UnitId unit(const std::string& name, UnitKind kind, int engine) {
        const UnitId id = make.unit(name, kind);
        make.program.units[id.index()].engine = engine;
        return id;
    }
    void work_of(int engine, std::int64_t address) {
        const UnitId dma = unit("dma", UnitKind::dma, engine);
        const UnitId matrix = unit("matrix", UnitKind::matrix, engine);
        make.contract(matrix, 1'000'000, {make.load(dma, 100'000, address)});
    }
    /// The end, then figures that `more` picks.
    [[nodiscard]] std::vector<std::int64_t> run(
        const std::function<std::vector<std::int64_t>(const PlatformResult&)>& more = {}) const {
        return in_child([&] {
            TestDevice first({{"matrix", UnitKind::matrix, 0}});
            TestDevice second = first;
            second.mac_price = 7;
            PlatformSetup setup = make_setup(make.program, first, {{}});
            setup.engines = {{"first", &first}, {"second", &second}};
            const PlatformResult result = simulate(std::move(setup));
            std::vector<std::int64_t> figures{result.end.fs};
            if (more)
                for (const std::int64_t figure : more(result)) figures.push_back(figure);
            return figures;
        });
    }
};

TEST_F(TwoEngines, SharingAMemoryTakeLongerTogetherThanAlone) {
    work_of(0, 0);
    const std::int64_t alone = run().front();
    EXPECT_EQ(alone, ns(50 + 10'000 + 1'000).fs);
    work_of(1, 1'000'000);
    const std::int64_t together = run().front();
    EXPECT_GT(together, alone + ns(9'000).fs);    // the memory serves both
    EXPECT_LE(together, ns(50 + 21'000).fs + 1);  // and no more than that
}

TEST_F(TwoEngines, WithoutASharedMemoryDoNotDelayEachOther) {
    for (const int engine : {0, 1})
        make.contract(unit("matrix", UnitKind::matrix, engine), 1'000'000);
    EXPECT_EQ(run().front(), ns(1'000).fs);
}

// Without the dependency both would start at once.
TEST_F(TwoEngines, WaitForWhatTheOtherMade) {
    const CommandId made = make.contract(unit("matrix", UnitKind::matrix, 0), 2'000'000);
    make.contract(unit("matrix", UnitKind::matrix, 1), 1'000'000, {made});
    EXPECT_EQ(run().front(), ns(3'000).fs);
}

TEST_F(TwoEngines, CountWithTheirOwnDevices) {
    make.contract(unit("matrix", UnitKind::matrix, 0), 1'000'000);
    make.contract(unit("matrix", UnitKind::matrix, 1), 2'000'000);
    const auto figures = run([](const PlatformResult& result) {
        std::vector<std::int64_t> found;
        for (std::size_t i = 0; i < result.counts.actions().size(); ++i) {
            const Action& action = result.counts.actions()[i];
            const std::int64_t count = result.counts.total({static_cast<std::int32_t>(i)});
            if (action.name.starts_with("first.") && count > 0)
                found.push_back(count * static_cast<std::int64_t>(action.picojoules));
            if (action.name.starts_with("second.") && count > 0)
                found.push_back(count * static_cast<std::int64_t>(action.picojoules));
        }
        found.push_back(result.layers[0].engine_index);
        return found;
    });
    EXPECT_THAT(figures, ElementsAre(ns(2'000).fs, 1'000'000, 14'000'000, 1));
}

TEST_F(TwoEngines, HaveScratchpadsOfTheirOwn) {
    const ScratchpadIndex index(
        {{"a", UnitKind::dma, 0, 0}, {"b", UnitKind::dma, 1, 0}, {"c", UnitKind::dma, 0, 1}});
    EXPECT_EQ(index.size(), 3U);
    EXPECT_EQ(index.of({"c", UnitKind::dma, 0, 1}), 2U);
    EXPECT_EQ(index.engine_of(2), 1);
}

TEST_F(TwoEngines, UnitsOfNoEngineAreRefused) {
    make.contract(unit("matrix", UnitKind::matrix, 2), 1'000'000);
    EXPECT_THROW((void)run(), InternalError);
}

// 1 us on the link, whatever the engines do; 1 000 bytes of it leave the chip.
TEST_F(TwoEngines, ExchangesTakeTheLinkAndCountItsBits) {
    const UnitId link = unit("peers", UnitKind::link, 0);
    make.add(link, Exchange{.duration = ns(1'000), .link_bytes = 1'000}, {});
    const auto bits = in_child([&] {
        TestDevice device({});
        PlatformSetup setup = make_setup(make.program, device, {{}});
        setup.exchanges = {{"peers", 1.5, "a test"}};
        const PlatformResult result = simulate(std::move(setup));
        std::int64_t counted = 0;
        for (std::size_t i = 0; i < result.counts.actions().size(); ++i)
            if (result.counts.actions()[i].name == "peers.bit")
                counted = result.counts.total({static_cast<std::int32_t>(i)});
        return std::vector<std::int64_t>{result.end.fs, counted,
                                         of(result.causes, TimeCause::memory_bandwidth).fs};
    });
    EXPECT_THAT(bits, ElementsAre(ns(1'000).fs, 8'000, ns(1'000).fs));
}

}  // namespace
}  // namespace perfwatt

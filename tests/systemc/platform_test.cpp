#include "sim/engine/platform.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/diagnostics.h"
#include "tests/systemc/child.h"
#include "tests/systemc/test_platform.h"

namespace perfwatt {
namespace {

using namespace testing_support;
using testing::ElementsAre;
using testing::HasSubstr;

MATCHER_P(Says, text, "") {
    return testing::ExplainMatchResult(HasSubstr(text), arg.what(), result_listener);
}

template <class Body>
std::string message_of(Body body) {
    try {
        body();
    } catch (const InternalError& error) {
        return error.what();
    }
    return "nothing was thrown";
}

struct Platform : testing::Test {
    ProgramMaker make;
    std::vector<TestMemorySpec> memories{{}};

    void SetUp() override { make.program.memories = {"test"}; }
    [[nodiscard]] TestDevice device() const { return TestDevice(make.program.units); }
    [[nodiscard]] std::vector<std::int64_t> run() const {
        return ends(make.program, device(), memories);
    }
};

// 1000 bytes at 10 GB/s are 100 ns, the answer takes 50; 2 million MACs are 2 us.
TEST_F(Platform, ChainOfCommandsTakesTheSumOfItsParts) {
    const UnitId dma = make.unit("dma", UnitKind::dma);
    const UnitId matrix = make.unit("matrix", UnitKind::matrix);
    const CommandId load = make.load(dma, 1000);
    const CommandId contract = make.contract(matrix, 2'000'000, {load});
    make.store(dma, 1000, 0, {}, {contract});
    EXPECT_THAT(run(), ElementsAre(ns(2300).fs, ns(150).fs, ns(2150).fs, ns(2300).fs));
}

TEST_F(Platform, UncontendedComputeEqualsTheDevicesDuration) {
    const UnitId matrix = make.unit("matrix", UnitKind::matrix);
    const UnitId vector = make.unit("vector", UnitKind::vector);
    make.contract(matrix, 1'234'567);
    make.vector(vector, 777);
    const TestDevice pure = device();
    EXPECT_THAT(run(), ElementsAre(pure.duration(make.program.commands[0]).fs,
                                   pure.duration(make.program.commands[0]).fs,
                                   pure.duration(make.program.commands[1]).fs));
}

TEST_F(Platform, UnitTakesItsCommandsInProgramOrder) {
    const UnitId dma = make.unit("dma", UnitKind::dma);
    const UnitId matrix = make.unit("matrix", UnitKind::matrix);
    const CommandId load = make.load(dma, 1000);
    make.contract(matrix, 1000, {load});
    make.contract(matrix, 1000);  // ready at once, but second on its unit
    EXPECT_THAT(run(), ElementsAre(ns(152).fs, ns(150).fs, ns(151).fs, ns(152).fs));
}

// 4000 bytes in pieces of 1000: 100 ns each, one after another, then 50 ns for the last answer.
TEST_F(Platform, PiecesOfATransferArePipelined) {
    make.load(make.unit("dma", UnitKind::dma), 4000);
    EXPECT_EQ(run().front(), ns(450).fs);
}

// One at a time, each of the four waits for the answer before it: 4 x 150 ns.
TEST_F(Platform, OutstandingPiecesAreLimited) {
    memories[0].outstanding = 1;
    make.load(make.unit("dma", UnitKind::dma), 4000);
    EXPECT_EQ(run().front(), ns(600).fs);
}

TEST_F(Platform, DmaOverlapsItsCommands) {
    const UnitId dma = make.unit("dma", UnitKind::dma);
    make.load(dma, 1000);
    make.load(dma, 1000);
    EXPECT_THAT(run(), ElementsAre(ns(250).fs, ns(150).fs, ns(250).fs));
}

TEST_F(Platform, EnginesThatShareAChannelTakeLongerTogether) {
    const UnitId first = make.unit("dma0", UnitKind::dma);
    const UnitId second = make.unit("dma1", UnitKind::dma);
    make.load(first, 10'000);
    const std::int64_t alone = run().front();
    make.load(second, 10'000);
    const std::vector<std::int64_t> together = run();
    EXPECT_EQ(alone, ns(1050).fs);
    EXPECT_EQ(together[0], ns(2050).fs);
    EXPECT_GT(together[1], alone);
    EXPECT_GT(together[2], alone);
}

TEST_F(Platform, EnginesWithChannelsOfTheirOwnDoNot) {
    const UnitId first = make.unit("dma0", UnitKind::dma);
    const UnitId second = make.unit("dma1", UnitKind::dma);
    make.load(first, 10'000);
    make.add(second, Load{{MemoryId{1}, 0, 10'000, 1, 10'000}, {}}, {});
    make.program.memories.push_back("other");
    memories.push_back({});
    EXPECT_THAT(run(), ElementsAre(ns(1050).fs, ns(1050).fs, ns(1050).fs));
}

LinkSpec make_link(const std::string& name, std::int64_t bytes_per_second, Time latency) {
    LinkSpec link;
    link.name = name;
    link.bytes_per_second = bytes_per_second;
    link.latency = latency;
    link.picojoules_per_bit = 1;
    link.energy_source = "test";
    return link;
}

// Request out 20 ns, 1000 bytes of memory 100 ns and 50 ns. The link takes 200 ns for them, from
// the moment the first datum is there (50 + 20), and 20 ns latency: 70 + 200 + 20.
TEST_F(Platform, ReadCrossesItsLink) {
    memories[0].via = {"bus"};
    make.load(make.unit("dma", UnitKind::dma), 1000);
    const auto times =
        ends(make.program, device(), memories, {make_link("bus", 5'000'000'000, ns(20))});
    EXPECT_EQ(times.front(), ns(290).fs);
}

// Data cross first: 200 + 20 ns, then the memory's 100 + 50, then the acknowledgement 20.
TEST_F(Platform, WriteCrossesItsLinkFirst) {
    memories[0].via = {"bus"};
    make.store(make.unit("dma", UnitKind::dma), 1000);
    const auto times =
        ends(make.program, device(), memories, {make_link("bus", 5'000'000'000, ns(20))});
    EXPECT_EQ(times.front(), ns(390).fs);
}

TEST_F(Platform, MastersShareALinkToDifferentMemories) {
    const UnitId first = make.unit("dma0", UnitKind::dma);
    const UnitId second = make.unit("dma1", UnitKind::dma);
    make.load(first, 10'000);
    make.add(second, Load{{MemoryId{1}, 0, 10'000, 1, 10'000}, {}}, {});
    make.program.memories.push_back("other");
    memories[0].via = {"bus"};
    memories.push_back(memories[0]);
    const auto with_link = [&](std::int64_t bytes_per_second) {
        return ends(make.program, device(), memories,
                    {make_link("bus", bytes_per_second, Time::zero())})
            .front();
    };
    EXPECT_EQ(with_link(100'000'000'000), ns(1050).fs);
    EXPECT_GE(with_link(10'000'000'000), ns(2000).fs);
}

TEST_F(Platform, LaunchHoldsEverythingBack) {
    make.contract(make.unit("matrix", UnitKind::matrix), 1'000'000);
    const auto times = in_child([&] {
        const TestDevice pure = device();
        PlatformSetup setup = make_setup(make.program, pure, memories);
        setup.launch = ns(500);
        const PlatformResult result = simulate(std::move(setup));
        return std::vector<std::int64_t>{result.end.fs, of(result.causes, TimeCause::launch).fs,
                                         of(result.causes, TimeCause::compute).fs};
    });
    EXPECT_THAT(times, ElementsAre(ns(1500).fs, ns(500).fs, ns(1000).fs));
}

TEST_F(Platform, SameProgramSameTimes) {
    const UnitId first = make.unit("dma0", UnitKind::dma);
    const UnitId second = make.unit("dma1", UnitKind::dma);
    const UnitId matrix = make.unit("matrix", UnitKind::matrix);
    for (int i = 0; i < 20; ++i) {
        const CommandId a = make.load(first, 700 + 13 * i, 5000 * i);
        const CommandId b = make.load(second, 1900 - 11 * i, 7000 * i);
        const CommandId c = make.contract(matrix, 100'000 + 999 * i, {a, b});
        make.store(second, 300, 9000 * i, {}, {c});
    }
    EXPECT_EQ(run(), run());
}

TEST_F(Platform, ExceptionOfAModelComesOutAsItIs) {
    memories[0].fault = TestMemory::Fault::throws;
    make.load(make.unit("dma", UnitKind::dma), 1000);
    try {
        (void)run();
        FAIL() << "nothing was thrown";
    } catch (const InternalError&) {
        FAIL() << "the type was lost";
    } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), "the memory is on fire");
    }
}

TEST_F(Platform, DeadlockNamesTheFirstStuckCommand) {
    memories[0].fault = TestMemory::Fault::loses_a_request;
    const UnitId dma = make.unit("engine7", UnitKind::dma);
    make.load(dma, 1000);
    const CommandId lost = make.load(dma, 1000);
    make.contract(make.unit("matrix", UnitKind::matrix), 1000, {lost});
    EXPECT_THAT(message_of([&] { (void)run(); }), HasSubstr("deadlock: command 1 on engine7"));
}

TEST_F(Platform, CompletionInThePastIsCaught) {
    memories[0].fault = TestMemory::Fault::runs_late;
    make.load(make.unit("dma", UnitKind::dma), 1000);
    EXPECT_THAT(message_of([&] { (void)run(); }), HasSubstr("answers for"));
}

TEST_F(Platform, RunThatIsFasterThanItsPeakIsRefused) {
    make.contract(make.unit("matrix", UnitKind::matrix), 1'000'000);
    EXPECT_THAT(message_of([&] {
                    (void)in_child([&] {
                        TestDevice slow = device();
                        slow.mac_peak /= 2;
                        (void)simulate(make_setup(make.program, slow, memories));
                        return std::vector<std::int64_t>{};
                    });
                }),
                HasSubstr("the matrix units"));
}

TEST_F(Platform, BytesThatAreNotBurstsAreRefused) {
    memories[0].fault = TestMemory::Fault::miscounts;
    make.load(make.unit("dma", UnitKind::dma), 1000);
    EXPECT_THAT(message_of([&] { (void)run(); }), HasSubstr("bursts"));
}

TEST_F(Platform, MacsThatDoNotAddUpAreRefused) {
    make.contract(make.unit("matrix", UnitKind::matrix), 1000);
    make.program.layers[0].macs = 1001;
    EXPECT_THAT(message_of([&] { (void)run(); }), HasSubstr("useful MACs"));
}

TEST_F(Platform, CountWithoutAPriceIsRefused) {
    make.contract(make.unit("matrix", UnitKind::matrix), 1000);
    EXPECT_THAT(message_of([&] {
                    (void)in_child([&] {
                        TestDevice free = device();
                        free.mac_price = 0;
                        (void)simulate(make_setup(make.program, free, memories));
                        return std::vector<std::int64_t>{};
                    });
                }),
                HasSubstr("no price"));
}

TEST_F(Platform, SecondSimulationInAProcessIsRefused) {
    make.contract(make.unit("matrix", UnitKind::matrix), 1000);
    EXPECT_THAT(message_of([&] {
                    (void)in_child([&] {
                        const TestDevice pure = device();
                        (void)simulate(make_setup(make.program, pure, memories));
                        (void)simulate(make_setup(make.program, pure, memories));
                        return std::vector<std::int64_t>{};
                    });
                }),
                HasSubstr("one simulation a process"));
}

}  // namespace
}  // namespace perfwatt

// Who waits for whom: scratchpad banks, DMA ports, memories and links with many masters.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/npu/npu_device.h"
#include "sim/base/diagnostics.h"
#include "sim/engine/platform.h"
#include "tests/systemc/child.h"
#include "tests/systemc/test_platform.h"

namespace perfwatt {
namespace {

using namespace testing_support;
using testing::ElementsAre;

// Two banks of 100 000 bytes at 10 GB/s: as fast as the memory.
struct Banks : testing::Test {
    ProgramMaker make;
    UnitId dma, matrix, vector;
    std::vector<TestMemorySpec> memories{{}};

    void SetUp() override {
        make.program.memories = {"test"};
        dma = make.unit("dma", UnitKind::dma);
        matrix = make.unit("matrix", UnitKind::matrix);
        vector = make.unit("vector", UnitKind::vector);
    }
    [[nodiscard]] std::vector<std::int64_t> run() const {
        TestDevice device(make.program.units);
        device.geometry = {2, 100'000, 10'000'000'000};
        return ends(make.program, device, memories);
    }
    /// A tile that keeps the first bank busy for all its 10 us.
    CommandId contract_in_first_bank() {
        return make.contract(matrix, 10'000'000, {}, {0, 100'000});
    }
};

TEST_F(Banks, CommandAloneTakesTheDevicesDuration) {
    contract_in_first_bank();
    EXPECT_EQ(run().front(), ns(10'000).fs);
}

// 20 000 bytes arriving in the same bank take 2 us of it.
TEST_F(Banks, TransferIntoTheBankATileReadsDelaysIt) {
    const CommandId tile = contract_in_first_bank();
    make.load(dma, 20'000, 0, {50'000, 20'000});
    EXPECT_EQ(run()[1 + tile.index()], ns(12'000).fs);
}

TEST_F(Banks, TransferIntoAnotherBankDoesNot) {
    const CommandId tile = contract_in_first_bank();
    const CommandId load = make.load(dma, 20'000, 0, {100'000, 20'000});
    const auto times = run();
    EXPECT_EQ(times[1 + tile.index()], ns(10'000).fs);
    EXPECT_EQ(times[1 + load.index()], ns(2050).fs);
}

TEST_F(Banks, StoreOutOfTheBankDelaysItToo) {
    const CommandId tile = contract_in_first_bank();
    make.store(dma, 20'000, 0, {0, 20'000});
    EXPECT_EQ(run()[1 + tile.index()], ns(12'000).fs);
}

TEST_F(Banks, DependentsWaitForTheDelayedCommand) {
    const CommandId tile = contract_in_first_bank();
    make.load(dma, 20'000, 0, {50'000, 20'000});
    make.vector(vector, 100'000, {tile});
    EXPECT_EQ(run()[3], ns(13'000).fs);
}

TEST_F(Banks, WaitsForBanksCountAsDependency) {
    contract_in_first_bank();
    make.load(dma, 20'000, 0, {50'000, 20'000});
    const auto causes = in_child([&] {
        TestDevice device(make.program.units);
        device.geometry = {2, 100'000, 10'000'000'000};
        device.filling = ns(300);
        const PlatformResult result = simulate(make_setup(make.program, device, memories));
        return std::vector<std::int64_t>{of(result.causes, TimeCause::compute).fs,
                                         of(result.causes, TimeCause::fill_drain).fs,
                                         of(result.causes, TimeCause::dependency).fs};
    });
    EXPECT_THAT(causes, ElementsAre(ns(9700).fs, ns(300).fs, ns(2000).fs));
}

TEST_F(Banks, CoresHaveBanksOfTheirOwn) {
    const CommandId tile = contract_in_first_bank();
    const UnitId other = make.unit("core1.dma", UnitKind::dma, 1);
    make.load(other, 20'000, 0, {50'000, 20'000});
    EXPECT_EQ(run()[1 + tile.index()], ns(10'000).fs);
}

// 10 000 bytes at 5 GB/s, after 40 ns of set-up and the first piece's way through the memory
// (1000 bytes in 100 ns, then 50 ns), of which its first byte needs no more than the 50 ns.
TEST(DmaPort, LimitsATransfer) {
    ProgramMaker make;
    make.program.memories = {"test"};
    make.load(make.unit("dma", UnitKind::dma), 10'000);
    TestDevice device(make.program.units);
    device.port = {.bytes_per_second = 5'000'000'000, .setup = ns(40)};
    EXPECT_EQ(ends(make.program, device, {{}}).front(), ns(40 + 50 + 2000).fs);
    make.program.commands[0].work = Store{{}, {MemoryId{0}, 0, 10'000, 1, 10'000}};
    EXPECT_EQ(ends(make.program, device, {{}}).front(), ns(40 + 2000 + 100 + 50).fs);
}

TEST(NpuUnits, TakeOnlyTheirOwnKindOfWork) {
    ProgramMaker make;
    const UnitId matrix = make.unit("matrix", UnitKind::matrix);
    const UnitId vector = make.unit("vector", UnitKind::vector);
    const UnitId host = make.unit("host", UnitKind::host);
    const CommandId launch = make.delay(host, ns(100));
    const CommandId tile = make.contract(matrix, 1'000'000, {launch});
    make.vector(vector, 100'000, {tile});
    TestDevice device(make.program.units);
    device.factory = &npu::unit_factory();
    EXPECT_EQ(ends(make.program, device, {}).front(), ns(100 + 1000 + 1000).fs);
    make.vector(matrix, 100);
    EXPECT_THROW((void)ends(make.program, device, {}), InternalError);
}

}  // namespace
}  // namespace perfwatt

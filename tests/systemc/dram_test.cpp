// The platform over real DRAM: every invariant is checked by simulate() itself.
#include <gtest/gtest.h>

#include "models/dram/dram_memory.h"
#include "models/dram/dram_schema.h"
#include "sim/engine/platform.h"
#include "tests/systemc/child.h"
#include "tests/systemc/test_platform.h"

namespace perfwatt {
namespace {

using namespace testing_support;

constexpr std::int64_t kMebibyte = 1 << 20;

struct OverDram : testing::Test {
    ProgramMaker make;

    void SetUp() override { make.program.memories = {"dram"}; }

    [[nodiscard]] PlatformResult simulate_here(const Device& device) const {
        const ConfigPath configs({PERFWATT_SOURCE_DIR});
        PlatformSetup setup;
        setup.program = &make.program;
        setup.device = &device;
        PlatformMemory memory;
        memory.attachment.name = "dram";
        memory.model =
            std::make_unique<dram::DramMemory>(dram::load_spec(configs, "lpddr4x_4266").spec,
                                               dram::DramOptions{.name = "dram", .channels = 2});
        setup.memories.push_back(std::move(memory));
        return simulate(std::move(setup));
    }
    [[nodiscard]] std::int64_t end() const {
        return in_child([&] {
                   return std::vector<std::int64_t>{
                       simulate_here(TestDevice(make.program.units)).end.fs};
               })
            .front();
    }
};

TEST_F(OverDram, EnginesThatShareItTakeLongerTogether) {
    const UnitId first = make.unit("dma0", UnitKind::dma);
    const UnitId second = make.unit("dma1", UnitKind::dma);
    make.load(first, kMebibyte);
    const std::int64_t alone = end();
    make.load(second, kMebibyte, 16 * kMebibyte);
    const std::int64_t together = end();
    EXPECT_GT(together, alone * 3 / 2);
    EXPECT_LT(together, alone * 3);
}

// Reads, writes, strides and gaps: bytes, bursts, refreshes and queues are right whatever the mix.
TEST_F(OverDram, MixedTrafficKeepsEveryInvariant) {
    const UnitId reader = make.unit("dma0", UnitKind::dma);
    const UnitId writer = make.unit("dma1", UnitKind::dma);
    const UnitId matrix = make.unit("matrix", UnitKind::matrix);
    CommandId last;
    for (int i = 0; i < 50; ++i) {
        const std::vector<CommandId> after =
            last.valid() ? std::vector<CommandId>{last} : std::vector<CommandId>{};
        const CommandId rows =
            make.add(reader, Load{{MemoryId{0}, 8192 * i, 96 + i, 64, 1024}, {}}, after);
        const CommandId bulk = make.load(reader, 10'000 + i, kMebibyte * i / 2);
        last = make.contract(matrix, 3'000'000, {rows, bulk});
        make.store(writer, 5000 - i, 2 * kMebibyte * (i % 7), {}, {last});
    }
    const auto numbers = in_child([&] {
        const PlatformResult result = simulate_here(TestDevice(make.program.units));
        return std::vector<std::int64_t>{result.end.fs, result.memories[0].column_commands,
                                         result.memories[0].row_hits};
    });
    EXPECT_GT(numbers[0], ns(150'000).fs);
    EXPECT_GT(numbers[1], numbers[2]);
    EXPECT_EQ(numbers, in_child([&] {
                  const PlatformResult again = simulate_here(TestDevice(make.program.units));
                  return std::vector<std::int64_t>{again.end.fs, again.memories[0].column_commands,
                                                   again.memories[0].row_hits};
              }));
}

}  // namespace
}  // namespace perfwatt

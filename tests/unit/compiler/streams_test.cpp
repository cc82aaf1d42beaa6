#include "sim/compiler/streams.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph_maker.h"
#include "sim/base/diagnostics.h"
#include "sim/program/program_check.h"
#include "small_npu.h"

namespace perfwatt {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kScratchpad = 1 << 20;
constexpr std::int64_t kCapacity = std::int64_t{1} << 32;

npu::Npu make_device(int cores) {
    npu::NpuSpec spec = small_npu(kScratchpad);
    spec.cores = cores;
    return made_of(std::move(spec),
                   {{.bytes_per_second = 8'000'000'000, .burst_bytes = 32, .latency = {}}});
}

Graph two_products() {
    GraphMaker make;
    TensorId at = make.input({1, 64, 256});
    at = make.matmul(at, 256);
    at = make.matmul(at, 128);
    make.output(at);
    return make.take();
}

CompileTarget target_of(std::vector<TargetEngine> engines) {
    return {.engines = std::move(engines),
            .memories = {{.name = "dram",
                          .bytes_per_second = 8'000'000'000,
                          .capacity_bytes = kCapacity,
                          .burst_bytes = 32}}};
}

Compiled compiled(const CompileTarget& target, int cores = 0) {
    auto answer = compile(two_products(), target, {.cores = cores});
    return std::get<Compiled>(std::move(answer));
}

std::vector<int> engines_used(const Program& program, std::size_t first, std::size_t last) {
    std::vector<int> used;
    for (std::size_t i = first; i < last; ++i)
        used.push_back(program.units[program.commands[i].unit.index()].engine);
    return used;
}

TEST(Streams, EachHasItsEngine) {
    const npu::Npu device = make_device(1);
    const TargetEngine first{.name = "first", .device = &device};
    const TargetEngine second{.name = "second", .device = &device};
    const Compiled one = compiled(target_of({first}));
    const CompileTarget both = target_of({first, second});
    const Compiled merged =
        side_by_side({{.compiled = &one}, {.compiled = &one, .engine_of = {1}}}, both);
    const std::size_t half = one.program.commands.size();
    EXPECT_THAT(merged.program.commands, SizeIs(2 * half));
    EXPECT_THAT(engines_used(merged.program, 0, half), Each(0));
    EXPECT_THAT(engines_used(merged.program, half, 2 * half), Each(1));
    EXPECT_THAT(merged.program.layers, SizeIs(2 * one.program.layers.size()));
    EXPECT_THAT(merged.run_ends, ElementsAre(half, 2 * half));
    EXPECT_EQ(merged.graph_macs, 2 * one.graph_macs);
    EXPECT_THAT(
        problems(merged.program, {.scratchpad_bytes = kScratchpad, .memory_bytes = {kCapacity}}),
        IsEmpty());
}

// Two engines do twice the work in the same least time; the memory they share does not.
TEST(Streams, BoundsAreOfTheWhole) {
    const npu::Npu device = make_device(1);
    const TargetEngine engine{.name = "npu", .device = &device};
    const Compiled one = compiled(target_of({engine}));
    const Compiled merged = side_by_side({{.compiled = &one}, {.compiled = &one, .engine_of = {1}}},
                                         target_of({engine, engine}));
    EXPECT_EQ(merged.bound.compute, one.bound.compute);
    EXPECT_GT(merged.bound.memory, one.bound.memory);
}

TEST(Streams, EachHasItsCores) {
    const npu::Npu device = make_device(2);
    const CompileTarget target = target_of({{.name = "npu", .device = &device}});
    const Compiled one = compiled(target, 1);
    const Compiled merged = side_by_side(
        {{.compiled = &one}, {.compiled = &one, .first_core = 1, .first_byte = {kCapacity / 2}}},
        target);
    const std::size_t half = one.program.commands.size();
    std::vector<int> cores;
    std::vector<std::int64_t> addresses;
    for (std::size_t i = half; i < 2 * half; ++i) {
        const Command& command = merged.program.commands[i];
        cores.push_back(merged.program.units[command.unit.index()].core);
        if (const auto* load = std::get_if<Load>(&command.work))
            addresses.push_back(load->source.address);
    }
    EXPECT_THAT(cores, Each(1));
    EXPECT_THAT(addresses, Each(Ge(kCapacity / 2)));
}

TEST(Streams, MoreCoresThanThereAreAreOurMistake) {
    const npu::Npu device = make_device(2);
    const CompileTarget target = target_of({{.name = "npu", .device = &device}});
    const Compiled one = compiled(target, 1);
    EXPECT_THROW((void)side_by_side({{.compiled = &one, .first_core = 2}}, target), InternalError);
}

}  // namespace
}  // namespace perfwatt

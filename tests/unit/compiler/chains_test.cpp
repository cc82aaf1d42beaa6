#include "sim/compiler/chains.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checked_compile.h"
#include "graph_maker.h"
#include "models/gpu/gpu.h"
#include "sim/base/diagnostics.h"
#include "sim/compiler/compiler.h"
#include "sim/program/program_text.h"
#include "small_npu.h"

namespace perfwatt {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::int64_t kBandwidth = 100'000'000'000;

gpu::Gpu make_device(bool fuses, std::int64_t shared_bytes) {
    gpu::GpuSpec spec;
    spec.clock = Clock(1'000'000'000);
    spec.sms = 10;
    spec.rates = {{.first = DataType::int8, .second = DataType::int8, .macs_per_cycle = 2048}};
    spec.vector_lanes = 64;
    spec.special_lanes = 16;
    spec.shared_bytes = shared_bytes;
    spec.l2 = {.bytes = 1 << 20, .bytes_per_cycle = 10'000, .bytes_per_cycle_per_sm = 1000};
    spec.library.tiles = {{128, 128}, {128, 64}, {64, 64}};
    spec.library.fuses_chains = fuses;
    spec.launch = Time::from_ns(2000);
    spec.latency_cycles = 500;
    gpu::GpuPrices prices;
    for (const std::string& name : gpu::action_names(spec)) prices.actions[name] = {};
    return {std::move(spec), std::move(prices), {{.bytes_per_second = kBandwidth}}};
}

Compiled compiled(Graph graph, const CompileOptions& options = {}, bool fuses = true,
                  std::int64_t shared_bytes = 128 * 1024) {
    const gpu::Gpu device = make_device(fuses, shared_bytes);
    return compiled_for(device, kBandwidth, std::move(graph), options);
}

constexpr std::int64_t kMap = 16 * 256 * 256;

/// A block of a network whose maps exceed the L2, 256 x 256 of 16 channels; the last adds its
/// input, or what the first layer made.
Graph block(bool adds_inner = false) {
    GraphMaker make;
    const TensorId in = make.input({1, 16, 256, 256});
    const TensorId first = make.same("Relu", {make.conv(in, 16, 1)});
    const TensorId second = make.same("Relu", {make.conv(first, 16, 3)});
    make.output(make.same("Add", {make.conv(second, 16, 1), adds_inner ? first : in}));
    return make.take();
}

TEST(Chains, FusedLayersReadAndWriteTheirEndsOnly) {
    const Compiled apart = compiled(block(), {}, false);
    const Compiled fused = compiled(block());
    EXPECT_THAT(apart.notes, Not(Contains(HasSubstr("one launch"))));
    EXPECT_THAT(fused.notes, Contains(HasSubstr("one launch")));
    EXPECT_LT(fused.predicted, apart.predicted);
    const Totals before = totals(apart.program);
    const Totals after = totals(fused.program);
    EXPECT_GE(before.written, 3 * kMap);
    EXPECT_EQ(after.written, kMap);
    EXPECT_GE(after.read, kMap);
    EXPECT_LT(after.read, kMap + kMap / 64);  // weights
    EXPECT_EQ(after.useful_macs, fused.graph_macs);
    ASSERT_EQ(fused.program.layers.size(), 3u);
}

TEST(Chains, WhatSomebodyElseReadsIsNotHandedOn) {
    // The first layer's result is added at the end: only the second and third can be one.
    const Compiled fused = compiled(block(true));
    const Totals after = totals(fused.program);
    EXPECT_EQ(after.written, 2 * kMap);
    EXPECT_EQ(after.useful_macs, fused.graph_macs);
}

TEST(Chains, TilesThatDoNotFitSharedMemoryStayApart) {
    // 180 x 16 B before the taps and 128 x 16 after, 128 x 16 of the input, and 32 KiB of operands
    // on their way: 39744 B in all.
    EXPECT_THAT(compiled(block(), {}, true, 39744).notes,
                Contains(HasSubstr("'n0' to 'n4' are one launch")));
    EXPECT_THAT(compiled(block(), {}, true, 39743).notes,
                Contains(HasSubstr("'n0' to 'n2' are one launch")));
}

TEST(Chains, DumpedMappingsReplayTheSameChains) {
    const Compiled found = compiled(block());
    CompileOptions options;
    for (const KernelReport& kernel : found.kernels)
        options.mappings[kernel.name] = kernel.choice.mapping;
    EXPECT_EQ(to_text(compiled(block(), options).program), to_text(found.program));
    for (auto& [key, value] : options.mappings[found.kernels[1].name])
        if (key == "chain_goes_on_for") value = "7";
    EXPECT_THROW((void)compiled(block(), options), UserError);
}

}  // namespace
}  // namespace perfwatt

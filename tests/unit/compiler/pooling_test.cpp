#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checked_compile.h"
#include "graph_maker.h"
#include "sim/compiler/compiler.h"
#include "small_npu.h"

namespace perfwatt {
namespace {

constexpr std::int64_t kScratchpad = 64 << 10;
constexpr std::int64_t kBandwidth = 2'000'000'000;

Compiled compiled(Graph graph, bool pools) {
    npu::NpuSpec spec = small_npu(kScratchpad);
    spec.vector.pools = pools;
    const npu::Npu device = made_of(
        std::move(spec),
        {{.bytes_per_second = kBandwidth, .burst_bytes = 32, .latency = Time::from_ns(100)}});
    CompileOptions options;
    options.depth_first = false;
    return compiled_for(device, kBandwidth, std::move(graph), options);
}

/// 16 channels of 112 x 112, pooled to `side` rows and columns.
Graph stem(const std::string& pool, std::int64_t side,
           std::map<std::string, Attribute> attributes) {
    GraphMaker make;
    const TensorId in = make.input({1, 4, 112, 112});
    const TensorId map = make.same("Relu", {make.conv(in, 16, 3)});
    make.output(make.node(pool, {map}, {1, 16, side, side}, std::move(attributes)));
    return make.take();
}

Graph max_pooled() {
    using List = std::vector<std::int64_t>;
    return stem("MaxPool", 56,
                {{"kernel_shape", List{3, 3}},
                 {"strides", List{2, 2}},
                 {"dilations", List{1, 1}},
                 {"pads", List{1, 1, 1, 1}}});
}

TEST(FusedPooling, OnlyPooledResultsLeaveAndTheirWorkIsCounted) {
    const Compiled apart = compiled(max_pooled(), false);
    const Compiled fused = compiled(max_pooled(), true);
    ASSERT_EQ(apart.kernels.size(), 2u);
    ASSERT_EQ(fused.kernels.size(), 1u);
    const Totals before = totals(apart.program);
    const Totals after = totals(fused.program);
    EXPECT_EQ(before.written, 16 * (112 * 112 + 56 * 56));
    EXPECT_EQ(after.written, 16 * 56 * 56);
    EXPECT_EQ(after.useful_macs, fused.graph_macs);
    // Nine comparisons an output, whoever does them; pieces round up.
    EXPECT_GE(after.operations, before.operations);
    EXPECT_LE(after.operations, before.operations + before.operations / 50);
    EXPECT_LT(fused.predicted, apart.predicted);
}

TEST(FusedPooling, AWholeMapIsPooledOnItsWayOut) {
    const Compiled fused = compiled(stem("GlobalAveragePool", 1, {}), true);
    ASSERT_EQ(fused.kernels.size(), 1u);
    EXPECT_EQ(totals(fused.program).written, 16);
    EXPECT_EQ(totals(fused.program).useful_macs, fused.graph_macs);
}

TEST(FusedPooling, AMapThatOthersReadIsNotPooledAway) {
    using List = std::vector<std::int64_t>;
    GraphMaker make;
    const TensorId in = make.input({1, 4, 112, 112});
    const TensorId map = make.conv(in, 16, 3);
    make.output(make.node("MaxPool", {map}, {1, 16, 56, 56},
                          {{"kernel_shape", List{2, 2}},
                           {"strides", List{2, 2}},
                           {"dilations", List{1, 1}},
                           {"pads", List{0, 0, 0, 0}}}));
    make.output(make.conv(map, 8, 1));
    EXPECT_EQ(compiled(make.take(), true).kernels.size(), 3u);
}

}  // namespace
}  // namespace perfwatt

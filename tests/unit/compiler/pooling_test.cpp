#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph_maker.h"
#include "models/npu/npu.h"
#include "sim/compiler/compiler.h"
#include "sim/program/program_check.h"

namespace perfwatt {
namespace {

using ::testing::IsEmpty;

constexpr std::int64_t kScratchpad = 64 << 10;
constexpr std::int64_t kBandwidth = 2'000'000'000;

Compiled compiled(Graph graph, bool pools) {
    npu::NpuSpec spec;
    spec.clock = Clock(1'000'000'000);
    spec.matrix.rows = spec.matrix.columns = 32;
    spec.matrix.accumulator_bytes = 64 << 10;
    spec.matrix.rates = {{DataType::int8, DataType::int8, 1, 1}};
    spec.vector = {.lanes = 32, .lane_bits = 32, .simple_operations_per_cycle = 2};
    spec.vector.pools = pools;
    spec.scratchpad = {.bytes = kScratchpad,
                       .weight_bytes = kScratchpad,
                       .activation_bytes = kScratchpad,
                       .banks = 16,
                       .bytes_per_cycle_per_bank = 16};
    npu::NpuPrices prices;
    for (const std::string& name : npu::action_names(spec))
        prices.actions[name] = {.picojoules = 1, .source = "a test", .not_modelled = {}};
    const npu::Npu device(
        spec, prices,
        {{.bytes_per_second = kBandwidth, .burst_bytes = 32, .latency = Time::from_ns(100)}});
    const CompileTarget target{.device = &device,
                               .memories = {{.name = "dram",
                                             .bytes_per_second = kBandwidth,
                                             .capacity_bytes = std::int64_t{1} << 32,
                                             .burst_bytes = 32}},
                               .host = std::nullopt};
    CompileOptions options;
    options.depth_first = false;
    auto result = compile(std::move(graph), target, options);
    if (const auto* misfit = std::get_if<Infeasible>(&result)) ADD_FAILURE() << misfit->reason;
    Compiled out = std::get<Compiled>(std::move(result));
    EXPECT_THAT(problems(out.program, {.scratchpad_bytes = kScratchpad,
                                       .memory_bytes = {std::int64_t{1} << 32}}),
                IsEmpty());
    return out;
}

struct Totals {
    std::int64_t read = 0, written = 0, useful_macs = 0, operations = 0;
};

Totals totals(const Program& program) {
    Totals all;
    for (const Command& command : program.commands) {
        if (const auto* load = std::get_if<Load>(&command.work)) all.read += load->source.bytes();
        if (const auto* store = std::get_if<Store>(&command.work))
            all.written += store->target.bytes();
        if (const auto* tile = std::get_if<Contract>(&command.work))
            all.useful_macs += tile->useful_macs;
        if (const auto* vector = std::get_if<Vector>(&command.work))
            all.operations += vector->operations;
    }
    return all;
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

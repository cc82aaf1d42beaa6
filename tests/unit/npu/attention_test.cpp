#include "models/npu/attention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "npu_test_support.h"
#include "sim/program/program_check.h"

namespace perfwatt::npu {
namespace {

using ::testing::IsEmpty;

/// Softmax as the compiler lowers it: five operations and a division a row.
std::vector<VectorStep> softmax_steps(std::int64_t keys) {
    return {{VectorOp::compare, 1},
            {VectorOp::add, 2},
            {VectorOp::exponential, 1},
            {VectorOp::multiply, 1},
            {VectorOp::divide, 1.0 / static_cast<double>(keys)}};
}

Kernel attention(const Attention& shape) {
    Attention work = shape;
    work.query_type = work.cache_type = work.output_type = DataType::int8;
    work.steps = softmax_steps(work.keys);
    const std::int64_t cached = work.g / work.groups_sharing * work.keys;
    Kernel kernel;
    kernel.name = kernel.operator_type = "Attention";
    kernel.work = work;
    kernel.inputs = {{TensorId{0}, work.g * work.queries * work.head_dim, TensorRole::activation},
                     {TensorId{1}, cached * work.head_dim, TensorRole::state},
                     {TensorId{2}, cached * work.value_dim, TensorRole::state}};
    kernel.outputs = {
        {TensorId{3}, work.g * work.queries * work.value_dim, TensorRole::activation}};
    return kernel;
}

Program program_of(const Npu& npu, const MappingRequest& request, const Mapping& mapping) {
    ProgramBuilder builder(npu.units(), {"dram"});
    const LayerId layer = builder.add_layer({.name = "layer", .operator_type = "Attention"});
    npu.emit(request, mapping, layer, builder);
    return builder.take();
}

struct Totals {
    std::int64_t useful = 0, read = 0, written = 0, contracts = 0, vectors = 0;
};

Totals totals_of(const Program& program) {
    Totals totals;
    for (const Command& command : program.commands) {
        if (const auto* tile = std::get_if<Contract>(&command.work)) {
            totals.useful += tile->useful_macs;
            ++totals.contracts;
        } else if (const auto* load = std::get_if<Load>(&command.work)) {
            totals.read += load->source.bytes();
        } else if (const auto* store = std::get_if<Store>(&command.work)) {
            totals.written += store->target.bytes();
        } else if (std::holds_alternative<Vector>(command.work)) {
            ++totals.vectors;
        }
    }
    return totals;
}

TEST(NpuAttention, ScoresNeverLeaveTheChipWhateverTheCut) {
    const NpuSpec spec = [] {
        NpuSpec two = small_spec();
        two.cores = 2;
        return two;
    }();
    const Npu npu = make_npu(spec);
    const Kernel kernel = attention(
        {.g = 6, .groups_sharing = 3, .queries = 20, .keys = 50, .head_dim = 16, .value_dim = 24});
    const MappingRequest request = from_memory(kernel, spec);
    const AttentionPlan plan(npu, request);
    int tried = 0;
    for (const bool split_queries : {false, true})
        for (const int cores : {1, 2})
            for (const std::int64_t g : {1, 2})
                for (const std::int64_t queries : {1, 7, 20})
                    for (const std::int64_t keys : {9, 50})
                        for (const int buffers : {1, 2}) {
                            const AttentionCut cut{.g = g,
                                                   .queries = queries,
                                                   .keys = keys,
                                                   .split_queries = split_queries,
                                                   .cores = cores,
                                                   .buffers = buffers};
                            if (g > 1 && (queries < 20 || keys < 50)) continue;
                            if (std::holds_alternative<Infeasible>(plan.layout(cut))) continue;
                            const Program program = program_of(npu, request, to_mapping(cut));
                            const Totals totals = totals_of(program);
                            ASSERT_EQ(totals.useful, plan.work().macs());
                            ASSERT_EQ(totals.written, 6 * 20 * 24);
                            ASSERT_GE(totals.read, 6 * 20 * 16 + 2 * 50 * (16 + 24));
                            ASSERT_THAT(
                                problems(program, {.scratchpad_bytes = spec.scratchpad.bytes,
                                                   .memory_bytes = {1 << 20}}),
                                IsEmpty());
                            ++tried;
                        }
    EXPECT_GT(tried, 20);
}

TEST(NpuAttention, CommandsOfOneBlock) {
    const NpuSpec spec = small_spec();
    const Npu npu = make_npu(spec);
    const Kernel kernel = attention(
        {.g = 2, .groups_sharing = 2, .queries = 4, .keys = 10, .head_dim = 8, .value_dim = 8});
    const MappingRequest request = from_memory(kernel, spec);
    const AttentionPlan plan(npu, request);
    // Two heads share keys: eight rows of one product.
    EXPECT_EQ(plan.scores(1, 4, 10).m, 8);
    EXPECT_EQ(plan.scores(1, 4, 10).useful_macs, 8 * 10 * 8);
    EXPECT_EQ(plan.scores(1, 4, 10).output.bytes, 8 * 10 * 4);  // sums of 32 bits
    EXPECT_EQ(plan.values(1, 4, 10).useful_macs, 8 * 10 * 8);
    const Vector first = plan.softmax(1, 4, 10, false);
    // Of 80 scores each: 4 simple operations two a cycle, an exponential of 6 cycles, a tenth of
    // a division of 4: 8.4 cycles.
    EXPECT_EQ(first.operations, 672);
    EXPECT_EQ(first.read_bytes, 320);
    EXPECT_EQ(first.write_bytes, 80);
    // Later blocks scale 64 sums, one cycle each, and correct 8 rows: one cycle and 6.
    const Vector later = plan.softmax(1, 4, 10, true);
    EXPECT_EQ(later.operations, 672 + 64 + 8 * 7);
    EXPECT_EQ(later.read_bytes, 320 + 64 * 4);
}

TEST(NpuAttention, NextBlocksScoresDoNotWaitForTheSoftmaxBefore) {
    const NpuSpec spec = small_spec();
    const Npu npu = make_npu(spec);
    const Kernel kernel =
        attention({.g = 4, .queries = 16, .keys = 16, .head_dim = 8, .value_dim = 8});
    const MappingRequest request = from_memory(kernel, spec);
    const Program program =
        program_of(npu, request, to_mapping(AttentionCut{.queries = 16, .keys = 16}));
    std::vector<std::size_t> products;
    for (std::size_t i = 0; i < program.commands.size(); ++i)
        if (std::holds_alternative<Contract>(program.commands[i].work)) products.push_back(i);
    ASSERT_EQ(products.size(), 8u);
    // Scores 0, scores 1, values 0, scores 2, values 1 ...
    for (const CommandId before : program.commands[products[1]].after)
        EXPECT_FALSE(std::holds_alternative<Vector>(program.commands[before.index()].work));
    bool waits = false;
    for (const CommandId before : program.commands[products[2]].after)
        waits = waits || std::holds_alternative<Vector>(program.commands[before.index()].work);
    EXPECT_TRUE(waits);
}

TEST(NpuAttention, MapperFindsTheCheapestOfItsCutsAndNeverBeatsTheBound) {
    for (const auto& [queries, keys] : {std::pair{64, 64}, {1, 500}, {30, 7}}) {
        NpuSpec spec = small_spec();
        spec.scratchpad.bytes = 16 << 10;
        const Npu npu = make_npu(spec);
        const Kernel kernel =
            attention({.g = 3, .queries = queries, .keys = keys, .head_dim = 16, .value_dim = 16});
        const MappingRequest request = from_memory(kernel, spec);
        const AttentionPlan plan(npu, request);
        Time best = Time::max();
        AttentionCut cut;
        for (cut.queries = 1; cut.queries <= queries; ++cut.queries)
            for (cut.keys = 1; cut.keys <= keys; ++cut.keys)
                for (cut.buffers = 1; cut.buffers <= 2; ++cut.buffers)
                    if (std::holds_alternative<AttentionLayout>(plan.layout(cut)))
                        best = std::min(best, plan.cost(cut));
        const auto found = npu.map(request);
        const auto& choice = std::get<MappingChoice>(found);
        EXPECT_LE(static_cast<double>(choice.cost.fs), 1.02 * static_cast<double>(best.fs))
            << queries << " " << keys;
        EXPECT_GE(choice.cost, choice.bound);
        EXPECT_EQ(std::get<Time>(npu.cost(request, choice.mapping)), choice.cost);
    }
}

TEST(NpuAttention, AMappingOfAnotherKernelIsRefused) {
    const NpuSpec spec = small_spec();
    const Npu npu = make_npu(spec);
    const Kernel kernel = attention({.g = 1, .queries = 4, .keys = 4});
    const MappingRequest request = from_memory(kernel, spec);
    EXPECT_TRUE(std::holds_alternative<Infeasible>(npu.cost(request, {{"pieces", "2"}})));
    EXPECT_TRUE(std::holds_alternative<Infeasible>(npu.cost(request, {{"cores", "2"}})));
}

TEST(NpuAttention, TypesOfTheCacheMustBeTheMatrixUnits) {
    const Npu npu = make_npu(small_spec());
    Kernel kernel = attention({.g = 1, .queries = 4, .keys = 4});
    EXPECT_FALSE(npu.refuses(kernel));
    std::get<Attention>(kernel.work).cache_type = DataType::int4;
    EXPECT_TRUE(npu.refuses(kernel));
}

}  // namespace
}  // namespace perfwatt::npu

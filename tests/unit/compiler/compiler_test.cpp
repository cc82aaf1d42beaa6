#include "sim/compiler/compiler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "graph_maker.h"
#include "sim/base/diagnostics.h"
#include "sim/compiler/passes.h"
#include "sim/compiler/precision.h"
#include "sim/graph/operators.h"
#include "sim/program/program_check.h"
#include "sim/program/program_text.h"
#include "small_npu.h"

namespace perfwatt {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kBandwidth = 8'000'000'000;
constexpr std::int64_t kCapacity = std::int64_t{1} << 32;

npu::Npu make_device(int cores = 1, std::int64_t scratchpad = 1 << 20) {
    npu::NpuSpec spec = small_npu(scratchpad);
    spec.cores = cores;
    spec.matrix.rates = {{DataType::int8, DataType::int8, 1, 1},
                         {DataType::fp16, DataType::int4, 1, 2},
                         {DataType::bf16, DataType::bf16, 1, 2}};
    return made_of(
        std::move(spec),
        {{.bytes_per_second = kBandwidth, .burst_bytes = 32, .latency = Time::from_ns(100)}});
}

CompileTarget target_of(const Device& device) {
    return {.device = &device,
            .memories = {{.name = "dram",
                          .bytes_per_second = kBandwidth,
                          .capacity_bytes = kCapacity,
                          .burst_bytes = 32}},
            .host = std::nullopt};
}

Compiled compiled(Graph graph, const CompileOptions& options = {}, int cores = 1,
                  std::int64_t scratchpad = 1 << 20) {
    const npu::Npu device = make_device(cores, scratchpad);
    auto result = compile(std::move(graph), target_of(device), options);
    if (const auto* misfit = std::get_if<Infeasible>(&result)) ADD_FAILURE() << misfit->reason;
    Compiled out = std::get<Compiled>(std::move(result));
    EXPECT_THAT(
        problems(out.program, {.scratchpad_bytes = scratchpad, .memory_bytes = {kCapacity}}),
        IsEmpty());
    return out;
}

std::int64_t useful_macs(const Program& program) {
    std::int64_t total = 0;
    for (const Command& command : program.commands)
        if (const auto* tile = std::get_if<Contract>(&command.work)) total += tile->useful_macs;
    return total;
}

std::int64_t read_bytes(const Program& program) {
    std::int64_t total = 0;
    for (const Command& command : program.commands)
        if (const auto* load = std::get_if<Load>(&command.work)) total += load->source.bytes();
    return total;
}

Time cost_of(const Compiled& result) {
    Time total;
    for (const KernelReport& kernel : result.kernels) total += kernel.choice.cost;
    return total;
}

/// Two convolutions with norms and a residual, as in every ResNet.
Graph residual_block(const std::string& prefix = "n", std::int64_t batch = 1) {
    GraphMaker make(prefix);
    const TensorId x = make.input({batch, 16, 28, 28});
    const TensorId a = make.same("Relu", {make.batch_norm(make.conv(x, 32, 3))});
    const TensorId b = make.batch_norm(make.conv(a, 32, 3));
    const TensorId sum = make.same("Relu", {make.same("Add", {b, a})});
    const TensorId pooled = make.node("GlobalAveragePool", {sum}, {batch, 32, 1, 1});
    const TensorId flat = make.node("Flatten", {pooled}, {batch, 32});
    make.output(make.matmul(flat, 10));
    return make.take();
}

/// `layers` blocks of a transformer in ONNX's small pieces, LayerNormalization and GELU included.
Graph transformer(int layers, std::int64_t tokens = 32, std::int64_t hidden = 64,
                  std::int64_t heads = 4) {
    GraphMaker make;
    using List = std::vector<std::int64_t>;
    const std::int64_t size = hidden / heads;
    TensorId x = make.input({1, tokens, hidden});
    const auto norm = [&](TensorId from) {
        const List last{2};
        const TensorId mean = make.node("ReduceMean", {from}, {1, tokens, 1}, {{"axes", last}});
        const TensorId centred = make.same("Sub", {from, mean});
        const TensorId square = make.same("Pow", {centred, make.weight({1})});
        const TensorId variance =
            make.node("ReduceMean", {square}, {1, tokens, 1}, {{"axes", last}});
        const TensorId root = make.same("Sqrt", {make.same("Add", {variance, make.weight({1})})});
        const TensorId scaled = make.same("Div", {centred, root});
        return make.same(
            "Add", {make.same("Mul", {scaled, make.weight({hidden})}), make.weight({hidden})});
    };
    const auto split_heads = [&](TensorId from, const List& perm, Shape to) {
        const TensorId cut = make.node("Reshape", {from}, {1, tokens, heads, size});
        return make.node("Transpose", {cut}, std::move(to), {{"perm", perm}});
    };
    for (int layer = 0; layer < layers; ++layer) {
        const TensorId q =
            split_heads(make.matmul(x, hidden), {0, 2, 1, 3}, {1, heads, tokens, size});
        const TensorId k =
            split_heads(make.matmul(x, hidden), {0, 2, 3, 1}, {1, heads, size, tokens});
        const TensorId v =
            split_heads(make.matmul(x, hidden), {0, 2, 1, 3}, {1, heads, tokens, size});
        const TensorId scores = make.node("MatMul", {q, k}, {1, heads, tokens, tokens});
        const TensorId weights = make.node("Softmax", {scores}, {1, heads, tokens, tokens},
                                           {{"row", tokens}, {"axis", std::int64_t{3}}});
        const TensorId mixed = make.node("MatMul", {weights, v}, {1, heads, tokens, size});
        const TensorId back =
            make.node("Transpose", {mixed}, {1, tokens, heads, size}, {{"perm", List{0, 2, 1, 3}}});
        const TensorId joined = make.node("Reshape", {back}, {1, tokens, hidden});
        x = norm(make.same("Add", {make.matmul(joined, hidden), x}));
        const TensorId up = make.matmul(x, 4 * hidden);
        const TensorId erf = make.same("Erf", {make.same("Div", {up, make.weight({1})})});
        const TensorId gelu = make.same("Mul", {up, make.same("Add", {erf, make.weight({1})})});
        x = norm(make.same("Add", {make.matmul(gelu, hidden), x}));
    }
    make.output(x);
    return make.take();
}

TEST(Compiler, EmitsExactlyTheMacsOfTheNetwork) {
    const Graph graph = residual_block();
    const std::int64_t expected = macs(graph);
    const Compiled result = compiled(graph);
    EXPECT_EQ(result.graph_macs, expected);
    EXPECT_EQ(useful_macs(result.program), expected);
    std::int64_t of_layers = 0;
    for (const Layer& layer : result.program.layers) of_layers += layer.macs;
    EXPECT_EQ(of_layers, expected);
}

TEST(Compiler, NormsActivationsAndResidualsJoinTheConvolution) {
    const Compiled result = compiled(residual_block());
    std::vector<std::string> types;
    for (const KernelReport& kernel : result.kernels) types.push_back(kernel.operator_type);
    EXPECT_THAT(types, ElementsAre("Conv", "Conv", "GlobalAveragePool", "MatMul"));
    EXPECT_THAT(result.notes, ElementsAre(HasSubstr("2 BatchNormalization")));
    CompileOptions apart;
    apart.fuse = false;
    EXPECT_THAT(compiled(residual_block(), apart).kernels, SizeIs(7));
}

TEST(Compiler, NamesCarryNoMeaning) {
    EXPECT_EQ(compiled(residual_block("a")).program.commands.size(),
              compiled(residual_block("zz")).program.commands.size());
    const auto bare = [](Compiled result) {
        for (Layer& layer : result.program.layers) layer.name.clear();
        return to_text(result.program);
    };
    EXPECT_EQ(bare(compiled(residual_block("a"))), bare(compiled(residual_block("zz"))));
}

TEST(Compiler, SmallNetworksStayOnChipBetweenLayers) {
    const Compiled result = compiled(residual_block());
    // In steady state only the input, of which tiles share two rows of 28 x 16 bytes.
    EXPECT_EQ((read_bytes(result.program) - 16 * 28 * 28) % (2 * 28 * 16), 0);
    EXPECT_LT(read_bytes(result.program), 2 * 16 * 28 * 28);
    CompileOptions cold;
    cold.start = Start::cold;
    std::int64_t weights = 0;
    for (const TensorPlace& place : result.places)
        if (place.role == TensorRole::weight) weights += place.bytes;
    EXPECT_EQ(read_bytes(compiled(residual_block(), cold).program),
              read_bytes(result.program) + weights);
}

TEST(Compiler, WeightsThatDoNotFitAreStreamed) {
    const Compiled result = compiled(residual_block(), {}, 1, 24 << 10);
    EXPECT_GT(read_bytes(result.program), 16 * 28 * 28 + 9 * 16 * 32);
    EXPECT_EQ(useful_macs(result.program), result.graph_macs);
}

TEST(Compiler, CostNeverBeatsTheBound) {
    for (const std::int64_t scratchpad : {32 << 10, 256 << 10, 4 << 20}) {
        const Compiled result = compiled(residual_block(), {}, 1, scratchpad);
        EXPECT_GE(cost_of(result), result.bound.time());
        for (const KernelReport& kernel : result.kernels)
            EXPECT_GE(kernel.choice.cost, kernel.choice.bound) << kernel.operator_type;
    }
}

TEST(Compiler, KernelsOfOneOperatorHaveNamesOfTheirOwn) {
    GraphMaker make;
    const TensorId x = make.input({1, 16, 14, 14});
    const TensorId a = make.conv(x, 8, 3);
    const TensorId b = make.conv(x, 8, 3);
    make.output(make.node("Concat", {a, b, x, a}, {1, 40, 14, 14}, {{"axis", std::int64_t{1}}}));
    const Compiled result = compiled(make.take());
    std::vector<std::string> names;
    for (const KernelReport& kernel : result.kernels) names.push_back(kernel.name);
    std::sort(names.begin(), names.end());
    EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());

    // So what a run found can be given to the next one.
    CompileOptions replay;
    for (const KernelReport& kernel : result.kernels)
        if (!kernel.choice.mapping.empty()) replay.mappings[kernel.name] = kernel.choice.mapping;
    EXPECT_GT(replay.mappings.size(), 2U);
}

TEST(Compiler, ReadsAndWritesPassEachOtherOnALinkButNotOnABus) {
    const npu::Npu device = make_device();
    const auto memory_bound = [&](std::int64_t both_ways) {
        CompileTarget target = target_of(device);
        target.memories[0].both_ways_bytes_per_second = both_ways;
        GraphMaker make;
        make.output(make.same("Relu", {make.input({1, 16, 64, 64})}));
        return std::get<Compiled>(compile(make.take(), target, {})).bound.memory;
    };
    // 64 KiB in and 64 KiB out at 8 GB/s: 8.192 us each.
    EXPECT_EQ(memory_bound(kBandwidth), Time::from_ns(16'384));
    EXPECT_EQ(memory_bound(0), Time::from_ns(16'384));
    EXPECT_EQ(memory_bound(2 * kBandwidth), Time::from_ns(8'192));
    EXPECT_EQ(memory_bound(kBandwidth * 5 / 4), Time{13'107'200'000});
}

TEST(Compiler, TwiceTheBatchTakesAtMostTwiceTheTime) {
    const Time once = cost_of(compiled(residual_block("n", 2)));
    const Time twice = cost_of(compiled(residual_block("n", 4)));
    EXPECT_GT(twice, once);
    EXPECT_LE(twice, 2 * once);
}

TEST(Compiler, CoresShareTheWorkOfLargeKernels) {
    const auto graph = [] {
        GraphMaker make;
        make.output(make.matmul(make.input({1, 512, 512}), 512));
        return make.take();
    };
    const Compiled one = compiled(graph());
    const Compiled four = compiled(graph(), {}, 4);
    EXPECT_EQ(useful_macs(four.program), useful_macs(one.program));
    EXPECT_LT(cost_of(four), cost_of(one));
    std::vector<std::int64_t> by_core(4, 0);
    for (const Command& command : four.program.commands)
        if (const auto* tile = std::get_if<Contract>(&command.work))
            by_core[static_cast<std::size_t>(four.program.units[command.unit.index()].core)] +=
                tile->useful_macs;
    EXPECT_LE(by_core[0], one.graph_macs / 2);
    EXPECT_EQ(by_core[0], by_core[1]);
}

TEST(Compiler, MoreCoresAreNeverSlower) {
    for (const std::int64_t scratchpad : {32 << 10, 1 << 20}) {
        Time last = Time::max();
        for (const int cores : {1, 2, 4}) {
            const Time cost = cost_of(compiled(residual_block(), {}, cores, scratchpad));
            EXPECT_LE(cost, last) << cores;
            last = cost;
        }
    }
}

TEST(Compiler, NormsAndGeluBecomeOneKernelEach) {
    CompileOptions apart;
    apart.fuse_attention = false;
    const Compiled result = compiled(transformer(1), apart);
    std::vector<std::string> types;
    for (const KernelReport& kernel : result.kernels) types.push_back(kernel.operator_type);
    EXPECT_THAT(types, ElementsAre("MatMul", "Transpose", "MatMul", "Transpose", "MatMul",
                                   "Transpose", "MatMul", "Softmax", "MatMul", "Transpose",
                                   "MatMul", "ReduceMean", "MatMul", "MatMul", "ReduceMean"));
    EXPECT_EQ(useful_macs(result.program), result.graph_macs);
}

TEST(Compiler, RepeatedBlocksAreFoundAndFewerEmitted) {
    const Compiled whole = compiled(transformer(8));
    ASSERT_TRUE(whole.repeat.has_value());
    // The first block reads the network's input, so the repetition starts after its attention.
    EXPECT_EQ(whole.repeat->count, 7);
    EXPECT_EQ(whole.repeat->kernels_per_block, 9);
    EXPECT_EQ(whole.repeat->blocks_emitted, 7);
    CompileOptions folded;
    folded.blocks_emitted = 3;
    const Compiled few = compiled(transformer(8), folded);
    EXPECT_EQ(few.repeat->blocks_emitted, 3);
    EXPECT_EQ(few.repeat->first_layer, few.repeat->first_kernel);
    EXPECT_EQ(useful_macs(few.program) * 8, useful_macs(whole.program) * (8 - 4));
    EXPECT_THAT(few.program.layers, SizeIs((8 - 4) * 9));
    const auto skipped = static_cast<std::size_t>(few.repeat->first_kernel + 3 * 9);
    EXPECT_EQ(few.kernels[skipped].layer, -1);
    EXPECT_GE(few.kernels[skipped - 1].layer, 0);
}

TEST(Compiler, WhatFollowsFoldedBlocksWaitsForTheLastOneEmitted) {
    GraphMaker make;
    make.graph() = transformer(6);
    const TensorId last = make.graph().outputs[0];
    make.graph().outputs.clear();
    make.graph().tensor(last).role = TensorRole::activation;
    make.output(make.matmul(last, 48));
    CompileOptions folded;
    folded.blocks_emitted = 3;
    folded.resident_activations = false;
    const Compiled result = compiled(make.take(), folded);
    const Program& program = result.program;
    const int head = static_cast<int>(program.layers.size()) - 1;
    bool waits = false;
    for (const Command& command : program.commands)
        if (command.layer.value == head && std::holds_alternative<Load>(command.work))
            for (const CommandId before : command.after)
                waits = waits || program.commands[before.index()].layer.value == head - 1;
    EXPECT_TRUE(waits);
}

TEST(Compiler, ConcatenatedPartsAreMadeInPlaceAndSlicesAreViews) {
    GraphMaker make;
    const TensorId x = make.input({1, 8, 16, 16});
    const TensorId a = make.conv(x, 8, 3);
    const TensorId b = make.conv(x, 24, 1);
    const TensorId joined =
        make.node("Concat", {a, b}, {1, 32, 16, 16}, {{"axis", std::int64_t{1}}});
    const TensorId half = make.node("Slice", {joined}, {1, 16, 16, 16},
                                    {{"starts", std::vector<std::int64_t>{16}},
                                     {"axes", std::vector<std::int64_t>{1}},
                                     {"steps", std::vector<std::int64_t>{1}}});
    make.output(make.conv(half, 8, 1));
    const Compiled result = compiled(make.take());
    EXPECT_THAT(result.kernels, SizeIs(3));
    EXPECT_EQ(useful_macs(result.program), result.graph_macs);
}

TEST(Compiler, ATensorInTwoConcatenationsIsCopiedIntoTheSecond) {
    GraphMaker make;
    const TensorId x = make.input({1, 8, 16, 16});
    const TensorId a = make.conv(x, 8, 3);
    const TensorId b = make.conv(x, 8, 1);
    const TensorId first = make.node("Concat", {a, b}, {1, 16, 16, 16});
    const TensorId c = make.conv(first, 8, 1);
    const TensorId second = make.node("Concat", {a, c}, {1, 16, 16, 16});
    make.output(make.conv(second, 8, 1));
    const Compiled result = compiled(make.take());
    ASSERT_THAT(result.kernels, SizeIs(5));
    EXPECT_EQ(result.kernels[3].operator_type, "Concat");
}

TEST(Compiler, RecurrentNetworksRunStepByStep) {
    GraphMaker make;
    const TensorId x = make.input({5, 2, 12});
    const TensorId out = make.tensor({5, 1, 2, 16});
    make.nodes("LSTM", {x, make.weight({1, 64, 12}), make.weight({1, 64, 16})}, {out},
               {{"hidden_size", std::int64_t{16}},
                {"gates", std::int64_t{4}},
                {"directions", std::int64_t{1}},
                {"steps", std::int64_t{5}},
                {"batch", std::int64_t{2}},
                {"input_size", std::int64_t{12}}});
    make.output(out);
    const Compiled result = compiled(make.take());
    EXPECT_EQ(result.graph_macs, (12 + 16) * 4 * 16 * 5 * 2);
    EXPECT_EQ(useful_macs(result.program), result.graph_macs);
    EXPECT_THAT(result.kernels, SizeIs(1 + 2 * 5));
}

TEST(Compiler, TransposedConvolutionsAddTheirOverlaps) {
    GraphMaker make;
    using List = std::vector<std::int64_t>;
    const TensorId x = make.input({1, 8, 10, 10});
    const TensorId up = make.node("ConvTranspose", {x, make.weight({8, 4, 4, 4})}, {1, 4, 20, 20},
                                  {{"kernel_shape", List{4, 4}},
                                   {"strides", List{2, 2}},
                                   {"dilations", List{1, 1}},
                                   {"pads", List{1, 1, 1, 1}},
                                   {"group", std::int64_t{1}}});
    make.output(up);
    const Compiled result = compiled(make.take());
    EXPECT_EQ(result.graph_macs, 10 * 10 * 8 * 4 * 4 * 4);
    EXPECT_EQ(useful_macs(result.program), result.graph_macs);
    EXPECT_THAT(result.kernels, SizeIs(2));
}

TEST(Compiler, DepthwiseConvolutionsAreChargedTheirPoorUseOfTheCells) {
    const auto time_of = [](std::int64_t group) {
        GraphMaker make;
        const TensorId x = make.input({1, 32, 28, 28});
        make.output(make.conv(x, 32, 3, 1, group));
        return cost_of(compiled(make.take()));
    };
    // A thirty-second of the MACs, group after group on one column: longer, not shorter.
    EXPECT_GT(time_of(32), time_of(1));
}

TEST(Compiler, CacheAppendWritesOnlyWhatIsNew) {
    GraphMaker make;
    const TensorId past = make.tensor({1, 63, 2, 16}, TensorRole::state);
    const TensorId q = make.input({1, 1, 8, 16});
    const TensorId added = make.same("Relu", {make.input({1, 1, 2, 16})});
    const TensorId cache = make.node("perfwatt.CacheAppend", {added, past}, {1, 64, 2, 16});
    const TensorId scores = make.node("perfwatt.AttentionScores", {q, cache}, {1, 8, 1, 64},
                                      {{"groups_sharing", std::int64_t{4}}});
    make.output(scores);
    const Compiled result = compiled(make.take());
    EXPECT_EQ(useful_macs(result.program), 8 * 64 * 16);
    std::int64_t written = 0;
    for (const Command& command : result.program.commands)
        if (const auto* store = std::get_if<Store>(&command.work)) written += store->target.bytes();
    EXPECT_EQ(written, 2 * 16 + 8 * 64);  // two heads' new keys, and the scores
    EXPECT_GE(read_bytes(result.program), 64 * 2 * 16);
}

TEST(Compiler, PrecisionDecidesBytes) {
    CompileOptions narrow;
    narrow.precision = "w4a16";
    narrow.resident_activations = narrow.resident_weights = false;
    GraphMaker make;
    make.output(make.matmul(make.input({1, 64, 128}), 256));
    const Compiled result = compiled(make.take(), narrow);
    EXPECT_GE(read_bytes(result.program), 64 * 128 * 2 + 128 * 256 / 2);
    EXPECT_LT(read_bytes(result.program), 64 * 128 * 2 + 128 * 256);
    EXPECT_THAT(result.not_modelled, ElementsAre(HasSubstr("4-bit")));
}

TEST(Compiler, DataDependentWorkNeedsAHost) {
    const auto graph = [] {
        GraphMaker make;
        const TensorId x = make.conv(make.input({1, 8, 16, 16}), 8, 1);
        const TensorId flat = make.node("Flatten", {x}, {1, 2048});
        const TensorId values = make.tensor({1, 10});
        const TensorId places = make.tensor({1, 10}, TensorRole::activation, DataType::int64);
        make.nodes("TopK", {flat}, {values, places});
        make.output(make.same("Relu", {values}));
        make.output(places);
        return make.take();
    };
    const npu::Npu device = make_device();
    CompileTarget target = target_of(device);
    try {
        (void)compile(graph(), target, {});
        FAIL() << "no error";
    } catch (const UserError& error) {
        EXPECT_THAT(error.what(), HasSubstr("test.onnx: error: operator 'TopK' of node 'n2'"));
        EXPECT_THAT(error.what(), HasSubstr("hint: declare a host"));
    }
    target.host = HostRate{.operations_per_second = 1'000'000'000,
                           .bytes_per_second = 1'000'000'000,
                           .latency = Time::from_ns(500)};
    const auto result = compile(graph(), target, {});
    const Compiled& out = std::get<Compiled>(result);
    EXPECT_EQ(out.host_operations, 2048 * 11 + 2 * 10);
    const Program& program = out.program;
    EXPECT_EQ(program.units.back().kind, UnitKind::host);
    int host = -1;
    bool waited = false;
    for (std::size_t i = 0; i < program.commands.size(); ++i) {
        const Command& command = program.commands[i];
        if (std::holds_alternative<Delay>(command.work)) {
            host = static_cast<int>(i);
            EXPECT_THAT(command.after, SizeIs(1));  // the store of what it sorts
        }
        waited = waited || std::find(command.after.begin(), command.after.end(), CommandId{host}) !=
                               command.after.end();
    }
    EXPECT_TRUE(waited);
}

TEST(Compiler, ANetworkLargerThanMemoryIsRefusedWithFigures) {
    const npu::Npu device = make_device();
    CompileTarget target = target_of(device);
    target.memories[0].capacity_bytes = 20'000;
    try {
        (void)compile(residual_block(), target, {});
        FAIL() << "no error";
    } catch (const UserError& error) {
        EXPECT_THAT(error.what(), HasSubstr("bytes of memory 'dram', which has 20000"));
    }
}

TEST(Compiler, AKernelThatFitsNowhereIsInfeasibleByName) {
    const npu::Npu device = make_device(1, 256);
    const auto result = compile(residual_block(), target_of(device), {});
    ASSERT_TRUE(std::holds_alternative<Infeasible>(result));
    EXPECT_THAT(std::get<Infeasible>(result).reason, HasSubstr("kernel 'n0' (Conv)"));
}

TEST(Compiler, UnknownPrecisionsPassesAndTypesAreTheUsersMistakes) {
    const npu::Npu device = make_device();
    CompileOptions options;
    options.precision = "int9";
    EXPECT_THROW((void)compile(residual_block(), target_of(device), options), UserError);
    options.precision = "int16";
    try {
        (void)compile(residual_block(), target_of(device), options);
        FAIL() << "no error";
    } catch (const UserError& error) {
        EXPECT_THAT(error.what(), HasSubstr("the matrix unit has no int16 x int16 (it has int8"));
    }
    options = {};
    options.dump_after = {"bake"};
    EXPECT_THROW((void)compile(residual_block(), target_of(device), options), UserError);
}

TEST(Compiler, EveryPassCanBePrinted) {
    CompileOptions options;
    options.dump_after = pass_names();
    const Compiled result = compiled(residual_block(), options);
    ASSERT_THAT(result.dumps, SizeIs(pass_names().size()));
    for (const auto& [pass, text] : result.dumps) EXPECT_FALSE(text.empty()) << pass;
    EXPECT_THAT(result.dumps[4].second, HasSubstr("contraction g1 n1 p28 q28 k32 c16 r3 s3"));
}

TEST(Compiler, AMappingIsReplayedAndABadOneRefused) {
    const Compiled found = compiled(residual_block());
    CompileOptions replay;
    for (const KernelReport& kernel : found.kernels)
        replay.mappings[kernel.name] = kernel.choice.mapping;
    const Compiled again = compiled(residual_block(), replay);
    EXPECT_EQ(to_text(again.program), to_text(found.program));
    EXPECT_EQ(again.candidates, 0);
    replay.mappings[found.kernels[0].name] = {{"tile_p", "many"}};
    const npu::Npu device = make_device();
    const auto result = compile(residual_block(), target_of(device), replay);
    ASSERT_TRUE(std::holds_alternative<Infeasible>(result));
    EXPECT_THAT(std::get<Infeasible>(result).reason, HasSubstr("'many' is no size for tile_p"));
}

TEST(Precision, NamesAreKnownAndNearOnesSuggested) {
    EXPECT_EQ(precision_from("w4a16").weights, DataType::int4);
    EXPECT_EQ(precision_from("w4a16").activations, DataType::fp16);
    try {
        (void)precision_from("bf61");
        FAIL() << "no error";
    } catch (const UserError& error) {
        EXPECT_THAT(error.what(), HasSubstr("did you mean 'bf16'?"));
    }
}

}  // namespace
}  // namespace perfwatt

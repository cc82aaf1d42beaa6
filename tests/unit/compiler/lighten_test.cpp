#include "sim/compiler/lighten.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "graph_maker.h"
#include "sim/base/diagnostics.h"
#include "sim/compiler/compiler.h"
#include "sim/compiler/passes.h"
#include "sim/compiler/precision.h"
#include "sim/graph/operators.h"
#include "small_npu.h"

namespace perfwatt {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr std::int64_t kBandwidth = 4'000'000'000;

struct Options {
    npu::Skipping skipping = npu::Skipping::none;
    std::vector<WeightFormat> decodes;
};

npu::Npu make_device(const Options& options) {
    npu::NpuSpec spec = small_npu(1 << 20);
    spec.matrix.rates = {{DataType::int8, DataType::int8, 1, 1},
                         {DataType::int8, DataType::int4, 1, 1},
                         {DataType::int4, DataType::int4, 2, 1}};
    spec.matrix.skipping = options.skipping;
    if (options.skipping == npu::Skipping::n_of_m) spec.matrix.kept = 2, spec.matrix.of = 4;
    spec.dma.decodes = options.decodes;
    return made_of(
        std::move(spec),
        {{.bytes_per_second = kBandwidth, .burst_bytes = 32, .latency = Time::from_ns(100)}});
}

Graph finished(GraphMaker& maker, TensorId result) {
    maker.output(result);
    return maker.take();
}

/// A classifier: one large matrix, which moves from memory when the start is cold.
Graph classifier() {
    GraphMaker maker;
    const TensorId x = maker.input({1, 2048});
    const TensorId y = maker.node("MatMul", {x, maker.weight({2048, 1024})}, {1, 1024});
    return finished(maker, y);
}

struct Made {
    Compiled compiled;
    Lightened lightened;

    [[nodiscard]] std::int64_t read_bytes() const {
        std::int64_t bytes = 0;
        for (const Command& command : compiled.program.commands)
            if (const auto* load = std::get_if<Load>(&command.work)) bytes += load->source.bytes();
        return bytes;
    }
    [[nodiscard]] std::int64_t saved_macs() const {
        std::int64_t macs = 0;
        for (const Command& command : compiled.program.commands)
            if (const auto* tile = std::get_if<Contract>(&command.work)) macs += tile->saved_macs;
        return macs;
    }
};

Made made(Graph graph, const std::string& name, const Options& options = {}) {
    const npu::Npu device = make_device(options);
    Made out;
    out.lightened = lighten(graph, lighten_passes({name}));
    const CompileTarget target{.device = &device,
                               .memories = {{.name = "dram",
                                             .bytes_per_second = kBandwidth,
                                             .capacity_bytes = std::int64_t{1} << 32,
                                             .burst_bytes = 32}},
                               .host = std::nullopt};
    auto answer =
        compile(std::move(graph), target,
                {.precision = out.lightened.precision.value_or("int8"), .start = Start::cold});
    if (const auto* misfit = std::get_if<Infeasible>(&answer)) ADD_FAILURE() << misfit->reason;
    out.compiled = std::get<Compiled>(std::move(answer));
    return out;
}

std::string message_of(const std::string& name) {
    try {
        (void)lighten_passes({name});
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

constexpr std::int64_t kWeights = std::int64_t{2048} * 1024;

// Grammar
// ------------------------------------------------------------------------------------------

TEST(LightenNames, SeveralAreJoinedAndNoneIsNothing) {
    EXPECT_THAT(lighten_passes({"none"}), SizeIs(0));
    const std::vector<LightenPass> passes = lighten_passes({"w4a16+kv8", "prune_2_4"});
    ASSERT_THAT(passes, SizeIs(3));
    EXPECT_EQ(passes[0].kind, LightenPass::Kind::precision);
    EXPECT_EQ(passes[1].tensors, TensorClass::cache);
    EXPECT_EQ(passes[1].type, DataType::int8);
    EXPECT_EQ(passes[2].kept, 2);
    EXPECT_EQ(passes[2].of, 4);
}

TEST(LightenNames, WhatDoesNotExistIsRefusedWithWhatDoes) {
    for (const char* name :
         {"int5", "prune_4_2", "prune_channels_99", "sparse_0", "sparse_50_zip", "compress_1",
          "scales_0", "scales_101", "lowrank_64", "kv2", "head_int8", ""}) {
        EXPECT_THAT(message_of(name), HasSubstr("there is no lightening '" + std::string(name)))
            << name;
        EXPECT_THAT(message_of(name), HasSubstr("prune_channels_PERCENT; prune_N_M")) << name;
    }
}

// Storage
// ------------------------------------------------------------------------------------------

// 1000 values of 8 bits in rows of 100, of which 100 are not zero: bitmap 100 x 8 + 1000 bits; csr
// 100 x (8 + 7) + 32 x 11; n of m (1 of 10) 100 x (8 + 4); run length with 0.9^16 / (1 - 0.9^16) =
// 0.2275 fillers a value, 123 x 12 bits.
TEST(LightenStorage, BytesAreValuesAndWhatSaysWhereTheyAre) {
    Tensor weights{.name = "w",
                   .shape = {10, 100},
                   .type = DataType::int8,
                   .role = TensorRole::weight,
                   .values = {}};
    weights.sparsity = {.pattern = Sparsity::Pattern::unstructured, .kept = 10, .of = 100};
    const auto bytes = [&](WeightFormat format) {
        weights.storage = {.format = format, .ratio_thousandths = 1600, .row = 100};
        return stored_bytes(weights);
    };
    EXPECT_EQ(bytes(WeightFormat::plain), 1000);
    EXPECT_EQ(bytes(WeightFormat::bitmap), 225);
    EXPECT_EQ(bytes(WeightFormat::csr), (1500 + 352 + 7) / 8);
    EXPECT_EQ(bytes(WeightFormat::run_length), (123 * 12 + 7) / 8);
    EXPECT_EQ(bytes(WeightFormat::compressed), 625);
    weights.sparsity = {.pattern = Sparsity::Pattern::n_of_m, .kept = 1, .of = 10};
    EXPECT_EQ(bytes(WeightFormat::n_of_m), 150);
}

TEST(LightenStorage, AChipWithoutADecoderKeepsWeightsPlainly) {
    const Made plain = made(classifier(), "none");
    const Made compressed = made(classifier(), "compress_2");
    EXPECT_EQ(compressed.read_bytes(), plain.read_bytes());
    EXPECT_THAT(compressed.compiled.storage,
                ElementsAre("the chip does not read weights stored as 'compressed': they are kept "
                            "plainly"));
}

// Scales of 16 bit for every 25 weights of 8 bit are 8 % of their bytes, which every chip reads:
// 100000 / 108 = 925 thousandths of what lies in memory are weights.
TEST(LightenStorage, ScalesAddTheirBytesOnAnyChip) {
    const Made plain = made(classifier(), "none");
    const Made scaled = made(classifier(), "scales_8");
    const std::int64_t added = (kWeights * 1000 + 924) / 925 - kWeights;
    EXPECT_GE(scaled.read_bytes() - plain.read_bytes(), added);
    // Bytes of each tile round up.
    const auto loads = std::count_if(
        scaled.compiled.program.commands.begin(), scaled.compiled.program.commands.end(),
        [](const Command& command) { return std::holds_alternative<Load>(command.work); });
    EXPECT_LT(scaled.read_bytes() - plain.read_bytes(), added + loads);
    EXPECT_THAT(scaled.compiled.storage, ElementsAre(HasSubstr("scales of weights add")));
}

TEST(LightenStorage, AChipWithADecoderReadsFewerBytes) {
    const Options decodes{.decodes = {WeightFormat::compressed}};
    const Made plain = made(classifier(), "none", decodes);
    const Made compressed = made(classifier(), "compress_2", decodes);
    EXPECT_EQ(plain.read_bytes() - compressed.read_bytes(), kWeights / 2);
    EXPECT_LT(compressed.compiled.predicted, plain.compiled.predicted);
    EXPECT_THAT(compressed.compiled.not_modelled,
                testing::Contains("time and energy of decoding stored weights"));
}

// Sparsity
// -----------------------------------------------------------------------------------------

TEST(LightenSparsity, WithoutSupportNeitherBytesNorMacsAreSaved) {
    const Made dense = made(classifier(), "none");
    const Made sparse = made(classifier(), "prune_2_4");
    EXPECT_EQ(sparse.read_bytes(), dense.read_bytes());
    EXPECT_EQ(sparse.saved_macs(), 0);
    EXPECT_EQ(sparse.compiled.predicted, dense.compiled.predicted);
}

// Half the values of 8 bits and 2 bits each for their places: 5/8 of the bytes, half the products.
TEST(LightenSparsity, AUnitThatSkipsTheSamePatternSavesBoth) {
    const Options skips{.skipping = npu::Skipping::n_of_m};
    const Made dense = made(classifier(), "none", skips);
    const Made sparse = made(classifier(), "prune_2_4", skips);
    EXPECT_EQ(dense.read_bytes() - sparse.read_bytes(), kWeights * 3 / 8);
    EXPECT_EQ(sparse.saved_macs(), kWeights / 2);
    EXPECT_EQ(sparse.compiled.graph_macs, dense.compiled.graph_macs);
}

TEST(LightenSparsity, DepthwiseFiltersAndTablesStayDense) {
    GraphMaker maker;
    TensorId x = maker.input({1, 16, 8, 8});
    x = maker.conv(x, 16, 3, 1, 16);
    x = maker.conv(x, 32, 1);
    Graph graph = finished(maker, x);
    (void)lighten(graph, lighten_passes({"sparse_90"}));
    int sparse = 0;
    for (const Tensor& tensor : graph.tensors)
        if (tensor.sparsity.pattern != Sparsity::Pattern::dense) {
            ++sparse;
            EXPECT_EQ(tensor.shape[0], 32);
        }
    EXPECT_EQ(sparse, 1);
}

// Types
// --------------------------------------------------------------------------------------------

TEST(LightenTypes, APrecisionIsThatOfTheWholeNetwork) {
    const Made made_of = made(classifier(), "int4");
    EXPECT_EQ(made_of.lightened.precision, "int4");
}

TEST(LightenTypes, AClassOfTensorsHasATypeOfItsOwn) {
    GraphMaker maker;
    TensorId x = maker.input({1, 64});
    for (int i = 0; i < 3; ++i) x = maker.node("MatMul", {x, maker.weight({64, 64})}, {1, 64});
    Graph graph = finished(maker, x);
    (void)lighten(graph, lighten_passes({"weights_int4+last_int8"}));
    quantise(graph, precision_from("int8"));
    std::vector<DataType> types;
    for (const Node& node : graph.nodes) types.push_back(graph.tensor(node.inputs[1]).type);
    EXPECT_THAT(types, ElementsAre(DataType::int4, DataType::int4, DataType::int8));
}

// The unit multiplies int8 by int8 and by int4, and int4 by int4.
TEST(LightenTypes, WhatTheChipDoesNotMultiplyIsComputedWider) {
    const npu::Npu device = make_device({});
    std::vector<std::string> notes;
    EXPECT_EQ(runnable_precision("int4", "int8", {&device}, notes), "int4");
    EXPECT_EQ(runnable_precision("w4a8", "int8", {&device}, notes), "w4a8");
    EXPECT_THAT(notes, SizeIs(0));
    EXPECT_EQ(runnable_precision("w4a16", "int8", {&device}, notes), "int8");
    EXPECT_THAT(notes, ElementsAre("the chip does not compute in w4a16: int8 is computed in"));

    Graph graph = classifier();
    (void)lighten(graph, lighten_passes({"weights_int16"}));
    EXPECT_THAT(
        settle_types(graph, precision_from("int8"), {&device}),
        ElementsAre("the chip does not multiply int8 by int16: such tensors stay as wide as "
                    "the network's precision"));
    quantise(graph, precision_from("int8"));
    EXPECT_EQ(graph.tensor(graph.nodes[0].inputs[1]).type, DataType::int8);
}

TEST(LightenTypes, APassThatFindsNothingSaysSo) {
    Graph graph = classifier();
    EXPECT_THAT(lighten(graph, lighten_passes({"kv8"})).notes,
                ElementsAre("kv8: nothing in this network to do it on"));
}

// Low rank
// -----------------------------------------------------------------------------------------

// 2048 x 1024 at rank 64: 64 x (2048 + 1024); at rank 700 the two would be larger than the one.
TEST(LightenLowRank, AMatrixBecomesTwoWhereTheyAreSmaller) {
    Graph graph = classifier();
    EXPECT_EQ(factorise(graph, 64), 1);
    EXPECT_EQ(macs(graph), 64 * (2048 + 1024));
    EXPECT_EQ(parameters(graph), 64 * (2048 + 1024));
    Graph other = classifier();
    EXPECT_EQ(factorise(other, 700), 0);
    EXPECT_EQ(macs(other), kWeights);
    const Made made_of = made(classifier(), "lowrank_r64");
    EXPECT_EQ(made_of.compiled.graph_macs, 64 * (2048 + 1024));
}

TEST(LightenLowRank, AFilterBecomesOneOfFewerOutputsAndOneOfASingleTap) {
    GraphMaker maker;
    const TensorId x = maker.input({1, 64, 8, 8});
    Graph graph = finished(maker, maker.conv(x, 128, 3, 2));
    EXPECT_EQ(factorise(graph, 16), 1);
    EXPECT_EQ(macs(graph), 16 * (16 * 64 * 9 + 128 * 16));
    EXPECT_EQ(graph.tensor(graph.outputs[0]).shape, (Shape{1, 128, 4, 4}));
}

// Channels
// -----------------------------------------------------------------------------------------

// 64 channels become 48 (70 % of 64 is 44.8, and 48 the next multiple of 8): stem 3 -> 48, two 3 x
// 3 convolutions 48 -> 48 whose result is added to what entered them, a depthwise one on 48, and
// the output, which keeps its 10.
TEST(LightenChannels, ChannelsThatMeetStayAlikeAndOutputsKeepTheirs) {
    GraphMaker maker;
    const TensorId image = maker.input({1, 3, 8, 8});
    const TensorId stem = maker.conv(image, 64, 3);
    TensorId x = maker.node("Relu", {maker.conv(stem, 64, 3)}, {1, 64, 8, 8});
    x = maker.node("Add", {maker.conv(x, 64, 3), stem}, {1, 64, 8, 8});
    x = maker.conv(x, 64, 3, 1, 64);
    x = maker.conv(x, 10, 1);
    Graph graph = finished(maker, x);
    EXPECT_EQ(prune_channels(graph, 30), 2);
    EXPECT_EQ(macs(graph), 64 * (27 * 48 + 2 * 9 * 48 * 48 + 9 * 48 + 48 * 10));
    EXPECT_EQ(graph.tensor(graph.outputs[0]).shape, (Shape{1, 10, 8, 8}));
}

TEST(LightenChannels, AReshapeFixesThem) {
    GraphMaker maker;
    const TensorId image = maker.input({1, 16, 4, 4});
    TensorId x = maker.conv(image, 64, 1);
    x = maker.node("Reshape", {x}, {1, 1024}, {{"shape", std::vector<std::int64_t>{1, 1024}}});
    Graph graph = finished(maker, x);
    EXPECT_EQ(prune_channels(graph, 50), 0);
}

TEST(LightenChannels, FeedForwardPartsOfTransformersBecomeNarrower) {
    GraphMaker maker;
    const TensorId tokens = maker.input({1, 10, 32});
    TensorId x = maker.node("MatMul", {tokens, maker.weight({32, 128})}, {1, 10, 128});
    x = maker.node("Add", {x, maker.weight({128})}, {1, 10, 128});
    x = maker.node("Gelu", {x}, {1, 10, 128});
    x = maker.node("MatMul", {x, maker.weight({128, 32})}, {1, 10, 32});
    Graph graph = finished(maker, maker.node("Add", {x, tokens}, {1, 10, 32}));
    EXPECT_EQ(prune_channels(graph, 50), 1);
    EXPECT_EQ(macs(graph), 10 * 2 * 32 * 64);
    EXPECT_EQ(parameters(graph), 2 * 32 * 64 + 64);
}

}  // namespace
}  // namespace perfwatt

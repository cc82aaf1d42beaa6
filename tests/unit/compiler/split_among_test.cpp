#include "sim/compiler/split_among.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "graph_maker.h"
#include "sim/compiler/precision.h"

namespace perfwatt {
namespace {

using ::testing::ElementsAre;

struct Network {
    Graph graph;
    Lowered lowered;

    explicit Network(Graph made) : graph(std::move(made)) {
        const Precision precision = precision_from("int8");
        quantise(graph, precision);
        lowered = lower(graph, fuse(graph, false, {}), precision);
    }
    std::vector<std::string> split(int chips) { return split_among(graph, lowered, chips); }

    [[nodiscard]] std::vector<std::string> types() const {
        std::vector<std::string> found;
        for (const Kernel& kernel : lowered.kernels) found.push_back(kernel.operator_type);
        return found;
    }
    [[nodiscard]] const Contraction& product(std::size_t kernel) const {
        return std::get<Contraction>(lowered.kernels[kernel].work);
    }
    [[nodiscard]] std::int64_t macs() const {
        std::int64_t total = 0;
        for (const std::int64_t of_kernel : lowered.macs) total += of_kernel;
        return total;
    }
};

/// Up to 256 channels, an activation, down to 64: the feed-forward part of a transformer.
Graph feed_forward() {
    GraphMaker make;
    TensorId at = make.input({1, 16, 64});
    at = make.matmul(at, 256);
    at = make.same("Relu", {at});
    at = make.matmul(at, 64);
    make.output(at);
    return make.take();
}

TEST(SplitAmong, UpIsSplitByOutputsDownByWhatItSums) {
    Network network(feed_forward());
    const std::int64_t whole = network.macs();
    (void)network.split(4);
    EXPECT_THAT(network.types(), ElementsAre("MatMul", "Relu", "MatMul", "AllReduce"));
    EXPECT_EQ(network.product(0).k, 256 / 4);
    EXPECT_EQ(network.product(0).c, 64);
    EXPECT_EQ(std::get<Elementwise>(network.lowered.kernels[1].work).elements, 16 * 256 / 4);
    EXPECT_EQ(network.product(2).c, 256 / 4);
    EXPECT_EQ(network.product(2).k, 64);
    EXPECT_EQ(network.macs(), whole / 4);
}

// The partial sums are as large as the result: 16 x 64 values of one byte.
TEST(SplitAmong, PartialSumsAreReducedOverAllChips) {
    Network network(feed_forward());
    (void)network.split(4);
    const Kernel& reduce = network.lowered.kernels.back();
    EXPECT_EQ(std::get<Collective>(reduce.work).kind, Collective::Kind::all_reduce);
    EXPECT_EQ(std::get<Collective>(reduce.work).bytes, 16 * 64);
    EXPECT_EQ(reduce.inputs[0].tensor, network.lowered.kernels[2].outputs[0].tensor);
}

TEST(SplitAmong, WeightsAndSplitActivationsAreAChipsShare) {
    Network network(feed_forward());
    (void)network.split(4);
    const std::vector<Kernel>& kernels = network.lowered.kernels;
    EXPECT_EQ(kernels[0].inputs[0].bytes, 16 * 64);
    EXPECT_EQ(kernels[0].inputs[1].bytes, 64 * 256 / 4);
    EXPECT_EQ(kernels[0].outputs[0].bytes, 16 * 256 / 4);
    EXPECT_EQ(kernels[2].inputs[1].bytes, 64 * 256 / 4);
    EXPECT_EQ(kernels[2].outputs[0].bytes, 16 * 64);
    for (const Kernel& kernel : kernels)
        for (const Operand& operand : kernel.inputs)
            EXPECT_EQ(operand.bytes, network.graph.tensor(operand.tensor).bytes());
}

// Heads are groups: queries times keys, and what comes of it times values, stay on a chip.
TEST(SplitAmong, ProductsOfActivationsAreSplitByHeads) {
    GraphMaker make;
    const TensorId in = make.input({8, 16, 64});
    const TensorId queries = make.matmul(in, 64);
    const TensorId keys = make.node("Transpose", {make.matmul(in, 64)}, {8, 64, 16},
                                    {{"perm", std::vector<std::int64_t>{0, 2, 1}}});
    make.output(make.node("MatMul", {queries, keys}, {8, 16, 16}));
    Network network(make.take());
    (void)network.split(4);
    const auto product = std::find_if(
        network.lowered.kernels.begin(), network.lowered.kernels.end(), [](const Kernel& kernel) {
            const auto* work = std::get_if<Contraction>(&kernel.work);
            return work != nullptr && kernel.inputs[1].role == TensorRole::activation;
        });
    ASSERT_NE(product, network.lowered.kernels.end());
    EXPECT_EQ(std::get<Contraction>(product->work).g, 8 / 4);
    EXPECT_EQ(network.lowered.kernels.back().operator_type, "AllGather");
}

TEST(SplitAmong, WhatHasNoShareForEachIsDoneByAll) {
    Network network(feed_forward());
    const std::int64_t whole = network.macs();
    (void)network.split(7);
    EXPECT_THAT(network.types(), ElementsAre("MatMul", "Relu", "MatMul"));
    EXPECT_EQ(network.macs(), whole);
}

TEST(HostTransfers, InputsComeFirstResultsGoLast) {
    Network network(feed_forward());
    add_host_transfers(network.graph, network.lowered);
    EXPECT_THAT(network.types(),
                ElementsAre("HostTransfer", "MatMul", "Relu", "MatMul", "HostTransfer"));
    EXPECT_EQ(std::get<Collective>(network.lowered.kernels.front().work).bytes, 16 * 64);
    EXPECT_EQ(std::get<Collective>(network.lowered.kernels.back().work).bytes, 16 * 64);
}

}  // namespace
}  // namespace perfwatt

#include "sim/graph/operators.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support.h"

namespace perfwatt {
namespace {

using Integers = std::vector<std::int64_t>;
using testing::HasSubstr;

TEST(Operators, AreSortedAndFoundByName) {
    for (std::size_t i = 1; i < operators().size(); ++i)
        EXPECT_LT(operators()[i - 1].name, operators()[i].name);
    for (const OperatorRow& row : operators()) EXPECT_EQ(find_operator(row.name), &row);
    EXPECT_EQ(find_operator("NoSuchOperator"), nullptr);
}

TEST(Operators, OnlyContractionsCountMacs) {
    for (const OperatorRow& row : operators())
        EXPECT_EQ(row.macs != nullptr, row.kind == OperatorClass::contraction) << row.name;
}

// ResNet's stem: 64 filters of 7x7x3 at stride 2: 112 x 112 x 64 x 147 = 118013952.
TEST(Conv, CountsAnOutputElementOnceForEachWeightOfAFilter) {
    const Graph graph = OneNode("Conv", {{1, 3, 224, 224}, {64, 3, 7, 7}})
                            .attribute("strides", Integers{2, 2})
                            .attribute("pads", Integers{3, 3, 3, 3})
                            .graph();
    EXPECT_EQ(graph.tensor(graph.outputs[0]).shape, (Shape{1, 64, 112, 112}));
    EXPECT_EQ(macs(graph), 118'013'952);
}

TEST(Conv, GroupsSeeTheirOwnChannelsOnly) {
    const Graph graph = OneNode("Conv", {{1, 32, 8, 8}, {32, 1, 3, 3}})
                            .attribute("group", std::int64_t{32})
                            .attribute("auto_pad", std::string("SAME_UPPER"))
                            .graph();
    EXPECT_EQ(macs(graph), 8 * 8 * 32 * 9);
    EXPECT_EQ(graph.nodes[0].integers("pads", {}), (Integers{1, 1, 1, 1}));
    EXPECT_FALSE(graph.nodes[0].attributes.contains("auto_pad"));
}

TEST(Conv, WorksInOneAndThreeDimensions) {
    EXPECT_EQ(OneNode("Conv", {{1, 4, 100}, {8, 4, 5}}).shape(), (Shape{1, 8, 96}));
    EXPECT_EQ(OneNode("Conv", {{1, 2, 8, 8, 8}, {3, 2, 3, 3, 3}}).shape(), (Shape{1, 3, 6, 6, 6}));
}

TEST(Conv, RefusesWeightsOfOtherChannels) {
    EXPECT_EQ(
        OneNode("Conv", {{1, 3, 8, 8}, {8, 4, 3, 3}}).error(),
        "net.onnx: error: node 'n' (Conv): weights [8, 4, 3, 3] with group 1 take 4 channels, "
        "the input has 3\n");
}

TEST(Conv, RefusesAWindowLargerThanItsInput) {
    EXPECT_EQ(
        OneNode("Conv", {{1, 3, 2, 2}, {8, 3, 3, 3}}).error(),
        "net.onnx: error: node 'n' (Conv): its window of 3 is larger than its input of 2 with "
        "padding\n");
}

// Each of 4x4x8 inputs meets 6 output channels x 16 filter places: 12288.
TEST(ConvTranspose, SpreadsEachInputOverTheFilter) {
    const Graph graph = OneNode("ConvTranspose", {{1, 8, 4, 4}, {8, 6, 4, 4}})
                            .attribute("strides", Integers{2, 2})
                            .attribute("pads", Integers{1, 1, 1, 1})
                            .graph();
    EXPECT_EQ(graph.tensor(graph.outputs[0]).shape, (Shape{1, 6, 8, 8}));
    EXPECT_EQ(macs(graph), 12'288);
}

TEST(MatMul, BroadcastsTheBatch) {
    const Graph graph = OneNode("MatMul", {{2, 1, 3, 4}, {5, 4, 6}}).graph();
    EXPECT_EQ(graph.tensor(graph.outputs[0]).shape, (Shape{2, 5, 3, 6}));
    EXPECT_EQ(macs(graph), 2 * 5 * 3 * 6 * 4);
}

TEST(MatMul, RefusesInnerDimensionsThatDiffer) {
    EXPECT_EQ(OneNode("MatMul", {{3, 4}, {5, 6}}).error(),
              "net.onnx: error: node 'n' (MatMul): [3, 4] and [5, 6] do not multiply\n");
}

TEST(Gemm, TransposesEitherOperand) {
    OneNode gemm("Gemm", {{7, 3}, {5, 7}});
    gemm.attribute("transA", std::int64_t{1}).attribute("transB", std::int64_t{1});
    EXPECT_EQ(gemm.shape(), (Shape{3, 5}));
    EXPECT_EQ(macs(gemm.graph()), 3 * 5 * 7);
}

TEST(Einsum, CountsEveryCombinationOfIndices) {
    OneNode scores("Einsum", {{2, 4, 10, 8}, {2, 4, 12, 8}});
    scores.attribute("equation", std::string("bhqd,bhkd->bhqk"));
    EXPECT_EQ(scores.shape(), (Shape{2, 4, 10, 12}));
    EXPECT_EQ(macs(scores.graph()), 2 * 4 * 10 * 12 * 8);
}

// 4 gates x 16 hidden x (8 input + 16 hidden) x 5 steps x 2 sequences = 15360.
TEST(Lstm, MultipliesInputAndStateForEachGate) {
    const Graph graph = OneNode("LSTM", {{5, 2, 8}, {1, 64, 8}, {1, 64, 16}}).graph();
    EXPECT_EQ(graph.tensor(graph.outputs[0]).shape, (Shape{5, 1, 2, 16}));
    EXPECT_EQ(macs(graph), 15'360);
}

TEST(Pool, CeilModeLeavesOutAWindowThatBeginsInThePadding) {
    OneNode pool("MaxPool", {{1, 1, 6, 6}});
    pool.attribute("kernel_shape", Integers{3, 3}).attribute("strides", Integers{2, 2});
    EXPECT_EQ(pool.shape(), (Shape{1, 1, 2, 2}));
    pool.attribute("ceil_mode", std::int64_t{1});
    EXPECT_EQ(pool.shape(), (Shape{1, 1, 3, 3}));
    OneNode tight("MaxPool", {{1, 1, 4, 4}});  // a third window would begin at 4, behind the input
    tight.attribute("kernel_shape", Integers{1, 1}).attribute("strides", Integers{2, 2});
    tight.attribute("pads", Integers{0, 0, 1, 1}).attribute("ceil_mode", std::int64_t{1});
    EXPECT_EQ(tight.shape(), (Shape{1, 1, 2, 2}));
}

TEST(Softmax, NormalisesAllDimensionsFromItsAxisOnBeforeOpset13) {
    EXPECT_EQ(OneNode("Softmax", {{2, 3, 4}}, 11).graph().nodes[0].integer("row", 0), 12);
    EXPECT_EQ(OneNode("Softmax", {{2, 3, 4}}, 13).graph().nodes[0].integer("row", 0), 4);
}

TEST(Squeeze, TakesItsAxesFromAnAttributeOrAnInput) {
    EXPECT_EQ(OneNode("Squeeze", {{1, 3, 1}}, 11).attribute("axes", Integers{0}).shape(),
              (Shape{3, 1}));
    EXPECT_EQ(OneNode("Squeeze", {{1, 3, 1}}).constant({-1}).shape(), (Shape{1, 3}));
    EXPECT_EQ(OneNode("Squeeze", {{1, 3, 1}}).shape(), (Shape{3}));
}

TEST(Slice, FollowsOnnxForNegativePlacesAndSteps) {
    EXPECT_EQ(OneNode("Slice", {{10}}).constant({2}).constant({-1}).shape(), (Shape{7}));
    EXPECT_EQ(OneNode("Slice", {{10}})
                  .constant({1})
                  .constant({INT64_MAX})
                  .constant({0})
                  .constant({3})
                  .shape(),
              (Shape{3}));
    EXPECT_EQ(OneNode("Slice", {{10}})
                  .constant({-1})
                  .constant({INT64_MIN})
                  .constant({0})
                  .constant({-2})
                  .shape(),
              (Shape{5}));
}

TEST(Reshape, CopiesZerosAndFillsOneFreeDimension) {
    EXPECT_EQ(OneNode("Reshape", {{2, 3, 4}}).constant({0, -1}).shape(), (Shape{2, 12}));
    EXPECT_EQ(
        OneNode("Reshape", {{2, 3, 4}}).constant({5, -1}).error(),
        "net.onnx: error: node 'n' (Reshape): 24 elements of shape [2, 3, 4] do not reshape to "
        "[5, -1]\n");
}

TEST(Reshape, KeepsItsTargetAsAnAttributeAndNoSecondInput) {
    const Graph graph = OneNode("Reshape", {{2, 3}}).constant({6}).graph();
    EXPECT_EQ(graph.nodes[0].inputs.size(), 1u);
    EXPECT_EQ(graph.nodes[0].integers("shape", {}), (Integers{6}));
}

TEST(Concat, AddsUpItsAxis) {
    EXPECT_EQ(OneNode("Concat", {{1, 2, 4}, {1, 3, 4}}).attribute("axis", std::int64_t{1}).shape(),
              (Shape{1, 5, 4}));
    EXPECT_THAT(OneNode("Concat", {{1, 2}, {2, 3}}).attribute("axis", std::int64_t{1}).error(),
                HasSubstr("[1, 2] and [2, 3] do not concatenate along axis 1"));
}

TEST(Split, SharesWhatDoesNotDivide) {
    const Graph graph = OneNode("Split", {{7}}).outputs({"a", "b"}).graph();
    EXPECT_EQ(graph.nodes[0].integers("split", {}), (Integers{4, 3}));
}

TEST(Gather, PutsTheIndicesInPlaceOfTheAxis) {
    EXPECT_EQ(OneNode("Gather", {{5, 6, 7}, {2, 3}}).attribute("axis", std::int64_t{1}).shape(),
              (Shape{5, 2, 3, 7}));
}

TEST(Resize, TakesSizesOrScales) {
    EXPECT_EQ(OneNode("Resize", {{1, 2, 3, 4}}).skip().skip().constant({1, 2, 9, 8}).shape(),
              (Shape{1, 2, 9, 8}));
    OneNode old("Upsample", {{1, 2, 3, 4}}, 7);
    old.model.graph.nodes[0].reals["scales"] = {1, 1, 2, 2};
    EXPECT_EQ(old.shape(), (Shape{1, 2, 6, 8}));
}

TEST(Pad, GrowsBothSides) {
    EXPECT_EQ(OneNode("Pad", {{2, 3}}).constant({0, 1, 0, 2}).shape(), (Shape{2, 6}));
    EXPECT_EQ(OneNode("Pad", {{2, 3}}, 7).attribute("pads", Integers{0, 1, 0, 2}).shape(),
              (Shape{2, 6}));
}

TEST(Reduce, KeepsOrDropsItsAxes) {
    EXPECT_EQ(OneNode("ReduceMean", {{2, 3, 4}}).attribute("axes", Integers{-1}).shape(),
              (Shape{2, 3, 1}));
    EXPECT_EQ(OneNode("ReduceMean", {{2, 3, 4}}, 18)
                  .constant({1})
                  .attribute("keepdims", std::int64_t{0})
                  .shape(),
              (Shape{2, 4}));
}

TEST(HostOperators, HaveUpperBoundsAsShapes) {
    EXPECT_EQ(OneNode("NonZero", {{3, 4}}).shape(), (Shape{2, 12}));
    EXPECT_EQ(OneNode("NonMaxSuppression", {{1, 100, 4}, {1, 3, 100}}).constant({10}).shape(),
              (Shape{30, 3}));
    EXPECT_EQ(OneNode("TopK", {{2, 50}}).constant({5}).shape(), (Shape{2, 5}));
    EXPECT_EQ(operator_class(OneNode("NonZero", {{3}}).graph().nodes[0]), OperatorClass::host);
}

// Two query heads share each key head: 1 x 8 heads x 5 steps x 9 tokens x 16.
TEST(Attention, SharesKeysAmongGroupsOfHeads) {
    OneNode scores("perfwatt.AttentionScores", {{1, 5, 8, 16}, {1, 9, 4, 16}});
    EXPECT_EQ(scores.shape(), (Shape{1, 8, 5, 9}));
    EXPECT_EQ(scores.graph().nodes[0].integer("groups_sharing", 0), 2);
    EXPECT_EQ(macs(scores.graph()), 8 * 5 * 9 * 16);
    OneNode values("perfwatt.AttentionValues", {{1, 8, 5, 9}, {1, 9, 4, 16}});
    EXPECT_EQ(values.shape(), (Shape{1, 5, 8, 16}));
    EXPECT_EQ(macs(values.graph()), 8 * 5 * 9 * 16);
}

TEST(ConstantFill, IsTheOlderNameOfAConstantOfAShape) {
    OneNode net("ConstantFill", {});
    net.constant({2, 3});
    net.model.graph.inputs = {{.name = "x", .shape = {{OnnxDimension{.size = 3}}}}};
    net.model.graph.nodes.push_back({.type = "Add", .inputs = {"y", "x"}, .outputs = {"z"}});
    net.model.graph.outputs = {"z"};
    EXPECT_EQ(net.shape(), (Shape{2, 3}));
}

TEST(Macs, BeyondSixtyFourBitsAreAnError) {
    EXPECT_THAT(OneNode("MatMul", {{1 << 24, 1 << 24}, {1 << 24, 1 << 24}}).error(),
                HasSubstr("is more than 64 bits hold"));
}

TEST(Shapes, BeyondTwoToTheFiftyAreAnError) {
    EXPECT_THAT(OneNode("Expand", {{1}}).constant({1 << 30, 1 << 30}).error(),
                HasSubstr("more than 2^50 elements"));
}

}  // namespace
}  // namespace perfwatt

#include "sim/compiler/depth_first.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checked_compile.h"
#include "graph_maker.h"
#include "sim/base/diagnostics.h"
#include "sim/compiler/compiler.h"
#include "sim/compiler/precision.h"
#include "sim/program/program_text.h"
#include "small_npu.h"

namespace perfwatt {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::int64_t kScratchpad = 256 << 10;
constexpr std::int64_t kBandwidth = 4'000'000'000;

npu::Npu make_device(bool depth_first = true) {
    npu::NpuSpec spec = small_npu(kScratchpad);
    spec.depth_first = depth_first;
    return made_of(
        std::move(spec),
        {{.bytes_per_second = kBandwidth, .burst_bytes = 32, .latency = Time::from_ns(100)}});
}

Compiled compiled(Graph graph, const CompileOptions& options = {}, bool depth_first = true) {
    const npu::Npu device = make_device(depth_first);
    return compiled_for(device, kBandwidth, std::move(graph), options);
}

/// A block of a network, `side` rows and columns of 16 channels between.
Graph chain(std::int64_t side, std::int64_t batch = 1) {
    GraphMaker make;
    const TensorId in = make.input({batch, 16, side, side});
    const TensorId first = make.same("Relu", {make.conv(in, 16, 1)});
    const TensorId second = make.same("Relu", {make.conv(first, 16, 3)});
    make.output(make.same("Add", {make.conv(second, 16, 1), in}));
    return make.take();
}

TEST(DepthFirst, MapsThatDoNotFitStayOnChipInStripes) {
    const std::int64_t map = 16 * 256 * 256;
    CompileOptions whole;
    whole.depth_first = false;
    const Compiled by_layer = compiled(chain(256), whole);
    const Compiled by_stripe = compiled(chain(256));
    const Totals before = totals(by_layer.program);
    const Totals after = totals(by_stripe.program);
    EXPECT_THAT(by_stripe.notes, Contains(HasSubstr("depth-first")));
    EXPECT_LT(by_stripe.predicted, by_layer.predicted);
    EXPECT_GE(before.written, 3 * map);
    EXPECT_EQ(after.written, map);  // the result, once
    // The input twice, as an operand of two kernels, weights, and little more.
    EXPECT_GE(after.read, 2 * map);
    EXPECT_LT(after.read, 2 * map + map / 8);
    EXPECT_EQ(after.useful_macs, by_stripe.graph_macs);
    EXPECT_EQ(before.useful_macs, by_stripe.graph_macs);
}

TEST(DepthFirst, StripesShareTheLayerOfTheirKernel) {
    const Compiled by_stripe = compiled(chain(256));
    ASSERT_EQ(by_stripe.program.layers.size(), 3u);
    std::int64_t macs = 0;
    for (const Layer& layer : by_stripe.program.layers) {
        EXPECT_THAT(layer.name, Not(HasSubstr("[")));
        macs += layer.macs;
    }
    EXPECT_EQ(macs, by_stripe.graph_macs);
    EXPECT_GT(by_stripe.kernels.size(), 6u);
}

TEST(DepthFirst, ChainThatFitsIsNotCut) {
    const Compiled small = compiled(chain(48));
    EXPECT_THAT(small.notes, Not(Contains(HasSubstr("depth-first"))));
    EXPECT_EQ(small.kernels.size(), 3u);
}

TEST(DepthFirst, SoftwareMayRunLayerByLayer) {
    const Compiled plain = compiled(chain(256), {}, false);
    EXPECT_THAT(plain.notes, Not(Contains(HasSubstr("depth-first"))));
    CompileOptions off;
    off.depth_first = false;
    EXPECT_EQ(to_text(plain.program), to_text(compiled(chain(256), off).program));
}

TEST(DepthFirst, DumpedMappingsReplayTheSameStripes) {
    const Compiled found = compiled(chain(256));
    CompileOptions options;
    for (const KernelReport& kernel : found.kernels)
        options.mappings[kernel.name] = kernel.choice.mapping;
    const Compiled replayed = compiled(chain(256), options);
    EXPECT_EQ(to_text(replayed.program), to_text(found.program));
    for (std::size_t i = 0; i < found.kernels.size(); ++i)
        EXPECT_EQ(replayed.kernels[i].choice.mapping, found.kernels[i].choice.mapping);
}

TEST(DepthFirst, StripesOfANetworkWithoutThemAreRefused) {
    CompileOptions options;
    options.mappings["nobody[1/4]"] = {
        {"depth_first", "2"}, {"stripes", "4"}, {"held_weights", "yes"}};
    EXPECT_THROW((void)compiled(chain(64), options), UserError);
}

TEST(DepthFirst, WeightsThatStayAreNotCopied) {
    // 2816 bytes of weights, which stay between inferences: stripes use them where they are.
    const Compiled found = compiled(chain(256));
    EXPECT_THAT(found.notes, Contains(HasSubstr("depth-first")));
    for (const KernelReport& kernel : found.kernels)
        EXPECT_THAT(kernel.name, Not(HasSubstr(".weights")));
    std::int64_t resident = 0;
    for (const TensorPlace& place : found.places) resident += place.resident ? place.bytes : 0;
    EXPECT_EQ(resident, 16 * 16 + 16 * 16 * 9 + 16 * 16);
    // The input, once for each of its two readers, and rows where stripes of the first meet.
    CompileOptions fetched;
    fetched.resident_weights = false;
    EXPECT_EQ(totals(compiled(chain(256), fetched).program).read - totals(found.program).read,
              2816);
}

/// conv -> norm of four groups -> relu -> conv.
Graph normalised(std::int64_t side) {
    GraphMaker make;
    const TensorId in = make.input({1, 16, side, side});
    const TensorId first = make.conv(in, 16, 1);
    const TensorId norm =
        make.node("GroupNormalization", {first, make.weight({16}), make.weight({16})},
                  make.shape(first), {{"num_groups", std::int64_t{4}}});
    make.output(make.conv(make.same("Relu", {norm}), 16, 3));
    return make.take();
}

TEST(DepthFirst, NormOverAMapReadsItOnceMore) {
    // Its sums are taken as the first convolution's results leave; then the map passes in stripes:
    // written and read once between the convolutions, beside input and result.
    const std::int64_t map = 16 * 256 * 256;
    const Compiled found = compiled(normalised(256));
    const Totals moved = totals(found.program);
    EXPECT_THAT(found.notes, Contains(HasSubstr("depth-first")));
    EXPECT_EQ(moved.written, 2 * map);
    EXPECT_GE(moved.read, 2 * map);
    EXPECT_LT(moved.read, 2 * map + map / 8);
    EXPECT_EQ(moved.useful_macs, found.graph_macs);
    // A lane does two simple operations at once. Scale and conversion of the first result: 1; two
    // additions and a product for its sums: 2; product, addition, comparison, scale and conversion
    // of what is normalised: 3; scale and conversion of the second result: 1.
    EXPECT_GE(moved.operations, 7 * map);
    EXPECT_LT(moved.operations, 7 * map + 1024);
    const Totals layer_by_layer = totals(compiled(normalised(256), {}, false).program);
    EXPECT_GE(layer_by_layer.written, 4 * map);
}

TEST(DepthFirst, NormWaitsForAllOfItsMap) {
    const Compiled found = compiled(normalised(256));
    CommandId last_store;
    bool seen = false;
    for (std::size_t i = 0; i < found.program.commands.size() && !seen; ++i) {
        const Command& command = found.program.commands[i];
        const CommandId id{static_cast<std::int32_t>(i)};
        const std::string& layer = found.program.layers[command.layer.index()].operator_type;
        if (std::holds_alternative<Store>(command.work) && layer == "Conv") last_store = id;
        if (layer != "perfwatt.NormStatistics" || !std::holds_alternative<Load>(command.work))
            continue;
        seen = true;
        EXPECT_THAT(command.after, Contains(last_store));
    }
    EXPECT_TRUE(seen);
}

TEST(RowWindow, FollowsTapsStridePaddingAndUpsampling) {
    const RowWindow same{.height = 16, .taps = 3, .stride = 1, .padding = 1};
    EXPECT_EQ(same.rows({0, 4}).begin, 0);
    EXPECT_EQ(same.rows({0, 4}).end, 5);
    EXPECT_EQ(same.rows({4, 8}).begin, 3);
    EXPECT_EQ(same.rows({4, 8}).end, 9);
    EXPECT_EQ(same.rows({12, 16}).end, 16);
    const RowWindow halved{.height = 16, .taps = 3, .stride = 2, .padding = 0};
    EXPECT_EQ(halved.rows({2, 4}).begin, 4);
    EXPECT_EQ(halved.rows({2, 4}).end, 9);
    const RowWindow doubled{.height = 8, .repeat = 2};
    EXPECT_EQ(doubled.rows({3, 6}).begin, 1);
    EXPECT_EQ(doubled.rows({3, 6}).end, 3);
}

/// conv 3x3 -> conv 3x3 on 16 rows.
struct TwoConvolutions {
    Graph graph;
    Lowered lowered;

    TwoConvolutions() {
        GraphMaker make;
        const TensorId in = make.input({1, 8, 16, 16});
        make.output(make.conv(make.conv(in, 8, 3), 8, 3));
        graph = make.take();
        const Precision precision = precision_from("int8");
        quantise(graph, precision);
        lowered = lower(graph, fuse(graph, true), precision);
    }
};

/// conv 3x3 -> conv 3x3 on 16 rows, four rows a stripe: the first makes rows 0-4, 5-8, 9-12,
/// 13-15, each but the first and the last one ahead; of them at most six are live: 3 to 8.
TEST(Stripes, KeepRowsThatTheNextStripeReadsAgain) {
    const TwoConvolutions two;
    const Stripes stripes(two.graph, two.lowered);
    const auto plan = stripes.plan({.first = 0, .last = 1, .stripes = 4});
    ASSERT_TRUE(plan.has_value());
    const std::vector<std::int64_t> ends = {5, 9, 13, 16};
    for (std::size_t s = 0; s < 4; ++s) {
        EXPECT_EQ(plan->made[0][s].end, ends[s]);
        EXPECT_EQ(plan->made[1][s].end, static_cast<std::int64_t>(4 * (s + 1)));
    }
    EXPECT_EQ(plan->kept_bytes, 6 * 16 * 8);
    // More stripes than rows, or a kernel alone, hand nothing on.
    EXPECT_FALSE(stripes.plan({.first = 0, .last = 1, .stripes = 17}).has_value());
    EXPECT_FALSE(stripes.plan({.first = 1, .last = 1, .stripes = 2}).has_value());
}

/// 16 rows in three stripes: 6, 5 and 5, or whole fours: 8, 4 and 4.
TEST(Stripes, EndAtWholeBlocksOfRows) {
    const TwoConvolutions two;
    const Stripes stripes(two.graph, two.lowered);
    const auto any = stripes.plan({.first = 0, .last = 1, .stripes = 3});
    const auto whole = stripes.plan({.first = 0, .last = 1, .stripes = 3, .rows = 4});
    ASSERT_TRUE(any && whole);
    const std::vector<std::int64_t> ends = {6, 11, 16};
    const std::vector<std::int64_t> whole_ends = {8, 12, 16};
    for (std::size_t s = 0; s < 3; ++s) {
        EXPECT_EQ(any->made[1][s].end, ends[s]);
        EXPECT_EQ(whole->made[1][s].end, whole_ends[s]);
    }
    // The one before is a row ahead: beyond its first stripe it, too, makes four rows.
    EXPECT_EQ(whole->made[0][0].end, 9);
    EXPECT_EQ(whole->made[0][1].end, 13);
}

/// The same of two images, two stripes each: rows 0 to 15 and 16 to 31. Of an image the first makes
/// rows 0-8, then 9-15, of which nine are live at a time: 0 to 8, then 7 to 15.
TEST(Stripes, ImagesOfABatchPassOneAfterTheOther) {
    GraphMaker make;
    const TensorId in = make.input({2, 8, 16, 16});
    make.output(make.conv(make.conv(in, 8, 3), 8, 3));
    Graph graph = make.take();
    const Precision precision = precision_from("int8");
    quantise(graph, precision);
    Lowered lowered = lower(graph, fuse(graph, true), precision);
    const Stripes stripes(graph, lowered);
    EXPECT_EQ(stripes.images(0, 1), 2);
    EXPECT_FALSE(stripes.plan({.first = 0, .last = 1, .stripes = 3}).has_value());
    const auto plan = stripes.plan({.first = 0, .last = 1, .stripes = 4});
    ASSERT_TRUE(plan.has_value());
    const std::vector<std::int64_t> ends = {9, 16, 25, 32};
    for (std::size_t s = 0; s < 4; ++s) {
        EXPECT_EQ(plan->made[0][s].end, ends[s]);
        EXPECT_EQ(plan->made[1][s].end, static_cast<std::int64_t>(8 * (s + 1)));
    }
    // Rows 7 to 15 once the image is made: 7 is the first that row 8 of the result reads.
    EXPECT_EQ(plan->kept_bytes, 9 * 16 * 8);
    const Lowered cut = cut_into_stripes(graph, stripes, {{.first = 0, .last = 1, .stripes = 4}});
    std::int64_t rows = 0;
    for (const Kernel& kernel : cut.kernels)
        if (const auto* work = std::get_if<Contraction>(&kernel.work)) {
            EXPECT_EQ(work->n, 1);
            rows += work->p;
        }
    EXPECT_EQ(rows, 2 * 2 * 16);
}

TEST(RowWindow, StopsAtTheEndOfItsImage) {
    const RowWindow same{
        .height = 32, .taps = 3, .stride = 1, .padding = 1, .images = 2, .made_of_each = 16};
    EXPECT_EQ(same.rows({12, 16}).end, 16);
    EXPECT_EQ(same.rows({16, 20}).begin, 16);
    EXPECT_EQ(same.rows({16, 20}).end, 21);
    EXPECT_EQ(same.rows({28, 32}).end, 32);
}

TEST(DepthFirst, BatchesMoveNoMoreThanTheirImages) {
    const std::int64_t map = 16 * 256 * 256;
    const Compiled two = compiled(chain(256, 2));
    const Totals moved = totals(two.program);
    EXPECT_THAT(two.notes, Contains(HasSubstr("depth-first")));
    EXPECT_EQ(moved.written, 2 * map);
    EXPECT_GE(moved.read, 4 * map);
    EXPECT_LT(moved.read, 4 * map + map / 4);
    EXPECT_EQ(moved.useful_macs, two.graph_macs);
}

TEST(Stripes, ResultsThatNeedAWholeMapAreNotCut) {
    GraphMaker make;
    const TensorId in = make.input({1, 8, 16, 16});
    const TensorId mixed = make.conv(in, 8, 3);
    make.output(make.node("GlobalAveragePool", {mixed}, {1, 8, 1, 1}));
    Graph graph = make.take();
    const Precision precision = precision_from("int8");
    quantise(graph, precision);
    const Lowered lowered = lower(graph, fuse(graph, true), precision);
    const Stripes stripes(graph, lowered);
    EXPECT_TRUE(stripes.rows(0).has_value());
    EXPECT_FALSE(stripes.rows(1).has_value());
    EXPECT_FALSE(stripes.plan({.first = 0, .last = 1, .stripes = 2}).has_value());
}

}  // namespace
}  // namespace perfwatt

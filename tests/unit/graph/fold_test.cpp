#include <gtest/gtest.h>

#include "sim/graph/constant.h"
#include "sim/graph/shape.h"
#include "support.h"

namespace perfwatt {
namespace {

using Integers = std::vector<std::int64_t>;

Constant reals(std::vector<double> values) {
    const auto size = static_cast<std::int64_t>(values.size());
    return {.type = DataType::fp32, .shape = {size}, .reals = std::move(values)};
}

Constant integers(Integers values) {
    const auto size = static_cast<std::int64_t>(values.size());
    return integer_constant(std::move(values), {size});
}

std::optional<Constant> fold(const std::string& type, const std::vector<Constant>& inputs,
                             const Shape& shape, DataType result = DataType::int64,
                             std::map<std::string, Attribute> attributes = {}) {
    std::vector<const Constant*> pointers;
    for (const Constant& input : inputs) pointers.push_back(&input);
    const Node node{.type = type, .inputs = {}, .outputs = {}, .attributes = std::move(attributes)};
    auto results = evaluate(node, pointers, {{shape, result}});
    if (!results) return std::nullopt;
    return results->front();
}

TEST(Fold, IntegerDivisionTruncatesAndModFollowsTheDivisor) {
    EXPECT_EQ(fold("Div", {integers({7, -7}), integers({2, 2})}, {2})->integers, (Integers{3, -3}));
    EXPECT_EQ(fold("Mod", {integers({7, -7}), integers({3, 3})}, {2})->integers, (Integers{1, 2}));
}

TEST(Fold, DivisionByZeroIsLeftUnknown) {
    EXPECT_FALSE(fold("Div", {integers({7}), integers({0})}, {1}));
    EXPECT_FALSE(fold("Div", {integers({INT64_MIN}), integers({-1})}, {1}));
}

TEST(Fold, ArithmeticBroadcasts) {
    EXPECT_EQ(fold("Mul", {integers({1, 2, 3}), integer_constant({10}, {})}, {3})->integers,
              (Integers{10, 20, 30}));
}

TEST(Fold, ScalesOfAResizeAreRealNumbers) {
    const auto scaled = fold("Mul", {reals({14}), reals({1.5})}, {1}, DataType::fp32);
    EXPECT_EQ(scaled->reals, std::vector{21.0});
    EXPECT_EQ(fold("Cast", {*scaled}, {1})->integers, (Integers{21}));
    EXPECT_EQ(fold("Floor", {reals({2.7})}, {1}, DataType::fp32)->reals, std::vector{2.0});
    EXPECT_EQ(fold("Sqrt", {reals({64})}, {1}, DataType::fp32)->reals, std::vector{8.0});
}

TEST(Fold, ComparisonsAndWhereChoose) {
    const auto equal =
        fold("Equal", {integers({1, -1}), integers({-1, -1})}, {2}, DataType::boolean);
    EXPECT_EQ(equal->integers, (Integers{0, 1}));
    EXPECT_EQ(fold("Where", {*equal, integers({5, 6}), integers({7, 8})}, {2})->integers,
              (Integers{7, 6}));
}

TEST(Fold, MovesFollowTheirIndices) {
    const Constant table = integer_constant({0, 1, 2, 3, 4, 5}, {2, 3});
    EXPECT_EQ(
        fold("Transpose", {table}, {3, 2}, DataType::int64, {{"perm", Integers{1, 0}}})->integers,
        (Integers{0, 3, 1, 4, 2, 5}));
    EXPECT_EQ(fold("Gather", {table, integers({-1, 0})}, {2, 2}, DataType::int64,
                   {{"axis", std::int64_t{1}}})
                  ->integers,
              (Integers{2, 0, 5, 3}));
    EXPECT_EQ(fold("Slice", {table}, {2, 2}, DataType::int64,
                   {{"starts", Integers{2}}, {"axes", Integers{1}}, {"steps", Integers{-2}}})
                  ->integers,
              (Integers{2, 0, 5, 3}));
    EXPECT_EQ(fold("Expand", {integer_constant({1, 2}, {2, 1})}, {2, 3})->integers,
              (Integers{1, 1, 1, 2, 2, 2}));
    EXPECT_EQ(fold("Tile", {integers({1, 2})}, {4})->integers, (Integers{1, 2, 1, 2}));
    EXPECT_EQ(fold("Concat", {integers({1}), integers({2, 3})}, {3}, DataType::int64,
                   {{"axis", std::int64_t{0}}})
                  ->integers,
              (Integers{1, 2, 3}));
    EXPECT_EQ(
        fold("ScatterND", {integers({0, 0, 0}), integer_constant({2}, {1, 1}), integers({9})}, {3})
            ->integers,
        (Integers{0, 0, 9}));
}

TEST(Fold, AnIndexOutsideItsTableIsAnError) {
    EXPECT_THROW((void)fold("Gather", {integers({1}), integers({1})}, {1}, DataType::int64,
                            {{"axis", std::int64_t{0}}}),
                 ShapeError);
}

TEST(Fold, AnOperatorOfAnotherTypeThanItsInputIsLeftUnknown) {
    EXPECT_FALSE(fold("Not", {reals({1})}, {1}, DataType::boolean));
}

TEST(Fold, ReductionsRangesAndNonZero) {
    EXPECT_EQ(
        fold("ReduceProd", {integers({2, 3, 4})}, {1}, DataType::int64, {{"axes", Integers{0}}})
            ->integers,
        (Integers{24}));
    EXPECT_EQ(
        fold("Range",
             {integer_constant({3}, {}), integer_constant({9}, {}), integer_constant({2}, {})}, {3})
            ->integers,
        (Integers{3, 5, 7}));
    EXPECT_EQ(fold("NonZero", {integers({0, 7, 0, 1})}, {1, 4})->integers, (Integers{1, 3}));
    EXPECT_EQ(
        fold("CumSum", {integers({1, 2, 3})}, {3}, DataType::int64, {{"axis", std::int64_t{0}}})
            ->integers,
        (Integers{1, 3, 6}));
}

}  // namespace
}  // namespace perfwatt

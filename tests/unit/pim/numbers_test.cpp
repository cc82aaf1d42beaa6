#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "models/dram/dram_schema.h"
#include "sim/arch/pim_numbers.h"

namespace perfwatt {
namespace {

PimSpec units_of(const std::string& memory, int channels) {
    return dram::load_spec(ConfigPath({PERFWATT_SOURCE_DIR}), memory)
        .spec.pim->of_channels(channels);
}

std::vector<float> integers(std::int64_t count, int most, unsigned seed) {
    std::mt19937 engine(seed);
    std::vector<float> values;
    for (std::int64_t i = 0; i < count; ++i)
        values.push_back(static_cast<float>(
            static_cast<int>(engine() % (2U * static_cast<unsigned>(most) + 1U)) - most));
    return values;
}

std::vector<double> product(const PimKernel& kernel, const std::vector<float>& matrix,
                            const std::vector<float>& vectors) {
    std::vector<double> answer;
    for (std::int64_t b = 0; b < kernel.batch; ++b)
        for (std::int64_t o = 0; o < kernel.outputs; ++o) {
            double sum = 0;
            for (std::int64_t i = 0; i < kernel.inputs; ++i)
                sum +=
                    static_cast<double>(matrix[static_cast<std::size_t>(o * kernel.inputs + i)]) *
                    static_cast<double>(vectors[static_cast<std::size_t>(b * kernel.inputs + i)]);
            answer.push_back(sum);
        }
    return answer;
}

void expect_product(const PimSpec& spec, const PimKernel& kernel, int most, double tolerance) {
    const std::vector<float> matrix = integers(kernel.outputs * kernel.inputs, most, 1);
    const std::vector<float> vectors = integers(kernel.inputs * kernel.batch, most, 2);
    const auto answer = pim_gemv_on_numbers(spec, kernel, matrix, vectors);
    ASSERT_TRUE(std::holds_alternative<std::vector<float>>(answer))
        << std::get<Infeasible>(answer).reason;
    const std::vector<float>& ours = std::get<std::vector<float>>(answer);
    const std::vector<double> theirs = product(kernel, matrix, vectors);
    ASSERT_EQ(ours.size(), theirs.size());
    for (std::size_t i = 0; i < theirs.size(); ++i)
        ASSERT_NEAR(static_cast<double>(ours[i]), theirs[i], tolerance) << i;
}

TEST(NumbersInMemory, HbmPimMultipliesMatricesOfWholeNumbersExactly) {
    const PimSpec spec = units_of("hbm_pim_2000", 2);
    // Sums stay below 2048, which fp16 holds exactly: any lost or doubled term shows.
    expect_product(spec, {.outputs = 128, .inputs = 256}, 2, 0);
    expect_product(spec, {.outputs = 200, .inputs = 300}, 1, 0);  // padded both ways
    expect_product(spec, {.outputs = 64, .inputs = 640, .batch = 3}, 1, 0);
    expect_product(spec, {.op = PimOp::gemv_tree, .outputs = 128, .inputs = 384}, 1, 0);
}

TEST(NumbersInMemory, HbmPimRoundsAsFp16) {
    const PimSpec spec = units_of("hbm_pim_2000", 1);
    // Lanes reach some thousands, where fp16 counts by twos; 512 such roundings mostly cancel.
    expect_product(spec, {.outputs = 64, .inputs = 512}, 40, 60);
}

TEST(NumbersInMemory, AimMultipliesInBf16InBothOrders) {
    const PimSpec spec = units_of("gddr6_aim_16", 2);
    PimKernel kernel{.outputs = 100, .inputs = 1500, .batch = 2};
    kernel.weights = kernel.activations = DataType::bf16;
    for (const bool inputs_first : {false, true}) {
        kernel.inputs_first = inputs_first;
        // bf16 holds whole numbers up to 256; a sum is rounded once a column.
        expect_product(spec, kernel, 1, 2);
    }
}

TEST(NumbersInMemory, Lpddr5xPimMultipliesIntegersExactly) {
    const PimSpec spec = units_of("lpddr5x_pim_9600", 1);
    PimKernel kernel{.outputs = 300, .inputs = 700, .batch = 2};
    kernel.weights = kernel.activations = DataType::int8;
    expect_product(spec, kernel, 100, 0);
    kernel.weights = DataType::int4;
    expect_product(spec, kernel, 7, 0);
}

TEST(NumbersInMemory, Lpddr5PimKeepsTheLanesOfIntegersApart) {
    const PimSpec spec = units_of("lpddr5_pim_6400", 1);
    PimKernel kernel{.outputs = 70, .inputs = 600};
    kernel.weights = kernel.activations = DataType::int8;
    expect_product(spec, kernel, 20, 0);
}

TEST(NumbersInMemory, ElementsAreAddedMultipliedClippedAndScaled) {
    const PimSpec spec = units_of("hbm_pim_2000", 2);
    const std::int64_t count = 5000;
    const std::vector<float> first = integers(count, 30, 3);
    const std::vector<float> second = integers(count, 30, 4);
    const auto run = [&](PimOp op) {
        const auto answer =
            pim_elementwise_on_numbers(spec, {.op = op, .elements = count}, first, second, 2, -3);
        return std::get<std::vector<float>>(answer);
    };
    const std::vector<float> sums = run(PimOp::add), products = run(PimOp::multiply);
    const std::vector<float> clipped = run(PimOp::relu), scaled = run(PimOp::batch_norm);
    for (std::size_t i = 0; i < first.size(); ++i) {
        ASSERT_EQ(sums[i], first[i] + second[i]) << i;
        ASSERT_EQ(products[i], first[i] * second[i]) << i;
        ASSERT_EQ(clipped[i], std::max(first[i], 0.0F)) << i;
        ASSERT_EQ(scaled[i], 2 * first[i] - 3) << i;
    }
}

TEST(NumbersInMemory, RoundsToTypesTiesToEven) {
    EXPECT_EQ(rounded(2049, DataType::fp16), 2048);
    EXPECT_EQ(rounded(2051, DataType::fp16), 2052);
    EXPECT_EQ(rounded(257, DataType::bf16), 256);
    EXPECT_EQ(rounded(1000, DataType::int8), 127);
}

}  // namespace
}  // namespace perfwatt

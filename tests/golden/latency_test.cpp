#include "tests/physics/laboratory.h"

namespace perfwatt::laboratory {
namespace {

/// Latencies counted by hand. The chip: 4 x 4 cells, 16 lanes, everything at 1 GHz, so that a
/// cycle is a nanosecond; no sequencing overhead; 1000 ns of launch. The memory moves 16 bytes a
/// cycle and answers 10 cycles after an access has ended.
///   A load of B bytes takes ceil(B / 16) + 10 ns: it lands in the scratchpad as it arrives.
///   A store first leaves the scratchpad, 8 banks of 16 bytes a cycle: B / 128 ns more.
///   Sums become int8 on the vector unit: a product and a conversion each, chained in one cycle
///   on 16 lanes, and 8 cycles from the last operand to the last result.
class ByHand : public ::testing::Test {
  protected:
    ByHand() {
        chip_.clock_mhz = 1000;
        chip_.launch_ns = 1000;
        chip_.rows = chip_.columns = 4;
        chip_.lanes = 16;
        chip_.overhead_cycles = 0;
        chip_.memory =
            lab_.file("memory.yaml",
                      memory_text({.clock_mhz = 1000, .bytes_per_cycle = 16, .latency_ns = 10}));
    }

    Answer run(const std::string& input, const std::string& layers,
               const std::string& start = "steady") {
        RunRequest request{.chip = lab_.file("chip.yaml", chip_text(chip_)),
                           .workload = lab_.file("network.yaml", network_text(input, layers))};
        request.start = start;
        return lab_.run(request);
    }

    static void expect_ns(const Answer& answer, double ns) {
        EXPECT_EQ(answer.latency_fs, static_cast<std::int64_t>(std::ceil(ns * 1e6)));
    }

    static double time(const Answer& answer, TimeCause cause) {
        return answer.result.time_breakdown_ns[static_cast<std::size_t>(cause)];
    }

    Laboratory lab_;
    ChipPlan chip_;
    const std::string product_ = "  - {linear: {features: 4, bias: false}}\n";
};

TEST_F(ByHand, OneTileOnAWeightStationaryArray) {
    // 4 x 4 inputs times 4 x 4 weights, which are on the chip already.
    //   load 16 bytes of inputs                       1 + 10 = 11
    //   weights into the cells, a row a cycle                   4
    //   4 rows of inputs, the last of which reaches the last
    //   row 3 cycles later and the last column 3 more   4 + 6 = 10
    //   16 sums to int8                               1 + 8  =  9
    //   store 16 bytes                      0.125 + 1 + 10 = 11.125
    const Answer answer = run("4, 4", product_);
    expect_ns(answer, 1000 + 11 + 14 + 9 + 11.125);
    EXPECT_EQ(answer.result.macs, 4 * 4 * 4);
    EXPECT_EQ(answer.result.executed_macs, 4 * 4 * 4);
    EXPECT_EQ(answer.result.memories[0].read_bytes, 16);
    EXPECT_EQ(answer.result.memories[0].write_bytes, 16);
    EXPECT_EQ(time(answer, TimeCause::launch), 1000);
}

TEST_F(ByHand, ColdWeightsComeFirstThroughTheSamePort) {
    // The weights' access holds the memory for one cycle before that of the inputs.
    const Answer answer = run("4, 4", product_, "cold");
    expect_ns(answer, 1000 + 1 + 11 + 14 + 9 + 11.125);
    EXPECT_EQ(answer.result.memories[0].read_bytes, 32);
}

TEST_F(ByHand, BroadcastNeedsNoSkew) {
    chip_.feeding = "broadcast";
    // 4 cycles of weights, 4 of inputs.
    expect_ns(run("4, 4", product_), 1000 + 11 + 8 + 9 + 11.125);
}

TEST_F(ByHand, OutputsStayAndDrain) {
    chip_.dataflow = "output_stationary";
    // 4 steps of the reduction, 6 of skew, 4 rows of sums out.
    expect_ns(run("4, 4", product_), 1000 + 11 + 14 + 9 + 11.125);
}

TEST_F(ByHand, TwoFoldsOfTheReductionHideTheSecondWeights) {
    // 4 x 8 inputs (32 bytes: 12 ns) times 8 x 4 weights, two folds of 4 rows: weights of the
    // first (4), inputs of the first (4) while the second weights move in, inputs of the second
    // (4), skew (6).
    const Answer answer = run("4, 8", product_);
    expect_ns(answer, 1000 + 12 + 18 + 9 + 11.125);
    EXPECT_EQ(answer.result.executed_macs, 4 * 8 * 4);
}

TEST_F(ByHand, RaggedEdgesClockEveryCell) {
    // 3 x 3 inputs times 3 x 3 weights: 3 rows of weights, 3 of inputs, and all of the skew. 9 sums
    // take one cycle of the lanes.
    const Answer answer = run("3, 3", "  - {linear: {features: 3, bias: false}}\n");
    expect_ns(answer, 1000 + 11 + (3 + 3 + 6) + 9 + 9 / 128.0 + 11);
    EXPECT_EQ(answer.result.macs, 27);
    EXPECT_EQ(answer.result.executed_macs, 3 * 4 * 4) << "3 rows of inputs through 16 cells";
}

TEST_F(ByHand, ConvolutionUnfoldsItsTaps) {
    // 3 x 3 filter on 1 x 4 x 4, no padding: 4 outputs of 4 channels from 9 products each. The
    // taps fill 4 + 4 + 1 rows: weights of the first fold (4), three folds of 4 inputs each
    // (12, the next weights hidden), skew (6). 16 bytes in, 16 out.
    const Answer answer = run("1, 4, 4", "  - {conv: {filters: 4, kernel: 3, bias: false}}\n");
    EXPECT_EQ(answer.result.macs, 4 * 4 * 9);
    EXPECT_EQ(answer.result.executed_macs, 4 * 4 * 12);
    expect_ns(answer, 1000 + 11 + 22 + 9 + 11.125);
}

TEST_F(ByHand, ElementsPassTheVectorUnit) {
    // 64 bytes in (4 + 10); a comparison, a product and a conversion for each, two chained a cycle,
    // on 16 lanes: 64 x 1.5 / 16 = 6, and 8 to the last result; 64 bytes out (0.5 + 4 + 10).
    const Answer answer = run("64", "  - {activation: relu}\n");
    expect_ns(answer, 1000 + 14 + 14 + 64 / 128.0 + 14);
    EXPECT_EQ(time(answer, TimeCause::vector) + time(answer, TimeCause::fill_drain), 14);
}

TEST_F(ByHand, ChainOfTwoProductsKeepsWhatIsBetweenOnTheChip) {
    const Answer answer = run("4, 4", product_ + product_);
    expect_ns(answer, 1000 + 11 + (14 + 9) + (14 + 9) + 11.125);
    EXPECT_EQ(answer.result.memories[0].read_bytes, 16);
}

}  // namespace
}  // namespace perfwatt::laboratory

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "sim/run/generation.h"
#include "sim/run/record.h"
#include "sim/run/unfold.h"

namespace perfwatt {
namespace {

constexpr Time ns(std::int64_t n) { return {n * 1'000'000}; }

CauseTimes causes(std::initializer_list<std::pair<TimeCause, Time>> parts) {
    CauseTimes times{};
    for (const auto& [cause, time] : parts) of(times, cause) += time;
    return times;
}

constexpr auto kCompute = TimeCause::compute;
constexpr auto kVector = TimeCause::vector;
constexpr auto kBandwidth = TimeCause::memory_bandwidth;

const ActionId kMac{0};
const ActionId kActivate{1};
const ActionId kRefresh{2};

/// One layer before, ten blocks of two layers each of which four are simulated, one layer after.
///
///   before  0-10 ns | block 0  10-50 | block 1  50-100 | block 2  100-160 | block 3  160-225 |
///   after 225-250
///
/// Block 2 stands for the six that are left out, each 60 ns after the one before it.
Compiled folded_program() {
    Compiled compiled;
    const auto layer = [](std::string name) {
        return Layer{.name = std::move(name), .operator_type = "MatMul", .macs = 7};
    };
    compiled.program.layers.push_back(layer("before"));
    for (int block = 0; block < 4; ++block)
        for (const char* part : {"a", "b"})
            compiled.program.layers.push_back(layer("block" + std::to_string(block) + part));
    compiled.program.layers.push_back(layer("after"));

    const auto kernel = [](std::string name) {
        KernelReport report;
        report.name = std::move(name);
        return report;
    };
    compiled.kernels.push_back(kernel("before"));
    for (int block = 0; block < 10; ++block)
        for (const char* part : {"a", "b"})
            compiled.kernels.push_back(kernel("block" + std::to_string(block) + part));
    compiled.kernels.push_back(kernel("after"));

    for (std::size_t i = 0; i < compiled.program.layers.size(); ++i)
        compiled.layer_bounds.push_back({.compute = ns(static_cast<std::int64_t>(i)),
                                         .vector = ns(1),
                                         .memory = ns(2 * static_cast<std::int64_t>(i))});
    // The first memory moves 2 i bytes a layer, the second as many in layer 5 alone.
    compiled.memories = {{.name = "lpddr", .bytes_per_second = 1'000'000'000},
                         {.name = "sram", .bytes_per_second = 500'000'000}};
    for (std::size_t i = 0; i < compiled.program.layers.size(); ++i) {
        const auto bytes = static_cast<std::int64_t>(2 * i);
        compiled.moved.push_back({{.read = bytes}, {.read = i == 5 ? bytes : 0}});
    }
    compiled.bound = {.compute = ns(45), .vector = ns(10), .memory = ns(90)};
    compiled.repeat = Repeat{.first_kernel = 1,
                             .kernels_per_block = 2,
                             .count = 10,
                             .blocks_emitted = 4,
                             .first_layer = 1,
                             .layers_per_block = 2};
    return compiled;
}

PlatformResult simulated_blocks() {
    const std::vector<std::pair<int, int>> spans = {{0, 10},    {10, 30},  {30, 50},   {50, 75},
                                                    {75, 100},  {95, 130}, {130, 160}, {155, 190},
                                                    {190, 225}, {220, 250}};
    std::vector<Action> actions{
        {.name = "mac"}, {.name = "lpddr.activate"}, {.name = "lpddr.refresh"}};
    PlatformResult run{.end = ns(250),
                       .commands = {},
                       .units = {},
                       .links = {},
                       .memories = {},
                       .counts = Counts(actions, 11),
                       .layers = {},
                       .timeline = {}};
    for (std::size_t i = 0; i < spans.size(); ++i) {
        const auto row = static_cast<int>(i);
        run.layers.push_back({.start = ns(spans[i].first),
                              .end = ns(spans[i].second),
                              .traffic = {{.read_bytes = 100 + row, .write_bytes = 10}},
                              .useful_macs = 50 + row,
                              .executed_macs = 60 + row});
        run.counts.add(row, kMac, 50 + row);
        run.counts.add(row, kActivate, 2);
        run.useful_macs += 50 + row;
        run.executed_macs += 60 + row;
    }
    run.counts.add(10, kRefresh, 25);
    run.path = {{.from = ns(0), .to = ns(50), .causes = causes({{kCompute, ns(50)}})},
                {.from = ns(50),
                 .to = ns(110),
                 .causes = causes({{kCompute, ns(30)}, {kBandwidth, ns(30)}})},
                {.from = ns(110), .to = ns(150), .causes = causes({{kCompute, ns(40)}})},
                {.from = ns(150), .to = ns(250), .causes = causes({{kVector, ns(100)}})}};
    for (const CausedSpan& span : run.path)
        for (std::size_t i = 0; i < span.causes.size(); ++i) run.causes[i] += span.causes[i];

    MemoryReport memory;
    memory.name = "lpddr";
    memory.read_bytes = 1045;
    memory.write_bytes = 100;
    memory.row_hits = 1145;
    memory.column_commands = 1145;
    memory.data_bus_busy = ns(114);
    memory.commands = {{"ACT", 20}, {"RD", 1000}, {"REF", 25}};
    memory.refreshes = 25;
    run.memories.push_back(memory);
    return run;
}

RunFigures unfolded() { return unfold(folded_program(), simulated_blocks()); }

TEST(Unfold, EachBlockLeftOutAddsOnePeriod) {
    // Block 2 ends 60 ns after block 1; six blocks are left out: 250 + 6 x 60 = 610.
    EXPECT_EQ(unfolded().end, ns(610));
}

TEST(Unfold, CausesOfTheCopiedBlockAreCopied) {
    // [100, 160): 10 of the 60 ns of the second span (5 + 5), 40 of compute, 10 of vector work.
    const RunFigures run = unfolded();
    EXPECT_EQ(of(run.causes, kCompute), ns(50 + 30 + 40 + 6 * (5 + 40)));
    EXPECT_EQ(of(run.causes, kBandwidth), ns(30 + 6 * 5));
    EXPECT_EQ(of(run.causes, kVector), ns(100 + 6 * 10));
    EXPECT_EQ(sum(run.causes), run.end);
}

TEST(Unfold, CausesSumWhereAShareIsNoWholeFemtosecond) {
    PlatformResult simulated = simulated_blocks();
    // A third of a span whose causes are odd numbers of femtoseconds.
    simulated.path[1] = {
        .from = {ns(50).fs},
        .to = {ns(110).fs},
        .causes = causes({{kCompute, {ns(30).fs + 7}}, {kBandwidth, {ns(30).fs - 7}}})};
    of(simulated.causes, kCompute).fs += 7;
    of(simulated.causes, kBandwidth).fs -= 7;
    const RunFigures run = unfold(folded_program(), std::move(simulated));
    EXPECT_EQ(sum(run.causes), run.end);
}

TEST(Unfold, EveryLayerHasItsRowAndCopiesComeAPeriodApart) {
    const RunFigures run = unfolded();
    ASSERT_EQ(run.layers.size(), 22u);
    ASSERT_EQ(run.names.size(), 22u);
    EXPECT_EQ(run.layers[5].start, ns(95));
    EXPECT_EQ(run.layers[5].end, ns(130));
    for (std::size_t copy = 1; copy <= 6; ++copy) {
        const auto later = ns(60 * static_cast<std::int64_t>(copy));
        EXPECT_EQ(run.layers[5 + 2 * copy].end, ns(130) + later);
        EXPECT_EQ(run.layers[6 + 2 * copy].start, ns(130) + later);
        EXPECT_EQ(run.layers[6 + 2 * copy].end, ns(160) + later);
    }
    // The last block and what follows are six periods later.
    EXPECT_EQ(run.layers[19].end, ns(190 + 360));
    EXPECT_EQ(run.layers[20].end, ns(225 + 360));
    EXPECT_EQ(run.layers[21].start, ns(220 + 360));
    EXPECT_EQ(run.layers[21].end, run.end);
}

TEST(Unfold, EveryLayerHasTheNameOfItsOwnKernel) {
    const RunFigures run = unfolded();
    std::vector<std::string> names;
    for (const Layer& layer : run.names) names.push_back(layer.name);
    std::vector<std::string> kernels;
    for (const KernelReport& kernel : folded_program().kernels) kernels.push_back(kernel.name);
    EXPECT_EQ(names, kernels);
}

TEST(Unfold, WhatWasLoadedBeforeTheCopiedBlockStaysThere) {
    PlatformResult simulated = simulated_blocks();
    simulated.layers[9].start = ns(80);  // weights of the last layer, fetched during block 1
    const RunFigures run = unfold(folded_program(), std::move(simulated));
    EXPECT_EQ(run.layers[21].start, ns(80));
    EXPECT_EQ(run.layers[21].end, ns(610));
}

TEST(Unfold, CountsOfLayersAreCopiedAndSharedOnesGrowWithTime) {
    const RunFigures run = unfolded();
    ASSERT_EQ(run.counts.layers(), 23);
    // Layers 0-6 as simulated, then layers 5 and 6 six times, then 7, 8, 9.
    EXPECT_EQ(run.counts.get(6, kMac), 56);
    EXPECT_EQ(run.counts.get(7, kMac), 55);
    EXPECT_EQ(run.counts.get(18, kMac), 56);
    EXPECT_EQ(run.counts.get(19, kMac), 57);
    EXPECT_EQ(run.counts.get(21, kMac), 59);
    EXPECT_EQ(run.counts.total(kMac), 545 + 6 * (55 + 56));
    EXPECT_EQ(run.counts.total(kActivate), 20 + 6 * 4);
    EXPECT_EQ(run.counts.get(22, kRefresh), 61) << "25 in 250 ns are 61 in 610";
    EXPECT_EQ(run.useful_macs, 545 + 6 * 111);
    EXPECT_EQ(run.executed_macs, 645 + 6 * 131);
}

TEST(Unfold, MemoriesGrowByWhatTheCopiesMoveAndByTime) {
    const RunFigures run = unfolded();
    ASSERT_EQ(run.memories.size(), 1u);
    const MemoryReport& memory = run.memories[0];
    EXPECT_EQ(memory.read_bytes, 1045 + 6 * (105 + 106));
    EXPECT_EQ(memory.write_bytes, 100 + 6 * 20);
    EXPECT_EQ(memory.commands[0].count, 20 + 6 * 4) << "activates as the layers' counts";
    // Traffic grows by 6 x 231 of 1145 bytes.
    EXPECT_EQ(memory.commands[1].count, 1000 + std::llround(1000 * 6 * 231 / 1145.0));
    EXPECT_EQ(memory.row_hits, 1145 + 6 * 231);
    EXPECT_EQ(memory.commands[2].count, 61);
    EXPECT_EQ(memory.refreshes, 61);
}

TEST(Unfold, BoundsOfTheCopiedBlockAreCopied) {
    const RunFigures run = unfolded();
    EXPECT_EQ(run.bound.compute, ns(45 + 6 * (5 + 6)));
    EXPECT_EQ(run.bound.vector, ns(10 + 6 * 2));
    // The second memory would take 6 x 20 ns beside the first one, not after it.
    EXPECT_EQ(run.bound.memory, ns(90 + 6 * (10 + 12)));
}

TEST(Unfold, NothingLeftOutChangesNothing) {
    Compiled compiled = folded_program();
    compiled.repeat->count = 4;
    const RunFigures run = unfold(compiled, simulated_blocks());
    EXPECT_EQ(run.end, ns(250));
    EXPECT_EQ(run.layers.size(), 10u);
    EXPECT_EQ(run.counts.total(kMac), 545);
    EXPECT_EQ(run.names[9].name, "after");

    compiled.repeat.reset();
    EXPECT_EQ(unfold(compiled, simulated_blocks()).end, ns(250));
}

// --- generations

double weight_sum(const std::vector<SampledStep>& steps) {
    return std::accumulate(steps.begin(), steps.end(), 0.0,
                           [](double sum, const SampledStep& step) { return sum + step.weight; });
}

TEST(SampleSteps, WeightsSumToTheStepsAfterThePrefill) {
    for (const std::int64_t tokens : {2, 3, 5, 6, 7, 17, 128, 1000, 4097})
        for (const int samples : {1, 2, 3, 5, 9})
            EXPECT_NEAR(weight_sum(sample_steps(100, tokens, samples)),
                        static_cast<double>(tokens - 1), 1e-9 * static_cast<double>(tokens))
                << tokens << " tokens, " << samples << " samples";
}

TEST(SampleSteps, LinearGrowthIsSummedExactly) {
    for (const std::int64_t tokens : {2, 6, 7, 23, 128, 1025}) {
        const std::int64_t prompt = 37;
        double exact = 0;
        for (std::int64_t step = 0; step < tokens - 1; ++step)
            exact += 1000.0 + 3.0 * static_cast<double>(prompt + step);
        double sampled = 0;
        for (const SampledStep& step : sample_steps(prompt, tokens, 5))
            sampled += step.weight * (1000.0 + 3.0 * static_cast<double>(step.context));
        EXPECT_NEAR(sampled, exact, 1e-9 * exact) << tokens << " tokens";
    }
}

TEST(SampleSteps, FewStepsAreAllSimulated) {
    const std::vector<SampledStep> steps = sample_steps(10, 6, 5);
    ASSERT_EQ(steps.size(), 5u);
    for (std::size_t i = 0; i < 5; ++i) {
        EXPECT_EQ(steps[i].context, 10 + static_cast<std::int64_t>(i));
        EXPECT_EQ(steps[i].weight, 1.0);
    }
}

TEST(SampleSteps, FirstAndLastStepAreAmongTheSamples) {
    const std::vector<SampledStep> steps = sample_steps(512, 129, 5);
    ASSERT_EQ(steps.size(), 5u);
    EXPECT_EQ(steps.front().context, 512);
    EXPECT_EQ(steps.back().context, 512 + 127);
}

TEST(SampleSteps, OneTokenNeedsNoDecodeStep) { EXPECT_TRUE(sample_steps(512, 1, 5).empty()); }

Result step_result(double latency_ns, std::int64_t macs) {
    Result result;
    result.phase = "decode";
    result.latency_ns = latency_ns;
    result.energy_pj = 10 * latency_ns;
    result.macs = macs;
    result.executed_macs = 2 * macs;
    result.bound_ns = latency_ns / 2;
    result.utilization = 0.25;
    result.energy_breakdown_pj[0] = 10 * latency_ns;
    result.time_breakdown_ns[0] = latency_ns;
    result.memories = {{.name = "lpddr",
                        .read_bytes = 1000,
                        .write_bytes = 0,
                        .row_hit_rate = 0.5,
                        .commands = {{"RD", 8}}}};
    result.layers = {{.name = "up",
                      .start_ns = latency_ns / 4,
                      .end_ns = latency_ns / 2,
                      .macs = macs,
                      .read_bytes = 1000,
                      .energy_pj = 5}};
    return result;
}

TEST(CombineGeneration, SumsThePrefillAndTheWeightedSteps) {
    Result prefill = step_result(1000, 4000);
    prefill.utilization = 0.5;
    prefill.layers[0].name = "reading";
    const std::vector<SampledStep> samples = {{.context = 10, .weight = 2.5},
                                              {.context = 14, .weight = 1.5}};
    RunRequest request;
    request.phase = "generate";
    request.tokens = 5;
    request.batch = 2;
    const Result whole =
        combine_generation(request, prefill, {step_result(100, 40), step_result(200, 80)}, samples);

    EXPECT_EQ(whole.phase, "generate");
    EXPECT_EQ(whole.ttft_ns, 1000);
    EXPECT_EQ(whole.latency_ns, 1000 + 2.5 * 100 + 1.5 * 200);
    EXPECT_EQ(whole.energy_pj, 10 * 1550.0);
    EXPECT_EQ(whole.macs, 4000 + 100 + 120);
    EXPECT_EQ(whole.executed_macs, 2 * (4000 + 100 + 120));
    EXPECT_EQ(whole.bound_ns, 775);
    EXPECT_EQ(whole.time_breakdown_ns[0], whole.latency_ns);
    EXPECT_EQ(whole.energy_breakdown_pj[0], whole.energy_pj);
    // 500 of 1550 ns at full rate in the prefill; 62.5 and 75 in the steps.
    EXPECT_NEAR(whole.utilization, (500 + 62.5 + 75) / 1550, 1e-12);
    EXPECT_EQ(whole.memories[0].read_bytes, 1000 + 2500 + 1500);
    EXPECT_EQ(whole.memories[0].commands[0].count, 8 + 20 + 12);
    EXPECT_NEAR(whole.memories[0].row_hit_rate, 0.5, 1e-12);
    EXPECT_NEAR(whole.memories[0].bandwidth_bytes_per_s, 5000 / 1550e-9, 1);
    // Five tokens for each of two sequences in 1550 ns.
    EXPECT_NEAR(whole.throughput_per_s, 10 / 1550e-9, 1);
    ASSERT_EQ(whole.layers.size(), 2u);
    EXPECT_EQ(whole.layers[0].name, "prefill/reading");
    EXPECT_EQ(whole.layers[1].name, "decode/up");
    EXPECT_EQ(whole.layers[1].macs, 100 + 120);
    // A quarter of each step: of 550 ns, after the quarter before it.
    EXPECT_EQ(whole.layers[1].start_ns, 1000 + 550.0 / 4);
    EXPECT_EQ(whole.layers[1].end_ns, 1000 + 550.0 / 2);
}

TEST(Rates, CountTheTokensOfAPrompt) {
    Result read = step_result(100, 40);
    read.batch = 2;
    read.context = 512;
    EXPECT_EQ(items_each(read), 1) << "a decode step makes a token, whatever its context";
    read.phase = "prefill";
    EXPECT_EQ(items_each(read), 512);
    read.context = 0;
    EXPECT_EQ(items_each(read), 1) << "of a network without tokens";
}

TEST(CombineGeneration, OneTokenIsThePrefill) {
    RunRequest request;
    request.phase = "generate";
    request.tokens = 1;
    const Result whole = combine_generation(request, step_result(1000, 4000), {}, {});
    EXPECT_EQ(whole.latency_ns, 1000);
    EXPECT_EQ(whole.ttft_ns, 1000);
    EXPECT_EQ(whole.macs, 4000);
    EXPECT_NEAR(whole.throughput_per_s, 1e6, 1e-3);
}

}  // namespace
}  // namespace perfwatt

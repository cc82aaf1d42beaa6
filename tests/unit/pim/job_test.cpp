#include <gtest/gtest.h>

#include <map>
#include <string>

#include "models/dram/dram_pim_memory.h"
#include "models/dram/dram_schema.h"

namespace perfwatt::dram {
namespace {

DramSpec spec_of(const std::string& memory, const std::vector<std::string>& settings = {}) {
    return load_spec(ConfigPath({PERFWATT_SOURCE_DIR}), memory, settings).spec;
}

class Log final : public CommandLog {
  public:
    void write(const LoggedCommand& command) override {
        commands.push_back(command);
        names.emplace_back(command.name);
    }
    std::vector<LoggedCommand> commands;
    std::vector<std::string> names;
};

std::vector<MemoryCompletion> finish_all(DramPimMemory& memory, std::size_t count) {
    std::vector<MemoryCompletion> done;
    while (done.size() < count) (void)memory.advance_to_completion(Time::max(), done);
    Time last;
    for (const MemoryCompletion& one : done) last = std::max(last, one.at);
    memory.finish(last);
    return done;
}

MemoryTransfer transfer(std::int64_t bytes, std::uint64_t id) {
    return {.address = 0, .row_bytes = bytes, .pitch_bytes = bytes, .id = id};
}

// A tick each for the first group to begin; the row opens at 1, columns follow tRCD later, tCCD_L
// apart, and the next row opens when the first has been closed: tRTP and tRP after its last column.
TEST(PimSequencer, RowsOfColumnsFollowTheTablesOfTheStandard) {
    const DramSpec spec = spec_of("gddr6_aim_16", {"refresh.mode=none", "refresh.max_postponed=0"});
    DramSpec one = spec;
    one.pim = spec.pim->of_channels(1);
    Log log;
    DramMemory memory(one, {.name = "m", .channels = 1, .log = &log});
    PimProgram program;
    for (std::int64_t row : {5, 6})
        program.steps.push_back({.command = PimCommand::read, .count = 64, .row = row});
    PimSequencer sequencer(one, program, memory.channel(0), 0, -1);
    ASSERT_TRUE(sequencer.run(kNever));
    ASSERT_EQ(log.names.size(), 2 * 65U + 1U);
    EXPECT_EQ(log.names[0], "PIM_ACT");
    EXPECT_EQ(log.commands[0].tick, 0);
    EXPECT_EQ(log.commands[1].tick, 56);            // tRCD_MAC
    EXPECT_EQ(log.commands[64].tick, 56 + 63 * 2);  // tCCD
    EXPECT_EQ(log.names[65], "PIM_PRE");
    EXPECT_EQ(log.commands[65].tick, 182 + 12);  // tRTP
    EXPECT_EQ(log.commands[66].tick, 194 + 32);  // tRP: 226 a row
    EXPECT_EQ(sequencer.end(), 226 + 182 + 2);
}

TEST(PimSequencer, ABarrierWithATimeHoldsUpWhatFollows) {
    const PimKernel kernel{.outputs = 64, .inputs = 128};
    const auto ticks = [&](const std::string& fence) {
        DramPimMemory memory(spec_of("hbm_pim_2000", {"pim.fence=" + fence}), {.name = "m"});
        memory.submit_job(Time::zero(), {.kernel = kernel, .layer = -1, .id = 1});
        (void)finish_all(memory, 1);
        return std::pair(memory.job_ticks(), memory.pim_ticks().fence);
    };
    const auto [plain, no_fence] = ticks("0 fs");
    const auto [fenced, fence] = ticks("150 ns");
    EXPECT_EQ(no_fence, 0);
    EXPECT_GT(fence, 0);
    EXPECT_GT(fenced, plain + 10 * 150);
}

TEST(PimSequencer, LinesOfTheBreakdownAddUpToTheJob) {
    for (const char* name : {"hbm_pim_2000", "gddr6_aim_16", "lpddr5x_pim_9600"}) {
        DramPimMemory memory(spec_of(name), {.name = "m", .channels = 2});
        PimKernel kernel{.outputs = 2048, .inputs = 2048};
        kernel.weights = memory.pim().arithmetic.front().weights;
        kernel.activations = memory.pim().arithmetic.front().inputs;
        memory.submit_job(Time::zero(), {.kernel = kernel, .layer = -1, .id = 1});
        (void)finish_all(memory, 1);
        const PimTicks& ticks = memory.pim_ticks();
        Tick sum = ticks.refresh + ticks.fence + ticks.drain;
        for (const Tick phase : ticks.phases) sum += phase;
        EXPECT_EQ(sum, memory.job_ticks()) << name;
        EXPECT_GT(ticks.refresh, 0) << name;
    }
}

TEST(PimMemory, FoldedChannelsGiveTheSameCountsAndTimeAsAllOfThem) {
    PimKernel kernel{.outputs = 2048, .inputs = 1024};
    std::map<bool, MemoryReport> reports;
    std::map<bool, Tick> ticks;
    for (const bool folding : {true, false}) {
        DramSpec spec = spec_of("hbm_pim_2000");
        spec.pim->folding = folding;
        DramPimMemory memory(spec, {.name = "m", .channels = 16});
        memory.submit_job(Time::zero(), {.kernel = kernel, .layer = 0, .id = 1});
        (void)finish_all(memory, 1);
        reports[folding] = memory.report();
        ticks[folding] = memory.job_ticks();
    }
    EXPECT_EQ(ticks[true], ticks[false]);
    ASSERT_EQ(reports[true].commands.size(), reports[false].commands.size());
    for (std::size_t i = 0; i < reports[true].commands.size(); ++i) {
        EXPECT_EQ(reports[true].commands[i].name, reports[false].commands[i].name);
        EXPECT_EQ(reports[true].commands[i].count, reports[false].commands[i].count)
            << reports[true].commands[i].name;
    }
    EXPECT_EQ(reports[true].refreshes, reports[false].refreshes);
}

TEST(PimMemory, RefreshesGoOnWhileUnitsCompute) {
    DramPimMemory memory(spec_of("hbm_pim_2000"), {.name = "m", .channels = 1});
    memory.submit_job(Time::zero(),
                      {.kernel = {.outputs = 64, .inputs = 8192}, .layer = -1, .id = 1});
    (void)finish_all(memory, 1);
    EXPECT_EQ(memory.report().refreshes, memory.job_ticks() / 3900);
}

TEST(PimMemory, TransfersAfterAJobWaitForItThoseBeforeGoFirst) {
    DramPimMemory memory(spec_of("hbm_pim_2000"), {.name = "m", .channels = 2});
    memory.submit(Time::zero(), transfer(4096, 1));
    memory.submit_job(Time::from_ns(5),
                      {.kernel = {.outputs = 128, .inputs = 512}, .layer = -1, .id = 2});
    memory.submit(Time::from_ns(6), transfer(4096, 3));
    const std::vector<MemoryCompletion> done = finish_all(memory, 3);
    ASSERT_EQ(done.size(), 3U);
    std::map<std::uint64_t, Time> at;
    for (const MemoryCompletion& one : done) at[one.id] = one.at;
    EXPECT_LT(at[1], at[2]);
    EXPECT_LT(at[2], at[3]);
    // Alone, the later transfer takes less than the job.
    EXPECT_LT(at[3] - at[2], at[2] - at[1]);
}

/// A job of 64 rows from 1 us on, and a host that reads 16 KiB at a time all the while, two in
/// flight.
struct Beside {
    Tick job = 0;
    std::int64_t bytes_during = 0;  ///< of transfers that ended while the job ran
    double share = 0;               ///< of the pins in that time
    Time wait;                      ///< the longest that a transfer took

    explicit Beside(const std::string& memory_name, bool host = true) {
        DramPimMemory memory(spec_of(memory_name), {.name = "m", .channels = 1});
        PimKernel kernel{.outputs = 1024, .inputs = 1024};
        kernel.weights = kernel.activations = DataType::bf16;
        const Time start = Time::from_ns(1000);
        std::map<std::uint64_t, Time> begun;
        std::vector<MemoryCompletion> done;
        std::uint64_t id = 100;
        std::int64_t at = 0;
        const auto read = [&](Time now) {
            memory.submit(
                now, {.address = at, .row_bytes = 16 << 10, .pitch_bytes = 16 << 10, .id = id});
            begun[id++] = now;
            at += 16 << 10;
        };
        if (host) read(Time::zero());
        if (host) read(Time::zero());
        bool submitted = false;
        Time end;
        std::vector<std::pair<Time, Time>> served;
        Time now;
        std::size_t known = 0;
        while (end == Time::zero() || begun.size() > served.size()) {
            const Time limit = submitted ? Time::max() : start;
            now = memory.advance_to_completion(limit, done);
            for (; known < done.size(); ++known) {
                if (done[known].id == 1) {
                    end = done[known].at;
                    continue;
                }
                served.emplace_back(begun[done[known].id], done[known].at);
                if (end == Time::zero()) read(std::max(now, done[known].at));
            }
            if (!submitted && now >= start) {
                submitted = true;
                memory.submit_job(start, {.kernel = kernel, .layer = -1, .id = 1});
            }
        }
        memory.finish(std::max(end, now) + Time::from_ns(1000));
        for (const auto& [from, to] : served) {
            if (to > start && to <= end) bytes_during += 16 << 10;
            wait = std::max(wait, to - from);
        }
        job = memory.job_ticks();
        share = static_cast<double>(bytes_during) / (end - start).seconds() /
                static_cast<double>(memory.pim().bytes_per_second);
    }
};

TEST(PimMemory, TheHostWaitsForAJobWhereBanksHaveOneRowBuffer) {
    const Beside alone("gddr6_aim_16", false);
    const Beside beside("gddr6_aim_16");
    EXPECT_LE(beside.bytes_during, 2 * (16 << 10));  // those that came before the job
    EXPECT_GT(beside.wait, Time::from_ns(5000));
    EXPECT_NEAR(static_cast<double>(beside.job), static_cast<double>(alone.job),
                0.02 * static_cast<double>(alone.job));
}

TEST(PimMemory, TheHostGoesOnBesideAJobWhereUnitsHaveRowBuffersOfTheirOwn) {
    const Beside alone("gddr6_aim_16_dual", false);
    const Beside beside("gddr6_aim_16_dual");
    EXPECT_GT(beside.share, 0.5);
    EXPECT_LT(beside.share, 1);
    EXPECT_LT(beside.wait, Time::from_ns(2000));
    EXPECT_LT(static_cast<double>(beside.job), 1.1 * static_cast<double>(alone.job));
    // Alone, a row takes what it takes with one buffer: what parts two of them are the same times.
    EXPECT_NEAR(static_cast<double>(alone.job),
                static_cast<double>(Beside("gddr6_aim_16", false).job),
                0.02 * static_cast<double>(alone.job));
}

/// Ticks of a product alone.
Tick ticks_of(const std::string& memory_name, int channels, PimKernel kernel,
              const std::vector<std::string>& settings = {}) {
    DramPimMemory memory(spec_of(memory_name, settings), {.name = "m", .channels = channels});
    kernel.weights = memory.pim().arithmetic.front().weights;
    kernel.activations = memory.pim().arithmetic.front().inputs;
    memory.submit_job(Time::zero(), {.kernel = kernel, .layer = -1, .id = 1});
    (void)finish_all(memory, 1);
    return memory.job_ticks();
}

// The maker's simulator takes 387 to 413 cycles an input tile of 128; refreshes spread ours a
// little.
TEST(PimMemory, TimeOfAProductGrowsWithTilesVectorsAndNotWithChannels) {
    for (const int channels : {16, 32, 64}) {
        const std::int64_t outputs = 64 * channels;  // one tile
        std::map<std::int64_t, Tick> by_inputs;
        for (const std::int64_t inputs : {1024, 2048, 4096, 8192})
            by_inputs[inputs] =
                ticks_of("hbm_pim_2000", channels, {.outputs = outputs, .inputs = inputs});
        const double slope = static_cast<double>(by_inputs[8192] - by_inputs[1024]) / 56;
        EXPECT_GT(slope, 375) << channels;
        EXPECT_LT(slope, 420) << channels;
        for (const std::int64_t batch : {2, 4, 8}) {
            const auto all = static_cast<double>(ticks_of(
                "hbm_pim_2000", channels, {.outputs = outputs, .inputs = 2048, .batch = batch}));
            EXPECT_NEAR(all / static_cast<double>(batch), static_cast<double>(by_inputs[2048]),
                        0.1 * static_cast<double>(by_inputs[2048]));
        }
        // Twice the tiles, and a tile more for one output more.
        const Tick two =
            ticks_of("hbm_pim_2000", channels, {.outputs = 2 * outputs, .inputs = 1024});
        EXPECT_NEAR(static_cast<double>(two), 2 * static_cast<double>(by_inputs[1024]),
                    0.1 * static_cast<double>(two));
        EXPECT_EQ(ticks_of("hbm_pim_2000", channels, {.outputs = outputs + 1, .inputs = 1024}),
                  two);
    }
    EXPECT_EQ(ticks_of("hbm_pim_2000", 16, {.outputs = 1024, .inputs = 4096}),
              ticks_of("hbm_pim_2000", 64, {.outputs = 4096, .inputs = 4096}));
}

TEST(PimMemory, WhatACacheGainsIsLaidOutBeforeTheProduct) {
    for (const char* name :
         {"hbm_pim_2000", "gddr6_aim_16", "gddr6_aim_16_dual", "lpddr5x_pim_9600"}) {
        PimKernel kernel{.outputs = 1024, .inputs = 128, .groups = 8};
        const Tick still = ticks_of(name, 2, kernel);
        kernel.new_outputs = 1;
        const Tick key = ticks_of(name, 2, kernel);
        kernel.outputs = 128;
        kernel.inputs = 1024;
        kernel.new_outputs = 0;
        const Tick values_still = ticks_of(name, 2, kernel);
        kernel.new_inputs = 1;
        const Tick value = ticks_of(name, 2, kernel);
        EXPECT_GT(key, still) << name;
        // A key lies together, a value in every output's place.
        EXPECT_GT(value - values_still, key - still) << name;
    }
}

// A tree's key of 128 bf16 is 8 bursts of one row; a value is in 8 rows of 16 banks, a burst each.
TEST(PimProgram, BurstsOfNewKeysAndValues) {
    const PimSpec spec = spec_of("gddr6_aim_16").pim->of_channels(1);
    PimKernel kernel{.outputs = 1024, .inputs = 128, .groups = 2};
    kernel.weights = kernel.activations = DataType::bf16;
    kernel.new_outputs = 1;
    EXPECT_EQ(std::get<PimProgram>(pim_program(spec, kernel)).laid_out, 2 * 8);
    kernel = {.outputs = 128, .inputs = 1024, .groups = 2, .new_inputs = 1};
    kernel.weights = kernel.activations = DataType::bf16;
    EXPECT_EQ(std::get<PimProgram>(pim_program(spec, kernel)).laid_out, 2 * 128);
    kernel.new_inputs = 1025;
    EXPECT_TRUE(std::holds_alternative<Infeasible>(pim_program(spec, kernel)));
}

TEST(PimMemory, JobsFollowEachOther) {
    DramPimMemory one(spec_of("gddr6_aim_16"), {.name = "m", .channels = 1});
    PimKernel kernel{.outputs = 256, .inputs = 1024};
    kernel.weights = kernel.activations = DataType::bf16;
    one.submit_job(Time::zero(), {.kernel = kernel, .layer = -1, .id = 1});
    one.submit_job(Time::zero(), {.kernel = kernel, .layer = -1, .id = 2});
    const std::vector<MemoryCompletion> done = finish_all(one, 2);
    EXPECT_EQ(done[0].id, 1U);
    EXPECT_EQ(done[1].id, 2U);
    EXPECT_NEAR(done[1].at.ns(), 2 * done[0].at.ns(), 0.1 * done[0].at.ns());
}

TEST(PimMemory, CountsWhatCostsEnergy) {
    DramPimMemory memory(spec_of("hbm_pim_2000"), {.name = "m", .channels = 1});
    const std::vector<Action> actions = memory.actions();
    Counts counts(actions, 2);
    std::vector<ActionId> ids;
    for (std::size_t i = 0; i < actions.size(); ++i)
        ids.push_back(ActionId{static_cast<std::int32_t>(i)});
    memory.submit_job(Time::zero(),
                      {.kernel = {.outputs = 64, .inputs = 128}, .layer = 0, .id = 1});
    (void)finish_all(memory, 1);
    memory.add_counts(counts, ids);
    const auto total = [&](const std::string& name) {
        for (std::size_t i = 0; i < actions.size(); ++i)
            if (actions[i].name == name) return counts.total(ids[i]);
        return std::int64_t{-1};
    };
    EXPECT_EQ(total("m.pim_mac"), 64 * 128);
    EXPECT_EQ(total("m.pim_cell"), (64 + 8) * 8);    // columns of MACs and of results, 8 banks each
    EXPECT_EQ(total("m.pim_input"), 8 + 1 + 2 + 2);  // operands, program, on and off, leaving
    EXPECT_EQ(total("m.pim_output"), 0);             // the host reads results as plain data
}

TEST(PimMemory, RefusesAKernelThatItsUnitsCannotRun) {
    DramPimMemory memory(spec_of("hbm_pim_2000"), {.name = "m", .channels = 1});
    EXPECT_THROW(memory.submit_job(
                     Time::zero(),
                     {.kernel = {.op = PimOp::activation, .elements = 8}, .layer = -1, .id = 1}),
                 UserError);
}

}  // namespace
}  // namespace perfwatt::dram

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

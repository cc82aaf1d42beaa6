// Commands of processing in memory before the same judge.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "models/dram/dram_pim_memory.h"
#include "tests/dram_checker/model/judged_run.h"
#include "tests/dram_checker/model/standards.h"

namespace perfwatt::dram_checker {
namespace {

const std::vector<std::string> kMemories = {"hbm_pim_2000", "gddr6_aim_16", "gddr6_aim_16_dual",
                                            "lpddr5_pim_6400", "lpddr5x_pim_9600"};

std::vector<PimKernel> kernels_of(const PimSpec& pim) {
    PimKernel kernel{.outputs = 700, .inputs = 3000, .batch = 2};
    kernel.weights = pim.arithmetic.front().weights;
    kernel.activations = pim.arithmetic.front().inputs;
    kernel.elements = 300'000;
    std::vector<PimKernel> kernels;
    for (const PimOp op : {PimOp::gemv, PimOp::gemv_tree, PimOp::add, PimOp::multiply, PimOp::relu,
                           PimOp::batch_norm, PimOp::activation, PimOp::copy}) {
        kernel.op = op;
        kernel.inputs_first = !kernel.inputs_first;
        if (std::holds_alternative<PimProgram>(pim_program(pim, kernel))) kernels.push_back(kernel);
    }
    // Of caches that have grown: by a key, and by a value.
    kernel.op = PimOp::gemv;
    kernel.new_outputs = 1;
    kernels.push_back(kernel);
    kernel.new_outputs = 0;
    kernel.new_inputs = 1;
    kernels.push_back(kernel);
    return kernels;
}

/// Every kernel that the units have, between transfers of the host, with pauses.
void run_all(const dram::DramSpec& spec, JudgedLog& log) {
    dram::DramPimMemory memory(spec, {.name = "m", .channels = 1, .log = &log});
    Time now;
    std::uint64_t id = 0;
    for (const PimKernel& kernel : kernels_of(memory.pim())) {
        std::vector<MemoryCompletion> done;
        std::size_t asked = 0;
        for (const Direction direction : {Direction::write, Direction::read}) {
            memory.submit(now, {.address = 1 << 20,
                                .row_bytes = 64 << 10,
                                .pitch_bytes = 64 << 10,
                                .direction = direction,
                                .id = ++id});
            memory.submit_job(now, {.kernel = kernel, .layer = -1, .id = ++id});
            asked += 2;
        }
        while (done.size() < asked) (void)memory.advance_to_completion(Time::max(), done);
        for (const MemoryCompletion& one : done) now = std::max(now, one.at);
        now += Time::from_ns(id % 4 == 0 ? 20'000 : 50);
        std::vector<MemoryCompletion> none;
        memory.advance(now, none);
    }
    memory.finish(now);
}

TEST(PimCommands, ObeyEveryRuleBetweenTransfers) {
    for (const std::string& name : kMemories) {
        const dram::DramSpec spec = spec_of(name);
        JudgedLog log(rules_of(name), spec.tick_clock());
        run_all(spec, log);
        EXPECT_EQ(log.unknown(), "") << name;
        EXPECT_GT(log.count_of(Kind::PIM_RD), 2000) << name;
        EXPECT_GT(log.count_of(Kind::REFAB), 5) << name;
        EXPECT_EQ(log.checker().violation_count(), 0) << name << "\n" << listed(log.checker());
    }
}

/// Jobs one after the other while the host keeps reading and writing at random places.
void run_beside(const dram::DramSpec& spec, JudgedLog& log) {
    dram::DramPimMemory memory(spec, {.name = "m", .channels = 1, .log = &log});
    std::uint64_t id = 0;
    std::uint64_t random = 1;
    Time now;
    for (const PimKernel& kernel : kernels_of(memory.pim())) {
        std::vector<MemoryCompletion> done;
        std::size_t asked = 1;
        memory.submit_job(now, {.kernel = kernel, .layer = -1, .id = ++id});
        for (int i = 0; i < 400; ++i) {
            random = random * 6364136223846793005U + 1442695040888963407U;
            const auto bytes = static_cast<std::int64_t>(64U << (random >> 60U & 7U));
            memory.submit(
                now, {.address = static_cast<std::int64_t>(random >> 33U & 0xfffffU) * 64,
                      .row_bytes = bytes,
                      .pitch_bytes = bytes,
                      .direction = (random >> 40U & 3U) == 0 ? Direction::write : Direction::read,
                      .id = ++id});
            ++asked;
            now += Time::from_ns(static_cast<std::int64_t>(random >> 50U & 127U));
            memory.advance(now, done);
        }
        while (done.size() < asked) now = memory.advance_to_completion(Time::max(), done);
        for (const MemoryCompletion& one : done) now = std::max(now, one.at);
        now += Time::from_ns(20'000);
        memory.advance(now, done);
    }
    memory.finish(now);
}

TEST(PimCommands, ObeyEveryRuleBesideTransfers) {
    const dram::DramSpec spec = spec_of("gddr6_aim_16_dual");
    JudgedLog log(rules_of("gddr6_aim_16_dual"), spec.tick_clock());
    run_beside(spec, log);
    EXPECT_EQ(log.unknown(), "");
    EXPECT_GT(log.count_of(Kind::PIM_RD), 2000);
    EXPECT_GT(log.count_of(Kind::RD), 2000);
    EXPECT_GT(log.count_of(Kind::REFAB), 5);
    EXPECT_EQ(log.checker().violation_count(), 0) << listed(log.checker());
}

TEST(PimCommands, OfAStandardThatForgetsAWaitAreFound) {
    for (const std::string& name : kMemories) {
        for (const auto& [from, to] :
             {std::pair{dram::Command::pim_activate, dram::Command::pim_read},
              std::pair{dram::Command::pim_precharge, dram::Command::pim_activate},
              std::pair{dram::Command::refresh_all, dram::Command::pim_activate}}) {
            dram::DramSpec spec = spec_of(name);
            for (dram::Constraint& constraint : spec.constraints) {
                if (std::find(constraint.from.begin(), constraint.from.end(), from) ==
                    constraint.from.end())
                    continue;
                std::erase(constraint.to, to);
            }
            std::erase_if(spec.constraints,
                          [](const dram::Constraint& one) { return one.to.empty(); });
            JudgedLog log(rules_of(name), spec.tick_clock());
            run_all(spec, log);
            EXPECT_GT(log.checker().violation_count(), 0)
                << name << ": " << to_string(from) << " to " << to_string(to);
        }
    }
}

}  // namespace
}  // namespace perfwatt::dram_checker

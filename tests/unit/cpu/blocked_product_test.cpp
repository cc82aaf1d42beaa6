#include "models/cpu/blocked_product.h"

#include <gtest/gtest.h>

#include "models/cpu/plan.h"

namespace perfwatt::cpu {
namespace {

/// One pipe of 4 lanes at 1 GHz: four products a cycle, a register tile of 4 x 8.
CpuSpec small() {
    CpuSpec spec;
    spec.clock = Clock(1'000'000'000);
    spec.cores = 2;
    spec.rates = {{.first = DataType::fp32, .second = DataType::fp32, .macs_per_cycle = 4}};
    spec.simd_bytes = 16;
    spec.simd_pipes = 1;
    spec.vector_lanes = 4;
    spec.special_operations = 10;
    spec.tile = {.rows = 4, .columns = 8};
    spec.l1 = {.bytes = 32 * 1024, .bytes_per_cycle = 16};
    spec.l2 = {.bytes = 256 * 1024, .bytes_per_cycle = 16};
    spec.llc = {.bytes = 1024 * 1024, .bytes_per_cycle = 8};
    return spec;
}

Task product(std::int64_t rows, std::int64_t columns, std::int64_t depth) {
    return {.rows = rows, .columns = columns, .depth = depth};
}

TEST(BlockedProduct, OneRegisterTileByHand) {
    // 4 x 8 outputs over 16 products, fp32: 512 MACs; slivers of 4 x 16 and 8 x 16 words; sums of
    // 32 words in and out.
    const TaskWork work = work_of(small(), product(4, 8, 16));
    EXPECT_EQ(work.executed_macs, 512);
    EXPECT_EQ(work.l1_bytes, 4 * 16 * 4 + 8 * 16 * 4 + 2 * 32 * 4);
    EXPECT_EQ(work.l2_bytes, 3 * (256 + 512));
    EXPECT_EQ(work.llc_bytes, 256 + 512);
    EXPECT_EQ(timing_of(small(), product(4, 8, 16)).limit, Limit::l2);
    EXPECT_DOUBLE_EQ(timing_of(small(), product(4, 8, 16)).cycles, 144);
}

TEST(BlockedProduct, LargeProductsKeepThePipesBusy) {
    const CpuSpec spec = small();
    const Task task = product(256, 256, 256);
    EXPECT_EQ(timing_of(spec, task).limit, Limit::pipes);
    EXPECT_DOUBLE_EQ(timing_of(spec, task).cycles, 256.0 * 256 * 256 / 4);
}

TEST(BlockedProduct, ARowOfOutputsIsBoundByTheCaches) {
    const Task task = product(1, 1024, 1024);
    EXPECT_NE(timing_of(small(), task).limit, Limit::pipes);
    EXPECT_GT(timing_of(small(), task).cycles, 1024.0 * 1024 / 4);
}

TEST(BlockedProduct, ColumnsArePaddedToRegisters) {
    EXPECT_EQ(work_of(small(), product(4, 5, 16)).executed_macs, 4 * 8 * 16);
    EXPECT_EQ(work_of(small(), product(3, 4, 16)).executed_macs, 3 * 4 * 16);
}

TEST(BlockedProduct, TheBusiestCoreDecides) {
    const CpuSpec spec = small();
    const Task task = product(64, 64, 64);
    EXPECT_EQ(time_of(spec, task, 1), time_of(spec, task, 2));
    EXPECT_EQ(time_of(spec, task, 3), time_of(spec, task, 4));
    EXPECT_EQ(time_of(spec, task, 3).fs, 2 * time_of(spec, task, 1).fs);
}

TEST(Lanes, CostlyStepsTakeManyOperations) {
    const CpuSpec spec = small();
    EXPECT_EQ(lane_operations(spec, {{.op = VectorOp::add, .per_element = 2}}, 100), 200);
    EXPECT_EQ(lane_operations(spec, {{.op = VectorOp::exponential, .per_element = 1}}, 100), 1000);
    // 800 operations on two cores of four lanes.
    EXPECT_EQ(time_of(spec, Vector{.operations = 800}), spec.clock.cycles(100));
    // 3200 bytes on two cores of eight bytes a cycle.
    EXPECT_EQ(time_of(spec, Vector{.operations = 8, .read_bytes = 3200}), spec.clock.cycles(200));
}

class PlannerTest : public testing::Test {
  protected:
    PlannerTest() {
        kernel_.work = Contraction{.p = 64,
                                   .k = 64,
                                   .c = 64,
                                   .input_h = 64,
                                   .first_type = DataType::fp32,
                                   .second_type = DataType::fp32,
                                   .accumulator_type = DataType::fp32,
                                   .output_type = DataType::fp32};
        kernel_.inputs = {{.tensor = {0}, .bytes = 16384}, {.tensor = {1}, .bytes = 16384}};
        kernel_.outputs = {{.tensor = {2}, .bytes = 16384}};
        request_.kernel = &kernel_;
        for (int i = 0; i < 2; ++i) request_.inputs.push_back(in_memory(i));
        request_.outputs.push_back(in_memory(2));
        request_.free = {0, 800 * 1024};
        spec_.memory_efficiency = 1;
    }
    static Placement in_memory(int i) {
        return {.where = Placement::Where::memory,
                .region = {.memory = {0}, .address = i * 16384, .row_bytes = 16384}};
    }

    CpuSpec spec_ = small();
    std::vector<MemoryPort> memories_{{.bytes_per_second = 500'000'000}};
    Kernel kernel_;
    MappingRequest request_;
};

TEST_F(PlannerTest, MappingsAreReplayed) {
    const Planner planner(spec_, memories_);
    const MappingChoice choice = planner.map(request_);
    const auto plan = planner.plan(request_, choice.mapping);
    ASSERT_TRUE(std::holds_alternative<Plan>(plan));
    EXPECT_EQ(planner.time(std::get<Plan>(plan)).total, choice.cost);
    EXPECT_EQ(std::get<Plan>(plan).useful_macs, 64 * 64 * 64);
}

TEST_F(PlannerTest, BothCoresWork) {
    const Planner planner(spec_, memories_);
    const auto plan = std::get<Plan>(planner.plan(request_, planner.map(request_).mapping));
    EXPECT_GE(plan.tasks, 2);
}

TEST_F(PlannerTest, WhatStandsInTheLastCacheIsNotFetched) {
    const Planner planner(spec_, memories_);
    const Time from_memory = planner.map(request_).cost;
    request_.inputs[0].where = Placement::Where::on_chip;
    const auto plan = std::get<Plan>(planner.plan(request_, planner.map(request_).mapping));
    EXPECT_EQ(plan.loads.size(), 1U);
    EXPECT_LT(planner.map(request_).cost, from_memory);
}

TEST_F(PlannerTest, StrangeMappingsAreRefusedWithAReason) {
    const Planner planner(spec_, memories_);
    const auto reason = [&](const Mapping& mapping) {
        return std::get<Infeasible>(planner.plan(request_, mapping)).reason;
    };
    EXPECT_EQ(reason({{"tile", "3"}}), "mapping: 'tile: 3' is not understood");
    EXPECT_EQ(reason({{"rows", "8"}}), "mapping: a contraction needs 'rows' and 'columns'");
    EXPECT_EQ(reason({{"rows", "128"}, {"columns", "8"}}),
              "mapping: tasks of 128 x 8 for a product of 64 x 64");
}

}  // namespace
}  // namespace perfwatt::cpu

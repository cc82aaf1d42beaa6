#include "models/cpu/blocked_product.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "sim/arch/type_pairs.h"
#include "sim/base/diagnostics.h"
#include "sim/base/math.h"

namespace perfwatt::cpu {
namespace {

constexpr std::int64_t kAccumulatorBytes = 4;

Time time_of_cycles(const CpuSpec& spec, double cycles) {
    return spec.clock.cycles(static_cast<std::int64_t>(std::ceil(cycles)));
}

/// Of the reduction, what a sliver of the second operand holds in half the L1.
std::int64_t depth_block(const CpuSpec& spec, const Task& task) {
    const std::int64_t a_step =
        std::max<std::int64_t>(1, bytes(task.second_type, spec.tile.columns));
    return std::clamp<std::int64_t>(spec.l1.bytes / 2 / a_step, 1, task.depth);
}

}  // namespace

const MathRate* rate_of(const CpuSpec& spec, DataType first, DataType second) {
    return find_pair(spec.rates, first, second);
}

std::string_view to_string(Limit limit) {
    constexpr std::array<std::string_view, 7> kNames{"pipes",  "l1",     "l2",      "llc",
                                                     "memory", "vector", "dispatch"};
    return kNames[static_cast<std::size_t>(limit)];
}

Task task_of(const Contract& tile) {
    return {.rows = tile.m,
            .columns = tile.n,
            .depth = tile.k,
            .first_type = tile.first_type,
            .second_type = tile.second_type};
}

TaskWork work_of(const CpuSpec& spec, const Task& task) {
    const std::int64_t lanes = std::max<std::int64_t>(1, spec.simd_bytes / kAccumulatorBytes);
    const std::int64_t down = ceil_div(task.rows, spec.tile.rows);
    const std::int64_t across = ceil_div(task.columns, spec.tile.columns);
    const std::int64_t blocks = ceil_div(task.depth, depth_block(spec, task));
    const std::int64_t first = bytes(task.first_type, task.rows * task.depth);
    const std::int64_t second = bytes(task.second_type, task.columns * task.depth);
    const std::int64_t sums = task.rows * task.columns * kAccumulatorBytes;

    TaskWork work;
    work.executed_macs = task.rows * round_up(task.columns, lanes) * task.depth;
    work.l1_bytes = first * across + second * down + 2 * sums * blocks;
    const std::int64_t streamed = first <= spec.l1.bytes / 2 ? first : first * across;
    work.l2_bytes = streamed + second + 2 * (first + second) + 2 * sums * (blocks - 1);
    // A panel of the first operand that outgrows the L2 comes again for each panel of the second.
    const std::int64_t panel = bytes(task.first_type, task.rows * depth_block(spec, task));
    const bool stays = panel <= spec.l2.bytes / 2;
    work.llc_bytes = second + (stays ? first : first * across);
    return work;
}

TaskTiming timing_of(const CpuSpec& spec, const Task& task) {
    const MathRate* rate = rate_of(spec, task.first_type, task.second_type);
    PERFWATT_CHECK(rate != nullptr, "a product of types that the cores have no rate for");
    const TaskWork work = work_of(spec, task);
    const auto ratio = [](std::int64_t amount, std::int64_t per_cycle) {
        return static_cast<double>(amount) / static_cast<double>(per_cycle);
    };
    const std::array<std::pair<double, Limit>, 4> times{
        {{ratio(work.executed_macs, rate->macs_per_cycle) / spec.matrix_efficiency, Limit::pipes},
         {ratio(work.l1_bytes, spec.l1.bytes_per_cycle), Limit::l1},
         {ratio(work.l2_bytes, spec.l2.bytes_per_cycle), Limit::l2},
         {ratio(work.llc_bytes, spec.llc.bytes_per_cycle), Limit::llc}}};
    TaskTiming timing;
    for (const auto& [cycles, limit] : times)
        if (cycles > timing.cycles) timing = {.cycles = cycles, .limit = limit};
    return timing;
}

Time time_of(const CpuSpec& spec, const Task& task, std::int64_t tasks) {
    const auto rounds = static_cast<double>(ceil_div(tasks, spec.cores));
    return time_of_cycles(spec, timing_of(spec, task).cycles * rounds);
}

Time time_of(const CpuSpec& spec, const Vector& work) {
    const auto lanes = static_cast<double>(spec.vector_lanes * spec.cores);
    const auto cache = static_cast<double>(spec.llc.bytes_per_cycle * spec.cores);
    return time_of_cycles(
        spec, std::max(static_cast<double>(work.operations) / lanes,
                       static_cast<double>(work.read_bytes + work.write_bytes) / cache));
}

std::int64_t lane_operations(const CpuSpec& spec, const std::vector<VectorStep>& steps,
                             std::int64_t elements) {
    constexpr std::int64_t kMilli = 1000;  // steps may happen once in many elements
    std::int64_t milli = 0;
    for (const VectorStep& step : steps) {
        const bool special = step.op == VectorOp::divide || step.op == VectorOp::exponential ||
                             step.op == VectorOp::reciprocal_sqrt;
        milli += std::llround(step.per_element * kMilli) * (special ? spec.special_operations : 1);
    }
    return ceil_div(elements * milli, kMilli);
}

}  // namespace perfwatt::cpu

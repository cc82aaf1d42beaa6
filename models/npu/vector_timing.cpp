#include "models/npu/vector_timing.h"

#include <algorithm>
#include <cmath>

#include "sim/base/math.h"

namespace perfwatt::npu {
namespace {

constexpr std::int64_t kMilli = 1000;

std::int64_t lanes_of(const VectorSpec& spec, DataType type) {
    return ceil_div<std::int64_t>(bits(type), spec.lane_bits);
}

/// Thousandths of a lane-cycle for one element: steps may happen once in many elements.
std::int64_t lane_millicycles(const VectorSpec& spec, const std::vector<VectorStep>& steps) {
    std::int64_t simple = 0;
    std::int64_t other = 0;
    for (const VectorStep& step : steps) {
        const std::int64_t milli = std::llround(step.per_element * kMilli);
        switch (step.op) {
            case VectorOp::add:
            case VectorOp::multiply:
            case VectorOp::compare:
            case VectorOp::convert:
                simple += milli;
                break;
            case VectorOp::divide:
                other += milli * spec.divide_cycles;
                break;
            case VectorOp::exponential:
                other += milli * spec.exponential_cycles;
                break;
            case VectorOp::reciprocal_sqrt:
                other += milli * spec.reciprocal_sqrt_cycles;
                break;
            case VectorOp::table:
                other += milli * spec.table_cycles;
                break;
        }
    }
    const std::int64_t chained = ceil_div(simple, spec.simple_operations_per_cycle);
    return std::max(chained, std::min(simple, kMilli)) + other;
}

}  // namespace

std::int64_t lane_operations(const VectorSpec& spec, const std::vector<VectorStep>& steps,
                             std::int64_t elements, DataType type) {
    return ceil_div(elements * lane_millicycles(spec, steps), kMilli) * lanes_of(spec, type);
}

std::int64_t copy_operations(const VectorSpec& spec, std::int64_t bytes, std::int64_t run_bytes) {
    const std::int64_t lane_bytes = std::max(1, spec.lane_bits / 8);
    const std::int64_t run = std::max<std::int64_t>(1, std::min(run_bytes, bytes));
    const std::int64_t pieces = ceil_div(bytes, run);
    const std::int64_t operations = pieces * ceil_div(run, lane_bytes);
    if (spec.copied_runs_per_cycle == 0) return operations;
    return std::max(operations, ceil_div(pieces * spec.lanes, spec.copied_runs_per_cycle));
}

std::int64_t vector_cycles(const NpuSpec& spec, const Vector& work) {
    const std::int64_t port = spec.scratchpad.banks * spec.scratchpad.bytes_per_cycle_per_bank;
    return spec.vector.latency_cycles +
           std::max(ceil_div(work.operations, spec.vector.lanes),
                    ceil_div(work.read_bytes + work.write_bytes, port));
}

}  // namespace perfwatt::npu

#pragma once

#include <cstdint>
#include <string_view>

#include "models/cpu/cpu_spec.h"
#include "sim/arch/kernel.h"
#include "sim/program/program.h"

namespace perfwatt::cpu {

/// What holds a core up most.
enum class Limit : std::uint8_t { pipes, l1, l2, llc, memory, vector, dispatch };
[[nodiscard]] std::string_view to_string(Limit limit);

/// One task: `rows` x `columns` outputs over `depth` products on one core. A contract command is
/// this: m rows, n columns, k depth, repeat tasks.
struct Task {
    std::int64_t rows = 0, columns = 0, depth = 0;
    DataType first_type = DataType::fp32, second_type = DataType::fp32;
};
[[nodiscard]] Task task_of(const Contract& tile);

/// What one task does: integers, for time and energy alike.
struct TaskWork {
    std::int64_t executed_macs = 0;  ///< columns padded to whole SIMD registers
    std::int64_t l1_bytes = 0;       ///< operands into registers, accumulators in and out
    std::int64_t l2_bytes = 0;       ///< between L2 and L1
    std::int64_t llc_bytes = 0;      ///< between the last cache and the L2
};

/// A matrix product blocked as by Goto and van de Geijn (ACM TOMS 34, 2008): the register tile's
/// slivers of the second operand stay in L1, blocks of the first in L2. `depth` is cut so that a
/// sliver of `tile.columns` fills half the L1.
///
///   l1  = slivers of both operands for every register tile + accumulators once a block of depth
///   l2  = the first operand's block for every sliver, once if it fits half the L1; packing
///   llc = both operands once, the first again for every panel that outgrows the L2
[[nodiscard]] TaskWork work_of(const CpuSpec& spec, const Task& task);

struct TaskTiming {
    double cycles = 0;
    Limit limit = Limit::pipes;
};
/// max(pipes, l1, l2, llc): prefetching overlaps them.
[[nodiscard]] TaskTiming timing_of(const CpuSpec& spec, const Task& task);

/// `tasks` alike on all cores: the busiest core's share of them.
[[nodiscard]] Time time_of(const CpuSpec& spec, const Task& task, std::int64_t tasks);

/// Vector work spread over all cores: max of lanes and last cache.
[[nodiscard]] Time time_of(const CpuSpec& spec, const Vector& work);

/// Lane-operations of `steps` on `elements`.
[[nodiscard]] std::int64_t lane_operations(const CpuSpec& spec,
                                           const std::vector<VectorStep>& steps,
                                           std::int64_t elements);

}  // namespace perfwatt::cpu

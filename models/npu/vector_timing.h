#pragma once

#include <cstdint>
#include <vector>

#include "models/npu/npu_spec.h"
#include "sim/arch/kernel.h"
#include "sim/program/program.h"

namespace perfwatt::npu {

/// Lane-operations of `steps` on `elements` elements. Simple steps are chained,
/// `simple_operations_per_cycle` of them a cycle, but an element never takes less than one cycle of
/// a lane if it has a whole step to do; the other steps take their own cycles. A type wider than a
/// lane takes several lanes.
[[nodiscard]] std::int64_t lane_operations(const VectorSpec& spec,
                                           const std::vector<VectorStep>& steps,
                                           std::int64_t elements, DataType type);

/// Lane-operations of moving `bytes` in runs of `run_bytes` from one place on chip to another.
[[nodiscard]] std::int64_t copy_operations(const VectorSpec& spec, std::int64_t bytes,
                                           std::int64_t run_bytes);

/// Cycles of a vector command: its operations over the lanes or its bytes over the scratchpad's
/// ports, whichever takes longer, and the latency of the pipeline.
[[nodiscard]] std::int64_t vector_cycles(const NpuSpec& spec, const Vector& work);

}  // namespace perfwatt::npu

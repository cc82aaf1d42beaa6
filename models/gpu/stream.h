#pragma once

#include "models/gpu/plan.h"

namespace perfwatt::gpu {

/// Elementwise work, reductions and moves: operands stream from memory or L2 through the vector
/// pipes. There is nothing to choose.
[[nodiscard]] Plan plan_stream(const GpuSpec& spec, const std::vector<MemoryPort>& memories,
                               const MappingRequest& request);

[[nodiscard]] MappingChoice map_stream(const GpuSpec& spec, const std::vector<MemoryPort>& memories,
                                       const MappingRequest& request);

}  // namespace perfwatt::gpu

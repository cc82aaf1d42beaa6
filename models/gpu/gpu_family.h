#pragma once

#include <memory>

#include "sim/arch/family.h"

namespace perfwatt::gpu {

/// Reads the map `gpu:` of a chip YAML into a GpuSpec, prices it with the default energy tables and
/// makes a Gpu of it.
[[nodiscard]] std::unique_ptr<const Family> make_family();

}  // namespace perfwatt::gpu

#pragma once

#include <memory>

#include "sim/arch/family.h"

namespace perfwatt::npu {

/// Reads the map `npu:` of a chip YAML into an NpuSpec, prices it with the default energy tables
/// and makes an Npu of it.
[[nodiscard]] std::unique_ptr<const Family> make_family();

}  // namespace perfwatt::npu

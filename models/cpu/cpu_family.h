#pragma once

#include <memory>

#include "sim/arch/family.h"

namespace perfwatt::cpu {

/// `family: cpu`: cores with SIMD pipes and caches, and the library that blocks products for them.
[[nodiscard]] std::unique_ptr<const Family> make_family();

}  // namespace perfwatt::cpu

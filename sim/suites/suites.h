#pragma once

#include <vector>

#include "sim/validation/suite.h"

namespace perfwatt {

// One file each; each reads its data from its folder of tests/validation.
[[nodiscard]] Suite dram_suite();
[[nodiscard]] Suite pim_suite();
[[nodiscard]] Suite npu_suite();
[[nodiscard]] Suite silicon_suite();
[[nodiscard]] Suite energy_suite();

/// In the order in which `perfwatt validate` runs them. A new suite is a line here.
[[nodiscard]] std::vector<Suite> all_suites();

}  // namespace perfwatt

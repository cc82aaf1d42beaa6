#pragma once

#include <vector>

#include "sim/validation/suite.h"

namespace perfwatt {

// One file each; each reads its data from its folder of tests/validation.
[[nodiscard]] Suite dram_suite();
[[nodiscard]] Suite pim_suite();
[[nodiscard]] Suite npu_suite();
[[nodiscard]] Suite gpu_suite();
[[nodiscard]] Suite silicon_suite();
[[nodiscard]] Suite energy_suite();

/// Kernels that somebody timed on a device of his own (scripts/measure_gpu.py writes the file),
/// against the chips named there. Throws UserError naming file and line.
[[nodiscard]] SuiteOutcome run_measured(const SuiteRequest& request, const std::string& file);

/// In the order in which `perfwatt validate` runs them. A new suite is a line here.
[[nodiscard]] std::vector<Suite> all_suites();

}  // namespace perfwatt

#pragma once

#include <functional>
#include <istream>
#include <string>
#include <vector>

#include "models/dram/dram_spec.h"

namespace perfwatt::dram {

/// A figure of ours beside that of another simulator on the same trace.
struct ValidationRow {
    std::string memory;
    std::string trace;
    std::string figure;  ///< "cycles", "mean_read_latency_ns", "ACT"
    double low = 0;      ///< the reference, or the range of several
    double high = 0;
    double ours = 0;
    double error_percent = 0;  ///< beyond the nearer end of the range
    double tolerance_percent = 0;
    bool passed = false;
    bool gates = true;  ///< whether missing it is a failure, or only worth knowing
    std::string source;
    std::string note;  ///< why it is missed, where that is known
};

/// Replays every trace that `expected` names and compares. `expected` is CSV: memory, trace,
/// figure, low, high, tolerance_percent, gates (yes or no), source, note; `plans` is CSV: memory,
/// granularity_bytes, capacity_bytes, conflict_stride_bytes, half_rate_gap_clocks, idle_gap_clocks.
/// Beside the generator's traces there are "npu50", npu at half the rate, and "idle", single random
/// reads. Throws UserError for a malformed file.
[[nodiscard]] std::vector<ValidationRow> validate(
    std::istream& expected, std::istream& plans,
    const std::function<DramSpec(const std::string& memory)>& load);

}  // namespace perfwatt::dram

#pragma once

#include <string>
#include <vector>

#include "models/dram/dram_energy.h"
#include "models/dram/timing_table.h"
#include "sim/arch/memory_model.h"

namespace perfwatt::dram {

/// Adds a channel's counters to a run's counts: commands to their layers, background and
/// residencies to the shared row, the last.
void add_energy_counts(const DramCounters& counters, Counts& counts,
                       const std::vector<ActionId>& ids);

/// A report with what the standard alone tells.
[[nodiscard]] MemoryReport memory_report(const DramSpec& spec, const TimingTable& table,
                                         const std::string& name, int channels);
/// Adds a channel's commands, refreshes and row hits.
void add_to_report(const DramSpec& spec, const TimingTable& table, const DramCounters& counters,
                   MemoryReport& report);

}  // namespace perfwatt::dram

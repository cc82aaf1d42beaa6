#pragma once

#include <vector>

#include "models/dram/dram_counters.h"
#include "models/dram/dram_spec.h"
#include "sim/stats/counts.h"

namespace perfwatt::dram {

/// The categories of a memory's energy, in the order of energy_actions().
enum class EnergyCategory : std::uint8_t {
    activate,
    precharge,
    read,
    write,
    read_io,
    write_io,
    refresh_all,
    refresh_bank,
    active_standby,
    precharged_standby,
    power_down,
    active_power_down,
    self_refresh,
};

inline constexpr int kEnergyCategories = 13;

[[nodiscard]] std::string_view to_string(EnergyCategory category);

/// One action a category, priced: commands and rows closed each, bursts moved, and residencies in
/// ticks of a rank. `unit_name` prefixes the names ("dram.lpddr4.activate").
[[nodiscard]] std::vector<Action> energy_actions(const DramSpec& spec, EnergyCorner corner,
                                                 const std::string& unit_name);

/// How often each category happened in one row of counters. Residencies are not in rows: see
/// residency_of().
[[nodiscard]] std::int64_t count_of(EnergyCategory category, const DramCounters::Row& row);
[[nodiscard]] std::int64_t residency_of(EnergyCategory category, const DramCounters& counters);

}  // namespace perfwatt::dram

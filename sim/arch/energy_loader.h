#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "sim/arch/energy_tables.h"
#include "sim/config/config_path.h"
#include "sim/config/reading.h"

namespace perfwatt {

/// The tables every chip is priced with unless it names others.
inline constexpr std::string_view kDefaultEnergyTables = "cmos";

struct LoadedEnergy {
    EnergyTables tables;
    std::string file;
    std::vector<ResolvedValue> resolved;
};

/// Reads a perfwatt/energy/v1 YAML by name or file, and the table of memories it names beside it.
/// Throws UserError with every mistake.
[[nodiscard]] LoadedEnergy load_energy_tables(const ConfigPath& config_path,
                                              std::string_view name_or_file = kDefaultEnergyTables,
                                              std::string_view beside = {});

/// JSON Schema of perfwatt/energy/v1.
[[nodiscard]] nlohmann::ordered_json energy_json_schema();

}  // namespace perfwatt

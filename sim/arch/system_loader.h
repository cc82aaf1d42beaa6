#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sim/arch/system_spec.h"
#include "sim/config/config_path.h"
#include "sim/config/reading.h"
#include "sim/stats/provenance.h"

namespace perfwatt {

/// A system file, read: chips that are all alike, and what is around them.
struct LoadedSystem {
    SystemSpec spec;
    std::string description;
    std::string chip_file;                        ///< of each of its chips
    std::optional<PowerBoundary> power_boundary;  ///< where it differs from the chip's
    std::vector<ResolvedValue> resolved;          ///< paths begin with "system."
};

/// Reads a perfwatt/system/v1 file. `overrides` are "path=value" of the system's own keys. Throws
/// UserError with every mistake of the file.
[[nodiscard]] LoadedSystem load_system(const std::string& file,
                                       const std::vector<std::string>& overrides,
                                       const ConfigPath& config_path);

/// JSON Schema of perfwatt/system/v1.
[[nodiscard]] nlohmann::ordered_json system_json_schema();

}  // namespace perfwatt

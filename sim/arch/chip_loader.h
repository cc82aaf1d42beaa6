#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "sim/arch/chip_spec.h"
#include "sim/arch/family.h"
#include "sim/arch/system_loader.h"
#include "sim/config/config_path.h"
#include "sim/config/reading.h"

namespace perfwatt {

/// A published figure that `show` prints and no model reads: "peak", "23 TOPS int8", source.
struct PublishedFact {
    std::string name;
    std::string value;
    std::string source;
};

/// A chip file, read, with all that `show` and the reports say of it.
struct LoadedChip {
    ChipSpec spec;
    std::string file;
    std::vector<PublishedFact> published;
    std::vector<ResolvedValue> resolved;
    std::vector<std::string> estimated;  ///< paths
    std::vector<std::string> fitted;     ///< paths
    std::vector<MemoryFacts> memories;   ///< in the order of spec.memories
};

/// Reads a chip, or a system of equal chips, by name or file. `overrides` are "path.to.key=value"
/// of the chip, with "system." before them of the system. Throws UserError with every mistake of
/// the file. `memories` says what a family must know of those attached.
[[nodiscard]] LoadedChip load_chip(const std::string& name_or_file,
                                   const std::vector<std::string>& overrides,
                                   const FamilyRegistry& families, const ConfigPath& config_path,
                                   const MemoryCatalog& memories);

/// JSON Schema of perfwatt/chip/v1 with the maps of all families.
[[nodiscard]] nlohmann::ordered_json chip_json_schema(const FamilyRegistry& families);
}  // namespace perfwatt

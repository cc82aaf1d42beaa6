#pragma once

#include <string>
#include <vector>

#include "models/sram/sram_memory.h"
#include "sim/config/config_path.h"
#include "sim/config/document.h"
#include "sim/config/reading.h"
#include "sim/config/rule.h"

namespace perfwatt::sram {

/// Whether a perfwatt/memory/v1 document is of an on-chip memory: `standard: SRAM`.
[[nodiscard]] bool is_sram(const Document& document);

struct LoadedMemory {
    SramMemorySpec spec;
    double leakage_w = 0;
    std::string config_hash;
    std::vector<std::string> estimated;  ///< paths
    std::vector<ResolvedValue> resolved;
};

/// Reads such a document and prices its accesses (bank, and wires to the edge) and its leakage with
/// the default energy tables. Throws UserError with every mistake.
[[nodiscard]] LoadedMemory load_memory(const ConfigPath& config_path,
                                       const std::string& name_or_file,
                                       const std::vector<std::string>& overrides = {},
                                       const std::string& beside = {});

/// The keys of such a document.
[[nodiscard]] ConfigRule memory_schema();

}  // namespace perfwatt::sram

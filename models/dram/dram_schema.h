#pragma once

#include <string>
#include <vector>

#include "models/dram/dram_spec.h"
#include "sim/config/config_path.h"
#include "sim/config/reading.h"
#include "sim/config/rule.h"

namespace perfwatt::dram {

/// Reads a perfwatt/memory/v1 document. Mistakes go to `reading`, which the caller finishes.
[[nodiscard]] DramSpec read_spec(const Document& document, Reading& reading);

/// A standard with what its file said.
struct LoadedSpec {
    DramSpec spec;
    std::string config_hash;
    std::vector<ResolvedValue> resolved;
    std::vector<Diagnostic> warnings;  ///< of the linter
};

/// Finds, reads and lints a standard. Throws UserError with every mistake, the linter's errors
/// included.
[[nodiscard]] LoadedSpec load_spec(const ConfigPath& config_path, const std::string& name_or_file,
                                   const std::vector<std::string>& overrides = {},
                                   const std::string& beside = {});

/// The keys of a perfwatt/memory/v1 document, for `show schema memory`.
[[nodiscard]] const ConfigRule& memory_schema();

}  // namespace perfwatt::dram

#pragma once

#include "sim/arch/pim_spec.h"
#include "sim/config/schema.h"

namespace perfwatt {

/// The `pim:` map of a memory YAML. What a spec takes from the rest of that file is left at zero.
[[nodiscard]] const MapSchema<PimSpec>& pim_schema();

/// What contradicts the memory around it, each with the key it is about: units over banks that do
/// not exist, rows beyond the bank, a buffer longer than a row.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> pim_mistakes(const PimSpec& spec);

}  // namespace perfwatt

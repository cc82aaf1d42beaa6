#pragma once

#include <span>
#include <string>
#include <vector>

#include "sim/report/record.h"

namespace perfwatt {

/// Entries whose power is of the same parts.
struct AlikeEntries {
    std::vector<Entry> entries;
    std::string note;  ///< whose boards were left out; empty if nobody's
};

/// Brings entries to the narrowest power boundary among them, which leaves out what a board draws
/// beside its chip and memory where that is known. UserError naming two that cannot be compared.
[[nodiscard]] AlikeEntries at_common_boundary(std::span<const Entry> entries);

}  // namespace perfwatt

#pragma once

#include <optional>

#include "sim/arch/energy_tables.h"
#include "sim/arch/family.h"

namespace perfwatt {

/// What a family prices its actions with.
struct SiliconPrices {
    EnergyTables tables;
    Silicon silicon;
};

/// The default energy tables and the silicon of the chip around a family's map `node`; nothing,
/// after reporting why, where the tables have no figures for that silicon.
[[nodiscard]] std::optional<SiliconPrices> silicon_prices(const ConfigNode& node,
                                                          const FamilyContext& context,
                                                          Reading& reading);

}  // namespace perfwatt

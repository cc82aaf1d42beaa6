#include "sim/arch/silicon_prices.h"

#include "sim/arch/energy_loader.h"

namespace perfwatt {

std::optional<SiliconPrices> silicon_prices(const ConfigNode& node, const FamilyContext& context,
                                            Reading& reading) {
    LoadedEnergy energy =
        load_energy_tables(*context.config_path, kDefaultEnergyTables, context.file);
    const Silicon silicon{.node_nm = static_cast<double>(context.process_nm),
                          .voltage = context.voltage};
    if (const auto why = energy.tables.refuses(silicon)) {
        reading.error(node, *why);
        return std::nullopt;
    }
    return SiliconPrices{.tables = std::move(energy.tables), .silicon = silicon};
}

}  // namespace perfwatt

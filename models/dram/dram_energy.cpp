#include "models/dram/dram_energy.h"

#include <fmt/format.h>

#include <array>

namespace perfwatt::dram {
namespace {

struct CategoryText {
    std::string_view name, unit, meaning;
};

constexpr std::array<CategoryText, kEnergyCategories> kTexts = {{
    {"activate", "ACT", "rows opened, all devices of the rank"},
    {"precharge", "row", "rows closed, all devices of the rank"},
    {"read", "burst", "reads inside the devices, without the pins"},
    {"write", "burst", "writes inside the devices, without the pins"},
    {"read_io", "burst", "driving the data pins of reads"},
    {"write_io", "burst", "receiving the data pins of writes"},
    {"refresh_all", "REF", "all-bank refreshes of a rank, and RFM of one"},
    {"refresh_bank", "REF", "per-bank and same-bank refreshes, and RFM of some banks"},
    {"active_standby", "tick", "ticks of a rank with a row open"},
    {"precharged_standby", "tick", "ticks of a rank with all rows closed"},
    {"power_down", "tick", "ticks of a rank in power-down, all rows closed"},
    {"active_power_down", "tick", "ticks of a rank in power-down with a row open"},
    {"self_refresh", "tick", "ticks of a rank in self-refresh"},
}};

const EnergyValue& value_of(EnergyCategory category, const EnergyPrices& prices) {
    switch (category) {
        case EnergyCategory::activate:
            return prices.activate;
        case EnergyCategory::precharge:
            return prices.precharge;
        case EnergyCategory::read:
            return prices.read;
        case EnergyCategory::write:
            return prices.write;
        case EnergyCategory::read_io:
            return prices.read_io;
        case EnergyCategory::write_io:
            return prices.write_io;
        case EnergyCategory::refresh_all:
            return prices.refresh_all;
        case EnergyCategory::refresh_bank:
            return prices.refresh_bank;
        case EnergyCategory::active_standby:
            return prices.active_standby;
        case EnergyCategory::precharged_standby:
            return prices.precharged_standby;
        case EnergyCategory::power_down:
            return prices.power_down;
        case EnergyCategory::active_power_down:
            return prices.active_power_down;
        case EnergyCategory::self_refresh:
            return prices.self_refresh;
    }
    return prices.activate;
}

/// Picojoules of one count. A milliwatt for a femtosecond is a millionth of a picojoule.
double price_of(EnergyCategory category, double value, const DramSpec& spec) {
    const double devices = spec.organization.devices_per_rank;
    switch (category) {
        case EnergyCategory::activate:
        case EnergyCategory::precharge:
        case EnergyCategory::refresh_all:
        case EnergyCategory::refresh_bank:
            return value * devices;
        case EnergyCategory::read:
        case EnergyCategory::write:
        case EnergyCategory::read_io:
        case EnergyCategory::write_io:
            return value * static_cast<double>(spec.organization.burst_bytes() * 8);
        case EnergyCategory::active_standby:
        case EnergyCategory::precharged_standby:
        case EnergyCategory::power_down:
        case EnergyCategory::active_power_down:
        case EnergyCategory::self_refresh:
            return value * devices * 1e9 / static_cast<double>(spec.tick_clock().hertz());
    }
    return 0;
}

/// What commands of layers cost is the memory's; what passes with time whether or not anything is
/// asked of it (refresh, standby) is shared, like a chip's leakage.
EnergyComponent component_of(EnergyCategory category) {
    return category < EnergyCategory::refresh_all ? EnergyComponent::dram
                                                  : EnergyComponent::static_;
}

}  // namespace

std::string_view to_string(EnergyCategory category) {
    return kTexts[static_cast<std::size_t>(category)].name;
}

std::vector<Action> energy_actions(const DramSpec& spec, EnergyCorner corner,
                                   const std::string& unit_name) {
    const EnergyPrices& prices =
        corner == EnergyCorner::typical ? spec.energy.typical : spec.energy.maximum;
    std::vector<Action> actions;
    for (int i = 0; i < kEnergyCategories; ++i) {
        const auto category = static_cast<EnergyCategory>(i);
        const EnergyValue& value = value_of(category, prices);
        const CategoryText& text = kTexts[static_cast<std::size_t>(i)];
        actions.push_back({.name = fmt::format("{}.{}", unit_name, text.name),
                           .unit = std::string{text.unit},
                           .meaning = std::string{text.meaning},
                           .component = component_of(category),
                           .picojoules = price_of(category, value.value, spec),
                           .source = value.source,
                           .not_modelled = value.value == 0 ? value.source : std::string{}});
        if (value.value == 0 && actions.back().not_modelled.empty()) {
            actions.back().not_modelled = "no figure in the memory's file";
        }
    }
    return actions;
}

std::int64_t count_of(EnergyCategory category, const DramCounters::Row& row) {
    const auto at = [&](Command command) { return row[static_cast<std::size_t>(command)]; };
    switch (category) {
        case EnergyCategory::activate:
            return at(Command::activate);
        case EnergyCategory::precharge:
            return row[DramCounters::kRowsClosed];
        case EnergyCategory::read:
        case EnergyCategory::read_io:
            return at(Command::read) + at(Command::read_precharge);
        case EnergyCategory::write:
        case EnergyCategory::write_io:
            return at(Command::write) + at(Command::write_precharge);
        case EnergyCategory::refresh_all:
            return at(Command::refresh_all) + at(Command::manage_all);
        case EnergyCategory::refresh_bank:
            return at(Command::refresh_bank) + at(Command::refresh_same_bank) +
                   at(Command::manage_bank) + at(Command::manage_same_bank);
        case EnergyCategory::active_standby:
        case EnergyCategory::precharged_standby:
        case EnergyCategory::power_down:
        case EnergyCategory::active_power_down:
        case EnergyCategory::self_refresh:
            return 0;
    }
    return 0;
}

std::int64_t residency_of(EnergyCategory category, const DramCounters& counters) {
    switch (category) {
        case EnergyCategory::active_standby:
            return counters.active_standby;
        case EnergyCategory::precharged_standby:
            return counters.precharged_standby;
        case EnergyCategory::power_down:
            return counters.power_down;
        case EnergyCategory::active_power_down:
            return counters.active_power_down;
        case EnergyCategory::self_refresh:
            return counters.self_refresh;
        case EnergyCategory::activate:
        case EnergyCategory::precharge:
        case EnergyCategory::read:
        case EnergyCategory::write:
        case EnergyCategory::read_io:
        case EnergyCategory::write_io:
        case EnergyCategory::refresh_all:
        case EnergyCategory::refresh_bank:
            return 0;
    }
    return 0;
}

}  // namespace perfwatt::dram

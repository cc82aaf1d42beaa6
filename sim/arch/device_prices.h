#pragma once

#include <map>
#include <string>
#include <vector>

#include "sim/arch/device.h"

namespace perfwatt {

/// What one action costs, and why; a family's loader finds it from node, voltage and sizes.
struct ActionPrice {
    double picojoules = 0;
    std::string source;
    std::string not_modelled;  ///< the reason, where the price is zero on purpose
};

/// Prices by the names of a device's actions, and the power drawn all the time.
struct DevicePrices {
    std::map<std::string, ActionPrice> actions;
    std::vector<StaticPower> static_power;
};

/// Adds an action that has no price yet.
void add_unpriced(std::vector<Action>& actions, std::string name, std::string unit,
                  std::string meaning, EnergyComponent component);

[[nodiscard]] std::vector<std::string> names_of(const std::vector<Action>& actions);

/// The actions with their prices. Fatal if one has none: loaders ask for the names first.
[[nodiscard]] std::vector<Action> priced(std::vector<Action> actions,
                                         const std::map<std::string, ActionPrice>& prices);

}  // namespace perfwatt

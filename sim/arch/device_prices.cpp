#include "sim/arch/device_prices.h"

#include "sim/base/diagnostics.h"

namespace perfwatt {

void add_unpriced(std::vector<Action>& actions, std::string name, std::string unit,
                  std::string meaning, EnergyComponent component) {
    actions.push_back({.name = std::move(name),
                       .unit = std::move(unit),
                       .meaning = std::move(meaning),
                       .component = component,
                       .picojoules = 0,
                       .source = {},
                       .not_modelled = {}});
}

std::vector<std::string> names_of(const std::vector<Action>& actions) {
    std::vector<std::string> names;
    names.reserve(actions.size());
    for (const Action& action : actions) names.push_back(action.name);
    return names;
}

std::vector<Action> priced(std::vector<Action> actions,
                           const std::map<std::string, ActionPrice>& prices) {
    for (Action& action : actions) {
        const auto price = prices.find(action.name);
        PERFWATT_CHECK(price != prices.end(), "no price for " + action.name);
        action.picojoules = price->second.picojoules;
        action.source = price->second.source;
        action.not_modelled = price->second.not_modelled;
    }
    return actions;
}

}  // namespace perfwatt

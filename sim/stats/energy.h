#pragma once

#include <span>
#include <string>
#include <vector>

#include "sim/base/time.h"
#include "sim/stats/counts.h"
#include "sim/stats/result.h"

namespace perfwatt {

/// Power drawn all the time, whether or not anything runs.
struct StaticPower {
    std::string name;
    EnergyComponent component = EnergyComponent::static_;
    double watts = 0;
    std::string source;
    bool of_board = false;  ///< beside chip and memory: regulators, fans, links at rest
};

/// Energies of a run in picojoules. Rows of `layers_pj` are the rows of the counts; their sum and
/// `static_pj` make `total_pj`, as do the components.
struct PricedRun {
    std::vector<double> layers_pj;
    EnergyBreakdown components_pj{};
    double static_pj = 0;  ///< drawn over the whole run, of no layer
    double total_pj = 0;
    std::vector<std::string> not_modelled;  ///< "action: reason" where a price is zero on purpose
};

/// Energy = sum over actions of count x price, and watts x elapsed for each static power
/// (1 W over 1 ns is 1000 pJ). Fatal: a counted action whose price is zero without a reason, a
/// negative or non-finite price or power.
[[nodiscard]] PricedRun price(const Counts& counts, std::span<const StaticPower> static_powers,
                              Time elapsed);

/// The same counts at other prices: `actions` by ActionId, with their names and reasons.
/// Valid only where the clock did not depend on the energy: a power-capped run is run again.
[[nodiscard]] PricedRun reprice(const Counts& counts, std::span<const Action> actions,
                                std::span<const StaticPower> static_powers, Time elapsed);

}  // namespace perfwatt

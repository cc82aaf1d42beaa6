#include "sim/stats/energy.h"

#include <fmt/format.h>

#include <cmath>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

/// 1 W over 1 fs is 1e-15 J = 1e-3 pJ.
constexpr double kPicojoulesPerWattFemtosecond = 1e-3;

double& component(EnergyBreakdown& breakdown, EnergyComponent which) {
    return breakdown[static_cast<std::size_t>(which)];
}

/// An action without a price says why, so that nothing is free by oversight.
void check_price(const Action& action, std::int64_t count) {
    PERFWATT_CHECK(std::isfinite(action.picojoules) && action.picojoules >= 0,
                   fmt::format("{}: price {} pJ", action.name, action.picojoules));
    PERFWATT_CHECK(count == 0 || action.picojoules > 0 || !action.not_modelled.empty(),
                   fmt::format("{}: {} counted, but no price", action.name, count));
    PERFWATT_CHECK(count >= 0, fmt::format("{}: counted {} times", action.name, count));
}

}  // namespace

PricedRun reprice(const Counts& counts, std::span<const Action> actions,
                  std::span<const StaticPower> static_powers, Time elapsed) {
    PERFWATT_CHECK(actions.size() == counts.actions().size(), "one price an action");
    PricedRun run;
    run.layers_pj.assign(static_cast<std::size_t>(counts.layers()), 0);
    for (std::size_t i = 0; i < actions.size(); ++i) {
        const Action& action = actions[i];
        const ActionId id{static_cast<std::int32_t>(i)};
        const std::int64_t count = counts.total(id);
        check_price(action, count);
        if (count != 0 && action.picojoules == 0)
            run.not_modelled.push_back(fmt::format("{}: {}", action.name, action.not_modelled));
        for (int layer = 0; layer < counts.layers(); ++layer) {
            const double pj = static_cast<double>(counts.get(layer, id)) * action.picojoules;
            run.layers_pj[static_cast<std::size_t>(layer)] += pj;
            component(run.components_pj, action.component) += pj;
        }
    }
    for (const StaticPower& power : static_powers) {
        PERFWATT_CHECK(std::isfinite(power.watts) && power.watts >= 0,
                       fmt::format("{}: {} W", power.name, power.watts));
        const double pj =
            power.watts * static_cast<double>(elapsed.fs) * kPicojoulesPerWattFemtosecond;
        run.static_pj += pj;
        component(run.components_pj, power.component) += pj;
    }
    for (const double layer : run.layers_pj) run.total_pj += layer;
    run.total_pj += run.static_pj;
    return run;
}

PricedRun price(const Counts& counts, std::span<const StaticPower> static_powers, Time elapsed) {
    return reprice(counts, counts.actions(), static_powers, elapsed);
}

}  // namespace perfwatt

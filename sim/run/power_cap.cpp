#include "sim/run/power_cap.h"

#include <fmt/format.h>

#include <map>

#include "sim/base/diagnostics.h"

namespace perfwatt {

std::variant<std::size_t, Infeasible> fastest_within(
    double cap_w, std::size_t points,
    const std::function<std::variant<double, Infeasible>(std::size_t)>& power_of) {
    PERFWATT_CHECK(points > 0, "no operating point to choose");
    std::size_t first = 0;  // none before it keeps to the cap
    std::size_t last = points - 1;
    // Most networks draw less than the cap at the fastest point: that one is asked first.
    for (std::size_t point = 0; first < last; point = first + (last - first) / 2) {
        const std::variant<double, Infeasible> power = power_of(point);
        if (const auto* infeasible = std::get_if<Infeasible>(&power)) return *infeasible;
        if (std::get<double>(power) <= cap_w)
            last = point;
        else
            first = point + 1;
    }
    return first;
}

double capped_power(const ChipSpec& chip, const Result& result) {
    if (!chip.system) return result.power_w;
    const double host = result.energy_breakdown_pj[static_cast<std::size_t>(EnergyComponent::host)];
    const double share = result.energy_pj > 0 ? 1 - host / result.energy_pj : 1;
    return result.power_w * share / chip.system->chips();
}

bool is_capped(const ChipSpec& chip) {
    return chip.power_cap_w && chip.operating_points.size() > 1 && chip.operating_point.empty();
}

std::variant<RunOutput, Infeasible> run_within_cap(const RunRequest& request, const ChipSpec& chip,
                                                   PartRunner runner,
                                                   const Environment& environment) {
    const auto at = [&](std::size_t point) {
        RunRequest part = request;
        part.overrides.push_back(fmt::format("operating_point={}", chip.operating_points[point]));
        return part;
    };
    std::map<std::size_t, Result> known;
    const auto run_at = [&](std::size_t point) -> std::variant<Result, Infeasible> {
        if (const auto found = known.find(point); found != known.end()) return found->second;
        auto results = run_parts({part_of(at(point))}, runner, "an operating point", environment);
        if (auto* infeasible = std::get_if<Infeasible>(&results)) return std::move(*infeasible);
        return known.emplace(point, std::get<std::vector<Result>>(results).front()).first->second;
    };
    const auto chosen = fastest_within(*chip.power_cap_w, chip.operating_points.size(),
                                       [&](std::size_t point) -> std::variant<double, Infeasible> {
                                           auto result = run_at(point);
                                           if (auto* infeasible = std::get_if<Infeasible>(&result))
                                               return std::move(*infeasible);
                                           return capped_power(chip, std::get<Result>(result));
                                       });
    if (const auto* infeasible = std::get_if<Infeasible>(&chosen)) return *infeasible;
    const std::size_t point = std::get<std::size_t>(chosen);
    if (request.want_timeline || request.want_mapping || !request.dump_after.empty())
        return runner(at(point), environment);
    auto result = run_at(point);
    if (auto* infeasible = std::get_if<Infeasible>(&result)) return std::move(*infeasible);
    return RunOutput{.result = std::get<Result>(std::move(result))};
}

}  // namespace perfwatt

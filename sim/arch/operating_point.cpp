#include "sim/arch/operating_point.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "sim/base/diagnostics.h"

namespace perfwatt {

MapSchema<OperatingPoint> operating_point_schema() {
    return MapSchema<OperatingPoint>("operating point")
        .text("name", &OperatingPoint::name, {}, "by which 'operating_point' chooses it")
        .field("set", &OperatingPoint::set, ordered_map_of(verbatim_value(), {.min = 1, .max = 64}),
               Presence::required,
               "keys of this file and their values at this point: clocks, voltages");
}

namespace {

struct Quantity {
    double value = 0;
    std::string unit;
};

std::optional<Quantity> quantity_of(const std::string& text) {
    Quantity quantity;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, quantity.value);
    if (error != std::errc()) return std::nullopt;
    quantity.unit.assign(rest, end);
    quantity.unit.erase(0, quantity.unit.find_first_not_of(' '));
    return quantity;
}

/// `share` of the way from one to the other; nothing where their units differ.
std::optional<std::string> between(const std::string& from, const std::string& to, double share) {
    const std::optional<Quantity> first = quantity_of(from), last = quantity_of(to);
    if (!first || !last || first->unit != last->unit) return std::nullopt;
    const double value = first->value + share * (last->value - first->value);
    return fmt::format("{:.6g}{}{}", value, first->unit.empty() ? "" : " ", first->unit);
}

std::optional<OperatingPoint> between(const OperatingPoint& from, const OperatingPoint& to,
                                      double share) {
    if (from.set.size() != to.set.size()) return std::nullopt;
    OperatingPoint point;
    for (std::size_t i = 0; i < from.set.size(); ++i) {
        const auto value = between(from.set[i].second, to.set[i].second, share);
        if (from.set[i].first != to.set[i].first || !value) return std::nullopt;
        point.set.emplace_back(from.set[i].first, *value);
    }
    point.name = point.set.front().second;
    return point;
}

/// The points as the document has them, mistakes left out.
std::vector<OperatingPoint> points_of(const ConfigNode& list) {
    std::vector<OperatingPoint> points;
    for (const ConfigNode& item : list.items) {
        const ConfigNode* name = item.plain().find("name");
        const ConfigNode* set = item.plain().find("set");
        if (set == nullptr) continue;
        OperatingPoint point{.name = name != nullptr ? name->plain().text : "", .set = {}};
        for (const ConfigEntry& entry : set->plain().entries)
            point.set.emplace_back(entry.key, entry.value.plain().text);
        points.push_back(std::move(point));
    }
    return points;
}

std::int64_t steps_of(const Document& document) {
    const ConfigNode* steps = document.root().find("operating_steps");
    const auto given = steps != nullptr ? quantity_of(steps->plain().text) : std::nullopt;
    return given ? std::clamp(static_cast<std::int64_t>(given->value), kLeastSteps, kMostSteps)
                 : kLeastSteps;
}

}  // namespace

std::vector<OperatingPoint> with_steps(const std::vector<OperatingPoint>& points,
                                       std::int64_t steps) {
    std::vector<OperatingPoint> all;
    for (std::size_t i = 0; i < points.size(); ++i) {
        all.push_back(points[i]);
        if (i + 1 == points.size()) break;
        for (std::int64_t step = 1; step < steps; ++step) {
            const double share = static_cast<double>(step) / static_cast<double>(steps);
            if (auto point = between(points[i], points[i + 1], share))
                all.push_back(std::move(*point));
        }
    }
    return all;
}

std::vector<std::string> operating_point_overrides(const Document& document) {
    const ConfigNode* given = document.root().find("operating_points");
    if (given == nullptr || given->plain().kind != ConfigNode::Kind::list) return {};
    const ConfigNode* chosen = document.root().find("operating_point");
    const std::string name = chosen != nullptr ? chosen->plain().text : "";
    for (const OperatingPoint& point : with_steps(points_of(given->plain()), steps_of(document))) {
        if (!name.empty() && point.name != name) continue;
        std::vector<std::string> overrides;
        for (const auto& [key, value] : point.set)
            overrides.push_back(fmt::format("{}={}", key, value));
        return overrides;
    }
    return {};
}

void check_operating_points(const std::vector<OperatingPoint>& points, std::int64_t steps,
                            const std::string& chosen, const MapCheck& check) {
    if (steps > 1)
        for (std::size_t i = 0; i + 1 < points.size(); ++i)
            if (!between(points[i], points[i + 1], 0.5))
                check.error("operating_points",
                            fmt::format("there are no steps between '{}' and '{}'", points[i].name,
                                        points[i + 1].name),
                            "both must set the same keys in the same order and units");
    std::vector<std::string> names;
    for (const OperatingPoint& point : with_steps(points, steps)) {
        if (std::find(names.begin(), names.end(), point.name) != names.end())
            check.error("operating_points",
                        fmt::format("there are two operating points '{}'", point.name));
        names.push_back(point.name);
    }
    if (chosen.empty() || std::find(names.begin(), names.end(), chosen) != names.end()) return;
    std::string hint = did_you_mean(chosen, names);
    if (hint.empty())
        hint = names.empty() ? "the chip has no 'operating_points'"
                             : fmt::format("points: {}", fmt::join(names, ", "));
    check.error("operating_point", fmt::format("there is no operating point '{}'", chosen),
                std::move(hint));
}

}  // namespace perfwatt

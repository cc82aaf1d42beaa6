#include "sim/arch/operating_point.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/diagnostics.h"

namespace perfwatt {

MapSchema<OperatingPoint> operating_point_schema() {
    return MapSchema<OperatingPoint>("operating point")
        .text("name", &OperatingPoint::name, {}, "by which 'operating_point' chooses it")
        .field("set", &OperatingPoint::set, ordered_map_of(verbatim_value(), {.min = 1, .max = 64}),
               Presence::required,
               "keys of this file and their values at this point: clocks, voltages");
}

std::vector<std::string> operating_point_overrides(const Document& document) {
    const ConfigNode* points = document.root().find("operating_points");
    if (points == nullptr || points->plain().kind != ConfigNode::Kind::list) return {};
    const ConfigNode* chosen = document.root().find("operating_point");
    for (const ConfigNode& item : points->plain().items) {
        const ConfigNode& point = item.plain();
        const ConfigNode* name = point.find("name");
        const bool wanted = chosen == nullptr || chosen->plain().text.empty() ||
                            (name != nullptr && name->plain().text == chosen->plain().text);
        const ConfigNode* set = wanted ? point.find("set") : nullptr;
        if (set == nullptr) continue;
        std::vector<std::string> overrides;
        for (const ConfigEntry& entry : set->plain().entries)
            overrides.push_back(fmt::format("{}={}", entry.key, entry.value.plain().text));
        return overrides;
    }
    return {};
}

void check_operating_points(const std::vector<OperatingPoint>& points, const std::string& chosen,
                            const MapCheck& check) {
    std::vector<std::string> names;
    for (const OperatingPoint& point : points) {
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

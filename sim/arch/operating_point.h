#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sim/config/document.h"
#include "sim/config/schema.h"

namespace perfwatt {

/// A clock and a voltage at which a chip may run, as what they set in its file:
/// {name: low, set: {npu.clock: 600 MHz, process.voltage: 700 mV}}.
struct OperatingPoint {
    std::string name;
    std::vector<std::pair<std::string, std::string>> set;  ///< path -> value
};

inline constexpr std::int64_t kLeastSteps = 1, kMostSteps = 64;

[[nodiscard]] MapSchema<OperatingPoint> operating_point_schema();

/// The points and, between neighbours, `steps` - 1 more at even distances, whose quantities lie as
/// far between theirs; such a point is called what its first key is set to: "1450 MHz". Neighbours
/// that differ in keys or units have none between them: check_operating_points() says so.
[[nodiscard]] std::vector<OperatingPoint> with_steps(const std::vector<OperatingPoint>& points,
                                                     std::int64_t steps);

/// What the document's operating point sets, as texts "path=value": of the point that
/// `operating_point` names, else of the first. Empty where there are no points, or no such one:
/// check_operating_points() says so.
[[nodiscard]] std::vector<std::string> operating_point_overrides(const Document& document);

/// Names are different, the one chosen exists, and where there are steps each key has the same unit
/// at all points.
void check_operating_points(const std::vector<OperatingPoint>& points, std::int64_t steps,
                            const std::string& chosen, const MapCheck& check);

}  // namespace perfwatt

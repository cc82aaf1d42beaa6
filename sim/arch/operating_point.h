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

[[nodiscard]] MapSchema<OperatingPoint> operating_point_schema();

/// What the document's operating point sets, as texts "path=value": of the point that
/// `operating_point` names, else of the first. Empty where there are no points, or no such one:
/// check_operating_points() says so.
[[nodiscard]] std::vector<std::string> operating_point_overrides(const Document& document);

/// Names are different, and the one chosen exists.
void check_operating_points(const std::vector<OperatingPoint>& points, const std::string& chosen,
                            const MapCheck& check);

}  // namespace perfwatt

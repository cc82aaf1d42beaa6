#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/base/data_type.h"

namespace perfwatt {

/// The types a network is computed in. "w4a16" means 4-bit integer weights with 16-bit activations.
struct Precision {
    DataType weights = DataType::int8;
    DataType activations = DataType::int8;
    DataType accumulators = DataType::int32;
};

/// Every name accepted.
[[nodiscard]] std::vector<std::string> precisions();

/// Throws UserError with the nearest name for one that is not known.
[[nodiscard]] Precision precision_from(std::string_view name);

}  // namespace perfwatt

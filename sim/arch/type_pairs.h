#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "sim/arch/device.h"
#include "sim/base/data_type.h"

namespace perfwatt {

/// Bytes without a sign go through the same products as those with one.
[[nodiscard]] inline DataType multiplied_as(DataType type) {
    return type == DataType::uint8 ? DataType::int8 : type;
}

/// Of rates with members `first` and `second`, the one for a pair of operand types; null if there
/// is none.
template <class Rate>
[[nodiscard]] const Rate* find_pair(const std::vector<Rate>& rates, DataType first,
                                    DataType second) {
    for (const Rate& rate : rates)
        if (multiplied_as(rate.first) == multiplied_as(first) &&
            multiplied_as(rate.second) == multiplied_as(second))
            return &rate;
    return nullptr;
}

/// "UNIT no int4 x fp16 (KNOWN int8 x int8, fp16 x fp16)".
template <class Rate>
[[nodiscard]] Infeasible no_such_pair(std::string_view unit, std::string_view known,
                                      const std::vector<Rate>& rates, DataType first,
                                      DataType second) {
    std::string pairs;
    for (const Rate& rate : rates)
        pairs += fmt::format("{}{} x {}", pairs.empty() ? "" : ", ", to_string(rate.first),
                             to_string(rate.second));
    return {fmt::format("{} no {} x {} ({} {})", unit, to_string(first), to_string(second), known,
                        pairs)};
}

}  // namespace perfwatt

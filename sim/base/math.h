#pragma once

#include <concepts>

namespace perfwatt {

template <std::integral T>
[[nodiscard]] constexpr T ceil_div(T numerator, T denominator) {
    return (numerator + denominator - 1) / denominator;
}

template <std::integral T>
[[nodiscard]] constexpr T round_up(T value, T multiple) {
    return ceil_div(value, multiple) * multiple;
}

}  // namespace perfwatt

#include "sim/report/numbers.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <string_view>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

constexpr std::array<std::string_view, 9> kPrefixes = {"p", "n", "u", "m", "", "k", "M", "G", "T"};
constexpr int kUnity = 4;

/// `value` with three significant digits: "1.23", "12.3", "123", "1230".
std::string three_digits(double value) {
    const double size = std::fabs(value);
    // The bounds are where rounding would add a digit.
    return size < 9.995   ? fmt::format("{:.2f}", value)
           : size < 99.95 ? fmt::format("{:.1f}", value)
                          : fmt::format("{:.0f}", value);
}

std::string scaled(double value, std::string_view unit) {
    if (value == 0) return fmt::format("0 {}", unit);
    int step = 0;
    while (std::fabs(value) >= 999.5 && kUnity + step + 1 < static_cast<int>(kPrefixes.size())) {
        value /= 1000;
        ++step;
    }
    while (std::fabs(value) < 0.9995 && kUnity + step > 0) {
        value *= 1000;
        --step;
    }
    return fmt::format("{} {}{}", three_digits(value),
                       kPrefixes[static_cast<std::size_t>(kUnity + step)], unit);
}

}  // namespace

std::string exact_text(double value) {
    PERFWATT_CHECK(std::isfinite(value), "a result is not a finite number");
    if (value == 0) return "0";  // never "-0"
    return fmt::format("{:.9g}", value);
}

std::string time_text(double ns) { return scaled(ns * 1e-9, "s"); }
std::string energy_text(double pj) { return scaled(pj * 1e-12, "J"); }
std::string power_text(double watts) { return scaled(watts, "W"); }
std::string bytes_text(double bytes) { return scaled(bytes, "B"); }
std::string bandwidth_text(double bytes_per_s) { return scaled(bytes_per_s, "B/s"); }

std::string count_text(double count) {
    if (std::fabs(count) < 999.5 && count == std::floor(count)) return fmt::format("{:.0f}", count);
    std::string text = scaled(count, "");
    while (!text.empty() && text.back() == ' ') text.pop_back();
    return text;
}

std::string percent_text(double fraction) { return fmt::format("{:.1f} %", fraction * 100); }
std::string ratio_text(double ratio) { return three_digits(ratio) + "x"; }

}  // namespace perfwatt

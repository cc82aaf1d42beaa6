#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "sim/base/time.h"

namespace perfwatt {

/// What a number with a unit measures, and in which unit it is kept:
enum class Dimension : std::uint8_t {
    bytes,           ///< "32 MiB", "64 KB", "8 B"; integer bytes
    frequency,       ///< "2 GHz"; integer hertz; a Clock
    time,            ///< "18 ns"; integer femtoseconds; a Time
    time_or_clocks,  ///< "14 tck", "18 ns", "max(4 tck, 7.5 ns)"; a TimeOrClocks
    bandwidth,       ///< "66 GB/s", "1 TiB/s"; integer bytes a second
    transfers,       ///< "4266 MT/s"; integer transfers a second
    operations,      ///< "64 TOPS", "312 TFLOPS"; integer operations a second
    energy,          ///< "0.2 pJ"; picojoules
    energy_per_bit,  ///< "4 pJ/bit"; picojoules a bit
    power,           ///< "28 W", "3 mW"; watts
    voltage,         ///< "0.8 V", "800 mV"; volts
    current,         ///< "46 mA"; milliamperes
    length,          ///< "14 nm", "3 mm"; nanometres
    area,            ///< "331 mm2"; square millimetres
    temperature,     ///< "85 C"; degrees Celsius
};

/// A span given in clocks, in time, or as the longer of both, as memory standards do.
struct TimeOrClocks {
    Time time;
    std::int64_t clocks = 0;

    [[nodiscard]] constexpr std::int64_t cycles(Clock clock) const {
        const std::int64_t in_time = clock.cycles_in(time);
        return in_time > clocks ? in_time : clocks;
    }
    friend constexpr bool operator==(const TimeOrClocks&, const TimeOrClocks&) = default;
};

/// A number with a unit, in the unit its dimension is kept in.
struct Quantity {
    std::int64_t integer = 0;  ///< dimensions kept as integers; exact
    std::int64_t clocks = 0;   ///< time_or_clocks only
    double real = 0;           ///< always set

    friend bool operator==(const Quantity&, const Quantity&) = default;
};

/// Why a text is not a quantity.
struct QuantityError {
    std::string message;
    std::string hint;
};

/// Decimal fractions are exact: "0.625 ns" is 625000 fs. A value that is no whole number of the
/// unit kept (half a byte, less than a femtosecond) is an error, as is overflow.
[[nodiscard]] std::variant<Quantity, QuantityError> parse_quantity(Dimension dimension,
                                                                   std::string_view text);

/// The quantity in the unit it is kept in: "1024 B", "2000000000 Hz", "0.2 pJ".
[[nodiscard]] std::string to_string(Dimension dimension, const Quantity& quantity);

/// "B, KB, MB, GB, TB, KiB, MiB, GiB or TiB"
[[nodiscard]] std::string accepted_units(Dimension dimension);
/// "a size", "a frequency": for messages.
[[nodiscard]] std::string_view noun(Dimension dimension);
/// A regular expression (ECMA) for JSON Schema.
[[nodiscard]] std::string quantity_pattern(Dimension dimension);
/// What is not absurd, for limits that a schema leaves open: "1 B", "1024 TiB".
[[nodiscard]] std::string_view smallest(Dimension dimension);
[[nodiscard]] std::string_view largest(Dimension dimension);
/// Two quantities of the same dimension, by size.
[[nodiscard]] bool less(const Quantity& a, const Quantity& b);

}  // namespace perfwatt

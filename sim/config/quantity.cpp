#include "sim/config/quantity.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <span>
#include <vector>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

using Wide = Int128;

/// One unit is `multiple` x 10^`exponent` of the unit kept.
struct Unit {
    std::string_view name;
    std::int64_t multiple = 1;
    int exponent = 0;
};

constexpr std::int64_t kKi = 1024, kMi = kKi * kKi, kGi = kMi * kKi, kTi = kGi * kKi;

constexpr std::array kBytes = {Unit{"B", 1, 0},     Unit{"KB", 1, 3},    Unit{"MB", 1, 6},
                               Unit{"GB", 1, 9},    Unit{"TB", 1, 12},   Unit{"KiB", kKi, 0},
                               Unit{"MiB", kMi, 0}, Unit{"GiB", kGi, 0}, Unit{"TiB", kTi, 0}};
constexpr std::array kFrequency = {Unit{"Hz", 1, 0}, Unit{"kHz", 1, 3}, Unit{"MHz", 1, 6},
                                   Unit{"GHz", 1, 9}};
constexpr std::array kTime = {Unit{"fs", 1, 0}, Unit{"ps", 1, 3},  Unit{"ns", 1, 6},
                              Unit{"us", 1, 9}, Unit{"ms", 1, 12}, Unit{"s", 1, 15}};
constexpr std::array kBandwidth = {
    Unit{"B/s", 1, 0},     Unit{"KB/s", 1, 3},     Unit{"MB/s", 1, 6},     Unit{"GB/s", 1, 9},
    Unit{"TB/s", 1, 12},   Unit{"KiB/s", kKi, 0},  Unit{"MiB/s", kMi, 0},  Unit{"GiB/s", kGi, 0},
    Unit{"TiB/s", kTi, 0}, Unit{"Mbit/s", 125, 3}, Unit{"Gbit/s", 125, 6}, Unit{"Tbit/s", 125, 9}};
constexpr std::array kTransfers = {Unit{"MT/s", 1, 6}, Unit{"GT/s", 1, 9}};
constexpr std::array kOperations = {Unit{"GOPS", 1, 9},    Unit{"TOPS", 1, 12},
                                    Unit{"POPS", 1, 15},   Unit{"GFLOPS", 1, 9},
                                    Unit{"TFLOPS", 1, 12}, Unit{"PFLOPS", 1, 15}};
constexpr std::array kEnergy = {Unit{"aJ", 1, -6}, Unit{"fJ", 1, -3}, Unit{"pJ", 1, 0},
                                Unit{"nJ", 1, 3},  Unit{"uJ", 1, 6},  Unit{"mJ", 1, 9},
                                Unit{"J", 1, 12}};
constexpr std::array kEnergyPerBit = {Unit{"aJ/bit", 1, -6}, Unit{"fJ/bit", 1, -3},
                                      Unit{"pJ/bit", 1, 0}, Unit{"nJ/bit", 1, 3},
                                      Unit{"pJ/B", 125, -3}};
constexpr std::array kPower = {Unit{"nW", 1, -9}, Unit{"uW", 1, -6}, Unit{"mW", 1, -3},
                               Unit{"W", 1, 0}, Unit{"kW", 1, 3}};
constexpr std::array kVoltage = {Unit{"mV", 1, -3}, Unit{"V", 1, 0}};
constexpr std::array kCurrent = {Unit{"uA", 1, -3}, Unit{"mA", 1, 0}, Unit{"A", 1, 3}};
constexpr std::array kLength = {Unit{"nm", 1, 0}, Unit{"um", 1, 3}, Unit{"mm", 1, 6}};
constexpr std::array kArea = {Unit{"um2", 1, -6}, Unit{"mm2", 1, 0}};
constexpr std::array kTemperature = {Unit{"C", 1, 0}};

struct Row {
    Dimension dimension;
    std::string_view noun;
    std::string_view example;
    std::string_view kept;  ///< the unit kept
    bool integer;
    std::span<const Unit> units;
    std::string_view smallest, largest;
};

const std::array kRows = {
    Row{Dimension::bytes, "a size", "32 MiB", "B", true, kBytes, "1 B", "1024 TiB"},
    Row{Dimension::frequency, "a frequency", "2 GHz", "Hz", true, kFrequency, "1 kHz", "1000 GHz"},
    Row{Dimension::time, "a time", "18 ns", "fs", true, kTime, "1 fs", "1000 s"},
    Row{Dimension::time_or_clocks, "a time or a number of clocks",
        "18 ns', '14 tck' or 'max(4 tck, 7.5 ns)", "fs", true, kTime, "0 fs", "1000 s"},
    Row{Dimension::bandwidth, "a bandwidth", "66 GB/s", "B/s", true, kBandwidth, "1 B/s",
        "1000 TB/s"},
    Row{Dimension::transfers, "a transfer rate", "4266 MT/s", "T/s", true, kTransfers, "1 MT/s",
        "1000 GT/s"},
    Row{Dimension::operations, "a rate of operations", "23 TOPS", "OPS", true, kOperations,
        "0.001 GOPS", "1000 POPS"},
    Row{Dimension::energy, "an energy", "0.2 pJ", "pJ", false, kEnergy, "1 aJ", "1 J"},
    Row{Dimension::energy_per_bit, "an energy per bit", "4 pJ/bit", "pJ/bit", false, kEnergyPerBit,
        "1 aJ/bit", "1000 nJ/bit"},
    Row{Dimension::power, "a power", "28 W", "W", false, kPower, "1 nW", "1000 kW"},
    Row{Dimension::voltage, "a voltage", "0.8 V", "V", false, kVoltage, "1 mV", "1000 V"},
    Row{Dimension::current, "a current", "46 mA", "mA", false, kCurrent, "0.001 uA", "1000 A"},
    Row{Dimension::length, "a length", "14 nm", "nm", false, kLength, "0.01 nm", "1000 mm"},
    Row{Dimension::area, "an area", "331 mm2", "mm2", false, kArea, "1 um2", "1000000 mm2"},
    Row{Dimension::temperature, "a temperature", "85 C", "C", false, kTemperature, "-273 C",
        "1000 C"},
};

const Row& row(Dimension dimension) { return kRows[static_cast<std::size_t>(dimension)]; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// A decimal number as written: (-)mantissa x 10^exponent, and where its text ends.
struct Decimal {
    std::int64_t mantissa = 0;
    int exponent = 0;
    std::size_t length = 0;
};

std::optional<QuantityError> read_exponent(std::string_view text, Decimal& number) {
    std::size_t& i = number.length;
    if (i >= text.size() || (text[i] != 'e' && text[i] != 'E')) return std::nullopt;
    std::size_t at = i + 1;
    const bool negative = at < text.size() && text[at] == '-';
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    if (at >= text.size() || !is_digit(text[at])) return std::nullopt;  // perhaps a unit
    int exponent = 0;
    for (; at < text.size() && is_digit(text[at]); ++at)
        if (exponent < 1000) exponent = exponent * 10 + (text[at] - '0');
    number.exponent += negative ? -exponent : exponent;
    i = at;
    return std::nullopt;
}

std::variant<Decimal, QuantityError> read_decimal(std::string_view text) {
    Decimal number;
    std::size_t& i = number.length;
    const bool negative = !text.empty() && text[0] == '-';
    if (negative) ++i;
    if (i >= text.size() || !is_digit(text[i]))
        return QuantityError{"it begins with no number", ""};
    if (text[i] == '0' && i + 1 < text.size() && is_digit(text[i + 1]))
        return QuantityError{"a leading zero", "some tools read such a number as octal"};
    bool fraction = false;
    int digits = 0;
    for (; i < text.size(); ++i) {
        if (text[i] == '.' && !fraction && i + 1 < text.size() && is_digit(text[i + 1])) {
            fraction = true;
            continue;
        }
        if (!is_digit(text[i])) break;
        if (number.mantissa > 0 && ++digits > 17) return QuantityError{"more than 18 digits", ""};
        number.mantissa = number.mantissa * 10 + (text[i] - '0');
        if (fraction) --number.exponent;
    }
    if (auto error = read_exponent(text, number)) return *error;
    if (negative) number.mantissa = -number.mantissa;
    while (number.mantissa != 0 && number.mantissa % 10 == 0) {
        number.mantissa /= 10;
        ++number.exponent;
    }
    if (number.mantissa == 0) number.exponent = 0;
    return number;
}

std::string units_hint(const Row& row) {
    return fmt::format("write it as '{}'; units: {}", row.example, accepted_units(row.dimension));
}

QuantityError unknown_unit(const Row& row, std::string_view unit) {
    std::vector<std::string> names;
    std::string hint;
    for (const Unit& known : row.units) {
        names.emplace_back(known.name);
        const bool same = std::equal(unit.begin(), unit.end(), known.name.begin(), known.name.end(),
                                     [](char a, char b) { return (a | 0x20) == (b | 0x20); });
        if (same) hint = fmt::format("did you mean '{}'? ", known.name);
    }
    return {fmt::format("unknown unit '{}'", unit), hint + units_hint(row)};
}

/// mantissa x 10^exponent as a double, correctly rounded.
double to_double(std::int64_t mantissa, int exponent) {
    const std::string text = fmt::format("{}e{}", mantissa, exponent);
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc::result_out_of_range) return exponent > 0 ? HUGE_VAL : 0;
    return value;
}

std::variant<std::int64_t, QuantityError> to_integer(const Row& row, const Decimal& number,
                                                     const Unit& unit) {
    Wide value = static_cast<Wide>(number.mantissa) * unit.multiple;
    int exponent = number.exponent + unit.exponent;
    const Wide limit = std::numeric_limits<std::int64_t>::max();
    for (; exponent > 0 && value != 0; --exponent) {
        value *= 10;
        if (value > limit || value < -limit) return QuantityError{"it is too large", ""};
    }
    for (; exponent < 0 && value != 0; ++exponent) {
        if (value % 10 != 0)
            return QuantityError{fmt::format("it is no whole number of {}", row.kept), ""};
        value /= 10;
    }
    if (value > limit || value < -limit) return QuantityError{"it is too large", ""};
    return static_cast<std::int64_t>(value);
}

std::variant<Quantity, QuantityError> parse_with(const Row& row, std::string_view text) {
    const auto decimal = read_decimal(text);
    if (const auto* error = std::get_if<QuantityError>(&decimal))
        return QuantityError{error->message, error->hint.empty() ? units_hint(row) : error->hint};
    const auto& number = std::get<Decimal>(decimal);
    std::string_view unit = text.substr(number.length);
    if (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
    if (unit.empty()) return QuantityError{"it has no unit", units_hint(row)};
    if (row.dimension == Dimension::time_or_clocks && unit == "tck") {
        const auto clocks = to_integer(row, number, Unit{"tck", 1, 0});
        if (std::holds_alternative<QuantityError>(clocks))
            return QuantityError{"it is no whole number of clocks", ""};
        Quantity quantity;
        quantity.clocks = std::get<std::int64_t>(clocks);
        return quantity;
    }
    const auto known = std::find_if(row.units.begin(), row.units.end(),
                                    [&](const Unit& u) { return u.name == unit; });
    if (known == row.units.end()) return unknown_unit(row, unit);
    Quantity quantity;
    if (row.integer) {
        const auto integer = to_integer(row, number, *known);
        if (const auto* error = std::get_if<QuantityError>(&integer)) return *error;
        quantity.integer = std::get<std::int64_t>(integer);
        quantity.real = static_cast<double>(quantity.integer);
    } else {
        quantity.real = to_double(number.mantissa, number.exponent + known->exponent) *
                        static_cast<double>(known->multiple);
        if (!std::isfinite(quantity.real)) return QuantityError{"it is too large", ""};
        if (quantity.real == 0 && number.mantissa != 0) return QuantityError{"it is too small", ""};
    }
    return quantity;
}

}  // namespace

std::variant<Quantity, QuantityError> parse_quantity(Dimension dimension, std::string_view text) {
    const Row& row = perfwatt::row(dimension);
    PERFWATT_CHECK(row.dimension == dimension, "the table of dimensions is out of order");
    const bool both =
        dimension == Dimension::time_or_clocks && text.starts_with("max(") && text.ends_with(")");
    if (!both) return parse_with(row, text);
    const std::string_view inner = text.substr(4, text.size() - 5);
    const std::size_t comma = inner.find(',');
    if (comma == std::string_view::npos) return QuantityError{"max() takes two values", ""};
    std::string_view second = inner.substr(comma + 1);
    while (!second.empty() && second.front() == ' ') second.remove_prefix(1);
    const auto a = parse_with(row, inner.substr(0, comma));
    const auto b = parse_with(row, second);
    if (std::holds_alternative<QuantityError>(a)) return a;
    if (std::holds_alternative<QuantityError>(b)) return b;
    const auto& first = std::get<Quantity>(a);
    const auto& last = std::get<Quantity>(b);
    return Quantity{.integer = std::max(first.integer, last.integer),
                    .clocks = std::max(first.clocks, last.clocks),
                    .real = std::max(first.real, last.real)};
}

std::string to_string(Dimension dimension, const Quantity& quantity) {
    const Row& row = perfwatt::row(dimension);
    if (quantity.clocks != 0 && quantity.integer != 0)
        return fmt::format("max({} tck, {} fs)", quantity.clocks, quantity.integer);
    if (quantity.clocks != 0) return fmt::format("{} tck", quantity.clocks);
    if (row.integer) return fmt::format("{} {}", quantity.integer, row.kept);
    return fmt::format("{} {}", quantity.real, row.kept);
}

std::string accepted_units(Dimension dimension) {
    std::string text = dimension == Dimension::time_or_clocks ? "tck, " : "";
    const auto units = row(dimension).units;
    for (std::size_t i = 0; i < units.size(); ++i)
        text += fmt::format("{}{}",
                            i == 0                  ? ""
                            : i + 1 == units.size() ? " or "
                                                    : ", ",
                            units[i].name);
    return text;
}

std::string_view noun(Dimension dimension) { return row(dimension).noun; }

std::string quantity_pattern(Dimension dimension) {
    std::string units = dimension == Dimension::time_or_clocks ? "tck" : "";
    for (const Unit& unit : row(dimension).units)
        units += fmt::format("{}{}", units.empty() ? "" : "|", unit.name);
    const std::string one =
        fmt::format("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)? ?({})", units);
    if (dimension != Dimension::time_or_clocks) return fmt::format("^{}$", one);
    return fmt::format("^({0}|max\\({0}, *{0}\\))$", one);
}

std::string_view smallest(Dimension dimension) { return row(dimension).smallest; }
std::string_view largest(Dimension dimension) { return row(dimension).largest; }

bool less(const Quantity& a, const Quantity& b) {
    if (a.integer != b.integer) return a.integer < b.integer;
    if (a.clocks != b.clocks) return a.clocks < b.clocks;
    return a.real < b.real;
}

}  // namespace perfwatt

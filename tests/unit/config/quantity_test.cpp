#include "sim/config/quantity.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>

namespace perfwatt {
namespace {

Quantity good(Dimension dimension, std::string_view text) {
    const auto parsed = parse_quantity(dimension, text);
    if (const auto* error = std::get_if<QuantityError>(&parsed)) {
        ADD_FAILURE() << text << ": " << error->message;
        return {};
    }
    return std::get<Quantity>(parsed);
}

std::string bad(Dimension dimension, std::string_view text) {
    const auto parsed = parse_quantity(dimension, text);
    if (const auto* error = std::get_if<QuantityError>(&parsed)) return error->message;
    return "accepted as " + to_string(dimension, std::get<Quantity>(parsed));
}

std::string hint(Dimension dimension, std::string_view text) {
    return std::get<QuantityError>(parse_quantity(dimension, text)).hint;
}

TEST(Quantity, BinaryAndDecimalPrefixesDiffer) {
    EXPECT_EQ(good(Dimension::bytes, "32 MiB").integer, 33554432);
    EXPECT_EQ(good(Dimension::bytes, "32 MB").integer, 32000000);
    EXPECT_EQ(good(Dimension::bytes, "1 TiB").integer, 1099511627776);
    EXPECT_EQ(good(Dimension::bytes, "1.5 KiB").integer, 1536);
    EXPECT_EQ(good(Dimension::bytes, "8B").integer, 8);
}

TEST(Quantity, DecimalFractionsAreExact) {
    EXPECT_EQ(good(Dimension::time, "0.625 ns").integer, 625000);
    EXPECT_EQ(good(Dimension::time, "3.9 us").integer, 3900000000);
    EXPECT_EQ(good(Dimension::frequency, "2.133 GHz").integer, 2133000000);
    EXPECT_EQ(good(Dimension::frequency, "1.0e3 MHz").integer, 1000000000);
    EXPECT_EQ(good(Dimension::bandwidth, "34.128 GB/s").integer, 34128000000);
    EXPECT_EQ(good(Dimension::bandwidth, "8 Gbit/s").integer, 1000000000);
    EXPECT_EQ(good(Dimension::operations, "4.5 TOPS").integer, 4500000000000);
}

TEST(Quantity, RealDimensionsAreKeptInTheirUnit) {
    EXPECT_EQ(good(Dimension::energy, "200 fJ").real, 0.2);
    EXPECT_EQ(good(Dimension::energy, "1.3 nJ").real, 1300);
    EXPECT_EQ(good(Dimension::energy_per_bit, "4 pJ/bit").real, 4);
    EXPECT_EQ(good(Dimension::energy_per_bit, "8 pJ/B").real, 1);
    EXPECT_EQ(good(Dimension::power, "450 mW").real, 0.45);
    EXPECT_EQ(good(Dimension::voltage, "800 mV").real, 0.8);
    EXPECT_EQ(good(Dimension::current, "1.2 A").real, 1200);
    EXPECT_EQ(good(Dimension::length, "14 nm").real, 14);
    EXPECT_EQ(good(Dimension::area, "331 mm2").real, 331);
    EXPECT_EQ(good(Dimension::temperature, "-40 C").real, -40);
    EXPECT_EQ(good(Dimension::transfers, "4266 MT/s").integer, 4266000000);
}

TEST(Quantity, TimeOrClocksTakesEitherOrTheLonger) {
    EXPECT_EQ(good(Dimension::time_or_clocks, "14 tck").clocks, 14);
    EXPECT_EQ(good(Dimension::time_or_clocks, "18 ns").integer, 18000000);
    const Quantity both = good(Dimension::time_or_clocks, "max(4 tck, 7.5 ns)");
    EXPECT_EQ(both.clocks, 4);
    EXPECT_EQ(both.integer, 7500000);
    const TimeOrClocks span{.time = Time{both.integer}, .clocks = both.clocks};
    EXPECT_EQ(span.cycles(Clock(400'000'000)), 4);     // 7.5 ns are 3 clocks of 2.5 ns
    EXPECT_EQ(span.cycles(Clock(1'600'000'000)), 12);  // 7.5 ns are 12 clocks of 0.625 ns
    EXPECT_EQ(bad(Dimension::time_or_clocks, "1.5 tck"), "it is no whole number of clocks");
    EXPECT_EQ(bad(Dimension::time_or_clocks, "max(4 tck)"), "max() takes two values");
    EXPECT_EQ(bad(Dimension::time_or_clocks, "max(4 tck, x)"), "it begins with no number");
}

TEST(Quantity, MistakesAreNamed) {
    EXPECT_EQ(bad(Dimension::bytes, "32"), "it has no unit");
    EXPECT_EQ(bad(Dimension::bytes, "32 ns"), "unknown unit 'ns'");
    EXPECT_EQ(bad(Dimension::bytes, "32  KiB"), "unknown unit ' KiB'");
    EXPECT_EQ(bad(Dimension::bytes, "lots"), "it begins with no number");
    EXPECT_EQ(bad(Dimension::bytes, ""), "it begins with no number");
    EXPECT_EQ(bad(Dimension::bytes, "-"), "it begins with no number");
    EXPECT_EQ(bad(Dimension::bytes, "010 B"), "a leading zero");
    EXPECT_EQ(bad(Dimension::bytes, "0.5 B"), "it is no whole number of B");
    EXPECT_EQ(bad(Dimension::time, "0.1 fs"), "it is no whole number of fs");
    EXPECT_EQ(bad(Dimension::bytes, "9999999999999 TiB"), "it is too large");
    EXPECT_EQ(bad(Dimension::bytes, "1e999 B"), "it is too large");
    EXPECT_EQ(bad(Dimension::power, "1e999 W"), "it is too large");
    EXPECT_EQ(bad(Dimension::power, "1e-999 W"), "it is too small");
    EXPECT_EQ(bad(Dimension::power, "1234567890123456789 W"), "more than 18 digits");
    EXPECT_EQ(bad(Dimension::power, "nan W"), "it begins with no number");
    EXPECT_EQ(bad(Dimension::power, "inf W"), "it begins with no number");
    EXPECT_EQ(bad(Dimension::power, ".inf"), "it begins with no number");
}

TEST(Quantity, HintsNameTheUnits) {
    EXPECT_EQ(hint(Dimension::frequency, "2 ghz"),
              "did you mean 'GHz'? write it as '2 GHz'; units: Hz, kHz, MHz or GHz");
    EXPECT_EQ(hint(Dimension::bytes, "32"),
              "write it as '32 MiB'; units: B, KB, MB, GB, TB, KiB, MiB, GiB or TiB");
    EXPECT_EQ(hint(Dimension::time, "010 ns"), "some tools read such a number as octal");
}

TEST(Quantity, TextInTheUnitKeptReadsBackTheSame) {
    const std::pair<Dimension, std::string> texts[] = {
        {Dimension::bytes, "3 KiB"},           {Dimension::time, "0.625 ns"},
        {Dimension::time_or_clocks, "14 tck"}, {Dimension::time_or_clocks, "max(2 tck, 5 ns)"},
        {Dimension::energy, "0.2 pJ"},         {Dimension::frequency, "1 GHz"},
        {Dimension::energy_per_bit, "7 pJ/B"}, {Dimension::area, "1.5 mm2"}};
    for (const auto& [dimension, text] : texts) {
        const Quantity once = good(dimension, text);
        EXPECT_EQ(good(dimension, to_string(dimension, once)), once) << text;
    }
    EXPECT_EQ(to_string(Dimension::bytes, good(Dimension::bytes, "1 KiB")), "1024 B");
}

TEST(Quantity, EveryDimensionHasLimitsItCanRead) {
    for (int i = 0; i <= static_cast<int>(Dimension::temperature); ++i) {
        const auto dimension = static_cast<Dimension>(i);
        EXPECT_TRUE(less(good(dimension, smallest(dimension)), good(dimension, largest(dimension))))
            << noun(dimension);
    }
}

}  // namespace
}  // namespace perfwatt

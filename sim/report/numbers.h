#pragma once

#include <cstdint>
#include <string>

namespace perfwatt {

/// A number for machines: at most 9 significant digits, the same bytes on any machine.
/// Fatal if not finite: JSON has no such number, and no result may be one.
[[nodiscard]] std::string exact_text(double value);

// Numbers for people: three significant digits and a prefix.
[[nodiscard]] std::string time_text(double ns);                ///< "1.23 ms"
[[nodiscard]] std::string energy_text(double pj);              ///< "12.3 mJ"
[[nodiscard]] std::string power_text(double watts);            ///< "7.50 W"
[[nodiscard]] std::string bytes_text(double bytes);            ///< "25.6 MB"
[[nodiscard]] std::string bandwidth_text(double bytes_per_s);  ///< "34.1 GB/s"
[[nodiscard]] std::string count_text(double count);            ///< "4.09 G"; "812"
[[nodiscard]] std::string percent_text(double fraction);       ///< "34.5 %"
[[nodiscard]] std::string ratio_text(double ratio);            ///< "1.24x"

}  // namespace perfwatt

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace perfwatt {

/// What a power or energy figure includes. Figures with different boundaries are not comparable.
enum class PowerBoundary : std::uint8_t {
    chip,       ///< the die alone
    chip_dram,  ///< the die and the memory it owns
    board,      ///< a card or module: with regulators, memory, link partners
    wall,       ///< the whole system at its plug
};

/// How much of a chip's description is public: A array, clock and memory; B all but one value that
/// is fitted or estimated; none where peak, memory and power were never published together.
enum class Trust : std::uint8_t { a, b, none };

[[nodiscard]] std::string_view to_string(PowerBoundary boundary);
[[nodiscard]] std::string_view to_string(Trust trust);
[[nodiscard]] std::optional<PowerBoundary> power_boundary_from(std::string_view name);
[[nodiscard]] std::optional<Trust> trust_from(std::string_view name);

}  // namespace perfwatt

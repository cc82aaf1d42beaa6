#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sim/arch/energy_tables.h"

namespace perfwatt::sram {

/// The transistors of the array: hp is fast and leaks watts, lstp hardly leaks, lop is between.
enum class Cell : std::uint8_t { hp, lop, lstp };

[[nodiscard]] std::string_view to_string(Cell cell);
[[nodiscard]] std::optional<Cell> cell_from(std::string_view name);

/// A memory made of `banks` equal, independent arrays of bytes/banks each.
struct Array {
    std::int64_t bytes = 0;
    std::int64_t width_bytes = 0;  ///< of one access to one bank
    int banks = 1;
    Cell cell = Cell::hp;
};

struct Cost {
    double read_pj = 0;   ///< one access of width_bytes
    double write_pj = 0;
    double access_ns = 0;
    double leakage_w = 0;  ///< all banks
    double area_mm2 = 0;   ///< all banks
    std::string source;
};

/// Prices on-chip memories from a table of CACTI 7 runs, by log-log interpolation in size and width
/// and by node; below the smallest node run (22 nm) gates scale as Stillmaker and Baas have them.
/// Dynamic energy goes with the square of the voltage, leakage power with the voltage.
class SramEnergy {
  public:
    explicit SramEnergy(const EnergyTables& tables) : tables_(tables) {}

    /// The bank's own access; the wires from the banks to their users are priced apart
    /// (EnergyTables::wire_bit_mm). Outside the table (1 KiB .. 32 MiB a bank, 8 .. 128 B) the
    /// nearest edge's slope is continued.
    [[nodiscard]] Cost cost(const Array& array, Silicon silicon) const;

  private:
    const EnergyTables& tables_;
};

}  // namespace perfwatt::sram

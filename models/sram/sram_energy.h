#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
    double read_pj = 0;  ///< one access of width_bytes, within its bank
    double write_pj = 0;
    double access_ns = 0;
    double leakage_w = 0;  ///< all banks
    double area_mm2 = 0;   ///< all banks
    /// From the middle of the banks to their edge, half the side of a square of area_mm2: how far
    /// data travel to their users, at EnergyTables::wire_bit_mm() a bit.
    double distance_mm = 0;
    std::string source;
};

/// Prices on-chip memories from a table of CACTI 7 runs by log-log interpolation: the fine grid of
/// the hp cell gives the shape in size and width, a coarser grid the other cells' ratio to it.
/// Between the nodes run (90 to 22 nm) the capacitance is interpolated. Below 22 nm it falls as
/// published accesses to 1 MiB do, area by measured bit cells, and leakage stays. Dynamic energy
/// goes with the square of the voltage, leakage power with the voltage.
class SramEnergy {
  public:
    /// Borrows the tables.
    explicit SramEnergy(const EnergyTables& tables) : tables_(tables) {}

    /// Outside the grid (1 KiB .. 32 MiB a bank, 8 .. 128 B) the slope at its edge continues.
    /// `silicon` is one that the tables do not refuse.
    [[nodiscard]] Cost cost(const Array& array, Silicon silicon) const;

  private:
    const EnergyTables& tables_;
};

/// One quantity of the table's single-bank runs at one of its nodes, interpolated to any size and
/// width. `without` leaves a run out: how well the others foretell it is the table's error.
enum class Quantity : std::uint8_t { read_pj, write_pj, access_ns, leakage_mw, area_mm2 };
[[nodiscard]] double interpolate(const std::vector<SramRow>& rows, int node_nm, Cell cell,
                                 Quantity quantity, double bytes, double width_bytes,
                                 const SramRow* without = nullptr);

}  // namespace perfwatt::sram

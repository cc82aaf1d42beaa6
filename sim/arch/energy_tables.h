#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/base/data_type.h"

namespace perfwatt {

/// What a circuit is made of: its price depends on both. The voltage is an input, so that a
/// lower clock at a lower voltage can be priced; 0 asks for the node's nominal voltage.
struct Silicon {
    double node_nm = 0;
    double voltage = 0;
};

/// The price of one action with where it came from. `source` starts with "estimated: " where
/// nobody published the figure.
struct EnergyPrice {
    double picojoules = 0;
    std::string source;
};

/// One figure somebody published: an energy at a node and a voltage.
struct EnergyAnchor {
    double node_nm = 0;
    double voltage = 0;
    double picojoules = 0;
    std::string source;
};

/// An action whose energy was published at one or more nodes.
struct EnergyQuantity {
    std::string name;                   ///< "multiply_int8", "wire_bit_mm"
    std::vector<EnergyAnchor> anchors;  ///< from the largest node to the smallest
};

/// Energy of a switching gate against voltage at one node, relative: a V^2 + b V + c.
struct NodeScaling {
    double node_nm = 0;
    double a = 0, b = 0, c = 0;
    double nominal_voltage = 0;
};

/// One run of CACTI: the cost of a memory of `bytes` in `banks` banks, `width_bytes` an access.
struct SramRow {
    std::int64_t bytes = 0;
    std::int64_t width_bytes = 0;
    int node_nm = 0;
    int banks = 1;
    std::string cell;  ///< "hp", "lop", "lstp"
    double read_pj = 0, write_pj = 0;
    double access_ns = 0, cycle_ns = 0;
    double leakage_mw = 0;
    double area_mm2 = 0;
    double voltage = 0;  ///< that CACTI assumes for this cell at this node
};

/// The priced actions of digital circuits, from published figures (configs/energy/). Pure data once
/// made; load_energy_tables() (energy_loader.h) reads them.
///
/// A figure at another node and voltage: E = C(node) V^2. C is interpolated between the nodes that
/// were published, log-log; beyond them it scales as a gate does after Stillmaker and Baas.
class EnergyTables {
  public:
    EnergyTables(std::vector<NodeScaling> nodes, std::vector<EnergyQuantity> quantities,
                 std::vector<SramRow> sram);

    /// One multiplication of this pair of types and the addition to its accumulator (32 bits for
    /// integers, fp32 for floats). A pair of different types costs what the wider one does.
    [[nodiscard]] EnergyPrice mac(DataType first, DataType second, Silicon silicon) const;
    /// One lane-operation of a vector unit: an addition and its operands to and from registers.
    [[nodiscard]] EnergyPrice vector_operation(DataType type, Silicon silicon) const;
    /// Writing one bit of a pipeline or operand register and reading it.
    [[nodiscard]] EnergyPrice register_bit(Silicon silicon) const;
    /// Moving one bit by one millimetre on the chip.
    [[nodiscard]] EnergyPrice wire_bit_mm(Silicon silicon) const;
    /// Any quantity by its name; fatal if there is none: names are checked on loading.
    [[nodiscard]] EnergyPrice price(const std::string& quantity, Silicon silicon) const;
    [[nodiscard]] bool has(const std::string& quantity) const;

    /// Why nothing can be priced for this silicon (a node beyond the tables, an absurd voltage), or
    /// nothing. Ask before the others, which take it for granted.
    [[nodiscard]] std::optional<std::string> refuses(Silicon silicon) const;
    /// The supply a node is used at where none is given; between nodes, interpolated.
    [[nodiscard]] double nominal_voltage(double node_nm) const;
    /// Energy of a gate at one node over that at another, each at its nominal voltage squared.
    [[nodiscard]] double capacitance_ratio(double to_nm, double from_nm) const;
    [[nodiscard]] const std::vector<SramRow>& sram() const { return sram_; }
    [[nodiscard]] const std::vector<EnergyQuantity>& quantities() const { return quantities_; }

  private:
    [[nodiscard]] double gate_capacitance(double node_nm) const;
    [[nodiscard]] const EnergyQuantity* find(const std::string& name) const;

    std::vector<NodeScaling> nodes_;  ///< from the largest to the smallest
    std::vector<EnergyQuantity> quantities_;
    std::vector<SramRow> sram_;
};

/// What every table must hold, beside a multiplication and an addition for each data type.
[[nodiscard]] std::vector<std::string> required_quantities();

}  // namespace perfwatt

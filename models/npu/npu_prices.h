#pragma once

#include <optional>

#include "models/npu/npu.h"
#include "sim/arch/energy_tables.h"

namespace perfwatt::npu {

/// Power the chip draws with its clock running and nothing to do, memories' leakage included.
struct IdlePower {
    double watts = 0;
    std::string source;
};

/// Prices of all that action_names() names, and the static power of all cores.
///   mac          a product and a sum (EnergyTables::mac)
///   mac_padding  a sum alone: a product of zero does not switch the multiplier
///   register     the streamed operand's bits (both operands' where outputs stay), and the partial
///                sum's where each cell hands it on or keeps it; a tree keeps it once a column
///   accumulator  a sum, and a word read and written in the memory at the unit, or in the cells'
///                registers where outputs stay
///   scratchpad   a bank's access and the wires from the middle of the banks to their edge
///   vector       a sum of the lane's width and its operands' registers
///   dma.byte     wires across the scratchpad
/// Static power is the idle power where it is known, of which the scratchpads' leakage is a part;
/// the leakage alone where it is not. `silicon` is one that the tables do not refuse.
[[nodiscard]] NpuPrices price_npu(const NpuSpec& spec, const std::optional<IdlePower>& idle,
                                  const EnergyTables& tables, Silicon silicon);

}  // namespace perfwatt::npu

#pragma once

#include <optional>

#include "models/gpu/gpu.h"
#include "sim/arch/energy_tables.h"

namespace perfwatt::gpu {

/// A power with where it comes from.
struct SourcedPower {
    double watts = 0;
    std::string source;
};

/// What of the power is not counted action by action.
struct PowerFile {
    /// Energy of clock trees, instructions and operand collectors, as a multiple of what the
    /// operations and memories themselves take.
    double switching_overhead = 1;
    std::string overhead_source;
    /// What it takes to have an operation done: instructions, operands' ways and the clock of what
    /// they pass. In additions of 32 bits: of one instruction of a vector lane, and of a cycle of
    /// an SM's tensor pipes, whose wires are as wide for eight bits as for sixteen: a type halves
    /// the energy of its products, not that of their cycle.
    double lane_overhead = 0, tensor_overhead = 0;
    std::string lane_source, tensor_source;
    std::optional<SourcedPower> idle;   ///< of the chip, its clock running
    std::optional<SourcedPower> board;  ///< of everything else on the board, losses included
};

/// Prices of all that action_names() names, each times (1 + switching overhead):
///   mac            a product and a sum (EnergyTables::mac); in tensor pipes a cycle of halves
///   shared.byte    a byte written to and read from an SM's shared memory
///   register.byte  eight bits into and out of a register
///   vector         an addition of 32 bits and its registers
///   l2.byte        a byte read from the L2 (16 banks) and the way from its middle to the edge
///   memory.byte    the way across the L2
/// and, without that factor, in additions of 32 bits:
///   issue.lane     an instruction of a vector lane: `lane_overhead`
///   issue.tensor   a cycle of an SM's tensor pipes: `tensor_overhead`
/// `silicon` is one that the tables do not refuse.
[[nodiscard]] GpuPrices price_gpu(const GpuSpec& spec, const PowerFile& power,
                                  const EnergyTables& tables, Silicon silicon);

}  // namespace perfwatt::gpu

#pragma once

#include <vector>

#include "models/npu/npu_spec.h"
#include "sim/arch/device.h"

namespace perfwatt::npu {

/// What the platform asks of an NPU beyond durations and counts; Npu's answers.

/// Cycles of a command in which no new operands stream: preloads not hidden, skew in and out, the
/// pipeline, the sequencer. The rest of its duration the unit works, or waits for its ports.
[[nodiscard]] Time fill_drain(const NpuSpec& spec, const Command& command);

/// Equal banks, one after another in the scratchpad's addresses; interleaved ones are as one bank
/// of all their bandwidth.
[[nodiscard]] ScratchpadGeometry scratchpad_geometry(const NpuSpec& spec);

[[nodiscard]] DmaPort dma_port(const NpuSpec& spec);

/// Appends each operand's bytes with its re-reads; partial sums spilled count at the output.
void bank_uses(const NpuSpec& spec, const Command& command, std::vector<BankUse>& uses);

/// SystemC modules: a matrix array for matrix units, a vector unit for vector units; DMA engines
/// and what else there may be are the engine's.
[[nodiscard]] const UnitFactory& unit_factory();

}  // namespace perfwatt::npu

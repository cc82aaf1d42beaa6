#pragma once

#include <cstdint>
#include <optional>

#include "models/npu/npu_spec.h"
#include "sim/base/sparsity.h"
#include "sim/program/program.h"

namespace perfwatt::npu {

/// What one tile of a contraction makes of a matrix unit. Bytes are those of the scratchpad ports.
struct MatrixWork {
    std::int64_t array_cycles = 0;       ///< preload that is not hidden, streaming, fill and drain
    std::int64_t port_cycles = 0;        ///< moving the bytes below through the scratchpad's ports
    std::int64_t passes = 0;             ///< times the held operand is exchanged
    std::int64_t executed_macs = 0;      ///< useful and padding: every cell, every streaming step
    std::int64_t first_bytes = 0;        ///< first operand read
    std::int64_t second_bytes = 0;       ///< second operand read
    std::int64_t spill_read_bytes = 0;   ///< partial sums fetched back from the scratchpad
    std::int64_t spill_write_bytes = 0;  ///< partial sums that do not fit the accumulators
    std::int64_t output_bytes = 0;       ///< finished outputs written
    std::int64_t accumulations = 0;      ///< partial sums added to one held in an accumulator
    std::int64_t carried = 0;  ///< by networks of cells: words times cells that their wires pass

    /// Through the scratchpad's ports.
    [[nodiscard]] std::int64_t moved_bytes() const {
        return first_bytes + second_bytes + spill_read_bytes + spill_write_bytes + output_bytes;
    }
    [[nodiscard]] std::int64_t cycles() const {
        return array_cycles > port_cycles ? array_cycles : port_cycles;
    }
};

/// The rate of a pair of types, or nothing where the unit lacks it.
[[nodiscard]] const TypeRate* rate_of(const MatrixSpec& spec, DataType first, DataType second);

/// Cycles, passes and traffic of one tile in closed form. With preload P, stream S and N passes:
///   held operand double-buffered:  P + sum of max(S, P) over all passes but the last + S + fill
///   otherwise:                     sum of (P + S + fill) over all passes
/// where fill = rows - 1 + columns - 1 (systolic), ceil(log2 rows) (tree) or 0 (broadcast), plus
/// pipeline_depth - 1. Output-stationary units drain P rows after a pass instead. Of a tile whose
/// first operand came while another streamed, only what S does not cover of the first P is left.
/// The tile's types must have a rate.
[[nodiscard]] MatrixWork matrix_work(const NpuSpec& spec, const Contract& tile);

/// MACs a second at which every cell is busy; 0 where the unit lacks the pair of types.
[[nodiscard]] std::int64_t peak_macs_per_second(const NpuSpec& spec, DataType first,
                                                DataType second);

/// Products of a reduction that a unit does with sparse weights: those it cannot skip.
[[nodiscard]] std::int64_t multiplied(const MatrixSpec& spec, const Sparsity& weights,
                                      std::int64_t reduction);

/// Products along the reduction that one pass covers: the multiple worth aligning a tile to.
[[nodiscard]] std::int64_t reduction_extent(const MatrixSpec& spec, const TypeRate& rate);

}  // namespace perfwatt::npu

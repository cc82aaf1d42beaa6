#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/base/data_type.h"
#include "sim/base/time.h"
#include "sim/config/reading.h"

namespace perfwatt {

/// How the units of a memory compute.
enum class PimStyle : std::uint8_t {
    lanes,  ///< lanes with registers: HBM-PIM, LPDDR-PIM
    tree,   ///< a multiplier for each element of a column, an adder tree and a buffer: GDDR6-AiM
};

/// A pair of types that the units multiply, and the columns a pass over the weights takes for it.
struct PimArithmetic {
    DataType weights = DataType::fp16;
    DataType inputs = DataType::fp16;
};

/// Rows that mean something else than data: modes are changed and registers written through them.
struct PimRows {
    std::int64_t park = -1;       ///< where banks are left while modes change
    std::int64_t enter = -1;      ///< a write here, in four banks: from one bank to all banks
    std::int64_t leave = -1;      ///< and back
    std::int64_t registers = -1;  ///< program, operands and control registers
    std::int64_t zero = -1;       ///< holds zeros, for sums in memory
};

/// Picojoules each.
struct PimPrices {
    Sourced<double> mac;            ///< of a lane at the widest of its types
    Sourced<double> cell_bit;       ///< a bit between the cells and the unit
    Sourced<double> input_bit;      ///< a bit from the pins to the units
    Sourced<double> output_bit;     ///< a bit from the units to the pins
    Sourced<double> register_bit;   ///< a bit into or out of a register or buffer
    Sourced<double> activate_bank;  ///< a row of one bank, opened and closed for the units
};

/// Processing units in the banks of a memory: the `pim:` map of its YAML, and what the rest of that
/// file says that they depend on. Plain data, so that neither DRAM nor PIM includes the other.
struct PimSpec {
    PimStyle style = PimStyle::lanes;
    int units = 0;           ///< of a rank of a pseudo channel
    int banks_per_unit = 1;  ///< 2: even and odd banks take turns
    std::vector<PimArithmetic> arithmetic;
    int program_entries = 32;  ///< of the instruction memory
    int program_instructions_per_burst = 8;
    int inputs = 8;                 ///< registers for operands, a column wide each
    int results = 8;                ///< registers for sums, a column wide each
    bool reduces = false;           ///< lanes are added up in the unit; else the host does it
    int scalars = 0;                ///< registers for a scalar each
    std::int64_t buffer_bytes = 0;  ///< shared by all units, of tree style
    int row_buffers = 1;        ///< of a bank; 2: one of them is the units' own, host beside jobs
    int activate_banks = 0;     ///< rows that may be opened by one command; 0: all of a set
    Time fence;                 ///< that a barrier between groups of commands takes
    int fence_every = 8;        ///< columns between barriers; 0: none
    bool close_unused = false;  ///< rows not needed before the next barrier are closed
    bool in_order = false;      ///< commands go out in program order
    PimRows rows;
    PimPrices prices;

    // From the memory it is part of.
    int bank_groups = 1;
    int banks = 0;  ///< of a rank
    std::int64_t rows_per_bank = 0;
    std::int64_t columns = 0;           ///< of a row, of `column_bytes` each
    std::int64_t column_bytes = 32;     ///< moved by one command in each bank: a burst
    int channels = 1;                   ///< pseudo channels with ranks of their own count each
    std::int64_t bytes_per_second = 0;  ///< at the pins, all channels
    std::int64_t internal_bytes_per_second = 0;  ///< at the units, all channels
    Time column_interval;                        ///< between all-bank column commands
    Time row_cost;                               ///< that going to another row adds to the columns
    Time turn_cost;                              ///< the same after columns were written
    Time mode_cost;                              ///< of a mode register
    Time beside_cost;           ///< that a row of theirs keeps the host from its own
    double refresh_factor = 1;  ///< by which refreshes stretch the time, on average
    bool folding = true;        ///< channels that do the same are simulated once
    std::vector<std::string> estimated;

    /// The same memory with so many channels.
    [[nodiscard]] PimSpec of_channels(int count) const {
        PimSpec spec = *this;
        spec.channels = count;
        spec.bytes_per_second *= count;
        spec.internal_bytes_per_second *= count;
        return spec;
    }
    /// Host and units use a bank at the same time.
    [[nodiscard]] bool concurrent() const { return row_buffers > 1; }
    [[nodiscard]] int sets() const { return banks_per_unit; }
    [[nodiscard]] int lanes(DataType type) const {
        return static_cast<int>(column_bytes * 8) / bits(type);
    }
    [[nodiscard]] bool computes(DataType weights, DataType inputs_type) const {
        for (const PimArithmetic& pair : arithmetic)
            if (pair.weights == weights && pair.inputs == inputs_type) return true;
        return false;
    }
    /// Rows that hold data: those not reserved by `rows`.
    [[nodiscard]] std::int64_t data_rows() const;
    [[nodiscard]] std::int64_t capacity_bytes() const {
        return data_rows() * columns * column_bytes * banks * channels;
    }
};

}  // namespace perfwatt

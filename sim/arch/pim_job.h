#pragma once

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "sim/arch/pim_spec.h"
#include "sim/base/diagnostics.h"
#include "sim/program/pim_kernel.h"

namespace perfwatt {

/// Why a command of a job goes out; lines of the breakdown.
enum class PimPhase : std::uint8_t { mode, layout, broadcast, compute, readout };
inline constexpr int kPimPhases = 5;

/// What a command is for the device, by the names of its standard's tables.
enum class PimCommand : std::uint8_t {
    bank_read,       ///< RD of one bank
    bank_write,      ///< WR of one bank
    read,            ///< PIM_RD: a column of all banks of a set into their units
    write,           ///< PIM_WR: a column of all banks of a set, from the units or the pins
    multiply,        ///< PIM_EW: element by element, back into the banks
    activation,      ///< PIM_AF
    buffer_write,    ///< PIM_WRB: from the pins to the shared buffer
    register_write,  ///< PIM_WRR: from the pins to the sums
    register_read,   ///< PIM_RDR: from the sums to the pins
    copy_read,       ///< PIM_RDC: a column of one bank to the buffer
    copy_write,      ///< PIM_WRC: a column of the buffer to one bank
    mode,            ///< PIM_MODE: a mode register
};

/// What units do with a step's columns, for the check on numbers.
enum class PimAction : std::uint8_t {
    none,
    clear,       ///< sums to zero
    load_input,  ///< operand register i of all units, or the buffer, from the pins
    load_scalar,
    fill,      ///< register i from the bank
    mac,       ///< a sum += operand x bank
    add,       ///< register i += bank
    multiply,  ///< register i *= bank
    relu,      ///< register i = max(bank, 0)
    scale,     ///< register i = scale x bank + shift
    store,     ///< register i or sum i to the bank
    read_sum,  ///< sums of all units to the pins
};

/// `count` neighbouring columns of one row, one command each.
struct PimStep {
    PimCommand command = PimCommand::read;
    PimPhase phase = PimPhase::compute;
    PimAction action = PimAction::none;
    std::int16_t bank = 0;  ///< of one bank in its rank, or the set
    std::int16_t count = 1;
    bool fence = false;        ///< nothing after it starts before all of it has gone out
    bool operand_bus = false;  ///< data cross the pins
    std::int32_t index = 0;    ///< of the register, tile or vector that the action is about
    std::int64_t row = 0;
    std::int64_t column = 0;
};

/// What one channel does for a kernel, and what that amounts to.
struct PimProgram {
    std::vector<PimStep> steps;
    std::int64_t macs = 0;           ///< of all units of a channel, padding included
    std::int64_t laid_out = 0;       ///< bursts of new elements of a growing matrix, a channel
    std::int64_t broadcasts = 0;     ///< bursts from the pins to units
    std::int64_t reads_back = 0;     ///< bursts of results that the host fetches, a channel
    std::int64_t partials = 0;       ///< additions left to the host, all channels
    std::int64_t output_values = 0;  ///< of all channels, without padding
    std::int64_t rows = 0;           ///< of each bank that data and results take
};

/// The commands of a kernel, or why it cannot run: a type the units lack, a program that their
/// registers do not hold, a matrix beyond the banks.
[[nodiscard]] std::variant<PimProgram, Infeasible> pim_program(const PimSpec& spec,
                                                               const PimKernel& kernel);

/// Outputs of a gemv that all units of all channels work on at a time.
[[nodiscard]] std::int64_t pim_tile_outputs(const PimSpec& spec, const PimKernel& kernel);
/// Where a program keeps what a caller must know: inputs of a tile, columns of results a unit
/// stores for a tile and a vector, and the row of a bank that holds the n-th row of data.
[[nodiscard]] std::int64_t pim_tile_inputs(const PimSpec& spec, const PimKernel& kernel);
[[nodiscard]] std::int64_t pim_result_columns(const PimSpec& spec, const PimKernel& kernel);
[[nodiscard]] std::int64_t pim_data_row(const PimSpec& spec, std::int64_t row);
/// MACs that all units do for a gemv, padding included.
[[nodiscard]] std::int64_t pim_executed_macs(const PimSpec& spec, const PimKernel& kernel);
/// What a program takes, about: each column and each change of row in turn, refreshes on average.
[[nodiscard]] Time pim_estimate(const PimSpec& spec, const PimProgram& program);

/// Where an element of a gemv's matrix lies: in which channel, bank (of the rank), row, column and
/// place in the column. The layout that pim_program() assumes.
struct PimPlace {
    int channel = 0;
    int bank = 0;
    std::int64_t row = 0;
    std::int64_t column = 0;
    int lane = 0;
};
[[nodiscard]] PimPlace pim_weight_place(const PimSpec& spec, const PimKernel& kernel,
                                        std::int64_t output, std::int64_t input);

/// Rows of each bank that a kernel's data take.
[[nodiscard]] std::int64_t pim_rows(const PimSpec& spec, const PimKernel& kernel);

/// A kernel for the units of a memory, as it is handed over.
struct PimJob {
    PimKernel kernel;
    int layer = -1;
    std::uint64_t id = 0;  ///< given back in the completion
};

}  // namespace perfwatt

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace perfwatt::dram {

/// A whole number of command-clock ticks. HBM3 counts half clocks, all others whole ones.
using Tick = std::int64_t;

inline constexpr Tick kNever = Tick{1} << 60;

/// What a controller sends to a device. A two-part activate is one command here: both parts go out
/// back to back.
enum class Command : std::uint8_t {
    activate,
    precharge,
    precharge_all,
    read,
    write,
    read_precharge,   ///< read with auto-precharge
    write_precharge,  ///< write with auto-precharge
    refresh_all,
    refresh_bank,
    refresh_same_bank,
    power_down_enter,
    power_down_exit,
    self_refresh_enter,
    self_refresh_exit,
    manage_all,  ///< refresh management (RFM): time for devices to look after busy rows
    manage_bank,
    manage_same_bank,
    // To processing units in the banks. A set is every n-th bank of a rank, or all of them.
    pim_activate,        ///< a row in all banks of a set, or as many of them as may at once
    pim_precharge,       ///< all banks of a set
    pim_read,            ///< a column of each bank of a set into its unit
    pim_write,           ///< a column of each bank of a set, from its unit or from the pins
    pim_multiply,        ///< a column of some banks times another, into a third
    pim_table,           ///< an activation function from a table in a row
    pim_write_buffer,    ///< from the pins into the units' shared buffer
    pim_write_register,  ///< from the pins into the units' registers
    pim_read_register,   ///< and back
    pim_copy_read,       ///< a column of one bank into the buffer
    pim_copy_write,      ///< and back
    pim_mode,            ///< a mode register that units obey
};

inline constexpr int kCommands = 29;

/// The nodes of a channel, widest first. A constraint holds between two commands that meet in the
/// same node of its level.
enum class Level : std::uint8_t { channel, pseudo_channel, rank, bank_group, bank };

inline constexpr int kLevels = 5;

/// ACT, PRE, PREA, RD, WR, RDA, WRA, REFAB, REFPB, REFSB, PDE, PDX, SRE, SRX, RFMAB, RFMPB, RFMSB,
/// PIM_...
[[nodiscard]] std::string_view to_string(Command command);
[[nodiscard]] std::optional<Command> command_from(std::string_view name);
[[nodiscard]] std::string_view to_string(Level level);
[[nodiscard]] std::optional<Level> level_from(std::string_view name);

[[nodiscard]] constexpr int index(Command command) { return static_cast<int>(command); }
[[nodiscard]] constexpr int index(Level level) { return static_cast<int>(level); }

[[nodiscard]] constexpr bool is_read(Command command) {
    return command == Command::read || command == Command::read_precharge;
}
[[nodiscard]] constexpr bool is_write(Command command) {
    return command == Command::write || command == Command::write_precharge;
}
[[nodiscard]] constexpr bool is_column(Command command) {
    return is_read(command) || is_write(command);
}
[[nodiscard]] constexpr bool refreshes_some_banks(Command command) {
    return command == Command::refresh_bank || command == Command::refresh_same_bank ||
           command == Command::manage_bank || command == Command::manage_same_bank;
}
/// Acts on a set of banks at once for processing in memory.
[[nodiscard]] constexpr bool acts_on_set(Command command) {
    return command >= Command::pim_activate && command <= Command::pim_table;
}
[[nodiscard]] constexpr bool takes_some_banks(Command command) {
    return refreshes_some_banks(command) || acts_on_set(command);
}
/// Speaks to units and not to banks.
[[nodiscard]] constexpr bool acts_on_units(Command command) {
    return (command >= Command::pim_write_buffer && command <= Command::pim_read_register) ||
           command == Command::pim_mode;
}
/// A refresh, or refresh management, of a whole rank.
[[nodiscard]] constexpr bool refreshes_rank(Command command) {
    return command == Command::refresh_all || command == Command::manage_all;
}

}  // namespace perfwatt::dram

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "models/dram/commands.h"
#include "sim/arch/pim_spec.h"
#include "sim/base/diagnostics.h"
#include "sim/base/time.h"
#include "sim/config/quantity.h"

namespace perfwatt::dram {

/// What hangs on one channel. Counts are of one node in the node above it.
struct Organization {
    int pseudo_channels = 1;
    int ranks = 1;  ///< stack IDs of an HBM count as ranks
    int bank_groups = 1;
    int banks = 8;  ///< in a bank group
    std::int64_t rows = 0;
    std::int64_t columns = 0;  ///< of `width_bits` each
    int width_bits = 16;       ///< data pins of a pseudo channel
    int burst_length = 16;     ///< beats
    int devices_per_rank = 1;  ///< that share an access; energies are given for one

    [[nodiscard]] int banks_per_rank() const { return bank_groups * banks; }
    [[nodiscard]] int total_banks() const { return pseudo_channels * ranks * banks_per_rank(); }
    [[nodiscard]] std::int64_t burst_bytes() const {
        return std::int64_t{width_bits} * burst_length / 8;
    }
    [[nodiscard]] std::int64_t row_bytes() const { return columns * width_bits / 8; }
    [[nodiscard]] std::int64_t bursts_per_row() const { return row_bytes() / burst_bytes(); }
    /// Of one channel.
    [[nodiscard]] std::int64_t capacity_bytes() const { return row_bytes() * rows * total_banks(); }
};

/// A named time: a span, a number of clocks, or the longer of both, as data sheets give it.
struct TimingParameter {
    std::string name;
    TimeOrClocks span;
    std::string source;  ///< "estimated: why" where nobody published it
};

/// How a command goes over its bus.
struct CommandForm {
    int ticks = 1;  ///< bus occupancy
    int bus = 0;    ///< 0, or 1 for the column bus of an HBM
    /// Constraints count from the command's last tick, as data sheets do, or from its first.
    bool counts_from_last = true;
};

/// `to` may follow `from` in the same node of `level` (with `sibling`: in another node of the same
/// parent) once `wait` has passed; with `window` n, counted from the n-th last `from`.
struct Constraint {
    Level level = Level::bank;
    std::vector<Command> from;
    std::vector<Command> to;
    std::string wait;  ///< a sum of parameters and clocks: "tWL + tBL + tWR"
    int window = 1;
    bool sibling = false;
    std::string source;
};

/// The clock that data follow (LPDDR5): a column command that finds it stopped needs a CAS before.
struct WckSync {
    bool needed = false;
    std::string runs_for;  ///< after the last datum: a sum, as in Constraint::wait
    /// CAS may go out before the column command is ready, so that it costs no time.
    bool early = true;
};

enum class RefreshMode : std::uint8_t { none, all_bank, per_bank, same_bank };

/// Refresh management (RFM): a bank that has been activated often between refreshes is given time
/// of its own. A count a bank (RAA) rises with each activate; at `initial` (RAAIMT) management is
/// due, at `maximum` (RAAMMT) no activate is allowed any more.
struct ManagementPolicy {
    RefreshMode mode = RefreshMode::none;  ///< what one command covers
    int initial = 0;
    int maximum = 0;
    int per_refresh = 0;     ///< taken off the count by a refresh of the bank
    int per_management = 0;  ///< … and by management
    bool postpone = false;   ///< while requests wait for the bank, up to `maximum`
};

/// Above so many degrees Celsius refreshes come `divisor` times as often.
struct HotRefresh {
    int above = 0;
    double divisor = 1;
};

/// What becomes of accesses whose rows have been opened when a refresh of their rank falls due.
enum class OpenedAccess : std::uint8_t { served, waits };

struct RefreshPolicy {
    RefreshMode mode = RefreshMode::all_bank;
    int max_postponed = 0;          ///< intervals a busy rank may fall behind
    int banks_at_once = 1;          ///< that a per-bank refresh takes: 2 of LPDDR5
    double first = 1;               ///< the first is due after this part of an interval
    bool yields_to_writes = false;  ///< it waits while only writes are queued, eight at most
    OpenedAccess opened = OpenedAccess::served;
    bool staggered = false;       ///< ranks and pseudo channels in turn, not all at once
    bool blocks_channel = true;   ///< a due refresh holds up every bank, not only those it needs
    double interval_divisor = 1;  ///< on top of what the temperature asks for
    int temperature = 45;         ///< of the case, degrees Celsius
    std::vector<HotRefresh> hot;
    ManagementPolicy management;

    /// Of tREFI, at its temperature.
    [[nodiscard]] double divisor() const;
};

/// What refreshes in a mode; REFAB where there is none.
[[nodiscard]] constexpr Command refresh_command(RefreshMode mode) {
    return mode == RefreshMode::per_bank    ? Command::refresh_bank
           : mode == RefreshMode::same_bank ? Command::refresh_same_bank
                                            : Command::refresh_all;
}

/// … and what manages refresh in it; RFMAB where there is none.
[[nodiscard]] constexpr Command management_command(RefreshMode mode) {
    return mode == RefreshMode::per_bank    ? Command::manage_bank
           : mode == RefreshMode::same_bank ? Command::manage_same_bank
                                            : Command::manage_all;
}

enum class PagePolicy : std::uint8_t { open, closed, adaptive };

struct PowerPolicy {
    std::int64_t power_down_after = 0;    ///< idle clocks; 0: never
    std::int64_t self_refresh_after = 0;  ///< idle clocks; 0: never
    bool keep_rows_open = false;          ///< in power-down (active power-down)
};

/// A master's claim on the channel; masters without one weigh 1 at priority 0.
struct MasterShare {
    int master = 0;
    int weight = 1;
    int priority = 0;  ///< higher goes first whenever ready at the same time
};

enum class QueueScope : std::uint8_t { channel, pseudo_channel };

struct ControllerPolicy {
    QueueScope queues = QueueScope::channel;  ///< what has a read and a write queue of its own
    int read_queue = 32;
    int write_queue = 32;
    double write_high = 0.8;  ///< start to drain above this fill
    double write_low = 0.2;   ///< stop below it, when reads wait
    PagePolicy page = PagePolicy::open;
    bool row_hits_first = false;  ///< never close a row that an older request in the queue hits
    std::int64_t age_limit = 0;   ///< clocks after which a request goes first; 0: never
    std::vector<MasterShare> masters;
};

/// One price: picojoules each, or milliwatts of a state, for one device.
struct EnergyValue {
    double value = 0;
    std::string source;
};

/// Per device. Read, write and I/O are picojoules a bit, activate … refresh picojoules each,
/// states milliwatts.
struct EnergyPrices {
    EnergyValue activate, precharge, read, write, read_io, write_io;
    EnergyValue refresh_all, refresh_bank;
    EnergyValue active_standby, precharged_standby, power_down, active_power_down, self_refresh;
};

struct EnergySpec {
    EnergyPrices typical;
    EnergyPrices maximum;
};

enum class EnergyCorner : std::uint8_t { typical, maximum };

/// A DRAM standard at one speed: nothing here is known to the code by name.
struct DramSpec {
    std::string name;
    std::string description;
    std::string standard;  ///< "LPDDR5"
    Organization organization;
    Clock clock;  ///< of the commands
    int ticks_per_clock = 1;
    std::int64_t transfers_per_second = 0;  ///< of a data pin
    std::vector<TimingParameter> timing;
    std::array<CommandForm, kCommands> forms;
    bool two_part_activate = false;  ///< logged as ACT1 and ACT2
    std::vector<Constraint> constraints;
    WckSync wck;
    RefreshPolicy refresh;
    PowerPolicy power;
    ControllerPolicy controller;
    std::string address_mapping;            ///< fields, highest address bits first
    std::vector<std::string> address_hash;  ///< "bank ^ row"
    EnergySpec energy;
    std::optional<PimSpec> pim;          ///< units in the banks
    std::vector<std::string> estimated;  ///< paths of values nobody published

    [[nodiscard]] Clock tick_clock() const { return Clock{clock.hertz() * ticks_per_clock}; }
    /// Pairs of a read and a write queue.
    [[nodiscard]] int queues_per_channel() const {
        return controller.queues == QueueScope::channel ? 1 : organization.pseudo_channels;
    }
    /// Bytes a second of one channel, all its pseudo channels together.
    [[nodiscard]] std::int64_t peak_bytes_per_second() const;
    [[nodiscard]] const TimingParameter* find(const std::string& parameter) const;
    /// A parameter in ticks, rounded up. Throws UserError if there is none of that name.
    [[nodiscard]] Tick ticks(const std::string& parameter) const;
    /// One that must not be exceeded, such as tREFI, rounded down: a clock too many each time would
    /// add up.
    [[nodiscard]] Tick ticks_at_most(const std::string& parameter) const;
    /// A sum such as "tRL + tBL + 2 - tWL" in ticks; bare numbers are clocks.
    [[nodiscard]] Tick evaluate(const std::string& sum) const;
};

/// What is impossible (errors) or unwise (warnings) in a standard, with the figures. Never throws.
[[nodiscard]] std::vector<Diagnostic> lint(const DramSpec& spec);

/// A standard in figures, for readers: name and value with its unit.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> facts(const DramSpec& spec);

}  // namespace perfwatt::dram

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "models/dram/timing_table.h"

namespace perfwatt::dram {

/// What the devices behind a channel have been told so far, and from when they may be told more.
/// It knows the protocol and nothing of queues or policies. Banks are numbered pseudo channel,
/// rank, bank group, bank, the last fastest.
class DeviceState {
  public:
    /// `sent`: a bit for each command that will ever be sent or asked for; no others are.
    explicit DeviceState(const TimingTable& table, std::uint32_t sent = ~std::uint32_t{0});
    [[nodiscard]] bool knows(Command command) const { return (sent_ >> index(command) & 1U) != 0; }

    /// The first tick at which `command` may start, as far as constraints and its bus go. For
    /// commands to a whole rank, `bank` is any bank of it.
    [[nodiscard]] Tick earliest(Command command, int bank) const {
        if (takes_some_banks(command)) [[unlikely]]
            return earliest_of_set(command, bank);
        const auto c = static_cast<std::size_t>(command);
        const std::uint32_t* nodes = &nodes_[at(bank) * kLevels];
        const std::size_t levels = level_count_[c];
        Tick tick = bus_free_[bus(command)];
        for (std::size_t i = 0; i < levels; ++i) tick = std::max(tick, next_[nodes[i] + c]);
        return tick;
    }

    // earliest() of a command to one bank in parts, for whoever asks for many banks: bus_free(),
    // what all banks of a family (a bank group, or what stands for it) wait for, the bank's own.
    /// The second, for each family of a rank, `stride` ticks apart.
    void find_shared(Command command, int first_bank, Tick* shared, std::size_t stride) const {
        const auto c = static_cast<std::size_t>(command);
        const Tick* next = next_.data();
        const std::uint32_t* nodes = &nodes_[at(first_bank) * kLevels];
        const std::uint32_t* end = nodes + at(banks_per_rank_) * kLevels;
        const std::size_t last = shared_places_ == 0 ? 0 : shared_places_ - 1;
        Tick of_rank = 0;
        for (std::size_t i = 0; i < last; ++i) of_rank = std::max(of_rank, next[nodes[i] + c]);
        for (; nodes != end; nodes += at(banks_per_family_) * kLevels) {
            *shared = std::max(of_rank, next[nodes[last] + c]);
            shared += stride;
        }
    }
    /// The same for the family of one bank.
    [[nodiscard]] Tick shared_earliest(Command command, int bank) const {
        const auto c = static_cast<std::size_t>(command);
        const std::uint32_t* nodes = &nodes_[at(bank) * kLevels];
        Tick tick = 0;
        for (std::size_t i = 0; i < shared_places_; ++i) tick = std::max(tick, next_[nodes[i] + c]);
        return tick;
    }
    /// Whether `from` can hold up `to` of other banks.
    [[nodiscard]] bool shares_wait(Command from, Command to) const;
    /// Banks of which the first may hold up the others: of a pseudo channel, mostly.
    [[nodiscard]] int banks_that_share() const;
    [[nodiscard]] Tick own_earliest(Command command, int bank) const {
        return next_[nodes_[at(bank) * kLevels + shared_places_] +
                     static_cast<std::size_t>(command)];
    }
    [[nodiscard]] int banks_per_family() const { return banks_per_family_; }
    /// A command to a bank may hold up another bank by itself.
    [[nodiscard]] bool banks_are_siblings() const { return banks_are_siblings_; }

    /// Records that `command` starts at `at`. `row` is used by activates only.
    void issue(Command command, int bank, std::int64_t row, Tick at);

    /// Keeps a command's bus busy for what is no command of its own: ACT1, ACT2.
    void occupy_bus(Command command, Tick at_tick, int ticks) {
        bus_free_[bus(command)] = at_tick + ticks;
    }
    [[nodiscard]] Tick bus_free(Command command) const { return bus_free_[bus(command)]; }

    [[nodiscard]] std::int64_t open_row(int bank) const { return open_row_[at(bank)]; }
    [[nodiscard]] bool is_open(int bank) const { return open_row_[at(bank)] >= 0; }
    [[nodiscard]] int open_banks(int rank_node) const { return open_banks_[at(rank_node)]; }
    // Rows that units have opened: in buffers of their own, or the ones of the banks.
    [[nodiscard]] std::int64_t pim_row(int bank) const {
        return table_->pim_rows ? pim_row_[at(bank)] : open_row_[at(bank)];
    }
    /// Rows in the units' own buffers.
    [[nodiscard]] int pim_open_banks(int rank_node) const { return pim_open_[at(rank_node)]; }
    /// Lets no command of the kind start in the rank before `until`, for whatever reason.
    void put_off(Command command, int rank_node, Tick until) {
        Tick& next = node(static_cast<std::size_t>(Level::rank),
                          rank_node * banks_per_rank_)[static_cast<std::size_t>(command)];
        next = std::max(next, until);
    }
    [[nodiscard]] int rank_of(int bank) const { return rank_of_[at(bank)]; }
    [[nodiscard]] int banks_per_rank() const { return banks_per_rank_; }
    /// Calls `visit` with each bank that a refresh of `bank` takes, or a command for processing in
    /// memory that names `bank`.
    template <class Visit>
    void for_each_refreshed(Command command, int bank, Visit visit) const {
        const int first = rank_of(bank) * banks_per_rank_;
        const int stride = table_->refresh_stride[static_cast<std::size_t>(command)];
        int begin = (bank - first) % stride;
        int end = banks_per_rank_;
        const int at_once = table_->pim_activate_banks;
        if (command == Command::pim_activate && at_once > 0) {
            begin += (bank - first) / stride / at_once * at_once * stride;
            end = std::min(end, begin + at_once * stride);
        }
        for (int i = begin; i < end; i += stride) visit(first + i);
    }
    [[nodiscard]] int ranks() const { return static_cast<int>(open_banks_.size()); }
    [[nodiscard]] const TimingTable& table() const { return *table_; }

  private:
    static std::size_t at(int i) { return static_cast<std::size_t>(i); }
    [[nodiscard]] std::size_t bus(Command command) const {
        return at(table_->bus[static_cast<std::size_t>(command)]);
    }
    Tick* node(std::size_t level, int bank) {
        return &next_[nodes_[at(bank) * kLevels + place_[level]]];
    }
    [[nodiscard]] Tick earliest_of_set(Command command, int bank) const;
    void apply_rules(Command command, int bank, Tick at);
    void apply_windows(Command command, int bank, Tick at);
    void apply_siblings(Command command, int bank, Tick at);
    void close(int bank);
    void set_pim_row(int bank, std::int64_t row);
    template <class Visit>
    void for_each_target(Command command, int bank, Visit visit) const;

    const TimingTable* table_;
    std::uint32_t sent_;
    int banks_per_rank_;
    std::array<std::size_t, kCommands> level_count_{};  ///< levels that bind a command
    std::array<std::size_t, kLevels> place_{};  ///< of a level among those with nodes of their own
    std::vector<std::uint32_t> nodes_;  ///< [bank][place]: where a node's row of next_ begins
    std::size_t shared_places_ = 0;     ///< all but the last
    int banks_per_family_ = 1;
    bool banks_are_siblings_ = false;
    struct PlacedRule {
        std::uint16_t place = 0;  ///< in nodes_
        std::uint16_t to = 0;
        std::int32_t wait = 0;
    };
    /// table_->rules; the second for every bank that the command takes.
    std::array<std::vector<PlacedRule>, kCommands> rules_, deep_rules_;
    std::uint32_t windowed_ = 0, sibling_ = 0;  ///< commands from which such rules count
    std::vector<std::int32_t> rank_of_;
    std::vector<Tick> next_;  ///< [node][command]
    std::array<Tick, 2> bus_free_{};
    std::vector<std::int64_t> open_row_;
    std::vector<int> open_banks_;             ///< by rank
    std::vector<std::int64_t> pim_row_;       ///< by bank, of the units' own buffers
    std::vector<int> pim_open_;               ///< by rank, of those
    std::vector<std::vector<Tick>> history_;  ///< by window rule: [node][window], a ring
    std::vector<std::vector<int>> history_at_;
};

}  // namespace perfwatt::dram

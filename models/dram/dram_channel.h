#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "models/dram/command_log.h"
#include "models/dram/device_state.h"
#include "models/dram/dram_counters.h"
#include "models/dram/dram_spec.h"
#include "models/dram/refresh_management.h"
#include "models/dram/request_queues.h"

namespace perfwatt::dram {

/// One channel: its devices, queues, refresh and scheduler. It jumps from command to command.
///
/// First-ready, first-come-first-served: of all commands that queued requests of the current
/// direction need next, the one that may start first is issued; among those of one tick the one
/// of a request whose row has been opened, then of a due refresh, then of the highest priority,
/// then of the oldest request. Writes are drained between two watermarks.
class DramChannel {
  public:
    /// Borrows table and log (which may be null).
    DramChannel(const DramSpec& spec, const TimingTable& table, int index, CommandLog* log);

    /// Whether the queue that a request to this bank joins has room.
    [[nodiscard]] bool can_accept(bool write, int bank) const {
        return !queues_.full(write, queues_.part_of(bank));
    }
    [[nodiscard]] int queue_of(int bank) const { return queues_.part_of(bank); }
    /// Queues a burst, which takes part in scheduling from the next tick.
    void accept(const BurstRequest& request, Tick at);

    /// A column command that has gone out.
    struct Served {
        std::uint32_t token = 0;
        bool write = false;
        bool column = false;      ///< false: some other command, nothing was served
        bool freed_slot = false;  ///< a queue that was full has room again
        int queue = 0;            ///< which: see queue_of()
        Tick at = 0;
        Tick data_end = 0;
    };

    /// The tick of the next command, kNever when there is nothing to do before refresh_due().
    [[nodiscard]] Tick next_command() {
        if (stale_) choose();
        return best_.time;
    }
    /// Issues the command of next_command().
    Served issue_next();

    [[nodiscard]] Tick refresh_due() const { return refresh_due_; }
    /// Puts the refresh of refresh_due() into force.
    void start_refresh();

    /// Runs commands, refreshes and arrivals before `limit`. The source says when its next burst
    /// could come (`Tick next_arrival(const DramChannel&)`), hands it over (`BurstRequest
    /// take(Tick)`) and learns of service (`void served(const Served&)`).
    template <class Source>
    void run(Source& source, Tick limit) {
        while (step(source, limit)) {
        }
    }
    /// The same, but no further than to the first completion that the source has learnt of
    /// (`Tick first_completion()`); returns the tick reached.
    template <class Source>
    Tick run_to_completion(Source& source, Tick limit) {
        while (step(source, limit)) limit = std::min(limit, source.first_completion());
        return limit;
    }
    /// When run() would do something next.
    template <class Source>
    [[nodiscard]] Tick next_event(Source& source) {
        return std::min({source.next_arrival(*this), next_command(), refresh_due_});
    }
    /// Runs until nothing is queued and the source has nothing more.
    template <class Source>
    void run_dry(Source& source) {
        while (!idle() || source.next_arrival(*this) < kNever) step(source, kNever);
    }

    /// Accounts for standby up to `end`; there must be nothing left to do.
    void finish(Tick end);

    // For jobs of units in the banks, which have the channel while no request is queued: see
    // PimSequencer. Ranks are awake, commands in order.
    /// Wakes the rank; the tick from which it takes commands.
    Tick pim_wake(Tick at);
    void pim_send(Command command, int bank, std::int64_t row, std::int64_t column, Tick at,
                  int layer);
    [[nodiscard]] bool refresh_pending() const { return !pending_.empty(); }
    /// The pending refresh, once all rows are closed.
    void pim_refresh(Tick at);
    /// Units with row buffers of their own work, or work no longer: the rank stays awake, and
    /// refreshes wait for their rows to be closed.
    void pim_busy(bool busy) {
        units_busy_ = busy;
        stale_ = true;
    }
    /// The command of next_command().
    [[nodiscard]] Command pim_neighbour() {
        if (stale_) choose();
        return best_.command;
    }
    /// Lets no such command of the host start before `until`.
    void pim_put_off(Command command, Tick until) {
        device_.put_off(command, 0, until);
        stale_ = true;
    }
    void pim_data(Tick ticks, Tick end) {
        data_ticks_ += ticks;
        last_data_end_ = std::max(last_data_end_, end);
    }
    /// What another channel did since it stood as this one does: this one did the same.
    void pim_repeat(const DramChannel& other, const DramCounters& before, Tick data_before);

    /// Does without what was remembered or shortened, as if every step had to be found anew:
    /// slower, and for tests that compare.
    void be_plain() { quick_ = false; }

    [[nodiscard]] bool idle() const { return queues_.empty(); }
    [[nodiscard]] const RequestQueues& queues() const { return queues_; }
    [[nodiscard]] const DeviceState& device() const { return device_; }
    [[nodiscard]] const DramCounters& counters() const { return counters_; }
    [[nodiscard]] Tick now() const { return now_; }
    /// Ticks for which data were on the pins of all pseudo channels, by commands up to now().
    [[nodiscard]] Tick data_ticks() const { return data_ticks_; }
    [[nodiscard]] Tick last_data_end() const { return last_data_end_; }

  private:
    template <class Source>
    bool step(Source& source, Tick limit) {
        const Tick arrival = source.next_arrival(*this);
        const Tick command = next_command();
        const Tick first = std::min({arrival, command, refresh_due_});
        if (first >= limit) return false;
        if (refresh_due_ <= first) {
            start_refresh();
        } else if (arrival <= command) {
            accept(source.take(arrival), arrival);
        } else {
            source.served(issue_next());
        }
        return true;
    }

    struct Candidate {
        Tick time = kNever;  ///< of its first bus tick, the CAS included
        std::uint64_t order = 0;
        std::int32_t entry = RequestQueues::kNone;
        std::int32_t bank = 0;
        std::int16_t rank_of_class = 9;  ///< 0 opened, 1 refresh, 2 queued, 3 power
        std::int16_t priority = 0;
        Command command = Command::activate;
        bool cas = false;
        bool second_part = false;
    };
    /// A bank between the two parts of its activate.
    struct HalfOpen {
        int bank = -1;
        int entry = RequestQueues::kNone;
        Tick first = 0;
    };
    enum class Power : std::uint8_t { up, down, self_refresh };
    /// What a channel keeps of each rank.
    struct Rank {
        Power power = Power::up;
        int requests = 0;              ///< queued or waiting at their banks
        int debt = 0;                  ///< refreshes owed, those in force included
        bool in_force = false;         ///< one of them holds up its banks
        bool closed_to_sleep = false;  ///< its rows have been closed because it was idle
        int next_refresh_bank = 0;     ///< of the round of per-bank or same-bank refreshes
        Tick last_command = 0;
        Tick awake_from = 0;  ///< understands commands again
        Tick idle_since = 0;  ///< no request since
        Tick since = 0;       ///< of the state whose residency is being counted
    };
    struct PendingRefresh {
        Command command = Command::refresh_all;
        int bank = 0;
    };

    /// What a bank's queued requests of one direction need next; what others' commands allow is
    /// asked for each time. The lower key goes first among candidates of one tick.
    struct alignas(64) Offer {
        std::array<const Tick*, 2> own{};  ///< of the bank: see DeviceState::own_earliest()
        Tick column_from = 0, row_from = 0;
        std::uint64_t column_key = 0, row_key = 0;
        std::int32_t column = RequestQueues::kNone, row = RequestQueues::kNone;  ///< entries
        std::int16_t rank = 0;
        Command row_command = Command::activate;
        [[nodiscard]] Tick earliest(Command command, Tick from) const {
            const auto c = static_cast<std::size_t>(command);
            return std::max({from, own[0][c], own[1][c]});
        }
    };
    /// From when on all banks of a rank may get commands, as far as they share what they wait for.
    struct Shared {
        std::array<std::uint64_t, 2> column_choice{};  ///< that it was found for
        std::uint64_t row_choice = 0;
        std::array<Tick, 2> column{};
        Tick activate = 0, precharge = 0;
    };
    [[nodiscard]] Tick shared_column(bool write, const Offer& offer, int bank) {
        Shared& shared = shared_[static_cast<std::size_t>(offer.rank)];
        if (shared.column_choice[write] != choices_) {
            shared.column_choice[write] = choices_;
            const Command command = write ? Command::write : Command::read;
            shared.column[write] = std::max(now_, device_.shared_earliest(command, bank));
        }
        return shared.column[write];
    }
    [[nodiscard]] const Shared& shared_row(const Offer& offer, int bank) {
        Shared& shared = shared_[static_cast<std::size_t>(offer.rank)];
        if (shared.row_choice != choices_) {
            shared.row_choice = choices_;
            const Tick activate = device_.shared_earliest(Command::activate, bank);
            const Tick precharge = device_.shared_earliest(Command::precharge, bank);
            shared.activate = std::max(now_, activate);
            shared.precharge = std::max(now_, precharge);
        }
        return shared;
    }
    /// The best offer of those looked at so far.
    struct BestOffer {
        Tick time = kNever;
        std::uint64_t key = 0;
        int bank = -1;
        bool is_row = false;
        void take(Tick at, std::uint64_t its_key, int its_bank, bool row) {
            if (at < time || (at == time && its_key < key)) *this = {at, its_key, its_bank, row};
        }
    };
    [[nodiscard]] BestOffer best_as_offer() const;
    /// Returns from when on the bank can go ahead.
    Tick look_at(bool write, int bank, BestOffer& best);
    void consider_offer(bool write, const BestOffer& best);

    static bool better(const Candidate& a, const Candidate& b) {
        if (a.time != b.time) return a.time < b.time;
        if (a.rank_of_class != b.rank_of_class) return a.rank_of_class < b.rank_of_class;
        if (a.priority != b.priority) return a.priority > b.priority;
        return a.order < b.order;
    }
    void choose();
    // The same for the usual case, no refresh pending and nobody asleep: it looks at what banks
    // offer instead of finding it out each time.
    [[nodiscard]] bool is_usual() const;
    void choose_usual();
    void choose_active();
    void choose_offered(bool write, int part);
    void find_offer(bool write, int bank);
    void choose_queued(bool write, int part);
    void consider_bank(bool write, int bank);
    void consider_column(int entry, int bank, int rank_of_class);
    void consider_row(int entry, int bank, Command command);
    void consider(const Candidate& candidate) {
        if (better(candidate, best_)) best_ = candidate;
    }
    void consider_second_part();
    /// Wakes a rank that sleeps; true if it had to be considered.
    bool consider_wake(int bank, Tick not_before, int rank_of_class);
    void consider_sleep();
    void consider_sleep_of(int rank);
    void force_refresh(int rank);
    void put_back_opened(int rank);
    /// Puts management of a bank into force, unless it is.
    void manage(int bank);
    void count_activate(int bank) {
        if (management_.needed() && management_.activated(bank)) manage(bank);
    }
    void credit_refresh(Command command, int bank);
    [[nodiscard]] bool sleeps() const {
        return power_policy_.power_down_after > 0 || power_policy_.self_refresh_after > 0;
    }
    void refresh_next_banks(Command command, int rank);
    void consider_refresh(const PendingRefresh& refresh);
    void apply_age_limit(int part);
    [[nodiscard]] bool choose_starved();
    [[nodiscard]] bool bank_blocked(int bank) const;
    [[nodiscard]] bool write_mode(int part);
    [[nodiscard]] Command column_command(int entry, int bank) const;

    Served issue_column(const Candidate& chosen);
    void issue_row(const Candidate& chosen);
    void issue_first_part(const Candidate& chosen);
    void issue_second_part(Tick at);
    void issue_refresh(const Candidate& chosen);
    void issue_power(const Candidate& chosen);
    void request_gone(int bank);
    void send(Command command, int bank, std::int64_t row, Tick at, int layer);
    void log(Command command, int bank, std::int64_t row, std::int64_t column, Tick at) const;
    void log_named(std::string_view name, int bank, std::int64_t row, std::int64_t column, Tick at,
                   bool to_rank) const;
    void account_rank(int rank, Tick at);

    const TimingTable* table_;
    Organization organization_;
    ControllerPolicy policy_;
    RefreshPolicy refresh_policy_;
    PowerPolicy power_policy_;
    int index_;
    CommandLog* log_;
    DeviceState device_;
    RequestQueues queues_;
    DramCounters counters_;

    bool quick_ = true;
    bool units_busy_ = false;
    std::array<std::vector<Offer>, 2> offers_;  ///< by direction and bank
    std::vector<Shared> shared_;                ///< by rank
    std::uint64_t choices_ = 0;
    Candidate best_;
    HalfOpen half_open_;
    bool stale_ = true;
    bool forced_ = false;  ///< best_ is there by age, not by readiness
    /// Of the channel's queues, or those of a pseudo channel.
    struct Drain {
        bool writes = false;               ///< writes are being drained
        std::array<Tick, 2> oldest{0, 0};  ///< arrival of queued requests by direction, or earlier
    };
    std::vector<Drain> drain_;
    double high_mark_, low_mark_;
    Tick now_ = 0;
    std::vector<Tick> wck_until_;  ///< by pseudo channel and rank
    Tick data_ticks_ = 0;
    Tick last_data_end_ = 0;
    std::vector<Rank> ranks_;

    Tick refresh_due_ = kNever;
    Tick refresh_step_ = 0;
    int refresh_turn_ = 0;  ///< the rank whose refresh is due next, where they are staggered
    std::vector<PendingRefresh> pending_;
    RefreshManagement management_;
    std::vector<std::int64_t> closed_row_;  ///< by bank: the last closed by its last access
    std::vector<std::uint8_t> adaptive_;    ///< by bank: 0-1 keep open, 2-3 close
};

}  // namespace perfwatt::dram

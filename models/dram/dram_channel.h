#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "models/dram/bank_offers.h"
#include "models/dram/channel_state.h"
#include "models/dram/command_log.h"
#include "models/dram/device_state.h"
#include "models/dram/dram_counters.h"
#include "models/dram/dram_spec.h"
#include "models/dram/lone_way.h"
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

    using Served = channel::Served;

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
    /// When run() would do something next, or earlier: at rest it may have to find out first.
    template <class Source>
    [[nodiscard]] Tick next_event(Source& source) {
        const Tick own = at_rest() ? next_sleep_ : next_command();
        return std::min({source.next_arrival(*this), own, refresh_due_});
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
        offers_.put_off(command);
    }
    void pim_data(Tick ticks, Tick end) {
        data_ticks_ += ticks;
        last_data_end_ = std::max(last_data_end_, end);
    }
    /// What another channel did since it stood as this one does: this one did the same.
    void pim_repeat(const DramChannel& other, const DramCounters& before, Tick data_before);

    /// Does without what was remembered or shortened, as if every step had to be found anew:
    /// slower, and for tests that compare.
    void be_plain() { quick_ = alone_ = false; }

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
        if (at_rest()) return step_at_rest(source, arrival, limit);
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

    /// step() of a channel at rest: it goes to sleep in time, and a request that nothing comes
    /// between has its commands sent one after the other, unqueued.
    template <class Source>
    bool step_at_rest(Source& source, Tick arrival, Tick limit) {
        const Tick until = std::min({arrival, refresh_due_, limit});
        if (next_sleep_ < until) sleep_until(until);
        if (until == limit) return false;
        if (until == refresh_due_) {
            start_refresh();
            return true;
        }
        const BurstRequest request = source.take(arrival);
        const Tick other = std::min({source.next_arrival(*this), refresh_due_, limit});
        source.served(serve_alone(request, arrival, other));
        return true;
    }

    using Candidate = channel::Candidate;
    using HalfOpen = channel::HalfOpen;
    using Power = channel::Power;
    using Rank = channel::Rank;
    using PendingRefresh = channel::PendingRefresh;
    using Drain = channel::Drain;
    using ColumnStart = channel::ColumnStart;
    using SleepStep = channel::SleepStep;

    void choose();
    // The same for the usual case, no refresh pending and nobody asleep who has requests: it looks
    // at what banks offer instead of finding it out each time.
    [[nodiscard]] bool is_usual() const;
    void choose_usual();
    void choose_offered();
    [[nodiscard]] bool has_starved();
    void choose_queued(bool write, int part);
    void consider_bank(bool write, int bank);
    void consider_column(int entry, int bank, int rank_of_class);
    /// When the column command of a request may go out that could not before `ready`.
    [[nodiscard]] ColumnStart column_start(Command command, int bank, Tick ready) const;
    void consider_row(int entry, int bank, Command command);
    void consider(const Candidate& candidate) {
        if (channel::better(candidate, best_)) best_ = candidate;
    }
    void consider_second_part();
    /// Wakes a rank that sleeps; true if it had to be considered.
    bool consider_wake(int bank, Tick not_before, int rank_of_class);
    [[nodiscard]] SleepStep sleep_step(int rank) const;
    void consider_sleep();

    /// Nothing is queued and no refresh pending.
    [[nodiscard]] bool at_rest() const { return alone_ && queues_.empty() && pending_.empty(); }
    /// Sends, at rest, what takes ranks to sleep before `until`.
    void sleep_until(Tick until);
    /// Serves a request that came to a channel at rest, unless something else, at `until` at the
    /// soonest, could come before: then it is queued with what has not been done for it.
    Served serve_alone(const BurstRequest& request, Tick arrival, Tick until);
    [[nodiscard]] Tick others_sleep(int rank) const;
    /// Whether a request would go a LoneWay; learns it first where needed.
    [[nodiscard]] bool goes_lone_way(const BurstRequest& request, Tick arrival, Tick until);
    void learn_lone_way(const BurstRequest& request);
    Served go_lone_way(const BurstRequest& request, Tick arrival);
    void sleep_lone_way();
    void log_lone_way() const;
    /// Tells the devices of an UntoldWay, unless at `next`, when they are asked again at the
    /// soonest, it makes no difference.
    void tell_devices(Tick next);
    [[nodiscard]] bool open_alone(const BurstRequest& request, Tick ready, Tick until,
                                  bool& opened);
    void queue_again(const BurstRequest& request, Tick arrival, bool opened, bool active);
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
    void drain_writes();
    [[nodiscard]] Command column_command(int entry, int bank) const;

    Served issue_column(const Candidate& chosen);
    /// Of a column command at served.at.
    void count_data(int rank, Served& served);
    Served send_column(Command command, const BurstRequest& request, ColumnStart start);
    void issue_row(const Candidate& chosen);
    void send_activate(const BurstRequest& request, Tick at);
    void send_precharge(const BurstRequest& request, Tick at);
    void issue_first_part(const Candidate& chosen);
    void send_first_part(const BurstRequest& request, Tick at);
    void issue_second_part(Tick at);
    void send_second_part(const BurstRequest& request, Tick first, Tick at);
    void send_power(Command command, int bank, Tick at);
    void issue_refresh(const Candidate& chosen);
    void rank_closed(int rank);
    void issue_power(const Candidate& chosen);
    void request_gone(int bank);
    void send(Command command, int bank, std::int64_t row, Tick at, int layer);
    void mark_changed(int bank) {
        if (device_.banks_are_siblings()) [[unlikely]]
            return offers_.all_changed();
        offers_.changed(bank);
    }
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
    bool alone_ = false;     ///< requests may be served alone: nothing depends on a queue
    Tick next_sleep_ = 0;    ///< at rest: nobody goes to sleep before
    Tick wake_to_read_ = 0;  ///< from PDX
    std::array<Tick, kCommands> reach_{};  ///< how long a command can hold up others
    Tick settled_ = 0;                     ///< no command so far holds anything up from here on
    std::array<LoneWay, 2> lone_ways_;     ///< by direction
    UntoldWay untold_;
    BankOffers offers_;
    Candidate best_;
    HalfOpen half_open_;
    bool stale_ = true;
    bool forced_ = false;  ///< best_ is there by age, not by readiness
    std::vector<Drain> drain_;
    double high_mark_, low_mark_;
    Tick now_ = 0;
    Tick data_ticks_ = 0;
    Tick last_data_end_ = 0;
    std::vector<Rank> ranks_;
    std::vector<BankOffers::DataClock> clocks_;  ///< by rank

    Tick refresh_due_ = kNever;
    Tick refresh_step_ = 0;
    int refresh_turn_ = 0;  ///< the rank whose refresh is due next, where they are staggered
    std::vector<PendingRefresh> pending_;
    RefreshManagement management_;
    std::vector<std::int64_t> closed_row_;  ///< by bank: the last closed by its last access
    std::vector<std::uint8_t> adaptive_;    ///< by bank: 0-1 keep open, 2-3 close
};

}  // namespace perfwatt::dram

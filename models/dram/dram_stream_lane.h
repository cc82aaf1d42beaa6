#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "models/dram/dram_counters.h"
#include "models/dram/dram_stream_state.h"
#include "models/dram/dram_stream_times.h"
#include "models/dram/refresh_management.h"

namespace perfwatt::dram {

/// One channel, timed a run at a time: neighbouring bursts that one set of open rows serves. It
/// follows DramChannel's policies with runs in the place of bursts. Masters take turns; bursts
/// enter the queues as earlier ones leave them; of the runs in the queue of the current direction
/// the one that may start first is served, then the older; writes are drained between two marks; a
/// bank's row is changed once no older run of the direction needs it; refreshes close rows and hold
/// banks. Where pseudo channels have queues of their own each is a side, which gets its part of a
/// run and shares no more than the command buses.
class StreamLane {
  public:
    StreamLane(const DramSpec& spec, const TimingTable& table, const AddressMapping& mapping,
               const StreamTimes& times, std::vector<StreamTransfer>& transfers);

    /// Queues a channel's part of a transfer: its own, or that of one it stands for.
    void add(std::uint32_t transfer, std::int64_t bursts, int channel);
    /// The tick of the next decision, kNever when there is nothing to do.
    [[nodiscard]] Tick next();
    /// next() has opened rows, for which bursts have left their queue: others may enter it.
    [[nodiscard]] bool unsettled() const { return changed_; }
    /// Carries out what next() announced.
    void serve();
    /// Transfers whose last burst has been served; the caller clears them.
    std::vector<std::uint32_t>& finished() { return finished_; }
    /// Refresh and standby up to `end`.
    void finish(Tick end);

    /// Counts its bursts as those of so many channels, of transfers at least.
    void stand_for(int channels) { stands_for_ = channels; }
    /// With nothing queued: accounts for refresh and standby up to `now`. False where refreshes are
    /// still owed.
    bool settle(Tick now);
    /// Goes on as `other`, which was `before` when this one was last told; what each has counted
    /// and moved by then stays its own.
    void follow(const StreamLane& other, const StreamLane& before);
    /// Bursts that row hits took besides, in no time.
    void count_more(int layer, bool write, std::int64_t bursts);
    /// Of its last column, in parts of a tick.
    [[nodiscard]] std::int64_t last_command() const {
        std::int64_t last = sides_.front().last_command;
        for (const Side& side : sides_) last = std::max(last, side.last_command);
        return last;
    }
    /// Ticks of data on the pins up to `at`, all pseudo channels.
    [[nodiscard]] Tick data_ticks(Tick at) const;
    void forget_moves_before(Tick at);

    [[nodiscard]] const DramCounters& counters() const { return counters_; }
    [[nodiscard]] std::int64_t column_commands() const {
        std::int64_t commands = 0;
        for (const Side& side : sides_) commands += side.column_commands;
        return commands;
    }

  private:
    static constexpr std::int64_t kFine = StreamTimes::kFine;
    using Part = stream::Part;
    using Run = stream::Run;
    using Source = stream::Source;
    using Bank = stream::Bank;
    using Rank = stream::Rank;
    using Mark = stream::Mark;
    using Queue = stream::Queue;
    using Move = stream::Move;
    using Side = stream::Side;
    using Located = stream::Located;

    // Handing over.
    Source& source_of(int master);
    void next_segment(Part& part) const;
    [[nodiscard]] Source* next_source();
    void admit();
    /// Whether it is known when the first `needed` bursts of a queue have gone; `free`: not before.
    static bool gone(Queue& queue, std::int64_t needed, Tick& free);
    [[nodiscard]] bool slot_known(Source& source, Run& piece);
    /// Takes the next run of a source's first transfer and cuts it into pieces for the sides.
    void cut(Source& source, int turn);
    void enter(const Run& run, bool write);
    void locate(Run& run, std::int64_t first);
    /// The part of a run that goes to a side.
    [[nodiscard]] Run part_of(const Run& run, int side) const;
    [[nodiscard]] int side_of(int bank) const { return bank / banks_per_side_; }

    // Refresh and sleep.
    void account_until(Tick tick);
    void refresh_until(Side& side, Tick tick);
    void refresh_due_rank(int rank, Tick due);
    void refresh_rank(int rank, Tick due);
    void refresh_some(int rank, Tick due);
    void sleep_until(int rank, Tick tick);
    void close_rows(int rank, Tick at);
    /// Whether an idle rank refreshes itself at `tick`.
    [[nodiscard]] bool refreshes_itself(const Rank& rank, Tick tick) const {
        return times_->self_refresh_after > 0 && rank.queued == 0 &&
               tick >= rank.asked + times_->self_refresh_after;
    }
    /// Manages a closed bank, and those that share a command with it; returns when it is over.
    Tick manage(int bank, Tick at);
    /// Nobody counts on the rows of these banks any more.
    void forget_rows(int first, int count, int stride);

    // Service.
    void choose(Side& side);
    void set_direction(Side& side, Tick now);
    void keep_hits(Side& side, Tick now);
    /// Opens what rows it can for a run; those that must be closed first only by `limit`.
    void prepare(Run& run, Side& side, Tick limit);
    /// When its next burst could go, in parts of a tick.
    [[nodiscard]] std::int64_t start_of(const Run& run) const;
    void consider(Side& side, std::size_t run, std::int64_t free);
    /// Tells when a burst to a bank could go, in parts of a tick.
    [[nodiscard]] std::int64_t available(int number) const {
        const Bank& bank = banks_[static_cast<std::size_t>(number)];
        return std::max(bank.ready * kFine, groups_[static_cast<std::size_t>(bank.group)]);
    }
    /// True if the oldest run has waited for too long: it is the next then.
    bool choose_aged(Side& side, Tick now);
    /// Finds the tick of an activate, no sooner than `start`, and keeps it.
    Tick activate(Rank& rank, Tick start) const;
    /// Returns the tick of the activate.
    Tick open_row(int number, const Run& run, Tick from);
    /// Takes note that `bursts` have left a queue, the last of them at `end`.
    static void leave(Queue& queue, std::int64_t bursts, std::int64_t end, std::int64_t pace);
    [[nodiscard]] std::int64_t held(const Side& side, bool write, Tick now) const;
    [[nodiscard]] std::int64_t earliest_column(const Side& side) const;
    [[nodiscard]] std::int64_t chunk_of(const Side& side, const Run& run) const;
    /// Serves up to `most` bursts of a run from `start` on, in turn if `in_turn`; returns how many
    /// and moves `start` to the last of them.
    std::int64_t serve_banks(Run& run, std::int64_t most, std::int64_t& start);
    [[nodiscard]] bool in_turn(const Run& run, std::int64_t most, std::int64_t start) const;
    void use_bank(Run& run, int share, std::int64_t bursts, std::int64_t last);
    /// Closes a row with its last access, where the policy says so.
    void close_page(const Run& run, Bank& bank, int number);

    const DramSpec* spec_;
    const TimingTable* table_;
    const AddressMapping* mapping_;
    const StreamTimes* times_;
    std::vector<StreamTransfer>* transfers_;
    int stands_for_ = 1;
    int banks_per_rank_;
    Located located_;
    std::vector<Source> sources_;
    std::size_t current_ = 0;
    int turn_left_ = 0;
    std::vector<Side> sides_;
    int banks_per_side_;
    std::vector<Bank> banks_;
    std::vector<std::int64_t> groups_;  ///< when one takes a column again, in parts of a tick
    std::vector<Rank> ranks_;
    RefreshManagement management_;
    std::uint64_t next_order_ = 0;
    Tick feed_from_ = 0;         ///< when the next burst may be handed over
    bool changed_ = false;       ///< there may be something to hand over
    std::int64_t bus_free_ = 0;  ///< when the command bus has room for columns again, in parts
    Tick row_bus_free_ = 0;      ///< when a bus of rows has room again
    Tick row_commands_ = 0;      ///< ticks of the bus since the last column
    Side* next_side_ = nullptr;
    std::uint64_t choices_ = 0;
    std::vector<std::uint32_t> finished_;
    DramCounters counters_;
};

}  // namespace perfwatt::dram

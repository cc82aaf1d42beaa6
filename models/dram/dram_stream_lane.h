#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "models/dram/dram_counters.h"
#include "models/dram/dram_stream_times.h"

namespace perfwatt::dram {

/// A transfer as lanes see it.
struct StreamTransfer {
    std::uint64_t id = 0;
    std::int64_t address = 0, row_bytes = 0, rows = 0, pitch_bytes = 0;
    std::int64_t bursts_left = 0;  ///< in all lanes
    Tick arrival = 0;
    Tick data_end = 0;
    int layer = -1;
    int master = 0;
    bool write = false;
};

/// One channel, timed a run at a time: neighbouring bursts that one set of open rows serves. It
/// follows DramChannel's policies with runs in the place of bursts. Masters take turns; bursts
/// enter the queues as earlier ones leave them; of the runs in the queue of the current direction
/// the one that may start first is served, then the older; writes are drained between two marks; a
/// bank's row is changed once no older run of the direction needs it; refreshes close rows and hold
/// banks.
class StreamLane {
  public:
    StreamLane(const DramSpec& spec, const TimingTable& table, const AddressMapping& mapping,
               const StreamTimes& times, int channel, std::vector<StreamTransfer>& transfers);

    /// Queues this channel's part of a transfer.
    void add(std::uint32_t transfer, std::int64_t bursts);
    /// The tick of the next decision, kNever when there is nothing to do.
    [[nodiscard]] Tick next();
    /// Carries out what next() announced.
    void serve();
    /// Transfers whose last burst has been served; the caller clears them.
    std::vector<std::uint32_t>& finished() { return finished_; }
    /// Refresh and standby up to `end`.
    void finish(Tick end);
    /// Ticks of data on the pins up to `at`, all pseudo channels.
    [[nodiscard]] Tick data_ticks(Tick at) const;
    void forget_moves_before(Tick at);

    [[nodiscard]] const DramCounters& counters() const { return counters_; }
    [[nodiscard]] std::int64_t column_commands() const { return column_commands_; }

  private:
    static constexpr int kMostBanks = 64;

    struct Part {
        std::uint32_t transfer = 0;
        std::int64_t next_row = 0;
        std::int64_t at = 0, stop = 0;  ///< bursts of the current row of the transfer
        std::int64_t left = 0;
    };
    struct Source {
        int master = 0;
        int weight = 1;
        int priority = 0;
        std::int64_t served = 0;
        std::deque<Part> parts;
    };
    struct Run {
        std::uint32_t transfer = 0;
        std::uint64_t order = 0;
        std::int64_t row = 0;
        std::int64_t bursts = 0;
        Tick entered = 0;
        Tick first_ready = 0, last_ready = 0;  ///< of its banks
        int priority = 0;
        int banks = 0;
        int offset = 0;  ///< bursts of it that are served
        bool prepared = false;
        bool missed = false;  ///< it had to open rows
        std::array<std::int16_t, kMostBanks> bank{};
    };
    struct Bank {
        std::int64_t row = -1;
        Tick ready = 0, closable = 0, cycle = 0;
        int users = 0;  ///< runs of the current direction that wait for its row
    };
    struct Rank {
        std::array<Tick, 16> activates{};  ///< the latest, in no order
        int queued = 0;                    ///< runs
        int debt = 0;
        int next_unit = 0;     ///< of refreshes of some banks
        Tick open_since = -1;  ///< -1: all rows closed
        Tick free_at = 0;      ///< end of its latest refresh
        Tick idle_since = 0;   ///< last command
        Tick accounted = 0;    ///< idle time is, up to here
        Tick awake_from = 0;
    };
    /// Served bursts: `bursts` of them until now, the last of them gone out at `end`.
    struct Mark {
        std::int64_t bursts = 0;
        std::int64_t end = 0, each = 0;
    };
    struct Queue {
        std::vector<Run> runs;  ///< in order of entry
        std::int64_t admitted = 0, served = 0;
        std::vector<Mark> marks;
        std::size_t head = 0;
    };
    struct Move {
        std::int64_t from = 0, to = 0;
        std::int64_t before = 0, data = 0;
    };

    Source& source_of(int master);
    void next_segment(Part& part) const;
    [[nodiscard]] Source* next_source();
    void admit();
    [[nodiscard]] bool slot_known(Queue& queue, bool write, Tick& free) const;
    void locate(Run& run, std::int64_t first) const;
    void refresh_until(Tick tick);
    void refresh_rank(int rank, Tick due);
    void refresh_some(int rank, Tick due);
    void sleep_until(int rank, Tick tick);
    void close_rows(int rank, Tick at);
    void choose();
    void set_direction(Tick now);
    void keep_hits(Tick now);
    void prepare(Run& run);
    /// Finds the tick of an activate, no sooner than `start`, and keeps it.
    Tick activate(Rank& rank, Tick start) const;
    void open_row(Bank& bank, int rank, const Run& run);
    [[nodiscard]] std::int64_t held(bool write, Tick now) const;
    [[nodiscard]] std::int64_t earliest_column(bool write) const;
    [[nodiscard]] std::int64_t chunk_of(const Run& run) const;

    const DramSpec* spec_;
    const TimingTable* table_;
    const AddressMapping* mapping_;
    const StreamTimes* times_;
    std::vector<StreamTransfer>* transfers_;
    int channel_;
    int banks_per_rank_;
    std::vector<Source> sources_;
    std::size_t current_ = 0;
    int turn_left_ = 0;
    std::array<Queue, 2> queues_;
    std::vector<Bank> banks_;
    std::vector<Rank> ranks_;
    std::uint64_t next_order_ = 0;
    Tick feed_from_ = 0;   ///< when the next burst may be handed over
    bool writes_ = false;  ///< the direction
    bool last_write_ = false;
    std::int64_t last_command_ = -(std::int64_t{1} << 50);  ///< in parts of a tick
    std::int64_t bus_free_ = 0;  ///< … when the command bus has room for columns again
    Tick row_bus_free_ = 0;      ///< when a bus of rows has room again
    Tick row_commands_ = 0;      ///< ticks of the bus since the last column
    Tick refresh_due_ = kNever;
    int refresh_turn_ = 0;
    bool stale_ = true;
    int best_ = -1;  ///< index in the queue of the direction
    std::int64_t best_start_ = 0;
    std::deque<Move> moves_;
    std::int64_t column_commands_ = 0;
    std::vector<std::uint32_t> finished_;
    DramCounters counters_;
};

}  // namespace perfwatt::dram

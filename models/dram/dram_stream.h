#pragma once

#include <array>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "models/dram/address_mapping.h"
#include "models/dram/dram_counters.h"
#include "models/dram/dram_energy.h"
#include "models/dram/dram_memory.h"
#include "models/dram/dram_spec.h"
#include "sim/arch/memory_model.h"

namespace perfwatt::dram {

/// How fast a channel is at what closed forms cannot see, measured on DramChannel itself when a
/// stream model is made. In 1024ths of a tick.
struct StreamPace {
    std::int64_t read = 0;   ///< between bursts of a long sequential read
    std::int64_t write = 0;  ///< … and write
    /// Lost by each batch of writes where reads are mixed in: by transfers of 1 KiB, of 4 KiB.
    std::int64_t turnaround = 0, long_turnaround = 0;

    [[nodiscard]] static StreamPace measure(const DramSpec& spec, const TimingTable& table);
};

/// `channels` channels of one standard, timed a transfer at a time ("stream"). A transfer is cut
/// into runs of bursts that find one set of rows open; each run takes its time on the pins, on its
/// banks and on the activate windows, all three kept as the time until which they are taken. Banks
/// work side by side and the pins never idle while a bank is ready, as under FR-FCFS; the order of
/// service is that of submission. Its error against DramMemory stands in the family's README.
class DramStream final : public MemoryModel {
  public:
    DramStream(DramSpec spec, DramOptions options);

    void submit(Time now, const MemoryTransfer& transfer) override;
    void advance(Time limit, std::vector<MemoryCompletion>& completions) override;
    [[nodiscard]] Time next_completion_bound() const override;
    [[nodiscard]] Time data_bus_busy(Time at) const override;
    void finish(Time end) override;
    [[nodiscard]] std::vector<Action> actions() const override;
    void add_counts(Counts& counts, const std::vector<ActionId>& ids) const override;
    [[nodiscard]] MemoryReport report() const override;

    [[nodiscard]] std::int64_t capacity_bytes() const;

  private:
    /// The latest run of a master in a bank. Masters whose work overlaps take turns a transfer at a
    /// time, whatever the order of submission, so that they close each other's rows.
    struct Visit {
        int master = -1;
        std::int64_t row = -1;
    };
    struct MasterState {
        int id = 0;
        Tick busy_until = 0;
    };
    /// Where a bank's row cycle stands. Reads and writes have a row each: a controller drains
    /// writes in batches, so that their rows meet once a batch, which the turnaround pays for.
    struct Bank {
        std::array<std::int64_t, 2> row = {-1, -1};
        std::array<std::int64_t, 2> epoch = {-1, -1};  ///< refreshes seen when it was opened
        std::array<Tick, 2> ready = {0, 0};            ///< from when its columns may be accessed
        Tick closable = 0;                             ///< from when it may be precharged
        Tick cycle = 0;                                ///< from when an activate may follow (tRC)
        std::vector<Visit> visits;
    };
    /// Bursts served so far, and when the last of them went out: what frees queue slots.
    struct Mark {
        std::int64_t bursts = 0;
        std::int64_t end = 0;  ///< 1024ths of a tick
        std::int64_t each = 0;
    };
    struct Backlog {
        std::vector<Mark> marks;  ///< oldest first, from `head`
        std::size_t head = 0;
        std::int64_t bursts = 0;
    };
    /// One run on the pins, spread evenly from its start to its end.
    struct Moving {
        std::int64_t from = 0;  ///< 1024ths of a tick
        std::int64_t to = 0;
        std::int64_t before = 0;  ///< ticks of data moved by all runs before it
        std::int64_t data = 0;    ///< ticks of its own
    };
    struct Lane {
        std::vector<Bank> banks;
        std::deque<Moving> moving;  ///< in order; what is past keeps its last
        std::array<Backlog, 2> backlog;
        std::vector<MasterState> masters;
        std::int64_t pins = 0;       ///< 1024ths of a tick until which data hold the pins
        std::int64_t activates = 0;  ///< … until which activate windows are taken
        Tick refresh_due = 0;
        Tick refresh_over = 0;
        std::int64_t refreshes = 0;
        std::int64_t debt = 0;  ///< refreshes postponed while busy
        Tick last_read = -1;    ///< end of the latest read's data
        Tick open_since = -1;   ///< first access since the last refresh, -1 for none
        Tick accounted = 0;     ///< standby is, up to here
        DramCounters counters;
        std::int64_t column_commands = 0;
        std::int64_t activate_count = 0;
    };

    struct Work {
        Tick arrival = 0;
        int layer = -1;
        int master = 0;
        bool write = false;
    };

    /// Serves `bursts` bursts of one run; returns the end of its data.
    Tick serve(Lane& lane, std::int64_t first, std::int64_t bursts, const Work& work);
    /// From when the columns of a row may be accessed, which may have to be opened.
    Tick open_row(Lane& lane, Bank& bank, std::int64_t row, Tick entered, const Work& work);
    /// Whether another master with work under way wants another row of the bank.
    static bool contended(Lane& lane, Bank& bank, std::int64_t row, const Work& work);
    /// When the next burst finds a free queue slot.
    std::int64_t slot_free(Backlog& backlog, int slots) const;
    [[nodiscard]] std::int64_t pace_of(const Lane& lane, std::int64_t bursts,
                                       const Work& work) const;
    /// Takes `amount` of the pins from `start` on, around refreshes; returns the end.
    std::int64_t take_pins(Lane& lane, std::int64_t start, std::int64_t amount);
    void refresh_until(Lane& lane, Tick tick);
    /// Counts refreshes, of which the last begins at `last`.
    void pay_refreshes(Lane& lane, std::int64_t times, Tick last);

    DramSpec spec_;
    DramOptions options_;
    TimingTable table_;
    AddressMapping mapping_;
    Clock clock_;
    StreamPace pace_;
    std::vector<Lane> lanes_;
    Tick open_ = 0;       ///< ACT to column
    Tick close_ = 0;      ///< PRE to ACT
    Tick row_cycle_ = 0;  ///< ACT to ACT of a bank
    Tick keep_open_ = 0;  ///< ACT to PRE
    Tick read_to_close_ = 0, write_to_close_ = 0;
    Command refresh_command_ = Command::refresh_all;
    Tick refresh_ = 0;         ///< from a refresh to the next, where several are owed
    Tick refresh_step_ = 0;    ///< between refreshes
    Tick refresh_detour_ = 0;  ///< what a refresh costs busy pins: close, refresh, open
    std::int64_t activate_pace_ = 0;
    Tick command_to_read_ = 0, command_to_write_ = 0;
    std::vector<MemoryCompletion> known_;
    Time last_known_;
    Tick advanced_ = 0;
    std::int64_t read_bytes_ = 0, write_bytes_ = 0, bursts_ = 0;
};

}  // namespace perfwatt::dram

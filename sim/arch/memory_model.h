#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/arch/pim_job.h"
#include "sim/base/time.h"
#include "sim/program/program.h"
#include "sim/stats/counts.h"

namespace perfwatt {

enum class Direction : std::uint8_t { read, write };

/// One transfer as a memory sees it. `layer` labels the counts, -1 for none.
struct MemoryTransfer {
    std::int64_t address = 0;
    std::int64_t row_bytes = 0;
    std::int64_t rows = 1;
    std::int64_t pitch_bytes = 0;
    Direction direction = Direction::read;
    int layer = -1;
    int master = 0;
    std::uint64_t id = 0;  ///< the caller's, given back in the completion

    [[nodiscard]] std::int64_t bytes() const { return row_bytes * rows; }
};

struct MemoryCompletion {
    std::uint64_t id = 0;
    Time at;  ///< read: the last datum has arrived; write: the last datum is in the array
};

/// What a memory reports when a run has ended; see DESIGN's record, `memories`.
struct MemoryReport {
    std::string name;
    std::string timing;           ///< "exact", "stream" or "sram"
    std::int64_t read_bytes = 0;  ///< asked for by transfers
    std::int64_t write_bytes = 0;
    std::int64_t rounding_bytes = 0;  ///< moved beyond what was asked: bursts are whole
    std::int64_t burst_bytes = 0;
    std::int64_t peak_bytes_per_second = 0;
    Time data_bus_busy;  ///< summed over channels
    int channels = 1;
    std::int64_t row_hits = 0;
    std::int64_t column_commands = 0;
    struct CommandCount {
        std::string name;  ///< ACT, PRE, RD, WR, REF …
        std::int64_t count = 0;
    };
    std::vector<CommandCount> commands;
    /// Refresh: each of `refresh_units` (ranks, banks: whatever one command refreshes) is due once
    /// an interval and may lag or lead by `refresh_postponable`. Interval zero: none is needed.
    Time refresh_interval;
    std::int64_t refresh_units = 0;
    std::int64_t refresh_postponable = 0;
    std::int64_t refreshes = 0;  ///< issued, over all units
    /// Time for which units refreshed themselves and nothing was due, summed over units, and how
    /// often they began to: each time may hide a refresh or ask for one more.
    Time self_refreshed;
    std::int64_t self_refreshes = 0;
    /// Of jobs for units in the banks: where their time went, and how many there were.
    struct PimTime {
        std::string
            name;  ///< mode change, input broadcast, compute, readout, refresh, fence, drain
        Time time;
    };
    std::vector<PimTime> pim_times;
    std::int64_t pim_jobs = 0;
    std::int64_t pim_macs = 0;  ///< padding included
};

/// A memory with its controller, in plain C++. The engine's SystemC shell drives it event to event:
/// it submits transfers at the current time and lets the model run ahead to the next moment at
/// which anybody else could act, so that one kernel event serves many memory commands.
class MemoryModel {
  public:
    virtual ~MemoryModel() = default;

    /// Hands over a transfer at `now`, which is never earlier than the time advanced to.
    virtual void submit(Time now, const MemoryTransfer& transfer) = 0;

    /// Simulates up to `limit`, exclusive: nothing is decided at or after it. Appends the transfers
    /// whose completion became known; a completion may lie after `limit`, never before the time
    /// that next_completion_bound() gave.
    virtual void advance(Time limit, std::vector<MemoryCompletion>& completions) = 0;

    /// Hands over a job for the units of this memory: its completion comes as a transfer's does.
    /// Only where MemoryFacts::pim says that it has any.
    virtual void submit_job(Time now, const PimJob& job);

    /// No transfer now in flight can complete before this; Time::max() when none is.
    /// Strictly later than the time advanced to.
    [[nodiscard]] virtual Time next_completion_bound() const = 0;

    /// As advance(), but no further than to the first moment at which a transfer completes: returns
    /// the time advanced to. Everything known to complete is appended, nothing of it before that
    /// time. `limit` may be Time::max() while a transfer is in flight.
    virtual Time advance_to_completion(Time limit, std::vector<MemoryCompletion>& completions) {
        while (true) {
            const Time bound = std::min(limit, next_completion_bound());
            const std::size_t known = completions.size();
            advance(bound, completions);
            for (std::size_t i = known; i < completions.size(); ++i)
                limit = std::min(limit, completions[i].at);
            if (bound == limit) return limit;
        }
    }

    /// Time for which the data bus has been busy up to `at` (at most the time advanced to), summed
    /// over channels; used to tell bandwidth from latency.
    [[nodiscard]] virtual Time data_bus_busy(Time at) const = 0;

    /// Ends the run at `end`: accounts for refresh and standby up to it. Queues must be empty.
    virtual void finish(Time end) = 0;

    /// The actions it counts, with their prices; called once, before the run.
    [[nodiscard]] virtual std::vector<Action> actions() const = 0;
    /// Adds what was counted; `ids` are its actions' places in `counts`. Background work that
    /// belongs to no layer is added to layer `counts.layers() - 1`, the shared row.
    virtual void add_counts(Counts& counts, const std::vector<ActionId>& ids) const = 0;

    [[nodiscard]] virtual MemoryReport report() const = 0;
};

}  // namespace perfwatt

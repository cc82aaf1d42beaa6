#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/run/worker.h"
#include "sim/sweep/sweep_spec.h"

namespace perfwatt {

struct SweepOptions {
    std::string store;
    WorkerLimits limits;
    int shard = 1;  ///< this one of `shards`, counted from 1
    int shards = 1;
};

/// Points of this shard, by what became of them.
struct SweepProgress {
    std::int64_t total = 0;
    std::int64_t already = 0;  ///< had their answer in the store
    std::int64_t ok = 0;
    std::int64_t infeasible = 0;
    std::int64_t failed = 0;  ///< crashed, timed out, out of memory, our bugs
    double seconds_left = 0;  ///< an estimate; 0 before the first point is done

    [[nodiscard]] std::int64_t done() const { return already + ok + infeasible + failed; }
};

/// Checks every point before the first runs. Throws UserError with the mistakes of all points, each
/// said once.
void validate(const std::vector<SweepPoint>& points, const Environment& environment);

/// Runs the points of this shard that the store does not answer yet, each in a process of its own.
/// `report` is called after every point, with its message if it failed.
SweepProgress run_sweep(
    const SweepSpec& sweep, const std::vector<SweepPoint>& points, const SweepOptions& options,
    const Environment& environment,
    const std::function<void(const SweepProgress&, const std::string&)>& report);

/// The run of a request that validate() has passed, as work for a worker: its record is the JSON of
/// the result; a network that does not suit the chip is infeasible.
[[nodiscard]] Work work_of(const RunRequest& request, const Environment& environment);

}  // namespace perfwatt

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sim/base/diagnostics.h"

namespace perfwatt {

/// How a simulation in its own process ended.
enum class OutcomeKind : std::uint8_t {
    ok,
    infeasible,      ///< the network cannot run on the chip
    user_error,      ///< a mistake in the input
    internal_error,  ///< a broken invariant of ours
    crashed,         ///< ended by a signal
    timeout,
    out_of_memory,
};

[[nodiscard]] std::string_view to_string(OutcomeKind kind);

struct Outcome {
    OutcomeKind kind = OutcomeKind::ok;
    std::string text;  ///< ok: the worker's record; otherwise why, for people
};

struct WorkerLimits {
    int jobs = 1;                   ///< processes at once
    std::int64_t timeout_ms = 0;    ///< of one piece of work; 0: none
    std::int64_t memory_bytes = 0;  ///< beyond what the parent already holds; 0: no limit
};

/// One piece of work: runs in a forked child and returns its record, or says why there is none.
using Work = std::function<std::variant<std::string, Infeasible>()>;

/// Runs each piece of work in a process of its own, `limits.jobs` at once. `done(i, outcome)` is
/// called in the parent as they end, in any order, and never while a child is being forked.
/// SystemC allows one simulation a process, and a crash takes nothing else with it.
/// The caller holds no database handle and no thread while this runs a fork.
void run_in_workers(const std::vector<Work>& work, const WorkerLimits& limits,
                    const std::function<void(std::size_t, Outcome)>& done);

/// The outcomes in the order of the work.
[[nodiscard]] std::vector<Outcome> run_in_workers(const std::vector<Work>& work,
                                                  const WorkerLimits& limits);

/// Processors this process may use.
[[nodiscard]] int available_processors();

}  // namespace perfwatt

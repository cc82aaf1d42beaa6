#pragma once

#include <vector>

#include "sim/report/record.h"
#include "sim/run/run.h"
#include "sim/run/worker.h"

namespace perfwatt {

/// Checks all requests, then simulates each in a process of its own, `jobs` at once, with progress
/// on standard error. Entries stand in the order of the requests. Throws UserError for mistakes.
[[nodiscard]] std::vector<Entry> run_all(const std::vector<RunRequest>& requests, int jobs,
                                         const Environment& environment);

/// The entry of a request whose worker came to `outcome`.
[[nodiscard]] Entry entry_of(const RunRequest& request, const Outcome& outcome);

/// 3 if a worker crashed or broke an invariant, 2 if nothing could run at all, else 0.
[[nodiscard]] int exit_code_of(const std::vector<Entry>& entries);

}  // namespace perfwatt

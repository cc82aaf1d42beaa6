#pragma once

#include <vector>

#include "sim/report/record.h"
#include "sim/run/run.h"
#include "sim/validation/suite.h"

namespace perfwatt {

/// Simulates each request in a process of its own, `suite.jobs` at once; answers stand in the order
/// of the requests. Equal requests are run once. What is wrong with a request, or with its run, is
/// the reason of an entry that is not ok: a suite goes on without it.
[[nodiscard]] std::vector<Entry> run_requests(const std::vector<RunRequest>& requests,
                                              const SuiteRequest& suite);

/// Adds a target that fails where runs crashed or broke an invariant: what is skipped for that is
/// not skipped for want of a chip or a network.
void add_broken_runs(const std::vector<Entry>& entries, SuiteOutcome& outcome);

}  // namespace perfwatt

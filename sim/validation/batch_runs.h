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

}  // namespace perfwatt

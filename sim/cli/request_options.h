#pragma once

#include <string>
#include <vector>

#include "sim/cli/arguments.h"
#include "sim/report/report.h"
#include "sim/run/run.h"

namespace perfwatt {

/// The options that say what to simulate, shared by run, explain and compare.
[[nodiscard]] std::vector<OptionSpec> request_options(OptionKind chip_workload_batch);

/// The request for one chip, network and batch; the rest comes from the options.
[[nodiscard]] RunRequest request_from(const Arguments& arguments, const std::string& chip,
                                      const std::string& workload, std::int64_t batch);

/// The request of run and explain, which take one of each.
[[nodiscard]] RunRequest single_request(const Arguments& arguments);

/// --batch: at most this many inferences at once.
inline constexpr std::int64_t kMostBatch = 1'000'000;

/// `--format`, with headers in bold where the answer goes to a terminal.
[[nodiscard]] OptionSpec format_option();
[[nodiscard]] ReportStyle style_from(const Arguments& arguments);

/// --jobs, by default as many as there are processors.
[[nodiscard]] OptionSpec jobs_option();
[[nodiscard]] int jobs_from(const Arguments& arguments);

}  // namespace perfwatt

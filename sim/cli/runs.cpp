#include "sim/cli/runs.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/diagnostics.h"
#include "sim/cli/output.h"
#include "sim/cli/verbs.h"
#include "sim/sweep/sweep.h"

namespace perfwatt {

Entry entry_of(const RunRequest& request, const Outcome& outcome) {
    if (outcome.kind == OutcomeKind::ok) return entry_of(result_from_json(outcome.text));
    return {.chip = request.chip,
            .workload = request.workload,
            .batch = request.batch,
            .status = std::string(to_string(outcome.kind)),
            .reason = outcome.text};
}

std::vector<Entry> run_all(const std::vector<RunRequest>& requests, int jobs,
                           const Environment& environment) {
    std::vector<SweepPoint> points;
    for (const RunRequest& request : requests) points.push_back({.request = request});
    validate(points, environment);

    std::vector<Work> work;
    for (const RunRequest& request : requests) work.push_back(work_of(request, environment));
    std::vector<Entry> entries(requests.size());
    std::size_t done = 0;
    run_in_workers(work, {.jobs = jobs}, [&](std::size_t index, const Outcome& outcome) {
        entries[index] = entry_of(requests[index], outcome);
        show_progress(fmt::format("{} of {} simulated", ++done, requests.size()));
    });
    show_progress("");
    for (const Entry& entry : entries) {
        if (entry.ok()) continue;
        say(fmt::format("{} on {}: {}: {}", entry.workload, entry.chip, entry.status,
                        entry.reason));
    }
    return entries;
}

int exit_code_of(const std::vector<Entry>& entries) {
    const auto is = [](const char* status) {
        return [status](const Entry& entry) { return entry.status == status; };
    };
    const bool broken = std::any_of(entries.begin(), entries.end(), is("crashed")) ||
                        std::any_of(entries.begin(), entries.end(), is("internal_error"));
    if (broken) return kExitInternalError;
    const bool some = std::any_of(entries.begin(), entries.end(), is("ok"));
    return some ? kExitDone : kExitUserError;
}

}  // namespace perfwatt

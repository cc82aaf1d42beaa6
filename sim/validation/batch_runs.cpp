#include "sim/validation/batch_runs.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <variant>

#include "sim/base/diagnostics.h"
#include "sim/run/worker.h"
#include "sim/sweep/sweep.h"

namespace perfwatt {
namespace {

/// All that makes two requests differ.
auto key_of(const RunRequest& r) {
    return std::tuple(r.chip, r.workload, r.batch, r.precision, r.lighten, r.phase, r.context,
                      r.tokens, r.scenario, r.start, r.memory_timing, r.overrides, r.mapping_file,
                      r.mapping_effort, r.beside, r.sharing);
}

std::string first_message(const UserError& error) {
    const auto& mistakes = error.diagnostics();
    return mistakes.empty() ? std::string(error.what()) : mistakes.front().message;
}

/// The checks run in the worker too: a file that cannot be read costs its own figures only.
Work checked_work(const RunRequest& request, const Environment& environment) {
    return [request, environment]() -> std::variant<std::string, Infeasible> {
        try {
            validate(request, environment);
        } catch (const UserError& error) {
            return Infeasible{first_message(error)};
        }
        return work_of(request, environment)();
    };
}

}  // namespace

std::vector<Entry> run_requests(const std::vector<RunRequest>& requests,
                                const SuiteRequest& suite) {
    using Key = decltype(key_of(requests.front()));
    std::map<Key, std::size_t> known;
    std::vector<std::size_t> job_of(requests.size());
    std::vector<const RunRequest*> jobs;
    std::vector<Work> work;
    for (std::size_t i = 0; i < requests.size(); ++i) {
        const auto [at, added] = known.try_emplace(key_of(requests[i]), jobs.size());
        job_of[i] = at->second;
        if (!added) continue;
        jobs.push_back(&requests[i]);
        work.push_back(checked_work(requests[i], suite.environment));
    }
    std::vector<Entry> answers(jobs.size());
    std::size_t done = 0;
    run_in_workers(work, {.jobs = suite.jobs}, [&](std::size_t index, const Outcome& outcome) {
        const RunRequest& request = *jobs[index];
        Entry& entry = answers[index];
        if (outcome.kind == OutcomeKind::ok) {
            entry = entry_of(result_from_json(outcome.text));
        } else {
            entry.status = std::string(to_string(outcome.kind));
            entry.reason = outcome.text;
        }
        entry.chip = request.chip;
        entry.workload = request.workload;
        entry.batch = request.batch;
        if (suite.progress) {
            suite.progress(fmt::format("{} of {} runs ...", ++done, jobs.size()));
        }
    });
    std::vector<Entry> entries;
    for (const std::size_t job : job_of) entries.push_back(answers[job]);
    return entries;
}

void add_broken_runs(const std::vector<Entry>& entries, SuiteOutcome& outcome) {
    const auto broken = std::count_if(entries.begin(), entries.end(), [](const Entry& entry) {
        return !entry.ok() && entry.status != to_string(OutcomeKind::infeasible);
    });
    if (broken == 0) return;
    outcome.groups.push_back({.group = "runs",
                              .statistic = "crashed or broken",
                              .ours = static_cast<double>(broken),
                              .figures = static_cast<int>(entries.size()),
                              .passed = false});
}

}  // namespace perfwatt

#include <fmt/format.h>

#include "sim/suites/silicon_rows.h"
#include "sim/suites/suites.h"
#include "sim/validation/batch_runs.h"
#include "sim/validation/statistics.h"

namespace perfwatt {
namespace {

/// On rows to test on that gate: A is of chips whose array, clock and memory are public, B of those
/// where one parameter may be fitted to the rows to calibrate on.
constexpr Limits kLimitsA{.median = 10, .worst = 25};
constexpr Limits kLimitsB{.median = 15, .worst = 40, .rank = 0.95};

std::vector<GroupFigure> targets_of(const std::vector<Figure>& figures) {
    std::vector<GroupFigure> targets;
    for (const auto& [group, limits] : {std::pair("A", kLimitsA), std::pair("B", kLimitsB)}) {
        const Summary summary = summarise(figures, group, [&](const Figure& figure) {
            return figure.group == group && figure.role == "test" && figure.gates;
        });
        for (GroupFigure& target : judged(summary, limits)) targets.push_back(std::move(target));
    }
    return targets;
}

SuiteOutcome run_silicon(const SuiteRequest& suite) {
    std::vector<silicon::Row> rows = silicon::read_rows(suite.folder, suite.environment.configs);
    std::vector<RunRequest> requests;
    std::vector<std::size_t> asked;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (rows[i].figure.skipped) continue;
        requests.push_back(rows[i].request);
        asked.push_back(i);
    }
    const std::vector<Entry> entries = run_requests(requests, suite);
    for (std::size_t k = 0; k < entries.size(); ++k) {
        silicon::Row& row = rows[asked[k]];
        if (entries[k].ok()) {
            silicon::fill(row, entries[k].result);
        } else {
            row.figure.skipped = true;
            row.figure.note = fmt::format("{} on {}: {}", row.request.workload, row.request.chip,
                                          entries[k].reason);
        }
    }
    SuiteOutcome outcome{.suite = "silicon"};
    for (silicon::Row& row : rows) outcome.figures.push_back(std::move(row.figure));
    outcome.groups = targets_of(outcome.figures);
    add_broken_runs(entries, outcome);
    return outcome;
}

}  // namespace

Suite silicon_suite() {
    return {"silicon", "latencies and rates that makers and MLPerf published", run_silicon};
}

}  // namespace perfwatt

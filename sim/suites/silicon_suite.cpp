#include <fmt/format.h>

#include "sim/suites/silicon_rows.h"
#include "sim/suites/suites.h"
#include "sim/validation/batch_runs.h"
#include "sim/validation/statistics.h"

namespace perfwatt {
namespace {

/// On rows to test on that gate: A is of chips whose array, clock and memory are public, B of those
/// where one parameter may be fitted to the rows to calibrate on.
struct Target {
    const char* group;
    Limits limits;
};
constexpr Target kTargets[] = {
    {"A", {.median = 10, .worst = 25}},
    {"B", {.median = 15, .worst = 40, .rank = 0.95}},
    {"A gpu", {.worst = 15}},
    {"B gpu", {.median = 15, .worst = 35}},
};

std::vector<GroupFigure> targets_of(const std::vector<Figure>& figures) {
    std::vector<GroupFigure> targets;
    for (const auto& [group, limits] : kTargets) {
        const std::string name = group;
        const Summary summary = summarise(figures, name, [&](const Figure& figure) {
            return figure.group == name && figure.role == "test" && figure.gates;
        });
        for (GroupFigure& target : judged(summary, limits)) targets.push_back(std::move(target));
    }
    return targets;
}

/// Fills in a row from its runs, the first of which is `entries[first]`; a row of which one could
/// not be run is skipped.
void fill_from(const std::vector<Entry>& entries, std::size_t first, silicon::Row& row) {
    std::vector<Result> results;
    for (std::size_t i = 0; i < row.parts.size(); ++i) {
        const Entry& entry = entries[first + i];
        const RunRequest& request = row.parts[i].request;
        if (!entry.ok()) {
            row.figure.skipped = true;
            row.figure.note =
                fmt::format("{} on {}: {}", request.workload, request.chip, entry.reason);
            return;
        }
        results.push_back(entry.result);
    }
    silicon::fill(row, results);
}

SuiteOutcome run_silicon(const SuiteRequest& suite) {
    std::vector<silicon::Row> rows = silicon::read_rows(suite.folder, suite.environment.configs);
    std::vector<RunRequest> requests;
    for (const silicon::Row& row : rows) {
        if (row.figure.skipped) continue;
        for (const silicon::Part& part : row.parts) requests.push_back(part.request);
    }
    const std::vector<Entry> entries = run_requests(requests, suite);
    SuiteOutcome outcome{.suite = "silicon"};
    std::size_t next = 0;
    for (silicon::Row& row : rows) {
        if (!row.figure.skipped) {
            fill_from(entries, next, row);
            next += row.parts.size();
        }
        const std::optional<Figure> energy = silicon::wall_energy(row);
        outcome.figures.push_back(std::move(row.figure));
        if (energy) outcome.figures.push_back(*energy);
    }
    outcome.groups = targets_of(outcome.figures);
    add_broken_runs(entries, outcome);
    return outcome;
}

}  // namespace

Suite silicon_suite() {
    return {"silicon", "latencies and rates that makers and MLPerf published", run_silicon};
}

}  // namespace perfwatt

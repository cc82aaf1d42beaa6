#include "sim/sweep/sweep.h"

#include <fmt/format.h>

#include <chrono>
#include <set>

#include "sim/report/record.h"
#include "sim/sweep/request_key.h"
#include "sim/sweep/store.h"

namespace perfwatt {
namespace {

constexpr std::size_t kMostMistakes = 50;

PlannedPoint planned(const SweepPoint& point, std::int64_t position, std::string key) {
    return {.key = std::move(key),
            .position = position,
            .labels = point.labels,
            .chip = point.request.chip,
            .workload = point.request.workload,
            .batch = point.request.batch};
}

/// Points are dealt out like cards, so that each shard gets its share of slow corners.
bool belongs(std::int64_t position, const SweepOptions& options) {
    return position % options.shards == options.shard - 1;
}

struct Plan {
    std::vector<PlannedPoint> mine;
    std::string id;  ///< of the whole grid, the same in every shard
};

Plan plan_of(const std::vector<SweepPoint>& points, const SweepOptions& options,
             const Environment& environment) {
    Plan plan;
    RequestKeys keys(environment);
    std::string all_keys;
    for (std::size_t i = 0; i < points.size(); ++i) {
        const auto position = static_cast<std::int64_t>(i);
        std::string key = keys.key(points[i].request);
        all_keys += key;
        if (belongs(position, options)) {
            plan.mine.push_back(planned(points[i], position, std::move(key)));
        }
    }
    plan.id = hash_text(all_keys);
    return plan;
}

void count(SweepProgress& progress, OutcomeKind kind) {
    switch (kind) {
        case OutcomeKind::ok:
            ++progress.ok;
            return;
        case OutcomeKind::infeasible:
            ++progress.infeasible;
            return;
        case OutcomeKind::user_error:
        case OutcomeKind::internal_error:
        case OutcomeKind::crashed:
        case OutcomeKind::timeout:
        case OutcomeKind::out_of_memory:
            ++progress.failed;
            return;
    }
}

std::string described(const PlannedPoint& point) {
    std::string text = fmt::format("{}, {}, batch {}", point.chip, point.workload, point.batch);
    for (const auto& [label, value] : point.labels) text += fmt::format(", {}={}", label, value);
    return text;
}

}  // namespace

void validate(const std::vector<SweepPoint>& points, const Environment& environment) {
    std::vector<Diagnostic> mistakes;
    std::set<std::string> said;
    for (const SweepPoint& point : points) {
        try {
            validate(point.request, environment);
        } catch (const UserError& error) {
            for (const Diagnostic& mistake : error.diagnostics()) {
                if (said.insert(to_string(mistake)).second) mistakes.push_back(mistake);
            }
        }
        if (mistakes.size() >= kMostMistakes) break;
    }
    if (!mistakes.empty()) throw UserError(std::move(mistakes));
}

Work work_of(const RunRequest& request, const Environment& environment) {
    return [request, environment]() -> std::variant<std::string, Infeasible> {
        try {
            std::variant<RunOutput, Infeasible> answer = run(request, environment);
            if (auto* infeasible = std::get_if<Infeasible>(&answer)) return std::move(*infeasible);
            return result_json(std::get<RunOutput>(answer).result);
        } catch (const UserError& error) {
            // The request was valid; what is left is that this network does not suit this chip.
            std::string reason;
            for (const Diagnostic& mistake : error.diagnostics()) {
                reason += (reason.empty() ? "" : "; ") + mistake.message;
            }
            return Infeasible{std::move(reason)};
        }
    };
}

SweepProgress run_sweep(
    const SweepSpec& sweep, const std::vector<SweepPoint>& points, const SweepOptions& options,
    const Environment& environment,
    const std::function<void(const SweepProgress&, const std::string&)>& report) {
    const Plan plan = plan_of(points, options, environment);
    SweepStore store = SweepStore::open_or_create(options.store);
    store.plan(sweep.name, plan.id, plan.mine);
    const std::set<std::string> finished = store.finished();

    std::vector<Work> work;
    std::vector<const PlannedPoint*> waiting;
    std::set<std::string> queued;  // two points may come to the same thing: it is run once
    SweepProgress progress{.total = static_cast<std::int64_t>(plan.mine.size())};
    for (const PlannedPoint& point : plan.mine) {
        if (finished.contains(point.key) || !queued.insert(point.key).second) {
            ++progress.already;
            continue;
        }
        waiting.push_back(&point);
        work.push_back(
            work_of(points[static_cast<std::size_t>(point.position)].request, environment));
    }
    const auto start = std::chrono::steady_clock::now();
    run_in_workers(work, options.limits, [&](std::size_t index, const Outcome& outcome) {
        const PlannedPoint& point = *waiting[index];
        const bool ok = outcome.kind == OutcomeKind::ok;
        store.put(point.key, std::string(to_string(outcome.kind)), ok ? "" : outcome.text,
                  ok ? outcome.text : "");
        count(progress, outcome.kind);
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
        const std::int64_t left = progress.total - progress.done();
        progress.seconds_left = spent.count() * static_cast<double>(left) /
                                static_cast<double>(progress.done() - progress.already);
        const bool failed = !ok && outcome.kind != OutcomeKind::infeasible;
        report(progress, failed ? fmt::format("{}: {}: {}", described(point),
                                              to_string(outcome.kind), outcome.text)
                                : std::string());
    });
    return progress;
}

}  // namespace perfwatt

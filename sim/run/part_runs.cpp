#include "sim/run/part_runs.h"

#include <fmt/format.h>

#include "sim/report/record.h"
#include "sim/run/worker.h"

namespace perfwatt {

RunRequest part_of(const RunRequest& request) {
    RunRequest part = request;
    part.dump_after.clear();
    part.want_mapping = false;
    part.want_timeline = false;
    return part;
}

std::variant<std::vector<Result>, Infeasible> run_parts(const std::vector<RunRequest>& parts,
                                                        PartRunner runner, const char* what,
                                                        const Environment& environment) {
    std::vector<Work> work;
    for (const RunRequest& part : parts)
        work.push_back([&part, runner, &environment]() -> std::variant<std::string, Infeasible> {
            auto answer = runner(part, environment);
            if (auto* infeasible = std::get_if<Infeasible>(&answer)) return std::move(*infeasible);
            return result_json(std::get<RunOutput>(answer).result);
        });
    std::vector<Result> results;
    const std::vector<Outcome> outcomes = run_in_workers(work, {.jobs = available_processors()});
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        const Outcome& outcome = outcomes[i];
        switch (outcome.kind) {
            case OutcomeKind::ok:
                results.push_back(result_from_json(outcome.text));
                break;
            case OutcomeKind::infeasible:
                return Infeasible{outcome.text};
            case OutcomeKind::user_error:
                // Compiled once more here, the mistake keeps its place and its hint.
                (void)runner(parts[i], environment);
                throw UserError(outcome.text);
            case OutcomeKind::internal_error:
            case OutcomeKind::crashed:
            case OutcomeKind::timeout:
            case OutcomeKind::out_of_memory:
                throw InternalError(fmt::format("{} ended with {}: {}", what,
                                                to_string(outcome.kind), outcome.text));
        }
    }
    return results;
}

}  // namespace perfwatt

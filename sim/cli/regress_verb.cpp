#include <fmt/format.h>

#include "sim/base/diagnostics.h"
#include "sim/cli/output.h"
#include "sim/cli/request_options.h"
#include "sim/cli/runs.h"
#include "sim/cli/verbs.h"
#include "sim/report/text_table.h"
#include "sim/sweep/baseline.h"

namespace perfwatt {
namespace {

std::string table_of(const Baseline& baseline, const std::vector<BaselineChange>& changes) {
    TextTable table({{"run", Align::left},
                     {"figure", Align::left},
                     {"expected", Align::right},
                     {"found", Align::right},
                     {"change", Align::right}});
    for (const BaselineChange& change : changes) {
        table.add({name_of(baseline.entries[change.entry]), change.what, change.expected,
                   change.found,
                   change.relative ? fmt::format("{:+.3f} %", *change.relative * 100) : ""});
    }
    return table.text();
}

std::vector<Entry> answers_of(const Baseline& baseline, const Arguments& arguments,
                              const Environment& environment) {
    std::vector<RunRequest> requests;
    for (const BaselineEntry& entry : baseline.entries) requests.push_back(request_of(entry));
    return run_all(requests, jobs_from(arguments), environment);
}

/// A crash is no figure to record.
void refuse_failures(const Baseline& baseline, const std::vector<Entry>& answers) {
    for (std::size_t i = 0; i < answers.size(); ++i) {
        if (answers[i].ok() || answers[i].status == "infeasible") continue;
        throw UserError(fmt::format("{}: {}: {}; nothing was updated", name_of(baseline.entries[i]),
                                    answers[i].status, answers[i].reason));
    }
}

int execute(const Arguments& arguments, const Environment& environment) {
    const bool update = arguments.has("update");
    const std::string reason = arguments.text("reason", "");
    if (update && reason.empty()) {
        throw UserError("--update needs --reason TEXT", "say why the figures change");
    }
    if (!update && !reason.empty()) throw UserError("--reason means nothing without --update");
    const std::optional<std::string> junit = arguments.text("junit");
    if (junit) check_writable(*junit);
    const Baseline baseline = read_baseline(arguments.positionals().front(), environment.configs);
    if (update) check_writable(baseline.file);

    const std::vector<Entry> answers = answers_of(baseline, arguments, environment);
    const std::vector<BaselineChange> found = changes(baseline, answers);
    if (junit) write_file(*junit, junit_xml(baseline, found));
    if (!found.empty()) write_output({}, table_of(baseline, found));
    if (update) {
        refuse_failures(baseline, answers);
        write_file(baseline.file, baseline_yaml(updated(baseline, answers, reason)));
        say(fmt::format("{}: updated, {} figures changed", baseline.file, found.size()));
        return kExitDone;
    }
    write_output(
        {}, fmt::format("{} runs, {} changes beyond tolerance\n", answers.size(), found.size()));
    return found.empty() ? kExitDone : kExitCheckFailed;
}

}  // namespace

Verb regress_verb() {
    using enum OptionKind;
    return {{.name = "regress",
             .summary = "Run a baseline again; exit 1 if a figure changed beyond tolerance.",
             .positional = "BASELINE.yaml",
             .min_positionals = 1,
             .max_positionals = 1,
             .options = {{"update", flag, "", "write what was found into the file"},
                         {"reason", once, "TEXT", "why the figures change, kept in the file"},
                         {"junit", once, "FILE", "write JUnit XML for a CI server"},
                         jobs_option()}},
            execute};
}

}  // namespace perfwatt

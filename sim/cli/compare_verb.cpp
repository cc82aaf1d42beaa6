#include <fmt/format.h>

#include <algorithm>

#include "sim/base/diagnostics.h"
#include "sim/cli/output.h"
#include "sim/cli/request_options.h"
#include "sim/cli/runs.h"
#include "sim/cli/verbs.h"

namespace perfwatt {
namespace {

std::vector<std::string> at_least_one(const Arguments& arguments, std::string_view option) {
    (void)arguments.required(option);
    return arguments.texts(option);
}

std::vector<RunRequest> requests_from(const Arguments& arguments) {
    std::vector<std::int64_t> batches = arguments.integers("batch", 1, kMostBatch);
    if (batches.empty()) batches = {1};
    const std::vector<std::string> chips = at_least_one(arguments, "chip");
    std::vector<RunRequest> requests;
    for (const std::string& workload : at_least_one(arguments, "workload")) {
        for (const std::int64_t batch : batches) {
            for (const std::string& chip : chips) {
                const RunRequest request = request_from(arguments, chip, workload, batch);
                if (request.lighten.empty()) requests.push_back(request);
                for (const std::string& one : request.lighten) {
                    requests.push_back(request);
                    requests.back().lighten = {one};
                }
            }
        }
    }
    return requests;
}

int execute(const Arguments& arguments, const Environment& environment) {
    const ReportStyle style = style_from(arguments);
    const std::optional<std::string> out = arguments.text("out");
    if (out) check_writable(*out);
    const std::vector<RunRequest> requests = requests_from(arguments);
    std::vector<Entry> entries = run_all(requests, jobs_from(arguments), environment);
    for (std::size_t i = 0; i < entries.size(); ++i)
        for (const std::string& name : requests[i].lighten)
            entries[i].labels.emplace_back(kLightenLabel, name);
    const CompareOptions options{.mixed_power_boundaries = arguments.has("mixed-power-boundaries")};
    write_output(out, render_comparison(entries, options, style));
    return exit_code_of(entries);
}

}  // namespace

Verb compare_verb() {
    VerbSpec spec{.name = "compare",
                  .summary = "Simulate networks on several chips: perf/W and ratios to the first.",
                  .options = request_options(OptionKind::many)};
    spec.options.push_back({"mixed-power-boundaries", OptionKind::flag, "",
                            "compare figures whose power boundaries differ all the same"});
    spec.options.push_back(jobs_option());
    spec.options.push_back(format_option());
    spec.options.push_back({"out", OptionKind::once, "FILE", "where the answer goes (stdout)"});
    return {std::move(spec), execute};
}

}  // namespace perfwatt

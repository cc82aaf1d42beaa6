#include <fmt/format.h>

#include "sim/base/diagnostics.h"
#include "sim/cli/output.h"
#include "sim/cli/request_options.h"
#include "sim/cli/verbs.h"

namespace perfwatt {
namespace {

int execute(const Arguments& arguments, const Environment& environment) {
    RunRequest request = single_request(arguments);
    const ReportStyle style = style_from(arguments);
    const std::optional<std::string> out = arguments.text("out");
    const std::optional<std::string> timeline = arguments.text("timeline");
    const std::optional<std::string> mapping = arguments.text("dump-mapping");
    for (const auto& file : {out, timeline, mapping}) {
        if (file) check_writable(*file);
    }
    request.want_timeline = timeline.has_value();
    request.want_mapping = mapping.has_value();
    if (const auto pass = arguments.text("dump-after")) request.dump_after = {*pass};

    const std::variant<RunOutput, Infeasible> answer = run(request, environment);
    if (const auto* infeasible = std::get_if<Infeasible>(&answer)) {
        throw UserError(fmt::format("{} cannot run on {}: {}", request.workload, request.chip,
                                    infeasible->reason));
    }
    const auto& output = std::get<RunOutput>(answer);
    for (const auto& [pass, text] : output.dumps) say(fmt::format("# after {}\n{}", pass, text));
    const std::string report = render_run(output.result, style);
    if (timeline) write_file(*timeline, output.timeline);
    if (mapping) write_file(*mapping, output.mapping);
    write_output(out, report);
    return kExitDone;
}

}  // namespace

Verb run_verb() {
    VerbSpec spec{.name = "run",
                  .summary = "Simulate a network on a chip: latency, energy, perf/W by layer.",
                  .options = request_options(OptionKind::once)};
    spec.options.push_back(format_option());
    spec.options.push_back({"out", OptionKind::once, "FILE", "where the answer goes (stdout)"});
    spec.options.push_back(
        {"timeline", OptionKind::once, "FILE", "write a trace that Perfetto opens"});
    spec.options.push_back(
        {"dump-mapping", OptionKind::once, "FILE", "write the mappings found, for --mapping"});
    spec.options.push_back(
        {"dump-after", OptionKind::once, "PASS", "print what the compiler has after a pass"});
    return {std::move(spec), execute};
}

}  // namespace perfwatt

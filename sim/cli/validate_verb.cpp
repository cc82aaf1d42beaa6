#include <fmt/format.h>

#include <algorithm>

#include "sim/base/diagnostics.h"
#include "sim/cli/output.h"
#include "sim/cli/request_options.h"
#include "sim/cli/verbs.h"
#include "sim/suites/suites.h"
#include "sim/validation/render.h"

namespace perfwatt {
namespace {

std::vector<std::string> suite_names() {
    std::vector<std::string> names;
    for (const Suite& suite : all_suites()) names.push_back(suite.name);
    return names;
}

/// Those named, in their own order; all of them where none is.
std::vector<Suite> suites_from(const Arguments& arguments) {
    const auto& words = arguments.positionals();
    const std::vector<std::string> names = suite_names();
    for (const std::string& word : words) {
        if (std::find(names.begin(), names.end(), word) != names.end()) continue;
        throw UserError(fmt::format("there is no suite '{}'", word),
                        fmt::format("suites: {}", fmt::join(names, ", ")));
    }
    std::vector<Suite> chosen;
    for (Suite& suite : all_suites()) {
        if (words.empty() || std::find(words.begin(), words.end(), suite.name) != words.end()) {
            chosen.push_back(std::move(suite));
        }
    }
    return chosen;
}

int execute(const Arguments& arguments, const Environment& environment) {
    const ReportStyle style = style_from(arguments);
    const std::optional<std::string> out = arguments.text("out");
    const std::optional<std::string> picture = arguments.text("picture");
    if (out) check_writable(*out);
    if (picture) check_writable(*picture);
    std::vector<SuiteOutcome> outcomes;
    const std::optional<std::string> measured = arguments.text("measured");
    if (measured)
        outcomes.push_back(run_measured({.environment = environment, .jobs = 1}, *measured));
    const bool suites_too = !measured || !arguments.positionals().empty();
    for (const Suite& suite : suites_too ? suites_from(arguments) : std::vector<Suite>{}) {
        outcomes.push_back(suite.run({.environment = environment,
                                      .folder = suite_folder(suite.name, environment.configs),
                                      .jobs = jobs_from(arguments),
                                      .progress = [&](const std::string& what) {
                                          show_progress(fmt::format("{}: {}", suite.name, what));
                                      }}));
    }
    show_progress("");
    if (picture) write_file(*picture, outcomes_page(outcomes));
    write_output(out, render_outcomes(outcomes, style));
    return std::all_of(outcomes.begin(), outcomes.end(), passed) ? kExitDone : kExitCheckFailed;
}

}  // namespace

Verb validate_verb() {
    using enum OptionKind;
    const std::vector<std::string> names = suite_names();
    return {{.name = "validate",
             .summary = "Hold models against measured figures; exit 1 if one is missed.",
             .positional = fmt::format("[SUITE...: {}]", fmt::join(names, ", ")),
             .min_positionals = 0,
             .max_positionals = static_cast<int>(names.size()),
             .options = {format_option(),
                         {"out", once, "FILE", "where the answer goes (stdout)"},
                         {"measured", once, "FILE",
                          "kernels timed on your own GPU (scripts/measure_gpu.py)"},
                         {"picture", once, "FILE", "a page with measured against simulated (HTML)"},
                         jobs_option()}},
            execute};
}

}  // namespace perfwatt

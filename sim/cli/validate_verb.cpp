#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "models/dram/dram_schema.h"
#include "models/dram/validation.h"
#include "sim/base/diagnostics.h"
#include "sim/cli/output.h"
#include "sim/cli/request_options.h"
#include "sim/cli/verbs.h"
#include "sim/report/json_writer.h"
#include "sim/report/numbers.h"
#include "sim/report/text_table.h"

namespace perfwatt {
namespace {

using Figures = std::vector<dram::ValidationRow>;

/// Published or measured figures, and the model that is held against them.
struct Suite {
    std::string_view name;
    Figures (*run)(const Environment& environment);
};

/// The folder of a suite's figures: tests/validation of the source tree, validation installed.
std::string folder_of(std::string_view suite, const ConfigPath& configs) {
    for (const std::string& root : configs.roots()) {
        for (const char* place : {"tests/validation", "validation"}) {
            const std::string folder = fmt::format("{}/{}/{}", root, place, suite);
            std::error_code ignored;
            if (std::filesystem::is_directory(folder, ignored)) return folder;
        }
    }
    throw UserError(
        fmt::format("the figures of suite '{}' are not installed", suite),
        fmt::format("looked for validation/{} in: {}", suite, fmt::join(configs.roots(), ", ")));
}

std::ifstream open(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw UserError(fmt::format("'{}' cannot be read", path));
    return file;
}

Figures run_dram(const Environment& environment) {
    const std::string folder = folder_of("dram", environment.configs);
    std::ifstream expected = open(folder + "/expected.csv");
    std::ifstream plans = open(folder + "/traces.csv");
    return dram::validate(expected, plans, [&](const std::string& memory) {
        show_progress(fmt::format("{} ...", memory));
        return dram::load_spec(environment.configs, fmt::format("{}/{}.yaml", folder, memory)).spec;
    });
}

constexpr Suite kSuites[] = {
    {"dram", run_dram},
};

struct Outcome {
    std::string suite;
    Figures figures;

    [[nodiscard]] std::size_t missed() const {
        return static_cast<std::size_t>(std::count_if(
            figures.begin(), figures.end(), [](const auto& figure) { return !figure.passed; }));
    }
    [[nodiscard]] bool passed() const {
        return std::none_of(figures.begin(), figures.end(),
                            [](const auto& figure) { return figure.gates && !figure.passed; });
    }
};

std::vector<const Suite*> suites_from(const Arguments& arguments) {
    std::vector<std::string> names;
    for (const Suite& suite : kSuites) names.emplace_back(suite.name);
    for (const std::string& word : arguments.positionals()) {
        if (std::find(names.begin(), names.end(), word) != names.end()) continue;
        throw UserError(fmt::format("there is no suite '{}'", word),
                        fmt::format("suites: {}", fmt::join(names, ", ")));
    }
    std::vector<const Suite*> chosen;
    for (const Suite& suite : kSuites) {
        const auto& words = arguments.positionals();
        if (words.empty() || std::find(words.begin(), words.end(), suite.name) != words.end()) {
            chosen.push_back(&suite);
        }
    }
    return chosen;
}

std::string verdict_of(const dram::ValidationRow& figure) {
    if (figure.passed) return "ok";
    return figure.gates ? "missed" : "missed (does not gate)";
}

/// One figure, or the ends of a range.
std::string reference_of(const dram::ValidationRow& figure) {
    if (figure.low == figure.high) return exact_text(figure.low);
    return fmt::format("{} to {}", exact_text(figure.low), exact_text(figure.high));
}

TextTable table_of(const Figures& figures) {
    TextTable table({{"memory", Align::left},
                     {"trace", Align::left},
                     {"figure", Align::left},
                     {"reference", Align::right},
                     {"ours", Align::right},
                     {"error", Align::right},
                     {"tolerance", Align::right},
                     {"verdict", Align::left}});
    for (const dram::ValidationRow& figure : figures) {
        table.add({figure.memory, figure.trace, figure.figure, reference_of(figure),
                   exact_text(figure.ours), fmt::format("{:+.3f} %", figure.error_percent),
                   fmt::format("{} %", exact_text(figure.tolerance_percent)), verdict_of(figure)});
    }
    return table;
}

/// Why figures were missed, and how many: what a person looks for below a table.
std::string summary_of(const Outcome& outcome) {
    std::string text;
    for (const dram::ValidationRow& figure : outcome.figures) {
        if (figure.passed) continue;
        text += fmt::format("- {} {} {}: {}\n", figure.memory, figure.trace, figure.figure,
                            figure.note.empty() ? "no reason is known" : figure.note);
    }
    if (!text.empty()) text = "\nMissed:\n\n" + text;
    return text + fmt::format("\n{}: {} of {} figures within tolerance; {}\n", outcome.suite,
                              outcome.figures.size() - outcome.missed(), outcome.figures.size(),
                              outcome.passed() ? "passed" : "failed");
}

std::string csv_of(const std::vector<Outcome>& outcomes) {
    std::string text =
        csv_line({"suite", "memory", "trace", "figure", "low", "high", "ours", "error_percent",
                  "tolerance_percent", "gates", "verdict", "source", "note"});
    for (const Outcome& outcome : outcomes) {
        for (const dram::ValidationRow& figure : outcome.figures) {
            text += csv_line({outcome.suite, figure.memory, figure.trace, figure.figure,
                              exact_text(figure.low), exact_text(figure.high),
                              exact_text(figure.ours), exact_text(figure.error_percent),
                              exact_text(figure.tolerance_percent), figure.gates ? "yes" : "no",
                              figure.passed ? "ok" : "missed", figure.source, figure.note});
        }
    }
    return text;
}

void write_figure(JsonWriter& json, const dram::ValidationRow& figure) {
    json.begin_object(JsonWriter::Layout::inline_);
    json.member("memory", figure.memory);
    json.member("trace", figure.trace);
    json.member("figure", figure.figure);
    json.member("low", figure.low);
    json.member("high", figure.high);
    json.member("ours", figure.ours);
    json.member("error_percent", figure.error_percent);
    json.member("tolerance_percent", figure.tolerance_percent);
    json.member("gates", figure.gates);
    json.member("verdict", figure.passed ? "ok" : "missed");
    json.member("source", figure.source);
    if (!figure.note.empty()) json.member("note", figure.note);
    json.end_object();
}

std::string json_of(const std::vector<Outcome>& outcomes) {
    JsonWriter json;
    json.begin_array();
    for (const Outcome& outcome : outcomes) {
        json.begin_object();
        json.member("suite", outcome.suite);
        json.member("passed", outcome.passed());
        json.member("missed", outcome.missed());
        json.key("figures");
        json.begin_array();
        for (const dram::ValidationRow& figure : outcome.figures) write_figure(json, figure);
        json.end_array();
        json.end_object();
    }
    json.end_array();
    return json.take();
}

std::string rendered(const std::vector<Outcome>& outcomes, const ReportStyle& style) {
    if (style.format == ReportFormat::json) return json_of(outcomes);
    if (style.format == ReportFormat::csv) return csv_of(outcomes);
    std::string text;
    for (const Outcome& outcome : outcomes) {
        if (!text.empty()) text += "\n";
        const TextTable table = table_of(outcome.figures);
        text +=
            style.format == ReportFormat::md ? table.markdown() : table.text(style.bold_headers);
        text += summary_of(outcome);
    }
    return text;
}

int execute(const Arguments& arguments, const Environment& environment) {
    const ReportStyle style = style_from(arguments);
    const std::optional<std::string> out = arguments.text("out");
    if (out) check_writable(*out);
    std::vector<Outcome> outcomes;
    for (const Suite* suite : suites_from(arguments)) {
        outcomes.push_back({std::string(suite->name), suite->run(environment)});
    }
    show_progress("");
    write_output(out, rendered(outcomes, style));
    const bool passed = std::all_of(outcomes.begin(), outcomes.end(),
                                    [](const Outcome& outcome) { return outcome.passed(); });
    return passed ? kExitDone : kExitCheckFailed;
}

}  // namespace

Verb validate_verb() {
    using enum OptionKind;
    return {{.name = "validate",
             .summary = "Hold models against measured figures; exit 1 if one is missed.",
             .positional = "[SUITE...: dram]",
             .min_positionals = 0,
             .max_positionals = static_cast<int>(std::size(kSuites)),
             .options = {format_option(), {"out", once, "FILE", "where the answer goes (stdout)"}}},
            execute};
}

}  // namespace perfwatt

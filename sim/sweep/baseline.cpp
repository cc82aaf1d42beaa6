#include "sim/sweep/baseline.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "sim/config/document.h"
#include "sim/config/json_schema.h"
#include "sim/config/schema.h"
#include "sim/report/numbers.h"
#include "sim/report/text_table.h"

namespace perfwatt {
namespace {

MapSchema<BaselineEntry> entry_schema() {
    return MapSchema<BaselineEntry>("baseline entry")
        .text("chip", &BaselineEntry::chip, {}, "chip or system, by name or file")
        .text("workload", &BaselineEntry::workload, {}, "network, by name or file")
        .count("batch", &BaselineEntry::batch, {.max = 1'000'000, .otherwise = 1},
               "inferences computed together")
        .text("precision", &BaselineEntry::precision, {}, "the chip's own if absent")
        .text("phase", &BaselineEntry::phase, {.otherwise = "forward"},
              "forward, prefill, decode or generate")
        .count("context", &BaselineEntry::context, {.min = 0, .max = 100'000'000, .otherwise = 0},
               "tokens already in the cache")
        .count("tokens", &BaselineEntry::tokens, {.min = 0, .max = 1'000'000, .otherwise = 0},
               "tokens to generate")
        .text("scenario", &BaselineEntry::scenario, {.otherwise = "single_stream"},
              "single_stream, multi_stream or offline")
        .text("start", &BaselineEntry::start, {.otherwise = "steady"}, "steady or cold")
        .text("memory_timing", &BaselineEntry::memory_timing, {.otherwise = "exact"},
              "exact or stream")
        .field("set", &BaselineEntry::set, ordered_map_of(verbatim_value()), Presence::optional,
               "path of a key -> its value")
        .text("expect", &BaselineEntry::expect, {.otherwise = "ok"}, "ok or infeasible")
        .ratio("latency_ns", &BaselineEntry::latency_ns, {.max = 1e30, .otherwise = 0},
               "expected; 0: not recorded yet")
        .ratio("energy_pj", &BaselineEntry::energy_pj, {.max = 1e30, .otherwise = 0},
               "expected; 0: not recorded yet")
        .ratio("tolerance", &BaselineEntry::tolerance, {}, "relative, instead of the file's")
        .check([](const BaselineEntry& entry, const MapCheck& check) {
            if (entry.expect != "ok" && entry.expect != "infeasible") {
                check.error("expect",
                            fmt::format("'{}' is not one of: ok, infeasible", entry.expect));
            }
        });
}

MapSchema<Baseline> baseline_schema() {
    return MapSchema<Baseline>("baseline")
        .prose("description", &Baseline::description, "what the baseline is for")
        .ratio("tolerance", &Baseline::tolerance, {.otherwise = 0},
               "relative change of a figure that is no change")
        .field("reasons", &Baseline::reasons, list_of(text_value()), Presence::optional,
               "why the figures were changed, oldest first")
        .maps("entries", &Baseline::entries, entry_schema(), {.min = 1}, "the runs");
}

void compare_figure(std::vector<BaselineChange>& found, std::size_t entry, const char* what,
                    double expected, double answer, double tolerance) {
    // Figures are written with nine digits, so equality is that of their text.
    if (exact_text(expected) == exact_text(answer)) return;
    const double relative = expected > 0 ? answer / expected - 1 : 0;
    if (expected > 0 && std::abs(answer - expected) <= tolerance * expected) return;
    BaselineChange change{.entry = entry,
                          .what = what,
                          .expected = expected > 0 ? exact_text(expected) : "not recorded",
                          .found = exact_text(answer)};
    if (expected > 0) change.relative = relative;
    found.push_back(std::move(change));
}

/// In double quotes, where nothing but these two need an escape.
std::string yaml_text(const std::string& text) {
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c == '\n' || c == '\t' ? ' ' : c;
    }
    return quoted + '"';
}

std::string entry_yaml(const BaselineEntry& entry) {
    std::string text = fmt::format("  - chip: {}\n    workload: {}\n", entry.chip, entry.workload);
    const auto line = [&text](const char* key, const std::string& value) {
        text += fmt::format("    {}: {}\n", key, value);
    };
    if (entry.batch != 1) line("batch", fmt::format("{}", entry.batch));
    if (entry.precision) line("precision", *entry.precision);
    if (entry.phase != "forward") line("phase", entry.phase);
    if (entry.context != 0) line("context", fmt::format("{}", entry.context));
    if (entry.tokens != 0) line("tokens", fmt::format("{}", entry.tokens));
    if (entry.scenario != "single_stream") line("scenario", entry.scenario);
    if (entry.start != "steady") line("start", entry.start);
    if (entry.memory_timing != "exact") line("memory_timing", entry.memory_timing);
    if (!entry.set.empty()) text += "    set:\n";
    for (const auto& [path, value] : entry.set) {
        text += fmt::format("      {}: {}\n", path, yaml_text(value));
    }
    if (entry.tolerance) line("tolerance", exact_text(*entry.tolerance));
    if (entry.expect != "ok") {
        line("expect", entry.expect);
    } else {
        line("latency_ns", exact_text(entry.latency_ns));
        line("energy_pj", exact_text(entry.energy_pj));
    }
    return text;
}

}  // namespace

Baseline read_baseline(const std::string& file, const ConfigPath& configs) {
    const Document document = Document::load(ConfigKind::baseline, file, configs);
    Reading reading(document);
    Baseline baseline = baseline_schema().read(document.root(), reading);
    reading.finish();
    baseline.file = file;
    return baseline;
}

RunRequest request_of(const BaselineEntry& entry) {
    RunRequest request;
    request.chip = entry.chip;
    request.workload = entry.workload;
    request.batch = entry.batch;
    request.precision = entry.precision;
    request.phase = entry.phase;
    request.context = entry.context;
    request.tokens = entry.tokens;
    request.scenario = entry.scenario;
    request.start = entry.start;
    request.memory_timing = entry.memory_timing;
    for (const auto& [path, value] : entry.set) {
        request.overrides.push_back(fmt::format("{}={}", path, value));
    }
    return request;
}

std::string name_of(const BaselineEntry& entry) {
    std::string name = fmt::format("{}, {}, batch {}", entry.chip, entry.workload, entry.batch);
    if (entry.precision) name += ", " + *entry.precision;
    if (entry.phase != "forward") name += ", " + entry.phase;
    if (entry.context != 0) name += fmt::format(", context {}", entry.context);
    if (entry.tokens != 0) name += fmt::format(", {} tokens", entry.tokens);
    if (entry.scenario != "single_stream") name += ", " + entry.scenario;
    if (entry.start != "steady") name += ", " + entry.start;
    if (entry.memory_timing != "exact") name += ", " + entry.memory_timing;
    for (const auto& [path, value] : entry.set) name += fmt::format(", {}={}", path, value);
    return name;
}

std::vector<BaselineChange> changes(const Baseline& baseline, const std::vector<Entry>& answers) {
    std::vector<BaselineChange> found;
    for (std::size_t i = 0; i < baseline.entries.size(); ++i) {
        const BaselineEntry& expected = baseline.entries[i];
        const Entry& answer = answers[i];
        if (answer.status != expected.expect) {
            found.push_back({.entry = i,
                             .what = "status",
                             .expected = expected.expect,
                             .found = answer.ok()
                                          ? "ok"
                                          : fmt::format("{}: {}", answer.status, answer.reason)});
        } else if (answer.ok()) {
            const double tolerance = expected.tolerance.value_or(baseline.tolerance);
            compare_figure(found, i, "latency_ns", expected.latency_ns, answer.result.latency_ns,
                           tolerance);
            compare_figure(found, i, "energy_pj", expected.energy_pj, answer.result.energy_pj,
                           tolerance);
        }
    }
    return found;
}

Baseline updated(Baseline baseline, const std::vector<Entry>& answers, const std::string& reason) {
    for (std::size_t i = 0; i < baseline.entries.size(); ++i) {
        BaselineEntry& entry = baseline.entries[i];
        entry.expect = answers[i].status;
        entry.latency_ns = answers[i].ok() ? answers[i].result.latency_ns : 0;
        entry.energy_pj = answers[i].ok() ? answers[i].result.energy_pj : 0;
    }
    baseline.reasons.push_back(reason);
    return baseline;
}

std::string baseline_yaml(const Baseline& baseline) {
    std::string text = "schema: perfwatt/baseline/v1\n";
    if (!baseline.description.empty()) {
        text += fmt::format("description: {}\n", yaml_text(baseline.description));
    }
    text += fmt::format("tolerance: {}\n", exact_text(baseline.tolerance));
    if (!baseline.reasons.empty()) text += "reasons:\n";
    for (const std::string& reason : baseline.reasons) {
        text += fmt::format("  - {}\n", yaml_text(reason));
    }
    text += "entries:\n";
    for (const BaselineEntry& entry : baseline.entries) text += entry_yaml(entry);
    return text;
}

std::string junit_xml(const Baseline& baseline, const std::vector<BaselineChange>& changes) {
    std::set<std::size_t> changed;
    for (const BaselineChange& change : changes) changed.insert(change.entry);
    std::string text = fmt::format(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\">\n",
        html_escape(baseline.file), baseline.entries.size(), changed.size());
    for (std::size_t i = 0; i < baseline.entries.size(); ++i) {
        text += fmt::format("  <testcase classname=\"regress\" name=\"{}\"",
                            html_escape(name_of(baseline.entries[i])));
        if (!changed.contains(i)) {
            text += "/>\n";
            continue;
        }
        text += ">\n";
        for (const BaselineChange& change : changes) {
            if (change.entry != i) continue;
            text +=
                fmt::format("    <failure message=\"{}: expected {}, found {}\"/>\n", change.what,
                            html_escape(change.expected), html_escape(change.found));
        }
        text += "  </testcase>\n";
    }
    return text + "</testsuite>\n";
}

nlohmann::ordered_json baseline_json_schema() {
    return json_schema(ConfigKind::baseline, baseline_schema().rule());
}

}  // namespace perfwatt

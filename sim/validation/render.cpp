#include "sim/validation/render.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/report/json_writer.h"
#include "sim/report/numbers.h"
#include "sim/validation/tables.h"

namespace perfwatt {
namespace {

/// How many distinct groups or roles make the summary worth its lines.
bool wants_summary(const SuiteOutcome& outcome) {
    return std::any_of(outcome.figures.begin(), outcome.figures.end(),
                       [](const Figure& figure) { return !figure.group.empty(); });
}

const char* verdict_word(const Figure& figure) {
    if (figure.skipped) return "skipped";
    if (!figure.judged) return "none";
    return figure.passed ? "ok" : "missed";
}

std::string csv_of(const std::vector<SuiteOutcome>& outcomes) {
    std::string text = csv_line({"suite", "subject", "topic", "figure", "low", "high", "ours",
                                 "error_percent", "tolerance_percent", "power_w", "energy_mj",
                                 "group", "role", "gates", "verdict", "source", "note"});
    const auto number = [](bool says, double value) {
        return says ? exact_text(value) : std::string();
    };
    for (const SuiteOutcome& outcome : outcomes) {
        for (const Figure& f : outcome.figures) {
            text += csv_line(
                {outcome.suite, f.subject, f.topic, f.name, exact_text(f.low), exact_text(f.high),
                 number(!f.skipped, f.ours), number(!f.skipped, f.error_percent),
                 number(f.judged, f.tolerance_percent), number(f.power_w > 0, f.power_w),
                 number(f.energy_mj > 0, f.energy_mj), f.group, f.role, f.gates ? "yes" : "no",
                 verdict_word(f), f.source, f.note});
        }
    }
    return text;
}

void write_figure(JsonWriter& json, const Figure& figure) {
    json.begin_object(JsonWriter::Layout::inline_);
    json.member("subject", figure.subject);
    json.member("topic", figure.topic);
    json.member("figure", figure.name);
    json.member("low", figure.low);
    json.member("high", figure.high);
    if (!figure.skipped) {
        json.member("ours", figure.ours);
        if (figure.low == figure.high && figure.low != 0) {
            json.member("ratio", figure.ours / figure.low);
        }
        json.member("error_percent", figure.error_percent);
    }
    if (figure.judged) json.member("tolerance_percent", figure.tolerance_percent);
    if (figure.power_w > 0) json.member("power_w", figure.power_w);
    if (figure.energy_mj > 0) json.member("energy_mj", figure.energy_mj);
    if (!figure.group.empty()) json.member("group", figure.group);
    if (!figure.role.empty()) json.member("role", figure.role);
    json.member("gates", figure.gates);
    json.member("verdict", verdict_word(figure));
    json.member("source", figure.source);
    if (!figure.note.empty()) json.member("note", figure.note);
    json.end_object();
}

void write_summaries(JsonWriter& json, std::string_view key, const std::vector<Summary>& all) {
    json.key(key);
    json.begin_array();
    for (const Summary& s : all) {
        json.begin_object(JsonWriter::Layout::inline_);
        json.member("group", s.group);
        json.member("figures", s.figures);
        json.member("skipped", s.skipped);
        if (s.figures > 0) {
            json.member("median_error_percent", s.median_error);
            json.member("mean_error_percent", s.mean_error);
            json.member("worst_error_percent", s.worst_error);
            json.member("bias_percent", s.bias);
            if (s.figures >= 3) json.member("rank", s.rank);
        }
        json.end_object();
    }
    json.end_array();
}

void write_targets(JsonWriter& json, const std::vector<GroupFigure>& groups) {
    json.key("targets");
    json.begin_array();
    for (const GroupFigure& group : groups) {
        json.begin_object(JsonWriter::Layout::inline_);
        json.member("group", group.group);
        json.member("statistic", group.statistic);
        json.member("figures", group.figures);
        json.member("limit", group.limit);
        json.member("ours", group.ours);
        json.member("gates", group.gates);
        json.member("verdict", group.limit == 0 ? "-" : group.passed ? "ok" : "missed");
        json.end_object();
    }
    json.end_array();
}

std::string json_of(const std::vector<SuiteOutcome>& outcomes) {
    JsonWriter json;
    json.begin_array();
    for (const SuiteOutcome& outcome : outcomes) {
        const auto& figures = outcome.figures;
        const auto missed = std::count_if(figures.begin(), figures.end(), [](const Figure& f) {
            return !f.skipped && f.judged && !f.passed;
        });
        const auto skipped = std::count_if(figures.begin(), figures.end(),
                                           [](const Figure& f) { return f.skipped; });
        json.begin_object();
        json.member("suite", outcome.suite);
        json.member("passed", passed(outcome));
        json.member("missed", missed);
        json.member("skipped", skipped);
        write_targets(json, outcome.groups);
        write_summaries(json, "groups", group_summaries(outcome));
        write_summaries(json, "subjects", subject_summaries(outcome));
        json.key("figures");
        json.begin_array();
        for (const Figure& figure : figures) write_figure(json, figure);
        json.end_array();
        json.end_object();
    }
    json.end_array();
    return json.take();
}

}  // namespace

std::string render_outcomes(const std::vector<SuiteOutcome>& outcomes, const ReportStyle& style) {
    if (style.format == ReportFormat::json) return json_of(outcomes);
    if (style.format == ReportFormat::csv) return csv_of(outcomes);
    const auto printed = [&](const TextTable& table) {
        return style.format == ReportFormat::md ? table.markdown() : table.text(style.bold_headers);
    };
    std::string text;
    for (const SuiteOutcome& outcome : outcomes) {
        if (!text.empty()) text += "\n";
        text += printed(figures_table(outcome));
        if (wants_summary(outcome)) text += "\n" + printed(summaries_table(outcome));
        if (!outcome.groups.empty()) text += "\n" + printed(targets_table(outcome));
        text += closing_words(outcome);
    }
    return text;
}

}  // namespace perfwatt

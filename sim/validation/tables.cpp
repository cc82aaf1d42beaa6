#include "sim/validation/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "sim/report/numbers.h"
#include "sim/validation/suite.h"

namespace perfwatt {
namespace {

struct ColumnOf {
    const char* name;
    Align align;
    bool always;
    std::string (*text)(const Figure&);
};

/// One figure, or the ends of a range.
std::string reference_of(const Figure& figure) {
    if (figure.low == figure.high) return exact_text(figure.low);
    return fmt::format("{} to {}", exact_text(figure.low), exact_text(figure.high));
}

/// Simulated figures keep the digits that a reference of few digits would be read with.
std::string ours_of(const Figure& figure) {
    if (figure.skipped) return "";
    if (figure.judged) return exact_text(figure.ours);
    return fmt::format("{:.5g}", figure.ours);
}

std::string error_of(const Figure& figure) {
    if (figure.skipped) return "";
    return fmt::format("{:+.{}f} %", figure.error_percent, figure.judged ? 3 : 1);
}

std::string tolerance_of(const Figure& figure) {
    if (!figure.judged || figure.skipped) return "";
    if (figure.tolerance_percent == 0) return "exact";
    return fmt::format("{} %", exact_text(figure.tolerance_percent));
}

std::string positive(double value) { return value > 0 ? fmt::format("{:.4g}", value) : ""; }

std::vector<ColumnOf> columns() {
    return {
        {"subject", Align::left, true, [](const Figure& f) { return f.subject; }},
        {"topic", Align::left, true, [](const Figure& f) { return f.topic; }},
        {"figure", Align::left, true, [](const Figure& f) { return f.name; }},
        {"reference", Align::right, true, reference_of},
        {"ours", Align::right, true, ours_of},
        {"error", Align::right, true, error_of},
        {"tolerance", Align::right, false, tolerance_of},
        {"W", Align::right, false, [](const Figure& f) { return positive(f.power_w); }},
        {"mJ", Align::right, false, [](const Figure& f) { return positive(f.energy_mj); }},
        {"group", Align::left, false, [](const Figure& f) { return f.group; }},
        {"role", Align::left, false, [](const Figure& f) { return f.role; }},
        {"verdict", Align::left, true, verdict_of},
    };
}

bool counts(const Figure& figure) { return figure.role != "calibrate"; }

/// Figures of a role apart: what was fitted on must not be judged on.
std::string with_role(const std::string& key, const Figure& figure) {
    if (key.empty()) return {};
    return counts(figure) ? key : key + ", calibrate";
}

std::string limit_text(const GroupFigure& group) {
    if (group.limit == 0) return "-";  // told, not judged
    return fmt::format("{} {}", group.statistic == "rank" ? ">=" : "<=", exact_text(group.limit));
}

}  // namespace

std::string verdict_of(const Figure& figure) {
    if (figure.skipped) return "skipped";
    if (!figure.judged) return "-";
    if (figure.passed) return "ok";
    return figure.gates ? "missed" : "missed (does not gate)";
}

TextTable figures_table(const SuiteOutcome& outcome) {
    std::vector<ColumnOf> shown;
    std::vector<TextTable::Column> heads;
    for (const ColumnOf& column : columns()) {
        const bool says =
            column.always || std::any_of(outcome.figures.begin(), outcome.figures.end(),
                                         [&](const Figure& f) { return !column.text(f).empty(); });
        if (!says) continue;
        shown.push_back(column);
        heads.push_back({column.name, column.align});
    }
    TextTable table(std::move(heads));
    for (const Figure& figure : outcome.figures) {
        std::vector<std::string> row;
        for (const ColumnOf& column : shown) row.push_back(column.text(figure));
        table.add(std::move(row));
    }
    return table;
}

std::vector<Summary> group_summaries(const SuiteOutcome& outcome) {
    return summaries(outcome.figures, [](const Figure& f) { return with_role(f.group, f); });
}

std::vector<Summary> subject_summaries(const SuiteOutcome& outcome) {
    return summaries(outcome.figures, [](const Figure& f) { return with_role(f.subject, f); });
}

TextTable summaries_table(const SuiteOutcome& outcome) {
    TextTable table({{"group", Align::left},
                     {"figures", Align::right},
                     {"skipped", Align::right},
                     {"median", Align::right},
                     {"mean", Align::right},
                     {"worst", Align::right},
                     {"bias", Align::right},
                     {"rank", Align::right}});
    const auto add = [&](const std::vector<Summary>& all) {
        for (const Summary& s : all) {
            const bool any = s.figures > 0;
            const auto percent = [&](double value) {
                return any ? fmt::format("{:.1f} %", value) : std::string();
            };
            table.add({s.group, fmt::format("{}", s.figures), fmt::format("{}", s.skipped),
                       percent(s.median_error), percent(s.mean_error), percent(s.worst_error),
                       any ? fmt::format("{:+.1f} %", s.bias) : "",
                       s.figures >= 3 ? fmt::format("{:.3f}", s.rank) : ""});
        }
    };
    const std::vector<Summary> groups = group_summaries(outcome);
    const std::vector<Summary> subjects = subject_summaries(outcome);
    add(groups);
    if (!groups.empty() && !subjects.empty()) table.add_gap();
    add(subjects);
    return table;
}

TextTable targets_table(const SuiteOutcome& outcome) {
    TextTable table({{"target of", Align::left},
                     {"statistic", Align::left},
                     {"figures", Align::right},
                     {"limit", Align::right},
                     {"ours", Align::right},
                     {"verdict", Align::left}});
    for (const GroupFigure& group : outcome.groups) {
        table.add({group.group, group.statistic, fmt::format("{}", group.figures),
                   limit_text(group), fmt::format("{:.3f}", group.ours),
                   group.limit == 0 ? "-"
                   : group.passed   ? "ok"
                   : group.gates    ? "missed"
                                    : "missed (does not gate)"});
    }
    return table;
}

std::string closing_words(const SuiteOutcome& outcome) {
    std::string missed;
    int within = 0;
    int judged = 0;
    int skipped = 0;
    std::vector<std::pair<std::string, int>> reasons;
    for (const Figure& figure : outcome.figures) {
        if (figure.skipped) {
            ++skipped;
            const auto same = std::find_if(reasons.begin(), reasons.end(),
                                           [&](const auto& r) { return r.first == figure.note; });
            if (same == reasons.end()) {
                reasons.emplace_back(figure.note, 1);
            } else {
                ++same->second;
            }
            continue;
        }
        if (!figure.judged) continue;
        ++judged;
        within += figure.passed ? 1 : 0;
        if (figure.passed) continue;
        missed += fmt::format("- {} {} {}: {}\n", figure.subject, figure.topic, figure.name,
                              figure.note.empty() ? "no reason is known" : figure.note);
    }
    std::string text;
    const auto with_role = [&](const char* role) {
        return std::count_if(outcome.figures.begin(), outcome.figures.end(),
                             [&](const Figure& f) { return !f.skipped && f.role == role; });
    };
    if (with_role("test") > 0)
        text += fmt::format("\nRun, {} of {}: {} to test on, {} to calibrate on, {} to report\n",
                            outcome.figures.size() - static_cast<std::size_t>(skipped),
                            outcome.figures.size(), with_role("test"), with_role("calibrate"),
                            with_role("report"));
    if (!missed.empty()) text += "\nMissed:\n\n" + missed;
    if (skipped > 0) {
        text += fmt::format("\nSkipped, {} of {}:\n\n", skipped, outcome.figures.size());
        for (const auto& [reason, count] : reasons) {
            text += fmt::format("- {}: {}\n", count, reason);
        }
    }
    std::string targets;
    if (!outcome.groups.empty()) {
        const auto met = std::count_if(outcome.groups.begin(), outcome.groups.end(),
                                       [](const GroupFigure& g) { return g.passed; });
        targets = fmt::format("{} of {} targets met; ", met, outcome.groups.size());
    }
    return text + fmt::format("\n{}: {} of {} figures within tolerance; {}{}\n", outcome.suite,
                              within, judged, targets, passed(outcome) ? "passed" : "failed");
}

}  // namespace perfwatt

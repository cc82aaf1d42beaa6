#include <fmt/format.h>

#include <algorithm>

#include "sim/base/diagnostics.h"
#include "sim/cli/output.h"
#include "sim/cli/verbs.h"
#include "sim/report/report.h"
#include "sim/sweep/store.h"

namespace perfwatt {
namespace {

Entry entry_of(const StoredPoint& stored) {
    Entry entry{.chip = stored.point.chip,
                .workload = stored.point.workload,
                .batch = stored.point.batch,
                .status = stored.status,
                .reason = stored.reason};
    if (entry.ok()) entry = perfwatt::entry_of(result_from_json(stored.record));
    entry.labels = stored.point.labels;
    return entry;
}

int merge(const Arguments& arguments, const Environment& /*environment*/) {
    const std::vector<std::string>& paths = arguments.positionals();
    std::vector<SweepStore> others;
    for (std::size_t i = 1; i < paths.size(); ++i) others.push_back(SweepStore::open(paths[i]));
    SweepStore into = SweepStore::open_or_create(paths.front());
    for (const SweepStore& other : others) into.merge(other);
    say(fmt::format("{}: {} points", paths.front(), into.points().size()));
    return kExitDone;
}

/// "latency_ns,energy_pj"; both empty if the option is absent.
std::pair<std::string, std::string> pareto_axes(const Arguments& arguments) {
    const std::optional<std::string> text = arguments.text("pareto");
    if (!text) return {};
    const std::size_t comma = text->find(',');
    if (comma == std::string::npos) {
        throw UserError(fmt::format("--pareto '{}' is not of the form X,Y", *text),
                        "--pareto latency_ns,energy_pj");
    }
    std::pair<std::string, std::string> axes{text->substr(0, comma), text->substr(comma + 1)};
    (void)metric(axes.first);
    (void)metric(axes.second);
    return axes;
}

/// The points that no other point of the same network and batch beats in both figures.
std::vector<Entry> front_of(const std::vector<Entry>& entries,
                            const std::pair<std::string, std::string>& axes) {
    std::vector<std::pair<std::string, std::int64_t>> groups;
    for (const Entry& entry : entries) {
        const std::pair group(entry.workload, entry.batch);
        if (std::find(groups.begin(), groups.end(), group) == groups.end()) {
            groups.push_back(group);
        }
    }
    std::vector<Entry> front;
    for (const auto& group : groups) {
        std::vector<Entry> members;
        for (const Entry& entry : entries) {
            if (std::pair(entry.workload, entry.batch) == group) members.push_back(entry);
        }
        for (const std::size_t i : pareto_front(members, metric(axes.first), metric(axes.second))) {
            front.push_back(members[i]);
        }
    }
    return front;
}

int report(const Arguments& arguments, const Environment& /*environment*/) {
    const auto axes = pareto_axes(arguments);
    const std::string& path = arguments.positionals().front();
    for (const char* option : {"csv", "json", "md", "html"}) {
        if (const auto file = arguments.text(option)) check_writable(*file);
    }
    std::vector<Entry> entries;
    for (const StoredPoint& point : SweepStore::open(path).points())
        entries.push_back(entry_of(point));

    // The page draws the front among all points; tables list the front alone.
    const std::vector<Entry> listed = axes.first.empty() ? entries : front_of(entries, axes);
    bool written = false;
    const auto write = [&](const char* option, const auto& render) {
        const std::optional<std::string> file = arguments.text(option);
        if (!file) return;
        write_file(*file, render());
        written = true;
    };
    write("csv", [&] { return render_entries(listed, {.format = ReportFormat::csv}); });
    write("json", [&] { return render_entries(listed, {.format = ReportFormat::json}); });
    write("md", [&] { return render_entries(listed, {.format = ReportFormat::md}); });
    write("html", [&] {
        return render_html(entries,
                           {.title = path, .pareto_x = axes.first, .pareto_y = axes.second});
    });
    if (!written) write_output({}, render_entries(listed, {}));
    return kExitDone;
}

}  // namespace

Verb merge_verb() {
    return {{.name = "merge",
             .summary = "Take what other stores hold into the first.",
             .positional = "STORE STORE...",
             .min_positionals = 2,
             .max_positionals = 100'000},
            merge};
}

Verb report_verb() {
    using enum OptionKind;
    return {{.name = "report",
             .summary = "Print what a store holds, or write it as CSV, JSON, Markdown or HTML.",
             .positional = "STORE",
             .min_positionals = 1,
             .max_positionals = 1,
             .options = {{"html", once, "FILE", "a page with tables and charts"},
                         {"csv", once, "FILE", "a line a point"},
                         {"json", once, "FILE", "an array of records"},
                         {"md", once, "FILE", "a table for documents"},
                         {"pareto", once, "X,Y",
                          "only points no other beats in both, e.g. latency_ns,energy_pj"}}},
            report};
}

}  // namespace perfwatt

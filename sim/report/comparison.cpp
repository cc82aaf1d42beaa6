#include <fmt/format.h>

#include <algorithm>

#include "sim/base/diagnostics.h"
#include "sim/report/boundary.h"
#include "sim/report/numbers.h"
#include "sim/report/report.h"
#include "sim/report/text_table.h"
#include "sim/report/views.h"

namespace perfwatt {
namespace {

using Group = std::vector<const Entry*>;

using Labels = std::vector<std::pair<std::string, std::string>>;

/// A network and its lightened forms are compared with one another.
Labels grouping_labels(Labels labels) {
    std::erase_if(labels, [](const auto& label) { return label.first == kLightenLabel; });
    return labels;
}

bool same_group(const Entry& a, const Entry& b) {
    return a.workload == b.workload && a.batch == b.batch &&
           grouping_labels(a.labels) == grouping_labels(b.labels);
}

/// Whether some network was made lighter: then its work stands beside its time.
bool any_lightened(std::span<const Entry> entries) {
    return std::any_of(entries.begin(), entries.end(), [](const Entry& entry) {
        return std::any_of(entry.labels.begin(), entry.labels.end(),
                           [](const auto& label) { return label.first == kLightenLabel; });
    });
}

double memory_bytes(const Result& result) {
    double bytes = 0;
    for (const MemoryResult& memory : result.memories)
        bytes += static_cast<double>(memory.read_bytes + memory.write_bytes);
    return bytes;
}

std::vector<std::string> work_cells(const Entry& entry) {
    if (!entry.ok()) return {"", "", ""};
    return {count_text(static_cast<double>(entry.result.macs)),
            count_text(static_cast<double>(entry.result.executed_macs)),
            bytes_text(memory_bytes(entry.result))};
}

/// Entries that are compared with one another, in the order in which groups first appear.
std::vector<Group> groups_of(std::span<const Entry> entries) {
    std::vector<Group> groups;
    for (const Entry& entry : entries) {
        const auto found = std::find_if(groups.begin(), groups.end(), [&](const Group& group) {
            return same_group(*group.front(), entry);
        });
        if (found == groups.end())
            groups.push_back({&entry});
        else
            found->push_back(&entry);
    }
    return groups;
}

/// The best perf/W of a group, or null if no chip of it may be called the best.
const Entry* best_of(const Group& group) {
    const Entry* best = nullptr;
    for (const Entry* entry : group) {
        if (!entry->ok() || entry->result.trust == Trust::none) continue;
        if (best == nullptr || entry->result.perf_per_watt > best->result.perf_per_watt)
            best = entry;
    }
    return group.size() > 1 ? best : nullptr;
}

std::string ratio_or_dash(double value, double reference) {
    return reference > 0 ? ratio_text(value / reference) : "-";
}

std::string marks(const Entry& entry, const Entry* best) {
    std::string out = &entry == best ? "*" : "";
    if (entry.result.host_share() > kHostShareMarked) out += "h";
    return out;
}

std::vector<TextTable::Column> figure_columns() {
    return {{"chip"},
            {"latency", Align::right},
            {"throughput/s", Align::right},
            {"energy", Align::right},
            {"power", Align::right},
            {"of the"},
            {"perf/W", Align::right},
            {"used", Align::right}};
}

std::vector<std::string> figure_cells(const Result& r) {
    return {marked_chip(r),
            time_text(r.latency_ns),
            count_text(r.throughput_per_s),
            energy_text(r.energy_pj),
            power_text(r.power_w),
            std::string(to_string(r.power_boundary)),
            count_text(r.perf_per_watt),
            percent_text(r.utilization)};
}

/// An entry without a result: its status where the latency would stand.
std::vector<std::string> failure_cells(const Entry& entry) {
    return {entry.chip, entry.status, "", "", "", "", "", ""};
}

std::string label_text(const Entry& entry) {
    std::string out;
    for (const auto& [name, value] : entry.labels)
        out += fmt::format("{}{}={}", out.empty() ? "" : " ", name, value);
    return out;
}

struct Comparison {
    TextTable table;
    std::string footer;
};

std::string footer_of(std::span<const Entry> entries, bool has_best) {
    std::string out;
    if (has_best) out += "* the best perf/W of its group\n";
    std::vector<const Result*> results;
    for (const Entry& entry : entries)
        if (entry.ok()) results.push_back(&entry.result);
    out += notes(results);
    for (const Entry& entry : entries)
        if (!entry.ok())
            out += fmt::format("{} on {}: {}: {}\n", entry.workload, entry.chip, entry.status,
                               entry.reason);
    return out;
}

bool any_labels(std::span<const Entry> entries) {
    return std::any_of(entries.begin(), entries.end(),
                       [](const Entry& entry) { return !entry.labels.empty(); });
}

std::vector<TextTable::Column> leading_columns(bool labels) {
    std::vector<TextTable::Column> columns;
    if (labels) columns.push_back({"point"});
    columns.push_back({"workload"});
    columns.push_back({"batch", Align::right});
    for (TextTable::Column& column : figure_columns()) columns.push_back(std::move(column));
    return columns;
}

std::vector<std::string> cells_of(const Entry& entry, bool labels) {
    std::vector<std::string> row;
    if (labels) row.push_back(label_text(entry));
    row.push_back(entry.workload);
    row.push_back(std::to_string(entry.batch));
    for (std::string& cell : entry.ok() ? figure_cells(entry.result) : failure_cells(entry))
        row.push_back(std::move(cell));
    return row;
}

Comparison compare(std::span<const Entry> entries) {
    const bool labels = any_labels(entries);
    std::vector<TextTable::Column> columns = leading_columns(labels);
    const bool lightened = any_lightened(entries);
    if (lightened)
        for (const char* name : {"MACs", "executed", "memory bytes"})
            columns.push_back({name, Align::right});
    columns.push_back({"speed", Align::right});
    columns.push_back({"perf/W ratio", Align::right});
    columns.push_back({""});
    Comparison comparison{.table = TextTable(columns), .footer = {}};
    bool has_best = false;
    for (const Group& group : groups_of(entries)) {
        const Entry* best = best_of(group);
        has_best = has_best || best != nullptr;
        const Entry& first = *group.front();
        comparison.table.add_gap();
        for (const Entry* entry : group) {
            std::vector<std::string> row = cells_of(*entry, labels);
            if (lightened)
                for (std::string& cell : work_cells(*entry)) row.push_back(std::move(cell));
            const bool both = entry->ok() && first.ok();
            row.push_back(
                both ? ratio_or_dash(entry->result.throughput_per_s, first.result.throughput_per_s)
                     : "");
            row.push_back(
                both ? ratio_or_dash(entry->result.perf_per_watt, first.result.perf_per_watt) : "");
            row.push_back(entry->ok() ? marks(*entry, best) : "");
            comparison.table.add(std::move(row));
        }
    }
    comparison.footer = footer_of(entries, has_best);
    if (lightened)
        comparison.footer +=
            "lightened networks: whether they still answer well enough is not simulated\n";
    return comparison;
}

}  // namespace

std::string render_comparison(std::span<const Entry> entries, const CompareOptions& options,
                              const ReportStyle& style) {
    AlikeEntries alike;
    if (!options.mixed_power_boundaries) {
        alike = at_common_boundary(entries);
        entries = alike.entries;
    }
    const auto with_footer = [](const std::string& table, const std::string& footer) {
        return footer.empty() ? table : table + "\n" + footer;
    };
    if (style.format == ReportFormat::json) return entries_json(entries);
    if (style.format == ReportFormat::csv) return entries_csv(entries);
    Comparison comparison = compare(entries);
    comparison.footer += alike.note;
    if (style.format == ReportFormat::md)
        return with_footer(comparison.table.markdown(), bullets(comparison.footer));
    return with_footer(comparison.table.text(style.bold_headers), comparison.footer);
}

TextTable entries_table(std::span<const Entry> entries) {
    const bool labels = any_labels(entries);
    TextTable table(leading_columns(labels));
    for (const Entry& entry : entries) table.add(cells_of(entry, labels));
    return table;
}

std::string entries_footer(std::span<const Entry> entries) { return footer_of(entries, false); }

std::string render_entries(std::span<const Entry> entries, const ReportStyle& style) {
    const std::string footer = entries_footer(entries);
    const auto whole = [&](const std::string& table, const std::string& below) {
        return below.empty() ? table : table + "\n" + below;
    };
    switch (style.format) {
        case ReportFormat::json:
            return entries_json(entries);
        case ReportFormat::csv:
            return entries_csv(entries);
        case ReportFormat::md:
            return whole(entries_table(entries).markdown(), bullets(footer));
        case ReportFormat::table:
            break;
    }
    return whole(entries_table(entries).text(style.bold_headers), footer);
}

}  // namespace perfwatt

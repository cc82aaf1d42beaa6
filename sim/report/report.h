#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/report/record.h"
#include "sim/stats/result.h"

namespace perfwatt {

/// How results are printed. `table` is for a terminal, `json` and `csv` for programs, `md` for
/// documents.
enum class ReportFormat { table, json, csv, md };

[[nodiscard]] std::optional<ReportFormat> report_format_from(std::string_view name);

struct ReportStyle {
    ReportFormat format = ReportFormat::table;
    bool bold_headers = false;  ///< set where the output is a terminal
    int layers = 20;            ///< the longest this many layers are listed; 0: all of them
};

/// Above this share of the latency, work on the host is marked: it says more about the host than
/// about the chip.
inline constexpr double kHostShareMarked = 0.05;

/// `perfwatt run`: one result. CSV has a line a layer.
[[nodiscard]] std::string render_run(const Result& result, const ReportStyle& style);

struct CompareOptions {
    bool mixed_power_boundaries = false;  ///< asked for by the user
};

/// `perfwatt compare`: perf/W and its ratios to the first entry of each (workload, batch).
/// UserError if power boundaries differ and that was not asked for. The best perf/W of a group is
/// marked `*`; chips whose trust is none cannot be the best.
[[nodiscard]] std::string render_comparison(std::span<const Entry> entries,
                                            const CompareOptions& options,
                                            const ReportStyle& style);

/// Whether something would be gained by more of a resource: what a run said after doubling it.
struct Doubling {
    std::string resource;   ///< "DRAM channels"
    std::string change;     ///< "memories.0.channels: 2 -> 4"
    double latency_ns = 0;  ///< of the run with the change
    double energy_pj = 0;
    std::string infeasible;  ///< why there was no such run; empty if there was
};

/// `perfwatt explain`: where the time goes, what limits each layer, what a doubling gives.
[[nodiscard]] std::string render_explanation(const Result& result,
                                             std::span<const Doubling> doublings,
                                             const ReportStyle& style);

struct HtmlOptions {
    std::string title = "perfwatt";
    std::string pareto_x;  ///< names of metrics; both empty: no such chart
    std::string pareto_y;
};

/// One page that needs nothing from a network: tables, and charts drawn as SVG.
[[nodiscard]] std::string render_html(std::span<const Entry> entries, const HtmlOptions& options);

/// `perfwatt report`: lines of a store; in table and Markdown one line an entry.
[[nodiscard]] std::string render_entries(std::span<const Entry> entries, const ReportStyle& style);

/// Columns of the comparison and of render_entries, as users write them: name and marks of a chip.
[[nodiscard]] std::string marked_chip(const Result& result);

}  // namespace perfwatt

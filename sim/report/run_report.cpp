#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "sim/report/json_writer.h"
#include "sim/report/numbers.h"
#include "sim/report/report.h"
#include "sim/report/text_table.h"
#include "sim/report/views.h"

namespace perfwatt {
namespace {

/// Indices of the longest layers, in the order of the run.
std::vector<std::size_t> listed_layers(const Result& result, int limit) {
    std::vector<std::size_t> order(result.layers.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (limit <= 0 || order.size() <= static_cast<std::size_t>(limit)) return order;
    const auto duration = [&](std::size_t i) {
        return result.layers[i].end_ns - result.layers[i].start_ns;
    };
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return duration(a) > duration(b); });
    order.resize(static_cast<std::size_t>(limit));
    std::sort(order.begin(), order.end());
    return order;
}

std::string figures(const Result& r) {
    std::string out;
    const auto line = [&](std::string_view name, const std::string& text) {
        out += fmt::format("{:<12} {}\n", name, text);
    };
    line("latency",
         fmt::format("{}   bound {} ({} of it)", time_text(r.latency_ns), time_text(r.bound_ns),
                     percent_text(r.latency_ns > 0 ? r.bound_ns / r.latency_ns : 0)));
    if (r.latency_p99_ns != r.latency_p50_ns)
        line("percentiles", fmt::format("p50 {}   p99 {}", time_text(r.latency_p50_ns),
                                        time_text(r.latency_p99_ns)));
    if (r.ttft_ns > 0) line("first token", time_text(r.ttft_ns));
    line("throughput", fmt::format("{} {}", count_text(r.throughput_per_s), rate_unit(r)));
    line("energy", fmt::format("{}   power {} ({})", energy_text(r.energy_pj),
                               power_text(r.power_w), to_string(r.power_boundary)));
    line("perf/W", fmt::format("{} {}/W", count_text(r.perf_per_watt), rate_unit(r)));
    line("utilization",
         fmt::format("{}   {}MAC useful, {}MAC executed", percent_text(r.utilization),
                     spaced_prefix(r.macs), spaced_prefix(r.executed_macs)));
    return out;
}

TextTable memory_table(const Result& r) {
    TextTable table({{"memory"},
                     {"read", Align::right},
                     {"written", Align::right},
                     {"bandwidth", Align::right},
                     {"of peak", Align::right},
                     {"row hits", Align::right}});
    for (const MemoryResult& m : r.memories)
        table.add({m.name, bytes_text(static_cast<double>(m.read_bytes)),
                   bytes_text(static_cast<double>(m.write_bytes)),
                   bandwidth_text(m.bandwidth_bytes_per_s),
                   percent_text(
                       m.peak_bytes_per_s > 0 ? m.bandwidth_bytes_per_s / m.peak_bytes_per_s : 0),
                   m.row_hit_rate > 0 ? percent_text(m.row_hit_rate) : "-"});
    return table;
}

/// Networks that share the chip.
TextTable tenant_table(const Result& r) {
    TextTable table({{"network"},
                     {"has"},
                     {"inferences", Align::right},
                     {"latency", Align::right},
                     {"alone", Align::right},
                     {"slower", Align::right},
                     {rate_unit(r), Align::right}});
    for (const TenantResult& t : r.tenants)
        table.add({t.workload, t.share, std::to_string(t.inferences), time_text(t.latency_ns),
                   time_text(t.alone_ns),
                   ratio_text(t.alone_ns > 0 ? t.latency_ns / t.alone_ns : 0),
                   count_text(t.throughput_per_s)});
    return table;
}

/// What units in a memory's banks had it for.
TextTable pim_table(const MemoryResult& memory) {
    TextTable table(
        {{fmt::format("units of {}", memory.name)}, {"", Align::right}, {"share", Align::right}});
    double whole = 0;
    for (const MemoryResult::PimTime& part : memory.pim_times) whole += part.ns;
    for (const MemoryResult::PimTime& part : memory.pim_times)
        if (part.ns > 0) table.add({part.name, time_text(part.ns), percent_text(part.ns / whole)});
    return table;
}

std::string heading(const Result& r, bool markdown) {
    std::string line = fmt::format("{} on {}", r.workload, marked_chip(r));
    std::string details = fmt::format("batch {}, {}, {}", r.batch, r.precision, r.scenario);
    if (!r.lighten.empty()) details += fmt::format(", lightened by {}", r.lighten);
    if (r.phase != "forward" && !r.phase.empty()) {
        details += ", " + r.phase;
        if (r.context > 0) details += fmt::format(" at context {}", r.context);
    }
    if (!r.operating_point.empty()) details += fmt::format(", at '{}'", r.operating_point);
    details += fmt::format(", {} memory timing, trust {}", r.memory_timing, to_string(r.trust));
    return markdown ? fmt::format("## {}\n\n{}\n\n", line, details)
                    : fmt::format("{}\n{}\n\n", line, details);
}

std::string code_block(const std::string& text) { return "```\n" + text + "```\n"; }

}  // namespace

std::string rate_unit(const Result& r) {
    const bool tokens = r.phase == "prefill" || r.phase == "decode" || r.phase == "generate";
    return tokens ? "tokens/s" : "inferences/s";
}

std::string bullets(const std::string& lines) {
    std::string out;
    bool line_start = true;
    for (const char c : lines) {
        if (line_start) out += "- ";
        out += c;
        line_start = c == '\n';
    }
    return out;
}

std::string spaced_prefix(std::int64_t count) {
    const std::string text = count_text(static_cast<double>(count));
    return text.find(' ') == std::string::npos ? text + " " : text;
}

std::string marked_chip(const Result& r) {
    std::string name = r.chip;
    if (r.is_estimated()) name += "~";
    if (r.trust == Trust::none) name += "?";
    return name;
}

std::string notes(std::span<const Result* const> results) {
    std::string out;
    const auto any = [&](auto predicate) {
        return std::any_of(results.begin(), results.end(),
                           [&](const Result* r) { return predicate(*r); });
    };
    if (any([](const Result& r) { return r.is_estimated(); }))
        out +=
            "~ some figures of this chip are estimated: `perfwatt show chip NAME --resolved` "
            "lists them\n";
    if (any([](const Result& r) { return r.trust == Trust::none; }))
        out += "? nobody published this chip's peak, memory and power together: never the best\n";
    std::vector<std::string> said;
    for (const Result* r : results)
        for (const std::string& what : r->lightening) {
            std::string line = fmt::format("{} on {}: {}\n", r->workload, r->chip, what);
            if (std::find(said.begin(), said.end(), line) != said.end()) continue;
            out += line;
            said.push_back(std::move(line));
        }
    for (const Result* r : results)
        if (r->host_share() > kHostShareMarked)
            out += fmt::format("h {} of {} on {} is work of the host\n",
                               percent_text(r->host_share()), r->workload, r->chip);
    return out;
}

TextTable time_table(const Result& r, bool bars) {
    std::vector<TextTable::Column> columns = {
        {"time"}, {"", Align::right}, {"share", Align::right}};
    if (bars) columns.push_back({""});
    TextTable table(columns);
    for (int i = 0; i < kTimeCauses; ++i) {
        const double ns = r.time_breakdown_ns[static_cast<std::size_t>(i)];
        if (ns == 0) continue;
        const double share = r.latency_ns > 0 ? ns / r.latency_ns : 0;
        std::vector<std::string> row = {std::string(to_string(static_cast<TimeCause>(i))),
                                        time_text(ns), percent_text(share)};
        if (bars) row.push_back(bar_text(share));
        table.add(row);
    }
    return table;
}

TextTable energy_table(const Result& r) {
    TextTable table({{"energy"}, {"", Align::right}, {"share", Align::right}});
    for (int i = 0; i < kEnergyComponents; ++i) {
        const double pj = r.energy_breakdown_pj[static_cast<std::size_t>(i)];
        if (pj == 0) continue;
        table.add({std::string(to_string(static_cast<EnergyComponent>(i))), energy_text(pj),
                   percent_text(r.energy_pj > 0 ? pj / r.energy_pj : 0)});
    }
    return table;
}

std::string bar_text(double share) {
    constexpr int kWidth = 40;
    const int length = std::clamp(static_cast<int>(share * kWidth + 0.5), 0, kWidth);
    return std::string(static_cast<std::size_t>(length), '#');
}

TextTable layer_table(const Result& r, int limit) {
    TextTable table({{"#", Align::right},
                     {"layer"},
                     {"operator"},
                     {"engine"},
                     {"time", Align::right},
                     {"share", Align::right},
                     {"MACs", Align::right},
                     {"read", Align::right},
                     {"written", Align::right},
                     {"energy", Align::right},
                     {"limited by"}});
    for (const std::size_t i : listed_layers(r, limit)) {
        const LayerResult& layer = r.layers[i];
        const double ns = layer.end_ns - layer.start_ns;
        table.add({std::to_string(i + 1), layer.name, layer.operator_type, layer.engine,
                   time_text(ns), percent_text(r.latency_ns > 0 ? ns / r.latency_ns : 0),
                   count_text(static_cast<double>(layer.macs)),
                   bytes_text(static_cast<double>(layer.read_bytes)),
                   bytes_text(static_cast<double>(layer.write_bytes)), energy_text(layer.energy_pj),
                   std::string(to_string(layer.limited_by))});
    }
    return table;
}

std::string run_body(const Result& r, const ReportStyle& style, bool bars) {
    const bool md = style.format == ReportFormat::md;
    const auto print = [&](const TextTable& table) {
        return (md ? table.markdown() : table.text(style.bold_headers)) + "\n";
    };
    std::string out = heading(r, md);
    out += md ? code_block(figures(r)) : figures(r);
    out += "\n";
    if (!r.tenants.empty()) out += print(tenant_table(r));
    out += print(time_table(r, bars)) + print(energy_table(r));
    if (!r.memories.empty()) out += print(memory_table(r));
    for (const MemoryResult& memory : r.memories)
        if (!memory.pim_times.empty()) out += print(pim_table(memory));
    out += print(layer_table(r, style.layers));
    if (style.layers > 0 && r.layers.size() > static_cast<std::size_t>(style.layers))
        out += fmt::format("the {} longest of {} layers; --format csv lists all\n\n", style.layers,
                           r.layers.size());
    std::string footer;
    for (const std::string& what : r.not_modelled)
        footer += fmt::format("not modelled: {}\n", what);
    const Result* const one[] = {&r};
    footer += notes(one);
    return out + (md ? bullets(footer) : footer);
}

std::string render_run(const Result& result, const ReportStyle& style) {
    switch (style.format) {
        case ReportFormat::json:
            return result_json(result);
        case ReportFormat::csv:
            return layers_csv(result);
        case ReportFormat::table:
        case ReportFormat::md:
            break;
    }
    return run_body(result, style, false);
}

std::optional<ReportFormat> report_format_from(std::string_view name) {
    if (name == "table") return ReportFormat::table;
    if (name == "json") return ReportFormat::json;
    if (name == "csv") return ReportFormat::csv;
    if (name == "md") return ReportFormat::md;
    return std::nullopt;
}

}  // namespace perfwatt

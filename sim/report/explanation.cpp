#include <fmt/format.h>

#include "sim/report/json_writer.h"
#include "sim/report/numbers.h"
#include "sim/report/report.h"
#include "sim/report/text_table.h"
#include "sim/report/views.h"

namespace perfwatt {
namespace {

/// How much of the latency lies in layers with the same limit.
TextTable limit_table(const Result& r) {
    std::array<double, kTimeCauses> ns{};
    std::array<int, kTimeCauses> layers{};
    for (const LayerResult& layer : r.layers) {
        const auto i = static_cast<std::size_t>(layer.limited_by);
        ns[i] += layer.end_ns - layer.start_ns;
        ++layers[i];
    }
    TextTable table({{"layers limited by"},
                     {"layers", Align::right},
                     {"time", Align::right},
                     {"share", Align::right}});
    for (std::size_t i = 0; i < ns.size(); ++i)
        if (layers[i] > 0)
            table.add({std::string(to_string(static_cast<TimeCause>(i))), std::to_string(layers[i]),
                       time_text(ns[i]),
                       percent_text(r.latency_ns > 0 ? ns[i] / r.latency_ns : 0)});
    return table;
}

/// A layer's first loads go out while the layer before it still computes.
bool layers_overlap(const Result& r) {
    double ns = 0;
    for (const LayerResult& layer : r.layers) ns += layer.end_ns - layer.start_ns;
    return ns > 1.0005 * r.latency_ns;
}

TextTable doubling_table(const Result& r, std::span<const Doubling> doublings) {
    TextTable table({{"twice the"},
                     {"change"},
                     {"latency", Align::right},
                     {"speed", Align::right},
                     {"energy", Align::right},
                     {"energy ratio", Align::right}});
    for (const Doubling& d : doublings) {
        if (!d.infeasible.empty()) {
            table.add({d.resource, d.change, "-", "-", "-", "-"});
            continue;
        }
        table.add({d.resource, d.change, time_text(d.latency_ns),
                   ratio_text(d.latency_ns > 0 ? r.latency_ns / d.latency_ns : 0),
                   energy_text(d.energy_pj),
                   ratio_text(r.energy_pj > 0 ? d.energy_pj / r.energy_pj : 0)});
    }
    return table;
}

std::string explanation_json(const Result& r, std::span<const Doubling> doublings) {
    JsonWriter json;
    json.begin_object();
    json.key("result");
    write_result(json, r);
    json.key("doublings");
    json.begin_array();
    for (const Doubling& d : doublings) {
        json.begin_object(JsonWriter::Layout::inline_);
        json.member("resource", d.resource);
        json.member("change", d.change);
        if (d.infeasible.empty()) {
            json.member("latency_ns", d.latency_ns);
            json.member("energy_pj", d.energy_pj);
        } else {
            json.member("infeasible", d.infeasible);
        }
        json.end_object();
    }
    json.end_array();
    json.end_object();
    return json.take();
}

std::string doublings_csv(const Result& r, std::span<const Doubling> doublings) {
    std::string out = csv_line({"resource", "change", "latency_ns", "energy_pj", "infeasible"});
    out += csv_line({"", "", exact_text(r.latency_ns), exact_text(r.energy_pj), ""});
    for (const Doubling& d : doublings) {
        const bool ran = d.infeasible.empty();
        out += csv_line({d.resource, d.change, ran ? exact_text(d.latency_ns) : "",
                         ran ? exact_text(d.energy_pj) : "", d.infeasible});
    }
    return out;
}

}  // namespace

std::string render_explanation(const Result& result, std::span<const Doubling> doublings,
                               const ReportStyle& style) {
    switch (style.format) {
        case ReportFormat::json:
            return explanation_json(result, doublings);
        case ReportFormat::csv:
            return doublings_csv(result, doublings);
        case ReportFormat::table:
        case ReportFormat::md:
            break;
    }
    const auto print = [&](const TextTable& table) {
        return style.format == ReportFormat::md ? table.markdown() : table.text(style.bold_headers);
    };
    std::string out = run_body(result, style, true);
    out += "\n" + print(limit_table(result));
    if (layers_overlap(result))
        out += "layers overlap in time: their shares add up to more than 100 %\n";
    if (!doublings.empty()) out += "\n" + print(doubling_table(result, doublings));
    if (!result.notes.empty()) out += "\n";
    for (const std::string& note : result.notes)
        out += fmt::format("{}{}\n", style.format == ReportFormat::md ? "- " : "", note);
    for (const Doubling& d : doublings)
        if (!d.infeasible.empty())
            out += fmt::format("\ntwice the {}: {}\n", d.resource, d.infeasible);
    return out;
}

}  // namespace perfwatt

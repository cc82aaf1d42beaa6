#include "sim/report/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sim/base/diagnostics.h"
#include "sim/report/json_writer.h"
#include "sim/report/numbers.h"
#include "sim/report/text_table.h"

namespace perfwatt {
namespace {

using Layout = JsonWriter::Layout;

void write_memory(JsonWriter& json, const MemoryResult& memory) {
    json.begin_object(Layout::inline_);
    json.member("name", memory.name);
    json.member("read_bytes", memory.read_bytes);
    json.member("write_bytes", memory.write_bytes);
    json.member("bandwidth_bytes_per_s", memory.bandwidth_bytes_per_s);
    json.member("peak_bytes_per_s", memory.peak_bytes_per_s);
    json.member("row_hit_rate", memory.row_hit_rate);
    json.key("commands");
    json.begin_object(Layout::inline_);
    for (const MemoryResult::Command& command : memory.commands)
        json.member(command.name, command.count);
    json.end_object();
    if (!memory.pim_times.empty()) {
        json.key("pim_time_ns");
        json.begin_object(Layout::inline_);
        for (const MemoryResult::PimTime& part : memory.pim_times) json.member(part.name, part.ns);
        json.end_object();
    }
    json.end_object();
}

void write_layer(JsonWriter& json, const LayerResult& layer) {
    json.begin_object(Layout::inline_);
    json.member("name", layer.name);
    json.member("operator", layer.operator_type);
    json.member("engine", layer.engine);
    json.member("start_ns", layer.start_ns);
    json.member("end_ns", layer.end_ns);
    json.member("macs", layer.macs);
    json.member("read_bytes", layer.read_bytes);
    json.member("write_bytes", layer.write_bytes);
    json.member("energy_pj", layer.energy_pj);
    json.member("limited_by", to_string(layer.limited_by));
    json.end_object();
}

void write_tenant(JsonWriter& json, const TenantResult& tenant) {
    json.begin_object(Layout::inline_);
    json.member("workload", tenant.workload);
    json.member("share", tenant.share);
    json.member("inferences", tenant.inferences);
    json.member("latency_ns", tenant.latency_ns);
    json.member("alone_ns", tenant.alone_ns);
    json.member("throughput_per_s", tenant.throughput_per_s);
    json.end_object();
}

template <class Enum, std::size_t kSize>
void write_breakdown(JsonWriter& json, std::string_view name,
                     const std::array<double, kSize>& values) {
    json.key(name);
    json.begin_object(Layout::inline_);
    for (std::size_t i = 0; i < kSize; ++i) json.member(to_string(static_cast<Enum>(i)), values[i]);
    json.end_object();
}

void write_identity(JsonWriter& json, const Result& r) {
    json.member("schema", kResultSchema);
    json.member("version", r.version);
    json.member("config_hash", r.config_hash);
    json.member("chip", r.chip);
    json.member("workload", r.workload);
    json.member("batch", r.batch);
    json.member("precision", r.precision);
    if (!r.lighten.empty()) json.member("lighten", r.lighten);
    json.member("phase", r.phase);
    json.member("context", r.context);
    json.member("scenario", r.scenario);
    json.member("operating_point", r.operating_point);
    json.member("memory_timing", r.memory_timing);
    json.member("trust", to_string(r.trust));
    json.member("estimated", r.estimated);
    json.member("not_modelled", r.not_modelled);
    if (!r.notes.empty()) json.member("notes", r.notes);
    if (!r.lightening.empty()) json.member("lightening", r.lightening);
}

void write_figures(JsonWriter& json, const Result& r) {
    json.member("latency_ns", r.latency_ns);
    json.member("latency_p50_ns", r.latency_p50_ns);
    json.member("latency_p99_ns", r.latency_p99_ns);
    json.member("ttft_ns", r.ttft_ns);
    json.member("throughput_per_s", r.throughput_per_s);
    json.member("energy_pj", r.energy_pj);
    if (r.board_pj > 0) json.member("board_pj", r.board_pj);
    json.member("power_w", r.power_w);
    json.member("power_boundary", to_string(r.power_boundary));
    json.member("perf_per_watt", r.perf_per_watt);
    json.member("macs", r.macs);
    json.member("executed_macs", r.executed_macs);
    json.member("bound_ns", r.bound_ns);
    json.member("utilization", r.utilization);
}

void write_members(JsonWriter& json, const Result& r) {
    write_identity(json, r);
    write_figures(json, r);
    json.key("memories");
    json.begin_array();
    for (const MemoryResult& memory : r.memories) write_memory(json, memory);
    json.end_array();
    write_breakdown<EnergyComponent>(json, "energy_breakdown_pj", r.energy_breakdown_pj);
    write_breakdown<TimeCause>(json, "time_breakdown_ns", r.time_breakdown_ns);
    json.key("layers");
    json.begin_array();
    for (const LayerResult& layer : r.layers) write_layer(json, layer);
    json.end_array();
    if (r.tenants.empty()) return;
    json.key("tenants");
    json.begin_array();
    for (const TenantResult& tenant : r.tenants) write_tenant(json, tenant);
    json.end_array();
}

void write_failure(JsonWriter& json, const Entry& entry) {
    json.member("schema", kResultSchema);
    json.member("chip", entry.chip);
    json.member("workload", entry.workload);
    json.member("batch", entry.batch);
    json.member("status", entry.status);
    json.member("reason", entry.reason);
}

constexpr std::array kMetrics = {
    Metric{"latency_ns", true, [](const Result& r) { return r.latency_ns; }},
    Metric{"latency_p50_ns", true, [](const Result& r) { return r.latency_p50_ns; }},
    Metric{"latency_p99_ns", true, [](const Result& r) { return r.latency_p99_ns; }},
    Metric{"ttft_ns", true, [](const Result& r) { return r.ttft_ns; }},
    Metric{"throughput_per_s", false, [](const Result& r) { return r.throughput_per_s; }},
    Metric{"energy_pj", true, [](const Result& r) { return r.energy_pj; }},
    Metric{"power_w", true, [](const Result& r) { return r.power_w; }},
    Metric{"perf_per_watt", false, [](const Result& r) { return r.perf_per_watt; }},
    Metric{"macs", true, [](const Result& r) { return static_cast<double>(r.macs); }},
    Metric{"executed_macs", true,
           [](const Result& r) { return static_cast<double>(r.executed_macs); }},
    Metric{"bound_ns", true, [](const Result& r) { return r.bound_ns; }},
    Metric{"utilization", false, [](const Result& r) { return r.utilization; }},
};

/// Values of one line in the order of csv_columns(), labels excepted.
std::vector<std::string> csv_values(const Result& r) {
    std::vector<std::string> row = {r.version,
                                    r.config_hash,
                                    r.precision,
                                    r.phase,
                                    std::to_string(r.context),
                                    r.scenario,
                                    r.operating_point,
                                    r.memory_timing,
                                    std::string(to_string(r.trust)),
                                    std::to_string(r.estimated.size()),
                                    std::string(to_string(r.power_boundary))};
    for (const Metric& m : kMetrics) row.push_back(exact_text(m.get(r)));
    std::int64_t read = 0;
    std::int64_t written = 0;
    for (const MemoryResult& memory : r.memories) {
        read += memory.read_bytes;
        written += memory.write_bytes;
    }
    row.push_back(std::to_string(read));
    row.push_back(std::to_string(written));
    for (const double pj : r.energy_breakdown_pj) row.push_back(exact_text(pj));
    for (const double ns : r.time_breakdown_ns) row.push_back(exact_text(ns));
    return row;
}

std::vector<std::string> csv_columns() {
    std::vector<std::string> names = {
        "version", "config_hash",      "precision",       "phase",
        "context", "scenario",         "operating_point", "memory_timing",
        "trust",   "estimated_values", "power_boundary"};
    for (const Metric& m : kMetrics) names.emplace_back(m.name);
    names.emplace_back("read_bytes");
    names.emplace_back("write_bytes");
    for (int i = 0; i < kEnergyComponents; ++i)
        names.push_back(fmt::format("energy_{}_pj", to_string(static_cast<EnergyComponent>(i))));
    for (int i = 0; i < kTimeCauses; ++i)
        names.push_back(fmt::format("time_{}_ns", to_string(static_cast<TimeCause>(i))));
    return names;
}

/// The names of all labels, in the order in which they first appear.
std::vector<std::string> label_names(std::span<const Entry> entries) {
    std::vector<std::string> names;
    for (const Entry& entry : entries)
        for (const auto& [name, value] : entry.labels)
            if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    return names;
}

std::string label_value(const Entry& entry, std::string_view name) {
    for (const auto& [key, value] : entry.labels)
        if (key == name) return value;
    return {};
}

}  // namespace

Entry entry_of(Result result) {
    Entry entry;
    entry.chip = result.chip;
    entry.workload = result.workload;
    entry.batch = result.batch;
    entry.result = std::move(result);
    return entry;
}

void write_result(JsonWriter& json, const Result& result) {
    json.begin_object();
    write_members(json, result);
    json.end_object();
}

std::string result_json(const Result& result) {
    JsonWriter json;
    write_result(json, result);
    return json.take();
}

std::string results_json(std::span<const Result> results) {
    JsonWriter json;
    json.begin_array();
    for (const Result& result : results) write_result(json, result);
    json.end_array();
    return json.take();
}

std::string entries_json(std::span<const Entry> entries) {
    JsonWriter json;
    json.begin_array();
    for (const Entry& entry : entries) {
        json.begin_object();
        if (entry.ok())
            write_members(json, entry.result);
        else
            write_failure(json, entry);
        if (!entry.labels.empty()) {
            json.key("labels");
            json.begin_object(Layout::inline_);
            for (const auto& [name, value] : entry.labels) json.member(name, value);
            json.end_object();
        }
        json.end_object();
    }
    json.end_array();
    return json.take();
}

std::string entries_csv(std::span<const Entry> entries) {
    const std::vector<std::string> labels = label_names(entries);
    const std::vector<std::string> columns = csv_columns();
    std::vector<std::string> header = labels;
    header.insert(header.end(), {"chip", "workload", "batch", "status", "reason"});
    header.insert(header.end(), columns.begin(), columns.end());
    std::string out = csv_line(header);
    for (const Entry& entry : entries) {
        std::vector<std::string> row;
        for (const std::string& name : labels) row.push_back(label_value(entry, name));
        row.insert(row.end(), {entry.chip, entry.workload, std::to_string(entry.batch),
                               entry.status, entry.reason});
        const std::vector<std::string> values =
            entry.ok() ? csv_values(entry.result) : std::vector<std::string>(columns.size());
        row.insert(row.end(), values.begin(), values.end());
        out += csv_line(row);
    }
    return out;
}

std::string layers_csv(const Result& result) {
    std::string out = csv_line({"name", "operator", "engine", "start_ns", "end_ns", "macs",
                                "read_bytes", "write_bytes", "energy_pj", "limited_by"});
    for (const LayerResult& layer : result.layers)
        out += csv_line({layer.name, layer.operator_type, layer.engine, exact_text(layer.start_ns),
                         exact_text(layer.end_ns), std::to_string(layer.macs),
                         std::to_string(layer.read_bytes), std::to_string(layer.write_bytes),
                         exact_text(layer.energy_pj), std::string(to_string(layer.limited_by))});
    return out;
}

std::span<const Metric> metrics() { return kMetrics; }

const Metric& metric(std::string_view name) {
    for (const Metric& candidate : kMetrics)
        if (candidate.name == name) return candidate;
    std::vector<std::string> names;
    for (const Metric& candidate : kMetrics) names.emplace_back(candidate.name);
    throw UserError(fmt::format("no metric is called '{}'", name), did_you_mean(name, names));
}

std::vector<std::size_t> pareto_front(std::span<const Entry> entries, const Metric& x,
                                      const Metric& y) {
    const auto cost = [](const Metric& m, const Result& r) {
        return m.smaller_is_better ? m.get(r) : -m.get(r);
    };
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < entries.size(); ++i)
        if (entries[i].ok()) order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        const Result& ra = entries[a].result;
        const Result& rb = entries[b].result;
        return std::pair(cost(x, ra), cost(y, ra)) < std::pair(cost(x, rb), cost(y, rb));
    });
    std::vector<std::size_t> front;
    for (const std::size_t i : order)
        if (front.empty() || cost(y, entries[i].result) < cost(y, entries[front.back()].result))
            front.push_back(i);
    return front;
}

}  // namespace perfwatt

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "sim/base/diagnostics.h"
#include "sim/report/record.h"

namespace perfwatt {
namespace {

/// Ordered, for the commands of a memory keep the order they were written in.
using Json = nlohmann::ordered_json;

template <class T>
void read(const Json& json, const char* key, T& into) {
    json.at(key).get_to(into);
}

/// Reads a name and turns it into the enum, by `parse`.
template <class Enum, class Parse>
void read_enum(const Json& json, const char* key, Enum& into, Parse parse) {
    const auto text = json.at(key).get<std::string>();
    const auto value = parse(text);
    if (!value) throw UserError(fmt::format("not a result: {} is '{}'", key, text));
    into = *value;
}

MemoryResult read_memory(const Json& json) {
    MemoryResult memory;
    read(json, "name", memory.name);
    read(json, "read_bytes", memory.read_bytes);
    read(json, "write_bytes", memory.write_bytes);
    read(json, "bandwidth_bytes_per_s", memory.bandwidth_bytes_per_s);
    read(json, "peak_bytes_per_s", memory.peak_bytes_per_s);
    read(json, "row_hit_rate", memory.row_hit_rate);
    for (const auto& [name, count] : json.at("commands").items())
        memory.commands.push_back({.name = name, .count = count.get<std::int64_t>()});
    if (json.contains("pim_time_ns"))
        for (const auto& [name, ns] : json.at("pim_time_ns").items())
            memory.pim_times.push_back({.name = name, .ns = ns.get<double>()});
    return memory;
}

LayerResult read_layer(const Json& json) {
    LayerResult layer;
    read(json, "name", layer.name);
    read(json, "operator", layer.operator_type);
    read(json, "engine", layer.engine);
    read(json, "start_ns", layer.start_ns);
    read(json, "end_ns", layer.end_ns);
    read(json, "macs", layer.macs);
    read(json, "read_bytes", layer.read_bytes);
    read(json, "write_bytes", layer.write_bytes);
    read(json, "energy_pj", layer.energy_pj);
    read_enum(json, "limited_by", layer.limited_by, time_cause_from);
    return layer;
}

TenantResult read_tenant(const Json& json) {
    TenantResult tenant;
    read(json, "workload", tenant.workload);
    read(json, "share", tenant.share);
    read(json, "inferences", tenant.inferences);
    read(json, "latency_ns", tenant.latency_ns);
    read(json, "alone_ns", tenant.alone_ns);
    read(json, "throughput_per_s", tenant.throughput_per_s);
    return tenant;
}

template <class Enum, std::size_t kSize>
void read_breakdown(const Json& json, const char* key, std::array<double, kSize>& into) {
    for (std::size_t i = 0; i < kSize; ++i)
        json.at(key).at(std::string(to_string(static_cast<Enum>(i)))).get_to(into[i]);
}

void read_identity(const Json& json, Result& r) {
    read(json, "version", r.version);
    read(json, "config_hash", r.config_hash);
    read(json, "chip", r.chip);
    read(json, "workload", r.workload);
    read(json, "batch", r.batch);
    read(json, "precision", r.precision);
    if (json.contains("lighten")) read(json, "lighten", r.lighten);
    read(json, "phase", r.phase);
    read(json, "context", r.context);
    read(json, "scenario", r.scenario);
    read(json, "operating_point", r.operating_point);
    read(json, "memory_timing", r.memory_timing);
    read_enum(json, "trust", r.trust, trust_from);
    read(json, "estimated", r.estimated);
    read(json, "not_modelled", r.not_modelled);
    if (json.contains("notes")) read(json, "notes", r.notes);
    if (json.contains("lightening")) read(json, "lightening", r.lightening);
}

void read_figures(const Json& json, Result& r) {
    read(json, "latency_ns", r.latency_ns);
    read(json, "latency_p50_ns", r.latency_p50_ns);
    read(json, "latency_p99_ns", r.latency_p99_ns);
    read(json, "ttft_ns", r.ttft_ns);
    read(json, "throughput_per_s", r.throughput_per_s);
    read(json, "energy_pj", r.energy_pj);
    if (json.contains("board_pj")) read(json, "board_pj", r.board_pj);
    read(json, "power_w", r.power_w);
    read_enum(json, "power_boundary", r.power_boundary, power_boundary_from);
    read(json, "perf_per_watt", r.perf_per_watt);
    read(json, "macs", r.macs);
    read(json, "executed_macs", r.executed_macs);
    read(json, "bound_ns", r.bound_ns);
    read(json, "utilization", r.utilization);
}

}  // namespace

Result result_from_json(std::string_view text) {
    try {
        const Json json = Json::parse(text);
        const auto schema = json.at("schema").get<std::string>();
        if (schema != kResultSchema)
            throw UserError(fmt::format("not a result: schema is '{}'", schema));
        Result r;
        read_identity(json, r);
        read_figures(json, r);
        for (const Json& memory : json.at("memories")) r.memories.push_back(read_memory(memory));
        read_breakdown<EnergyComponent>(json, "energy_breakdown_pj", r.energy_breakdown_pj);
        read_breakdown<TimeCause>(json, "time_breakdown_ns", r.time_breakdown_ns);
        for (const Json& layer : json.at("layers")) r.layers.push_back(read_layer(layer));
        if (json.contains("tenants"))
            for (const Json& tenant : json.at("tenants")) r.tenants.push_back(read_tenant(tenant));
        return r;
    } catch (const Json::exception& error) {
        throw UserError(fmt::format("not a result: {}", error.what()));
    }
}

}  // namespace perfwatt

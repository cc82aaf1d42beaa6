#pragma once

#include "sim/stats/result.h"

namespace perfwatt {

/// A small result with a bit of everything; the figures are made up but consistent.
inline Result sample_result() {
    Result r;
    r.version = "0.1.0";
    r.config_hash = "0123abcd";
    r.chip = "warboy";
    r.workload = "tiny";
    r.batch = 2;
    r.precision = "int8";
    r.phase = "forward";
    r.scenario = "single_stream";
    r.memory_timing = "exact";
    r.trust = Trust::b;
    r.estimated = {"power.idle"};
    r.not_modelled = {"barrier: a few wires"};
    r.latency_ns = 1000;
    r.latency_p50_ns = 1000;
    r.latency_p99_ns = 1000;
    r.throughput_per_s = 2e6;
    r.energy_pj = 10000;
    r.power_w = 10;
    r.power_boundary = PowerBoundary::board;
    r.perf_per_watt = 2e5;
    r.macs = 1'230'000;
    r.executed_macs = 1'500'000;
    r.bound_ns = 500;
    r.utilization = 0.25;
    r.memories = {{.name = "lpddr4x",
                   .read_bytes = 4096,
                   .write_bytes = 1024,
                   .bandwidth_bytes_per_s = 5.12e9,
                   .peak_bytes_per_s = 1.024e10,
                   .row_hit_rate = 0.875,
                   .commands = {{"ACT", 3}, {"RD", 64}, {"PRE", 2}}}};
    r.energy_breakdown_pj[static_cast<std::size_t>(EnergyComponent::mac)] = 4000;
    r.energy_breakdown_pj[static_cast<std::size_t>(EnergyComponent::dram)] = 5000;
    r.energy_breakdown_pj[static_cast<std::size_t>(EnergyComponent::static_)] = 1000;
    r.time_breakdown_ns[static_cast<std::size_t>(TimeCause::compute)] = 600;
    r.time_breakdown_ns[static_cast<std::size_t>(TimeCause::memory_bandwidth)] = 300;
    r.time_breakdown_ns[static_cast<std::size_t>(TimeCause::host)] = 100;
    r.layers = {{.name = "conv1",
                 .operator_type = "Conv",
                 .engine = "matrix",
                 .start_ns = 0,
                 .end_ns = 600.123456789,
                 .macs = 1'230'000,
                 .read_bytes = 4096,
                 .write_bytes = 0,
                 .energy_pj = 8000,
                 .limited_by = TimeCause::compute},
                {.name = "nms, \"odd\"",
                 .operator_type = "NonMaxSuppression",
                 .engine = "host",
                 .start_ns = 600.123456789,
                 .end_ns = 1000,
                 .macs = 0,
                 .read_bytes = 0,
                 .write_bytes = 1024,
                 .energy_pj = 1000,
                 .limited_by = TimeCause::host}};
    return r;
}

}  // namespace perfwatt

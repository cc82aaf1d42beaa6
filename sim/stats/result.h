#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/stats/counts.h"
#include "sim/stats/provenance.h"

namespace perfwatt {

/// Why an instant passed. Each instant of a run has exactly one cause, so these sum to the latency.
enum class TimeCause : std::uint8_t {
    compute,           ///< a matrix unit works
    vector,            ///< a vector unit works while no matrix unit does
    memory_bandwidth,  ///< waiting for a memory or link that is busy moving data
    memory_latency,    ///< waiting for a memory or link whose data path is idle
    fill_drain,        ///< a pipeline or array fills or drains
    dependency,        ///< waiting for another unit's result
    launch,            ///< starting work on the device
    host,              ///< operators that the device cannot run
    idle,              ///< nothing to do: the rest, such as waiting for the next request
};

inline constexpr int kTimeCauses = 9;
[[nodiscard]] std::string_view to_string(TimeCause cause);
[[nodiscard]] std::optional<TimeCause> time_cause_from(std::string_view name);
[[nodiscard]] std::optional<EnergyComponent> energy_component_from(std::string_view name);

using EnergyBreakdown = std::array<double, kEnergyComponents>;  ///< pJ, by EnergyComponent
using TimeBreakdown = std::array<double, kTimeCauses>;          ///< ns, by TimeCause

/// A memory over a whole run.
struct MemoryResult {
    struct Command {
        std::string name;  ///< ACT, PRE, RD, WR, REF …
        std::int64_t count = 0;
    };
    std::string name;
    std::int64_t read_bytes = 0;  ///< asked for by commands
    std::int64_t write_bytes = 0;
    double bandwidth_bytes_per_s = 0;  ///< asked-for bytes / latency
    double peak_bytes_per_s = 0;
    double row_hit_rate = 0;  ///< of column commands; 0 where there are no rows
    std::vector<Command> commands;
    /// Of jobs for units in its banks: mode change, input broadcast, compute, readout, refresh,
    /// fence, drain; their sum is the time the units had the memory. Empty without such units.
    struct PimTime {
        std::string name;
        double ns = 0;
    };
    std::vector<PimTime> pim_times;
};

/// A row of the report: one operator of the network with what was fused onto it.
struct LayerResult {
    std::string name;
    std::string operator_type;  ///< ONNX's operator name
    std::string engine;         ///< the kind of unit that did it: "matrix", "vector", "dma", "host"
    double start_ns = 0;
    double end_ns = 0;
    std::int64_t macs = 0;  ///< of the graph
    std::int64_t read_bytes = 0;
    std::int64_t write_bytes = 0;
    double energy_pj = 0;  ///< its own; the shared static energy is not spread over layers
    TimeCause limited_by = TimeCause::compute;
};

/// A network that has a chip together with others.
struct TenantResult {
    std::string workload;
    std::string share;            ///< of the chip: "cores 0 to 3", "gpu", "turns"
    std::int64_t inferences = 0;  ///< simulated
    double latency_ns = 0;        ///< of one, the mean; in turns: of its turn
    double alone_ns = 0;          ///< of one with the chip to itself
    double throughput_per_s = 0;  ///< inferences; tokens made or, in a prefill, read
};

/// What a run answers: one record, the same for every chip. Schema `perfwatt/result/v1`, whose keys
/// bear these names in this order.
struct Result {
    std::string version;      ///< of perfwatt
    std::string config_hash;  ///< of the resolved configuration
    std::string chip;
    std::string workload;
    std::int64_t batch = 1;
    std::string precision;
    std::string lighten;          ///< what made the network lighter; empty where nothing did
    std::string phase;            ///< "forward", "prefill", "decode", "generate"
    std::int64_t context = 0;     ///< tokens before a step; 0 where it means nothing
    std::string scenario;         ///< "single_stream", "multi_stream", "offline"
    std::string operating_point;  ///< of the chip's; empty where it has but one
    std::string memory_timing;    ///< "exact" or "stream"
    Trust trust = Trust::none;
    std::vector<std::string> estimated;     ///< paths of values nobody published
    std::vector<std::string> not_modelled;  ///< what costs nothing here, and why
    std::vector<std::string> notes;         ///< what was decided, and on what grounds; may be empty
    std::vector<std::string> lightening;    ///< what came of each pass of `lighten` on this chip

    double latency_ns = 0;
    double latency_p50_ns = 0;
    double latency_p99_ns = 0;
    double ttft_ns = 0;           ///< time to the first token; 0 where it means nothing
    double throughput_per_s = 0;  ///< inferences; tokens made or, in a prefill, read
    double energy_pj = 0;         ///< of the run, all components
    double board_pj = 0;          ///< of energy_pj, what draws power beside chip and memory
    double power_w = 0;           ///< energy_pj / latency_ns, in W
    PowerBoundary power_boundary = PowerBoundary::chip;
    double perf_per_watt = 0;  ///< inferences or tokens a second a watt

    std::int64_t macs = 0;           ///< useful
    std::int64_t executed_macs = 0;  ///< useful + padding + recomputation
    double bound_ns = 0;             ///< no program for this network on this chip can be faster
    double utilization = 0;          ///< useful MACs / (peak MAC rate x latency)

    std::vector<MemoryResult> memories;
    EnergyBreakdown energy_breakdown_pj{};
    TimeBreakdown time_breakdown_ns{};
    std::vector<LayerResult> layers;
    std::vector<TenantResult> tenants;  ///< where several networks share the chip

    /// True if any value of the chip was estimated: shown as `~`.
    [[nodiscard]] bool is_estimated() const { return !estimated.empty(); }
    /// Time the host spends on operators the chip lacks, as a fraction of the latency.
    [[nodiscard]] double host_share() const;
};

}  // namespace perfwatt

#include "models/gpu/gpu_family.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "models/gpu/gpu.h"
#include "models/gpu/gpu_prices.h"
#include "sim/arch/silicon_prices.h"
#include "sim/config/json_schema.h"
#include "sim/config/schema.h"

namespace perfwatt::gpu {
namespace {

enum class RunTime : std::uint8_t { cuda_graph, eager };

/// Time between two kernels that depend on each other, by how they are launched.
struct LaunchFile {
    Time cuda_graph, eager;
};

/// The family's map: the spec as written, and what only prices need.
struct GpuFile {
    Clock clock;
    std::int64_t sms = 0;
    std::vector<MathRate> rates;
    std::int64_t vector_lanes = 0, special_lanes = 0;
    std::int64_t shared_bytes = 0, shared_bytes_per_cycle = 0, register_bytes = 0;
    std::int64_t most_threads = 0;
    L2Spec l2;
    LibrarySpec library;
    RunTime run_time = RunTime::cuda_graph;
    LaunchFile launch;
    double matrix_efficiency = 1, vector_efficiency = 1;
    double memory_efficiency = 1, l2_efficiency = 1;
    std::int64_t latency_cycles = 0;
    Sourced<double> switching_overhead;
    Sourced<double> lane_overhead, tensor_overhead;
    std::optional<Sourced<double>> idle_watts, board_watts;
};

MapSchema<MathRate> rate_schema() {
    return MapSchema<MathRate>("rate")
        .data_type("first", &MathRate::first, std::nullopt, "of the activations")
        .data_type("second", &MathRate::second, std::nullopt, "of the weights")
        .count("macs_per_cycle", &MathRate::macs_per_cycle, {.max = 1'000'000},
               "products of an SM in a cycle, dense")
        .choice("pipe", &MathRate::pipe,
                {.names = {{"tensor", Pipe::tensor}, {"vector", Pipe::vector}},
                 .otherwise = Pipe::tensor},
                "that does them")
        .count("conversion_operations", &MathRate::conversion_operations,
               {.min = 0, .max = 64, .otherwise = 0},
               "of a lane, for each weight that a block brings to the activations' type");
}

MapSchema<L2Spec> l2_schema() {
    return MapSchema<L2Spec>("l2")
        .bytes("bytes", &L2Spec::bytes, {.min = "64 KiB", .max = "16 GiB"}, "capacity")
        .bytes("bytes_per_cycle", &L2Spec::bytes_per_cycle, {.min = "16 B", .max = "1 MiB"},
               "of all SMs together")
        .bytes("bytes_per_cycle_per_sm", &L2Spec::bytes_per_cycle_per_sm,
               {.min = "1 B", .max = "4 KiB", .otherwise = "64 B"}, "of one SM")
        .ratio("retained", &L2Spec::retained, {.min = 0.01, .max = 1.0, .otherwise = 0.8},
               "of the capacity, what a kernel finds again of what an earlier one left");
}

MapSchema<LibrarySpec> library_schema() {
    return MapSchema<LibrarySpec>("library")
        .maps("tiles", &LibrarySpec::tiles,
              MapSchema<Tile>("tile")
                  .count("rows", &Tile::rows, {.max = 4096}, "of the output")
                  .count("columns", &Tile::columns, {.max = 4096}, "of the output"),
              {.min = 1, .max = 64}, "what a block may compute")
        .count("stages", &LibrarySpec::stages, {.max = 32, .otherwise = 4},
               "slices of operands that a block keeps in shared memory")
        .count("depth", &LibrarySpec::depth, {.max = 1024, .otherwise = 32},
               "of the reduction, in a slice")
        .count("most_splits", &LibrarySpec::most_splits, {.max = 1024, .otherwise = 16},
               "parts that a reduction is cut into")
        .choice("scheduling", &LibrarySpec::scheduling,
                {.names = {{"waves", Scheduling::waves}, {"persistent", Scheduling::persistent}}},
                "one block after the other, or blocks that stay and share the work evenly")
        .count("cluster_side", &LibrarySpec::cluster_side, {.max = 16, .otherwise = 1},
               "of square clusters of blocks, which share what they read of the L2")
        .count("most_context_splits", &LibrarySpec::most_context_splits,
               {.max = 4096, .otherwise = 128}, "parts of a context that attention is cut into")
        .count("shared_heads", &LibrarySpec::shared_heads, {.max = 4096, .otherwise = 32},
               "heads of one cache that a block of attention computes; more are done one by one")
        .count("packed_queries", &LibrarySpec::packed_queries, {.max = 1 << 30, .otherwise = 1},
               "of a sequence, up to which heads of one cache share blocks of attention")
        .count("least_rows", &LibrarySpec::least_rows, {.max = 128, .otherwise = 1},
               "of a block of attention, filled or not")
        .flag("fuses_chains", &LibrarySpec::fuses_chains, false,
              "convolutions in a row are one kernel where a block's tile of all of them fits")
        .ratio("softmax_overlap", &LibrarySpec::softmax_overlap,
               {.min = 0.0, .max = 1.0, .otherwise = 0.0},
               "of the softmax in attention, what is hidden behind products");
}

MapSchema<LaunchFile> launch_schema() {
    return MapSchema<LaunchFile>("launch")
        .time("cuda_graph", &LaunchFile::cuda_graph, {.min = "0 fs", .max = "1 ms"},
              "where a graph of kernels is launched as a whole")
        .time("eager", &LaunchFile::eager, {.min = "0 fs", .max = "1 ms"},
              "where each kernel is launched by itself");
}

MapSchema<GpuFile> file_schema() {
    return MapSchema<GpuFile>("gpu")
        .frequency("clock", &GpuFile::clock, {.min = "1 MHz", .max = "10 GHz"},
                   "sustained under load")
        .count("sms", &GpuFile::sms, {.max = 100'000}, "streaming multiprocessors, all alike")
        .maps("rates", &GpuFile::rates, rate_schema(), {.min = 1, .max = 64},
              "the pairs of operand types there are")
        .count("vector_lanes", &GpuFile::vector_lanes, {.max = 65536},
               "32-bit operations of an SM in a cycle")
        .count("special_lanes", &GpuFile::special_lanes, {.max = 65536},
               "exponentials, reciprocals and roots of an SM in a cycle")
        .bytes("shared_memory", &GpuFile::shared_bytes, {.min = "1 KiB", .max = "64 MiB"},
               "that blocks of an SM may have together")
        .bytes("shared_bytes_per_cycle", &GpuFile::shared_bytes_per_cycle,
               {.min = "1 B", .max = "64 KiB", .otherwise = "128 B"}, "of an SM")
        .bytes("registers", &GpuFile::register_bytes,
               {.min = "1 KiB", .max = "64 MiB", .otherwise = "256 KiB"}, "of an SM")
        .count("most_threads", &GpuFile::most_threads, {.max = 1 << 20, .otherwise = 2048},
               "that an SM holds")
        .map("l2", &GpuFile::l2, l2_schema(), Presence::required, "the last cache of all SMs")
        .map("library", &GpuFile::library, library_schema(), Presence::required,
             "how matrix kernels are written")
        .choice("run_time", &GpuFile::run_time,
                {.names = {{"cuda_graph", RunTime::cuda_graph}, {"eager", RunTime::eager}},
                 .otherwise = RunTime::cuda_graph},
                "how kernels are launched")
        .map("launch", &GpuFile::launch, launch_schema(), Presence::required,
             "from the end of a kernel to the start of the next")
        .ratio("matrix_efficiency", &GpuFile::matrix_efficiency, {.min = 0.01, .max = 1.0},
               "of the tensor pipes in a block's main loop")
        .ratio("vector_efficiency", &GpuFile::vector_efficiency, {.min = 0.01, .max = 1.0},
               "of the vector pipes in a product's main loop")
        .ratio("memory_efficiency", &GpuFile::memory_efficiency, {.min = 0.01, .max = 1.0},
               "of the memory's peak bandwidth, as kernels see it")
        .ratio("l2_efficiency", &GpuFile::l2_efficiency, {.min = 0.01, .max = 2.0},
               "of the L2's bandwidth")
        .count("latency_cycles", &GpuFile::latency_cycles, {.min = 0, .max = 1'000'000},
               "until a block's pipeline is full, and until its results are written")
        .ratio("switching_overhead", &GpuFile::switching_overhead, {.min = 0.0, .max = 100.0},
               "energy of clocks, instructions and operand collectors, as a multiple of the "
               "operations' and memories' own")
        .ratio("lane_overhead", &GpuFile::lane_overhead, {.min = 0.0, .max = 100'000.0},
               "energy of an instruction of a vector lane beside that of its operation, as so "
               "many additions of 32 bits")
        .ratio("tensor_overhead", &GpuFile::tensor_overhead, {.min = 0.0, .max = 100'000.0},
               "energy of a cycle of an SM's tensor pipes beside that of the products, as so "
               "many additions of 32 bits")
        .power("idle_power", &GpuFile::idle_watts, {.min = "0 W", .max = "10 kW"},
               "of the chip with its clock running and nothing to do")
        .power("board_power", &GpuFile::board_watts, {.min = "0 W", .max = "10 kW"},
               "of all else on the board: regulators, fans, links at rest");
}

GpuSpec to_spec(GpuFile&& file) {
    return {
        .clock = file.clock,
        .sms = file.sms,
        .rates = std::move(file.rates),
        .vector_lanes = file.vector_lanes,
        .special_lanes = file.special_lanes,
        .shared_bytes = file.shared_bytes,
        .shared_bytes_per_cycle = file.shared_bytes_per_cycle,
        .register_bytes = file.register_bytes,
        .most_threads = file.most_threads,
        .l2 = file.l2,
        .library = std::move(file.library),
        .launch = file.run_time == RunTime::cuda_graph ? file.launch.cuda_graph : file.launch.eager,
        .matrix_efficiency = file.matrix_efficiency,
        .vector_efficiency = file.vector_efficiency,
        .memory_efficiency = file.memory_efficiency,
        .l2_efficiency = file.l2_efficiency,
        .latency_cycles = file.latency_cycles};
}

std::optional<SourcedPower> power_of(const std::optional<Sourced<double>>& value) {
    if (!value) return std::nullopt;
    return SourcedPower{.watts = value->value, .source = value->source()};
}

class GpuFamily final : public Family {
  public:
    [[nodiscard]] std::string_view name() const override { return "gpu"; }
    [[nodiscard]] std::shared_ptr<const Device> parse(const ConfigNode& node,
                                                      const std::string& path,
                                                      const FamilyContext& context,
                                                      Reading& reading) const override;
    [[nodiscard]] std::vector<Resource> resources() const override {
        return {{"clock", {"clock"}},
                {"SMs", {"sms"}},
                {"L2 capacity", {"l2.bytes"}},
                {"L2 bandwidth", {"l2.bytes_per_cycle"}},
                {"vector lanes", {"vector_lanes", "special_lanes"}},
                {"shared memory", {"shared_memory"}}};
    }
    [[nodiscard]] nlohmann::ordered_json schema() const override {
        return json_schema_of(file_schema().rule());
    }
};

std::shared_ptr<const Device> GpuFamily::parse(const ConfigNode& node, const std::string& path,
                                               const FamilyContext& context,
                                               Reading& reading) const {
    const std::size_t errors = reading.error_count();
    GpuFile file = file_schema().read(node, reading, path);
    if (reading.error_count() > errors || context.memories.empty()) return nullptr;
    const std::optional<SiliconPrices> energy = silicon_prices(node, context, reading);
    if (!energy) return nullptr;
    const PowerFile power{.switching_overhead = file.switching_overhead.value,
                          .overhead_source = file.switching_overhead.source(),
                          .lane_overhead = file.lane_overhead.value,
                          .tensor_overhead = file.tensor_overhead.value,
                          .lane_source = file.lane_overhead.source(),
                          .tensor_source = file.tensor_overhead.source(),
                          .idle = power_of(file.idle_watts),
                          .board = power_of(file.board_watts)};
    GpuSpec spec = to_spec(std::move(file));
    GpuPrices prices = price_gpu(spec, power, energy->tables, energy->silicon);
    std::vector<MemoryPort> ports;
    for (const MemoryFacts& memory : context.memories)
        ports.push_back({.bytes_per_second = memory.bytes_per_second, .latency = memory.latency});
    return std::make_shared<const Gpu>(std::move(spec), std::move(prices), std::move(ports));
}

}  // namespace

std::unique_ptr<const Family> make_family() { return std::make_unique<const GpuFamily>(); }

}  // namespace perfwatt::gpu

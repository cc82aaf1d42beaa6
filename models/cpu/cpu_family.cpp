#include "models/cpu/cpu_family.h"

#include <nlohmann/json.hpp>

#include "models/cpu/cpu.h"
#include "sim/arch/silicon_prices.h"
#include "sim/config/json_schema.h"
#include "sim/config/schema.h"

namespace perfwatt::cpu {
namespace {

/// The family's map: the spec as written, and what only prices need.
struct CpuFile {
    Clock clock;
    std::int64_t cores = 0, simd_bytes = 0, simd_pipes = 0, vector_lanes = 0;
    std::int64_t special_operations = 0;
    std::vector<MathRate> rates;
    RegisterTile tile;
    CacheSpec l1, l2, llc;
    Time dispatch;
    double matrix_efficiency = 1, memory_efficiency = 1, llc_retained = 1;
    Sourced<double> instruction_pj;
    std::optional<Sourced<double>> idle_watts;
};

MapSchema<CacheSpec> cache_schema() {
    return MapSchema<CacheSpec>("cache")
        .bytes("bytes", &CacheSpec::bytes, {.min = "4 KiB", .max = "4 GiB"}, "capacity")
        .bytes("bytes_per_cycle", &CacheSpec::bytes_per_cycle, {.min = "1 B", .max = "1 KiB"},
               "of one core");
}

MapSchema<CpuFile> file_schema() {
    return MapSchema<CpuFile>("cpu")
        .frequency("clock", &CpuFile::clock, {.min = "1 MHz", .max = "10 GHz"},
                   "sustained, with all cores at work")
        .count("cores", &CpuFile::cores, {.max = 4096}, "that threads run on, all alike")
        .maps("rates", &CpuFile::rates,
              MapSchema<MathRate>("rate")
                  .data_type("first", &MathRate::first, std::nullopt, "of the activations")
                  .data_type("second", &MathRate::second, std::nullopt, "of the weights")
                  .count("macs_per_cycle", &MathRate::macs_per_cycle, {.max = 65536},
                         "of one core, all its SIMD pipes together"),
              {.min = 1, .max = 64}, "the pairs of operand types there are")
        .bytes("simd_width", &CpuFile::simd_bytes, {.min = "4 B", .max = "256 B"}, "of a register")
        .count("simd_pipes", &CpuFile::simd_pipes, {.max = 16, .otherwise = 2}, "that multiply")
        .count("vector_lanes", &CpuFile::vector_lanes, {.max = 1024},
               "32-bit operations of a core in a cycle")
        .count("special_operations", &CpuFile::special_operations, {.max = 256, .otherwise = 12},
               "of a lane, for an exponential, a root or a division")
        .map("register_tile", &CpuFile::tile,
             MapSchema<RegisterTile>("register tile")
                 .count("rows", &RegisterTile::rows, {.max = 256}, "of outputs, broadcast")
                 .count("columns", &RegisterTile::columns, {.max = 1024}, "of outputs, in lanes"),
             Presence::required, "of the library's inner loop")
        .map("l1", &CpuFile::l1, cache_schema(), Presence::required, "a core's, for data")
        .map("l2", &CpuFile::l2, cache_schema(), Presence::required,
             "a core's, or its share of a cluster's")
        .map("llc", &CpuFile::llc, cache_schema(), Presence::required,
             "the last, all of it; the L2s together where there is no third level")
        .time("dispatch", &CpuFile::dispatch, {.min = "0 fs", .max = "10 ms"},
              "of a kernel: the framework, waking the threads, waiting for the last of them")
        .ratio("matrix_efficiency", &CpuFile::matrix_efficiency, {.min = 0.01, .max = 1.0},
               "of the pipes in the library's inner loop")
        .ratio("memory_efficiency", &CpuFile::memory_efficiency, {.min = 0.01, .max = 1.0},
               "of the memory's peak bandwidth, as cores see it")
        .ratio("llc_retained", &CpuFile::llc_retained, {.min = 0.01, .max = 1.0, .otherwise = 0.8},
               "of the last cache, what a kernel finds again of what an earlier one left")
        .energy("instruction_energy", &CpuFile::instruction_pj, {.min = "0 pJ"},
                "of a SIMD instruction beside the arithmetic it does")
        .power("idle_power", &CpuFile::idle_watts, {.min = "0 W", .max = "10 kW"},
               "of the package with its clocks running and nothing to do");
}

CpuSpec to_spec(CpuFile&& file) {
    return {.clock = file.clock,
            .cores = file.cores,
            .rates = std::move(file.rates),
            .simd_bytes = file.simd_bytes,
            .simd_pipes = file.simd_pipes,
            .vector_lanes = file.vector_lanes,
            .special_operations = file.special_operations,
            .tile = file.tile,
            .l1 = file.l1,
            .l2 = file.l2,
            .llc = file.llc,
            .dispatch = file.dispatch,
            .matrix_efficiency = file.matrix_efficiency,
            .memory_efficiency = file.memory_efficiency,
            .llc_retained = file.llc_retained};
}

class CpuFamily final : public Family {
  public:
    [[nodiscard]] std::string_view name() const override { return "cpu"; }
    [[nodiscard]] std::shared_ptr<const Device> parse(const ConfigNode& node,
                                                      const std::string& path,
                                                      const FamilyContext& context,
                                                      Reading& reading) const override;
    [[nodiscard]] std::vector<Resource> resources() const override {
        return {{"clock", {"clock"}},
                {"cores", {"cores"}},
                {"last cache", {"llc.bytes"}},
                {"vector lanes", {"vector_lanes"}}};
    }
    [[nodiscard]] nlohmann::ordered_json schema() const override {
        return json_schema_of(file_schema().rule());
    }
};

std::shared_ptr<const Device> CpuFamily::parse(const ConfigNode& node, const std::string& path,
                                               const FamilyContext& context,
                                               Reading& reading) const {
    const std::size_t errors = reading.error_count();
    CpuFile file = file_schema().read(node, reading, path);
    if (reading.error_count() > errors || context.memories.empty()) return nullptr;
    const std::optional<SiliconPrices> energy = silicon_prices(node, context, reading);
    if (!energy) return nullptr;
    const PowerFile power{
        .instruction_pj = {file.instruction_pj.value, file.instruction_pj.source()}};
    std::vector<StaticPower> powers;
    if (file.idle_watts)
        powers.push_back({.name = "idle",
                          .component = EnergyComponent::static_,
                          .watts = file.idle_watts->value,
                          .source = file.idle_watts->source()});
    CpuSpec spec = to_spec(std::move(file));
    auto prices = price_cpu(spec, power, energy->tables, energy->silicon);
    std::vector<MemoryPort> ports;
    for (const MemoryFacts& memory : context.memories)
        ports.push_back({.bytes_per_second = memory.bytes_per_second, .latency = memory.latency});
    return std::make_shared<const Cpu>(std::move(spec), std::move(prices), std::move(powers),
                                       std::move(ports));
}

}  // namespace

std::unique_ptr<const Family> make_family() { return std::make_unique<const CpuFamily>(); }

}  // namespace perfwatt::cpu

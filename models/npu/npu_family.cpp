#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "models/npu/npu.h"
#include "models/npu/npu_prices.h"
#include "sim/arch/energy_loader.h"
#include "sim/arch/family.h"
#include "sim/config/json_schema.h"
#include "sim/config/schema.h"

namespace perfwatt::npu {

std::unique_ptr<const Family> make_family();

namespace {

struct PowerFile {
    std::optional<Sourced<double>> idle;
};

/// The map `npu:` of a chip: the spec, and what its prices depend on beside it.
struct NpuFile {
    Clock clock;
    int cores = 1;
    MatrixSpec matrix;
    VectorSpec vector;
    ScratchpadSpec scratchpad;
    DmaSpec dma;
    std::int64_t command_overhead_cycles = 0;
    PowerFile power;
    std::string energy;
};

MapSchema<TypeRate> rate_schema() {
    return MapSchema<TypeRate>("rate")
        .data_type("first", &TypeRate::first, std::nullopt, "of the activations")
        .data_type("second", &TypeRate::second, std::nullopt, "of the weights")
        .count("macs_per_cell", &TypeRate::macs_per_cell, {.max = 64, .otherwise = 1},
               "MACs of one cell in a cycle, where narrow types share it")
        .count("cells_per_mac", &TypeRate::cells_per_mac, {.max = 64, .otherwise = 1},
               "cells that one MAC takes, where wide types need several")
        .check([](const TypeRate& rate, const MapCheck& check) {
            if (rate.macs_per_cell > 1 && rate.cells_per_mac > 1)
                check.error("cells_per_mac",
                            "'macs_per_cell' and 'cells_per_mac' exclude each other");
        });
}

MapSchema<MatrixSpec> matrix_schema() {
    return MapSchema<MatrixSpec>("matrix")
        .count("rows", &MatrixSpec::rows, {.max = 65536}, "of cells")
        .count("columns", &MatrixSpec::columns, {.max = 65536}, "of cells")
        .count("depth", &MatrixSpec::depth, {.max = 4096, .otherwise = 1},
               "products a cell sums in a cycle")
        .choice("dataflow", &MatrixSpec::dataflow,
                {.names = {{"weight_stationary", Dataflow::weight_stationary},
                           {"output_stationary", Dataflow::output_stationary},
                           {"input_stationary", Dataflow::input_stationary}}},
                "what the cells hold while the others stream past")
        .choice("feeding", &MatrixSpec::feeding,
                {.names = {{"systolic", Feeding::systolic},
                           {"broadcast", Feeding::broadcast},
                           {"tree", Feeding::tree}},
                 .otherwise = Feeding::systolic},
                "how operands reach the cells and sums leave them")
        .choice("reduction", &MatrixSpec::reduction,
                {.names = {{"channels_and_taps", Reduction::channels_and_taps},
                           {"channels", Reduction::channels}},
                 .otherwise = Reduction::channels_and_taps},
                "what rows that sum may be unrolled over")
        .choice("grouped", &MatrixSpec::grouped,
                {.names = {{"separate", Grouped::separate},
                           {"block_diagonal", Grouped::block_diagonal},
                           {"dedicated", Grouped::dedicated}},
                 .otherwise = Grouped::separate},
                "how depthwise and grouped work uses the cells")
        .count("grouped_macs_per_cycle", &MatrixSpec::grouped_macs_per_cycle,
               {.min = 0, .otherwise = 0}, "of 'grouped: dedicated'")
        .field("rates", &MatrixSpec::rates, list_of(rate_schema().value(), {.min = 1, .max = 64}),
               Presence::required, "pairs of operand types the unit takes")
        .count("pipeline_depth", &MatrixSpec::pipeline_depth, {.max = 1024, .otherwise = 1},
               "cycles through multiplier, adder and output stage")
        .count("stationary_rows_per_cycle", &MatrixSpec::stationary_rows_per_cycle,
               {.max = 65536, .otherwise = 1}, "rows held that move in or out in a cycle")
        .flag("stationary_double_buffered", &MatrixSpec::stationary_double_buffered, true,
              "whether the next rows move while the present ones compute")
        .bytes("accumulator_bytes", &MatrixSpec::accumulator_bytes,
               {.min = "0 B", .max = "1 GiB", .otherwise = "0 B"}, "partial sums held at the unit")
        .count("accumulator_bits", &MatrixSpec::accumulator_bits,
               {.min = 8, .max = 64, .otherwise = 32}, "of one partial sum")
        .flag("line_buffer", &MatrixSpec::line_buffer, false,
              "whether overlapping windows are read once a pass")
        .check([](const MatrixSpec& matrix, const MapCheck& check) {
            if ((matrix.grouped == Grouped::dedicated) != (matrix.grouped_macs_per_cycle > 0))
                check.error("grouped",
                            "'grouped: dedicated' and 'grouped_macs_per_cycle' go together");
        });
}

MapSchema<VectorSpec> vector_schema() {
    return MapSchema<VectorSpec>("vector")
        .count("lanes", &VectorSpec::lanes, {.max = 1'000'000}, "that work side by side")
        .count("lane_bits", &VectorSpec::lane_bits, {.min = 8, .max = 64, .otherwise = 32},
               "of one lane; wider types take several")
        .count("simple_operations_per_cycle", &VectorSpec::simple_operations_per_cycle,
               {.max = 16, .otherwise = 1}, "additions and the like chained in a cycle")
        .count("divide_cycles", &VectorSpec::divide_cycles, {.max = 1000, .otherwise = 1},
               "of a lane for one division")
        .count("exponential_cycles", &VectorSpec::exponential_cycles, {.max = 1000, .otherwise = 1},
               "of a lane for one exponential")
        .count("reciprocal_sqrt_cycles", &VectorSpec::reciprocal_sqrt_cycles,
               {.max = 1000, .otherwise = 1}, "of a lane for one reciprocal square root")
        .count("table_cycles", &VectorSpec::table_cycles, {.max = 1000, .otherwise = 1},
               "of a lane for one look-up")
        .count("latency_cycles", &VectorSpec::latency_cycles,
               {.min = 0, .max = 10'000, .otherwise = 0}, "from first operand to first result");
}

MapSchema<ScratchpadSpec> scratchpad_schema() {
    return MapSchema<ScratchpadSpec>("scratchpad")
        .bytes("bytes", &ScratchpadSpec::bytes, {.min = "256 B", .max = "16 GiB"}, "of one core")
        .bytes("weight_bytes", &ScratchpadSpec::weight_bytes,
               {.min = "0 B", .max = "16 GiB", .otherwise = "0 B"},
               "set aside for weights; 0 B: all of it may hold them")
        .bytes("activation_bytes", &ScratchpadSpec::activation_bytes,
               {.min = "0 B", .max = "16 GiB", .otherwise = "0 B"},
               "set aside for activations; 0 B: all of it may hold them")
        .count("banks", &ScratchpadSpec::banks, {.max = 65536, .otherwise = 1},
               "that work side by side")
        .bytes("bytes_per_cycle_per_bank", &ScratchpadSpec::bytes_per_cycle_per_bank,
               {.min = "1 B", .max = "4 KiB"}, "one access: read or write")
        .text("cell", &ScratchpadSpec::cell, {.otherwise = "lstp"},
              "transistors of the array: hp, lop or lstp")
        .check([](const ScratchpadSpec& s, const MapCheck& check) {
            if (s.cell != "hp" && s.cell != "lop" && s.cell != "lstp")
                check.error("cell", fmt::format("there is no memory cell '{}'", s.cell),
                            "known: hp, lop, lstp");
            if (s.bytes % (s.banks * s.bytes_per_cycle_per_bank) != 0)
                check.error(
                    "bytes", "'bytes' must be a whole number of accesses in each bank",
                    fmt::format("a multiple of {} B", s.banks * s.bytes_per_cycle_per_bank));
            if ((s.weight_bytes == 0) != (s.activation_bytes == 0))
                check.error("bytes", "'weight_bytes' and 'activation_bytes' go together");
            if (s.weight_bytes + s.activation_bytes > s.bytes)
                check.error("weight_bytes", "the parts are larger than the scratchpad");
        });
}

MapSchema<DmaSpec> dma_schema() {
    return MapSchema<DmaSpec>("dma")
        .count("engines", &DmaSpec::engines, {.max = 64, .otherwise = 1}, "of one core")
        .bytes("bytes_per_cycle", &DmaSpec::bytes_per_cycle,
               {.min = "0 B", .max = "64 KiB", .otherwise = "0 B"},
               "of one engine; 0 B: as fast as links and memory");
}

MapSchema<PowerFile> power_schema() {
    return MapSchema<PowerFile>("power").power(
        "idle", &PowerFile::idle, {.max = "10 kW"},
        "drawn with nothing to do, leakage included; absent: leakage alone");
}

MapSchema<NpuFile> npu_schema() {
    return MapSchema<NpuFile>("npu")
        .count("cores", &NpuFile::cores, {.max = 4096, .otherwise = 1}, "all alike")
        .frequency("clock", &NpuFile::clock, {.min = "1 MHz", .max = "10 GHz"}, "of the cores")
        .map("matrix", &NpuFile::matrix, matrix_schema(), Presence::required,
             "the unit for convolutions and products")
        .map("vector", &NpuFile::vector, vector_schema(), Presence::required,
             "the unit for everything else")
        .map("scratchpad", &NpuFile::scratchpad, scratchpad_schema(), Presence::required,
             "memory of a core")
        .map("dma", &NpuFile::dma, dma_schema(), Presence::optional,
             "engines between memories and scratchpad")
        .count("command_overhead_cycles", &NpuFile::command_overhead_cycles,
               {.min = 0, .max = 1'000'000, .otherwise = 0},
               "a command waits in the sequencer; the one constant that may be fitted")
        .map("power", &NpuFile::power, power_schema(), Presence::optional, "drawn all the time")
        .text("energy", &NpuFile::energy, {.otherwise = std::string(kDefaultEnergyTables)},
              "name or file of an energy YAML");
}

NpuSpec spec_of(const NpuFile& file) {
    NpuSpec spec{.clock = file.clock,
                 .cores = file.cores,
                 .matrix = file.matrix,
                 .vector = file.vector,
                 .scratchpad = file.scratchpad,
                 .dma = file.dma,
                 .command_overhead_cycles = file.command_overhead_cycles};
    if (spec.scratchpad.weight_bytes == 0)
        spec.scratchpad.weight_bytes = spec.scratchpad.activation_bytes = spec.scratchpad.bytes;
    return spec;
}

class NpuFamily final : public Family {
  public:
    [[nodiscard]] std::string_view name() const override { return "npu"; }

    [[nodiscard]] std::shared_ptr<const Device> parse(const ConfigNode& node,
                                                      const std::string& path,
                                                      const FamilyContext& context,
                                                      Reading& reading) const override {
        const std::size_t before = reading.error_count();
        const NpuFile file = npu_schema().read(node, reading, path);
        if (reading.error_count() > before) return nullptr;
        const LoadedEnergy energy =
            load_energy_tables(*context.config_path, file.energy, context.file);
        const Silicon silicon{.node_nm = static_cast<double>(context.process_nm),
                              .voltage = context.voltage};
        if (const auto why = energy.tables.refuses(silicon)) {
            reading.error(node, *why, "see 'process' and the energy tables");
            return nullptr;
        }
        std::vector<MemoryPort> ports;
        for (const MemoryFacts& memory : context.memories)
            ports.push_back({.bytes_per_second = memory.bytes_per_second,
                             .burst_bytes = memory.burst_bytes,
                             .latency = memory.latency});
        std::optional<IdlePower> idle;
        if (file.power.idle)
            idle = IdlePower{.watts = file.power.idle->value, .source = file.power.idle->source()};
        const NpuSpec spec = spec_of(file);
        return std::make_shared<Npu>(spec, price_npu(spec, idle, energy.tables, silicon),
                                     std::move(ports));
    }

    [[nodiscard]] std::vector<Resource> resources() const override {
        return {{.name = "cores", .keys = {"cores"}},
                {.name = "clock", .keys = {"clock"}},
                {.name = "matrix rows", .keys = {"matrix.rows"}},
                {.name = "matrix columns", .keys = {"matrix.columns"}},
                {.name = "vector lanes", .keys = {"vector.lanes"}},
                {.name = "scratchpad", .keys = {"scratchpad.bytes"}},
                {.name = "scratchpad banks", .keys = {"scratchpad.banks"}},
                {.name = "DMA engines", .keys = {"dma.engines"}}};
    }

    [[nodiscard]] nlohmann::ordered_json schema() const override {
        return json_schema_of(npu_schema().rule());
    }
};

}  // namespace

std::unique_ptr<const Family> make_family() { return std::make_unique<NpuFamily>(); }

}  // namespace perfwatt::npu

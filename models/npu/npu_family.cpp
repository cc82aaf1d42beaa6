#include "models/npu/npu_family.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "models/npu/npu_prices.h"
#include "models/sram/sram_energy.h"
#include "sim/arch/silicon_prices.h"
#include "sim/base/diagnostics.h"
#include "sim/config/json_schema.h"
#include "sim/config/schema.h"

namespace perfwatt::npu {
namespace {

/// The family's map: the spec and what only prices need.
struct NpuFile {
    std::int64_t cores = 1;
    MatrixSpec matrix;
    VectorSpec vector;
    ScratchpadSpec scratchpad;
    DmaSpec dma;
    Clock clock;
    std::int64_t command_overhead_cycles = 0;
    ActivationLayout activations = ActivationLayout::channels_innermost;
    std::int64_t traffic_band_percent = 1;
    bool depth_first = true;
    std::optional<Sourced<double>> idle_watts;
};

MapSchema<TypeRate> rate_schema() {
    return MapSchema<TypeRate>("rate")
        .data_type("first", &TypeRate::first, std::nullopt, "of the activations")
        .data_type("second", &TypeRate::second, std::nullopt, "of the weights")
        .count("macs_per_cell", &TypeRate::macs_per_cell, {.max = 64, .otherwise = 1},
               "products a cell forms and adds each cycle")
        .count("cells_per_mac", &TypeRate::cells_per_mac, {.max = 1024, .otherwise = 1},
               "cells, or cycles of one cell, that a product of wide types takes")
        .check([](const TypeRate& rate, const MapCheck& check) {
            if (rate.macs_per_cell > 1 && rate.cells_per_mac > 1)
                check.error("cells_per_mac",
                            "'macs_per_cell' and 'cells_per_mac' cannot both exceed 1",
                            "leave out the one that is 1");
        });
}

MapSchema<CellMemory> cell_memory_schema() {
    return MapSchema<CellMemory>("cell_memory")
        .bytes("bytes", &CellMemory::bytes, {.min = "1 B", .max = "1 MiB"}, "of each cell")
        .bytes("access", &CellMemory::access_bytes, {.min = "1 B", .max = "64 B"}, "of one access")
        .count("reads", &CellMemory::reads, {.min = 0, .max = 16, .otherwise = 1}, "a MAC")
        .count("writes", &CellMemory::writes, {.min = 0, .max = 16, .otherwise = 0}, "a MAC")
        .count("mac_percent", &CellMemory::mac_percent, {.min = 0, .max = 10'000, .otherwise = 0},
               "of a MAC's energy for an access, where that is published; 0: as the tables say");
}

void check_matrix(const MatrixSpec& matrix, const MapCheck& check) {
    if (matrix.feeding == Feeding::tree && matrix.dataflow == Dataflow::output_stationary)
        check.error("feeding", "a tree sums along the rows, which 'output_stationary' does not do",
                    "give the length of the dot products as 'depth'");
    if ((matrix.grouped == Grouped::dedicated) != (matrix.grouped_macs_per_cycle > 0))
        check.error("grouped",
                    "'grouped: dedicated' and 'grouped_macs_per_cycle' need one another");
    if ((matrix.skipping == Skipping::n_of_m) != (matrix.kept < matrix.of))
        check.error("kept", "'skipping: n_of_m' and a 'kept' less than 'of' need one another");
    if (matrix.kept > matrix.of)
        check.error("kept", fmt::format("{} of {} cannot be kept", matrix.kept, matrix.of));
    if (matrix.outputs_leave == Leaving::shorter && matrix.dataflow != Dataflow::output_stationary)
        check.error("outputs_leave", "only cells that hold outputs hand them on");
    if (matrix.dataflow == Dataflow::row_stationary &&
        (matrix.winograd != Winograd::none || matrix.grouped != Grouped::separate))
        check.error("dataflow", "'row_stationary' has neither 'winograd' nor a way with groups");
    if (matrix.dataflow != Dataflow::row_stationary &&
        matrix.input_words + matrix.inputs_per_cycle + matrix.sums_per_cycle > 0)
        check.error("dataflow",
                    "'input_words', 'inputs_per_cycle' and 'sums_per_cycle' need "
                    "'row_stationary'");
    for (std::size_t i = 0; i < matrix.rates.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
            if (matrix.rates[i].first == matrix.rates[j].first &&
                matrix.rates[i].second == matrix.rates[j].second)
                check.error("rates",
                            fmt::format("two rates for {} x {}", to_string(matrix.rates[i].first),
                                        to_string(matrix.rates[i].second)));
}

MapSchema<MapBlock> block_schema() {
    return MapSchema<MapBlock>("block")
        .count("rows", &MapBlock::rows, {.max = 1024, .otherwise = 1}, "of positions")
        .count("columns", &MapBlock::columns, {.max = 1024, .otherwise = 1},
               "of positions, of 8 bit: as many fewer as a type is wider")
        .count("channels", &MapBlock::channels, {.max = 1024, .otherwise = 1},
               "of depthwise layers");
}

MapSchema<MatrixSpec> matrix_schema() {
    return MapSchema<MatrixSpec>("matrix")
        .count("rows", &MatrixSpec::rows, {.max = 16384}, "of cells")
        .count("columns", &MatrixSpec::columns, {.max = 16384}, "of cells")
        .count("depth", &MatrixSpec::depth, {.max = 1024, .otherwise = 1},
               "products that each cell sums in a cycle")
        .choice("dataflow", &MatrixSpec::dataflow,
                {.names = {{"weight_stationary", Dataflow::weight_stationary},
                           {"output_stationary", Dataflow::output_stationary},
                           {"input_stationary", Dataflow::input_stationary},
                           {"row_stationary", Dataflow::row_stationary}}},
                "what the cells hold while the other operands pass")
        .choice("feeding", &MatrixSpec::feeding,
                {.names = {{"systolic", Feeding::systolic},
                           {"broadcast", Feeding::broadcast},
                           {"tree", Feeding::tree}}},
                "how operands reach the cells: from neighbours, by buses, or into adder trees")
        .choice("reduction", &MatrixSpec::reduction,
                {.names = {{"channels_and_taps", Reduction::channels_and_taps},
                           {"channels", Reduction::channels}},
                 .otherwise = Reduction::channels_and_taps},
                "what the rows are unrolled over: also filter taps, or input channels only")
        .choice("grouped", &MatrixSpec::grouped,
                {.names = {{"separate", Grouped::separate},
                           {"block_diagonal", Grouped::block_diagonal},
                           {"dedicated", Grouped::dedicated}},
                 .otherwise = Grouped::separate},
                "how grouped and depthwise convolutions use the cells")
        .count("grouped_macs_per_cycle", &MatrixSpec::grouped_macs_per_cycle,
               {.min = 0, .otherwise = 0}, "of the mode that 'grouped: dedicated' names")
        .count("grouped_bits", &MatrixSpec::grouped_bits, {.min = 0, .max = 64, .otherwise = 0},
               "of an operand of that mode: one twice as wide takes four products' place; 0: types "
               "cost what they cost the cells")
        .count("grouped_output_macs", &MatrixSpec::grouped_output_macs,
               {.min = 0, .max = 1024, .otherwise = 0},
               "whose time that mode takes for each output, beside its own products")
        .map("block", &MatrixSpec::block, block_schema(), Presence::optional,
             "of a map that the unit computes whole")
        .count("pipeline_depth", &MatrixSpec::pipeline_depth, {.max = 1024, .otherwise = 1},
               "cycles from an operand to its sum")
        .count("stationary_rows_per_cycle", &MatrixSpec::stationary_rows_per_cycle,
               {.max = 16384, .otherwise = 1}, "rows of what is held that move each cycle")
        .flag("stationary_double_buffered", &MatrixSpec::stationary_double_buffered, true,
              "the next weights move in, or sums out, while the present ones compute")
        .bytes("accumulator_bytes", &MatrixSpec::accumulator_bytes,
               {.min = "0 B", .max = "1 GiB", .otherwise = "0 B"},
               "partial sums kept at the unit of each core")
        .count("accumulator_bits", &MatrixSpec::accumulator_bits,
               {.min = 8, .max = 64, .otherwise = 32}, "of a partial sum")
        .flag("line_buffer", &MatrixSpec::line_buffer, false,
              "overlapping windows are read from the scratchpad once")
        .choice("outputs_leave", &MatrixSpec::outputs_leave,
                {.names = {{"columns", Leaving::columns}, {"shorter", Leaving::shorter}},
                 .otherwise = Leaving::columns},
                "where cells hold outputs: down the columns, or the shorter way of both")
        .choice("skipping", &MatrixSpec::skipping,
                {.names = {{"none", Skipping::none},
                           {"n_of_m", Skipping::n_of_m},
                           {"zeros", Skipping::zeros}},
                 .otherwise = Skipping::none},
                "zeros among the weights that cost no cycle: of a pattern, or any")
        .count("kept", &MatrixSpec::kept, {.max = 64, .otherwise = 1},
               "of each 'of' neighbours, with 'skipping: n_of_m'")
        .count("of", &MatrixSpec::of, {.max = 64, .otherwise = 1}, "see 'kept'")
        .choice("winograd", &MatrixSpec::winograd,
                {.names = {{"none", Winograd::none}, {"f2", Winograd::f2}, {"f4", Winograd::f4}},
                 .otherwise = Winograd::none},
                "tiles of 2 x 2 or 4 x 4 outputs of 3 x 3 convolutions, transformed")
        .choice("winograd_filters", &MatrixSpec::winograd_filters,
                {.names = {{"on_the_way", WinogradFilters::on_the_way},
                           {"ahead", WinogradFilters::ahead}},
                 .otherwise = WinogradFilters::on_the_way},
                "when filters are transformed: into the unit, or before they lie in memory")
        .count("filter_words", &MatrixSpec::filter_words, {.max = 1'000'000, .otherwise = 1},
               "filter values a cell keeps, with 'dataflow: row_stationary'")
        .count(
            "input_words", &MatrixSpec::input_words, {.min = 0, .max = 1'000'000, .otherwise = 0},
            "input values a cell keeps, likewise: windows of several channels, whose sums meet in "
            "the cell; 0: of one")
        .count("inputs_per_cycle", &MatrixSpec::inputs_per_cycle,
               {.min = 0, .max = 16384, .otherwise = 0},
               "that the cells' network brings, likewise; 0: as many as are needed")
        .count("sums_per_cycle", &MatrixSpec::sums_per_cycle,
               {.min = 0, .max = 16384, .otherwise = 0},
               "that the cells' networks bring and take, likewise; 0: as many as are needed")
        .choice(
            "gating", &MatrixSpec::gating,
            {.names = {{"none", Gating::none}, {"zeros", Gating::zeros}},
             .otherwise = Gating::none},
            "cells hold still where an input is zero, as far as the workload states zeros; their "
            "time passes")
        .count("cell_pitch_um", &MatrixSpec::cell_pitch_um,
               {.min = 0, .max = 100'000, .otherwise = 0},
               "from cell to cell, likewise: what the buses of the networks are long; 0: not known")
        .maps("cell_memories", &MatrixSpec::cell_memories, cell_memory_schema(),
              {.min = 0, .max = 8}, "memories of each cell, whose accesses a MAC's price includes")
        .maps("rates", &MatrixSpec::rates, rate_schema(), {.min = 1, .max = 64},
              "the pairs of operand types there are")
        .check(check_matrix);
}

MapSchema<VectorSpec> vector_schema() {
    return MapSchema<VectorSpec>("vector")
        .count("lanes", &VectorSpec::lanes, {.max = 1'000'000}, "elements at a time")
        .count("lane_bits", &VectorSpec::lane_bits, {.min = 4, .max = 64, .otherwise = 32},
               "of a lane; wider types take several")
        .count("simple_operations_per_cycle", &VectorSpec::simple_operations_per_cycle,
               {.max = 64, .otherwise = 1},
               "additions, products, comparisons, conversions a lane chains in a cycle")
        .count("copied_runs_per_cycle", &VectorSpec::copied_runs_per_cycle,
               {.min = 0, .max = 1'000'000, .otherwise = 0},
               "separate pieces that a copy begins in a cycle; 0: one a lane")
        .count("divide_cycles", &VectorSpec::divide_cycles, {.max = 256, .otherwise = 4},
               "of a lane for a division")
        .count("exponential_cycles", &VectorSpec::exponential_cycles, {.max = 256, .otherwise = 4},
               "of a lane for an exponential")
        .count("reciprocal_sqrt_cycles", &VectorSpec::reciprocal_sqrt_cycles,
               {.max = 256, .otherwise = 4}, "of a lane for a reciprocal root")
        .count("table_cycles", &VectorSpec::table_cycles, {.max = 256, .otherwise = 1},
               "of a lane for a look-up")
        .count("latency_cycles", &VectorSpec::latency_cycles,
               {.min = 0, .max = 10'000, .otherwise = 8}, "from an operand to its result")
        .flag("pools", &VectorSpec::pools, false,
              "the matrix unit's outputs are pooled on their way to the scratchpad");
}

void check_scratchpad(const ScratchpadSpec& scratchpad, const MapCheck& check) {
    const bool weights = scratchpad.weight_bytes > 0;
    const bool activations = scratchpad.activation_bytes > 0;
    if (weights != activations)
        check.error(weights ? "weight_bytes" : "activation_bytes",
                    "a partitioned scratchpad needs 'weight_bytes' and 'activation_bytes'",
                    "leave both out where it is unified");
    if (scratchpad.weight_bytes + scratchpad.activation_bytes > scratchpad.bytes)
        check.error("bytes", "'weight_bytes' and 'activation_bytes' do not fit into 'bytes'");
    if (!sram::cell_from(scratchpad.cell))
        check.error("cell", fmt::format("no memory cell '{}'", scratchpad.cell), "hp, lop or lstp");
    if (scratchpad.bytes % scratchpad.banks != 0)
        check.error("banks", "'bytes' must be a whole number of banks");
}

MapSchema<ScratchpadSpec> scratchpad_schema() {
    return MapSchema<ScratchpadSpec>("scratchpad")
        .bytes("bytes", &ScratchpadSpec::bytes, {.min = "1 KiB", .max = "64 GiB"}, "of each core")
        .bytes("weight_bytes", &ScratchpadSpec::weight_bytes,
               {.min = "0 B", .max = "64 GiB", .otherwise = "0 B"},
               "set aside for weights; 0: it is unified")
        .bytes("activation_bytes", &ScratchpadSpec::activation_bytes,
               {.min = "0 B", .max = "64 GiB", .otherwise = "0 B"},
               "set aside for activations; 0: it is unified")
        .count("banks", &ScratchpadSpec::banks, {.max = 65536}, "that work side by side")
        .choice("banking", &ScratchpadSpec::banking,
                {.names = {{"interleaved", Banking::interleaved}, {"blocked", Banking::blocked}},
                 .otherwise = Banking::interleaved},
                "whether neighbouring accesses lie in neighbouring banks")
        .bytes("bytes_per_cycle_per_bank", &ScratchpadSpec::bytes_per_cycle_per_bank,
               {.min = "1 B", .max = "64 KiB"}, "of one access, read or write")
        .text("cell", &ScratchpadSpec::cell, {.otherwise = "lstp"},
              "transistors of the array: hp, lop or lstp")
        .check(check_scratchpad);
}

MapSchema<DmaSpec> dma_schema() {
    return MapSchema<DmaSpec>("dma")
        .count("engines", &DmaSpec::engines, {.max = 64, .otherwise = 1},
               "of each core, with a read and a write side")
        .bytes("bytes_per_cycle", &DmaSpec::bytes_per_cycle,
               {.min = "0 B", .max = "64 KiB", .otherwise = "0 B"},
               "of an engine; 0: as fast as links and memory")
        .field("decodes", &DmaSpec::decodes,
               list_of(choice_value<WeightFormat>({{"n_of_m", WeightFormat::n_of_m},
                                                   {"bitmap", WeightFormat::bitmap},
                                                   {"csr", WeightFormat::csr},
                                                   {"run_length", WeightFormat::run_length},
                                                   {"compressed", WeightFormat::compressed}}),
                       {.max = 5}),
               Presence::optional,
               "forms of stored weights that are read at full speed, beside those whose zeros the "
               "matrix unit skips");
}

MapSchema<NpuFile> file_schema() {
    return MapSchema<NpuFile>("npu")
        .count("cores", &NpuFile::cores, {.max = 4096, .otherwise = 1}, "all alike")
        .frequency("clock", &NpuFile::clock, {.min = "1 MHz", .max = "10 GHz"}, "of all units")
        .map("matrix", &NpuFile::matrix, matrix_schema(), Presence::required,
             "the matrix unit of a core")
        .map("vector", &NpuFile::vector, vector_schema(), Presence::required,
             "the vector unit of a core")
        .map("scratchpad", &NpuFile::scratchpad, scratchpad_schema(), Presence::required,
             "the memory of a core")
        .map("dma", &NpuFile::dma, dma_schema(), Presence::optional,
             "between memories and scratchpad")
        .count("command_overhead_cycles", &NpuFile::command_overhead_cycles,
               {.min = 0, .max = 1'000'000, .otherwise = 0}, "of the sequencer before each command")
        .choice(
            "activations", &NpuFile::activations,
            {.names = {{"channels_innermost", ActivationLayout::channels_innermost},
                       {"planes", ActivationLayout::planes}},
             .otherwise = ActivationLayout::channels_innermost},
            "how they lie in memory: all channels of a position together, or channel by channel")
        .count(
            "traffic_band_percent", &NpuFile::traffic_band_percent,
            {.min = 0, .max = 1000, .otherwise = 1},
            "by which its software lets a mapping be slower than the fastest if that moves fewer "
            "bytes to and from memory")
        .flag("depth_first", &NpuFile::depth_first, true,
              "its software runs layers stripe by stripe where their maps do not stay on chip")
        .power("idle_power", &NpuFile::idle_watts, {.min = "0 W", .max = "10 kW"},
               "with the clock running and nothing to do, leakage included")
        .check([](const NpuFile& file, const MapCheck& check) {
            if (file.depth_first && file.activations == ActivationLayout::planes)
                check.error("activations", "stripes of 'planes' are in pieces",
                            "'depth_first: false' does without stripes");
        });
}

class NpuFamily final : public Family {
  public:
    [[nodiscard]] std::string_view name() const override { return "npu"; }
    [[nodiscard]] std::shared_ptr<const Device> parse(const ConfigNode& node,
                                                      const std::string& path,
                                                      const FamilyContext& context,
                                                      Reading& reading) const override;
    [[nodiscard]] std::vector<Resource> resources() const override {
        return {{"clock", {"clock"}},
                {"cores", {"cores"}},
                {"matrix rows", {"matrix.rows"}},
                {"matrix columns", {"matrix.columns"}},
                {"vector lanes", {"vector.lanes"}},
                {"scratchpad", {"scratchpad.bytes"}},
                {"scratchpad banks", {"scratchpad.banks"}}};
    }
    [[nodiscard]] nlohmann::ordered_json schema() const override {
        return json_schema_of(file_schema().rule());
    }
};

std::shared_ptr<const Device> NpuFamily::parse(const ConfigNode& node, const std::string& path,
                                               const FamilyContext& context,
                                               Reading& reading) const {
    const std::size_t errors = reading.error_count();
    NpuFile file = file_schema().read(node, reading, path);
    if (reading.error_count() > errors || context.memories.empty()) return nullptr;
    NpuSpec spec{.clock = file.clock,
                 .cores = static_cast<int>(file.cores),
                 .matrix = std::move(file.matrix),
                 .vector = file.vector,
                 .scratchpad = file.scratchpad,
                 .dma = file.dma,
                 .command_overhead_cycles = file.command_overhead_cycles,
                 .activations = file.activations,
                 .traffic_band_percent = file.traffic_band_percent,
                 .depth_first = file.depth_first};
    if (spec.scratchpad.weight_bytes == 0)
        spec.scratchpad.weight_bytes = spec.scratchpad.activation_bytes = spec.scratchpad.bytes;

    const std::optional<SiliconPrices> energy = silicon_prices(node, context, reading);
    if (!energy) return nullptr;
    std::optional<IdlePower> idle;
    if (file.idle_watts)
        idle = IdlePower{.watts = file.idle_watts->value, .source = file.idle_watts->source()};
    NpuPrices prices = price_npu(spec, idle, energy->tables, energy->silicon);
    std::vector<MemoryPort> ports;
    for (const MemoryFacts& memory : context.memories)
        ports.push_back({.bytes_per_second = memory.bytes_per_second,
                         .burst_bytes = memory.burst_bytes,
                         .latency = memory.latency,
                         .both_ways_bytes_per_second = memory.both_ways_bytes_per_second});
    return std::make_shared<const Npu>(std::move(spec), std::move(prices), std::move(ports));
}

}  // namespace

std::unique_ptr<const Family> make_family() { return std::make_unique<const NpuFamily>(); }

}  // namespace perfwatt::npu

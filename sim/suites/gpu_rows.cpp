#include "sim/suites/gpu_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "models/dram/dram_energy.h"
#include "models/link/link_collective.h"
#include "sim/base/diagnostics.h"
#include "sim/program/program_builder.h"
#include "sim/stats/energy.h"
#include "sim/validation/csv_data.h"

namespace perfwatt::gpu_rows {
namespace {

/// How a harness times.
struct Harness {
    std::string run_time;
    bool warm = false;
    bool warm_activations = false;
    bool report = false;
    std::string overrides;  ///< separated by semicolons
    std::string copies;     ///< of attention: what other kernels copy
};

DataType type_of(const std::string& name) {
    const auto type = data_type_from(name);
    if (!type) throw UserError(fmt::format("'{}' is no data type", name), "");
    return *type;
}

/// FNV-1a, then mixed: which rows are calibrated on must not depend on a library.
std::uint32_t hash_of(const std::string& text) {
    std::uint32_t hash = 2166136261U;
    for (const char c : text) {
        hash ^= static_cast<unsigned char>(c);
        hash *= 16777619U;
    }
    hash ^= hash >> 15;
    hash *= 0x2c1b3c6dU;
    return hash ^ hash >> 12;
}

/// "calibrate" for three rows in ten.
std::string role_of(const std::string& key) {
    constexpr std::uint32_t kOf = 10, kToCalibrate = 3;
    return hash_of(key) % kOf < kToCalibrate ? "calibrate" : "test";
}

Operand operand(std::int64_t size, TensorRole role = TensorRole::input) {
    return {.tensor = {}, .bytes = size, .role = role};
}

DataType accumulator_of(DataType first) {
    return is_floating(first) ? DataType::fp32 : DataType::int32;
}
/// What libraries write: products of 8 bits leave in 16.
DataType output_of(DataType first) { return bits(first) < 16 ? DataType::bf16 : first; }

Kernel contraction_kernel(const Contraction& work) {
    Kernel kernel{.name = "product", .operator_type = "MatMul", .work = work};
    kernel.inputs = {operand(bytes(work.first_type, work.first_elements())),
                     operand(bytes(work.second_type, work.second_elements()), TensorRole::weight)};
    kernel.outputs = {operand(bytes(work.output_type, work.output_elements()))};
    return kernel;
}

/// Kernels beside attention's, as its harness says in words:
///   keys     new keys and values are copied into the cache before
///   all      new queries, keys and values are turned and copied before
///   heads    queries of heads that share keys are put together before, results apart afterwards,
///            where there are several sequences and groups of heads
/// What they leave lies in the L2 if it fits.
void with_copies(const std::string& what, Row& row) {
    const Kernel attention = row.kernels.front();
    const auto& work = std::get<Attention>(attention.work);
    const auto copy_of = [](std::int64_t size) {
        Kernel copy{.name = "copy",
                    .operator_type = "Move",
                    .work = Move{.bytes = size, .run_bytes = size}};
        copy.inputs = {operand(size)};
        copy.outputs = {operand(size, TensorRole::activation)};
        return copy;
    };
    const std::int64_t groups = work.g / work.groups_sharing;
    const std::int64_t queries = attention.inputs.front().bytes;
    const std::int64_t keys = 2 * bytes(work.query_type, groups * work.queries * work.head_dim);
    std::vector<Kernel> kernels;
    if (what.find("keys") != std::string::npos) kernels.push_back(copy_of(keys));
    if (what.find("all") != std::string::npos) kernels.push_back(copy_of(queries + keys));
    const bool regrouped = what.find("heads") != std::string::npos && work.queries == 1 &&
                           work.groups_sharing > 1 && row.sequences > 1 && groups > row.sequences;
    if (regrouped) kernels.push_back(copy_of(queries));
    kernels.push_back(attention);
    if (regrouped) kernels.push_back(copy_of(queries));
    row.kernels = std::move(kernels);
}

class Reader {
  public:
    Reader(const std::string& file, const CsvData& data, std::map<std::string, Harness> harnesses)
        : file_(file), data_(data), harnesses_(std::move(harnesses)) {}

    template <class Build>
    void read(std::vector<Row>& rows, Build&& build) const {
        for (std::size_t i = 0; i < data_.size(); ++i) rows.push_back(row(i, build));
    }
    template <class Build>
    [[nodiscard]] Row row(std::size_t i, Build&& build) const {
        Row row{.chip = data_.text(i, "chip"),
                .microseconds = data_.number(i, "latency_us"),
                .source = data_.text(i, "source")};
        const std::string& name = data_.text(i, "harness");
        Row kind = row;  // its group only: what is built last may change what a harness says
        build(data_, i, kind);
        auto harness = harnesses_.find(name + "@" + row.chip + " " + kind.group);
        if (harness == harnesses_.end()) harness = harnesses_.find(name + "@" + row.chip);
        if (harness == harnesses_.end()) harness = harnesses_.find(name);
        if (harness == harnesses_.end())
            throw UserError(fmt::format("{}: there is no harness '{}'", file_, name), "");
        row.run_time = harness->second.run_time;
        row.warm = harness->second.warm;
        row.overrides = {"gpu.run_time=" + row.run_time};
        std::string_view left = harness->second.overrides;
        while (!left.empty()) {
            const std::size_t end = std::min(left.find(';'), left.size());
            row.overrides.emplace_back(left.substr(0, end));
            left.remove_prefix(std::min(end + 1, left.size()));
        }
        build(data_, i, row);
        if (!harness->second.copies.empty()) with_copies(harness->second.copies, row);
        if (harness->second.warm_activations)
            row.kernels.front().inputs.front().role = TensorRole::activation;
        for (const Kernel& kernel : row.kernels) {
            for (const Operand& input : kernel.inputs) row.operand_bytes += input.bytes;
            for (const Operand& output : kernel.outputs) row.operand_bytes += output.bytes;
        }
        const std::string key = fmt::format("{}|{}|{}|{}", row.chip, name, row.group, row.shape);
        row.role = harness->second.report ? "report" : role_of(key);
        if (data_.size() > 0 && row.microseconds <= 0)
            throw UserError(fmt::format("{}: a latency of {}", file_, row.microseconds), "");
        return row;
    }

  private:
    const std::string& file_;
    const CsvData& data_;
    std::map<std::string, Harness> harnesses_;
};

void gemm(const CsvData& data, std::size_t i, Row& row) {
    const DataType first = type_of(data.text(i, "first"));
    const DataType second = type_of(data.text(i, "second"));
    Contraction work{.g = data.count(i, "groups"),
                     .p = data.count(i, "m"),
                     .k = data.count(i, "n"),
                     .c = data.count(i, "k"),
                     .input_h = data.count(i, "m"),
                     .first_type = first,
                     .second_type = second,
                     .accumulator_type = accumulator_of(first),
                     .output_type = output_of(first)};
    row.kernels = {contraction_kernel(work)};
    const std::string& harness = data.text(i, "harness");
    row.group = first == second ? fmt::format("{} gemm", to_string(first))
                                : fmt::format("{} x {} gemm", to_string(first), to_string(second));
    if (work.g > 1) row.group = fmt::format("{} batched gemm", to_string(first));
    if (harness == "Vidur") row.group = "llm layer gemm";
    row.shape = fmt::format("{} {}x{}x{}x{}", harness, work.g, work.p, work.k, work.c);
}

void convolution(const CsvData& data, std::size_t i, Row& row) {
    const std::int64_t height = data.count(i, "height"), width = data.count(i, "width");
    const std::int64_t r = data.count(i, "r"), s = data.count(i, "s");
    const std::int64_t down = data.count(i, "stride_h"), across = data.count(i, "stride_w");
    const DataType type = type_of(data.text(i, "first"));
    const Contraction work{.n = data.count(i, "batch"),
                           .p = (height + 2 * data.count(i, "pad_h") - r) / down + 1,
                           .q = (width + 2 * data.count(i, "pad_w") - s) / across + 1,
                           .k = data.count(i, "filters"),
                           .c = data.count(i, "channels"),
                           .r = r,
                           .s = s,
                           .stride_h = down,
                           .stride_w = across,
                           .input_h = height,
                           .input_w = width,
                           .group_layout = GroupLayout::channels,
                           .first_type = type,
                           .second_type = type_of(data.text(i, "second")),
                           .accumulator_type = accumulator_of(type),
                           .output_type = output_of(type)};
    row.kernels = {contraction_kernel(work)};
    row.kernels.front().operator_type = "Conv";
    row.group = fmt::format("{} convolution", to_string(type));
    row.shape = fmt::format("{} {}x{}x{}x{} by {}x{}x{} over {}x{}", data.text(i, "harness"),
                            work.n, work.c, height, width, work.k, r, s, down, across);
}

void attention(const CsvData& data, std::size_t i, Row& row) {
    const std::int64_t batch = data.count(i, "batch"), heads = data.count(i, "heads");
    const std::int64_t cache_heads = data.count(i, "cache_heads"), dim = data.count(i, "head_dim");
    const std::int64_t tokens = data.count(i, "tokens");
    const bool prefill = data.text(i, "phase") == "prefill";
    Attention work{.g = batch * heads,
                   .groups_sharing = heads / cache_heads,
                   .queries = tokens,
                   .keys = tokens + data.count(i, "context"),
                   .head_dim = dim,
                   .value_dim = dim,
                   .causal = prefill,
                   .query_type = type_of(data.text(i, "query")),
                   .cache_type = type_of(data.text(i, "cache")),
                   .output_type = type_of(data.text(i, "query"))};
    work.steps = {{VectorOp::multiply, 2},
                  {VectorOp::add, 2},
                  {VectorOp::compare, 1},
                  {VectorOp::exponential, 1}};
    Kernel kernel{.name = "attention", .operator_type = "Attention", .work = work};
    const std::int64_t query_bytes = bytes(work.query_type, work.g * tokens * dim);
    const std::int64_t cache_bytes = bytes(work.cache_type, batch * cache_heads * work.keys * dim);
    kernel.inputs = {operand(query_bytes), operand(cache_bytes, TensorRole::state),
                     operand(cache_bytes, TensorRole::state)};
    kernel.outputs = {operand(query_bytes)};
    row.sequences = batch;
    row.kernels = {std::move(kernel)};
    row.group = fmt::format("{} attention{}", prefill ? "prefill" : "decode",
                            work.cache_type == work.query_type ? "" : ", fp8 cache");
    row.shape = fmt::format("{} {}x{} of {}, {}/{} heads of {}", data.text(i, "harness"), batch,
                            tokens, work.keys, heads, cache_heads, dim);
}

Kernel elementwise_kernel(std::int64_t elements, DataType type, std::vector<VectorStep> steps,
                          int inputs, int outputs) {
    Kernel kernel{
        .name = "elementwise",
        .operator_type = "Elementwise",
        .work = Elementwise{.elements = elements, .type = type, .steps = std::move(steps)}};
    kernel.inputs.assign(static_cast<std::size_t>(inputs), operand(bytes(type, elements)));
    kernel.outputs.assign(static_cast<std::size_t>(outputs), operand(bytes(type, elements)));
    return kernel;
}

Kernel row_kernel(std::int64_t elements, std::int64_t row, DataType type, std::int64_t passes,
                  std::vector<VectorStep> steps) {
    Kernel kernel{.name = "rows",
                  .operator_type = "Reduce",
                  .work = Reduce{.elements = elements,
                                 .row = row,
                                 .passes = passes,
                                 .type = type,
                                 .steps = std::move(steps)}};
    kernel.inputs = {operand(bytes(type, elements))};
    kernel.outputs = {operand(bytes(type, elements))};
    return kernel;
}

/// The second kernel finds in the cache what the first one made.
std::vector<Kernel> in_turn(Kernel first, Kernel second) {
    first.outputs.front().role = TensorRole::activation;
    second.inputs.front().role = TensorRole::activation;
    return {std::move(first), std::move(second)};
}

void vector(const CsvData& data, std::size_t i, Row& row) {
    using enum VectorOp;
    const std::string& name = data.text(i, "operator");
    const std::string& harness = data.text(i, "harness");
    const std::int64_t rows = data.count(i, "rows"), columns = data.count(i, "columns");
    const DataType type = type_of(data.text(i, "type"));
    const std::int64_t elements = rows * columns;
    const double once = 1.0 / static_cast<double>(columns);
    const Kernel norm =
        row_kernel(elements, columns, type, 2, {{multiply, 3}, {add, 2}, {reciprocal_sqrt, once}});
    const std::vector<VectorStep> smooth = {{exponential, 1}, {multiply, 2}, {divide, 1}};
    const bool layers = harness == "Vidur layers";
    if (name == "softmax") {
        row.kernels = {
            row_kernel(elements, columns, type, 3,
                       {{compare, 1}, {add, 2}, {exponential, 1}, {multiply, 1}, {divide, once}})};
    } else if (name == "norm") {
        row.kernels = {norm};
        if (layers)
            row.kernels = in_turn(elementwise_kernel(elements, type, {{add, 1}}, 2, 1), norm);
    } else if (name == "copy") {
        Kernel copy = elementwise_kernel(elements, type, {}, 1, 1);
        copy.work = Move{.bytes = bytes(type, elements), .run_bytes = bytes(type, elements)};
        row.kernels = {std::move(copy)};
    } else if (name == "add") {
        row.kernels = {elementwise_kernel(elements, type, {{add, 1}}, 2, 1)};
    } else if (name == "rope") {
        row.kernels = {elementwise_kernel(2 * elements, type, {{multiply, 2}, {add, 1}}, 1, 1)};
    } else if (name == "gelu") {
        row.kernels = {elementwise_kernel(elements, type, smooth, 1, 1)};
    } else if (name == "activation") {
        row.kernels = {elementwise_kernel(elements, type, smooth, 2, 1)};
        if (layers)
            row.kernels = in_turn(elementwise_kernel(elements, type, smooth, 1, 1),
                                  elementwise_kernel(elements, type, {{multiply, 1}}, 2, 1));
    } else {
        throw UserError(fmt::format("there is no operator '{}'", name),
                        "gemm, attention, softmax, norm, add, rope, gelu, activation or copy");
    }
    // Weights went through the cache between a product's first results and its end.
    if (layers && (name == "rope" || name == "activation")) row.warm = false;
    row.group = name;
    row.shape = fmt::format("{} {} {}x{}", harness, name, rows, columns);
}

std::map<std::string, Harness> harnesses_of(const std::string& folder) {
    const CsvData data = CsvData::read(folder + "/harnesses.csv");
    std::map<std::string, Harness> harnesses;
    for (std::size_t i = 0; i < data.size(); ++i)
        harnesses[data.text(i, "harness")] = {
            .run_time = data.text(i, "run_time"),
            .warm = data.text(i, "cache") == "warm",
            .warm_activations = data.text(i, "cache") == "activations",
            .report = data.text(i, "role") == "report",
            .overrides = data.text(i, "overrides"),
            .copies = data.text(i, "copies")};
    return harnesses;
}

}  // namespace

std::vector<Row> read(const std::string& folder) {
    const std::map<std::string, Harness> harnesses = harnesses_of(folder);
    std::vector<Row> rows;
    const auto add = [&](const std::string& name, auto&& build) {
        const std::string file = folder + "/" + name;
        const CsvData data = CsvData::read(file);
        Reader(file, data, harnesses).read(rows, build);
    };
    add("gemm.csv", gemm);
    add("convolution.csv", convolution);
    add("attention.csv", attention);
    add("vector.csv", vector);
    return rows;
}

std::vector<Row> read_measured(const std::string& file) {
    const CsvData data = CsvData::read(file);
    std::vector<Row> rows;
    for (std::size_t i = 0; i < data.size(); ++i) {
        // Its own harness: each row says how it was launched and what the cache held.
        const std::string& name = data.text(i, "harness");
        const Reader reader(file, data,
                            {{name,
                              {.run_time = data.text(i, "run_time"),
                               .warm = data.text(i, "cache_state") == "warm"}}});
        const std::string& kind = data.text(i, "operator");
        Row row = kind == "gemm"        ? reader.row(i, gemm)
                  : kind == "attention" ? reader.row(i, attention)
                                        : reader.row(i, vector);
        row.role = "test";
        rows.push_back(std::move(row));
    }
    return rows;
}

namespace {

/// Places operands one after the other: in the cache what is warm as long as there is room.
class Places {
  public:
    Places(const OnChipMemory& chip, const Row& row, const Kernel& kernel)
        : chip_(chip), warm_(row.warm && row.operand_bytes <= chip.bytes_per_core) {
        std::int64_t footprint = 0;
        for (const Operand& input : kernel.inputs) footprint += input.bytes;
        for (const Operand& output : kernel.outputs) footprint += output.bytes;
        // What a kernel streams through the cache takes the place of what was made before.
        kept_ = row.kernels.size() == 1 || footprint <= chip.bytes_per_core;
    }

    Placement operator()(const Operand& operand) {
        Placement placement;
        const bool kept = warm_ || (kept_ && operand.role == TensorRole::activation);
        if (kept && on_chip_ + operand.bytes <= chip_.bytes_per_core) {
            placement.where = Placement::Where::on_chip;
            placement.buffer = {.address = on_chip_, .bytes = operand.bytes};
            on_chip_ += operand.bytes;
        } else {
            placement.region = {.memory = MemoryId{0},
                                .address = address_,
                                .row_bytes = operand.bytes,
                                .rows = 1,
                                .pitch_bytes = operand.bytes};
            address_ += operand.bytes;
        }
        return placement;
    }

  private:
    OnChipMemory chip_;
    bool warm_ = false, kept_ = false;
    std::int64_t address_ = 0, on_chip_ = 0;
};

}  // namespace

namespace {

/// Asks the device for each of the row's kernels, and tells `use` what it chose.
template <class Use>
std::optional<Infeasible> map_all(const Device& device, const Row& row, Use&& use) {
    const OnChipMemory chip = device.on_chip();
    // Products read their operands several times over; what they find is the model's to say.
    const bool again = row.warm && row.operand_bytes > chip.bytes_per_core &&
                       !std::holds_alternative<Contraction>(row.kernels.front().work);
    const double missed = again ? 1 - found_again(row.operand_bytes, chip.bytes_per_core) : 1;
    for (Kernel kernel : row.kernels) {
        for (Operand& input : kernel.inputs)
            input.bytes = static_cast<std::int64_t>(missed * static_cast<double>(input.bytes));
        Places place(chip, row, kernel);
        MappingRequest request{.kernel = &kernel};
        for (const Operand& input : kernel.inputs) request.inputs.push_back(place(input));
        for (const Operand& output : kernel.outputs) request.outputs.push_back(place(output));
        request.free = {.address = 0, .bytes = chip.bytes_per_core / 2};
        const auto choice = device.map(request);
        if (const auto* misfit = std::get_if<Infeasible>(&choice)) return *misfit;
        use(request, std::get<MappingChoice>(choice));
    }
    return std::nullopt;
}

}  // namespace

std::variant<Time, Infeasible> time_on(const Device& device, const Row& row) {
    Time total;
    const auto misfit =
        map_all(device, row,
                [&](const MappingRequest&, const MappingChoice& choice) { total += choice.cost; });
    if (misfit) return *misfit;
    return total;
}

std::variant<double, Infeasible> power_on(const Device& device, const MemoryPower& memory,
                                          const Row& row) {
    Time total;
    ProgramBuilder program(device.units(), {"memory"});
    const auto misfit =
        map_all(device, row, [&](const MappingRequest& request, const MappingChoice& choice) {
            total += choice.cost;
            device.emit(request, choice.mapping, program.add_layer({.name = "kernel"}), program);
        });
    if (misfit) return *misfit;
    const std::vector<Action> actions = device.actions();
    std::vector<ActionId> ids;
    for (std::size_t i = 0; i < actions.size(); ++i) ids.push_back(ActionId{static_cast<int>(i)});
    Counts counts(actions, static_cast<int>(row.kernels.size()));
    std::int64_t moved = 0;
    for (const Command& command : program.program().commands) {
        device.count(command, ids, counts);
        if (const auto* load = std::get_if<Load>(&command.work)) moved += load->source.bytes();
        if (const auto* store = std::get_if<Store>(&command.work)) moved += store->target.bytes();
    }
    const PricedRun priced = price(counts, device.static_power(), total);
    return (priced.total_pj + static_cast<double>(moved) * memory.picojoules_per_byte) * 1e-12 /
               total.seconds() +
           memory.watts;
}

MemoryPower memory_power(const dram::DramSpec& spec, int channels) {
    const std::vector<Action> actions =
        dram::energy_actions(spec, dram::EnergyCorner::typical, "memory");
    const auto price_of = [&](dram::EnergyCategory category) {
        return actions[static_cast<std::size_t>(category)].picojoules;
    };
    using enum dram::EnergyCategory;
    const dram::Organization& shape = spec.organization;
    const double ranks = static_cast<double>(channels) * shape.pseudo_channels * shape.ranks;
    return {.picojoules_per_byte =
                (price_of(read) + price_of(read_io)) / static_cast<double>(shape.burst_bytes()) +
                (price_of(activate) + price_of(precharge)) / static_cast<double>(shape.row_bytes()),
            .watts = ranks * price_of(active_standby) *
                     static_cast<double>(spec.tick_clock().hertz()) * 1e-12};
}

double found_again(std::int64_t operand_bytes, std::int64_t cache_bytes) {
    if (cache_bytes <= 0) return 0;
    const double times = static_cast<double>(operand_bytes) / static_cast<double>(cache_bytes);
    double found = 0;
    for (int i = 0; i < 50; ++i) found = std::exp(-(1 - found) * times);
    return found;
}

bool beyond_memory(const Row& row, std::int64_t cache_bytes, std::int64_t bytes_per_second) {
    const auto least = static_cast<double>(row.operand_bytes - cache_bytes);
    return least / static_cast<double>(bytes_per_second) > row.microseconds * 1e-6;
}

std::vector<CollectiveRow> read_collectives(const std::string& folder) {
    using Kind = Collective::Kind;
    const std::map<std::string, Kind> kinds = {{"all_reduce", Kind::all_reduce},
                                               {"all_gather", Kind::all_gather},
                                               {"reduce_scatter", Kind::reduce_scatter},
                                               {"alltoall", Kind::all_to_all}};
    const std::string file = folder + "/collectives.csv";
    const CsvData data = CsvData::read(file);
    std::vector<CollectiveRow> rows;
    for (std::size_t i = 0; i < data.size(); ++i) {
        CollectiveRow row{.chip = data.text(i, "chip"),
                          .group = data.text(i, "operator"),
                          .type = data.text(i, "type"),
                          .gpus = static_cast<int>(data.count(i, "gpus")),
                          .microseconds = data.number(i, "latency_us"),
                          .source = data.text(i, "source")};
        const auto kind = kinds.find(row.group);
        if (kind == kinds.end())
            throw UserError(fmt::format("{}: there is no collective '{}'", file, row.group), "");
        row.work = {.kind = kind->second, .bytes = data.count(i, "bytes")};
        const std::string& harness = data.text(i, "harness");
        row.shape = fmt::format("{} {} of {} B ({}) on {}", harness, row.group, row.work.bytes,
                                row.type, row.gpus);
        row.role = harness == "NCCL" ? role_of(row.chip + "|" + row.shape) : "report";
        rows.push_back(std::move(row));
    }
    return rows;
}

Time time_on(PeerLink link, const CollectiveRow& row) {
    // Switches add floating point and wider integers only.
    if (row.type == "int8")
        std::erase_if(link.protocols, [](const PeerProtocol& protocol) {
            return protocol.algorithm == PeerAlgorithm::in_switch;
        });
    return link::collective(link, row.work.kind, row.work.bytes, row.gpus).duration;
}

std::string bucket_of(double microseconds) {
    if (microseconds < 10) return "<10 us";
    if (microseconds < 100) return "10-100 us";
    if (microseconds < 1000) return "0.1-1 ms";
    return ">1 ms";
}

}  // namespace perfwatt::gpu_rows

#include "sim/suites/gpu_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "sim/base/diagnostics.h"
#include "sim/validation/csv_data.h"

namespace perfwatt::gpu_rows {
namespace {

/// How a harness times.
struct Harness {
    std::string run_time;
    bool warm = false;
    bool report = false;
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

constexpr std::uint32_t kOf = 10, kToCalibrate = 3;

Operand operand(std::int64_t size, TensorRole role = TensorRole::activation) {
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
        const auto harness = harnesses_.find(name);
        if (harness == harnesses_.end())
            throw UserError(fmt::format("{}: there is no harness '{}'", file_, name), "");
        row.run_time = harness->second.run_time;
        row.warm = harness->second.warm;
        build(data_, i, row);
        for (const Operand& input : row.kernel.inputs) row.operand_bytes += input.bytes;
        for (const Operand& output : row.kernel.outputs) row.operand_bytes += output.bytes;
        const std::string key = fmt::format("{}|{}|{}|{}", row.chip, name, row.group, row.shape);
        row.role = harness->second.report              ? "report"
                   : hash_of(key) % kOf < kToCalibrate ? "calibrate"
                                                       : "test";
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
    row.kernel = contraction_kernel(work);
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
    row.kernel = contraction_kernel(work);
    row.kernel.operator_type = "Conv";
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
    row.kernel = {.name = "attention", .operator_type = "Attention", .work = work};
    const std::int64_t query_bytes = bytes(work.query_type, work.g * tokens * dim);
    const std::int64_t cache_bytes = bytes(work.cache_type, batch * cache_heads * work.keys * dim);
    row.kernel.inputs = {operand(query_bytes), operand(cache_bytes, TensorRole::state),
                         operand(cache_bytes, TensorRole::state)};
    row.kernel.outputs = {operand(query_bytes)};
    row.group = fmt::format("{} attention{}", prefill ? "prefill" : "decode",
                            work.cache_type == work.query_type ? "" : ", fp8 cache");
    row.shape = fmt::format("{} {}x{} of {}, {}/{} heads of {}", data.text(i, "harness"), batch,
                            tokens, work.keys, heads, cache_heads, dim);
}

void vector(const CsvData& data, std::size_t i, Row& row) {
    const std::string& name = data.text(i, "operator");
    const std::int64_t rows = data.count(i, "rows"), columns = data.count(i, "columns");
    const DataType type = type_of(data.text(i, "type"));
    const std::int64_t elements = rows * columns;
    const std::int64_t size = bytes(type, elements);
    row.kernel = {.name = name, .operator_type = name};
    row.kernel.inputs = {operand(size)};
    row.kernel.outputs = {operand(size)};
    const double once = 1.0 / static_cast<double>(columns);
    if (name == "softmax") {
        row.kernel.work = Reduce{.elements = elements,
                                 .row = columns,
                                 .passes = 3,
                                 .type = type,
                                 .steps = {{VectorOp::compare, 1},
                                           {VectorOp::add, 2},
                                           {VectorOp::exponential, 1},
                                           {VectorOp::multiply, 1},
                                           {VectorOp::divide, once}}};
    } else if (name == "norm") {
        row.kernel.work = Reduce{
            .elements = elements,
            .row = columns,
            .passes = 2,
            .type = type,
            .steps = {
                {VectorOp::multiply, 3}, {VectorOp::add, 2}, {VectorOp::reciprocal_sqrt, once}}};
    } else if (name == "copy") {
        row.kernel.work = Move{.bytes = size, .run_bytes = size};
    } else {
        Elementwise work{.elements = elements, .type = type, .steps = {{VectorOp::add, 1}}};
        if (name == "add") row.kernel.inputs.push_back(operand(size));
        if (name == "rope") work.steps = {{VectorOp::multiply, 2}, {VectorOp::add, 1}};
        if (name == "gelu" || name == "activation")
            work.steps = {
                {VectorOp::exponential, 1}, {VectorOp::multiply, 2}, {VectorOp::divide, 1}};
        // A gated activation reads two halves and writes one.
        if (name == "activation") row.kernel.inputs.push_back(operand(size));
        row.kernel.work = std::move(work);
    }
    row.group = name;
    row.shape = fmt::format("{} {} {}x{}", data.text(i, "harness"), name, rows, columns);
}

std::map<std::string, Harness> harnesses_of(const std::string& folder) {
    const CsvData data = CsvData::read(folder + "/harnesses.csv");
    std::map<std::string, Harness> harnesses;
    for (std::size_t i = 0; i < data.size(); ++i)
        harnesses[data.text(i, "harness")] = {.run_time = data.text(i, "run_time"),
                                              .warm = data.text(i, "cache") == "warm",
                                              .report = data.text(i, "role") == "report"};
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

std::variant<Time, Infeasible> time_on(const Device& device, const Row& row) {
    const OnChipMemory chip = device.on_chip();
    MappingRequest request{.kernel = &row.kernel};
    std::int64_t address = 0, on_chip = 0;
    const auto place = [&](const Operand& operand) {
        Placement placement;
        if (row.warm && on_chip + operand.bytes <= chip.bytes_per_core) {
            placement.where = Placement::Where::on_chip;
            placement.buffer = {.address = on_chip, .bytes = operand.bytes};
            on_chip += operand.bytes;
        } else {
            placement.region = {.memory = MemoryId{0},
                                .address = address,
                                .row_bytes = operand.bytes,
                                .rows = 1,
                                .pitch_bytes = operand.bytes};
            address += operand.bytes;
        }
        return placement;
    };
    for (const Operand& input : row.kernel.inputs) request.inputs.push_back(place(input));
    for (const Operand& output : row.kernel.outputs) request.outputs.push_back(place(output));
    request.free = {.address = 0, .bytes = chip.bytes_per_core / 2};
    const auto choice = device.map(request);
    if (const auto* misfit = std::get_if<Infeasible>(&choice)) return *misfit;
    return std::get<MappingChoice>(choice).cost;
}

std::string bucket_of(double microseconds) {
    if (microseconds < 10) return "<10 us";
    if (microseconds < 100) return "10-100 us";
    if (microseconds < 1000) return "0.1-1 ms";
    return ">1 ms";
}

}  // namespace perfwatt::gpu_rows

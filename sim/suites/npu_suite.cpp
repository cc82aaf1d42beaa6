#include <fmt/format.h>

#include <map>

#include "sim/base/diagnostics.h"
#include "sim/suites/npu_counting.h"
#include "sim/suites/suites.h"
#include "sim/suites/tile_pipeline.h"
#include "sim/validation/batch_runs.h"
#include "sim/validation/csv_data.h"
#include "sim/validation/statistics.h"

namespace perfwatt {
namespace {

using npu_counting::Gemm;
using npu_counting::Rule;

npu::Dataflow dataflow_of(const std::string& name) {
    if (name == "output_stationary") return npu::Dataflow::output_stationary;
    if (name == "weight_stationary") return npu::Dataflow::weight_stationary;
    if (name == "input_stationary") return npu::Dataflow::input_stationary;
    throw UserError(fmt::format("'{}' is not a dataflow of the counting rules", name));
}

std::map<std::string, Rule> read_rules(const std::string& folder) {
    const CsvData data = CsvData::read(folder + "/counting.csv");
    std::map<std::string, Rule> rules;
    for (std::size_t i = 0; i < data.size(); ++i) {
        rules[data.text(i, "preset")] = {.name = data.text(i, "preset"),
                                         .dataflow = dataflow_of(data.text(i, "dataflow")),
                                         .fold_rows = data.count(i, "fold_rows"),
                                         .fold_columns = data.count(i, "fold_columns"),
                                         .fold_constant = data.count(i, "fold_constant"),
                                         .once = data.count(i, "once")};
    }
    return rules;
}

/// Cycles that other simulators count for one array: their rule must give them exactly, and ours
/// must differ by exactly what is listed.
std::vector<Figure> arrays(const std::string& folder) {
    const std::map<std::string, Rule> rules = read_rules(folder);
    const CsvData data = CsvData::read(folder + "/arrays.csv");
    std::vector<Figure> figures;
    for (std::size_t i = 0; i < data.size(); ++i) {
        const auto rule = rules.find(data.text(i, "preset"));
        if (rule == rules.end()) {
            throw UserError(fmt::format("there is no counting rule '{}'", data.text(i, "preset")));
        }
        const Gemm gemm{data.count(i, "array"), data.count(i, "m"), data.count(i, "n"),
                        data.count(i, "k")};
        Figure figure{.subject = rule->first, .name = "cycles"};
        figure.topic = fmt::format("{0}x{0} {1}", gemm.array, data.text(i, "workload"));
        figure.low = figure.high = data.number(i, "cycles");
        figure.group = rule->first.substr(0, rule->first.rfind('_')) + ", its rule";
        figure.source = data.text(i, "source");
        figure.ours = static_cast<double>(npu_counting::cycles(rule->second, gemm));
        judge(figure);
        figures.push_back(figure);

        const std::int64_t native = npu_counting::native_cycles(rule->second, gemm);
        std::int64_t explained = 0;
        figure.note = fmt::format("our unit counts {}", native);
        for (const auto& part : npu_counting::differences(rule->second, gemm)) {
            explained += part.cycles;
            figure.note += fmt::format("; {:+}: {}", part.cycles, part.reason);
        }
        figure.name = "cycles of our unit less what is explained";
        figure.group = rule->first.substr(0, rule->first.rfind('_')) + ", our count";
        figure.ours = static_cast<double>(native - explained);
        judge(figure);
        figures.push_back(std::move(figure));
    }
    return figures;
}

/// A run whose cycles are compared, times a share of it.
struct Asked {
    Figure figure;
    RunRequest request;
    double share = 1;
    double clock_ghz = 1;
};

RunRequest request_of(const std::string& chip, const std::string& workload, std::string precision) {
    RunRequest request;
    request.chip = chip;
    request.workload = workload;
    request.precision = std::move(precision);
    request.memory_timing = "stream";
    return request;
}

std::map<std::string, tile_pipeline::Preset> read_pipelines(const std::string& folder) {
    const CsvData data = CsvData::read(folder + "/tile_pipelines.csv");
    std::map<std::string, tile_pipeline::Preset> presets;
    for (std::size_t i = 0; i < data.size(); ++i) {
        const std::string& name = data.text(i, "config");
        presets[name] = {.name = name,
                         .array = data.count(i, "array"),
                         .cores = data.count(i, "cores"),
                         .scratchpad_bytes = data.count(i, "scratchpad_kib") << 10,
                         .accumulator_bytes = data.count(i, "accumulator_kib") << 10,
                         .element_bytes = data.count(i, "element_bytes"),
                         .memory_bytes_per_cycle = data.number(i, "memory_bytes_per_cycle"),
                         .core_bytes_per_cycle = data.number(i, "core_bytes_per_cycle"),
                         .latency_cycles = data.count(i, "latency_cycles")};
    }
    return presets;
}

/// Cycles that ONNXim counts for a product, by the way it runs one.
std::vector<Figure> tile_pipelines(const std::string& folder) {
    const auto presets = read_pipelines(folder);
    const CsvData data = CsvData::read(folder + "/gemms.csv");
    std::vector<Figure> figures;
    for (std::size_t i = 0; i < data.size(); ++i) {
        const auto preset = presets.find(data.text(i, "config"));
        if (preset == presets.end())
            throw UserError(fmt::format("there is no preset '{}'", data.text(i, "config")));
        Figure figure{.subject = data.text(i, "chip"), .topic = data.text(i, "workload")};
        figure.name = "cycles, its tiles";
        figure.low = figure.high = data.number(i, "cycles");
        figure.tolerance_percent = 5;
        figure.group = "ONNXim, its tiles";
        figure.source = data.text(i, "source");
        const tile_pipeline::Gemm gemm{data.count(i, "m"), data.count(i, "n"), data.count(i, "k")};
        const tile_pipeline::Gemm tile = tile_pipeline::tile_of(preset->second, gemm);
        figure.note = fmt::format("tiles of {} x {}, {} of the reduction", tile.m, tile.n, tile.k);
        figure.ours = tile_pipeline::cycles(preset->second, gemm);
        judge(figure);
        figures.push_back(std::move(figure));
    }
    return figures;
}

std::vector<Asked> gemms(const std::string& folder) {
    const CsvData data = CsvData::read(folder + "/gemms.csv");
    std::vector<Asked> asked;
    for (std::size_t i = 0; i < data.size(); ++i) {
        Asked one;
        one.figure = {.subject = data.text(i, "chip"), .topic = data.text(i, "workload")};
        one.figure.name = "cycles";
        one.figure.low = one.figure.high = data.number(i, "cycles");
        one.figure.tolerance_percent = 5;
        one.figure.gates = data.flag(i, "gates");
        one.figure.group = "ONNXim, our machine";
        one.figure.source = data.text(i, "source");
        one.figure.note = data.text(i, "note");
        one.request = request_of(fmt::format("{}/{}.yaml", folder, data.text(i, "chip")),
                                 folder + "/gemm.yaml", "fp16");
        one.request.start = "cold";
        one.request.overrides = {
            fmt::format("workload.input.shape=[{}, {}]", data.count(i, "m"), data.count(i, "k")),
            fmt::format("workload.layers.0.linear.features={}", data.count(i, "n")),
            fmt::format("npu.cores={}", data.count(i, "cores"))};
        asked.push_back(std::move(one));
    }
    return asked;
}

/// Layers of a maker's sheet, each of which takes its operands from memory: one network of layers
/// that know nothing of each other.
std::vector<Asked> sheets(const std::string& folder) {
    const CsvData data = CsvData::read(folder + "/layers.csv");
    std::vector<Asked> asked;
    for (std::size_t i = 0; i < data.size(); ++i) {
        Asked one;
        one.figure = {.subject = "nvdla_2048", .topic = data.text(i, "network")};
        one.figure.name = "cycles, " + data.text(i, "part");
        one.figure.low = one.figure.high = data.number(i, "cycles");
        one.figure.judged = false;
        one.figure.group = "NVDLA, parts";
        one.figure.source = data.text(i, "source");
        one.figure.note = data.text(i, "note");
        one.share = data.number(i, "share");
        one.request = request_of(folder + "/nvdla_sheet.yaml",
                                 fmt::format("{}/{}", folder, data.text(i, "file")), "int8");
        one.request.start = "cold";
        if (!data.text(i, "overrides").empty()) one.request.overrides = {data.text(i, "overrides")};
        asked.push_back(std::move(one));
    }
    return asked;
}

/// One figure a network: its parts together.
std::vector<Figure> totals(const std::vector<Figure>& parts) {
    std::vector<Figure> made;
    for (const Figure& part : parts) {
        if (part.group != "NVDLA, parts") continue;
        if (made.empty() || made.back().topic != part.topic) {
            made.push_back(part);
            made.back().name = "cycles, all layers";
            made.back().group = "NVDLA";
            made.back().judged = true;
            made.back().tolerance_percent = 10;
            continue;
        }
        Figure& total = made.back();
        total.low = total.high = total.low + part.low;
        total.ours += part.ours;
        total.skipped = total.skipped || part.skipped;
    }
    for (Figure& total : made) judge(total);
    return made;
}

SuiteOutcome run_npu(const SuiteRequest& suite) {
    SuiteOutcome outcome{.suite = "npu", .figures = arrays(suite.folder)};
    for (Figure& figure : tile_pipelines(suite.folder))
        outcome.figures.push_back(std::move(figure));
    std::vector<Asked> asked = gemms(suite.folder);
    for (Asked& one : sheets(suite.folder)) asked.push_back(std::move(one));
    std::vector<RunRequest> requests;
    for (const Asked& one : asked) requests.push_back(one.request);
    const std::vector<Entry> entries = run_requests(requests, suite);
    for (std::size_t i = 0; i < asked.size(); ++i) {
        Figure& figure = asked[i].figure;
        if (entries[i].ok()) {
            figure.ours = entries[i].result.latency_ns * asked[i].clock_ghz / asked[i].share;
        } else {
            figure.skipped = true;
            figure.note = entries[i].reason;
        }
        judge(figure);
        outcome.figures.push_back(std::move(figure));
    }
    add_broken_runs(entries, outcome);
    for (Figure& total : totals(outcome.figures)) outcome.figures.push_back(std::move(total));
    return outcome;
}

}  // namespace

Suite npu_suite() { return {"npu", "cycles of other simulators and of a maker's sheet", run_npu}; }

}  // namespace perfwatt

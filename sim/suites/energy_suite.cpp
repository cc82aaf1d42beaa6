#include <fmt/format.h>

#include <array>
#include <numeric>

#include "sim/base/diagnostics.h"
#include "sim/config/config_path.h"
#include "sim/stats/counts.h"
#include "sim/suites/suites.h"
#include "sim/validation/batch_runs.h"
#include "sim/validation/csv_data.h"
#include "sim/validation/statistics.h"

namespace perfwatt {
namespace {

double component_w(const Result& result, EnergyComponent component) {
    return result.energy_breakdown_pj[static_cast<std::size_t>(component)] / result.latency_ns *
           1e-3;
}

/// Power of all but the memory beside the chip.
double without_dram_w(const Result& result) {
    return result.energy_pj / result.latency_ns * 1e-3 - component_w(result, EnergyComponent::dram);
}

/// Words of 16 bit to and from the first memory, a useful MAC.
double dram_words_per_mac(const Result& result) {
    if (result.memories.empty() || result.macs == 0) return 0;
    const MemoryResult& memory = result.memories.front();
    return static_cast<double>(memory.read_bytes + memory.write_bytes) / 2 /
           static_cast<double>(result.macs);
}

/// The figures that figures.csv may name.
struct Measure {
    const char* name;
    double (*get)(const Result&);
};
constexpr std::array kMeasures = {
    Measure{"w", [](const Result& r) { return r.power_w; }},
    Measure{"w_without_dram", without_dram_w},
    Measure{"mw_without_dram", [](const Result& r) { return without_dram_w(r) * 1e3; }},
    Measure{"w_static", [](const Result& r) { return component_w(r, EnergyComponent::static_); }},
    Measure{"per_second", [](const Result& r) { return r.throughput_per_s; }},
    Measure{"per_watt", [](const Result& r) { return r.perf_per_watt; }},
    Measure{"dram_words_per_mac", dram_words_per_mac},
};

const Measure& measure_of(const std::string& name) {
    for (const Measure& measure : kMeasures) {
        if (name == measure.name) return measure;
    }
    throw UserError(fmt::format("there is no measure '{}' of energies", name));
}

Figure figure_of(const CsvData& data, std::size_t i) {
    Figure figure{.subject = data.text(i, "chip"), .topic = data.text(i, "workload")};
    figure.topic += fmt::format(" b{}", data.text(i, "batch"));
    figure.name = measure_of(data.text(i, "figure")).name;
    if (!data.text(i, "boundary").empty()) figure.name += ": " + data.text(i, "boundary");
    figure.low = data.number(i, "low");
    figure.high = data.number(i, "high");
    figure.tolerance_percent = data.number(i, "tolerance_percent");
    figure.judged = data.flag(i, "judged");
    figure.gates = data.flag(i, "gates");
    figure.source = data.text(i, "source");
    figure.note = data.text(i, "note");
    return figure;
}

/// "./" begins the name of a network that stands beside the figures.
std::string network_of(const std::string& name, const std::string& folder) {
    return name.rfind("./", 0) == 0 ? folder + name.substr(1) : name;
}

RunRequest request_of(const CsvData& data, std::size_t i, const std::string& folder) {
    RunRequest request;
    request.chip = data.text(i, "chip");
    request.workload = network_of(data.text(i, "workload"), folder);
    request.batch = data.count(i, "batch");
    request.precision = data.text(i, "precision");
    request.scenario = data.text(i, "scenario");
    if (const std::string& phase = data.text(i, "phase"); !phase.empty()) request.phase = phase;
    request.memory_timing = "stream";
    if (const std::string& change = data.text(i, "overrides"); !change.empty()) {
        request.overrides.push_back(change);
    }
    return request;
}

SuiteOutcome run_energy(const SuiteRequest& suite) {
    const CsvData data = CsvData::read(suite.folder + "/figures.csv");
    SuiteOutcome outcome{.suite = "energy"};
    std::vector<RunRequest> requests;
    for (std::size_t i = 0; i < data.size(); ++i) {
        outcome.figures.push_back(figure_of(data, i));
        requests.push_back(request_of(data, i, suite.folder));
    }
    const std::vector<Entry> entries = run_requests(requests, suite);
    for (std::size_t i = 0; i < entries.size(); ++i) {
        Figure& figure = outcome.figures[i];
        if (!entries[i].ok()) {
            figure.skipped = true;
            figure.note = entries[i].reason;
            continue;
        }
        const Result& result = entries[i].result;
        figure.ours = measure_of(data.text(i, "figure")).get(result);
        figure.power_w = result.power_w;
        if (result.throughput_per_s > 0) {
            figure.energy_mj = result.power_w / result.throughput_per_s * 1e3;
        }
        judge(figure);
    }
    add_broken_runs(entries, outcome);
    return outcome;
}

}  // namespace

Suite energy_suite() {
    return {"energy", "power and memory traffic that were measured", run_energy};
}

}  // namespace perfwatt

#include <fmt/format.h>

#include <fstream>

#include "models/dram/dram_schema.h"
#include "models/dram/validation.h"
#include "sim/base/diagnostics.h"
#include "sim/run/run.h"
#include "sim/suites/suites.h"
#include "sim/validation/statistics.h"

namespace perfwatt {
namespace {

std::ifstream open(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw UserError(fmt::format("'{}' cannot be read", path));
    return file;
}

Figure figure_of(dram::ValidationRow row) {
    return {.subject = std::move(row.memory),
            .topic = std::move(row.trace),
            .name = std::move(row.figure),
            .low = row.low,
            .high = row.high,
            .ours = row.ours,
            .error_percent = row.error_percent,
            .tolerance_percent = row.tolerance_percent,
            .passed = row.passed,
            .gates = row.gates,
            .source = std::move(row.source),
            .note = std::move(row.note)};
}

SuiteOutcome run_dram(const SuiteRequest& request) {
    std::ifstream expected = open(request.folder + "/expected.csv");
    std::ifstream plans = open(request.folder + "/traces.csv");
    SuiteOutcome outcome{.suite = "dram"};
    for (dram::ValidationRow& row : dram::validate(expected, plans, [&](const std::string& memory) {
             if (request.progress) request.progress(fmt::format("{} ...", memory));
             return dram::load_spec(request.environment.configs,
                                    fmt::format("{}/{}.yaml", request.folder, memory))
                 .spec;
         })) {
        outcome.figures.push_back(figure_of(std::move(row)));
    }
    return outcome;
}

}  // namespace

Suite dram_suite() {
    return {"dram", "cycles, latencies and commands of three other simulators", run_dram};
}

}  // namespace perfwatt

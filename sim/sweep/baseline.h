#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/report/record.h"
#include "sim/run/run.h"

namespace perfwatt {

/// What one run is expected to answer.
struct BaselineEntry {
    std::string chip;
    std::string workload;
    std::int64_t batch = 1;
    std::optional<std::string> precision;
    std::string phase;
    std::int64_t context = 0;
    std::int64_t tokens = 0;
    std::string scenario;
    std::string start;
    std::string memory_timing;
    std::vector<std::pair<std::string, std::string>> set;
    std::string expect;  ///< "ok" or "infeasible"
    double latency_ns = 0;
    double energy_pj = 0;
    std::optional<double> tolerance;  ///< relative; the file's if absent
};

/// A perfwatt/baseline/v1 file: figures that only change on purpose.
struct Baseline {
    std::string file;
    std::string description;
    double tolerance = 0;              ///< relative
    std::vector<std::string> reasons;  ///< why the figures were last changed, oldest first
    std::vector<BaselineEntry> entries;
};

/// A figure, or the whole answer, that is not what was expected.
struct BaselineChange {
    std::size_t entry = 0;
    std::string what;  ///< "latency_ns", "energy_pj" or "status"
    std::string expected;
    std::string found;
    std::optional<double> relative;  ///< found / expected - 1
};

/// Throws UserError with every mistake of the file.
[[nodiscard]] Baseline read_baseline(const std::string& file, const ConfigPath& configs);

[[nodiscard]] RunRequest request_of(const BaselineEntry& entry);
/// "warboy, resnet50, batch 1": names an entry for people.
[[nodiscard]] std::string name_of(const BaselineEntry& entry);

/// What differs beyond tolerance; `answers` stand in the order of the entries. An expected figure
/// of zero was never recorded and always differs.
[[nodiscard]] std::vector<BaselineChange> changes(const Baseline& baseline,
                                                  const std::vector<Entry>& answers);

/// The baseline with the answers' figures and one more reason.
[[nodiscard]] Baseline updated(Baseline baseline, const std::vector<Entry>& answers,
                               const std::string& reason);
/// The YAML of a baseline, which read_baseline reads back.
[[nodiscard]] std::string baseline_yaml(const Baseline& baseline);

/// JUnit's XML: a test case an entry, failed where something changed.
[[nodiscard]] std::string junit_xml(const Baseline& baseline,
                                    const std::vector<BaselineChange>& changes);

/// JSON Schema of perfwatt/baseline/v1.
[[nodiscard]] nlohmann::ordered_json baseline_json_schema();

}  // namespace perfwatt

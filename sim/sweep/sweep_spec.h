#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "sim/run/run.h"

namespace perfwatt {

/// A grid of runs: every chip with every network, batch, precision ... and every combination of the
/// values of the grid's keys. A list that is absent leaves the default.
struct SweepSpec {
    using Setting = std::pair<std::string, std::string>;
    using Axis = std::pair<std::string, std::vector<std::string>>;

    std::string name;  ///< of the file, without folder and ending
    std::string file;
    std::string description;
    std::vector<std::string> chips;
    std::vector<std::string> workloads;
    std::vector<std::int64_t> batch;
    std::vector<std::string> precision;
    std::vector<std::string> lighten;  ///< see lighten_passes(); none if empty
    std::vector<std::int64_t> context;
    std::string phase;
    std::int64_t tokens = 0;
    std::string scenario;
    int requests = 8;
    std::string start;
    std::string memory_timing;
    int mapping_effort = 0;
    std::vector<Setting> set;  ///< path -> value, for every point
    std::vector<Axis> grid;    ///< path -> the values it takes, the last key fastest
};

struct SweepPoint {
    RunRequest request;
    std::vector<SweepSpec::Setting> labels;  ///< what of this point varies, in order
};

/// Reads a perfwatt/sweep/v1 file. Throws UserError with every mistake of the file.
[[nodiscard]] SweepSpec read_sweep(const std::string& file, const ConfigPath& configs);

/// The points in the order of the export: chips slowest, the grid's last key fastest.
/// Throws UserError if there are more than a million.
[[nodiscard]] std::vector<SweepPoint> expand(const SweepSpec& sweep);

/// JSON Schema of perfwatt/sweep/v1.
[[nodiscard]] nlohmann::ordered_json sweep_json_schema();

}  // namespace perfwatt

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/config/config_path.h"
#include "sim/graph/graph.h"
#include "sim/graph/transformer.h"

namespace perfwatt {

struct WorkloadRequest {
    std::string workload;  ///< name or file: YAML, ONNX, SCALE-Sim CSV
    std::int64_t batch = 1;
    Phase phase = Phase::forward;
    /// Tokens read (forward, prefill), or in the cache (decode); 0: the network's own `sequence`.
    std::int64_t context = 0;
    /// "path=value", without a leading "workload.": keys of the YAML, "dim.NAME=SIZE" of an ONNX
    /// file.
    std::vector<std::string> overrides;
};

/// A network made ready: its graph, and what its file says about it.
struct Workload {
    Graph graph;
    bool decoder = false;      ///< has the phases prefill and decode
    std::int64_t context = 0;  ///< that the graph was built for; 0 where it has none
    std::optional<std::int64_t> stated_macs, stated_parameters;
    std::string source;                ///< of what is stated
    std::vector<std::string> lighten;  ///< what its file asks to be done to it
    std::vector<ResolvedValue> resolved;
};

/// The file of a network: as ConfigPath::find, then workloads/onnx/NAME.onnx. Throws UserError.
[[nodiscard]] std::string find_workload(const std::string& name_or_file, const ConfigPath& configs);
/// All names that find_workload knows, sorted.
[[nodiscard]] std::vector<std::string> workload_names(const ConfigPath& configs);

/// Reads a network by name (workloads/NAME.yaml, workloads/onnx/NAME.onnx) or file. Throws
/// UserError.
[[nodiscard]] Workload load_workload(const WorkloadRequest& request, const ConfigPath& configs);

/// Only its graph.
[[nodiscard]] Graph build_workload(const WorkloadRequest& request, const ConfigPath& configs);

}  // namespace perfwatt

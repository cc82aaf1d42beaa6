#pragma once

#include <optional>
#include <string>

#include "sim/config/schema.h"
#include "sim/graph/layer_list.h"
#include "sim/graph/transformer.h"

namespace perfwatt {

/// A file of `schema: perfwatt/workload/v1`: either `transformer`, or `input` and `layers`.
struct WorkloadSpec {
    std::optional<std::string> name;
    std::string description;
    std::vector<std::string> lighten;  ///< done to it before it is compiled
    std::optional<std::int64_t> macs;  ///< of one inference as the file stands
    std::optional<std::int64_t> parameters;
    std::optional<TransformerSpec> transformer;
    std::optional<LayerInput> input;
    std::vector<LayerInput> inputs;    ///< further ones
    std::vector<std::string> outputs;  ///< names of layers; none: the last layer's result
    std::vector<LayerZeros> zeros;
    const ConfigNode* layers = nullptr;
};

[[nodiscard]] MapSchema<WorkloadSpec> workload_schema();

}  // namespace perfwatt

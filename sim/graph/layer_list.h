#pragma once

#include <string>
#include <vector>

#include "sim/config/schema.h"
#include "sim/graph/graph.h"
#include "sim/graph/graph_builder.h"

namespace perfwatt {

/// The input of a network of layers: the shape of one inference, to which the batch is put in
/// front.
struct LayerInput {
    enum class Type { real, token };

    std::string name = "input";  ///< of a further input
    std::vector<std::int64_t> shape;
    Type type = Type::real;
};

[[nodiscard]] MapSchema<LayerInput> layer_input_schema();
/// Of a further input, which has a name.
[[nodiscard]] MapSchema<LayerInput> named_input_schema();

/// How many of 1000 values of an input's or a layer's result are zero.
struct LayerZeros {
    std::string name;
    std::int64_t per_mille = 0;
};

[[nodiscard]] MapSchema<LayerZeros> layer_zeros_schema();

/// A network of layers, as its file describes it.
struct LayerNetwork {
    LayerInput input;
    std::vector<LayerInput> more_inputs;
    const ConfigNode* layers = nullptr;
    std::vector<std::string> outputs;  ///< names of layers; none: the last layer's result
    std::vector<LayerZeros> zeros;
};

/// Builds the graph of a list of layers (key `layers` of a workload), each a map with one operator
/// of layer_spec.h, or a group: `layers:` with `repeat:`, or `branches:` (lists of layers, all from
/// the same input; an empty one passes it on) with `join: add|multiply|concat`. A layer reads the
/// one before it, or the layers named in `from:`; names hold within their list and the lists inside
/// it, once for each repetition; "input" is what entered the list. Mistakes go to `reading`.
[[nodiscard]] Graph build_layers(const LayerNetwork& network, std::int64_t batch,
                                 GraphBuilder builder, Reading& reading);

}  // namespace perfwatt

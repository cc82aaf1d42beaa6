#pragma once

#include <cstdint>
#include <string>

#include "sim/graph/graph.h"

namespace perfwatt {

/// Reads a topology of SCALE-Sim (a CSV with a heading): convolutions "Layer name, IFMAP Height,
/// IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,", padding included in
/// the IFMAP, or products "Layer, M, N, K,". Layers stand on their own: each has an input of its
/// own, as SCALE-Sim runs them. Throws UserError with every mistake and its line.
[[nodiscard]] Graph read_scale_sim(const std::string& text, const std::string& file,
                                   std::int64_t batch);

}  // namespace perfwatt

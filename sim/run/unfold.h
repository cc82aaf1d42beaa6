#pragma once

#include <string>
#include <vector>

#include "sim/compiler/compiler.h"
#include "sim/engine/platform.h"

namespace perfwatt {

/// A run's figures, layer by layer, whether or not every layer was simulated.
struct RunFigures {
    Time end;
    CauseTimes causes{};
    Counts counts;  ///< by layer; the last row is shared
    std::vector<LayerUse> layers;
    std::vector<Layer> names;  ///< of the layers, with their operators and MACs
    std::vector<MemoryReport> memories;
    std::int64_t useful_macs = 0;
    std::int64_t executed_macs = 0;
    LayerBound bound;
};

/// Blocks of a repeated segment that are simulated when it is folded: the first, one to settle, the
/// one that stands for the rest, the last.
inline constexpr int kBlocksSimulated = 4;

/// The figures of the whole network from a simulation of its first blocks: the last block but one
/// is inserted once for every block left out, at the period of its end after its predecessor's.
/// What belongs to no layer (refresh, standby) grows with time. Without a repeat, the figures as
/// they are.
[[nodiscard]] RunFigures unfold(const Compiled& compiled, PlatformResult simulated);

}  // namespace perfwatt

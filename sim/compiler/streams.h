#pragma once

#include <vector>

#include "sim/compiler/compiler.h"

namespace perfwatt {

/// A program that has engines, or cores of them, to itself.
struct Stream {
    const Compiled* compiled = nullptr;
    std::vector<int> engine_of;  ///< by its own engines: which of the target's; empty: the same
    int first_core = 0;          ///< its cores are these and those that follow, of each engine
    std::vector<std::int64_t> first_byte;  ///< of its addresses, by MemoryId; empty: 0
};

/// Independent inferences side by side in one program for the whole target: each stream was
/// compiled for some of its engines (CompileTarget::engines with only those) or for some cores
/// (CompileOptions::cores), nothing of it left out (blocks_emitted = 0). What they share, memories
/// and links, they share when it is simulated. Streams on the same units take turns in their order.
///
/// Layers, kernels, run_ends and commands stand one stream after the other; bounds are those of the
/// whole; `predicted` is the longest.
[[nodiscard]] Compiled side_by_side(const std::vector<Stream>& streams,
                                    const CompileTarget& target);

}  // namespace perfwatt

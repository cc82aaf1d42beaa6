#pragma once

#include <cstdint>
#include <string>

namespace perfwatt::tile_pipeline {

/// How ONNXim runs a product of matrices on weight-stationary cores, in its own terms
/// (PSAL-POSTECH/ ONNXim@09d1fcf1: src/Mapping.cc, src/operations/GemmWS.cc, src/Core.cc,
/// src/SystolicWS.cc). A statement about that simulator, used by nothing but validation. Sides of
/// tiles are blocks of array x array. Tiles go to the cores in turn; a core has two under way, the
/// later one loading. Blocks of weights and of inputs (the whole reduction of a tile) come one
/// after the other: the first weights, all inputs, further weights; a block of products may begin
/// when both its blocks are there. Cores share the memory alike.
struct Preset {
    std::string name;
    std::int64_t array = 128;  ///< rows and columns
    std::int64_t cores = 1;
    std::int64_t scratchpad_bytes = 0;   ///< of a core, half of it for a tile
    std::int64_t accumulator_bytes = 0;  ///< likewise, of 4-byte sums
    std::int64_t element_bytes = 2;
    double memory_bytes_per_cycle = 0;  ///< of all cores
    double core_bytes_per_cycle = 0;    ///< what one core takes at most
    std::int64_t latency_cycles = 0;
};

struct Gemm {
    std::int64_t m = 0, n = 0, k = 0;
};

/// Rows, columns and reduction of its tiles.
[[nodiscard]] Gemm tile_of(const Preset& preset, const Gemm& gemm);

/// Cycles until the last result is in memory.
[[nodiscard]] double cycles(const Preset& preset, const Gemm& gemm);

}  // namespace perfwatt::tile_pipeline

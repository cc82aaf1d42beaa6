#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/base/data_type.h"
#include "sim/base/time.h"

namespace perfwatt::gpu {

/// Which pipes of a streaming multiprocessor (SM) multiply a pair of types.
enum class Pipe : std::uint8_t { tensor, vector };

/// Products of one SM in a cycle for a pair of operand types.
struct MathRate {
    DataType first = DataType::fp16;
    DataType second = DataType::fp16;
    std::int64_t macs_per_cycle = 0;  ///< dense
    Pipe pipe = Pipe::tensor;
    /// Lane-operations that make an element of the second operand one of the first's type, in each
    /// block that reads it; 0: none are needed.
    std::int64_t conversion_operations = 0;
};

/// What one thread block computes of the output: a kernel of the library has one such tile.
struct Tile {
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    friend bool operator==(const Tile&, const Tile&) = default;
};

/// How blocks come to the SMs.
enum class Scheduling : std::uint8_t {
    waves,       ///< a block each time another ends: the last wave may be nearly empty
    persistent,  ///< blocks stay and share the work evenly (stream-K): no last wave
};

struct L2Spec {
    std::int64_t bytes = 0;
    std::int64_t bytes_per_cycle = 0;          ///< of all SMs together, at the clock of the SMs
    std::int64_t bytes_per_cycle_per_sm = 64;  ///< no SM takes more
    /// Of the capacity, what a kernel finds again of what an earlier one left.
    double retained = 0.8;
};

/// How the library's matrix kernels are written.
struct LibrarySpec {
    std::vector<Tile> tiles;
    std::int64_t stages = 4;        ///< slices of operands in shared memory at a time
    std::int64_t depth = 32;        ///< of the reduction, in a slice
    std::int64_t most_splits = 16;  ///< parts a reduction is cut into at most
    Scheduling scheduling = Scheduling::waves;
    std::int64_t cluster_side = 1;  ///< blocks of a square cluster share what they read of the L2
    std::int64_t most_context_splits = 1;  ///< of attention: parts of a context at most
    std::int64_t shared_heads = 1;         ///< of attention: heads of one cache in a block, at most
    /// Of attention: heads of one cache share blocks where a sequence has at most so many queries.
    std::int64_t packed_queries = 1;
    std::int64_t least_rows = 1;  ///< of attention: rows of a block, filled or not
    bool fuses_chains = false;    ///< layers in a row as one kernel, if a block's tile of all fits
    double softmax_overlap = 0;   ///< of a block's softmax, what products of others hide
};

/// A GPU as its YAML states it, under `gpu:`. Every SM is alike.
struct GpuSpec {
    Clock clock;  ///< sustained
    std::int64_t sms = 0;
    std::vector<MathRate> rates;
    std::int64_t vector_lanes = 0;   ///< 32-bit additions or products of an SM in a cycle
    std::int64_t special_lanes = 0;  ///< exponentials, reciprocals, roots
    std::int64_t shared_bytes = 0;   ///< shared memory of an SM, at most
    std::int64_t shared_bytes_per_cycle = 128;
    std::int64_t register_bytes = 256 * 1024;  ///< of an SM
    std::int64_t most_threads = 2048;          ///< resident on an SM
    L2Spec l2;
    LibrarySpec library;
    Time launch;  ///< from the end of a kernel to the start of the next, by the run time chosen

    // What is fitted to measurements of the device.
    double matrix_efficiency = 1;     ///< of the tensor pipes in a block's main loop
    double vector_efficiency = 1;     ///< of the vector pipes in a product's
    double memory_efficiency = 1;     ///< of the memory's peak bandwidth
    double l2_efficiency = 1;         ///< of the L2's
    std::int64_t latency_cycles = 0;  ///< to fill a block's pipeline and to write its results
};

/// The rate for a pair of types; null if the SM has none.
[[nodiscard]] const MathRate* rate_of(const GpuSpec& spec, DataType first, DataType second);

}  // namespace perfwatt::gpu

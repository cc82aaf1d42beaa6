#pragma once

#include <cstdint>
#include <vector>

#include "sim/base/data_type.h"
#include "sim/base/time.h"

namespace perfwatt::cpu {

/// Products of one core in a cycle for a pair of operand types, all its SIMD pipes together.
struct MathRate {
    DataType first = DataType::fp32;
    DataType second = DataType::fp32;
    std::int64_t macs_per_cycle = 0;
};

/// A level of cache. Bandwidths are those of one core.
struct CacheSpec {
    std::int64_t bytes = 0;
    std::int64_t bytes_per_cycle = 0;
};

/// The part of the output that the inner loop of a matrix kernel keeps in registers.
struct RegisterTile {
    std::int64_t rows = 0;     ///< of the first operand: broadcast
    std::int64_t columns = 0;  ///< of the second: along the SIMD lanes
};

/// A CPU as its YAML states it, under `cpu:`. Every core is alike.
struct CpuSpec {
    Clock clock;             ///< sustained, all cores busy
    std::int64_t cores = 0;  ///< that the library's threads use
    std::vector<MathRate> rates;
    std::int64_t simd_bytes = 16;
    std::int64_t simd_pipes = 2;          ///< that multiply
    std::int64_t vector_lanes = 0;        ///< 32-bit operations of a core in a cycle
    std::int64_t special_operations = 0;  ///< of a lane, for an exponential, a root or a division
    RegisterTile tile;
    CacheSpec l1;   ///< of a core, for data
    CacheSpec l2;   ///< of a core, or its share of a cluster's
    CacheSpec llc;  ///< of all cores together; the L2s together where there is no third level
    Time dispatch;  ///< of a kernel: the framework, waking the threads, waiting for the last
    double matrix_efficiency = 1;  ///< of the pipes in the inner loop of this library
    double memory_efficiency = 1;  ///< of the memory's peak bandwidth
    double llc_retained = 0.8;     ///< of the capacity, what a kernel finds again
};

/// The rate for a pair of types; null if the cores have none.
[[nodiscard]] const MathRate* rate_of(const CpuSpec& spec, DataType first, DataType second);

}  // namespace perfwatt::cpu

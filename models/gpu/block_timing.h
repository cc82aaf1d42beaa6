#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "models/gpu/gpu_spec.h"
#include "sim/arch/kernel.h"
#include "sim/program/program.h"

namespace perfwatt::gpu {

/// What holds a kernel up most.
enum class Limit : std::uint8_t { matrix, shared, l2, conversion, vector, memory, latency, launch };
[[nodiscard]] std::string_view to_string(Limit limit);

/// `blocks` thread blocks, each of which computes rows x columns outputs over `depth` products.
/// A contract command is this: m rows, n columns, k depth, repeat blocks.
struct BlockWork {
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    std::int64_t depth = 0;
    std::int64_t blocks = 0;
    DataType first_type = DataType::fp16;
    DataType second_type = DataType::fp16;
    bool begins = true;    ///< the blocks start here: their pipelines fill
    bool ends = true;      ///< and end here: their results are written
    bool follows = false;  ///< blocks of the same kernel still run when the first ones start
};

struct BlockTiming {
    double cycles = 0;
    double fill_drain = 0;      ///< of them, those in which pipelines fill or results leave
    double later = 0;           ///< such cycles of the rounds after the first
    std::int64_t resident = 1;  ///< blocks of an SM at a time
    double waves = 0;           ///< blocks over what all SMs hold
    Limit limit = Limit::matrix;
};

/// Blocks of this tile that an SM holds: limited by shared memory (operands of all stages),
/// registers (accumulators of 32 bits and the threads' own) and threads.
[[nodiscard]] std::int64_t resident_blocks(const GpuSpec& spec, Tile tile, DataType first,
                                           DataType second);

/// Time of blocks whose operands stand in the L2 or arrive there in time:
///   main   = max of pipes, shared memory, L2 and conversion for one block's depth
///   cycles = (blocks of the busiest SM) main + latency + results to the L2
///            + (rounds after the first) (what a round leaves of these in sight)
/// Blocks that share an SM work while one of them fills its pipeline or writes. Results are as wide
/// as the first operand.
/// With Scheduling::persistent blocks an SM and rounds are not whole.
[[nodiscard]] BlockTiming block_timing(const GpuSpec& spec, const BlockWork& work);

[[nodiscard]] BlockWork block_work(const Contract& tile);

/// Whether the blocks go on with what they have just made: the first operand is in their SM.
[[nodiscard]] inline bool is_handed_on(const BlockWork& work) {
    return work.follows && !work.begins;
}

/// Lane-operations of `steps` on `elements`: what the special lanes do counts as often as an
/// ordinary lane could have done something else.
[[nodiscard]] std::int64_t lane_operations(const GpuSpec& spec,
                                           const std::vector<VectorStep>& steps,
                                           std::int64_t elements);

/// Cycles of vector work spread over all SMs: max of lanes and L2.
[[nodiscard]] double vector_cycles(const GpuSpec& spec, const Vector& work);

[[nodiscard]] Time time_of(const GpuSpec& spec, double cycles);

}  // namespace perfwatt::gpu

#pragma once

#include <cstdint>

#include "sim/arch/pim_job.h"

namespace perfwatt {

/// How a product is cut for the units. A tile is what all units do with one load of operands.
struct GemvCut {
    std::int64_t units = 0;    ///< that share a product's outputs
    std::int64_t copies = 1;   ///< products that a channel does, one after the other
    std::int64_t groups = 1;   ///< that all channels do, padding included
    std::int64_t outputs = 0;  ///< of a unit in a tile
    std::int64_t inputs = 0;   ///< of a tile
    std::int64_t parts = 0;    ///< columns of weights of one output in a tile
    std::int64_t loads = 0;    ///< bursts of operands of a tile
    std::int64_t output_tiles = 0;
    std::int64_t input_tiles = 0;
    std::int64_t tiles_a_set = 0;    ///< input tiles that each set of banks holds
    std::int64_t tile_columns = 0;   ///< in a bank
    std::int64_t store_columns = 0;  ///< of a unit's results

    GemvCut(const PimSpec& spec, const PimKernel& kernel);
    [[nodiscard]] std::int64_t weight_columns() const {
        return copies * output_tiles * tiles_a_set * tile_columns;
    }
};

[[nodiscard]] bool is_gemv(PimOp op);

/// Elements of a vector that one row of operand registers in all banks of all channels holds.
[[nodiscard]] std::int64_t elements_of_tile(const PimSpec& spec, DataType type);

/// Where an element of the matrix of the `copy`-th product of a channel lies.
[[nodiscard]] PimPlace place_of(const PimSpec& spec, const PimKernel& kernel, const GemvCut& cut,
                                std::int64_t copy, std::int64_t output, std::int64_t input);

}  // namespace perfwatt

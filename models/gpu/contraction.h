#pragma once

#include <variant>

#include "models/gpu/plan.h"

namespace perfwatt::gpu {

/// How a contraction is done: the kernel of the library with this tile, the reduction cut in
/// `splits` parts that are summed afterwards.
struct ContractionChoice {
    Tile tile;
    std::int64_t splits = 1;
};

/// A contraction as a batched matrix product: convolutions are implicit products of
/// (batch x positions) x channels over (channels x taps).
struct Product {
    std::int64_t groups = 1;
    std::int64_t rows = 0, columns = 0, depth = 0;
    bool windows = false;  ///< depthwise: a window of one channel at a time, on the vector pipes
};
[[nodiscard]] Product product_of(const Contraction& work);

/// Whether a block's tile of all these products, each of which reads the one before, fits its SM:
/// as convolutions of stride 1 of which at most one has more than one tap.
[[nodiscard]] bool fits_a_block(const GpuSpec& spec, const std::vector<const Kernel*>& chain);

/// The plan of one choice; Infeasible where the tile is none of the library's, or the reduction too
/// short for the parts.
[[nodiscard]] std::variant<Plan, Infeasible> plan_contraction(
    const GpuSpec& spec, const std::vector<MemoryPort>& memories, const MappingRequest& request,
    const ContractionChoice& choice);

/// The fastest of all tiles and splits.
[[nodiscard]] std::variant<MappingChoice, Infeasible> map_contraction(
    const GpuSpec& spec, const std::vector<MemoryPort>& memories, const MappingRequest& request);

/// "tile" and "splits" of a mapping's words; the others only tell.
[[nodiscard]] std::variant<ContractionChoice, Infeasible> choice_from(const Mapping& mapping);

}  // namespace perfwatt::gpu

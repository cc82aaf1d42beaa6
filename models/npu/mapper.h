#pragma once

#include <variant>
#include <vector>

#include "models/npu/tiling.h"

namespace perfwatt::npu {

/// Searches tile sizes, loop order, buffering and the split over cores for the fastest tiling that
/// fits, at most `request.effort` of them priced, in a fixed order; the first of
/// equals wins. Of those as fast but for NpuSpec::traffic_band_percent the one that moves the
/// fewest bytes to and from memory is taken. Says why each of the others was not taken.
[[nodiscard]] std::variant<MappingChoice, Infeasible> map_contraction(const ContractionPlan& plan,
                                                                      const NpuSpec& spec);

/// `total` divided by 1, 2, 3, 4, 6, 8, 12 …, rounded up to multiples of `grain`, without repeats,
/// from the largest to `least`: the sizes of tiles worth trying.
[[nodiscard]] std::vector<std::int64_t> tile_sizes(std::int64_t total, std::int64_t grain,
                                                   std::int64_t least = 1);

/// Every tiling the search may consider, in its order (tests compare it with an exhaustive one).
[[nodiscard]] std::vector<Tiling> tilings(const ContractionPlan& plan, const NpuSpec& spec);

}  // namespace perfwatt::npu

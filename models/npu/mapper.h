#pragma once

#include <variant>

#include "models/npu/tiling.h"

namespace perfwatt::npu {

/// Searches tile sizes, loop order, double buffering and the split over cores for the cheapest
/// tiling that fits, at most `request.effort` of them priced, in a fixed order; the first of
/// equally cheap ones wins. Says why each of the others was not taken.
[[nodiscard]] std::variant<MappingChoice, Infeasible> map_contraction(const ContractionPlan& plan,
                                                                      const NpuSpec& spec);

/// Every tiling the search may consider, in its order (tests compare it with an exhaustive one).
[[nodiscard]] std::vector<Tiling> tilings(const ContractionPlan& plan, const NpuSpec& spec);

}  // namespace perfwatt::npu

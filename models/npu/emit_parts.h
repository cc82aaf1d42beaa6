#pragma once

#include <cstdint>
#include <vector>

#include "models/npu/npu.h"

namespace perfwatt::npu {

struct Range {
    std::int64_t begin = 0, size = 0;
    [[nodiscard]] std::int64_t end() const { return begin + size; }
    friend bool operator==(const Range&, const Range&) = default;
};

/// `total` cut into equal shares: what is left of it for number `index`.
[[nodiscard]] Range part_of(std::int64_t total, std::int64_t share, int index);
/// A range cut into pieces of `size`, the last one perhaps smaller.
[[nodiscard]] std::vector<Range> ranges(Range whole, std::int64_t size);

/// An activation in memory: groups outermost or among the channels, then batch, rows, columns, and
/// channels innermost, so that rows of a plane are contiguous; or channels before rows.
struct Plane {
    std::int64_t groups = 1, batch = 1, height = 1, width = 1, channels = 1;
    GroupLayout layout = GroupLayout::outermost;
    int bits = 8;
    ActivationLayout order = ActivationLayout::channels_innermost;
};

struct PlaneTile {
    Range g, n, h, w, c;
};

[[nodiscard]] std::int64_t to_bytes(std::int64_t elements, int bits);

/// The bytes of a tile of a plane: one run where the layout permits, else rows of one pitch.
[[nodiscard]] Region region_of(const Plane& plane, const PlaneTile& tile, const Region& base);

/// Keeps rows that rounding of narrow types or of odd sizes pushes out within the tensor.
[[nodiscard]] Region within(Region region, const Region& base);

/// Where a region of a tensor in memory would lie in its place on chip.
[[nodiscard]] Buffer on_chip_part(const Region& part, const Region& base, const Buffer& place);

/// An operand's place in memory as one run.
[[nodiscard]] Region whole(const Placement& placement, std::int64_t bytes);

/// The last commands of a core's units so far: a kernel that reads what an earlier one left on chip
/// waits for them, because tiles of two kernels do not cut a tensor at the same places.
[[nodiscard]] std::vector<CommandId> last_commands(const ProgramBuilder& program,
                                                   const CoreUnits& units);

}  // namespace perfwatt::npu

#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "models/npu/room.h"
#include "models/npu/tiling.h"
#include "models/npu/traffic.h"

namespace perfwatt::npu {

/// A core's part of a contraction, cut.
struct Cuts {
    Cut g, n, p, q, k, c;
    Cuts(const Contraction& part, const Tiling& tiling)
        : g(part.g, tiling.g),
          n(part.n, tiling.n),
          p(part.p, tiling.p),
          q(part.q, tiling.q),
          k(part.k, tiling.k),
          c(part.c, tiling.c) {}
    [[nodiscard]] std::int64_t planes() const { return n.tiles() * p.tiles() * q.tiles(); }
    [[nodiscard]] std::int64_t outputs() const { return g.tiles() * planes() * k.tiles(); }
    [[nodiscard]] std::int64_t steps() const { return outputs() * c.tiles(); }
    /// How often each input, and each weight, is fetched.
    [[nodiscard]] std::int64_t input_uses(Order order) const {
        if (c.tiles() > 1) return k.tiles();
        return order == Order::inputs_outer || planes() == 1 ? 1 : k.tiles();
    }
    [[nodiscard]] std::int64_t weight_uses(Order order) const {
        if (c.tiles() > 1) return planes();
        return order == Order::weights_outer || k.tiles() == 1 ? 1 : planes();
    }
    [[nodiscard]] std::int64_t input_tiles(Order order) const {
        return g.tiles() * planes() * c.tiles() * input_uses(order);
    }
    [[nodiscard]] std::int64_t weight_tiles(Order order) const {
        return g.tiles() * k.tiles() * c.tiles() * weight_uses(order);
    }
};

/// Tilings of one split and the same tile sizes: they differ by the order of the tiles and by
/// buffers, of which the functions take no more from a tiling. What they have in common is found
/// once, and no sooner than it is needed.
class SizedTiles {
  public:
    /// `part` is the plan's share under the split of `sizes`; both must outlive this.
    SizedTiles(const ContractionPlan& plan, const Contraction& part, const Tiling& sizes);

    [[nodiscard]] const Cuts& cuts() const { return cuts_; }
    /// Why the tiles do not fit; null if they do.
    [[nodiscard]] const char* misfit(const Tiling& tiling) const;
    /// Addresses of tiles that fit.
    [[nodiscard]] TileLayout layout(const Tiling& tiling) const;
    /// Whether sums wait in the scratchpad between two parts of the reduction.
    [[nodiscard]] bool sums_spill() const { return sum_bytes_ > 0; }
    /// By memory traffic alone: no cost of this order is lower.
    [[nodiscard]] Time memory_time(Order order);
    /// To and from memories, of all cores.
    [[nodiscard]] std::int64_t memory_bytes(Order order);
    /// ContractionPlan::cost(), or nothing where that is `limit` or more.
    [[nodiscard]] std::optional<Time> cost_below(Time limit, const Tiling& tiling);

  private:
    /// Cycles of a core's matrix unit, and bytes it moves through the scratchpad's ports.
    struct MatrixShare {
        std::int64_t cycles = 0;
        std::int64_t moved_bytes = 0;
    };
    /// What is fused.
    struct VectorShare {
        Time all, last_tile;
        std::int64_t moved_bytes = 0;
    };
    /// What moves whatever the order; of inputs and weights, each time they are fetched.
    struct Fetched {
        std::int64_t inputs = 0, input_row = 0, weights = 0;
        Traffic once;  ///< all else
    };
    struct Moved {
        Time time;
        std::int64_t core_bytes = 0;
        std::int64_t bytes = 0;  ///< of all cores and memories
    };
    /// A part of a dimension.
    struct Extent {
        std::int64_t part = 0, whole = 0;
    };

    [[nodiscard]] bool in_place() const;
    [[nodiscard]] Time exposed(const Tiling& tiling);
    [[nodiscard]] std::int64_t run_bytes(DataType type, Extent channels, Extent rows,
                                         Extent columns) const;
    [[nodiscard]] const Moved& moved(Order order);
    [[nodiscard]] const Fetched& fetched();
    [[nodiscard]] std::int64_t padded(const Placement& placement, std::int64_t size,
                                      std::int64_t row) const;
    [[nodiscard]] const MatrixShare& matrix(bool preloaded);
    [[nodiscard]] MatrixShare matrix_share(bool preloaded) const;
    [[nodiscard]] const VectorShare& vector();
    [[nodiscard]] Time ends();
    [[nodiscard]] Time ends_time() const;

    const ContractionPlan& plan_;
    const Contraction& part_;
    Tiling sizes_;
    Cuts cuts_;
    std::int64_t sum_bytes_ = 0;  ///< of a tile whose sums wait in the scratchpad
    /// Bytes of a buffer each, aligned; results are outputs and sums.
    std::int64_t inputs_ = 0, weights_ = 0, results_ = 0, extras_ = 0;
    std::optional<Fetched> fetched_;
    std::array<std::optional<Moved>, 2> moved_;         ///< by order
    std::array<std::optional<MatrixShare>, 2> matrix_;  ///< by whether weights come beforehand
    std::optional<VectorShare> vector_;
    std::optional<Time> ends_;
};

}  // namespace perfwatt::npu

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "models/npu/npu.h"
#include "models/npu/room.h"
#include "models/npu/traffic.h"

namespace perfwatt::npu {

/// Cores that a kernel may be split over.
[[nodiscard]] inline int usable_cores(const NpuSpec& spec, const MappingRequest& request) {
    return request.cores > 0 && request.cores < spec.cores ? request.cores : spec.cores;
}

/// Which operand's tiles stay in the scratchpad while the other's pass.
enum class Order : std::uint8_t { weights_outer, inputs_outer };
/// Which dimension is divided among the cores.
enum class Split : std::uint8_t { none, g, n, p, k };

/// How a contraction is cut: tile sizes per dimension, of one core's share.
struct Tiling {
    std::int64_t g = 1, n = 1, p = 1, q = 1, k = 1, c = 1;
    Order order = Order::weights_outer;
    Split split = Split::none;
    int cores = 1;
    int buffers = 2;  ///< 2: the next tile arrives while this one computes
    /// Of `buffers`, for outputs whose sums wait in the scratchpad: 1 where the next tile's sums
    /// wait until the last one's outputs have left.
    int held = 2;

    friend bool operator==(const Tiling&, const Tiling&) = default;
};

[[nodiscard]] Mapping to_mapping(const Tiling& tiling);
/// The reason where the mapping is none of a contraction.
[[nodiscard]] std::variant<Tiling, Infeasible> tiling_from(const Mapping& mapping);

/// What Winograd makes of a convolution's planes.
struct Transform {
    std::int64_t side = 2;  ///< of a tile of outputs
    std::int64_t tiles = 1;
    std::int64_t points = 1;  ///< products a tile, input channel and filter
};
/// Nothing where it is none for this unit, or more products.
[[nodiscard]] std::optional<Transform> transform_of(const MatrixSpec& spec, const Contraction& work,
                                                    const Tiling& sizes);

/// Where the tiles of a tiling lie.
struct TileLayout {
    TileBuffers weights, inputs, outputs, sums, extras;
    Buffer whole_extras;  ///< bias and the like: fetched once
};

/// One contraction on one NPU: what fits, what it costs, tile by tile. Both mapper and emission ask
/// it, so that they can't disagree.
class ContractionPlan {
  public:
    ContractionPlan(const Npu& npu, const MappingRequest& request);

    [[nodiscard]] const Contraction& work() const { return work_; }
    /// The part of the busiest core (the first) under a split; cores beyond what there is to do
    /// stay idle.
    [[nodiscard]] Contraction share(const Tiling& tiling) const;
    /// Addresses of the tiles, or why they do not fit.
    [[nodiscard]] std::variant<TileLayout, Infeasible> layout(const Tiling& tiling) const;
    /// Time by memory traffic alone: no cost() of this tiling is lower.
    [[nodiscard]] Time traffic_time(const Tiling& tiling) const;
    /// Bytes to and from memories, of all cores.
    [[nodiscard]] std::int64_t traffic_bytes(const Tiling& tiling) const;
    /// The larger of matrix, vector and memory time, the first tiles' arrival and the last one's
    /// departure added. Assumes that the tiling fits.
    [[nodiscard]] Time cost(const Tiling& tiling) const;
    /// No tiling can be faster: MACs, vector operations and compulsory traffic at their peaks.
    [[nodiscard]] Time bound() const;

    /// The command of one tile, without its buffers.
    [[nodiscard]] Contract contract(const Tiling& sizes) const;
    /// Of the MACs that a tile does, those whose cells hold still.
    [[nodiscard]] std::int64_t gated_macs(const Contract& tile) const;
    /// The fused work on `elements` outputs, without its buffers.
    [[nodiscard]] Vector epilogue(std::int64_t elements) const;
    [[nodiscard]] bool has_epilogue() const {
        return !kernel_.epilogue.empty() || !kernel_.fused_pooling.empty();
    }

    [[nodiscard]] std::int64_t input_rows(std::int64_t p) const;
    [[nodiscard]] std::int64_t input_columns(std::int64_t q) const;
    [[nodiscard]] std::int64_t input_bytes(const Tiling& sizes) const;
    [[nodiscard]] std::int64_t weight_bytes(const Tiling& sizes) const;
    /// Bytes that a part of the weights takes as they are stored: fewer than `dense` where they are
    /// compressed.
    [[nodiscard]] std::int64_t stored_bytes(std::int64_t dense) const;
    /// Bytes that a part of a map takes in memory: fewer where zeros are coded.
    [[nodiscard]] static std::int64_t as_stored(const Operand& operand, std::int64_t bytes);
    /// As they leave the unit: pooled, where pooling is fused.
    [[nodiscard]] std::int64_t output_bytes(const Tiling& sizes) const;
    /// Positions of an output plane as it leaves the unit, and how many of them are done once this
    /// many of the product's are.
    [[nodiscard]] std::int64_t left_positions() const { return left_positions_; }
    [[nodiscard]] std::int64_t left_after(std::int64_t positions) const {
        return positions * left_positions_ / (work_.p * work_.q);
    }
    /// Of the fused operands with the output's shape (a residual).
    [[nodiscard]] std::int64_t extra_bytes(std::int64_t output_elements) const;
    [[nodiscard]] bool is_whole_extra(std::size_t input) const;
    [[nodiscard]] bool input_on_chip() const { return on_chip(request_.inputs[0]); }
    [[nodiscard]] bool weights_on_chip() const { return on_chip(request_.inputs[1]); }
    /// Cores that keep a share each of the weights.
    [[nodiscard]] int weight_parts() const { return request_.inputs[1].parts; }
    [[nodiscard]] bool output_on_chip() const { return on_chip(request_.outputs[0]); }
    [[nodiscard]] static bool on_chip(const Placement& placement) {
        return placement.where == Placement::Where::on_chip;
    }
    [[nodiscard]] const MappingRequest& request() const { return request_; }
    [[nodiscard]] const Npu& npu() const { return npu_; }

  private:
    friend class SizedTiles;

    [[nodiscard]] std::int64_t blocked_positions(const MapBlock& block, const Tiling& sizes) const;
    void apply_window(Contract& tile, const Tiling& sizes) const;
    const Npu& npu_;
    const MappingRequest& request_;
    const Kernel& kernel_;
    const Contraction& work_;
    std::int64_t room_ = 0;  ///< for buffers, that begin where rows of the banks do
    std::optional<std::int64_t> weight_room_;  ///< for those of weights, if apart
    std::int64_t whole_extra_room_ = 0;
    std::int64_t all_weight_bytes_ = 0;  ///< as they are multiplied
    std::int64_t all_output_bytes_ = 0;
    std::int64_t left_positions_ = 1;
    std::int64_t whole_extra_bytes_ = 0;     ///< in memory, fetched once
    std::int64_t spread_extra_bytes_ = 0;    ///< of the output's shape
    std::int64_t spread_fetched_bytes_ = 0;  ///< of these, from memory
};

}  // namespace perfwatt::npu

#include "models/npu/tiling.h"

#include <fmt/format.h>

#include <algorithm>

#include "models/npu/matrix_timing.h"
#include "models/npu/sized_tiles.h"
#include "models/npu/vector_timing.h"
#include "sim/base/math.h"

namespace perfwatt::npu {
namespace {

constexpr std::array<const char*, 5> kSplits = {"none", "g", "n", "p", "k"};

}  // namespace

std::optional<Transform> transform_of(const MatrixSpec& spec, const Contraction& work,
                                      const Tiling& sizes) {
    const bool fits = spec.winograd != Winograd::none && work.r == 3 && work.s == 3 &&
                      work.stride_h == 1 && work.stride_w == 1 && work.dilation_h == 1 &&
                      work.dilation_w == 1 && work.c > 1;
    if (!fits) return std::nullopt;
    Transform found{.side = spec.winograd == Winograd::f2 ? 2 : 4};
    found.tiles = sizes.n * ceil_div(sizes.p, found.side) * ceil_div(sizes.q, found.side);
    found.points = (found.side + 2) * (found.side + 2);
    const bool fewer = found.tiles * found.points < sizes.n * sizes.p * sizes.q * work.r * work.s;
    return fewer ? std::optional(found) : std::nullopt;
}

Mapping to_mapping(const Tiling& tiling) {
    Mapping mapping = {{"order", tiling.order == Order::weights_outer ? "weights" : "inputs"},
                       {"tile_g", std::to_string(tiling.g)},
                       {"tile_n", std::to_string(tiling.n)},
                       {"tile_p", std::to_string(tiling.p)},
                       {"tile_q", std::to_string(tiling.q)},
                       {"tile_k", std::to_string(tiling.k)},
                       {"tile_c", std::to_string(tiling.c)},
                       {"split", kSplits[static_cast<std::size_t>(tiling.split)]},
                       {"cores", std::to_string(tiling.cores)},
                       {"buffers", std::to_string(tiling.buffers)}};
    if (tiling.held < tiling.buffers) mapping.emplace_back("held", std::to_string(tiling.held));
    return mapping;
}

std::variant<Tiling, Infeasible> tiling_from(const Mapping& mapping) {
    Tiling tiling;
    std::int64_t cores = 1;
    std::int64_t buffers = 2;
    std::int64_t held = 2;
    const std::array<std::pair<const char*, std::int64_t*>, 9> numbers = {{{"tile_g", &tiling.g},
                                                                           {"tile_n", &tiling.n},
                                                                           {"tile_p", &tiling.p},
                                                                           {"tile_q", &tiling.q},
                                                                           {"tile_k", &tiling.k},
                                                                           {"tile_c", &tiling.c},
                                                                           {"cores", &cores},
                                                                           {"buffers", &buffers},
                                                                           {"held", &held}}};
    for (const auto& [key, value] : mapping) {
        const auto number = std::find_if(numbers.begin(), numbers.end(),
                                         [&](const auto& entry) { return entry.first == key; });
        if (number != numbers.end()) {
            const std::optional<std::int64_t> size = positive_number(value);
            if (!size)
                return Infeasible{fmt::format("mapping: '{}' is no size for {}", value, key)};
            *number->second = *size;
        } else if (key == "order" && (value == "weights" || value == "inputs")) {
            tiling.order = value == "weights" ? Order::weights_outer : Order::inputs_outer;
        } else if (key == "split" &&
                   std::find(kSplits.begin(), kSplits.end(), value) != kSplits.end()) {
            tiling.split = static_cast<Split>(std::find(kSplits.begin(), kSplits.end(), value) -
                                              kSplits.begin());
        } else {
            return Infeasible{fmt::format("mapping: '{}: {}' is not understood", key, value)};
        }
    }
    tiling.cores = static_cast<int>(std::min<std::int64_t>(cores, 1 << 20));
    tiling.buffers = static_cast<int>(std::min<std::int64_t>(buffers, 2));
    tiling.held = static_cast<int>(std::min<std::int64_t>(held, 2));
    return tiling;
}

ContractionPlan::ContractionPlan(const Npu& npu, const MappingRequest& request)
    : npu_(npu),
      request_(request),
      kernel_(*request.kernel),
      work_(std::get<Contraction>(kernel_.work)),
      all_weight_bytes_(bytes(work_.second_type, work_.second_elements())),
      all_output_bytes_(bytes(work_.output_type, work_.output_elements())),
      left_positions_(work_.p * work_.q) {
    const Operand& result = kernel_.outputs[0];
    const std::int64_t pooled = result.plain_bytes > 0 ? result.plain_bytes : result.bytes;
    if (!kernel_.fused_pooling.empty())
        left_positions_ = std::max<std::int64_t>(
            1, pooled * 8 / (bits(work_.output_type) * work_.g * work_.n * work_.k));
    for (std::size_t i = 2; i < kernel_.inputs.size(); ++i) {
        const std::int64_t size = kernel_.inputs[i].bytes;
        const bool fetched = !on_chip(request.inputs[i]);
        if (is_whole_extra(i)) {
            whole_extra_bytes_ += fetched ? size : 0;
        } else {
            spread_extra_bytes_ += size;
            spread_fetched_bytes_ += fetched ? size : 0;
        }
    }
    const std::int64_t alignment = npu.spec().scratchpad.bytes_per_cycle_per_bank;
    room_ = Room::of(request.free, alignment);
    if (request.free_weights.bytes > 0) weight_room_ = Room::of(request.free_weights, alignment);
    whole_extra_room_ = round_up(whole_extra_bytes_, alignment);
}

bool ContractionPlan::is_whole_extra(std::size_t input) const {
    return kernel_.inputs[input].bytes * 4 < all_output_bytes_;
}

Contraction ContractionPlan::share(const Tiling& tiling) const {
    Contraction part = work_;
    const std::int64_t cores = tiling.cores;
    switch (tiling.split) {
        case Split::none:
            break;
        case Split::g:
            part.g = ceil_div(part.g, cores);
            break;
        case Split::n:
            part.n = ceil_div(part.n, cores);
            break;
        case Split::p:
            part.p = ceil_div(part.p, cores);
            break;
        case Split::k:
            part.k = ceil_div(part.k, cores);
            break;
    }
    return part;
}

std::int64_t ContractionPlan::input_rows(std::int64_t p) const {
    return std::min(work_.input_h, (p - 1) * work_.stride_h + (work_.r - 1) * work_.dilation_h + 1);
}

std::int64_t ContractionPlan::input_columns(std::int64_t q) const {
    return std::min(work_.input_w, (q - 1) * work_.stride_w + (work_.s - 1) * work_.dilation_w + 1);
}

std::int64_t ContractionPlan::input_bytes(const Tiling& sizes) const {
    return bytes(work_.first_type,
                 sizes.g * sizes.n * sizes.c * input_rows(sizes.p) * input_columns(sizes.q));
}

std::int64_t ContractionPlan::weight_bytes(const Tiling& sizes) const {
    return stored_bytes(bytes(work_.second_type, ceil_div(sizes.g, work_.groups_sharing_second) *
                                                     sizes.k * sizes.c * work_.r * work_.s));
}

std::int64_t ContractionPlan::stored_bytes(std::int64_t dense) const {
    const std::int64_t all = all_weight_bytes_;
    if (kernel_.inputs[1].bytes == all || all == 0) return dense;
    return std::max<std::int64_t>(1, ceil_div(dense * kernel_.inputs[1].bytes, all));
}

std::int64_t ContractionPlan::as_stored(const Operand& operand, std::int64_t bytes) {
    if (operand.plain_bytes == 0 || operand.role == TensorRole::weight || bytes == 0) return bytes;
    return std::max<std::int64_t>(1, ceil_div(bytes * operand.bytes, operand.plain_bytes));
}

std::int64_t ContractionPlan::output_bytes(const Tiling& sizes) const {
    const std::int64_t positions =
        left_positions_ == work_.p * work_.q
            ? sizes.p * sizes.q
            : ceil_div(sizes.p * sizes.q * left_positions_, work_.p * work_.q);
    return bytes(work_.output_type, sizes.g * sizes.n * positions * sizes.k);
}

std::int64_t ContractionPlan::extra_bytes(std::int64_t output_elements) const {
    if (spread_extra_bytes_ == 0) return 0;
    return spread_extra_bytes_ * output_elements / work_.output_elements();
}

/// Positions of whole blocks; rows of a matrix fill them in any order.
std::int64_t ContractionPlan::blocked_positions(const MapBlock& block, const Tiling& sizes) const {
    const std::int64_t columns =
        std::max<std::int64_t>(1, block.columns * 8 / bits(work_.first_type));
    if (work_.q == 1 && work_.input_w == 1)
        return round_up(sizes.p * sizes.q, block.rows * columns);
    return round_up(sizes.p, block.rows) * round_up(sizes.q, columns);
}

Contract ContractionPlan::contract(const Tiling& sizes) const {
    const MatrixSpec& matrix = npu_.spec().matrix;
    Contract tile{.m = sizes.n * sizes.p * sizes.q,
                  .n = sizes.k,
                  .k = sizes.c * work_.r * work_.s,
                  .repeat = sizes.g,
                  .first_type = work_.first_type,
                  .second_type = work_.second_type};
    tile.useful_macs = tile.m * tile.n * tile.k * tile.repeat;
    tile.m = sizes.n * blocked_positions(matrix.block, sizes);
    if (matrix.reduction == Reduction::channels && matrix.dataflow != Dataflow::output_stationary) {
        const TypeRate* rate = rate_of(matrix, work_.first_type, work_.second_type);
        const std::int64_t taps = work_.r * work_.s;
        if (taps > 1) tile.k = taps * round_up(sizes.c, reduction_extent(matrix, *rate));
    }
    apply_window(tile, sizes);
    // Groups with one second operand in common are one problem with more rows.
    const std::int64_t sharing = work_.groups_sharing_second;
    if (sharing > 1 && sizes.g % sharing == 0) {
        tile.m *= sharing;
        tile.repeat /= sharing;
    }
    tile.first.bytes = input_bytes(sizes);
    tile.second.bytes = weight_bytes(sizes);
    tile.output.bytes = output_bytes(sizes);
    return tile;
}

std::int64_t ContractionPlan::gated_macs(const Contract& tile) const {
    const Sparsity& zeros = work_.first_sparsity;
    if (npu_.spec().matrix.gating == Gating::none || zeros.of <= 0) return 0;
    return (tile.useful_macs - tile.saved_macs) / zeros.of * (zeros.of - zeros.kept);
}

/// Winograd, sparse weights and rows of filters change what the unit does, not what is wanted.
void ContractionPlan::apply_window(Contract& tile, const Tiling& sizes) const {
    const MatrixSpec& matrix = npu_.spec().matrix;
    if (matrix.dataflow == Dataflow::row_stationary) {
        tile.filter_rows = work_.r;
        tile.filter_columns = work_.s;
        tile.output_rows = sizes.p;
    }
    if (matrix.dataflow == Dataflow::output_stationary && matrix.reduction == Reduction::channels) {
        tile.filter_rows = work_.r;
        tile.filter_columns = work_.s;
    }
    const std::optional<Transform> transform =
        sizes.c > 1 ? transform_of(matrix, work_, sizes) : std::nullopt;
    if (transform) {
        tile.m = transform->tiles;
        tile.filter_rows = tile.filter_columns = 1;
        // A tree sums what it is given: the points of a tile beside one another, as many channels
        // as then have room.
        const bool in_the_tree = matrix.feeding == Feeding::tree;
        tile.k = sizes.c * (in_the_tree ? transform->points : 1);
        tile.repeat = sizes.g * (in_the_tree ? 1 : transform->points);
        // Additions of the transforms of a tile's inputs and outputs (Lavin and Gray, CVPR 2016,
        // section 4.1 and 4.2); filters are transformed ahead of time.
        const std::int64_t inputs = transform->side == 2 ? 32 : 156;
        const std::int64_t outputs = transform->side == 2 ? 24 : 90;
        tile.transform_sums = sizes.g * transform->tiles * (sizes.c * inputs + sizes.k * outputs);
    }
    tile.k = multiplied(matrix, work_.second_sparsity, tile.k);
    tile.saved_macs =
        std::max<std::int64_t>(0, tile.useful_macs - tile.m * tile.n * tile.k * tile.repeat);
}

Vector ContractionPlan::epilogue(std::int64_t elements) const {
    Vector vector{.elements = elements};
    for (const Elementwise& step : kernel_.epilogue) {
        vector.operations += lane_operations(npu_.spec().vector, step.steps, elements, step.type);
        vector.type = step.type;
    }
    for (const Reduce& step : kernel_.fused_pooling) {
        const std::int64_t pooled = ceil_div(step.elements * elements, work_.output_elements());
        vector.operations += lane_operations(npu_.spec().vector, step.steps, pooled, step.type);
        if (kernel_.epilogue.empty()) vector.type = step.type;
    }
    // The outputs pass from the accumulators through the vector unit on their way to the
    // scratchpad: the matrix unit's command counts that write. Only other operands are read.
    vector.read_bytes = extra_bytes(elements);
    return vector;
}

std::variant<TileLayout, Infeasible> ContractionPlan::layout(const Tiling& tiling) const {
    const Contraction part = share(tiling);
    const SizedTiles tiles(*this, part, tiling);
    if (const char* why = tiles.misfit(tiling)) return Infeasible{why};
    return tiles.layout(tiling);
}

Time ContractionPlan::traffic_time(const Tiling& tiling) const {
    return SizedTiles(*this, share(tiling), tiling).memory_time(tiling.order);
}

std::int64_t ContractionPlan::traffic_bytes(const Tiling& tiling) const {
    return SizedTiles(*this, share(tiling), tiling).memory_bytes(tiling.order);
}

Time ContractionPlan::cost(const Tiling& tiling) const {
    return *SizedTiles(*this, share(tiling), tiling).cost_below(Time::max(), tiling);
}

Time ContractionPlan::bound() const {
    const NpuSpec& spec = npu_.spec();
    const std::int64_t peak = peak_macs_per_second(spec, work_.first_type, work_.second_type);
    const Contract all = contract(
        {.g = work_.g, .n = work_.n, .p = work_.p, .q = work_.q, .k = work_.k, .c = work_.c});
    Time bound = transfer_time(all.useful_macs - all.saved_macs, peak);
    Traffic compulsory;
    const auto add = [&](const Placement& placement, std::int64_t size) {
        if (!on_chip(placement)) compulsory.read[placement.region.memory.index()] += size;
    };
    // A stride beyond the filter leaves input rows and columns untouched.
    const std::int64_t rows = std::min(work_.input_h, work_.p * std::min(work_.r, work_.stride_h));
    const std::int64_t columns =
        std::min(work_.input_w, work_.q * std::min(work_.s, work_.stride_w));
    add(request_.inputs[0],
        as_stored(kernel_.inputs[0],
                  bytes(work_.first_type, work_.g * work_.n * work_.c * rows * columns)));
    for (std::size_t i = 1; i < kernel_.inputs.size(); ++i)
        add(request_.inputs[i], kernel_.inputs[i].bytes);
    const Placement& target = request_.outputs[0];
    if (!on_chip(target))
        compulsory.written[target.region.memory.index()] += as_stored(
            kernel_.outputs[0],
            output_bytes(
                {.g = work_.g, .n = work_.n, .p = work_.p, .q = work_.q, .k = work_.k, .c = 1}));
    bound = std::max(bound, compulsory.time(npu_));
    const std::int64_t operations = epilogue(work_.output_elements()).operations;
    return std::max(bound, spec.clock.cycles(ceil_div(operations, spec.vector.lanes * spec.cores)));
}

}  // namespace perfwatt::npu

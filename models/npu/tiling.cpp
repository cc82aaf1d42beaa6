#include "models/npu/tiling.h"

#include <fmt/format.h>

#include <algorithm>

#include "models/npu/matrix_timing.h"
#include "models/npu/vector_timing.h"
#include "sim/base/math.h"

namespace perfwatt::npu {
namespace {

constexpr std::array<const char*, 5> kSplits = {"none", "g", "n", "p", "k"};

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

/// Bytes on the pins for `bytes` in separate rows (0: in one). A row that is no whole number of
/// bursts begins anywhere in one: on the mean it touches a burst less a byte more than it has.
std::int64_t padded_to_bursts(std::int64_t bytes, std::int64_t row_bytes, std::int64_t burst) {
    if (row_bytes <= 0 || row_bytes >= bytes || row_bytes % burst == 0) return bytes;
    return ceil_div(bytes, row_bytes) * (row_bytes + burst - 1);
}

}  // namespace

Mapping to_mapping(const Tiling& tiling) {
    return {{"order", tiling.order == Order::weights_outer ? "weights" : "inputs"},
            {"tile_g", std::to_string(tiling.g)},
            {"tile_n", std::to_string(tiling.n)},
            {"tile_p", std::to_string(tiling.p)},
            {"tile_q", std::to_string(tiling.q)},
            {"tile_k", std::to_string(tiling.k)},
            {"tile_c", std::to_string(tiling.c)},
            {"split", kSplits[static_cast<std::size_t>(tiling.split)]},
            {"cores", std::to_string(tiling.cores)},
            {"buffers", std::to_string(tiling.buffers)}};
}

std::variant<Tiling, Infeasible> tiling_from(const Mapping& mapping) {
    Tiling tiling;
    std::int64_t cores = 1;
    std::int64_t buffers = 2;
    const std::array<std::pair<const char*, std::int64_t*>, 8> numbers = {{{"tile_g", &tiling.g},
                                                                           {"tile_n", &tiling.n},
                                                                           {"tile_p", &tiling.p},
                                                                           {"tile_q", &tiling.q},
                                                                           {"tile_k", &tiling.k},
                                                                           {"tile_c", &tiling.c},
                                                                           {"cores", &cores},
                                                                           {"buffers", &buffers}}};
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
    return tiling;
}

ContractionPlan::ContractionPlan(const Npu& npu, const MappingRequest& request)
    : npu_(npu),
      request_(request),
      kernel_(*request.kernel),
      work_(std::get<Contraction>(kernel_.work)),
      left_positions_(work_.p * work_.q) {
    if (!kernel_.fused_pooling.empty())
        left_positions_ =
            std::max<std::int64_t>(1, kernel_.outputs[0].bytes * 8 /
                                          (bits(work_.output_type) * work_.g * work_.n * work_.k));
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
}

bool ContractionPlan::is_whole_extra(std::size_t input) const {
    return kernel_.inputs[input].bytes * 4 < bytes(work_.output_type, work_.output_elements());
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
    const std::int64_t all = bytes(work_.second_type, work_.second_elements());
    if (kernel_.inputs[1].bytes == all || all == 0) return dense;
    return std::max<std::int64_t>(1, ceil_div(dense * kernel_.inputs[1].bytes, all));
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

Contract ContractionPlan::contract(const Tiling& sizes) const {
    const MatrixSpec& matrix = npu_.spec().matrix;
    Contract tile{.m = sizes.n * sizes.p * sizes.q,
                  .n = sizes.k,
                  .k = sizes.c * work_.r * work_.s,
                  .repeat = sizes.g,
                  .first_type = work_.first_type,
                  .second_type = work_.second_type};
    tile.useful_macs = tile.m * tile.n * tile.k * tile.repeat;
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

/// Winograd, sparse weights and rows of filters change what the unit does, not what is wanted.
void ContractionPlan::apply_window(Contract& tile, const Tiling& sizes) const {
    const MatrixSpec& matrix = npu_.spec().matrix;
    if (matrix.dataflow == Dataflow::row_stationary) {
        tile.filter_rows = work_.r;
        tile.filter_columns = work_.s;
        tile.output_rows = sizes.p;
    }
    const bool transforms = matrix.winograd != Winograd::none && work_.r == 3 && work_.s == 3 &&
                            work_.stride_h == 1 && work_.stride_w == 1 && work_.dilation_h == 1 &&
                            work_.dilation_w == 1 && sizes.c > 1;
    if (transforms) {
        const std::int64_t side = matrix.winograd == Winograd::f2 ? 2 : 4;
        const std::int64_t tiles = sizes.n * ceil_div(sizes.p, side) * ceil_div(sizes.q, side);
        const std::int64_t points = (side + 2) * (side + 2);
        if (tiles * points < sizes.n * sizes.p * sizes.q * 9) {
            tile.m = tiles;
            tile.k = sizes.c;
            tile.repeat = sizes.g * points;
            // Additions of the transforms of a tile's inputs and outputs (Lavin and Gray, CVPR
            // 2016, section 4.1 and 4.2); filters are transformed ahead of time.
            const std::int64_t inputs = side == 2 ? 32 : 156;
            const std::int64_t outputs = side == 2 ? 24 : 90;
            tile.transform_sums = sizes.g * tiles * (sizes.c * inputs + sizes.k * outputs);
        }
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

bool ContractionPlan::sums_spill(const Tiling& tiling, const Contraction& part) const {
    if (tiling.c >= part.c) return false;
    const MatrixSpec& matrix = npu_.spec().matrix;
    const Contract tile = contract(tiling);
    return tile.m * tile.n * tile.repeat * (matrix.accumulator_bits / 8) > matrix.accumulator_bytes;
}

std::variant<TileLayout, Infeasible> ContractionPlan::layout(const Tiling& tiling) const {
    TileLayout out;
    if (const char* why = misfit(tiling, out)) return Infeasible{why};
    return out;
}

const char* ContractionPlan::misfit(const Tiling& tiling, TileLayout& out) const {
    out = {};
    const NpuSpec& spec = npu_.spec();
    if (weight_parts() > 1 && (tiling.split != Split::k || tiling.cores != weight_parts()))
        return "cores without the weights of what they make";
    const Contraction part = share(tiling);
    const Cuts cuts(part, tiling);
    const auto buffers = [&](std::int64_t size, std::int64_t tiles) {
        return TileBuffers{.bytes = size, .count = tiles > 1 ? tiling.buffers : 1, .address = {}};
    };
    if (!weights_on_chip())
        out.weights = buffers(weight_bytes(tiling), cuts.weight_tiles(tiling.order));
    if (!input_on_chip()) out.inputs = buffers(input_bytes(tiling), cuts.input_tiles(tiling.order));
    if (!output_on_chip()) out.outputs = buffers(output_bytes(tiling), cuts.outputs());
    const std::int64_t elements = tiling.g * tiling.n * tiling.p * tiling.q * tiling.k;
    if (sums_spill(tiling, part))
        out.sums = buffers(elements * (spec.matrix.accumulator_bits / 8), cuts.outputs());
    if (spread_fetched_bytes_ > 0) out.extras = buffers(extra_bytes(elements), cuts.outputs());
    out.whole_extras.bytes = whole_extra_bytes_;

    const std::int64_t alignment = npu_.on_chip().alignment;
    Room room(request_.free, request_.from_top, alignment);
    if (request_.free_weights.bytes > 0) {
        Room weights(request_.free_weights, request_.from_top, alignment);
        weights.take(out.weights);
        if (weights.overdrawn()) return "tiles of weights larger than the weight memory";
    } else {
        room.take(out.weights);
    }
    room.take(out.inputs);
    room.take(out.outputs);
    room.take(out.sums);
    room.take(out.extras);
    out.whole_extras.address = room.take(out.whole_extras.bytes);
    return room.overdrawn() ? "tiles larger than the free scratchpad" : nullptr;
}

Traffic ContractionPlan::traffic(const Tiling& tiling) const {
    const Contraction part = share(tiling);
    const Cuts cuts(part, tiling);
    Traffic found;
    const auto moved = [&](const Placement& placement, std::int64_t size, std::int64_t row) {
        const std::size_t memory = placement.region.memory.index();
        return padded_to_bursts(size, row, npu_.memories()[memory].burst_bytes);
    };
    const auto add = [&](const Placement& placement, std::int64_t size, std::int64_t row) {
        if (!on_chip(placement))
            found.add_read(placement.region.memory.index(), moved(placement, size, row),
                           tiling.cores);
    };
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    cuts.p.each([&](std::int64_t size, std::int64_t count) { rows += count * input_rows(size); });
    cuts.q.each(
        [&](std::int64_t size, std::int64_t count) { columns += count * input_columns(size); });
    // Channels lie innermost, those of convolution groups side by side: a part of them is a row.
    const bool together = work_.group_layout == GroupLayout::channels;
    const auto row_of = [&](DataType type, std::int64_t channels, std::int64_t all) {
        const std::int64_t taken = channels * (together ? tiling.g : 1);
        return taken < all * (together ? work_.g : 1) ? bytes(type, taken) : 0;
    };
    const std::int64_t inner = row_of(work_.first_type, tiling.c, work_.c);
    add(request_.inputs[0],
        bytes(work_.first_type, part.g * part.n * part.c * rows * columns) *
            cuts.input_uses(tiling.order),
        inner);
    const std::int64_t sharing =
        ceil_div(work_.groups_sharing_second, std::min(tiling.g, work_.groups_sharing_second));
    add(request_.inputs[1],
        stored_bytes(bytes(work_.second_type, ceil_div(part.g, work_.groups_sharing_second) *
                                                  sharing * part.k * part.c * work_.r * work_.s)) *
            cuts.weight_uses(tiling.order),
        0);
    const std::int64_t outer = row_of(work_.output_type, tiling.k, work_.k);
    const Placement& target = request_.outputs[0];
    if (!on_chip(target))
        found.add_written(
            target.region.memory.index(),
            moved(target,
                  output_bytes(
                      {.g = part.g, .n = part.n, .p = part.p, .q = part.q, .k = part.k, .c = 1}),
                  outer),
            tiling.cores);
    const std::int64_t outputs = part.output_elements();
    for (std::size_t i = 2; i < kernel_.inputs.size(); ++i) {
        const std::int64_t size = is_whole_extra(i)
                                      ? kernel_.inputs[i].bytes
                                      : kernel_.inputs[i].bytes * outputs / work_.output_elements();
        add(request_.inputs[i], size, is_whole_extra(i) ? 0 : outer);
    }
    return found;
}

Time ContractionPlan::traffic_time(const Tiling& tiling) const {
    return traffic(tiling).time(npu_);
}

ContractionPlan::MatrixShare ContractionPlan::matrix_share(const Tiling& tiling,
                                                           const Contraction& part) const {
    const Cuts cuts(part, tiling);
    const std::int64_t overhead = npu_.spec().command_overhead_cycles;
    MatrixShare share;
    const auto each_sum = [&](Tiling sizes, std::int64_t count) {
        const std::int64_t steps = cuts.c.tiles();
        const auto one = [&](std::int64_t c, bool first, bool last, std::int64_t times) {
            if (times <= 0) return;
            sizes.c = c;
            Contract tile = contract(sizes);
            tile.first_k_tile = first;
            tile.last_k_tile = last;
            tile.preloaded = tiling.buffers > 1;
            const MatrixWork work = matrix_work(npu_.spec(), tile);
            share.cycles += count * times * (work.cycles() + overhead);
            share.moved_bytes += count * times * work.moved_bytes();
        };
        if (steps == 1) {
            one(cuts.c.size, true, true, 1);
        } else {
            one(cuts.c.size, true, false, 1);
            one(cuts.c.size, false, false, steps - 2);
            one(cuts.c.last(), false, true, 1);
        }
    };
    cuts.g.each([&](std::int64_t g, std::int64_t gs) {
        cuts.n.each([&](std::int64_t n, std::int64_t ns) {
            cuts.p.each([&](std::int64_t p, std::int64_t ps) {
                cuts.q.each([&](std::int64_t q, std::int64_t qs) {
                    cuts.k.each([&](std::int64_t k, std::int64_t ks) {
                        Tiling sizes = tiling;
                        sizes.g = g, sizes.n = n, sizes.p = p, sizes.q = q, sizes.k = k;
                        each_sum(sizes, gs * ns * ps * qs * ks);
                    });
                });
            });
        });
    });
    if (tiling.buffers > 1) {  // nothing streams before the first
        Tiling sizes = tiling;
        sizes.g = cuts.g.size, sizes.n = cuts.n.size, sizes.p = cuts.p.size;
        sizes.q = cuts.q.size, sizes.k = cuts.k.size, sizes.c = cuts.c.size;
        Contract tile = contract(sizes);
        tile.last_k_tile = cuts.c.tiles() == 1;
        share.cycles += matrix_work(npu_.spec(), tile).cycles();
        tile.preloaded = true;
        share.cycles -= matrix_work(npu_.spec(), tile).cycles();
    }
    return share;
}

/// The first tiles' arrival, before anything can compute, and the last one's way out.
Time ContractionPlan::ends_time(const Tiling& tiling) const {
    Time ends;
    Time latency;
    const auto add = [&](const Placement& placement, std::int64_t size) {
        if (on_chip(placement)) return;
        const MemoryPort& port = npu_.memories()[placement.region.memory.index()];
        ends += transfer_time(size, port.bytes_per_second);
        latency = std::max(latency, port.latency);
    };
    const Contraction part = share(tiling);
    Tiling sizes = tiling;
    sizes.g = std::min(sizes.g, part.g), sizes.n = std::min(sizes.n, part.n);
    sizes.p = std::min(sizes.p, part.p), sizes.q = std::min(sizes.q, part.q);
    sizes.k = std::min(sizes.k, part.k), sizes.c = std::min(sizes.c, part.c);
    add(request_.inputs[0], input_bytes(sizes));
    add(request_.inputs[1], weight_bytes(sizes));
    ends += latency;
    latency = Time::zero();
    add(request_.outputs[0], output_bytes(sizes));
    return ends + latency;
}

Time ContractionPlan::cost(const Tiling& tiling) const {
    const NpuSpec& spec = npu_.spec();
    const Contraction part = share(tiling);
    const Cuts cuts(part, tiling);
    const MatrixShare products = matrix_share(tiling, part);
    const Time matrix = spec.clock.cycles(products.cycles);
    std::int64_t moved = products.moved_bytes;
    Time vector;
    Time last_vector;
    if (has_epilogue()) {
        const Contraction one = share(tiling);
        const std::int64_t tiles = cuts.outputs();
        const std::int64_t elements = one.output_elements();
        const std::int64_t tile_elements = ceil_div(elements, tiles);
        const Vector fused = epilogue(tile_elements);
        const std::int64_t cycles = vector_cycles(spec, fused) + spec.command_overhead_cycles;
        moved += tiles * (fused.read_bytes + fused.write_bytes);
        vector = spec.clock.cycles(cycles * tiles);
        last_vector = spec.clock.cycles(cycles);
    }
    const Traffic transferred = traffic(tiling);
    const Time memory = transferred.time(npu_);
    const Time ends =
        ends_time(tiling) + spec.clock.cycles(kTileCycles * cuts.outputs() * cuts.c.tiles());
    if (tiling.buffers < 2) return matrix + vector + memory + ends;
    const Time transfers = ends_time(tiling);
    const Time hidden = memory > transfers ? memory - transfers : Time::zero();
    // All units and the DMA engines share the scratchpad's banks.
    const Time ports = spec.clock.cycles(port_cycles(spec, moved + transferred.core_bytes));
    return std::max({matrix, vector, hidden, ports}) + ends + last_vector;
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
    add(request_.inputs[0], bytes(work_.first_type, work_.g * work_.n * work_.c * rows * columns));
    for (std::size_t i = 1; i < kernel_.inputs.size(); ++i)
        add(request_.inputs[i], kernel_.inputs[i].bytes);
    const Placement& target = request_.outputs[0];
    if (!on_chip(target))
        compulsory.written[target.region.memory.index()] += output_bytes(
            {.g = work_.g, .n = work_.n, .p = work_.p, .q = work_.q, .k = work_.k, .c = 1});
    bound = std::max(bound, compulsory.time(npu_));
    const std::int64_t operations = epilogue(work_.output_elements()).operations;
    return std::max(bound, spec.clock.cycles(ceil_div(operations, spec.vector.lanes * spec.cores)));
}

}  // namespace perfwatt::npu

#include "models/npu/sized_tiles.h"

#include <algorithm>

#include "models/npu/matrix_timing.h"
#include "models/npu/vector_timing.h"
#include "sim/base/diagnostics.h"
#include "sim/base/math.h"

namespace perfwatt::npu {
namespace {

/// Bytes on the pins for `bytes` in separate rows (0: in one). A row that is no whole number of
/// bursts begins anywhere in one: on the mean it touches a burst less a byte more than it has.
std::int64_t padded_to_bursts(std::int64_t bytes, std::int64_t row_bytes, std::int64_t burst) {
    if (row_bytes <= 0 || row_bytes >= bytes || row_bytes % burst == 0) return bytes;
    return ceil_div(bytes, row_bytes) * (row_bytes + burst - 1);
}

}  // namespace

SizedTiles::SizedTiles(const ContractionPlan& plan, const Contraction& part, const Tiling& sizes)
    : plan_(plan), part_(part), sizes_(sizes), cuts_(part, sizes) {
    const std::int64_t alignment = plan.npu_.spec().scratchpad.bytes_per_cycle_per_bank;
    if (!plan.weights_on_chip()) weights_ = round_up(plan.weight_bytes(sizes), alignment);
    if (!plan.input_on_chip()) inputs_ = round_up(plan.input_bytes(sizes), alignment);
    const std::int64_t elements = sizes.g * sizes.n * sizes.p * sizes.q * sizes.k;
    const MatrixSpec& matrix = plan.npu_.spec().matrix;
    const std::int64_t sum_bytes = matrix.accumulator_bits / 8;
    if (sizes.c < part.c) {
        const Contract tile = plan.contract(sizes);
        if (tile.m * tile.n * tile.repeat * sum_bytes > matrix.accumulator_bytes)
            sum_bytes_ = elements * sum_bytes;
    }
    // One each for every tile of outputs.
    results_ = round_up(sum_bytes_, alignment);
    if (!plan.output_on_chip() && !in_place())
        results_ += round_up(plan.output_bytes(sizes), alignment);
    if (plan.spread_fetched_bytes_ > 0) extras_ = round_up(plan.extra_bytes(elements), alignment);
}

/// Outputs no wider than their sums take the sums' places as they are finished.
bool SizedTiles::in_place() const {
    return !plan_.output_on_chip() && plan_.output_bytes(sizes_) <= sum_bytes_;
}

const char* SizedTiles::misfit(const Tiling& tiling) const {
    const int parts = plan_.weight_parts();
    if (parts > 1 && (sizes_.split != Split::k || sizes_.cores != parts))
        return "cores without the weights of what they make";
    const auto taken = [&](std::int64_t each, std::int64_t tiles, int buffers) {
        return tiles > 1 ? each * buffers : each;
    };
    const int held = sums_spill() ? std::min(tiling.buffers, tiling.held) : tiling.buffers;
    const std::int64_t outputs = cuts_.outputs();
    const std::int64_t weights = taken(weights_, cuts_.weight_tiles(tiling.order), tiling.buffers);
    std::int64_t all = taken(inputs_, cuts_.input_tiles(tiling.order), tiling.buffers) +
                       taken(results_, outputs, held) + taken(extras_, outputs, tiling.buffers) +
                       plan_.whole_extra_room_;
    if (plan_.weight_room_) {
        if (weights > *plan_.weight_room_) return "tiles of weights larger than the weight memory";
    } else {
        all += weights;
    }
    return all > plan_.room_ ? "tiles larger than the free scratchpad" : nullptr;
}

TileLayout SizedTiles::layout(const Tiling& tiling) const {
    TileLayout out;
    const auto of = [&](std::int64_t size, std::int64_t tiles, int buffers) {
        return TileBuffers{.bytes = size, .count = tiles > 1 ? buffers : 1, .address = {}};
    };
    const int held = sums_spill() ? std::min(tiling.buffers, tiling.held) : tiling.buffers;
    const std::int64_t outputs = cuts_.outputs();
    const std::int64_t elements = sizes_.g * sizes_.n * sizes_.p * sizes_.q * sizes_.k;
    if (!plan_.weights_on_chip())
        out.weights =
            of(plan_.weight_bytes(sizes_), cuts_.weight_tiles(tiling.order), tiling.buffers);
    if (!plan_.input_on_chip())
        out.inputs = of(plan_.input_bytes(sizes_), cuts_.input_tiles(tiling.order), tiling.buffers);
    if (!plan_.output_on_chip()) out.outputs = of(plan_.output_bytes(sizes_), outputs, held);
    if (sums_spill()) out.sums = of(sum_bytes_, outputs, held);
    if (plan_.spread_fetched_bytes_ > 0)
        out.extras = of(plan_.extra_bytes(elements), outputs, tiling.buffers);
    out.whole_extras.bytes = plan_.whole_extra_bytes_;

    const MappingRequest& request = plan_.request_;
    const std::int64_t alignment = plan_.npu_.spec().scratchpad.bytes_per_cycle_per_bank;
    Room room(request.free, request.from_top, alignment);
    Room apart(request.free_weights, request.from_top, alignment);
    (plan_.weight_room_ ? apart : room).take(out.weights);
    room.take(out.inputs);
    if (!in_place()) room.take(out.outputs);
    room.take(out.sums);
    if (in_place()) out.outputs.address = out.sums.address;
    room.take(out.extras);
    out.whole_extras.address = room.take(out.whole_extras.bytes);
    PERFWATT_CHECK(!room.overdrawn() && !apart.overdrawn(), "a layout of tiles that do not fit");
    return out;
}

/// Bytes on the pins for `size` of an operand in rows of `row` bytes.
std::int64_t SizedTiles::padded(const Placement& placement, std::int64_t size,
                                std::int64_t row) const {
    const std::size_t memory = placement.region.memory.index();
    return padded_to_bursts(size, row, plan_.npu_.memories()[memory].burst_bytes);
}

/// Bytes that lie together of a tile of an activation; 0: all of them.
std::int64_t SizedTiles::run_bytes(DataType type, Extent channels, Extent rows,
                                   Extent columns) const {
    // Channels of convolution groups lie side by side.
    if (plan_.work_.group_layout == GroupLayout::channels) {
        channels.part *= sizes_.g;
        channels.whole *= plan_.work_.g;
    }
    const bool all = channels.part >= channels.whole;
    if (plan_.npu_.spec().activations == ActivationLayout::channels_innermost)
        return all ? 0 : bytes(type, channels.part);
    if (columns.part < columns.whole) return bytes(type, columns.part);
    if (rows.part < rows.whole) return bytes(type, rows.part * columns.whole);
    return all ? 0 : bytes(type, channels.part * rows.whole * columns.whole);
}

const SizedTiles::Fetched& SizedTiles::fetched() {
    if (fetched_) return *fetched_;
    const Contraction& work = plan_.work_;
    const Kernel& kernel = plan_.kernel_;
    const MappingRequest& request = plan_.request_;
    Fetched& found = fetched_.emplace();
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    cuts_.p.each(
        [&](std::int64_t size, std::int64_t count) { rows += count * plan_.input_rows(size); });
    cuts_.q.each([&](std::int64_t size, std::int64_t count) {
        columns += count * plan_.input_columns(size);
    });
    found.input_row = ContractionPlan::as_stored(
        kernel.inputs[0],
        run_bytes(work.first_type, {sizes_.c, work.c}, {plan_.input_rows(sizes_.p), work.input_h},
                  {plan_.input_columns(sizes_.q), work.input_w}));
    found.inputs = ContractionPlan::as_stored(
        kernel.inputs[0], bytes(work.first_type, part_.g * part_.n * part_.c * rows * columns));
    const std::int64_t sharing =
        ceil_div(work.groups_sharing_second, std::min(sizes_.g, work.groups_sharing_second));
    found.weights = plan_.stored_bytes(
        bytes(work.second_type, ceil_div(part_.g, work.groups_sharing_second) * sharing * part_.k *
                                    part_.c * work.r * work.s));
    const std::int64_t outer =
        run_bytes(work.output_type, {sizes_.k, work.k}, {sizes_.p, work.p}, {sizes_.q, work.q});
    const Placement& target = request.outputs[0];
    if (!ContractionPlan::on_chip(target)) {
        const auto as_stored = [&](std::int64_t size) {
            return ContractionPlan::as_stored(kernel.outputs[0], size);
        };
        const Tiling all{
            .g = part_.g, .n = part_.n, .p = part_.p, .q = part_.q, .k = part_.k, .c = 1};
        found.once.add_written(target.region.memory.index(),
                               padded(target, as_stored(plan_.output_bytes(all)), as_stored(outer)),
                               sizes_.cores);
    }
    const std::int64_t outputs = part_.output_elements();
    for (std::size_t i = 2; i < kernel.inputs.size(); ++i) {
        if (ContractionPlan::on_chip(request.inputs[i])) continue;
        const bool whole = plan_.is_whole_extra(i);
        const std::int64_t size = whole ? kernel.inputs[i].bytes
                                        : kernel.inputs[i].bytes * outputs / work.output_elements();
        found.once.add_read(request.inputs[i].region.memory.index(),
                            padded(request.inputs[i], size, whole ? 0 : outer), sizes_.cores);
    }
    return found;
}

const SizedTiles::Moved& SizedTiles::moved(Order order) {
    std::optional<Moved>& known = moved_[static_cast<std::size_t>(order)];
    if (known) return *known;
    const std::int64_t input_uses = cuts_.input_uses(order);
    const std::int64_t weight_uses = cuts_.weight_uses(order);
    const Order another =
        order == Order::weights_outer ? Order::inputs_outer : Order::weights_outer;
    const std::optional<Moved>& same = moved_[static_cast<std::size_t>(another)];
    if (same && cuts_.input_uses(another) == input_uses &&
        cuts_.weight_uses(another) == weight_uses) {
        known = same;
        return *known;
    }
    const Fetched& once = fetched();
    const MappingRequest& request = plan_.request_;
    Traffic all = once.once;
    const auto add = [&](const Placement& placement, std::int64_t size, std::int64_t row) {
        if (!ContractionPlan::on_chip(placement))
            all.add_read(placement.region.memory.index(), padded(placement, size, row),
                         sizes_.cores);
    };
    add(request.inputs[0], once.inputs * input_uses, once.input_row);
    add(request.inputs[1], once.weights * weight_uses, 0);
    known = {.time = all.time(plan_.npu_), .core_bytes = all.core_bytes, .bytes = 0};
    for (std::size_t i = 0; i < all.read.size(); ++i) known->bytes += all.read[i] + all.written[i];
    return *known;
}

Time SizedTiles::memory_time(Order order) { return moved(order).time; }

std::int64_t SizedTiles::memory_bytes(Order order) { return moved(order).bytes; }

SizedTiles::MatrixShare SizedTiles::matrix_share(bool preloaded) const {
    const NpuSpec& spec = plan_.npu_.spec();
    MatrixShare share;
    const auto each_sum = [&](Tiling sizes, std::int64_t count) {
        const std::int64_t steps = cuts_.c.tiles();
        const auto one = [&](std::int64_t c, bool first, bool last, std::int64_t times) {
            if (times <= 0) return;
            sizes.c = c;
            Contract tile = plan_.contract(sizes);
            tile.first_k_tile = first;
            tile.last_k_tile = last;
            tile.preloaded = preloaded;
            const MatrixWork work = matrix_work(spec, tile);
            share.cycles += count * times * (work.cycles() + spec.command_overhead_cycles);
            share.moved_bytes += count * times * work.moved_bytes();
        };
        if (steps == 1) {
            one(cuts_.c.size, true, true, 1);
        } else {
            one(cuts_.c.size, true, false, 1);
            one(cuts_.c.size, false, false, steps - 2);
            one(cuts_.c.last(), false, true, 1);
        }
    };
    cuts_.g.each([&](std::int64_t g, std::int64_t gs) {
        cuts_.n.each([&](std::int64_t n, std::int64_t ns) {
            cuts_.p.each([&](std::int64_t p, std::int64_t ps) {
                cuts_.q.each([&](std::int64_t q, std::int64_t qs) {
                    cuts_.k.each([&](std::int64_t k, std::int64_t ks) {
                        Tiling sizes = sizes_;
                        sizes.g = g, sizes.n = n, sizes.p = p, sizes.q = q, sizes.k = k;
                        each_sum(sizes, gs * ns * ps * qs * ks);
                    });
                });
            });
        });
    });
    if (preloaded) {  // nothing streams before the first
        Tiling sizes = sizes_;
        sizes.g = cuts_.g.size, sizes.n = cuts_.n.size, sizes.p = cuts_.p.size;
        sizes.q = cuts_.q.size, sizes.k = cuts_.k.size, sizes.c = cuts_.c.size;
        Contract tile = plan_.contract(sizes);
        tile.last_k_tile = cuts_.c.tiles() == 1;
        share.cycles += matrix_work(spec, tile).cycles();
        tile.preloaded = true;
        share.cycles -= matrix_work(spec, tile).cycles();
    }
    return share;
}

const SizedTiles::MatrixShare& SizedTiles::matrix(bool preloaded) {
    std::optional<MatrixShare>& known = matrix_[preloaded ? 1 : 0];
    if (!known) known = matrix_share(preloaded);
    return *known;
}

const SizedTiles::VectorShare& SizedTiles::vector() {
    if (vector_) return *vector_;
    vector_.emplace();
    if (plan_.has_epilogue()) {
        const NpuSpec& spec = plan_.npu_.spec();
        const std::int64_t tiles = cuts_.outputs();
        const Vector fused = plan_.epilogue(ceil_div(part_.output_elements(), tiles));
        const std::int64_t cycles = vector_cycles(spec, fused) + spec.command_overhead_cycles;
        vector_->all = spec.clock.cycles(cycles * tiles);
        vector_->last_tile = spec.clock.cycles(cycles);
        vector_->moved_bytes = tiles * (fused.read_bytes + fused.write_bytes);
    }
    return *vector_;
}

/// The first tiles' arrival, before anything can compute, and the last one's way out.
Time SizedTiles::ends_time() const {
    Time ends;
    Time latency;
    const auto add = [&](const Placement& placement, std::int64_t size) {
        if (ContractionPlan::on_chip(placement)) return;
        const MemoryPort& port = plan_.npu_.memories()[placement.region.memory.index()];
        ends += transfer_time(size, port.bytes_per_second);
        latency = std::max(latency, port.latency);
    };
    Tiling sizes = sizes_;
    sizes.g = cuts_.g.size, sizes.n = cuts_.n.size, sizes.p = cuts_.p.size;
    sizes.q = cuts_.q.size, sizes.k = cuts_.k.size, sizes.c = cuts_.c.size;
    add(plan_.request_.inputs[0],
        ContractionPlan::as_stored(plan_.kernel_.inputs[0], plan_.input_bytes(sizes)));
    add(plan_.request_.inputs[1], plan_.weight_bytes(sizes));
    ends += latency;
    latency = Time::zero();
    add(plan_.request_.outputs[0],
        ContractionPlan::as_stored(plan_.kernel_.outputs[0], plan_.output_bytes(sizes)));
    return ends + latency;
}

Time SizedTiles::ends() {
    if (!ends_) ends_ = ends_time();
    return *ends_;
}

/// Outputs that leave before the next tile's sums may take their place hide behind nothing.
Time SizedTiles::exposed(const Tiling& tiling) {
    if (!sums_spill() || tiling.held >= tiling.buffers) return Time::zero();
    Time one = vector().last_tile;
    if (!plan_.output_on_chip()) {
        const Placement& target = plan_.request_.outputs[0];
        const std::int64_t bytes =
            ContractionPlan::as_stored(plan_.kernel_.outputs[0], plan_.output_bytes(sizes_));
        one += transfer_time(bytes,
                             plan_.npu_.memories()[target.region.memory.index()].bytes_per_second);
    }
    return (cuts_.outputs() - 1) * one;
}

std::optional<Time> SizedTiles::cost_below(Time limit, const Tiling& tiling) {
    const NpuSpec& spec = plan_.npu_.spec();
    const Time memory = memory_time(tiling.order);
    const Time arrival = ends();
    const Time ends = arrival + spec.clock.cycles(kTileCycles * cuts_.steps());
    const auto below = [&](Time cost) {
        return cost < limit ? std::optional<Time>(cost) : std::nullopt;
    };
    if (tiling.buffers < 2) {
        if (memory + ends >= limit) return std::nullopt;
        const Time others = memory + ends + vector().all;
        // Without weights that come beforehand the unit is no faster.
        if (others + spec.clock.cycles(matrix(true).cycles) >= limit) return std::nullopt;
        return below(others + spec.clock.cycles(matrix(false).cycles));
    }
    const Time hidden = memory > arrival ? memory - arrival : Time::zero();
    if (hidden + ends >= limit) return std::nullopt;
    const VectorShare& fused = vector();
    Time longest = std::max(hidden, fused.all);
    if (longest + ends + fused.last_tile >= limit) return std::nullopt;
    const MatrixShare& products = matrix(true);
    // All units and the DMA engines share the scratchpad's banks.
    const Time ports = spec.clock.cycles(port_cycles(
        spec, products.moved_bytes + fused.moved_bytes + moved(tiling.order).core_bytes));
    longest = std::max({longest, spec.clock.cycles(products.cycles) + exposed(tiling), ports});
    return below(longest + ends + fused.last_tile);
}

}  // namespace perfwatt::npu

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
    // One each for every tile of outputs.
    if (!plan.output_on_chip()) results_ += round_up(plan.output_bytes(sizes), alignment);
    if (sums_spill())
        results_ += round_up(elements * (plan.npu_.spec().matrix.accumulator_bits / 8), alignment);
    if (plan.spread_fetched_bytes_ > 0) results_ += round_up(plan.extra_bytes(elements), alignment);
}

bool SizedTiles::sums_spill() const {
    if (sizes_.c >= part_.c) return false;
    const MatrixSpec& matrix = plan_.npu_.spec().matrix;
    const Contract tile = plan_.contract(sizes_);
    return tile.m * tile.n * tile.repeat * (matrix.accumulator_bits / 8) > matrix.accumulator_bytes;
}

const char* SizedTiles::misfit(Order order, int buffers) const {
    const int parts = plan_.weight_parts();
    if (parts > 1 && (sizes_.split != Split::k || sizes_.cores != parts))
        return "cores without the weights of what they make";
    const auto taken = [&](std::int64_t each, std::int64_t tiles) {
        return tiles > 1 ? each * buffers : each;
    };
    const std::int64_t weights = taken(weights_, cuts_.weight_tiles(order));
    std::int64_t all = taken(inputs_, cuts_.input_tiles(order)) + taken(results_, cuts_.outputs()) +
                       plan_.whole_extra_room_;
    if (plan_.weight_room_) {
        if (weights > *plan_.weight_room_) return "tiles of weights larger than the weight memory";
    } else {
        all += weights;
    }
    return all > plan_.room_ ? "tiles larger than the free scratchpad" : nullptr;
}

TileLayout SizedTiles::layout(Order order, int buffers) const {
    TileLayout out;
    const auto of = [&](std::int64_t size, std::int64_t tiles) {
        return TileBuffers{.bytes = size, .count = tiles > 1 ? buffers : 1, .address = {}};
    };
    const std::int64_t outputs = cuts_.outputs();
    const std::int64_t elements = sizes_.g * sizes_.n * sizes_.p * sizes_.q * sizes_.k;
    if (!plan_.weights_on_chip())
        out.weights = of(plan_.weight_bytes(sizes_), cuts_.weight_tiles(order));
    if (!plan_.input_on_chip())
        out.inputs = of(plan_.input_bytes(sizes_), cuts_.input_tiles(order));
    if (!plan_.output_on_chip()) out.outputs = of(plan_.output_bytes(sizes_), outputs);
    if (sums_spill())
        out.sums = of(elements * (plan_.npu_.spec().matrix.accumulator_bits / 8), outputs);
    if (plan_.spread_fetched_bytes_ > 0) out.extras = of(plan_.extra_bytes(elements), outputs);
    out.whole_extras.bytes = plan_.whole_extra_bytes_;

    const MappingRequest& request = plan_.request_;
    const std::int64_t alignment = plan_.npu_.spec().scratchpad.bytes_per_cycle_per_bank;
    Room room(request.free, request.from_top, alignment);
    Room apart(request.free_weights, request.from_top, alignment);
    (plan_.weight_room_ ? apart : room).take(out.weights);
    room.take(out.inputs);
    room.take(out.outputs);
    room.take(out.sums);
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
    // Channels lie innermost, those of convolution groups side by side: a part of them is a row.
    const bool together = work.group_layout == GroupLayout::channels;
    const auto row_of = [&](DataType type, std::int64_t channels, std::int64_t all) {
        const std::int64_t taken = channels * (together ? sizes_.g : 1);
        return taken < all * (together ? work.g : 1) ? bytes(type, taken) : 0;
    };
    found.input_row = row_of(work.first_type, sizes_.c, work.c);
    found.inputs = bytes(work.first_type, part_.g * part_.n * part_.c * rows * columns);
    const std::int64_t sharing =
        ceil_div(work.groups_sharing_second, std::min(sizes_.g, work.groups_sharing_second));
    found.weights = plan_.stored_bytes(
        bytes(work.second_type, ceil_div(part_.g, work.groups_sharing_second) * sharing * part_.k *
                                    part_.c * work.r * work.s));
    const std::int64_t outer = row_of(work.output_type, sizes_.k, work.k);
    const Placement& target = request.outputs[0];
    if (!ContractionPlan::on_chip(target)) {
        const Tiling all{
            .g = part_.g, .n = part_.n, .p = part_.p, .q = part_.q, .k = part_.k, .c = 1};
        found.once.add_written(target.region.memory.index(),
                               padded(target, plan_.output_bytes(all), outer), sizes_.cores);
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
    known = {.time = all.time(plan_.npu_), .core_bytes = all.core_bytes};
    return *known;
}

Time SizedTiles::memory_time(Order order) { return moved(order).time; }

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
    add(plan_.request_.inputs[0], plan_.input_bytes(sizes));
    add(plan_.request_.inputs[1], plan_.weight_bytes(sizes));
    ends += latency;
    latency = Time::zero();
    add(plan_.request_.outputs[0], plan_.output_bytes(sizes));
    return ends + latency;
}

Time SizedTiles::ends() {
    if (!ends_) ends_ = ends_time();
    return *ends_;
}

std::optional<Time> SizedTiles::cost_below(Time limit, Order order, int buffers) {
    const NpuSpec& spec = plan_.npu_.spec();
    const Time memory = memory_time(order);
    const Time arrival = ends();
    const Time ends = arrival + spec.clock.cycles(kTileCycles * cuts_.steps());
    const auto below = [&](Time cost) {
        return cost < limit ? std::optional<Time>(cost) : std::nullopt;
    };
    if (buffers < 2) {
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
    const Time ports = spec.clock.cycles(
        port_cycles(spec, products.moved_bytes + fused.moved_bytes + moved(order).core_bytes));
    longest = std::max({longest, spec.clock.cycles(products.cycles), ports});
    return below(longest + ends + fused.last_tile);
}

}  // namespace perfwatt::npu

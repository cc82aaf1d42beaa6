#include <algorithm>
#include <tuple>

#include "models/npu/emit.h"
#include "models/npu/emit_parts.h"
#include "sim/base/diagnostics.h"
#include "sim/base/math.h"

namespace perfwatt::npu {
namespace {

/// One tile: a range of every dimension of the whole contraction.
struct Tile {
    Range g, n, p, q, k, c;
    friend bool operator==(const Tile&, const Tile&) = default;
};

/// Emits one core's share of a contraction.
class ContractionEmitter {
    /// The tile of an operand that was fetched last, and how many were before it.
    using Key = std::tuple<std::int64_t, std::int64_t, std::int64_t>;
    struct Fetched {
        Key key{-1, -1, -1};
        std::int64_t count = -1;
    };

  public:
    ContractionEmitter(const ContractionPlan& plan, const Tiling& tiling, const TileLayout& layout,
                       int core, LayerId layer, ProgramBuilder& program)
        : plan_(plan),
          work_(plan.work()),
          tiling_(tiling),
          layout_(layout),
          units_{plan.npu().spec().dma.engines, core},
          core_(core),
          layer_(layer),
          program_(program) {
        const MappingRequest& request = plan.request();
        const auto& inputs = request.kernel->inputs;
        input_base_ = whole(request.inputs[0], inputs[0].bytes);
        share_base_ = weight_base_ = whole(request.inputs[1], inputs[1].bytes);
        if (request.inputs[1].parts > 1)
            share_base_.address += core * request.inputs[1].buffer.bytes;
        output_base_ = whole(request.outputs[0], request.kernel->outputs[0].bytes);
        bool on_chip = false;
        for (std::size_t i = 0; i < inputs.size(); ++i)  // weights that stay were always there
            on_chip = on_chip ||
                      (ContractionPlan::on_chip(request.inputs[i]) && !is_trained(inputs[i].role));
        if (on_chip) barrier_ = last_commands(program, units_);
        if (plan.output_on_chip()) output_place_ = request.outputs[0].buffer;
    }

    void run() {
        const Contraction share = plan_.share(tiling_);
        const auto cut = [&](std::int64_t total, std::int64_t part, std::int64_t size,
                             Split split) {
            const Range mine =
                tiling_.split == split ? part_of(total, part, core_) : Range{0, total};
            return ranges(mine, std::min(size, std::max<std::int64_t>(1, mine.size)));
        };
        const auto gs = cut(work_.g, share.g, tiling_.g, Split::g);
        const auto ns = cut(work_.n, share.n, tiling_.n, Split::n);
        const auto ps = cut(work_.p, share.p, tiling_.p, Split::p);
        const auto qs = ranges({0, work_.q}, tiling_.q);
        const auto ks = cut(work_.k, share.k, tiling_.k, Split::k);
        if (gs.empty() || ns.empty() || ps.empty() || ks.empty()) return;
        fetch_whole_extras();
        const auto planes = [&](const Range& g, auto&& body) {
            for (const Range& n : ns)
                for (const Range& p : ps)
                    for (const Range& q : qs)
                        body(Tile{.g = g, .n = n, .p = p, .q = q, .k = {}, .c = {}});
        };
        for (const Range& g : gs) {
            if (tiling_.order == Order::weights_outer) {
                for (const Range& k : ks)
                    planes(g, [&](Tile tile) {
                        tile.k = k;
                        output(tile);
                    });
            } else {
                planes(g, [&](Tile tile) {
                    for (const Range& k : ks) {
                        tile.k = k;
                        output(tile);
                    }
                });
            }
        }
    }

  private:
    static Tiling sizes_of(const Tile& tile) {
        return {.g = tile.g.size,
                .n = tile.n.size,
                .p = tile.p.size,
                .q = tile.q.size,
                .k = tile.k.size,
                .c = tile.c.size};
    }

    /// All steps of the reduction for one tile of outputs, then its way out.
    void output(Tile tile) {
        const auto cs = ranges({0, work_.c}, tiling_.c);
        tile.c = cs.front();
        Contract last;
        const std::int64_t output_bytes = plan_.output_bytes(sizes_of(tile));
        const Buffer target = output_buffer(output_bytes);
        const Buffer extras = fetch_extras(tile);
        for (std::size_t i = 0; i < cs.size(); ++i) {
            tile.c = cs[i];
            Contract step = plan_.contract(sizes_of(tile));
            step.first_k_tile = i == 0;
            step.last_k_tile = i + 1 == cs.size();
            step.gated_macs = plan_.gated_macs(step);
            step.second = weights(tile);
            step.first = input(tile);
            step.output = target;
            if (layout_.sums.count > 0 && !step.last_k_tile)
                step.output = layout_.sums.at(outputs_, layout_.sums.bytes);
            add(units_.matrix(), step);
        }
        if (plan_.has_epilogue()) {
            Vector fused =
                plan_.epilogue(tile.g.size * tile.n.size * tile.p.size * tile.q.size * tile.k.size);
            fused.input = extras.bytes > 0 ? extras : target;
            fused.output = target;
            add(units_.vector(), fused);
        }
        if (!plan_.output_on_chip()) store(tile, target);
        ++outputs_;
    }

    Buffer output_buffer(std::int64_t size) {
        if (layout_.outputs.count > 0) return layout_.outputs.at(outputs_, size);
        // On chip, tiles follow each other in the order they are made.
        const std::int64_t begin = std::min(made_, output_place_.bytes);
        made_ += size;
        return {.address = output_place_.address + begin,
                .bytes = std::min(size, output_place_.bytes - begin)};
    }

    Range input_range(const Range& out, std::int64_t outputs, std::int64_t inputs,
                      std::int64_t taps, std::int64_t stride, std::int64_t dilation) const {
        const std::int64_t window = (taps - 1) * dilation + 1;
        const std::int64_t padding =
            std::max<std::int64_t>(0, (outputs - 1) * stride + window - inputs);
        const std::int64_t from = out.begin * stride - padding / 2;
        const std::int64_t to = (out.end() - 1) * stride - padding / 2 + window;
        const std::int64_t begin = std::clamp<std::int64_t>(from, 0, inputs - 1);
        return {begin, std::clamp<std::int64_t>(to, begin + 1, inputs) - begin};
    }

    Buffer input(const Tile& tile) {
        const PlaneTile part{.g = tile.g,
                             .n = tile.n,
                             .h = input_range(tile.p, work_.p, work_.input_h, work_.r,
                                              work_.stride_h, work_.dilation_h),
                             .w = input_range(tile.q, work_.q, work_.input_w, work_.s,
                                              work_.stride_w, work_.dilation_w),
                             .c = tile.c};
        const Plane plane{.groups = work_.g,
                          .batch = work_.n,
                          .height = work_.input_h,
                          .width = work_.input_w,
                          .channels = work_.c,
                          .layout = work_.group_layout,
                          .bits = bits(work_.first_type),
                          .order = plan_.npu().spec().activations};
        const Region region = coded(plan_.request().kernel->inputs[0], plane, part, input_base_);
        if (plan_.input_on_chip())
            return on_chip_part(region, input_base_, plan_.request().inputs[0].buffer);
        return fetch(region, layout_.inputs, inputs_, units_.read(1));
    }

    /// Weights are stored in the order of their tiles, ahead of time; a second activation lies as
    /// its producer left it: groups, output channels, reduction.
    Buffer weights(const Tile& tile) {
        const std::int64_t taps = work_.r * work_.s;
        const std::int64_t sharing = work_.groups_sharing_second;
        const std::int64_t group = tile.g.begin / sharing;
        const std::int64_t groups = ceil_div(tile.g.end(), sharing) - group;
        Region region;
        if (groups > 1 && (tile.k.size < work_.k || tile.c.size < work_.c)) {
            const Plane plane{.groups = work_.g / sharing,
                              .batch = 1,
                              .height = 1,
                              .width = 1,
                              .channels = work_.k * work_.c * taps,
                              .layout = GroupLayout::outermost,
                              .bits = bits(work_.second_type)};
            const std::int64_t slice = tile.k.size * tile.c.size * taps;
            const std::int64_t at = (tile.k.begin * work_.c + tile.k.size * tile.c.begin) * taps;
            region = region_of(
                plane,
                {.g = {group, groups}, .n = {0, 1}, .h = {0, 1}, .w = {0, 1}, .c = {at, slice}},
                weight_base_);
        } else {
            const std::int64_t at =
                (group * work_.k * work_.c + tile.k.begin * work_.c + tile.k.size * tile.c.begin) *
                taps;
            region = weight_base_;
            const int width = bits(work_.second_type);
            if (at > 0) region.address += plan_.stored_bytes(at * width / 8);
            region.row_bytes = region.pitch_bytes =
                plan_.stored_bytes(to_bytes(groups * tile.k.size * tile.c.size * taps, width));
        }
        region = within(region, weight_base_);
        if (plan_.weights_on_chip())
            return on_chip_part(region, share_base_, plan_.request().inputs[1].buffer);
        return fetch(region, layout_.weights, weights_, units_.read(0));
    }

    /// The buffer of an operand's tile, loaded unless the tile before it was the same.
    Buffer fetch(const Region& region, const TileBuffers& tiles, Fetched& last, UnitId unit) {
        const Key key(region.address, region.row_bytes, region.rows);
        if (key != last.key) {
            last.key = key;
            const Buffer buffer = tiles.at(++last.count, region.bytes());
            program_.add(unit, layer_, Load{region, fitted(buffer, tiles)});
        }
        return tiles.at(last.count, region.bytes());
    }

    void fetch_whole_extras() {
        std::int64_t at = layout_.whole_extras.address;
        const MappingRequest& request = plan_.request();
        for (std::size_t i = 2; i < request.inputs.size(); ++i) {
            const std::int64_t size = request.kernel->inputs[i].bytes;
            if (ContractionPlan::on_chip(request.inputs[i]) || !plan_.is_whole_extra(i)) continue;
            program_.add(units_.read(0), layer_, Load{whole(request.inputs[i], size), {at, size}});
            at += size;
        }
    }

    /// Of a map whose zeros are coded, what a part takes.
    static Region coded(const Operand& operand, const Plane& plane, const PlaneTile& part,
                        const Region& base) {
        Region plain = base;
        if (operand.plain_bytes > 0) plain.row_bytes = plain.pitch_bytes = operand.plain_bytes;
        Region region = within(region_of(plane, part, plain), plain);
        if (operand.plain_bytes == 0) return region;
        region.address = base.address +
                         ContractionPlan::as_stored(operand, region.address - base.address + 1) - 1;
        region.row_bytes = ContractionPlan::as_stored(operand, region.row_bytes);
        region.pitch_bytes = ContractionPlan::as_stored(operand, region.pitch_bytes);
        return within(region, base);
    }

    Region output_region(const Tile& tile, const Operand& operand, const Region& base,
                         int element_bits) const {
        const Plane plane{.groups = work_.g,
                          .batch = work_.n,
                          .height = work_.p,
                          .width = work_.q,
                          .channels = work_.k,
                          .layout = work_.group_layout,
                          .bits = element_bits,
                          .order = plan_.npu().spec().activations};
        return coded(operand, plane,
                     {.g = tile.g, .n = tile.n, .h = tile.p, .w = tile.q, .c = tile.k}, base);
    }

    /// Fused operands of the output's shape that lie in memory.
    Buffer fetch_extras(const Tile& tile) {
        if (layout_.extras.count == 0) return {};
        const MappingRequest& request = plan_.request();
        const Buffer room = layout_.extras.at(outputs_, layout_.extras.bytes);
        std::int64_t used = 0;
        for (std::size_t i = 2; i < request.inputs.size(); ++i) {
            if (ContractionPlan::on_chip(request.inputs[i]) || plan_.is_whole_extra(i)) continue;
            const Region base = whole(request.inputs[i], request.kernel->inputs[i].bytes);
            const auto element_bits = static_cast<int>(base.bytes() * 8 / work_.output_elements());
            Region region =
                output_region(tile, request.kernel->inputs[i], base, std::max(1, element_bits));
            const std::int64_t size = std::min(region.bytes(), room.bytes - used);
            if (size <= 0) break;
            if (size < region.bytes()) {
                region.row_bytes = region.pitch_bytes = size;
                region.rows = 1;
            }
            program_.add(units_.read(1), layer_, Load{region, {room.address + used, size}});
            used += size;
        }
        return {.address = room.address, .bytes = used};
    }

    /// Pooled results are one run of positions, of which a tile may finish none.
    void store_pooled(const Tile& tile, const Buffer& source) {
        const std::int64_t from = tile.p.begin * work_.q + tile.q.begin;
        const std::int64_t to = (tile.p.end() - 1) * work_.q + tile.q.end();
        const Range done{plan_.left_after(from), plan_.left_after(to) - plan_.left_after(from)};
        if (done.size <= 0) return;
        const Plane plane{.groups = work_.g,
                          .batch = work_.n,
                          .height = plan_.left_positions(),
                          .width = 1,
                          .channels = work_.k,
                          .layout = work_.group_layout,
                          .bits = bits(work_.output_type),
                          .order = plan_.npu().spec().activations};
        const Region region =
            coded(plan_.request().kernel->outputs[0], plane,
                  {.g = tile.g, .n = tile.n, .h = done, .w = {0, 1}, .c = tile.k}, output_base_);
        program_.add(units_.write(0), layer_, Store{{source.address, region.bytes()}, region});
    }

    void store(const Tile& tile, const Buffer& source) {
        if (plan_.left_positions() != work_.p * work_.q) {
            store_pooled(tile, source);
            return;
        }
        const Region region = output_region(tile, plan_.request().kernel->outputs[0], output_base_,
                                            bits(work_.output_type));
        program_.add(units_.write(0), layer_, Store{{source.address, region.bytes()}, region});
    }

    static Buffer fitted(const Buffer& buffer, const TileBuffers& room) {
        PERFWATT_CHECK(buffer.bytes <= room.bytes, "a tile larger than its buffer");
        return buffer;
    }

    /// The first command of each compute unit waits for what earlier kernels left to do.
    template <class Work>
    void add(UnitId unit, Work work) {
        const bool first = unit == units_.matrix() ? !matrix_begun_ : !vector_begun_;
        if constexpr (std::is_same_v<Work, Contract>)
            work.preloaded = !first && tiling_.buffers > 1;
        (unit == units_.matrix() ? matrix_begun_ : vector_begun_) = true;
        program_.add(unit, layer_, work, first ? barrier_ : std::vector<CommandId>{});
    }

    const ContractionPlan& plan_;
    const Contraction& work_;
    const Tiling& tiling_;
    const TileLayout& layout_;
    CoreUnits units_;
    int core_;
    LayerId layer_;
    ProgramBuilder& program_;
    Region input_base_, weight_base_, output_base_;
    Region share_base_;  ///< of this core's weights
    Buffer output_place_;
    std::vector<CommandId> barrier_;
    Fetched inputs_;
    Fetched weights_;
    std::int64_t outputs_ = 0;
    std::int64_t made_ = 0;
    bool matrix_begun_ = false;
    bool vector_begun_ = false;
};

}  // namespace

void emit_contraction(const ContractionPlan& plan, const Tiling& tiling, LayerId layer,
                      ProgramBuilder& program) {
    const auto layout = plan.layout(tiling);
    PERFWATT_CHECK(std::holds_alternative<TileLayout>(layout),
                   "emitting a tiling that does not fit");
    for (int core = 0; core < tiling.cores; ++core)
        ContractionEmitter(plan, tiling, std::get<TileLayout>(layout), core, layer, program).run();
}

}  // namespace perfwatt::npu

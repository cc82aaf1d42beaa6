#include "models/npu/emit.h"

#include <algorithm>
#include <tuple>

#include "sim/base/math.h"

namespace perfwatt::npu {
namespace {

struct Range {
    std::int64_t begin = 0, size = 0;
    [[nodiscard]] std::int64_t end() const { return begin + size; }
    friend bool operator==(const Range&, const Range&) = default;
};

/// One tile: a range of every dimension of the whole contraction.
struct Tile {
    Range g, n, p, q, k, c;
    friend bool operator==(const Tile&, const Tile&) = default;
};

/// An activation in memory: groups outermost or among the channels, then batch, rows, columns, and
/// channels innermost, so that rows of a plane are contiguous.
struct Plane {
    std::int64_t groups = 1, batch = 1, height = 1, width = 1, channels = 1;
    GroupLayout layout = GroupLayout::outermost;
    int bits = 8;
};

struct PlaneTile {
    Range g, n, h, w, c;
};

std::int64_t to_bytes(std::int64_t elements, int bits) { return (elements * bits + 7) / 8; }

/// The bytes of a tile of a plane: one run where the layout permits, else rows of one pitch.
Region region_of(const Plane& plane, const PlaneTile& tile, const Region& base) {
    const bool inner = plane.layout == GroupLayout::channels;
    const std::int64_t all_channels = inner ? plane.groups * plane.channels : plane.channels;
    const std::int64_t channel =
        inner ? tile.g.begin * plane.channels + tile.c.begin : tile.c.begin;
    const std::int64_t channels = inner ? tile.g.size * tile.c.size : tile.c.size;
    const std::int64_t groups = inner ? 1 : tile.g.size;
    const std::int64_t group = inner ? 0 : tile.g.begin;
    const std::int64_t image = plane.height * plane.width;
    const std::int64_t positions = tile.h.size * tile.w.size;

    const std::int64_t first =
        (((group * plane.batch + tile.n.begin) * plane.height + tile.h.begin) * plane.width +
         tile.w.begin) *
            all_channels +
        channel;
    Region out = base;
    out.address = base.address + first * plane.bits / 8;
    const bool whole_images = positions == image;
    if (channels == all_channels && (whole_images || groups * tile.n.size == 1)) {
        // Columns are cut only within one row, so a tile of whole channels is one run.
        out.row_bytes = to_bytes(groups * tile.n.size * positions * channels, plane.bits);
        out.rows = 1;
        if (tile.w.size < plane.width && tile.h.size > 1) {
            out.row_bytes = to_bytes(tile.w.size * channels, plane.bits);
            out.rows = tile.h.size;
            out.pitch_bytes = to_bytes(plane.width * channels, plane.bits);
            return out;
        }
        out.pitch_bytes = out.row_bytes;
        return out;
    }
    if (channels == all_channels) {  // part of each of several images
        out.row_bytes = to_bytes(positions * channels, plane.bits);
        out.rows = groups * tile.n.size;
        out.pitch_bytes = to_bytes(image * channels, plane.bits);
        return out;
    }
    out.row_bytes = to_bytes(channels, plane.bits);
    out.rows = groups * tile.n.size * positions;
    out.pitch_bytes = to_bytes(all_channels, plane.bits);
    return out;
}

std::int64_t end_of(const Region& region) {
    return region.address + (region.rows - 1) * region.pitch_bytes + region.row_bytes;
}

/// Keeps rows that rounding of narrow types or of odd sizes pushes out within the tensor.
Region within(Region region, const Region& base) {
    const std::int64_t limit = base.address + base.bytes();
    region.row_bytes = std::max<std::int64_t>(1, std::min(region.row_bytes, base.bytes()));
    if (region.rows > 1) region.pitch_bytes = std::max(region.pitch_bytes, region.row_bytes);
    const std::int64_t over = end_of(region) - limit;
    if (over > 0) region.address = std::max(base.address, region.address - over);
    if (end_of(region) > limit) {  // rows of a pitch that the tensor does not hold: make it one run
        region.row_bytes = std::min(region.bytes(), base.bytes());
        region.rows = 1;
        region.pitch_bytes = region.row_bytes;
        region.address = base.address;
    }
    return region;
}

/// Where a region of a tensor in memory would lie in its place on chip.
Buffer on_chip_part(const Region& part, const Region& base, const Buffer& place) {
    const std::int64_t begin =
        std::clamp<std::int64_t>(part.address - base.address, 0, place.bytes);
    const std::int64_t size = std::min(end_of(part) - part.address, place.bytes - begin);
    return {.address = place.address + begin, .bytes = size};
}

Region whole(const Placement& placement, std::int64_t bytes) {
    Region region = placement.region;
    region.row_bytes = bytes;
    region.rows = 1;
    region.pitch_bytes = bytes;
    return region;
}

/// The last commands of a core's units so far: a kernel that reads what an earlier one left on chip
/// waits for them, because tiles of two kernels do not cut a tensor at the same places.
std::vector<CommandId> last_commands(const Program& program, const CoreUnits& units) {
    std::vector<CommandId> found;
    bool matrix = false;
    bool vector = false;
    for (std::size_t i = program.commands.size(); i-- > 0 && !(matrix && vector);) {
        const UnitId unit = program.commands[i].unit;
        bool* seen = unit == units.matrix() ? &matrix : unit == units.vector() ? &vector : nullptr;
        if (seen == nullptr || *seen) continue;
        *seen = true;
        found.push_back({static_cast<std::int32_t>(i)});
    }
    std::sort(found.begin(), found.end());
    return found;
}

std::vector<Range> ranges(Range whole, std::int64_t size) {
    std::vector<Range> found;
    for (std::int64_t at = whole.begin; at < whole.end(); at += size)
        found.push_back({at, std::min(size, whole.end() - at)});
    return found;
}

Range part_of(std::int64_t total, std::int64_t share, int core) {
    const std::int64_t begin = std::min(total, share * core);
    return {begin, std::min(share, total - begin)};
}

/// Emits one core's share of a contraction.
class ContractionEmitter {
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
        weight_base_ = whole(request.inputs[1], inputs[1].bytes);
        output_base_ = whole(request.outputs[0], request.kernel->outputs[0].bytes);
        bool on_chip = false;
        for (const Placement& placement : request.inputs)
            on_chip = on_chip || ContractionPlan::on_chip(placement);
        if (on_chip) barrier_ = last_commands(program.program(), units_);
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
                          .bits = bits(work_.first_type)};
        const Region region = within(region_of(plane, part, input_base_), input_base_);
        if (plan_.input_on_chip())
            return on_chip_part(region, input_base_, plan_.request().inputs[0].buffer);
        const auto key = std::tuple(region.address, region.row_bytes, region.rows);
        if (key != input_key_) {
            input_key_ = key;
            const Buffer buffer = layout_.inputs.at(++inputs_, region.bytes());
            program_.add(units_.read(1), layer_, Load{region, fitted(buffer, layout_.inputs)});
        }
        return layout_.inputs.at(inputs_, region.bytes());
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
            region.address += at * bits(work_.second_type) / 8;
            region.row_bytes = region.pitch_bytes =
                to_bytes(groups * tile.k.size * tile.c.size * taps, bits(work_.second_type));
        }
        region = within(region, weight_base_);
        if (plan_.weights_on_chip())
            return on_chip_part(region, weight_base_, plan_.request().inputs[1].buffer);
        const auto key = std::tuple(region.address, region.row_bytes, region.rows);
        if (key != weight_key_) {
            weight_key_ = key;
            const Buffer buffer = layout_.weights.at(++weights_, region.bytes());
            program_.add(units_.read(0), layer_, Load{region, fitted(buffer, layout_.weights)});
        }
        return layout_.weights.at(weights_, region.bytes());
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

    Region output_region(const Tile& tile, const Region& base, int element_bits) const {
        const Plane plane{.groups = work_.g,
                          .batch = work_.n,
                          .height = work_.p,
                          .width = work_.q,
                          .channels = work_.k,
                          .layout = work_.group_layout,
                          .bits = element_bits};
        return within(
            region_of(plane, {.g = tile.g, .n = tile.n, .h = tile.p, .w = tile.q, .c = tile.k},
                      base),
            base);
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
            Region region = output_region(tile, base, std::max(1, element_bits));
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

    void store(const Tile& tile, const Buffer& source) {
        const Region region = output_region(tile, output_base_, bits(work_.output_type));
        program_.add(units_.write(0), layer_, Store{{source.address, region.bytes()}, region});
    }

    static Buffer fitted(const Buffer& buffer, const TileBuffers& room) {
        PERFWATT_CHECK(buffer.bytes <= room.bytes, "a tile larger than its buffer");
        return buffer;
    }

    /// The first command of each compute unit waits for what earlier kernels left to do.
    template <class Work>
    void add(UnitId unit, const Work& work) {
        const bool first = unit == units_.matrix() ? !matrix_begun_ : !vector_begun_;
        (unit == units_.matrix() ? matrix_begun_ : vector_begun_) = true;
        program_.add(unit, layer_, work, first ? barrier_ : std::vector<CommandId>{});
    }

    using Key = std::tuple<std::int64_t, std::int64_t, std::int64_t>;

    const ContractionPlan& plan_;
    const Contraction& work_;
    const Tiling& tiling_;
    const TileLayout& layout_;
    CoreUnits units_;
    int core_;
    LayerId layer_;
    ProgramBuilder& program_;
    Region input_base_, weight_base_, output_base_;
    Buffer output_place_;
    std::vector<CommandId> barrier_;
    Key input_key_{-1, -1, -1};
    Key weight_key_{-1, -1, -1};
    std::int64_t inputs_ = -1;
    std::int64_t weights_ = -1;
    std::int64_t outputs_ = 0;
    std::int64_t made_ = 0;
    bool matrix_begun_ = false;
    bool vector_begun_ = false;
};

/// Emits one core's share of work without a contraction.
class StreamEmitter {
  public:
    StreamEmitter(const StreamPlan& plan, const StreamCut& cut, const StreamLayout& layout,
                  int core, LayerId layer, ProgramBuilder& program)
        : plan_(plan),
          request_(plan.request()),
          kernel_(*plan.request().kernel),
          cut_(cut),
          layout_(layout),
          units_{plan.npu().spec().dma.engines, core},
          core_(core),
          layer_(layer),
          program_(program) {
        for (const Placement& placement : request_.inputs)
            if (placement.where == Placement::Where::on_chip)
                barrier_ = last_commands(program.program(), units_);
    }

    void run() {
        if (std::holds_alternative<Move>(kernel_.work)) {
            move();
            return;
        }
        std::int64_t at = layout_.whole_address;
        const std::int64_t alignment = plan_.npu().on_chip().alignment;
        for (std::size_t i = 0; i < kernel_.inputs.size(); ++i) {
            if (!plan_.fetched(i) || !plan_.whole(i)) continue;
            const std::int64_t size = plan_.read_bytes(i);
            program_.add(units_.read(0), layer_, Load{whole(request_.inputs[i], size), {at, size}});
            at += round_up(size, alignment);
        }
        for (std::int64_t piece = 0; piece < cut_.pieces; ++piece) compute(piece);
    }

  private:
    [[nodiscard]] std::int64_t parts() const { return cut_.pieces * cut_.cores; }

    /// Piece `piece` of this core of `total` bytes.
    [[nodiscard]] Range slice(std::int64_t total, std::int64_t piece) const {
        const std::int64_t size = ceil_div(total, parts());
        return part_of(total, size, static_cast<int>(core_ * cut_.pieces + piece));
    }

    [[nodiscard]] std::int64_t buffer(std::int64_t piece) const {
        return layout_.address[static_cast<std::size_t>(cut_.buffers > 1 ? piece % 2 : 0)];
    }

    static Region run_of(const Placement& placement, const Range& range) {
        Region region = placement.region;
        region.address += range.begin;
        region.row_bytes = region.pitch_bytes = range.size;
        region.rows = 1;
        return region;
    }

    static Buffer part_on_chip(const Placement& placement, const Range& range) {
        return {.address = placement.buffer.address + std::min(range.begin, placement.buffer.bytes),
                .bytes = std::max<std::int64_t>(
                    0, std::min(range.size, placement.buffer.bytes - range.begin))};
    }

    void compute(std::int64_t piece) {
        const std::int64_t alignment = plan_.npu().on_chip().alignment;
        const std::int64_t begin = buffer(piece);
        std::int64_t at = begin;
        Buffer on_chip;
        for (std::size_t i = 0; i < kernel_.inputs.size(); ++i) {
            if (plan_.whole(i)) continue;
            const Range range = slice(plan_.read_bytes(i), piece);
            if (!plan_.fetched(i)) {
                if (on_chip.bytes == 0) on_chip = part_on_chip(request_.inputs[i], range);
                continue;
            }
            if (range.size > 0)
                program_.add(units_.read(1), layer_,
                             Load{run_of(request_.inputs[i], range), {at, range.size}});
            at += round_up(range.size, alignment);
        }
        Vector work = plan_.vector(parts());
        work.input = at > begin ? Buffer{begin, at - begin} : on_chip;
        std::int64_t out = begin + layout_.output_offset;
        const std::int64_t out_begin = out;
        Buffer kept;
        std::vector<std::pair<std::size_t, Range>> stores;
        for (std::size_t i = 0; i < kernel_.outputs.size(); ++i) {
            const Range range = slice(plan_.written_bytes(i), piece);
            if (!plan_.stored(i)) {
                if (kept.bytes == 0) kept = part_on_chip(request_.outputs[i], range);
                continue;
            }
            stores.emplace_back(i, range);
            out += round_up(range.size, alignment);
        }
        work.output = out > out_begin ? Buffer{out_begin, out - out_begin} : kept;
        add_vector(work);
        out = out_begin;
        for (const auto& [i, range] : stores) {
            if (range.size > 0)
                program_.add(units_.write(0), layer_,
                             Store{{out, range.size}, run_of(request_.outputs[i], range)});
            out += round_up(range.size, alignment);
        }
    }

    void add_vector(const Vector& work) {
        program_.add(units_.vector(), layer_, work, begun_ ? std::vector<CommandId>{} : barrier_);
        begun_ = true;
    }

    /// Rows of run_bytes out of a larger tensor, one of every `of` pieces' rows after the other, so
    /// that all pieces together cover it.
    [[nodiscard]] Region strided(const Placement& placement, std::int64_t total,
                                 const Range& range) const {
        const std::int64_t run = plan_.run_bytes();
        const std::int64_t rows = run > 0 ? range.size / run : 0;
        if (rows < 2 || range.size % run != 0) return run_of(placement, range);
        Region region = placement.region;
        region.row_bytes = run;
        region.rows = rows;
        region.pitch_bytes = std::max(run, total / rows / run * run);
        region.address +=
            std::min(range.begin / (rows * run) * run,
                     std::max<std::int64_t>(0, total - (rows - 1) * region.pitch_bytes - run));
        return region;
    }

    void move() {
        std::int64_t written = 0;  // of the output, by the inputs before this one
        const std::int64_t total_out = plan_.written_bytes(0);
        const std::int64_t place = kernel_.outputs[0].bytes;
        for (std::size_t i = 0; i < kernel_.inputs.size(); ++i) {
            const std::int64_t total = std::min(plan_.read_bytes(i), total_out - written);
            if (total <= 0) continue;
            for (std::int64_t piece = 0; piece < cut_.pieces; ++piece) {
                const Range range = slice(total, piece);
                if (range.size > 0) move_piece(i, piece, range, written, place);
            }
            written += total;
        }
    }

    void move_piece(std::size_t input, std::int64_t piece, const Range& range, std::int64_t written,
                    std::int64_t place) {
        const Placement& from = request_.inputs[input];
        const Placement& to = request_.outputs[0];
        const Range target{written + range.begin, range.size};
        const Region source = strided(from, kernel_.inputs[input].bytes, range);
        const bool scattered = place > plan_.written_bytes(0);
        const Region sink = scattered ? strided(to, place, target) : run_of(to, target);
        if (!plan_.fetched(input) && !plan_.stored(0)) {
            Vector work = plan_.vector(parts());
            work.elements = work.read_bytes = work.write_bytes = range.size;
            work.operations = std::max<std::int64_t>(
                1, work.operations * range.size /
                       std::max<std::int64_t>(
                           1, ceil_div(std::get<Move>(kernel_.work).bytes, parts())));
            work.input = part_on_chip(from, range);
            work.output = part_on_chip(to, target);
            add_vector(work);
        } else if (plan_.fetched(input) && !plan_.stored(0)) {
            program_.add(units_.read(1), layer_, Load{source, part_on_chip(to, target)});
        } else if (!plan_.fetched(input)) {
            program_.add(units_.write(0), layer_, Store{part_on_chip(from, range), sink}, barrier_);
        } else {
            const Buffer between{buffer(piece), range.size};
            program_.add(units_.read(1), layer_, Load{source, between});
            program_.add(units_.write(0), layer_, Store{between, sink});
        }
    }

    const StreamPlan& plan_;
    const MappingRequest& request_;
    const Kernel& kernel_;
    const StreamCut& cut_;
    const StreamLayout& layout_;
    CoreUnits units_;
    int core_;
    LayerId layer_;
    ProgramBuilder& program_;
    std::vector<CommandId> barrier_;
    bool begun_ = false;
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

void emit_stream(const StreamPlan& plan, const StreamCut& cut, LayerId layer,
                 ProgramBuilder& program) {
    const auto layout = plan.layout(cut);
    PERFWATT_CHECK(std::holds_alternative<StreamLayout>(layout),
                   "emitting a cut that does not fit");
    for (int core = 0; core < cut.cores; ++core)
        StreamEmitter(plan, cut, std::get<StreamLayout>(layout), core, layer, program).run();
}

}  // namespace perfwatt::npu

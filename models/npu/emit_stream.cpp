#include <algorithm>

#include "models/npu/emit.h"
#include "models/npu/emit_parts.h"
#include "sim/base/diagnostics.h"
#include "sim/base/math.h"

namespace perfwatt::npu {
namespace {

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
                barrier_ = last_commands(program, units_);
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

void emit_stream(const StreamPlan& plan, const StreamCut& cut, LayerId layer,
                 ProgramBuilder& program) {
    const auto layout = plan.layout(cut);
    PERFWATT_CHECK(std::holds_alternative<StreamLayout>(layout),
                   "emitting a cut that does not fit");
    for (int core = 0; core < cut.cores; ++core)
        StreamEmitter(plan, cut, std::get<StreamLayout>(layout), core, layer, program).run();
}

}  // namespace perfwatt::npu

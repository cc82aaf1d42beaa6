#include <algorithm>
#include <optional>

#include "models/npu/attention.h"
#include "models/npu/emit_parts.h"
#include "sim/base/diagnostics.h"
#include "sim/base/math.h"

namespace perfwatt::npu {
namespace {

/// Emits one core's share of attention.
class AttentionEmitter {
  public:
    AttentionEmitter(const AttentionPlan& plan, const AttentionCut& cut,
                     const AttentionLayout& layout, int core, LayerId layer,
                     ProgramBuilder& program)
        : plan_(plan),
          work_(plan.work()),
          request_(plan.request()),
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
        const auto mine = [&](std::int64_t total, std::int64_t share, bool split) {
            return split ? part_of(total, share, core_) : Range{0, total};
        };
        const Range groups = mine(plan_.groups(), plan_.group_share(cut_), !cut_.split_queries);
        const Range queries = mine(work_.queries, plan_.query_share(cut_), cut_.split_queries);
        if (groups.size <= 0 || queries.size <= 0) return;
        for (const Range& g : ranges(groups, cut_.g))
            for (const Range& q : ranges(queries, cut_.queries)) rows(g, q);
        finish();
    }

  private:
    /// One block: its scores are made before the block before it is finished, so that the vector
    /// unit works on the one while the matrix unit works on the other.
    struct Block {
        Range g, queries, keys;
        Buffer scores, weights, values, output;
        bool first = false, last = false;
    };

    void rows(const Range& g, const Range& queries) {
        const Buffer input = fetch(0, g, queries, layout_.queries, queries_);
        const Buffer output =
            plan_.stored() ? layout_.outputs.at(outputs_, plan_.output_bytes(g.size, queries.size))
                           : part(request_.outputs[0], plan_.output_bytes(1, work_.queries), g,
                                  plan_.output_bytes(1, queries.begin),
                                  plan_.output_bytes(g.size, queries.size));
        ++outputs_;
        const auto blocks = ranges({0, work_.keys}, cut_.keys);
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            Block block{.g = g,
                        .queries = queries,
                        .keys = blocks[i],
                        .scores = {},
                        .weights = {},
                        .values = {},
                        .output = output,
                        .first = i == 0,
                        .last = i + 1 == blocks.size()};
            begin(block, input);
            if (waiting_) finish();
            waiting_ = block;
        }
    }

    void begin(Block& block, const Buffer& queries) {
        Contract scores = plan_.scores(block.g.size, block.queries.size, block.keys.size);
        scores.first = queries;
        scores.second = fetch(1, block.g, block.keys, layout_.keys, keys_);
        scores.output = layout_.scores.at(blocks_, scores.output.bytes);
        block.values = fetch(2, block.g, block.keys, layout_.values, values_);
        block.scores = scores.output;
        masks(block);
        ++blocks_;
        add(units_.matrix(), scores);
        Vector softmax =
            plan_.softmax(block.g.size, block.queries.size, block.keys.size, !block.first);
        softmax.input = block.scores;
        softmax.output = {block.scores.address, std::min(block.scores.bytes, softmax.write_bytes)};
        block.weights = softmax.output;
        add(units_.vector(), softmax);
    }

    /// The product with the values of the block whose weights are being made.
    void finish() {
        if (!waiting_) return;
        const Block block = *waiting_;
        waiting_.reset();
        Contract values = plan_.values(block.g.size, block.queries.size, block.keys.size);
        values.first_k_tile = block.first;
        values.last_k_tile = block.last;
        values.first = {block.weights.address, std::min(block.weights.bytes, values.first.bytes)};
        values.second = block.values;
        values.output = block.output;
        add(units_.matrix(), values);
        if (!block.last || !plan_.stored()) return;
        program_.add(units_.write(0), layer_,
                     Store{block.output,
                           run(request_.outputs[0], plan_.output_bytes(1, work_.queries), block.g,
                               plan_.output_bytes(1, block.queries.begin), block.output.bytes)});
    }

    /// `size` bytes, `offset` into the first of some groups of `group_bytes`.
    static Region run(const Placement& placement, std::int64_t group_bytes, const Range& g,
                      std::int64_t offset, std::int64_t size) {
        Region region = placement.region;
        region.address += g.begin * group_bytes + offset;
        region.row_bytes = region.pitch_bytes = size;
        region.rows = 1;
        return region;
    }

    static Buffer part(const Placement& placement, std::int64_t group_bytes, const Range& g,
                       std::int64_t offset, std::int64_t size) {
        const std::int64_t at = std::min(g.begin * group_bytes + offset, placement.buffer.bytes);
        return {.address = placement.buffer.address + at,
                .bytes = std::min(size, placement.buffer.bytes - at)};
    }

    struct Fetched {
        std::int64_t group = -1, begin = -1, count = -1;
    };

    /// Queries (0), keys (1) or values (2) of a block, loaded unless they are there.
    Buffer fetch(std::size_t operand, const Range& g, const Range& rows, const TileBuffers& tiles,
                 Fetched& last) {
        const auto size_of = [&](std::int64_t groups, std::int64_t count) {
            return operand == 0   ? plan_.query_bytes(groups, count)
                   : operand == 1 ? plan_.key_bytes(groups, count)
                                  : plan_.value_bytes(groups, count);
        };
        const std::int64_t all = operand == 0 ? work_.queries : work_.keys;
        const Placement& placement = request_.inputs[operand];
        const std::int64_t size = size_of(g.size, rows.size);
        if (!plan_.fetched(operand))
            return part(placement, size_of(1, all), g, size_of(1, rows.begin), size);
        if (last.group != g.begin || last.begin != rows.begin) {
            last.group = g.begin;
            last.begin = rows.begin;
            const Buffer buffer = tiles.at(++last.count, size);
            program_.add(
                units_.read(operand == 0 ? 1 : 0), layer_,
                Load{run(placement, size_of(1, all), g, size_of(1, rows.begin), size), buffer});
        }
        return tiles.at(last.count, size);
    }

    void masks(const Block& block) {
        if (layout_.masks.count == 0) return;
        std::int64_t at = layout_.masks.at(blocks_, 0).address;
        for (std::size_t i = 3; i < request_.inputs.size(); ++i) {
            if (!plan_.fetched(i)) continue;
            const std::int64_t whole = request_.kernel->inputs[i].bytes;
            const std::int64_t size =
                plan_.mask_bytes(i, block.g.size, block.queries.size, block.keys.size);
            const std::int64_t from =
                std::min(whole - size, whole * block.queries.begin / work_.queries);
            program_.add(units_.read(1), layer_,
                         Load{run(request_.inputs[i], 0, {}, from, size), {at, size}});
            at += round_up(size, plan_.npu().on_chip().alignment);
        }
    }

    template <class Work>
    void add(UnitId unit, Work work) {
        constexpr bool contracts = std::is_same_v<Work, Contract>;
        bool& begun = contracts ? matrix_begun_ : vector_begun_;
        if constexpr (contracts) work.preloaded = begun && cut_.buffers > 1;
        program_.add(unit, layer_, work, begun ? std::vector<CommandId>{} : barrier_);
        begun = true;
    }

    const AttentionPlan& plan_;
    const Attention& work_;
    const MappingRequest& request_;
    const AttentionCut& cut_;
    const AttentionLayout& layout_;
    CoreUnits units_;
    int core_;
    LayerId layer_;
    ProgramBuilder& program_;
    std::vector<CommandId> barrier_;
    Fetched queries_, keys_, values_;
    std::int64_t blocks_ = 0;
    std::int64_t outputs_ = 0;
    std::optional<Block> waiting_;
    bool matrix_begun_ = false;
    bool vector_begun_ = false;
};

}  // namespace

void emit_attention(const AttentionPlan& plan, const AttentionCut& cut, LayerId layer,
                    ProgramBuilder& program) {
    const auto layout = plan.layout(cut);
    PERFWATT_CHECK(std::holds_alternative<AttentionLayout>(layout),
                   "emitting a cut that does not fit");
    for (int core = 0; core < cut.cores; ++core)
        AttentionEmitter(plan, cut, std::get<AttentionLayout>(layout), core, layer, program).run();
}

}  // namespace perfwatt::npu

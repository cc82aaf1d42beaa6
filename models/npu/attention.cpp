#include "models/npu/attention.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "models/npu/mapper.h"
#include "models/npu/matrix_timing.h"
#include "models/npu/traffic.h"
#include "models/npu/vector_timing.h"
#include "sim/base/math.h"

namespace perfwatt::npu {
namespace {

constexpr std::int64_t kMostBlocks = 20'000;  ///< more are never worth their commands
constexpr std::int64_t kRefined = 24;         ///< parts tried of a dimension, one by one
constexpr const char* kMisfit = "blocks of attention larger than the free scratchpad";

}  // namespace

Mapping to_mapping(const AttentionCut& cut) {
    return {{"tile_g", std::to_string(cut.g)},       {"tile_queries", std::to_string(cut.queries)},
            {"tile_keys", std::to_string(cut.keys)}, {"split", cut.split_queries ? "queries" : "g"},
            {"cores", std::to_string(cut.cores)},    {"buffers", std::to_string(cut.buffers)}};
}

std::variant<AttentionCut, Infeasible> attention_cut_from(const Mapping& mapping) {
    AttentionCut cut;
    std::int64_t cores = 1;
    std::int64_t buffers = 2;
    const std::array<std::pair<const char*, std::int64_t*>, 5> numbers = {
        {{"tile_g", &cut.g},
         {"tile_queries", &cut.queries},
         {"tile_keys", &cut.keys},
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
        } else if (key == "split" && (value == "g" || value == "queries")) {
            cut.split_queries = value == "queries";
        } else {
            return Infeasible{fmt::format("mapping: '{}: {}' is not understood", key, value)};
        }
    }
    cut.cores = static_cast<int>(std::min<std::int64_t>(cores, 1 << 20));
    cut.buffers = static_cast<int>(std::min<std::int64_t>(buffers, 2));
    return cut;
}

AttentionPlan::AttentionPlan(const Npu& npu, const MappingRequest& request)
    : npu_(npu), request_(request), work_(std::get<Attention>(request.kernel->work)) {}

std::int64_t AttentionPlan::group_share(const AttentionCut& cut) const {
    return cut.split_queries ? groups() : ceil_div<std::int64_t>(groups(), cut.cores);
}

std::int64_t AttentionPlan::query_share(const AttentionCut& cut) const {
    return cut.split_queries ? ceil_div<std::int64_t>(work_.queries, cut.cores) : work_.queries;
}

std::int64_t AttentionPlan::query_bytes(std::int64_t g, std::int64_t queries) const {
    return bytes(work_.query_type, g * work_.groups_sharing * queries * work_.head_dim);
}

std::int64_t AttentionPlan::key_bytes(std::int64_t g, std::int64_t keys) const {
    return bytes(work_.cache_type, g * keys * work_.head_dim);
}

std::int64_t AttentionPlan::value_bytes(std::int64_t g, std::int64_t keys) const {
    return bytes(work_.cache_type, g * keys * work_.value_dim);
}

std::int64_t AttentionPlan::output_bytes(std::int64_t g, std::int64_t queries) const {
    return bytes(work_.output_type, g * work_.groups_sharing * queries * work_.value_dim);
}

/// A mask is that of one head, the same for all, unless it is as large as all scores.
std::int64_t AttentionPlan::mask_bytes(std::size_t input, std::int64_t g, std::int64_t queries,
                                       std::int64_t keys) const {
    const std::int64_t whole = request_.kernel->inputs[input].bytes;
    const std::int64_t all = work_.g * work_.queries * work_.keys;
    const bool of_each_head = whole >= bytes(work_.query_type, all);
    const std::int64_t part =
        of_each_head ? g * work_.groups_sharing * queries * keys : queries * keys;
    const std::int64_t of = of_each_head ? all : work_.queries * work_.keys;
    return std::clamp<std::int64_t>(ceil_div(whole * part, of), 1, whole);
}

Contract AttentionPlan::scores(std::int64_t g, std::int64_t queries, std::int64_t keys) const {
    Contract tile{.m = work_.groups_sharing * queries,
                  .n = keys,
                  .k = work_.head_dim,
                  .repeat = g,
                  .first_type = work_.query_type,
                  .second_type = work_.cache_type};
    tile.useful_macs = tile.m * tile.n * tile.k * tile.repeat;
    tile.first.bytes = query_bytes(g, queries);
    tile.second.bytes = key_bytes(g, keys);
    // Scores keep the width of the sums until the softmax has made weights of them.
    tile.output.bytes = tile.m * tile.n * g * (npu_.spec().matrix.accumulator_bits / 8);
    return tile;
}

Contract AttentionPlan::values(std::int64_t g, std::int64_t queries, std::int64_t keys) const {
    Contract tile{.m = work_.groups_sharing * queries,
                  .n = work_.value_dim,
                  .k = keys,
                  .repeat = g,
                  .first_type = work_.query_type,
                  .second_type = work_.cache_type};
    tile.useful_macs = tile.m * tile.n * tile.k * tile.repeat;
    tile.first.bytes = bytes(work_.query_type, tile.m * tile.k * g);
    tile.second.bytes = value_bytes(g, keys);
    tile.output.bytes = output_bytes(g, queries);
    return tile;
}

Vector AttentionPlan::softmax(std::int64_t g, std::int64_t queries, std::int64_t keys,
                              bool corrects) const {
    const VectorSpec& spec = npu_.spec().vector;
    const std::int64_t rows = g * work_.groups_sharing * queries;
    const DataType type = is_floating(work_.query_type) ? DataType::fp32 : DataType::int32;
    Vector vector{.elements = rows * keys, .type = type};
    vector.operations = lane_operations(spec, work_.steps, vector.elements, type);
    const std::int64_t sum_bytes = npu_.spec().matrix.accumulator_bits / 8;
    vector.read_bytes = vector.elements * sum_bytes;
    vector.write_bytes = bytes(work_.query_type, vector.elements);
    if (corrects) {
        const std::int64_t sums = rows * work_.value_dim;
        vector.operations += lane_operations(spec, {{VectorOp::multiply, 1}}, sums, type);
        vector.operations += lane_operations(
            spec, {{VectorOp::compare, 1}, {VectorOp::exponential, 1}, {VectorOp::multiply, 1}},
            rows, type);
        vector.read_bytes += sums * sum_bytes;
        vector.write_bytes += sums * sum_bytes;
    }
    for (std::size_t i = 3; i < request_.inputs.size(); ++i)
        vector.read_bytes += mask_bytes(i, g, queries, keys);
    return vector;
}

struct AttentionPlan::Blocks {
    Cut g, queries, keys;
    Blocks(const AttentionPlan& plan, const AttentionCut& cut)
        : g(plan.group_share(cut), cut.g),
          queries(plan.query_share(cut), cut.queries),
          keys(plan.work().keys, cut.keys) {}
    [[nodiscard]] std::int64_t count() const { return g.tiles() * queries.tiles() * keys.tiles(); }
    /// How often each key and value is fetched.
    [[nodiscard]] std::int64_t key_uses() const { return keys.tiles() == 1 ? 1 : queries.tiles(); }
};

std::variant<AttentionLayout, Infeasible> AttentionPlan::layout(const AttentionCut& cut) const {
    const Blocks blocks(*this, cut);
    const auto buffers = [&](std::int64_t size, std::int64_t tiles) {
        return TileBuffers{.bytes = size, .count = tiles > 1 ? cut.buffers : 1, .address = {}};
    };
    const std::int64_t g = blocks.g.size;
    const std::int64_t queries = blocks.queries.size;
    const std::int64_t keys = blocks.keys.size;
    const std::int64_t key_tiles = blocks.g.tiles() * blocks.keys.tiles() * blocks.key_uses();
    AttentionLayout out;
    if (fetched(0))
        out.queries = buffers(query_bytes(g, queries), blocks.g.tiles() * blocks.queries.tiles());
    if (fetched(1)) out.keys = buffers(key_bytes(g, keys), key_tiles);
    if (fetched(2)) out.values = buffers(value_bytes(g, keys), key_tiles);
    out.scores = buffers(scores(g, queries, keys).output.bytes, blocks.count());
    if (stored())
        out.outputs = buffers(output_bytes(g, queries), blocks.g.tiles() * blocks.queries.tiles());
    std::int64_t masks = 0;
    const std::int64_t alignment = npu_.on_chip().alignment;
    for (std::size_t i = 3; i < request_.inputs.size(); ++i)
        if (fetched(i)) masks += round_up(mask_bytes(i, g, queries, keys), alignment);
    if (masks > 0) out.masks = buffers(masks, blocks.count());

    Room room(request_.free, request_.from_top, alignment);
    for (TileBuffers* tiles :
         {&out.queries, &out.keys, &out.values, &out.scores, &out.outputs, &out.masks})
        room.take(*tiles);
    if (room.overdrawn()) return Infeasible{kMisfit};
    return out;
}

Time AttentionPlan::memory_time(const AttentionCut& cut) const {
    const Blocks blocks(*this, cut);
    const std::int64_t g = group_share(cut);
    const std::int64_t queries = query_share(cut);
    Traffic traffic;
    const auto add = [&](const Placement& placement, std::int64_t size) {
        if (placement.where == Placement::Where::memory)
            traffic.add_read(placement.region.memory.index(), size, cut.cores);
    };
    add(request_.inputs[0], query_bytes(g, queries));
    add(request_.inputs[1], key_bytes(g, work_.keys) * blocks.key_uses());
    add(request_.inputs[2], value_bytes(g, work_.keys) * blocks.key_uses());
    if (stored())
        traffic.add_written(request_.outputs[0].region.memory.index(), output_bytes(g, queries),
                            cut.cores);
    for (std::size_t i = 3; i < request_.inputs.size(); ++i)
        add(request_.inputs[i],
            mask_bytes(i, blocks.g.size, blocks.queries.size, blocks.keys.size) * blocks.count());
    return traffic.time(npu_);
}

/// Queries and keys of the first block before anything can compute, the last outputs' way out.
Time AttentionPlan::ends_time(const AttentionCut& cut) const {
    const Blocks blocks(*this, cut);
    Time ends;
    Time latency;
    const auto add = [&](const Placement& placement, std::int64_t size) {
        if (placement.where == Placement::Where::on_chip) return;
        const MemoryPort& port = npu_.memories()[placement.region.memory.index()];
        ends += transfer_time(size, port.bytes_per_second);
        latency = std::max(latency, port.latency);
    };
    add(request_.inputs[0], query_bytes(blocks.g.size, blocks.queries.size));
    add(request_.inputs[1], key_bytes(blocks.g.size, blocks.keys.size));
    ends += latency;
    latency = Time::zero();
    add(request_.outputs[0], output_bytes(blocks.g.size, blocks.queries.size));
    return ends + latency;
}

Time AttentionPlan::cost(const AttentionCut& cut) const {
    const NpuSpec& spec = npu_.spec();
    const Blocks blocks(*this, cut);
    const std::int64_t overhead = spec.command_overhead_cycles;
    std::int64_t matrix = 0;
    std::int64_t vector = 0;
    std::int64_t first_scores = 0;
    std::int64_t last_softmax = 0;
    std::int64_t last_values = 0;
    const auto block = [&](std::int64_t g, std::int64_t queries, std::int64_t keys, bool first,
                           bool last, std::int64_t count) {
        if (count <= 0) return;
        Contract product = scores(g, queries, keys);
        product.preloaded = cut.buffers > 1;
        const std::int64_t score = matrix_work(spec, product).cycles() + overhead;
        Contract tile = values(g, queries, keys);
        tile.preloaded = cut.buffers > 1;
        tile.first_k_tile = first;
        tile.last_k_tile = last;
        const std::int64_t value = matrix_work(spec, tile).cycles() + overhead;
        const std::int64_t soft = vector_cycles(spec, softmax(g, queries, keys, !first)) + overhead;
        matrix += count * (score + value);
        vector += count * soft;
        if (first_scores == 0) {
            product.preloaded = false;  // nothing streams before the first
            first_scores = matrix_work(spec, product).cycles() + overhead;
            matrix += first_scores - score;
        }
        last_softmax = soft;
        last_values = value;
    };
    blocks.g.each([&](std::int64_t g, std::int64_t gs) {
        blocks.queries.each([&](std::int64_t queries, std::int64_t qs) {
            const std::int64_t tiles = blocks.keys.tiles();
            const std::int64_t times = gs * qs;
            block(g, queries, blocks.keys.size, true, tiles == 1, times);
            block(g, queries, blocks.keys.size, false, false,
                  times * std::max<std::int64_t>(0, tiles - 2));
            if (tiles > 1) block(g, queries, blocks.keys.last(), false, true, times);
        });
    });
    const Time memory = memory_time(cut);
    const Time transfers = ends_time(cut);
    const Time ends = transfers + spec.clock.cycles(kTileCycles * 2 * blocks.count());
    if (cut.buffers < 2) return spec.clock.cycles(matrix + vector) + memory + ends;
    const Time hidden = memory > transfers ? memory - transfers : Time::zero();
    // The first block's scores and the last one's softmax and values have nothing beside them.
    const Time alone =
        spec.clock.cycles(std::min(matrix, first_scores + last_softmax + last_values));
    const Time busiest = std::max(spec.clock.cycles(matrix) + spec.clock.cycles(last_softmax),
                                  spec.clock.cycles(vector) + alone);
    return std::max(busiest, hidden) + ends;
}

Time AttentionPlan::bound() const {
    const NpuSpec& spec = npu_.spec();
    Time bound =
        transfer_time(work_.macs(), peak_macs_per_second(spec, work_.query_type, work_.cache_type));
    Traffic traffic;
    for (std::size_t i = 0; i < request_.inputs.size(); ++i)
        if (fetched(i))
            traffic.read[request_.inputs[i].region.memory.index()] +=
                request_.kernel->inputs[i].bytes;
    if (stored())
        traffic.written[request_.outputs[0].region.memory.index()] +=
            request_.kernel->outputs[0].bytes;
    bound = std::max(bound, traffic.time(npu_));
    const std::int64_t operations = softmax(groups(), work_.queries, work_.keys, false).operations;
    return std::max(bound, spec.clock.cycles(ceil_div(operations, spec.vector.lanes * spec.cores)));
}

std::variant<MappingChoice, Infeasible> AttentionPlan::map() const {
    MappingChoice choice{
        .mapping = {}, .cost = Time::max(), .bound = bound(), .candidates = 0, .rejected = {}};
    const NpuSpec& spec = npu_.spec();
    const int effort = std::max(1, request_.effort);
    int misfits = 0;
    int slower = 0;
    AttentionCut best;
    const auto consider = [&](const AttentionCut& cut) {
        if (choice.candidates >= effort) return;
        if (Blocks(*this, cut).count() > kMostBlocks ||
            std::holds_alternative<Infeasible>(layout(cut))) {
            ++misfits;
            return;
        }
        ++choice.candidates;
        const Time time = cost(cut);
        if (time < choice.cost) {
            choice.cost = time;
            best = cut;
        } else {
            ++slower;
        }
    };
    const auto of_split = [&](bool split_queries, int cores) {
        AttentionCut cut{.split_queries = split_queries, .cores = cores};
        for (const std::int64_t keys : tile_sizes(work_.keys, spec.matrix.columns)) {
            for (const std::int64_t queries : tile_sizes(query_share(cut), 1)) {
                // Several groups a tile only where each is whole.
                const bool whole = keys == work_.keys && queries == query_share(cut);
                for (const std::int64_t g : tile_sizes(group_share(cut), 1)) {
                    if (g > 1 && !whole) continue;
                    cut.g = g, cut.queries = queries, cut.keys = keys;
                    for (const int buffers : {2, 1}) {
                        cut.buffers = buffers;
                        consider(cut);
                    }
                }
            }
        }
    };
    const int cores = request_.cores > 0 ? std::min(request_.cores, spec.cores) : spec.cores;
    for (int used = cores; used >= 1; used = used > 1 ? (used + 1) / 2 : 0) {
        if (used <= groups()) of_split(false, used);
        if (used > 1 && used <= work_.queries) of_split(true, used);
    }
    // Round the best, sizes that are no quotient of the whole by a power of two.
    const auto refine = [&](std::int64_t AttentionCut::*size, std::int64_t whole) {
        const AttentionCut around = best;
        for (std::int64_t parts = 1; parts <= kRefined; ++parts)
            for (const int buffers : {2, 1}) {
                AttentionCut cut = around;
                cut.*size = ceil_div(whole, parts);
                cut.buffers = buffers;
                if (cut.g == 1 && choice.cost < Time::max()) consider(cut);
            }
    };
    for (int round = 0; round < 2; ++round) {
        refine(&AttentionCut::queries, query_share(best));
        refine(&AttentionCut::keys, work_.keys);
    }
    if (misfits > 0) choice.rejected.emplace_back(kMisfit, misfits);
    if (slower > 0) choice.rejected.emplace_back("slower than the best", slower);
    if (choice.cost == Time::max()) return Infeasible{"no block of it fits the free scratchpad"};
    choice.mapping = to_mapping(best);
    return choice;
}

}  // namespace perfwatt::npu

#include "models/gpu/attention.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "sim/base/diagnostics.h"
#include "sim/base/math.h"

namespace perfwatt::gpu {
namespace {

/// Rows of a block: of a prompt, or of the heads that share keys in a decoding step.
constexpr std::array<std::int64_t, 4> kRows = {128, 64, 16, 1};
/// Keys of one step through the context.
constexpr std::int64_t kKeys = 64;
/// A part of a split context has at least this many keys.
constexpr std::int64_t kLeastKeys = 128;
constexpr std::int64_t kPartialBytes = 4;
/// Of so many blocks the SMs' turns are followed one by one.
constexpr std::int64_t kSimulatedBlocks = 4096;

/// A block reads page table, keys and values one after the other before it can write: latencies in
/// sight beside the one of a matrix product's block.
constexpr double kDependentAccesses = 3;

/// Heads that share keys are rows of the same blocks, unless a head has queries enough of its own.
struct Shape {
    std::int64_t groups = 0;  ///< of keys and values, or heads where each block has one
    std::int64_t rows = 0;    ///< of a group
};
Shape shape_of(const GpuSpec& spec, const Attention& work) {
    const bool few = work.queries <= spec.library.packed_queries &&
                     work.groups_sharing <= spec.library.shared_heads;
    if (few) return {work.g / work.groups_sharing, work.queries * work.groups_sharing};
    return {work.g, work.queries};
}

/// Rounds of blocks on the busiest SM.
double turns_of(const GpuSpec& spec, std::int64_t blocks) {
    const double share = static_cast<double>(blocks) / static_cast<double>(spec.sms);
    return spec.library.scheduling == Scheduling::waves ? std::ceil(share) : std::max(1.0, share);
}

/// Cycles of a block's softmax on the lanes of its SM, as far as products do not hide it.
double softmax_cycles(const GpuSpec& spec, const BlockWork& blocks,
                      const std::vector<VectorStep>& steps) {
    return (1 - spec.library.softmax_overlap) *
           static_cast<double>(lane_operations(spec, steps, blocks.rows * blocks.depth)) /
           static_cast<double>(spec.vector_lanes);
}

/// The first block waits for its accesses in sight. Of later ones those that share an SM work
/// while one waits: a block takes its share of waiting and working, or its work if that is longer.
std::int64_t setup_cycles(const GpuSpec& spec, const BlockWork& blocks, double softmax) {
    const auto resident = static_cast<double>(resident_blocks(
        spec, {blocks.rows, blocks.columns}, blocks.first_type, blocks.second_type));
    const MathRate* rate = rate_of(spec, blocks.first_type, blocks.second_type);
    PERFWATT_CHECK(rate != nullptr, "no rate for this pair of types");
    const double waits = kDependentAccesses * static_cast<double>(spec.latency_cycles);
    const double works = static_cast<double>(blocks.rows * blocks.columns * blocks.depth) /
                             (static_cast<double>(rate->macs_per_cycle) * spec.matrix_efficiency) +
                         softmax;
    const double later =
        std::max(0.0, static_cast<double>(blocks.blocks) / static_cast<double>(spec.sms) - 1);
    return static_cast<std::int64_t>(waits +
                                     later * std::max(0.0, (waits + works) / resident - works));
}

/// Where blocks are fewer than SMs, or the last round is not full, lanes are idle: what softmax
/// takes longer than on all lanes together.
std::int64_t idle_lane_cycles(const GpuSpec& spec, const BlockWork& blocks, double softmax) {
    const double share = static_cast<double>(blocks.blocks) / static_cast<double>(spec.sms);
    return static_cast<std::int64_t>((turns_of(spec, blocks.blocks) - share) * softmax);
}

/// Keys that all queries of a head see together.
std::int64_t visible(const Attention& work) {
    if (!work.causal) return work.queries * work.keys;
    const std::int64_t past = std::max<std::int64_t>(0, work.keys - work.queries);
    return work.queries * past + work.queries * (work.queries + 1) / 2;
}

/// Keys of a block, were all alike: the busiest SM's over its number of blocks. Blocks see more
/// keys the later their queries; they come in this order, head by head, each to the SM that is free
/// first.
std::int64_t keys_of_block(const GpuSpec& spec, const Attention& work, const Shape& shape,
                           std::int64_t rows) {
    const std::int64_t down = ceil_div(shape.rows, rows);
    const std::int64_t heads = shape.rows / work.queries;
    const std::int64_t past = std::max<std::int64_t>(0, work.keys - work.queries);
    const auto keys = [&](std::int64_t block) {
        const std::int64_t queries = ceil_div(std::min((block + 1) * rows, shape.rows), heads);
        return std::min(work.keys, round_up(past + queries, kKeys));
    };
    const std::int64_t blocks = shape.groups * down;
    double busiest = 0;
    if (blocks <= kSimulatedBlocks) {
        std::vector<std::int64_t> free(static_cast<std::size_t>(spec.sms), 0);
        for (std::int64_t i = 0; i < blocks; ++i) {
            std::pop_heap(free.begin(), free.end(), std::greater<>());
            free.back() += keys(i % down);
            std::push_heap(free.begin(), free.end(), std::greater<>());
        }
        busiest = static_cast<double>(*std::max_element(free.begin(), free.end()));
    } else {
        // Many rounds: the SMs end within about half of the longest block of one another.
        const double mean = static_cast<double>(keys(0) + keys(down - 1)) / 2;
        busiest = mean * turns_of(spec, blocks) + static_cast<double>(work.keys) / 2;
    }
    return static_cast<std::int64_t>(std::ceil(busiest / turns_of(spec, blocks)));
}

}  // namespace

std::int64_t visible_macs(const Attention& work) {
    return work.g * visible(work) * (work.head_dim + work.value_dim);
}

std::variant<Plan, Infeasible> plan_attention(const GpuSpec& spec,
                                              const std::vector<MemoryPort>& memories,
                                              const MappingRequest& request,
                                              const AttentionChoice& choice) {
    const Kernel& kernel = *request.kernel;
    const Attention& work = std::get<Attention>(kernel.work);
    const Shape shape = shape_of(spec, work);
    if (choice.queries < 1 || choice.splits < 1) return Infeasible{"mapping: an empty block"};
    if (choice.splits > 1 && work.keys / choice.splits < kLeastKeys)
        return Infeasible{"contexts too short for the parts"};
    const std::int64_t down = ceil_div(shape.rows, choice.queries);
    BlockWork blocks{.rows = choice.queries,
                     .columns = work.head_dim + work.value_dim,
                     .depth = work.keys,
                     .blocks = shape.groups * down * choice.splits,
                     .first_type = work.query_type,
                     .second_type = work.cache_type};
    blocks.depth = work.causal && down > 1
                       ? ceil_div(keys_of_block(spec, work, shape, choice.queries), choice.splits)
                       : round_up(ceil_div(work.keys, choice.splits), kKeys);
    Plan plan;
    plan.launch = spec.launch;
    plan.blocks = blocks;
    // Keys of one step while the next ones come.
    plan.least_depth = 2 * kKeys;
    plan.serial = 1 - spec.library.softmax_overlap;
    const double softmax = softmax_cycles(spec, blocks, work.steps);
    plan.launch += spec.clock.cycles(setup_cycles(spec, blocks, softmax) +
                                     idle_lane_cycles(spec, blocks, softmax));
    plan.useful_macs = visible_macs(work);
    for (std::size_t i = 0; i < kernel.inputs.size(); ++i)
        add_flow(plan.loads, request.inputs[i], kernel.inputs[i].bytes, 1);
    for (std::size_t i = 0; i < kernel.outputs.size(); ++i)
        add_flow(plan.stores, request.outputs[i], kernel.outputs[i].bytes, 1);
    // Rows that are not filled are computed all the same.
    const std::int64_t scores = blocks.blocks * blocks.rows * blocks.depth;
    plan.vector = Vector{.elements = scores,
                         .operations = lane_operations(spec, work.steps, scores),
                         .type = DataType::fp32};
    if (choice.splits > 1) {
        const std::int64_t sums = work.g * work.queries * work.value_dim * choice.splits;
        plan.last = Vector{.elements = work.g * work.queries * work.value_dim,
                           .operations = 2 * sums,
                           .type = DataType::fp32,
                           .read_bytes = sums * kPartialBytes,
                           .write_bytes = sums * kPartialBytes};
        // The parts are joined by a kernel of its own.
        plan.launch += spec.launch + spec.clock.cycles(spec.latency_cycles);
    }
    cut(spec, memories, plan);
    return plan;
}

std::variant<MappingChoice, Infeasible> map_attention(const GpuSpec& spec,
                                                      const std::vector<MemoryPort>& memories,
                                                      const MappingRequest& request) {
    PlanSearch search(spec, memories, request.effort);
    for (const std::int64_t rows : kRows) {
        if (rows < spec.library.least_rows) continue;
        for (std::int64_t splits = 1;
             splits <= spec.library.most_context_splits && search.goes_on();
             splits += std::max<std::int64_t>(1, splits / 2)) {
            const AttentionChoice choice{.queries = rows, .splits = splits};
            if (!search.offer(
                    plan_attention(spec, memories, request, choice),
                    {{"queries", std::to_string(rows)}, {"splits", std::to_string(splits)}}))
                break;
        }
    }
    return search.answer("the library has no block for it", "contexts too short for the parts");
}

std::variant<AttentionChoice, Infeasible> attention_from(const Mapping& mapping) {
    AttentionChoice choice;
    for (const auto& [key, value] : mapping) {
        const std::optional<std::int64_t> number = positive_number(value);
        if (number && key == "queries") {
            choice.queries = *number;
        } else if (number && key == "splits") {
            choice.splits = *number;
        } else if (!is_derived(key)) {
            return Infeasible{fmt::format("mapping: '{}: {}' is not understood", key, value)};
        }
    }
    if (choice.queries == 0) return Infeasible{"mapping: no 'queries'"};
    return choice;
}

}  // namespace perfwatt::gpu

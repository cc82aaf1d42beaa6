#include "models/gpu/attention.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

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

/// A block reads page table, queries, keys and values one after the other before it can write:
/// latencies in sight beside the one of a matrix product's block.
constexpr double kDependentAccesses = 4.5;
/// Of a block's latencies, what each further block on its SM hides.
constexpr double kHidden = 0.75;

/// Heads that share keys are rows of the same blocks, unless a head has queries enough of its own.
struct Shape {
    std::int64_t groups = 0;  ///< of keys and values, or heads where each block has one
    std::int64_t rows = 0;    ///< of a group
};
Shape shape_of(const GpuSpec& spec, const Attention& work) {
    const bool few = work.queries * work.groups_sharing <= spec.library.packed_rows &&
                     work.groups_sharing <= spec.library.shared_heads;
    if (few) return {work.g / work.groups_sharing, work.queries * work.groups_sharing};
    return {work.g, work.queries};
}

std::int64_t setup_cycles(const GpuSpec& spec, const BlockWork& blocks) {
    const auto resident = static_cast<double>(resident_blocks(
        spec, {blocks.rows, blocks.columns}, blocks.first_type, blocks.second_type));
    const double in_turn = static_cast<double>(blocks.blocks) / static_cast<double>(spec.sms) /
                           (1 + kHidden * (resident - 1));
    return static_cast<std::int64_t>(std::max(1.0, in_turn) * kDependentAccesses *
                                     static_cast<double>(spec.latency_cycles));
}

/// Keys that all queries of a head see together.
std::int64_t visible(const Attention& work) {
    if (!work.causal) return work.queries * work.keys;
    const std::int64_t past = std::max<std::int64_t>(0, work.keys - work.queries);
    return work.queries * past + work.queries * (work.queries + 1) / 2;
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
    if (work.causal && down > 1) {
        // Blocks see more keys the later their queries. The longest start first, so that together
        // they take their mean, unless there are so few that the longest is in sight.
        const double mean = static_cast<double>(visible(work)) / static_cast<double>(work.queries) +
                            static_cast<double>(std::min(choice.queries, work.queries)) / 2;
        const double few =
            std::min(1.0, static_cast<double>(spec.sms) / static_cast<double>(blocks.blocks));
        blocks.depth = std::min(work.keys, static_cast<std::int64_t>(std::ceil(std::max(
                                               mean, few * static_cast<double>(work.keys)))));
    }
    blocks.depth = round_up(ceil_div(blocks.depth, choice.splits), kKeys);
    Plan plan;
    plan.launch = spec.launch;
    plan.blocks = blocks;
    plan.serial = 1 - spec.library.softmax_overlap;
    plan.launch += spec.clock.cycles(setup_cycles(spec, blocks));
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
        plan.launch += spec.clock.cycles(spec.latency_cycles);
    }
    cut(spec, memories, plan);
    return plan;
}

std::variant<MappingChoice, Infeasible> map_attention(const GpuSpec& spec,
                                                      const std::vector<MemoryPort>& memories,
                                                      const MappingRequest& request) {
    MappingChoice best{.cost = Time::max()};
    AttentionChoice chosen;
    int slower = 0, short_contexts = 0;
    for (const std::int64_t rows : kRows) {
        if (rows < spec.library.least_rows) continue;
        for (std::int64_t splits = 1; splits <= spec.library.most_context_splits;
             splits += std::max<std::int64_t>(1, splits / 2)) {
            if (best.candidates >= std::max(1, request.effort)) break;
            const AttentionChoice choice{.queries = rows, .splits = splits};
            const auto answer = plan_attention(spec, memories, request, choice);
            const Plan* plan = std::get_if<Plan>(&answer);
            if (plan == nullptr) {
                ++short_contexts;
                break;
            }
            ++best.candidates;
            const PlanTime time = time_of(spec, memories, *plan);
            if (time.total < best.cost) {
                best.cost = time.total;
                chosen = choice;
            } else {
                ++slower;
            }
        }
    }
    const Plan plan = std::get<Plan>(plan_attention(spec, memories, request, chosen));
    const BlockTiming timing = block_timing(spec, *plan.blocks);
    best.mapping = {{"queries", std::to_string(chosen.queries)},
                    {"splits", std::to_string(chosen.splits)},
                    {"blocks", std::to_string(plan.blocks->blocks)},
                    {"resident", std::to_string(timing.resident)},
                    {"waves", fmt::format("{:.2f}", timing.waves)},
                    {"limit", std::string(to_string(time_of(spec, memories, plan).limit))}};
    if (short_contexts > 0)
        best.rejected.emplace_back("contexts too short for the parts", short_contexts);
    if (slower > 0) best.rejected.emplace_back("slower than the best", slower);
    return best;
}

std::variant<AttentionChoice, Infeasible> attention_from(const Mapping& mapping) {
    AttentionChoice choice;
    for (const auto& [key, value] : mapping) {
        const std::optional<std::int64_t> number = positive_number(value);
        if (number && key == "queries") {
            choice.queries = *number;
        } else if (number && key == "splits") {
            choice.splits = *number;
        } else if (key != "blocks" && key != "resident" && key != "waves" && key != "limit") {
            return Infeasible{fmt::format("mapping: '{}: {}' is not understood", key, value)};
        }
    }
    if (choice.queries == 0) return Infeasible{"mapping: no 'queries'"};
    return choice;
}

}  // namespace perfwatt::gpu

#pragma once

#include <variant>

#include "models/gpu/plan.h"

namespace perfwatt::gpu {

/// How attention is done: blocks of `queries` rows, each over the keys it may see, in `splits`
/// parts that are joined afterwards (as decoding does, whose few rows would leave SMs idle).
struct AttentionChoice {
    std::int64_t queries = 0;
    std::int64_t splits = 1;
};

/// Products of scores and values that a causal kernel forms: query i of the last `queries`
/// positions sees keys - queries + i + 1 keys.
[[nodiscard]] std::int64_t visible_macs(const Attention& work);

[[nodiscard]] std::variant<Plan, Infeasible> plan_attention(const GpuSpec& spec,
                                                            const std::vector<MemoryPort>& memories,
                                                            const MappingRequest& request,
                                                            const AttentionChoice& choice);

[[nodiscard]] std::variant<MappingChoice, Infeasible> map_attention(
    const GpuSpec& spec, const std::vector<MemoryPort>& memories, const MappingRequest& request);

[[nodiscard]] std::variant<AttentionChoice, Infeasible> attention_from(const Mapping& mapping);

}  // namespace perfwatt::gpu

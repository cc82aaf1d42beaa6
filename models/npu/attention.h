#pragma once

#include <cstdint>
#include <variant>

#include "models/npu/npu.h"
#include "models/npu/room.h"

namespace perfwatt::npu {

/// How attention is cut: tiles of heads that share keys and values, blocks of queries and of keys.
struct AttentionCut {
    std::int64_t g = 1;          ///< groups of heads, each with keys and values of its own
    std::int64_t queries = 1;    ///< of a head
    std::int64_t keys = 1;       ///< of a head
    bool split_queries = false;  ///< cores share the queries of a group rather than the groups
    int cores = 1;
    int buffers = 2;  ///< 2: the next keys and values arrive while these compute
};

[[nodiscard]] Mapping to_mapping(const AttentionCut& cut);
[[nodiscard]] std::variant<AttentionCut, Infeasible> attention_cut_from(const Mapping& mapping);

/// Where its tiles lie.
struct AttentionLayout {
    TileBuffers queries, keys, values, scores, outputs, masks;
};

/// Scores, softmax and values on one NPU. A block's scores stay in the scratchpad: the matrix unit
/// writes them, the vector unit makes weights of them in place, the matrix unit multiplies these
/// with the values. While it does the vector unit works on the next block's scores. Where the keys
/// come in several blocks, a row's maximum and sum are corrected as they go (online softmax): the
/// sums of the values so far are scaled once a block.
class AttentionPlan {
  public:
    AttentionPlan(const Npu& npu, const MappingRequest& request);

    [[nodiscard]] std::variant<AttentionLayout, Infeasible> layout(const AttentionCut& cut) const;
    [[nodiscard]] Time cost(const AttentionCut& cut) const;
    [[nodiscard]] Time bound() const;
    [[nodiscard]] std::variant<MappingChoice, Infeasible> map() const;

    /// Commands of one block, without their buffers: `g` groups of heads, queries of a head, keys.
    [[nodiscard]] Contract scores(std::int64_t g, std::int64_t queries, std::int64_t keys) const;
    [[nodiscard]] Contract values(std::int64_t g, std::int64_t queries, std::int64_t keys) const;
    /// `corrects`: sums of earlier blocks of keys are scaled too.
    [[nodiscard]] Vector softmax(std::int64_t g, std::int64_t queries, std::int64_t keys,
                                 bool corrects) const;

    [[nodiscard]] const Attention& work() const { return work_; }
    [[nodiscard]] const MappingRequest& request() const { return request_; }
    [[nodiscard]] const Npu& npu() const { return npu_; }
    /// Groups of heads with keys and values of their own.
    [[nodiscard]] std::int64_t groups() const { return work_.g / work_.groups_sharing; }
    /// The part of the busiest core.
    [[nodiscard]] std::int64_t group_share(const AttentionCut& cut) const;
    [[nodiscard]] std::int64_t query_share(const AttentionCut& cut) const;
    [[nodiscard]] std::int64_t query_bytes(std::int64_t g, std::int64_t queries) const;
    [[nodiscard]] std::int64_t key_bytes(std::int64_t g, std::int64_t keys) const;
    [[nodiscard]] std::int64_t value_bytes(std::int64_t g, std::int64_t keys) const;
    [[nodiscard]] std::int64_t output_bytes(std::int64_t g, std::int64_t queries) const;
    /// Of all masks, for a block.
    [[nodiscard]] std::int64_t mask_bytes(std::size_t input, std::int64_t g, std::int64_t queries,
                                          std::int64_t keys) const;
    [[nodiscard]] bool fetched(std::size_t input) const {
        return request_.inputs[input].where == Placement::Where::memory;
    }
    [[nodiscard]] bool stored() const {
        return request_.outputs[0].where == Placement::Where::memory;
    }

  private:
    struct Blocks;
    [[nodiscard]] Time memory_time(const AttentionCut& cut) const;
    [[nodiscard]] Time ends_time(const AttentionCut& cut) const;

    const Npu& npu_;
    const MappingRequest& request_;
    const Attention& work_;
};

/// Appends the commands; the cut must fit.
void emit_attention(const AttentionPlan& plan, const AttentionCut& cut, LayerId layer,
                    ProgramBuilder& program);

}  // namespace perfwatt::npu

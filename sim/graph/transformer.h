#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sim/config/schema.h"
#include "sim/graph/graph.h"
#include "sim/graph/graph_builder.h"

namespace perfwatt {

/// The part of a network's life that is simulated.
enum class Phase : std::uint8_t {
    forward,  ///< the whole network once
    prefill,  ///< a decoder reads its prompt and fills the key/value cache
    decode,   ///< a decoder makes one token from the cache
};

[[nodiscard]] std::optional<Phase> phase_from(std::string_view name);
[[nodiscard]] std::string_view to_string(Phase phase);

/// A transformer in a few lines of YAML (key `transformer`).
struct TransformerSpec {
    enum class Kind { encoder, decoder };
    enum class Activation { relu, gelu, silu, swiglu, geglu };
    enum class NormPlace { before, after };
    enum class Positions { learned, rotary, none };
    enum class Head { none, pooler, language_model };

    Kind kind = Kind::encoder;
    std::int64_t layers = 1;
    std::int64_t hidden = 1;
    std::int64_t heads = 1;
    std::optional<std::int64_t> kv_heads;  ///< as many as heads
    std::optional<std::int64_t> head_dim;  ///< hidden / heads
    std::int64_t ffn = 1;
    std::int64_t vocabulary = 1;
    Activation activation = Activation::gelu;
    GraphBuilder::Norm norm = GraphBuilder::Norm::layer;
    NormPlace norm_place = NormPlace::before;
    Positions positions = Positions::learned;
    std::int64_t max_positions = 0;
    std::int64_t token_types = 0;
    bool bias = false;
    std::optional<bool> attention_bias;  ///< as `bias`
    bool parallel = false;               ///< attention and feed-forward part from one norm
    bool tied_embeddings = false;
    bool head_bias = false;
    std::optional<Head> head;  ///< of an encoder none, of a decoder a language model's
    std::int64_t experts = 1;
    std::int64_t experts_per_token = 1;
    std::int64_t sequence = 1;  ///< tokens, where the command line does not say
};

[[nodiscard]] MapSchema<TransformerSpec> transformer_schema();

struct TransformerRun {
    std::int64_t batch = 1;
    Phase phase = Phase::forward;
    /// Tokens read (forward, prefill), or already in the cache (decode).
    std::int64_t context = 1;
};

/// The graph of one phase. Attention is perfwatt.AttentionScores (queries [batch, steps, heads,
/// size] by keys [batch, length, kv_heads, size], all pairs computed, causal or not), Softmax, and
/// perfwatt.AttentionValues. A decoder's keys and values go through perfwatt.CacheAppend into
/// tensors of role `state`; only new rows (its first input) are written. A language model's head
/// works on the last token only. Of the experts, as many work as tokens that choose at random would
/// reach, evenly loaded. Blocks are structurally
/// identical. Throws ShapeError for sizes beyond 2^50 elements.
[[nodiscard]] Graph build_transformer(const TransformerSpec& spec, const TransformerRun& run,
                                      GraphBuilder builder);

/// Projections, scores, softmax, values and output projection on x [batch, steps, hidden].
struct AttentionShape {
    std::int64_t heads = 1, kv_heads = 1, head_dim = 1;
    bool bias = false, rotary = false, cached = false;
    bool causal = false;    ///< a token sees those before it and itself; all pairs are counted
    std::int64_t past = 0;  ///< tokens already in the cache
    /// What keys and values are made of, [batch, length, any size]; invalid: x itself.
    TensorId context = {};
    std::optional<bool> output_bias = {};  ///< as `bias` if absent
};
TensorId add_attention(GraphBuilder& builder, const std::string& name, TensorId x,
                       const AttentionShape& shape);

}  // namespace perfwatt

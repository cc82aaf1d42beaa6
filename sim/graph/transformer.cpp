#include "sim/graph/transformer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/graph/shape.h"

namespace perfwatt {
namespace {

using Kind = TransformerSpec::Kind;
using Activation = TransformerSpec::Activation;
using NormPlace = TransformerSpec::NormPlace;
using Positions = TransformerSpec::Positions;
using Head = TransformerSpec::Head;

bool gated(Activation activation) {
    return activation == Activation::swiglu || activation == Activation::geglu;
}

std::string operator_of(Activation activation) {
    switch (activation) {
        case Activation::relu:
            return "Relu";
        case Activation::gelu:
        case Activation::geglu:
            return "Gelu";
        case Activation::silu:
        case Activation::swiglu:
            return "Swish";
    }
    check_failed("an activation", __FILE__, __LINE__, "unknown");
}

class Builder {
  public:
    Builder(const TransformerSpec& spec, const TransformerRun& run, GraphBuilder builder)
        : spec_(spec), run_(run), graph_(std::move(builder)) {}

    Graph build() {
        const bool decodes = run_.phase == Phase::decode;
        const std::int64_t steps = decodes ? 1 : run_.context;
        past_ = decodes ? run_.context : 0;
        const TensorId tokens = graph_.input("tokens", {run_.batch, steps}, DataType::int32);
        const TensorId table = graph_.weight("embedding", {spec_.vocabulary, spec_.hidden});
        TensorId x =
            graph_.add("embedding", "Gather", {table, tokens}, {{"axis", std::int64_t{0}}});
        x = embed_positions(x, steps);
        if (spec_.norm_place == NormPlace::after) x = graph_.norm("embedding.norm", x, spec_.norm);
        for (std::int64_t layer = 0; layer < spec_.layers; ++layer)
            x = block(fmt::format("block{}", layer), x);
        if (spec_.norm_place == NormPlace::before) x = graph_.norm("norm", x, spec_.norm);
        return graph_.finish({head(x, table)});
    }

  private:
    TensorId embed_positions(TensorId x, std::int64_t steps) {
        if (spec_.positions == Positions::learned) {
            std::vector<std::int64_t> places(static_cast<std::size_t>(steps));
            std::iota(places.begin(), places.end(), past_);
            const TensorId rows =
                graph_.add("positions", "Gather",
                           {graph_.weight("positions", {spec_.max_positions, spec_.hidden}),
                            graph_.constant("places", std::move(places))},
                           {{"axis", std::int64_t{0}}});
            x = graph_.add("positions.add", "Add", {x, rows});
        }
        if (spec_.token_types > 0) {
            const TensorId kinds =
                graph_.input("token_types", {run_.batch, steps}, DataType::int32);
            const TensorId rows =
                graph_.add("token_types", "Gather",
                           {graph_.weight("token_types", {spec_.token_types, spec_.hidden}), kinds},
                           {{"axis", std::int64_t{0}}});
            x = graph_.add("token_types.add", "Add", {x, rows});
        }
        return x;
    }

    TensorId block(const std::string& name, TensorId x) {
        const bool before = spec_.norm_place == NormPlace::before;
        const std::int64_t heads = spec_.heads;
        const AttentionShape shape{.heads = heads,
                                   .kv_heads = spec_.kv_heads.value_or(heads),
                                   .head_dim = spec_.head_dim.value_or(spec_.hidden / heads),
                                   .bias = spec_.attention_bias.value_or(spec_.bias),
                                   .rotary = spec_.positions == Positions::rotary,
                                   .cached = run_.phase != Phase::forward,
                                   .causal = spec_.kind == Kind::decoder,
                                   .past = past_};
        const TensorId first = before ? graph_.norm(name + ".attention.norm", x, spec_.norm) : x;
        const TensorId mixed = add_attention(graph_, name + ".attention", first, shape);
        x = graph_.add(name + ".attention.add", "Add", {x, mixed});
        if (spec_.parallel)
            return graph_.add(name + ".ffn.add", "Add", {x, feed_forward(name, first)});
        if (!before) x = graph_.norm(name + ".attention.norm", x, spec_.norm);
        const TensorId second = before ? graph_.norm(name + ".ffn.norm", x, spec_.norm) : x;
        x = graph_.add(name + ".ffn.add", "Add", {x, feed_forward(name, second)});
        return before ? x : graph_.norm(name + ".ffn.norm", x, spec_.norm);
    }

    TensorId feed_forward(const std::string& name, TensorId x) {
        return spec_.experts > 1 ? experts(name + ".experts", x) : ffn(name + ".ffn", x);
    }

    TensorId activate(const std::string& name, TensorId up, TensorId gate) {
        const std::string type = operator_of(spec_.activation);
        if (!gated(spec_.activation)) return graph_.add(name + ".activation", type, {up});
        const TensorId opened = graph_.add(name + ".activation", type, {gate});
        return graph_.add(name + ".gate.multiply", "Mul", {opened, up});
    }

    TensorId ffn(const std::string& name, TensorId x) {
        TensorId gate;
        if (gated(spec_.activation))
            gate = graph_.linear(name + ".gate", x, {spec_.ffn, spec_.bias});
        const TensorId up = graph_.linear(name + ".up", x, {spec_.ffn, spec_.bias});
        return graph_.linear(name + ".down", activate(name, up, gate), {spec_.hidden, spec_.bias});
    }

    /// Experts that some token reaches, where each token picks its own at random: of E experts, k a
    /// token, E (1 - (1 - k/E)^tokens) are expected.
    [[nodiscard]] std::int64_t experts_reached(std::int64_t tokens) const {
        const auto all = static_cast<double>(spec_.experts);
        const double missed = 1 - static_cast<double>(spec_.experts_per_token) / all;
        double nobody = 1;
        for (std::int64_t i = 0; i < tokens && nobody > 1e-9; ++i) nobody *= missed;
        return std::clamp<std::int64_t>(std::llround(all * (1 - nobody)), spec_.experts_per_token,
                                        spec_.experts);
    }

    /// Each token goes to some of the experts. Those that are reached are taken to be evenly
    /// loaded: some have one row more than the others. The rest do no work and move no weights.
    TensorId experts(const std::string& name, TensorId x) {
        const Shape shape = graph_.shape(x);
        const std::int64_t tokens = shape[0] * shape[1];
        const std::int64_t rows = checked_multiply(tokens, spec_.experts_per_token);
        const std::int64_t active = std::min(experts_reached(tokens), rows);
        const TensorId flat =
            graph_.add(name + ".tokens", "Reshape", {x}, {{"shape", Shape{tokens, spec_.hidden}}});
        const TensorId scores = graph_.linear(name + ".router", flat, {spec_.experts, false});
        const TensorId weights =
            graph_.add(name + ".router.softmax", "Softmax", {scores}, {{"axis", std::int64_t{-1}}});
        const std::int64_t more = rows % active;
        std::vector<TensorId> results;
        for (const auto& [count, each] :
             {std::pair{more, rows / active + 1}, std::pair{active - more, rows / active}})
            if (count > 0)
                results.push_back(expert_group(fmt::format("{}.{}x{}", name, count, each), flat,
                                               weights, count, each));
        TensorId joined = results[0];
        if (results.size() > 1)
            joined = graph_.add(name + ".join", "Concat", results, {{"axis", std::int64_t{0}}});
        const TensorId mixed =
            graph_.add(name + ".combine", "perfwatt.ExpertCombine", {joined, weights},
                       {{"experts_per_token", spec_.experts_per_token}});
        return graph_.add(name + ".result", "Reshape", {mixed}, {{"shape", shape}});
    }

    TensorId expert_group(const std::string& name, TensorId tokens, TensorId scores,
                          std::int64_t count, std::int64_t each) {
        const std::int64_t rows = count * each;
        const TensorId sent = graph_.add(name + ".dispatch", "perfwatt.ExpertDispatch",
                                         {tokens, scores}, {{"rows", rows}});
        const TensorId x = graph_.add(name + ".rows", "Reshape", {sent},
                                      {{"shape", Shape{count, each, spec_.hidden}}});
        const auto product = [&](const std::string& part, TensorId from, std::int64_t to) {
            const TensorId weights =
                graph_.weight(name + part, {count, graph_.shape(from).back(), to});
            return graph_.add(name + part, "MatMul", {from, weights});
        };
        TensorId gate;
        if (gated(spec_.activation)) gate = product(".gate", x, spec_.ffn);
        const TensorId up = product(".up", x, spec_.ffn);
        const TensorId down = product(".down", activate(name, up, gate), spec_.hidden);
        return graph_.add(name + ".flat", "Reshape", {down},
                          {{"shape", Shape{rows, spec_.hidden}}});
    }

    TensorId head(TensorId x, TensorId table) {
        const Head otherwise = spec_.kind == Kind::decoder ? Head::language_model : Head::none;
        const Head kind = spec_.head.value_or(otherwise);
        if (kind == Head::none) return x;
        const std::int64_t steps = graph_.shape(x)[1];
        const std::int64_t place = kind == Head::pooler ? 0 : steps - 1;
        TensorId one = x;
        if (steps > 1)
            one = graph_.add("head.token", "Slice", {x},
                             {{"starts", std::vector{place}},
                              {"ends", std::vector{place + 1}},
                              {"axes", std::vector{std::int64_t{1}}}});
        if (kind == Head::pooler)
            return graph_.add("pooler.tanh", "Tanh",
                              {graph_.linear("pooler", one, {spec_.hidden, spec_.bias})});
        if (!spec_.tied_embeddings)
            return graph_.linear("head", one, {spec_.vocabulary, spec_.head_bias});
        const TensorId flat =
            graph_.add("head.rows", "Reshape", {one}, {{"shape", Shape{run_.batch, spec_.hidden}}});
        return graph_.add("head", "Gemm", {flat, table}, {{"transB", std::int64_t{1}}});
    }

    const TransformerSpec& spec_;
    const TransformerRun& run_;
    GraphBuilder graph_;
    std::int64_t past_ = 0;
};

}  // namespace

std::optional<Phase> phase_from(std::string_view name) {
    for (const Phase phase : {Phase::forward, Phase::prefill, Phase::decode})
        if (to_string(phase) == name) return phase;
    return std::nullopt;
}

std::string_view to_string(Phase phase) {
    switch (phase) {
        case Phase::forward:
            return "forward";
        case Phase::prefill:
            return "prefill";
        case Phase::decode:
            return "decode";
    }
    check_failed("a phase", __FILE__, __LINE__, "unknown");
}

TensorId add_attention(GraphBuilder& builder, const std::string& name, TensorId x,
                       const AttentionShape& shape) {
    const Shape input = builder.shape(x);
    if (input.size() != 3)
        throw ShapeError(
            fmt::format("attention works on [batch, tokens, size], not on {}", to_string(input)));
    const TensorId context = shape.context.valid() ? shape.context : x;
    const auto project = [&](const std::string& part, TensorId from, std::int64_t heads) {
        const std::int64_t features = checked_multiply(heads, shape.head_dim);
        const TensorId flat = builder.linear(name + part, from, {features, shape.bias});
        const Shape made = builder.shape(flat);
        if (made.size() != 3)
            throw ShapeError(fmt::format("attention works on [batch, tokens, size], not on {}",
                                         to_string(builder.shape(from))));
        return builder.add(name + part + ".heads", "Reshape", {flat},
                           {{"shape", Shape{made[0], made[1], heads, shape.head_dim}}});
    };
    const auto turn = [&](const std::string& part, TensorId heads) {
        if (!shape.rotary) return heads;
        return builder.add(name + part + ".rotary", "RotaryEmbedding", {heads});
    };
    const auto cache = [&](const std::string& part, TensorId rows) {
        if (!shape.cached) return rows;
        std::vector<TensorId> inputs{rows};
        if (shape.past > 0)
            inputs.push_back(builder.state(name + part + ".cache",
                                           {input[0], shape.past, shape.kv_heads, shape.head_dim}));
        const TensorId all =
            builder.add(name + part + ".append", "perfwatt.CacheAppend", std::move(inputs));
        builder.set_role(all, TensorRole::state);
        return all;
    };
    const TensorId q = turn(".query", project(".query", x, shape.heads));
    const TensorId k = cache(".key", turn(".key", project(".key", context, shape.kv_heads)));
    const TensorId v = cache(".value", project(".value", context, shape.kv_heads));
    const TensorId scores = builder.add(name + ".scores", "perfwatt.AttentionScores", {q, k},
                                        {{"causal", std::int64_t{shape.causal ? 1 : 0}}});
    const TensorId weights =
        builder.add(name + ".softmax", "Softmax", {scores}, {{"axis", std::int64_t{-1}}});
    const TensorId mixed = builder.add(name + ".values", "perfwatt.AttentionValues", {weights, v});
    const TensorId joined =
        builder.add(name + ".join", "Reshape", {mixed},
                    {{"shape", Shape{input[0], input[1], shape.heads * shape.head_dim}}});
    return builder.linear(name + ".output", joined,
                          {input[2], shape.output_bias.value_or(shape.bias)});
}

MapSchema<TransformerSpec> transformer_schema() {
    using Spec = TransformerSpec;
    const CountLimits size{.max = 1 << 24};
    return MapSchema<Spec>("transformer")
        .choice(
            "kind", &Spec::kind,
            {.names = {{"encoder", Kind::encoder}, {"decoder", Kind::decoder}}, .otherwise = {}},
            "whether it reads a text at once or makes one token by token")
        .count("layers", &Spec::layers, {.max = 10'000}, "blocks, all alike")
        .count("hidden", &Spec::hidden, size, "size of a token's vector")
        .count("heads", &Spec::heads, {.max = 65'536}, "attention heads")
        .count("kv_heads", &Spec::kv_heads, {.max = 65'536}, "heads of keys and values")
        .count("head_dim", &Spec::head_dim, {.max = 65'536}, "size of a head")
        .count("ffn", &Spec::ffn, size, "size between the two layers of the feed-forward part")
        .count("vocabulary", &Spec::vocabulary, size, "tokens known")
        .choice("activation", &Spec::activation,
                {.names = {{"relu", Activation::relu},
                           {"gelu", Activation::gelu},
                           {"silu", Activation::silu},
                           {"swiglu", Activation::swiglu},
                           {"geglu", Activation::geglu}},
                 .otherwise = {}},
                "of the feed-forward part; the last two are gated: three matrices, not two")
        .choice("norm", &Spec::norm,
                {.names = {{"layernorm", GraphBuilder::Norm::layer},
                           {"rmsnorm", GraphBuilder::Norm::rms}},
                 .otherwise = {}},
                "how vectors are normalised")
        .choice("norm_place", &Spec::norm_place,
                {.names = {{"before", NormPlace::before}, {"after", NormPlace::after}},
                 .otherwise = NormPlace::before},
                "before each part of a block, or after the addition")
        .choice("positions", &Spec::positions,
                {.names = {{"learned", Positions::learned},
                           {"rotary", Positions::rotary},
                           {"none", Positions::none}},
                 .otherwise = {}},
                "how a token knows its place")
        .count("max_positions", &Spec::max_positions, {.min = 0, .otherwise = 0},
               "rows of the table of learned positions")
        .count("token_types", &Spec::token_types, {.min = 0, .max = 1024, .otherwise = 0},
               "rows of the table of token types")
        .flag("bias", &Spec::bias, false, "whether linear layers have biases")
        .flag("attention_bias", &Spec::attention_bias, {},
              "whether those of attention have, where not as the others")
        .flag("parallel", &Spec::parallel, false,
              "whether attention and the feed-forward part read the same norm, side by side")
        .flag("tied_embeddings", &Spec::tied_embeddings, false,
              "whether the head multiplies by the table of the embedding")
        .flag("head_bias", &Spec::head_bias, false, "whether a head of its own has a bias")
        .choice("head", &Spec::head,
                {.names = {{"none", Head::none},
                           {"pooler", Head::pooler},
                           {"language_model", Head::language_model}},
                 .otherwise = {}},
                "what follows the last block")
        .count("experts", &Spec::experts, {.max = 4096, .otherwise = 1},
               "feed-forward parts to choose from")
        .count("experts_per_token", &Spec::experts_per_token, {.max = 4096, .otherwise = 1},
               "of them, those that work on a token")
        .count("sequence", &Spec::sequence, {.max = 1 << 24},
               "tokens, where the command line does not say")
        .check([](const Spec& spec, const MapCheck& check) {
            const std::int64_t kv_heads = spec.kv_heads.value_or(spec.heads);
            if (spec.heads % kv_heads != 0)
                check.error("kv_heads", fmt::format("{} heads do not divide among {} kv_heads",
                                                    spec.heads, kv_heads));
            if (!spec.head_dim && spec.hidden % spec.heads != 0)
                check.error("heads",
                            fmt::format("a hidden size of {} does not divide into {} heads",
                                        spec.hidden, spec.heads),
                            "set head_dim");
            if (spec.experts_per_token > spec.experts)
                check.error("experts_per_token", fmt::format("{} of {} experts are too many",
                                                             spec.experts_per_token, spec.experts));
            if (spec.experts > 1 && spec.bias)
                check.error("bias", "experts with biases are not modelled", "set bias: false");
            if (spec.positions == Positions::learned && spec.max_positions < 1)
                check.error("max_positions",
                            "learned positions need a table of max_positions rows");
        });
}

Graph build_transformer(const TransformerSpec& spec, const TransformerRun& run,
                        GraphBuilder builder) {
    return Builder(spec, run, std::move(builder)).build();
}

}  // namespace perfwatt

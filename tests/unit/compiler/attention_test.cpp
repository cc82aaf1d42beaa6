#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "graph_maker.h"
#include "sim/compiler/compiler.h"
#include "sim/compiler/fuse_attention.h"
#include "sim/compiler/passes.h"
#include "sim/compiler/precision.h"
#include "sim/graph/operators.h"
#include "sim/graph/transformer.h"
#include "sim/graph/workload.h"
#include "small_npu.h"

namespace perfwatt {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

bool takes_all(const Kernel&) { return true; }

Lowered lowered(Graph graph, const Accepts& accepts = takes_all,
                const std::string& precision = "fp16") {
    const Precision types = precision_from(precision);
    static_cast<void>(fold(graph));
    quantise(graph, types);
    return lower(graph, fuse(graph, true, accepts), types);
}

std::vector<Kernel> attentions(const Lowered& lowered) {
    std::vector<Kernel> found;
    for (const Kernel& kernel : lowered.kernels)
        if (std::holds_alternative<Attention>(kernel.work)) found.push_back(kernel);
    return found;
}

std::int64_t macs_of(const Lowered& lowered) {
    std::int64_t total = 0;
    for (const std::int64_t macs : lowered.macs) total += macs;
    return total;
}

/// A decoder of two blocks, whose four heads share two heads of keys and values.
Graph decoder(Phase phase, std::int64_t context, std::int64_t batch = 1) {
    TransformerSpec spec{.kind = TransformerSpec::Kind::decoder,
                         .layers = 2,
                         .hidden = 64,
                         .heads = 4,
                         .kv_heads = 2,
                         .head_dim = 16,
                         .ffn = 128,
                         .vocabulary = 100,
                         .activation = TransformerSpec::Activation::swiglu,
                         .norm = GraphBuilder::Norm::rms,
                         .positions = TransformerSpec::Positions::rotary};
    return build_transformer(spec, {.batch = batch, .phase = phase, .context = context},
                             GraphBuilder("decoder", "decoder.yaml"));
}

/// Multi-head attention as an exporter writes it: heads are split by transpositions, the queries
/// scaled, a mask added.
struct Exported {
    std::int64_t tokens = 24, heads = 3, size = 8;
    bool masked = true;
    bool scores_leave = false;
    std::string between = "Softmax";

    Graph graph() const {
        GraphMaker make;
        using List = std::vector<std::int64_t>;
        const std::int64_t hidden = heads * size;
        const TensorId x = make.input({1, tokens, hidden});
        const auto split = [&](const List& perm, Shape to) {
            const TensorId rows = make.matmul(x, hidden);
            const TensorId cut = make.node("Reshape", {rows}, {1, tokens, heads, size});
            return make.node("Transpose", {cut}, std::move(to), {{"perm", perm}});
        };
        const TensorId q =
            make.same("Mul", {split({0, 2, 1, 3}, {1, heads, tokens, size}), make.weight({1})});
        const TensorId k = split({0, 2, 3, 1}, {1, heads, size, tokens});
        const TensorId v = split({0, 2, 1, 3}, {1, heads, tokens, size});
        TensorId scores = make.node("MatMul", {q, k}, {1, heads, tokens, tokens});
        if (masked) scores = make.same("Add", {scores, make.input({1, 1, tokens, tokens})});
        const TensorId weights = make.node(between, {scores}, {1, heads, tokens, tokens},
                                           {{"row", tokens}, {"axis", std::int64_t{3}}});
        const TensorId mixed = make.node("MatMul", {weights, v}, {1, heads, tokens, size});
        const TensorId back =
            make.node("Transpose", {mixed}, {1, tokens, heads, size}, {{"perm", List{0, 2, 1, 3}}});
        make.output(make.matmul(make.node("Reshape", {back}, {1, tokens, hidden}), hidden));
        if (scores_leave) make.output(weights);
        return make.take();
    }
};

TEST(FusedAttention, TransformerOfYamlHasOneKernelABlock) {
    const Graph graph = decoder(Phase::prefill, 32);
    const Lowered fused = lowered(graph);
    const std::vector<Kernel> found = attentions(fused);
    ASSERT_THAT(found, SizeIs(2));
    const auto& work = std::get<Attention>(found[0].work);
    EXPECT_EQ(work.g, 4);
    EXPECT_EQ(work.groups_sharing, 2);
    EXPECT_EQ(work.queries, 32);
    EXPECT_EQ(work.keys, 32);
    EXPECT_EQ(work.head_dim, 16);
    EXPECT_EQ(work.value_dim, 16);
    EXPECT_TRUE(work.causal);
    EXPECT_EQ(work.macs(), 4 * 32 * 32 * (16 + 16));
    ASSERT_THAT(found[0].inputs, SizeIs(3));
    EXPECT_EQ(found[0].inputs[0].bytes, 32 * 4 * 16 * 2);
    EXPECT_EQ(found[0].inputs[1].bytes, 32 * 2 * 16 * 2);
    EXPECT_EQ(found[0].inputs[1].role, TensorRole::state);
    EXPECT_EQ(found[0].outputs[0].bytes, 32 * 4 * 16 * 2);
    EXPECT_EQ(found[0].name, "block0.attention.values");
    EXPECT_EQ(found[0].operator_type, "Attention");
    EXPECT_EQ(macs_of(fused), macs(graph));
}

TEST(FusedAttention, DecodeReadsTheWholeCacheForOneQueryARequest) {
    const Graph graph = decoder(Phase::decode, 1000, 3);
    const Lowered fused = lowered(graph, takes_all, "fp16");
    const std::vector<Kernel> found = attentions(fused);
    ASSERT_THAT(found, SizeIs(2));
    const auto& work = std::get<Attention>(found[1].work);
    EXPECT_EQ(work.g, 12);  // four heads of three requests
    EXPECT_EQ(work.queries, 1);
    EXPECT_EQ(work.keys, 1001);
    EXPECT_EQ(macs_of(fused), macs(graph));
}

TEST(FusedAttention, CacheKeepsItsOwnType) {
    Graph graph = decoder(Phase::decode, 64);
    const Precision types = precision_from("fp16");
    quantise(graph, types);
    for (Tensor& tensor : graph.tensors)
        if (tensor.role == TensorRole::state) tensor.type = DataType::int8;
    const Lowered fused = lower(graph, fuse(graph, true, takes_all), types);
    const auto work = std::get<Attention>(attentions(fused).at(0).work);
    EXPECT_EQ(work.query_type, DataType::fp16);
    EXPECT_EQ(work.cache_type, DataType::int8);
    EXPECT_EQ(work.output_type, DataType::fp16);
}

TEST(FusedAttention, ExportedHeadsAreReadAndWrittenInPlace) {
    const Exported exported;
    const Lowered fused = lowered(exported.graph());
    const std::vector<Kernel> found = attentions(fused);
    ASSERT_THAT(found, SizeIs(1));
    ASSERT_THAT(found[0].inputs, SizeIs(4));  // the mask is the fourth
    EXPECT_EQ(found[0].inputs[3].bytes, 24 * 24 * 2);
    // Three projections, attention, the last product: no transposition and no scaling is left.
    EXPECT_THAT(fused.kernels, SizeIs(5));
    EXPECT_EQ(macs_of(fused), macs(exported.graph()));
}

TEST(FusedAttention, StepsOnAScoreAreThoseOfItsParts) {
    const Exported exported{.tokens = 16, .heads = 1, .size = 4, .masked = true};
    const Lowered fused = lowered(exported.graph());
    const auto work = std::get<Attention>(attentions(fused).at(0).work);
    double operations = 0;
    for (const VectorStep& step : work.steps) operations += step.per_element;
    // Mask 1; softmax: compare 1, add 2, exponential 1, multiply 1, a division a row of 16;
    // conversion of each weight 1 and of 4 results a row of 16; 4 scalings a row of 16.
    EXPECT_DOUBLE_EQ(operations, 1 + 5 + 1.0 / 16 + 1 + 4.0 / 16 + 4.0 / 16);
}

TEST(FusedAttention, ScoresThatAreWantedElsewhereKeepTheirKernels) {
    const Exported exported{.scores_leave = true};
    EXPECT_THAT(attentions(lowered(exported.graph())), SizeIs(0));
}

TEST(FusedAttention, AnotherNormalisationIsNoAttention) {
    const Exported exported{.between = "Relu"};
    EXPECT_THAT(attentions(lowered(exported.graph())), SizeIs(0));
}

TEST(FusedAttention, ProductsWithWeightsAreNoAttention) {
    GraphMaker make;
    const TensorId x = make.input({1, 8, 16});
    const TensorId weights = make.node("Softmax", {make.matmul(x, 12)}, {1, 8, 12},
                                       {{"row", std::int64_t{12}}, {"axis", std::int64_t{2}}});
    make.output(make.matmul(weights, 16));
    EXPECT_THAT(find_attention(make.graph()), SizeIs(0));
}

TEST(FusedAttention, ARefusingDeviceHasThreeKernels) {
    const Graph graph = decoder(Phase::prefill, 32);
    const Lowered apart = lowered(graph, [](const Kernel&) { return false; });
    EXPECT_THAT(attentions(apart), SizeIs(0));
    EXPECT_EQ(macs_of(apart), macs(graph));
    EXPECT_EQ(apart.kernels.size(), lowered(graph).kernels.size() + 4);  // two more a block
}

TEST(FusedAttention, NamesAndOrderOfOtherNodesDoNotMatter) {
    const Lowered one = lowered(Exported{.masked = false}.graph());
    const Lowered other = lowered(Exported{.masked = true}.graph());
    EXPECT_EQ(std::get<Attention>(attentions(one).at(0).work).macs(),
              std::get<Attention>(attentions(other).at(0).work).macs());
}

/// An NPU that is also offered attention: a fixed time for it, everything else as ever.
class AttentionDevice final : public Device {
  public:
    AttentionDevice(const Device& npu, Time time) : npu_(npu), time_(time) {}

    [[nodiscard]] std::vector<Unit> units() const override { return npu_.units(); }
    [[nodiscard]] OnChipMemory on_chip() const override { return npu_.on_chip(); }
    [[nodiscard]] Peak peak(DataType first, DataType second) const override {
        return npu_.peak(first, second);
    }
    [[nodiscard]] std::optional<Infeasible> refuses(const Kernel& kernel) const override {
        if (std::holds_alternative<Attention>(kernel.work)) return std::nullopt;
        return npu_.refuses(kernel);
    }
    [[nodiscard]] std::variant<MappingChoice, Infeasible> map(
        const MappingRequest& request) const override {
        if (!std::holds_alternative<Attention>(request.kernel->work)) return npu_.map(request);
        return MappingChoice{.mapping = {{"attention", "whole"}},
                             .cost = time_,
                             .bound = Time::zero(),
                             .candidates = 1,
                             .rejected = {}};
    }
    [[nodiscard]] std::variant<Time, Infeasible> cost(const MappingRequest& request,
                                                      const Mapping& mapping) const override {
        if (!std::holds_alternative<Attention>(request.kernel->work))
            return npu_.cost(request, mapping);
        return time_;
    }
    void emit(const MappingRequest& request, const Mapping& mapping, LayerId layer,
              ProgramBuilder& program) const override {
        const auto* work = std::get_if<Attention>(&request.kernel->work);
        if (work == nullptr) {
            npu_.emit(request, mapping, layer, program);
            return;
        }
        const Contract tile{.m = work->queries,
                            .n = work->keys,
                            .k = work->head_dim + work->value_dim,
                            .repeat = work->g,
                            .first_type = work->query_type,
                            .second_type = work->cache_type,
                            .useful_macs = work->macs()};
        program.add(npu::CoreUnits{}.matrix(), layer, tile);
    }
    [[nodiscard]] Time duration(const Command& command) const override {
        return npu_.duration(command);
    }
    [[nodiscard]] std::vector<Action> actions() const override { return npu_.actions(); }
    void count(const Command& command, std::span<const ActionId> ids,
               Counts& counts) const override {
        npu_.count(command, ids, counts);
    }
    [[nodiscard]] std::vector<StaticPower> static_power() const override { return {}; }

  private:
    const Device& npu_;
    Time time_;
};

npu::Npu plain_npu() {
    npu::NpuSpec spec = small_npu(1 << 20);
    spec.matrix.rates = {{DataType::fp16, DataType::fp16, 1, 1}};
    return made_of(
        std::move(spec),
        {{.bytes_per_second = 8'000'000'000, .burst_bytes = 32, .latency = Time::from_ns(100)}});
}

std::vector<std::string> operators_with(Time attention_time) {
    const npu::Npu npu = plain_npu();
    const AttentionDevice device(npu, attention_time);
    const CompileTarget target{.device = &device,
                               .memories = {{.name = "dram",
                                             .bytes_per_second = 8'000'000'000,
                                             .capacity_bytes = std::int64_t{1} << 32,
                                             .burst_bytes = 32}},
                               .host = std::nullopt};
    CompileOptions options;
    options.precision = "fp16";
    const auto result = compile(Exported{.masked = false}.graph(), target, options);
    std::vector<std::string> types;
    for (const KernelReport& kernel : std::get<Compiled>(result).kernels)
        types.push_back(kernel.operator_type);
    return types;
}

TEST(FusedAttention, CompilerTakesTheCheaperOfBothPlans) {
    EXPECT_THAT(operators_with(Time::zero()),
                ElementsAre("MatMul", "MatMul", "MatMul", "Attention", "MatMul"));
    EXPECT_THAT(operators_with(Time::from_ns(1'000'000'000)), ::testing::Contains("Softmax"));
}

/// A block of attention over 4096 tokens, eight heads of 64: scores of 256 MiB in 16 bits.
Compiled long_attention(int cores, bool fused) {
    npu::NpuSpec spec = small_npu(1 << 20);
    spec.cores = cores;
    spec.matrix.rates = {{DataType::fp16, DataType::fp16, 1, 1}};
    const npu::Npu npu = made_of(
        std::move(spec),
        {{.bytes_per_second = 64'000'000'000, .burst_bytes = 32, .latency = Time::from_ns(100)}});
    const CompileTarget target{.device = &npu,
                               .memories = {{.name = "dram",
                                             .bytes_per_second = 64'000'000'000,
                                             .capacity_bytes = std::int64_t{1} << 32,
                                             .burst_bytes = 32}},
                               .host = std::nullopt};
    CompileOptions options;
    options.precision = "fp16";
    options.fuse_attention = fused;
    options.effort = 200;
    const Exported exported{.tokens = 4096, .heads = 8, .size = 64, .masked = false};
    return std::get<Compiled>(compile(exported.graph(), target, options));
}

TEST(FusedAttention, ScoresOfALongContextStayInEveryCore) {
    const std::int64_t scores = std::int64_t{8} * 4096 * 4096 * 2;
    for (const int cores : {1, 4}) {
        const Compiled fused = long_attention(cores, true);
        const auto attention = std::find_if(
            fused.kernels.begin(), fused.kernels.end(),
            [](const KernelReport& kernel) { return kernel.operator_type == "Attention"; });
        ASSERT_NE(attention, fused.kernels.end()) << cores << " cores";
        EXPECT_THAT(attention->choice.mapping,
                    ::testing::Contains(
                        std::pair<std::string, std::string>("cores", std::to_string(cores))));
        const Totals kept = totals(fused.program);
        EXPECT_LT(kept.written, scores / 4) << cores << " cores";
        const Compiled apart = long_attention(cores, false);
        const Totals moved = totals(apart.program);
        EXPECT_GE(moved.written, 2 * scores) << cores << " cores";
        EXPECT_EQ(kept.useful_macs, moved.useful_macs);
        EXPECT_LT(fused.predicted, apart.predicted);
    }
}

}  // namespace
}  // namespace perfwatt

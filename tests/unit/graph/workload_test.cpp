#include "sim/graph/workload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "sim/graph/scale_sim.h"
#include "support.h"

namespace perfwatt {
namespace {

using testing::HasSubstr;

ConfigPath shipped() { return ConfigPath({std::string(PERFWATT_SOURCE_DIR)}); }

/// A workload file that goes away with the test.
class WorkloadFile {
  public:
    explicit WorkloadFile(const std::string& text)
        : path_(std::filesystem::temp_directory_path() /
                ("perfwatt_workload_" + std::to_string(::getpid()) + ".yaml")) {
        std::ofstream(path_) << "schema: perfwatt/workload/v1\n" << text;
    }
    ~WorkloadFile() { std::filesystem::remove(path_); }
    WorkloadFile(const WorkloadFile&) = delete;
    WorkloadFile& operator=(const WorkloadFile&) = delete;

    [[nodiscard]] Workload load(std::int64_t batch = 1) const {
        return load_workload({.workload = path_.string(), .batch = batch, .overrides = {}}, {});
    }
    /// The message, without the path of the file.
    [[nodiscard]] std::string error() const {
        std::string text = message_of([&] { (void)load(); });
        for (auto at = text.find(path_.string()); at != std::string::npos;
             at = text.find(path_.string()))
            text.replace(at, path_.string().size(), "net.yaml");
        return text;
    }

  private:
    std::filesystem::path path_;
};

TEST(Workloads, TheShippedNetworksHaveTheMacsAndParametersTheyState) {
    int stated = 0;
    for (const std::string& name : shipped().names(ConfigKind::workload)) {
        const Workload workload = load_workload({.workload = name, .overrides = {}}, shipped());
        ASSERT_TRUE(workload.stated_macs && workload.stated_parameters) << name;
        EXPECT_EQ(macs(workload.graph), *workload.stated_macs) << name;
        EXPECT_EQ(parameters(workload.graph), *workload.stated_parameters) << name;
        ++stated;
    }
    EXPECT_GE(stated, 90);
}

/// What authors and makers publish is rounded, and counted in several ways.
TEST(Workloads, TheShippedNetworksAreAsLargeAsPublished) {
    const auto within = numbers_table("workloads/tables/published.csv", "within");
    const auto compare = [&](const char* column, double unit, auto&& count) {
        int compared = 0;
        for (const auto& [name, published] :
             numbers_table("workloads/tables/published.csv", column)) {
            const Graph graph = build_workload({.workload = name, .overrides = {}}, shipped());
            EXPECT_NEAR(static_cast<double>(count(graph)) / unit, published,
                        within.at(name) * published)
                << name;
            ++compared;
        }
        return compared;
    };
    EXPECT_GE(compare("gmacs", 1e9, [](const Graph& graph) { return macs(graph); }), 40);
    EXPECT_GE(compare("mparameters", 1e6, [](const Graph& graph) { return parameters(graph); }),
              80);
}

TEST(Workloads, TheYamlAndTheOnnxFileOfANetworkAgree) {
    for (const char* name : {"resnet50", "mobilenet_v2", "vgg16"}) {
        const Graph yaml = build_workload({.workload = name, .overrides = {}}, shipped());
        const Graph onnx =
            import_onnx(source_path(std::string("workloads/onnx/") + name + ".onnx"));
        EXPECT_EQ(macs(yaml), macs(onnx)) << name;
        const auto convolutions = [](const Graph& graph) {
            std::vector<std::int64_t> counts;
            for (const Node& node : graph.nodes)
                if (node.type == "Conv") counts.push_back(macs(graph, node));
            std::sort(counts.begin(), counts.end());
            return counts;
        };
        EXPECT_EQ(convolutions(yaml), convolutions(onnx)) << name;
    }
}

TEST(Workloads, OnnxFilesAreFoundByName) {
    EXPECT_EQ(macs(build_workload({.workload = "vit_b_16", .overrides = {}}, shipped())),
              17'563'828'224);
    EXPECT_THAT(workload_names(shipped()), testing::IsSupersetOf({"resnet50", "vit_b_16"}));
}

TEST(Workloads, ANameThatIsNotThereGetsTheNearest) {
    EXPECT_EQ(message_of([] {
                  (void)load_workload({.workload = "vit_b_61", .overrides = {}}, shipped());
              }),
              "error: there is no workload 'vit_b_61'\n  hint: did you mean 'vit_b_16'?\n");
}

TEST(Workloads, TwiceTheBatchIsTwiceTheMacs) {
    for (const char* name : {"resnet50", "bert_base"})
        EXPECT_EQ(macs(build_workload({.workload = name, .batch = 2, .overrides = {}}, shipped())),
                  2 * macs(build_workload({.workload = name, .overrides = {}}, shipped())));
}

// Transformers ------------------------------------------------------------------------------------

Graph llama(Phase phase, std::int64_t context, std::vector<std::string> overrides = {}) {
    return build_workload({.workload = "llama2_7b",
                           .phase = phase,
                           .context = context,
                           .overrides = std::move(overrides)},
                          shipped());
}

// Weights: 32 x (4 x 4096^2 + 3 x 4096 x 11008) + 4096 x 32000 = 6607077376; attention over 1025
// tokens: 32 x 2 x 1025 x 4096 = 268697600.
TEST(Transformer, OneDecodeStepMultipliesEachWeightOnceAndTheCache) {
    EXPECT_EQ(macs(llama(Phase::decode, 1024)), 6'607'077'376 + 268'697'600);
}

TEST(Transformer, ALongerCacheCostsAttentionOnly) {
    EXPECT_EQ(macs(llama(Phase::decode, 2048)) - macs(llama(Phase::decode, 1024)),
              std::int64_t{32} * 2 * 1024 * 4096);
}

TEST(Transformer, TheCacheIsStateAndOnlyNewRowsAreAppended) {
    const Graph graph = llama(Phase::decode, 100);
    int appended = 0;
    for (const Node& node : graph.nodes) {
        if (node.type != "perfwatt.CacheAppend") continue;
        ++appended;
        EXPECT_EQ(graph.tensor(node.inputs[0]).shape, (Shape{1, 1, 32, 128}));
        EXPECT_EQ(graph.tensor(node.inputs[1]).shape, (Shape{1, 100, 32, 128}));
        EXPECT_EQ(graph.tensor(node.inputs[1]).role, TensorRole::state);
        EXPECT_EQ(graph.tensor(node.outputs[0]).shape, (Shape{1, 101, 32, 128}));
        EXPECT_EQ(graph.tensor(node.outputs[0]).role, TensorRole::state);
    }
    EXPECT_EQ(appended, 64);
}

TEST(Transformer, BlocksAreStructurallyIdentical) {
    const Graph graph = llama(Phase::decode, 16, {"transformer.layers=4"});
    std::vector<std::string> blocks(4);
    for (const Node& node : graph.nodes) {
        if (!node.name.starts_with("block")) continue;
        std::string& text = blocks[static_cast<std::size_t>(node.name[5] - '0')];
        text += node.type;
        for (const TensorId id : node.inputs)
            for (const std::int64_t size : graph.tensor(id).shape)
                text += "," + std::to_string(size);
        text += "\n";
    }
    EXPECT_FALSE(blocks[0].empty());
    for (const std::string& block : blocks) EXPECT_EQ(block, blocks[0]);
}

TEST(Transformer, TwiceTheLayersAreTwiceTheMacsOfTheBlocks) {
    const auto head = std::int64_t{4096} * 32000;
    EXPECT_EQ(macs(llama(Phase::decode, 8, {"transformer.layers=8"})) - head,
              2 * (macs(llama(Phase::decode, 8, {"transformer.layers=4"})) - head));
}

TEST(Transformer, AnEncoderHasNoDecode) {
    EXPECT_THAT(message_of([] {
                    (void)load_workload(
                        {.workload = "bert_base", .phase = Phase::decode, .overrides = {}},
                        shipped());
                }),
                HasSubstr("error: an encoder has no phase 'decode'"));
}

TEST(Transformer, ATextLongerThanTheTableOfPositionsIsRefused) {
    EXPECT_THAT(message_of([] {
                    (void)load_workload({.workload = "bert_base", .context = 513, .overrides = {}},
                                        shipped());
                }),
                HasSubstr("error: 513 tokens are more than the 512 positions of the network"));
}

TEST(Transformer, AStepThatNobodyGaveAContextIsTheLastThereIsRoomFor) {
    const auto context = [](Phase phase) {
        return load_workload({.workload = "gpt2", .phase = phase, .overrides = {}}, shipped())
            .context;
    };
    EXPECT_EQ(context(Phase::prefill), 1024);
    EXPECT_EQ(context(Phase::decode), 1023);
}

TEST(Transformer, ANameMayBeCutShortWhereOneIsMeant) {
    EXPECT_EQ(find_workload("ssd_mobilenet_v1", shipped()),
              find_workload("ssd_mobilenet_v1_300", shipped()));
}

constexpr const char* kMixture = R"(transformer:
  kind: decoder
  layers: 1
  hidden: 8
  heads: 2
  ffn: 16
  vocabulary: 10
  activation: swiglu
  norm: rmsnorm
  positions: rotary
  experts: 4
  experts_per_token: 2
  sequence: 3
)";

// Per token: 4 x 8^2 attention, 8 x 4 router, 2 experts x 3 x 8 x 16; 2 x 3^2 x 8 scores and
// values; the head once: 3 x (256 + 32 + 768) + 144 + 80 = 3392.
TEST(Transformer, EachTokenWorksWithSomeOfTheExperts) {
    const Workload workload = WorkloadFile(kMixture).load();
    EXPECT_EQ(macs(workload.graph), 3392);
    // Embedding and head 2 x 80, norms 3 x 8, attention 256, router 32, four experts of 384.
    EXPECT_EQ(parameters(workload.graph), 160 + 24 + 256 + 32 + 4 * 384);
}

// 8 experts, 2 a token: 8 (1 - 0.75^tokens) are reached: 2, 3.5, 5.5, 7.2, 8 of them.
TEST(Transformer, AsManyExpertsMoveTheirWeightsAsTokensReach) {
    const std::int64_t expert = std::int64_t{3} * 4096 * 14336;
    const auto mixtral = [](std::int64_t batch) {
        return build_workload({.workload = "mixtral_8x7b",
                               .batch = batch,
                               .phase = Phase::decode,
                               .context = 16,
                               .overrides = {"transformer.layers=1"}},
                              shipped());
    };
    const std::int64_t rest = parameters(mixtral(1)) - 2 * expert;
    for (const auto& [batch, reached] :
         std::vector<std::pair<std::int64_t, std::int64_t>>{{2, 4}, {4, 5}, {8, 7}, {32, 8}}) {
        EXPECT_EQ(parameters(mixtral(batch)), rest + reached * expert) << batch;
        EXPECT_EQ(macs(mixtral(batch)), batch * macs(mixtral(1))) << batch;
    }
}

// Of one block: projections 2 x 8192^2 + 2 x 8192 x 1024, feed-forward 3 x 8192 x 28672, scores and
// values 2 x 8192 x (context + 1); the cache holds 8 heads of keys and values, not 64.
TEST(Transformer, GroupedQueriesShareTheCacheAtEveryBatch) {
    for (const std::int64_t batch : {1, 4, 32}) {
        const Graph graph = build_workload({.workload = "llama3_70b",
                                            .batch = batch,
                                            .phase = Phase::decode,
                                            .context = 100,
                                            .overrides = {"transformer.layers=1"}},
                                           shipped());
        const std::int64_t weights = std::int64_t{2} * 8192 * (8192 + 1024) +
                                     std::int64_t{3} * 8192 * 28672 + std::int64_t{8192} * 128256;
        EXPECT_EQ(macs(graph), batch * (weights + std::int64_t{2} * 8192 * 101));
        std::int64_t cached = 0;
        for (const Node& node : graph.nodes)
            if (node.type == "perfwatt.CacheAppend")
                cached += graph.tensor(node.inputs[1]).elements();
        EXPECT_EQ(cached, batch * 2 * 100 * 8 * 128);
    }
}

// Side by side: one norm of 2 x 8 a block less than one after the other; attention without biases.
TEST(Transformer, AttentionAndFeedForwardPartMayReadTheSameNorm) {
    const std::string text = R"(transformer:
  kind: decoder
  layers: 1
  hidden: 8
  heads: 2
  ffn: 16
  vocabulary: 10
  activation: gelu
  norm: layernorm
  positions: rotary
  bias: true
  attention_bias: false
  parallel: true
  head_bias: true
  sequence: 3
)";
    const Graph graph = WorkloadFile(text).load().graph;
    EXPECT_EQ(parameters(graph), 2 * 80 + 10 + 16 + 16 + 4 * 64 + 2 * 128 + 16 + 8);
    EXPECT_EQ(macs(graph), 3 * (4 * 64 + 2 * 128) + 2 * 9 * 8 + 80);
}

TEST(Transformer, HeadsThatDoNotDivideAreRefused) {
    std::string text = kMixture;
    text.replace(text.find("heads: 2"), 8, "heads: 3");
    EXPECT_THAT(WorkloadFile(text).error(),
                HasSubstr("a hidden size of 8 does not divide into 3 heads"));
}

// Layer lists -------------------------------------------------------------------------------------

TEST(LayerList, BranchesMeetAndNamesAreRead) {
    const Workload workload = WorkloadFile(R"(input: {shape: [4, 8, 8]}
layers:
  - {name: a, conv: {filters: 4, kernel: 3, padding: 1}}
  - {name: b, from: input, conv: {filters: 4, kernel: 1}}
  - {add: {with: [a]}}
  - join: concat
    branches:
      - [{activation: relu}]
      - []
  - repeat: 2
    layers:
      - {depthwise: {kernel: 3, padding: 1}}
)")
                                  .load();
    const Graph& graph = workload.graph;
    EXPECT_EQ(graph.tensor(graph.outputs[0]).shape, (Shape{1, 8, 8, 8}));
    EXPECT_EQ(macs(graph), 64 * 4 * 36 + 64 * 4 * 4 + 2 * 64 * 8 * 9);
}

TEST(LayerList, EveryKindOfLayerBuilds) {
    const Workload workload = WorkloadFile(R"(input: {shape: [10], type: token}
layers:
  - {name: e, embedding: {vocabulary: 100, hidden: 16}}
  - {attention: {heads: 4, kv_heads: 2, rotary: true, bias: true}}
  - {norm: layer}
  - {recurrent: {kind: lstm, hidden: 8, bidirectional: true}}
  - {name: s, matmul: {with: e, transpose: true}}
  - {softmax: {}}
  - {transpose: {perm: [0, 2, 1]}}
  - {reshape: {shape: [1, 10, 10]}}
  - {upsample: {scale: 2, mode: bilinear}}
  - {pool: {kind: average, kernel: 2}}
  - {norm: batch}
  - {activation: relu6}
  - {pool: {kind: global_max}}
  - {flatten: {}}
  - {linear: {features: 5}}
)")
                                  .load(3);
    EXPECT_EQ(workload.graph.tensor(workload.graph.outputs[0]).shape, (Shape{3, 5}));
    EXPECT_EQ(workload.graph.nodes.back().line, 18);
}

// 2x4x4 -> transposed by 2: 16 places x 2 x 3 x 4; 1x1 convolution of 12 to 8 on 16 places.
TEST(LayerList, TransposedConvolutionsNormsAndBlocksOfPixels) {
    const Workload workload = WorkloadFile(R"(input: {shape: [2, 4, 4]}
layers:
  - {conv_transpose: {filters: 3, kernel: 2, stride: 2, bias: true, norm: batch, activation: relu}}
  - {space_to_depth: {block: 2}}
  - {conv: {filters: 8, kernel: 1, norm: batch, activation: silu}}
  - {group_norm: {groups: 4}}
  - {depth_to_space: {block: 2}}
  - {resize: {rows: 3, columns: 5, mode: nearest}}
)")
                                  .load(2);
    const Graph& graph = workload.graph;
    EXPECT_EQ(graph.tensor(graph.outputs[0]).shape, (Shape{2, 2, 3, 5}));
    EXPECT_EQ(macs(graph), 2 * (16 * 2 * 3 * 4 + 16 * 12 * 8));
    EXPECT_EQ(parameters(graph), 2 * 3 * 4 + 3 + 6 + 12 * 8 + 16 + 16);
}

// Queries of 5 tokens and 6 features, a context of 3 tokens and 4: projections 5x6x6 twice (the
// last, too) and 3x4x6 twice; scores and values 2 x 5x3x6. Then attention of 2 heads of its own
// with 5x5 biases each: 2 x 5x5x6.
TEST(LayerList, AttentionReadsAContextAndHasBiasesOfItsScores) {
    const Workload workload = WorkloadFile(R"(input: {shape: [5, 6]}
inputs: [{name: text, shape: [3, 4]}]
layers:
  - name: block
    layers:
      - {attention: {heads: 2, context: text, output_bias: true}}
  - {name: x, scale: {shape: [6]}}
  - {attend: {heads: 2, keys: x, values: x, score_bias: true}}
  - {prepend: {tokens: 2}}
  - {name: all, offset: {shape: [7, 6]}}
  - {slice: {axis: 1, start: 1, end: 4}}
  - {mean: {axis: 1}}
)")
                                  .load(2);
    const Graph& graph = workload.graph;
    EXPECT_EQ(graph.tensor(graph.outputs[0]).shape, (Shape{2, 6}));
    EXPECT_EQ(macs(graph), 2 * (2 * 180 + 2 * 72 + 2 * 90 + 2 * 150));
    EXPECT_EQ(parameters(graph), 2 * 36 + 2 * 24 + 6 + 6 + 2 * 25 + 2 * 6 + 7 * 6);
}

TEST(LayerList, ZerosAmongMapsAreThoseStated) {
    const std::string layers =
        "input: {shape: [3, 8, 8]}\n"
        "layers:\n"
        "  - {name: first, conv: {filters: 4, kernel: 3, activation: relu}}\n"
        "  - {name: second, conv: {filters: 4, kernel: 3}}\n";
    const WorkloadFile file("zeros: [{of: first, per_mille: 300}]\n" + layers);
    const Workload workload = file.load();
    int coded = 0;
    for (const Tensor& tensor : workload.graph.tensors) {
        if (tensor.storage.format == WeightFormat::plain) continue;
        EXPECT_EQ(tensor.sparsity.kept, 700);
        EXPECT_EQ(tensor.sparsity.of, 1000);
        EXPECT_EQ(tensor.shape, (Shape{1, 4, 6, 6}));  // after the activation
        ++coded;
    }
    EXPECT_EQ(coded, 1);
    EXPECT_THAT(WorkloadFile("zeros: [{of: third, per_mille: 300}]\n" + layers).error(),
                HasSubstr("third"));
}

TEST(LayerList, NamesOfOuterListsAreKnownAndInnerOnesAreNot) {
    const char* text = R"(input: {shape: [4]}
outputs: [a, b]
layers:
  - {name: a, linear: {features: 4}}
  - {name: b, layers: [{name: inner, add: {with: [a]}}]}
)";
    const Graph graph = WorkloadFile(text).load().graph;
    EXPECT_EQ(graph.outputs.size(), 2u);
    EXPECT_THAT(WorkloadFile(std::string(text) + "  - {add: {with: [inner]}}\n").error(),
                HasSubstr("there is no layer 'inner' before this one"));
}

TEST(LayerList, ATrainedTensorThatDoesNotFitIsRefused) {
    EXPECT_THAT(
        WorkloadFile("input: {shape: [4]}\nlayers:\n  - {offset: {shape: [2, 4]}}\n").error(),
        HasSubstr("its shape [2, 4] does not fit into [1, 4]"));
}

TEST(LayerList, MistakesHaveTheirPlace) {
    EXPECT_EQ(
        WorkloadFile("input: {shape: [4, 8, 8]}\nlayers:\n  - {conv: {filters: 4, kernel: 9}}\n")
            .error(),
        "net.yaml:4:5: error: layer 'layer0': its window of 9 is larger than its input of 8 with "
        "padding\n    - {conv: {filters: 4, kernel: 9}}\n      ^\n");
    EXPECT_THAT(WorkloadFile("input: {shape: [4]}\nlayers:\n  - {name: ab, linear: {features: 4}}\n"
                             "  - {add: {with: [ac]}}\n")
                    .error(),
                HasSubstr("net.yaml:5:5: error: there is no layer 'ac' before this one"));
    EXPECT_THAT(
        WorkloadFile("input: {shape: [4]}\nlayers:\n  - {linear: {features: 4}, norm: layer}\n")
            .error(),
        HasSubstr("a layer is one operator or group, this one names 2"));
    EXPECT_THAT(WorkloadFile("input: {shape: [4]}\n").error(),
                HasSubstr("a network needs `transformer` or `layers`"));
}

// SCALE-Sim ---------------------------------------------------------------------------------------

TEST(ScaleSim, ReadsConvolutionsWithPaddingInTheirInput) {
    const Graph graph = read_scale_sim(
        "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, "
        "Strides,\nConv1, 224, 224, 11, 11, 3, 96, 4,\r\nFC, 1, 1, 1, 1, 4096, 1000, 1,\n",
        "net.csv", 1);
    EXPECT_EQ(macs(graph), std::int64_t{54} * 54 * 96 * 363 + 4'096'000);
    EXPECT_EQ(graph.nodes[1].line, 3);
}

TEST(ScaleSim, ReadsProducts) {
    const Graph graph = read_scale_sim("Layer, M, N, K,\nQKT, 12, 20, 7,\n", "net.csv", 2);
    EXPECT_EQ(macs(graph), 2 * 12 * 20 * 7);
}

TEST(ScaleSim, NamesEveryLineThatIsWrong) {
    EXPECT_EQ(message_of([] {
                  (void)read_scale_sim("Layer, M, N, K,\na, 1, 2,\nb, 1, x, 3,\nc, 1, 0, 3,\n",
                                       "net.csv", 1);
              }),
              "net.csv:2: error: 3 columns where the heading has 4\n  a, 1, 2,\n"
              "net.csv:3: error: column 3 is 'x', not a count of at least 1\n  b, 1, x, 3,\n"
              "net.csv:4: error: column 3 is '0', not a count of at least 1\n  c, 1, 0, 3,\n");
    EXPECT_EQ(message_of([] { (void)read_scale_sim("", "net.csv", 1); }),
              "net.csv:1: error: the topology has no layers\n");
}

}  // namespace
}  // namespace perfwatt

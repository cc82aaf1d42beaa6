#include "sim/graph/onnx_import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <random>
#include <sstream>

#include "support.h"

namespace perfwatt {
namespace {

using Integers = std::vector<std::int64_t>;
using testing::HasSubstr;

/// "network,macs,..." lines of a table, without its heading.
std::map<std::string, std::int64_t> macs_table(const std::string& path) {
    std::istringstream text(file_bytes(source_path(path)));
    std::map<std::string, std::int64_t> table;
    std::string line;
    std::getline(text, line);
    while (std::getline(text, line)) {
        const auto comma = line.find(',');
        table[line.substr(0, comma)] = std::stoll(line.substr(comma + 1));
    }
    return table;
}

TEST(OnnxImport, TheShippedNetworksHaveThePublishedMacs) {
    const auto table = macs_table("workloads/onnx/macs.csv");
    EXPECT_GE(table.size(), 24u);
    for (const auto& [name, expected] : table)
        EXPECT_EQ(macs(import_onnx(source_path("workloads/onnx/" + name + ".onnx"))), expected)
            << name;
}

// The exporter folds norms into convolutions: their scales vanish and their biases stay.
TEST(OnnxImport, TheShippedNetworksHaveTheParametersOfTheirModules) {
    int compared = 0;
    for (const auto& [name, expected] : numbers_table("workloads/onnx/macs.csv", "parameters")) {
        const Graph graph = import_onnx(source_path("workloads/onnx/" + name + ".onnx"));
        EXPECT_NEAR(static_cast<double>(parameters(graph)), expected, 0.02 * expected) << name;
        ++compared;
    }
    EXPECT_GE(compared, 23);
}

TEST(OnnxImport, NetworksNotSeenBeforeHaveTheMacsThatPyTorchCounts) {
    const auto table = macs_table("tests/golden/graph_onnx/macs.csv");
    EXPECT_GE(table.size(), 8u);
    for (const auto& [name, expected] : table)
        EXPECT_EQ(macs(import_onnx(source_path("tests/golden/graph_onnx/" + name + ".onnx"))),
                  expected)
            << name;
}

TEST(OnnxImport, ShapeArithmeticVanishes) {
    for (const char* name : {"vit_b_16", "bert_base_384"})
        for (const Node& node :
             import_onnx(source_path(std::string("workloads/onnx/") + name + ".onnx")).nodes)
            EXPECT_NE(operator_class(node), OperatorClass::fold) << node.type;
}

TEST(OnnxImport, TwiceTheBatchIsTwiceTheMacsThoughTheFileFixesItAtOne) {
    for (const auto& [name, expected] : macs_table("workloads/onnx/macs.csv")) {
        const std::string file = source_path("workloads/onnx/" + name + ".onnx");
        EXPECT_EQ(macs(import_onnx(file, {.batch = 8, .dimensions = {}})), 8 * expected) << name;
    }
}

TEST(OnnxImport, EqualWeightsOfUntrainedLayersStayTwoWeights) {
    // VGG-16 has 138357544 parameters, though its biases, all zero, share one tensor in the file.
    EXPECT_EQ(parameters(import_onnx(source_path("workloads/onnx/vgg16.onnx"))), 138'357'544);
}

// Queries of 5 places and 3 of keys, 4 heads of 8, two heads of keys and values behind 7 cached
// ones.
TEST(OnnxImport, AttentionOperatorsAreTheirParts) {
    OneNode grouped("com.microsoft.GroupQueryAttention",
                    {{2, 5, 32}, {2, 5, 16}, {2, 5, 16}, {2, 2, 7, 8}, {2, 2, 7, 8}});
    grouped.attribute("num_heads", std::int64_t{4}).attribute("kv_num_heads", std::int64_t{2});
    grouped.attribute("do_rotary", std::int64_t{1}).outputs({"y", "keys", "values"});
    const Graph graph = grouped.graph();
    EXPECT_EQ(graph.tensor(graph.outputs[0]).shape, (Shape{2, 5, 32}));
    EXPECT_EQ(graph.tensor(graph.outputs[1]).shape, (Shape{2, 2, 12, 8}));
    EXPECT_EQ(macs(graph), 2 * 2 * 5 * 12 * 32);

    OneNode many("com.microsoft.MultiHeadAttention", {{1, 5, 32}, {1, 3, 32}, {1, 3, 32}, {96}});
    many.attribute("num_heads", std::int64_t{4});
    EXPECT_EQ(many.shape(), (Shape{1, 5, 32}));
    EXPECT_EQ(macs(many.graph()), 2 * 5 * 3 * 32);

    OneNode whole("com.microsoft.Attention", {{1, 5, 32}, {32, 96}, {96}});
    whole.attribute("num_heads", std::int64_t{4});
    EXPECT_EQ(macs(whole.graph()), 5 * 32 * 96 + 2 * 5 * 5 * 32);

    OneNode onnx("Attention", {{1, 4, 5, 8}, {1, 2, 3, 8}, {1, 2, 3, 8}});
    EXPECT_EQ(onnx.shape(), (Shape{1, 4, 5, 8}));
    EXPECT_EQ(macs(onnx.graph()), 2 * 5 * 3 * 32);
    OneNode flat("Attention", {{1, 5, 32}, {1, 3, 16}, {1, 3, 16}, {5, 3}});
    EXPECT_THAT(flat.error(), HasSubstr("its number of heads is not given"));
    flat.attribute("q_num_heads", std::int64_t{4}).attribute("kv_num_heads", std::int64_t{2});
    EXPECT_EQ(flat.shape(), (Shape{1, 5, 32}));
}

TEST(OnnxImport, NamesAndTheOrderOfNodesChangeNothing) {
    const std::string file = source_path("tests/golden/graph_onnx/googlenet.onnx");
    OnnxModel model = read_onnx(file_bytes(file), file);
    const std::string before = structure(import_onnx_model(model));
    std::map<std::string, std::string> renamed;
    std::mt19937 random(7);
    const auto rename = [&](std::string& name) {
        if (name.empty()) return;
        const auto [found, fresh] = renamed.try_emplace(name);
        if (fresh) found->second = std::to_string(random()) + "_" + std::to_string(renamed.size());
        name = found->second;
    };
    for (OnnxInput& input : model.graph.inputs) rename(input.name);
    for (OnnxTensor& weight : model.graph.initializers) rename(weight.name);
    for (std::string& output : model.graph.outputs) rename(output);
    for (OnnxNode& node : model.graph.nodes) {
        node.name = std::to_string(random());
        for (std::string& name : node.inputs) rename(name);
        for (std::string& name : node.outputs) rename(name);
    }
    for (std::size_t i = model.graph.nodes.size(); i > 1; --i)
        std::swap(model.graph.nodes[i - 1], model.graph.nodes[random() % i]);
    EXPECT_EQ(structure(import_onnx_model(model)), before);
}

TEST(OnnxImport, DeadNodesAndDropoutVanish) {
    OneNode net("Dropout", {{2, 3}});
    net.model.graph.nodes.push_back({.type = "Relu", .inputs = {"y"}, .outputs = {"z"}});
    net.model.graph.nodes.push_back({.type = "Exp", .inputs = {"y"}, .outputs = {"unused"}});
    net.model.graph.outputs = {"z"};
    const Graph graph = net.graph();
    ASSERT_EQ(graph.nodes.size(), 1u);
    EXPECT_EQ(graph.nodes[0].type, "Relu");
    EXPECT_EQ(graph.tensor(graph.nodes[0].inputs[0]).role, TensorRole::input);
}

TEST(OnnxImport, ADropoutWithAMaskVanishesToo) {
    OneNode net("Dropout", {{2, 3}});
    net.outputs({"y", "mask"});
    net.model.graph.nodes.push_back({.type = "Relu", .inputs = {"y"}, .outputs = {"z"}});
    net.model.graph.outputs = {"z"};
    EXPECT_EQ(net.graph().nodes.size(), 1u);
}

TEST(OnnxImport, QuantisedWeightsStayAsTheyAreStored) {
    OneNode net("MatMul", {{2, 3}, {3, 4}});
    net.model.graph.inputs.pop_back();
    net.model.graph.initializers = {{.name = "q", .type = DataType::int8, .shape = {3, 4}},
                                    {.name = "scale", .type = DataType::fp32, .shape = {}}};
    net.model.graph.nodes.push_back(
        {.type = "DequantizeLinear", .inputs = {"q", "scale"}, .outputs = {"x1"}});
    net.model.graph.nodes.push_back(
        {.type = "QuantizeLinear", .inputs = {"y", "scale"}, .outputs = {"z"}});
    net.model.graph.outputs = {"z"};
    const Graph graph = net.graph();
    ASSERT_EQ(graph.nodes.size(), 2u);
    EXPECT_EQ(graph.tensor(graph.nodes[0].inputs[1]).type, DataType::int8);
    EXPECT_EQ(graph.tensor(graph.outputs[0]).type, DataType::uint8);
    EXPECT_EQ(operator_class(graph.nodes[1]), OperatorClass::elementwise);
}

TEST(OnnxImport, TheCostlierBranchOfAnUnknownConditionIsTaken) {
    OneNode net("If", {{4, 4}});
    auto cheap = std::make_shared<OnnxGraph>();
    cheap->outputs = {"a"};
    cheap->nodes = {{.type = "Relu", .inputs = {"x"}, .outputs = {"a"}}};
    auto costly = std::make_shared<OnnxGraph>();
    costly->outputs = {"b"};
    costly->nodes = {{.type = "MatMul", .inputs = {"x", "x"}, .outputs = {"b"}}};
    OnnxNode& branch = net.model.graph.nodes[0];
    branch.graphs = {{"then_branch", cheap}, {"else_branch", costly}};
    net.model.graph.inputs.push_back(net.model.graph.inputs[0]);
    net.model.graph.inputs[1].name = "x";
    EXPECT_EQ(macs(net.graph()), 64);
    net.model.graph.initializers.push_back({.name = "c",
                                            .type = DataType::boolean,
                                            .contents = Constant{DataType::boolean, {}, {1}, {}}});
    branch.inputs = {"c"};
    EXPECT_EQ(macs(net.graph()), 0);
}

TEST(OnnxImport, ALoopIsUnrolled) {
    OneNode net("Loop", {{4, 4}});
    auto body = std::make_shared<OnnxGraph>();
    body->inputs = {{.name = "i"}, {.name = "go"}, {.name = "s"}};
    body->outputs = {"go", "t"};
    body->nodes = {{.type = "MatMul", .inputs = {"s", "s"}, .outputs = {"t"}}};
    OnnxNode& loop = net.model.graph.nodes[0];
    loop.graphs = {{"body", body}};
    loop.inputs = {"trips", "", "x0"};
    net.model.graph.initializers.push_back(
        {.name = "trips", .type = DataType::int64, .contents = integer_constant({5}, {})});
    EXPECT_EQ(macs(net.graph()), 5 * 64);
}

// Symbolic dimensions -----------------------------------------------------------------------------

OneNode symbolic() {
    OneNode net("Relu", {{1, 8}});
    net.model.graph.inputs[0].shape = {
        {OnnxDimension{.name = "n"}, OnnxDimension{.name = "tokens"}}};
    return net;
}

TEST(OnnxImport, ANamedFirstDimensionIsTheBatchAndOthersAreSet) {
    const Graph graph =
        import_onnx_model(symbolic().model, {.batch = 3, .dimensions = {{"tokens", 5}}});
    EXPECT_EQ(graph.tensor(graph.inputs[0]).shape, (Shape{3, 5}));
}

TEST(OnnxImport, AnOpenDimensionIsNamedWithTheWayToSetIt) {
    EXPECT_EQ(symbolic().error(),
              "net.onnx: error: dimension 'tokens' of input 'x0' is open\n"
              "  hint: set it with --set workload.dim.tokens=SIZE\n");
}

TEST(OnnxImport, ADimensionThatIsNotThereIsRefused) {
    EXPECT_EQ(
        message_of([] {
            (void)import_onnx_model(symbolic().model, {.batch = 1, .dimensions = {{"words", 5}}});
        }),
        "net.onnx: error: the network has no open dimension 'words'\n"
        "  hint: it has 'n', 'tokens'\n");
}

TEST(OnnxImport, ABatchThatNoInputTakesIsRefused) {
    EXPECT_EQ(
        message_of([] {
            (void)import_onnx_model(OneNode("Relu", {{3, 8}}).model,
                                    {.batch = 2, .dimensions = {}});
        }),
        "net.onnx: error: the batch cannot be 2: no input has a first or second dimension that "
        "is open or 1\n"
        "  hint: export the network with batch 1 or with a named first dimension\n");
}

TEST(OnnxImport, NetworksThatCountTimeFirstHaveTheirBatchSecond) {
    const std::string file = source_path("tests/golden/graph_onnx/lstm.onnx");
    const Graph graph = import_onnx(file, {.batch = 4, .dimensions = {}});
    EXPECT_EQ(graph.tensor(graph.inputs[0]).shape, (Shape{35, 4}));
    EXPECT_EQ(macs(graph), 4 * macs(import_onnx(file)));
}

TEST(OnnxImport, AnExportThatFixesTheBatchInsideIsRefused) {
    // The product mixes the batch with the columns: its work grows with the square of the batch.
    OneNode net("Transpose", {{1, 8}});
    net.model.graph.nodes.push_back({.type = "MatMul", .inputs = {"y", "x0"}, .outputs = {"z"}});
    net.model.graph.nodes.push_back({.type = "MatMul", .inputs = {"x0", "y"}, .outputs = {"w"}});
    net.model.graph.outputs = {"z", "w"};
    EXPECT_THAT(
        message_of([&] { (void)import_onnx_model(net.model, {.batch = 2, .dimensions = {}}); }),
        HasSubstr("the export fixes the batch inside"));
}

// Files that are no networks ----------------------------------------------------------------------

TEST(OnnxImport, AnUnknownOperatorIsNamedWithItsNodeAndFile) {
    EXPECT_EQ(OneNode("Convv", {{1}}).error(),
              "net.onnx: error: node 'n' (Convv): operator 'Convv' is not known\n"
              "  hint: did you mean 'Conv'?\n");
    EXPECT_THAT(OneNode("my.domain.Frobnicate", {{1}}).error(),
                HasSubstr("operator 'my.domain.Frobnicate' is not known"));
}

TEST(OnnxImport, ANodeThatNobodyCanReadIsRefused) {
    OneNode net("Relu", {{4}});
    net.model.graph.nodes.push_back(
        {.name = "m", .type = "Relu", .inputs = {"y"}, .outputs = {"", ""}});
    EXPECT_THAT(net.error(), HasSubstr("node 'm' (Relu): none of its outputs has a name"));
}

TEST(OnnxImport, ACycleIsRefused) {
    OneNode net("Add", {{4}});
    net.model.graph.nodes[0].inputs.emplace_back("z");
    net.model.graph.nodes.push_back(
        {.name = "m", .type = "Relu", .inputs = {"y"}, .outputs = {"z"}});
    EXPECT_EQ(net.error(),
              "net.onnx: error: node 'n' (Add): the graph has a cycle through this node\n");
}

TEST(OnnxImport, ATensorThatNothingProducesIsNamed) {
    OneNode net("Relu", {{4}});
    net.model.graph.nodes[0].inputs[0] = "ghost";
    EXPECT_EQ(net.error(),
              "net.onnx: error: node 'n' (Relu): it reads 'ghost', which nothing produces\n");
}

TEST(OnnxImport, AnEmptyFileAFolderAndAMissingFileAreRefused) {
    EXPECT_EQ(message_of([] { (void)import_onnx_bytes("", "a.onnx"); }),
              "a.onnx: error: this is not an ONNX model: the file is empty\n");
    EXPECT_EQ(message_of([] { (void)import_onnx_bytes("no protobuf", "a.onnx"); }),
              "a.onnx: error: this is not an ONNX model, or it is cut short\n");
    const std::string folder = source_path("workloads");
    EXPECT_EQ(message_of([&] { (void)import_onnx(folder); }),
              folder + ": error: this is a folder, not a network\n");
    EXPECT_EQ(message_of([] { (void)import_onnx("no/such.onnx"); }),
              "no/such.onnx: error: the file cannot be read\n");
}

TEST(OnnxImport, ATruncatedFileIsAlwaysAnErrorOrAGraph) {
    const std::string bytes = file_bytes(source_path("tests/golden/graph_onnx/lstm.onnx"));
    int refused = 0;
    for (std::size_t size = 0; size < bytes.size(); size += 37) {
        const std::string message =
            message_of([&] { (void)import_onnx_bytes(bytes.substr(0, size), "cut.onnx"); });
        if (message != "no error") ++refused;
    }
    EXPECT_GT(refused, 100);
}

TEST(OnnxImport, AttributesOfAnotherTypeAreTheUsersMistake) {
    EXPECT_EQ(OneNode("Softmax", {{2, 3}}).attribute("axis", 0.5).error(),
              "net.onnx: error: node 'n' (Softmax): attribute 'axis' is of an unexpected type\n");
}

}  // namespace
}  // namespace perfwatt

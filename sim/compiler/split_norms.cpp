#include <algorithm>

#include "sim/compiler/passes.h"
#include "sim/compiler/precision.h"
#include "sim/graph/operators.h"

namespace perfwatt {
namespace {

constexpr const char* kStatistics = "perfwatt.NormStatistics";

/// Sums and sums of squares of each group of an image.
std::int64_t results(const Tensor& map, const Node& norm) {
    const std::int64_t groups = norm.type == "GroupNormalization"
                                    ? std::max<std::int64_t>(1, norm.integer("num_groups", 1))
                                    : map.shape[1];
    return map.shape[0] * groups * 2;
}

/// The one product that makes all of a tensor; nothing where there is another way.
Kernel* maker_of(Lowered& lowered, const Graph& graph, std::size_t reader) {
    const Operand& map = lowered.kernels[reader].inputs[0];
    const Alias& read = lowered.aliases[map.tensor.index()];
    Kernel* maker = nullptr;
    for (std::size_t i = 0; i < reader; ++i)
        for (const Operand& output : lowered.kernels[i].outputs) {
            const Alias& made = lowered.aliases[output.tensor.index()];
            if (made.root != read.root) continue;
            const bool whole = read.offset_bytes == 0 && made.offset_bytes == 0 &&
                               output.bytes == map.bytes &&
                               map.bytes == graph.tensor(read.root).bytes();
            if (maker != nullptr || !whole) return nullptr;
            maker = &lowered.kernels[i];
        }
    const bool product = maker != nullptr && std::holds_alternative<Contraction>(maker->work) &&
                         maker->fused_pooling.empty();
    return product ? maker : nullptr;
}

}  // namespace

void split_norms(Graph& graph, const Precision& precision) {
    std::vector<Node> nodes;
    for (Node& node : graph.nodes) {
        const bool over_maps =
            node.type == "GroupNormalization" || node.type == "InstanceNormalization";
        const Tensor map = graph.tensor(node.inputs[0]);
        if (over_maps && map.shape.size() > 2) {
            Node sums{.name = node.name + ".statistics", .type = kStatistics};
            sums.line = node.line;
            sums.inputs = {node.inputs[0]};
            sums.outputs = {graph.add(Tensor{.name = node.name + ".statistics",
                                             .shape = {1, results(map, node), 1, 1},
                                             .type = precision.accumulators,
                                             .role = TensorRole::activation,
                                             .values = {}})};
            node.type = "perfwatt.Normalise";
            node.inputs.insert(node.inputs.begin() + 1, sums.outputs[0]);
            nodes.push_back(std::move(sums));
        }
        nodes.push_back(std::move(node));
    }
    graph.nodes = std::move(nodes);
}

void take_sums_on_the_way(Graph& graph, Lowered& lowered) {
    for (std::size_t i = 0; i < lowered.kernels.size(); ++i) {
        if (lowered.kernels[i].operator_type != kStatistics) continue;
        Kernel* maker = maker_of(lowered, graph, i);
        if (maker == nullptr) continue;
        Kernel& sums = lowered.kernels[i];
        Reduce& work = std::get<Reduce>(sums.work);
        const DataType type = maker->epilogue.empty() ? work.type : maker->epilogue.back().type;
        maker->epilogue.push_back({.elements = std::get<Contraction>(maker->work).output_elements(),
                                   .type = type,
                                   .steps = work.steps});
        // What is left adds up what each core found. It reads as many bytes of the map's end, so
        // that it waits for all of it.
        Operand& map = sums.inputs[0];
        const std::int64_t size = std::min(map.bytes, sums.outputs[0].bytes);
        const TensorId tail = graph.add(Tensor{.name = sums.name + ".tail",
                                               .shape = {size},
                                               .type = DataType::int8,
                                               .role = TensorRole::activation,
                                               .values = {}});
        lowered.aliases.push_back(
            {.root = lowered.aliases[map.tensor.index()].root, .offset_bytes = map.bytes - size});
        map = {.tensor = tail, .bytes = size, .role = map.role};
        work.elements = graph.tensor(sums.outputs[0].tensor).elements();
        work.row = 1;
    }
}

}  // namespace perfwatt

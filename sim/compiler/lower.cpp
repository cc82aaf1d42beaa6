#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <set>

#include "sim/base/diagnostics.h"
#include "sim/base/math.h"
#include "sim/compiler/lower_contraction.h"
#include "sim/compiler/passes.h"
#include "sim/compiler/vector_steps.h"
#include "sim/graph/operators.h"

namespace perfwatt {
namespace {

bool narrow_integer(DataType type) { return !is_floating(type) && bits(type) <= 16; }

class Lowerer {
  public:
    Lowerer(Graph& graph, const Precision& precision) : graph_(graph), precision_(precision) {
        for (std::size_t i = 0; i < graph.tensors.size(); ++i)
            out_.aliases.push_back({.root = {static_cast<std::int32_t>(i)}, .offset_bytes = 0});
        leaves_.insert(graph.outputs.begin(), graph.outputs.end());
    }

    Lowered run(const std::vector<FusionGroup>& groups) {
        std::vector<Diagnostic> wrong;
        for (const FusionGroup& group : groups) {
            node_ = group.anchor.value;
            try {
                lower(group);
            } catch (const UserError& error) {
                wrong.insert(wrong.end(), error.diagnostics().begin(), error.diagnostics().end());
            }
        }
        if (!wrong.empty()) throw UserError(std::move(wrong));
        tell_apart();
        resolve();
        return std::move(out_);
    }

  private:
    const Tensor& tensor(TensorId id) const { return graph_.tensor(id); }

    void lower(const FusionGroup& group) {
        if (group.attention) {
            attention(*group.attention);
            return;
        }
        const Node node = graph_.nodes[group.anchor.index()];
        switch (operator_class(node)) {
            case OperatorClass::contraction:
                if (node.type == "LSTM" || node.type == "GRU" || node.type == "RNN")
                    recurrent(node);
                else
                    contraction(group, node);
                return;
            case OperatorClass::elementwise:
                rows(group, node);
                return;
            case OperatorClass::reduce:
                if (group.followers.empty())
                    reduce(node);
                else
                    rows(group, node);
                return;
            case OperatorClass::move:
                move(node);
                return;
            case OperatorClass::view:
                view(node.inputs[0], node.outputs[0], 0);
                return;
            case OperatorClass::host:
                host(node);
                return;
            case OperatorClass::fold:
                break;
        }
        check_failed("lowered", __FILE__, __LINE__, node.type + " left in the graph");
    }

    // --- kernels and operands

    Operand operand(TensorId id) const {
        const Tensor& own = tensor(id);
        return {.tensor = id,
                .bytes = own.bytes(),
                .role = own.role,
                .plain_bytes = own.stored > 0 ? own.plain_bytes() : 0};
    }

    /// One-element constants travel with the command.
    [[nodiscard]] bool immediate(TensorId id) const {
        const Tensor& of = tensor(id);
        return of.elements() <= 1 &&
               (of.role == TensorRole::weight || of.role == TensorRole::constant);
    }

    Kernel kernel(const Node& node) const {
        Kernel made;
        made.name = node.name;
        made.operator_type = node.type;
        return made;
    }

    void add(Kernel made, std::int64_t graph_macs = 0) {
        out_.kernels.push_back(std::move(made));
        out_.node_of.push_back(node_);
        out_.macs.push_back(graph_macs);
    }

    TensorId temporary(std::string name, Shape shape, DataType type, TensorRole role) {
        const TensorId id = graph_.add(Tensor{.name = std::move(name),
                                              .shape = std::move(shape),
                                              .type = type,
                                              .role = role,
                                              .values = {}});
        out_.aliases.push_back({.root = id, .offset_bytes = 0});
        return id;
    }

    // --- aliases

    [[nodiscard]] Alias resolved(TensorId id) const {
        Alias at{.root = id, .offset_bytes = 0};
        while (out_.aliases[at.root.index()].root != at.root) {
            const Alias& next = out_.aliases[at.root.index()];
            at = {.root = next.root, .offset_bytes = at.offset_bytes + next.offset_bytes};
        }
        return at;
    }

    void resolve() {
        std::vector<Alias> all;
        for (std::size_t i = 0; i < out_.aliases.size(); ++i)
            all.push_back(resolved({static_cast<std::int32_t>(i)}));
        out_.aliases = std::move(all);
        for (Kernel& made : out_.kernels)
            for (auto* list : {&made.inputs, &made.outputs})
                for (Operand& operand : *list)
                    operand.role = tensor(out_.aliases[operand.tensor.index()].root).role;
    }

    /// Mappings are kept by kernel name: the second kernel of an operator is `name#2`, and so on.
    void tell_apart() {
        std::set<std::string> taken;
        std::map<std::string, int> uses;
        for (const Kernel& made : out_.kernels) taken.insert(made.name);
        for (Kernel& made : out_.kernels) {
            int& use = uses[made.name];
            if (++use == 1) continue;
            std::string name = fmt::format("{}#{}", made.name, use);
            while (!taken.insert(name).second) name = fmt::format("{}#{}", made.name, ++use);
            made.name = std::move(name);
        }
    }

    void view(TensorId from, TensorId to, std::int64_t offset) {
        out_.aliases[to.index()] = {.root = from, .offset_bytes = offset};
    }

    // --- contractions

    void contraction(const FusionGroup& group, const Node& node) {
        LoweredContraction lowered = lower_contraction(graph_, node, precision_);
        Kernel made = kernel(node);
        made.inputs = {operand(lowered.first), operand(lowered.second)};
        std::vector<VectorStep> steps;
        std::set<TensorId> inside(node.outputs.begin(), node.outputs.end());
        std::set<TensorId> seen = {lowered.first, lowered.second};
        for (const TensorId id : lowered.rest) {
            if (!id.valid()) continue;
            steps.push_back({VectorOp::add, 1});
            made.inputs.push_back(operand(id));
        }
        for (const NodeId id : group.followers) {
            const Node& follower = graph_.nodes[id.index()];
            apply(follower, inside, seen, made, steps, 1);
        }
        const DataType out_type = tensor(group.output).type;
        lowered.work.output_type = out_type;
        if (group.pooling) made.fused_pooling = {pooling(graph_.nodes[group.pooling->index()])};
        if (narrow_integer(out_type)) steps.push_back({VectorOp::multiply, 1});  // the new scale
        if (out_type != precision_.accumulators) steps.push_back({VectorOp::convert, 1});
        const std::int64_t elements = lowered.work.output_elements();
        if (!steps.empty() && !lowered.transposed_sum)
            made.epilogue.push_back(
                {.elements = elements, .type = precision_.accumulators, .steps = steps});
        if (lowered.transposed_sum) {
            transposed(node, std::move(made), lowered, steps);
            return;
        }
        made.work = lowered.work;
        made.outputs = {operand(group.output)};
        add(std::move(made), macs(graph_, node));
    }

    /// Named after the product with the values.
    void attention(const FoundAttention& found) {
        Kernel made = kernel_of(graph_, found);
        std::int64_t products = 0;
        for (const NodeId member : found.members) {
            const Node& node = graph_.nodes[member.index()];
            if (operator_class(node) == OperatorClass::contraction) products += macs(graph_, node);
        }
        made.name = graph_.nodes[found.values.index()].name;
        made.operator_type = "Attention";
        PERFWATT_CHECK(products == found.work.macs(), "attention of other MACs than its products");
        add(std::move(made), products);
    }

    /// The overlapping results of a transposed convolution are added up by the vector unit.
    void transposed(const Node& node, Kernel made, const LoweredContraction& lowered,
                    std::vector<VectorStep> steps) {
        const std::int64_t products = lowered.work.output_elements();
        const TensorId sums = temporary(node.name + ".products", {products},
                                        tensor(node.outputs[0]).type, TensorRole::activation);
        made.work = lowered.work;
        made.outputs = {operand(sums)};
        const std::vector<Operand> biases(made.inputs.begin() + 2, made.inputs.end());
        made.inputs.resize(2);
        add(std::move(made), macs(graph_, node));
        Kernel sum = kernel(node);
        const std::int64_t out = std::max<std::int64_t>(1, tensor(node.outputs[0]).elements());
        for (VectorStep& step : steps)
            step.per_element *= static_cast<double>(out) / static_cast<double>(products);
        steps.push_back({VectorOp::add, 1});
        sum.work = Reduce{.elements = products,
                          .row = std::max<std::int64_t>(1, products / out),
                          .passes = 1,
                          .type = precision_.accumulators,
                          .steps = steps};
        sum.inputs = {operand(sums)};
        sum.inputs.insert(sum.inputs.end(), biases.begin(), biases.end());
        sum.outputs = {operand(node.outputs[0])};
        add(std::move(sum));
    }

    /// Adds a follower's steps and the operands it brings from outside.
    void apply(const Node& follower, std::set<TensorId>& inside, std::set<TensorId>& seen,
               Kernel& made, std::vector<VectorStep>& steps, double share) {
        if (operator_class(follower) == OperatorClass::elementwise)
            for (VectorStep step : elementwise_steps(graph_, follower)) {
                step.per_element *= share;
                steps.push_back(step);
            }
        for (const TensorId input : follower.inputs) {
            if (!input.valid() || inside.contains(input) || immediate(input)) continue;
            if (seen.insert(input).second) made.inputs.push_back(operand(input));
        }
        inside.insert(follower.outputs.begin(), follower.outputs.end());
    }

    // --- element by element and row by row

    void rows(const FusionGroup& group, const Node& node) {
        Kernel made = kernel(node);
        const bool reduces = operator_class(node) == OperatorClass::reduce;
        const std::int64_t elements =
            reduces ? tensor(node.inputs[0]).elements() : tensor(node.outputs[0]).elements();
        std::vector<VectorStep> steps;
        std::set<TensorId> inside;
        std::set<TensorId> seen;
        std::int64_t passes = 1;
        std::int64_t row = 1;
        bool any_reduction = false;
        const auto take = [&](const Node& member) {
            const OperatorClass kind = operator_class(member);
            const std::int64_t count = tensor(member.outputs[0]).elements();
            const double share = static_cast<double>(count) / static_cast<double>(elements);
            if (kind == OperatorClass::reduce) {
                any_reduction = true;
                row = std::max(row, row_of(member));
                const ReduceCost cost = reduce_steps(graph_, member, row_of(member));
                steps.insert(steps.end(), cost.steps.begin(), cost.steps.end());
                passes += cost.passes;
            }
            apply(member, inside, seen, made, steps, share);
        };
        take(node);
        for (const NodeId id : group.followers) take(graph_.nodes[id.index()]);
        const DataType type = tensor(group.output).type;
        if (narrow_integer(type)) {
            steps.push_back({VectorOp::multiply, 1});
            steps.push_back({VectorOp::convert, 1});
        }
        if (any_reduction) {
            made.work = Reduce{.elements = elements,
                               .row = row,
                               .passes = std::max<std::int64_t>(1, passes - 1),
                               .type = type,
                               .steps = std::move(steps)};
        } else {
            made.work = Elementwise{.elements = elements, .type = type, .steps = std::move(steps)};
        }
        made.outputs = {operand(group.output)};
        add(std::move(made));
    }

    /// Elements that one result of a reducing node depends on.
    [[nodiscard]] std::int64_t row_of(const Node& node) const {
        const Shape& shape = tensor(node.inputs[0]).shape;
        const auto product = [&](std::size_t from) {
            return std::accumulate(
                shape.begin() + static_cast<std::ptrdiff_t>(std::min(from, shape.size())),
                shape.end(), std::int64_t{1}, std::multiplies<>());
        };
        if (node.type == "Softmax" || node.type == "LogSoftmax" || node.type == "Hardmax")
            return std::max<std::int64_t>(1, node.integer("row", 1));
        if (node.type == "LayerNormalization" || node.type == "RMSNormalization" ||
            node.type == "LpNormalization") {
            const std::int64_t axis = node.integer("axis", -1);
            const auto rank = static_cast<std::int64_t>(shape.size());
            return product(static_cast<std::size_t>(axis < 0 ? axis + rank : axis));
        }
        if (node.type == "com.microsoft.SkipLayerNormalization" ||
            node.type == "com.microsoft.SkipSimplifiedLayerNormalization")
            return shape.empty() ? 1 : shape.back();
        if (node.type == "InstanceNormalization") return product(2);
        if (node.type == "GroupNormalization")
            return product(1) / std::max<std::int64_t>(1, node.integer("num_groups", 1));
        if (node.type == "CumSum" || node.type == "LRN" || node.type == "BatchNormalization")
            return 1;
        if (node.type == "MeanVarianceNormalization") return product(1);
        const auto window = node.integers("kernel_shape", {});
        if (!window.empty())
            return std::accumulate(window.begin(), window.end(), std::int64_t{1},
                                   std::multiplies<>());
        const std::int64_t made = tensor(node.outputs[0]).elements();
        return std::max<std::int64_t>(
            1, tensor(node.inputs[0]).elements() / std::max<std::int64_t>(1, made));
    }

    /// Of pooling and of what reduces all of an input.
    [[nodiscard]] Reduce pooling(const Node& node) const {
        const bool windows = !node.integers("kernel_shape", {}).empty();
        const std::int64_t row = row_of(node);
        const std::int64_t out = tensor(node.outputs[0]).elements();
        ReduceCost cost = reduce_steps(graph_, node, row);
        const DataType type = tensor(node.outputs[0]).type;
        const std::int64_t elements = windows ? out * row : tensor(node.inputs[0]).elements();
        if (narrow_integer(type) && node.type != "MaxPool" && node.type != "GlobalMaxPool") {
            const double share = static_cast<double>(out) / static_cast<double>(elements);
            cost.steps.push_back({VectorOp::multiply, share});
            cost.steps.push_back({VectorOp::convert, share});
        }
        return {.elements = elements,
                .row = row,
                .passes = cost.passes,
                .type = type,
                .steps = std::move(cost.steps)};
    }

    void reduce(const Node& node) {
        Kernel made = kernel(node);
        made.work = pooling(node);
        for (const TensorId input : node.inputs)
            if (input.valid() && !immediate(input)) made.inputs.push_back(operand(input));
        for (const TensorId output : node.outputs)
            if (output.valid()) made.outputs.push_back(operand(output));
        add(std::move(made));
    }

    // --- moves

    void move(const Node& node) {
        if (node.type == "Transpose") return transpose(node);
        if (node.type == "Concat") return concat(node);
        if (node.type == "Split") return split(node);
        if (node.type == "Slice") return slice(node);
        if (node.type == "perfwatt.CacheAppend") return append(node);
        const Tensor& out = tensor(node.outputs[0]);
        const bool gathers =
            node.type == "Gather" || node.type == "GatherND" || node.type == "GatherElements";
        if (gathers && tensor(node.inputs[0]).bytes() >= out.bytes()) {
            copy(node, node.inputs[0], node.outputs[0], out.bytes(), gather_run(node));
            return;
        }
        const bool permutes = node.type == "DepthToSpace" || node.type == "SpaceToDepth" ||
                              node.type == "ReverseSequence" || node.type.starts_with("Scatter");
        if (permutes) {
            const std::int64_t run = out.shape.empty() ? 1 : out.shape.back();
            copy(node, node.inputs[0], node.outputs[0], out.bytes(),
                 std::max<std::int64_t>(1, bytes(out.type, run)));
            return;
        }
        // Pad, Resize, Tile, Expand, RoiAlign: elements are repeated or interpolated.
        Kernel made = kernel(node);
        const bool samples = node.type == "RoiAlign" || node.type == "GridSample";
        const bool interpolates = samples || ((node.type == "Resize" || node.type == "Upsample") &&
                                              node.text("mode", "nearest") != "nearest");
        const double points = node.type == "RoiAlign" ? 4.0 : 1.0;
        std::vector<VectorStep> steps = {{VectorOp::convert, 1}};
        if (interpolates) steps = {{VectorOp::multiply, 4 * points}, {VectorOp::add, 3 * points}};
        made.work = Elementwise{.elements = out.elements(), .type = out.type, .steps = steps};
        for (const TensorId input : node.inputs)
            if (input.valid() && !immediate(input)) made.inputs.push_back(operand(input));
        made.outputs = {operand(node.outputs[0])};
        add(std::move(made));
    }

    [[nodiscard]] std::int64_t gather_run(const Node& node) const {
        const Tensor& table = tensor(node.inputs[0]);
        std::int64_t run = 1;
        if (node.type == "Gather")
            for (auto i = static_cast<std::size_t>(node.integer("axis", 0)) + 1;
                 i < table.shape.size(); ++i)
                run *= table.shape[i];
        return std::max<std::int64_t>(1, bytes(table.type, run));
    }

    void copy(const Node& node, TensorId from, TensorId to, std::int64_t size, std::int64_t run) {
        if (size == 0) return;
        Kernel made = kernel(node);
        made.work = Move{.bytes = size, .run_bytes = std::min(run, size)};
        made.inputs = {operand(from)};
        made.outputs = {operand(to)};
        add(std::move(made));
    }

    /// Axes of one element do not matter, and activations are kept with their channels innermost,
    /// so that a change between channels first and channels last moves nothing next to a
    /// convolution.
    void transpose(const Node& node) {
        const Tensor& in = tensor(node.inputs[0]);
        const std::vector<std::int64_t> perm = node.integers("perm", {});
        std::vector<std::int64_t> order;
        for (const std::int64_t axis : perm)
            if (in.shape[static_cast<std::size_t>(axis)] != 1) order.push_back(axis);
        const bool channels_last = perm == std::vector<std::int64_t>{0, 2, 3, 1};
        const bool channels_first = perm == std::vector<std::int64_t>{0, 3, 1, 2};
        if (std::is_sorted(order.begin(), order.end()) ||
            (channels_last && made_by_convolution(node.inputs[0])) ||
            (channels_first && feeds_convolution(node.outputs[0], 4))) {
            view(node.inputs[0], node.outputs[0], 0);
            return;
        }
        std::int64_t run = 1;
        // The channels of a map lie innermost: to exchange parts of them moves single elements.
        const bool shuffles = perm == std::vector<std::int64_t>{0, 2, 1, 3, 4};
        for (std::size_t i = perm.size();
             !shuffles && i-- > 0 && perm[i] == static_cast<std::int64_t>(i);)
            run *= in.shape[i];
        copy(node, node.inputs[0], node.outputs[0], in.bytes(),
             std::max<std::int64_t>(1, bytes(in.type, run)));
    }

    [[nodiscard]] bool made_by_convolution(TensorId id) const {
        for (std::size_t i = out_.kernels.size(); i-- > 0;) {
            const Kernel& made = out_.kernels[i];
            if (made.outputs.empty() || made.outputs[0].tensor != id) continue;
            const auto* work = std::get_if<Contraction>(&made.work);
            return work != nullptr && work->group_layout == GroupLayout::channels;
        }
        return false;
    }

    /// Directly, or behind `steps` element-wise operators at most.
    [[nodiscard]] bool feeds_convolution(TensorId id, int steps) const {
        for (const Node& node : graph_.nodes) {
            if (std::find(node.inputs.begin(), node.inputs.end(), id) == node.inputs.end())
                continue;
            if (node.type == "Conv" && node.inputs[0] == id) return true;
            const bool goes_on = operator_class(node) == OperatorClass::elementwise && steps > 0;
            if (goes_on && feeds_convolution(node.outputs[0], steps - 1)) return true;
        }
        return false;
    }

    /// The parts are made where they belong in the whole, which is kept as blocks one after the
    /// other; what cannot be made there is copied.
    void concat(const Node& node) {
        std::int64_t offset = 0;
        const TensorId whole = node.outputs[0];
        for (const TensorId part : node.inputs) {
            const std::int64_t size = tensor(part).bytes();
            const Alias at = resolved(part);
            const bool made_here = tensor(at.root).role == TensorRole::activation &&
                                   at.root != whole && at.offset_bytes == 0 &&
                                   tensor(at.root).bytes() == size && !leaves_.contains(at.root);
            if (made_here) {
                out_.aliases[at.root.index()] = {.root = whole, .offset_bytes = offset};
            } else {
                const TensorId place = temporary(node.name + ".part", tensor(part).shape,
                                                 tensor(part).type, TensorRole::activation);
                out_.aliases[place.index()] = {.root = whole, .offset_bytes = offset};
                copy(node, part, place, size, size);
            }
            offset += size;
        }
    }

    void split(const Node& node) {
        std::int64_t offset = 0;
        for (const TensorId part : node.outputs) {
            if (!part.valid()) continue;
            view(node.inputs[0], part, offset);
            offset += tensor(part).bytes();
        }
    }

    void slice(const Node& node) {
        const Tensor& in = tensor(node.inputs[0]);
        const Tensor& out = tensor(node.outputs[0]);
        const std::vector<std::int64_t> steps = node.integers("steps", {});
        if (std::all_of(steps.begin(), steps.end(), [](std::int64_t s) { return s == 1; })) {
            const std::vector<std::int64_t> starts = node.integers("starts", {0});
            const std::vector<std::int64_t> axes = node.integers("axes", {0});
            std::int64_t offset = 0;
            for (std::size_t i = 0; i < starts.size() && i < axes.size(); ++i)
                offset += in.bytes() * starts[i] /
                          std::max<std::int64_t>(1, in.shape[static_cast<std::size_t>(axes[i])]);
            view(node.inputs[0], node.outputs[0],
                 std::clamp<std::int64_t>(offset, 0, in.bytes() - out.bytes()));
            return;
        }
        copy(node, node.inputs[0], node.outputs[0], out.bytes(),
             std::max<std::int64_t>(1, bytes(out.type, 1)));
    }

    /// The new rows go behind the old ones, head by head; the rest of the cache stays in place.
    void append(const Node& node) {
        const TensorId cache = node.outputs[0];
        graph_.tensor(cache).role = TensorRole::state;
        if (node.inputs.size() > 1 && node.inputs[1].valid()) view(cache, node.inputs[1], 0);
        const Tensor& added = tensor(node.inputs[0]);
        copy(node, node.inputs[0], cache, added.bytes(),
             bytes(added.type, added.shape[1] * added.shape[3]));
    }

    // --- recurrent networks and the host

    /// One product for the inputs of all steps, then step by step the product with the last state
    /// and the gates.
    void recurrent(const Node& node) {
        const std::int64_t hidden = node.integer("hidden_size", 1);
        const std::int64_t gates = node.integer("gates", 1);
        const std::int64_t directions = node.integer("directions", 1);
        const std::int64_t steps = node.integer("steps", 1);
        const std::int64_t batch = node.integer("batch", 1);
        const DataType type = tensor(node.inputs[0]).type;
        const auto activation = [&](const char* what, std::int64_t elements, TensorRole role) {
            return temporary(fmt::format("{}.{}", node.name, what), {elements}, type, role);
        };
        const auto product = [&](TensorId first, TensorId second, TensorId out, std::int64_t p,
                                 std::int64_t c) {
            Kernel made = kernel(node);
            Contraction work{.g = directions, .p = p, .k = gates * hidden, .c = c, .input_h = p};
            work.first_type = tensor(first).type;
            work.second_type = tensor(second).type;
            work.second_sparsity = tensor(second).sparsity;
            work.accumulator_type = precision_.accumulators;
            work.output_type = type;
            made.work = work;
            made.inputs = {operand(first), operand(second)};
            made.outputs = {operand(out)};
            made.epilogue.push_back({.elements = work.output_elements(),
                                     .type = precision_.accumulators,
                                     .steps = {{VectorOp::add, 1}, {VectorOp::convert, 1}}});
            add(std::move(made), work.macs());
        };
        const std::int64_t state = directions * batch * hidden;
        const TensorId inputs = activation("inputs", gates * state * steps, TensorRole::activation);
        product(node.inputs[0], node.inputs[1], inputs, steps * batch,
                node.integer("input_size", 1));
        const bool whole = !node.outputs.empty() && node.outputs[0].valid();
        const TensorId all =
            whole ? node.outputs[0] : activation("hidden", state * steps, TensorRole::activation);
        TensorId last = activation("hidden0", state, TensorRole::state);
        TensorId cell = activation("cell0", state, TensorRole::state);
        for (std::int64_t step = 0; step < steps; ++step) {
            const TensorId sums = activation("gates", gates * state, TensorRole::activation);
            product(last, node.inputs[2], sums, batch, hidden);
            const TensorId part = activation("part", gates * state, TensorRole::activation);
            view(inputs, part, step * tensor(part).bytes());
            const TensorId next = activation("hidden", state, TensorRole::activation);
            view(all, next, step * tensor(next).bytes());
            const TensorId kept = activation("cell", state, TensorRole::activation);
            gate(node, sums, part, cell, next, kept, state);
            last = next;
            cell = kept;
        }
        if (node.outputs.size() > 1 && node.outputs[1].valid()) view(last, node.outputs[1], 0);
        if (node.outputs.size() > 2 && node.outputs[2].valid()) view(cell, node.outputs[2], 0);
    }

    /// LSTM: three sigmoids, two tanh, three products, one sum a state element; GRU: two and one;
    /// a plain network one tanh. Each also adds the inputs' part, gate by gate.
    void gate(const Node& node, TensorId sums, TensorId part, TensorId cell, TensorId next,
              TensorId kept, std::int64_t state) {
        const bool table = narrow_integer(tensor(next).type) && bits(tensor(next).type) <= 8;
        const double functions = node.type == "LSTM" ? 5 : node.type == "GRU" ? 3 : 1;
        const double products = node.type == "RNN" ? 0 : 3;
        const auto gates = static_cast<double>(node.integer("gates", 1));
        std::vector<VectorStep> steps = {{VectorOp::multiply, products},
                                         {VectorOp::add, gates + 1}};
        if (table) {
            steps.push_back({VectorOp::table, functions});
        } else {
            steps.push_back({VectorOp::exponential, functions});
            steps.push_back({VectorOp::add, functions});
            steps.push_back({VectorOp::divide, functions});
        }
        Kernel made = kernel(node);
        made.work = Elementwise{.elements = state, .type = precision_.activations, .steps = steps};
        made.inputs = {operand(sums), operand(part), operand(cell)};
        made.outputs = {operand(next), operand(kept)};
        add(std::move(made));
    }

    /// Sorting and suppression look at each element a logarithmic number of times.
    void host(const Node& node) {
        Kernel made = kernel(node);
        HostWork work;
        for (const TensorId input : node.inputs) {
            if (!input.valid()) continue;
            const std::int64_t elements = tensor(input).elements();
            std::int64_t levels = 1;
            while ((std::int64_t{1} << levels) < elements) ++levels;
            work.operations += elements * levels;
            work.bytes += tensor(input).bytes();
            made.inputs.push_back(operand(input));
        }
        for (const TensorId output : node.outputs) {
            if (!output.valid()) continue;
            work.operations += tensor(output).elements();
            work.bytes += tensor(output).bytes();
            made.outputs.push_back(operand(output));
        }
        made.work = work;
        add(std::move(made));
    }

    Graph& graph_;
    const Precision& precision_;
    Lowered out_;
    std::set<TensorId> leaves_;
    int node_ = 0;
};

}  // namespace

Lowered lower(Graph& graph, const std::vector<FusionGroup>& groups, const Precision& precision) {
    return Lowerer(graph, precision).run(groups);
}

}  // namespace perfwatt

#include <algorithm>

#include "sim/compiler/lowerer.h"
#include "sim/compiler/vector_steps.h"
#include "sim/graph/operators.h"

namespace perfwatt {

void Lowerer::move(const Node& node) {
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

std::int64_t Lowerer::gather_run(const Node& node) const {
    const Tensor& table = tensor(node.inputs[0]);
    std::int64_t run = 1;
    if (node.type == "Gather")
        for (auto i = static_cast<std::size_t>(node.integer("axis", 0)) + 1; i < table.shape.size();
             ++i)
            run *= table.shape[i];
    return std::max<std::int64_t>(1, bytes(table.type, run));
}

void Lowerer::copy(const Node& node, TensorId from, TensorId to, std::int64_t size,
                   std::int64_t run) {
    if (size == 0) return;
    Kernel made = kernel(node);
    made.work = Move{.bytes = size, .run_bytes = std::min(run, size)};
    made.inputs = {operand(from)};
    made.outputs = {operand(to)};
    add(std::move(made));
}

void Lowerer::transpose(const Node& node) {
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

bool Lowerer::made_by_convolution(TensorId id) const {
    for (std::size_t i = out_.kernels.size(); i-- > 0;) {
        const Kernel& made = out_.kernels[i];
        if (made.outputs.empty() || made.outputs[0].tensor != id) continue;
        const auto* work = std::get_if<Contraction>(&made.work);
        return work != nullptr && work->group_layout == GroupLayout::channels;
    }
    return false;
}

bool Lowerer::feeds_convolution(TensorId id, int steps) const {
    for (const Node& node : graph_.nodes) {
        if (std::find(node.inputs.begin(), node.inputs.end(), id) == node.inputs.end()) continue;
        if (node.type == "Conv" && node.inputs[0] == id) return true;
        const bool goes_on = operator_class(node) == OperatorClass::elementwise && steps > 0;
        if (goes_on && feeds_convolution(node.outputs[0], steps - 1)) return true;
    }
    return false;
}

void Lowerer::concat(const Node& node) {
    std::int64_t offset = 0;
    const TensorId whole = node.outputs[0];
    for (const TensorId part : node.inputs) {
        const std::int64_t size = tensor(part).bytes();
        const Alias at = resolved(part);
        const bool made_here = tensor(at.root).role == TensorRole::activation && at.root != whole &&
                               at.offset_bytes == 0 && tensor(at.root).bytes() == size &&
                               !leaves_.contains(at.root);
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

void Lowerer::split(const Node& node) {
    std::int64_t offset = 0;
    for (const TensorId part : node.outputs) {
        if (!part.valid()) continue;
        view(node.inputs[0], part, offset);
        offset += tensor(part).bytes();
    }
}

void Lowerer::slice(const Node& node) {
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

void Lowerer::append(const Node& node) {
    const TensorId cache = node.outputs[0];
    graph_.tensor(cache).role = TensorRole::state;
    if (node.inputs.size() > 1 && node.inputs[1].valid()) view(cache, node.inputs[1], 0);
    const Tensor& added = tensor(node.inputs[0]);
    copy(node, node.inputs[0], cache, added.bytes(),
         bytes(added.type, added.shape[1] * added.shape[3]));
}

}  // namespace perfwatt

#include <algorithm>

#include "sim/base/math.h"
#include "sim/compiler/stripes.h"
#include "sim/graph/operators.h"

namespace perfwatt {
namespace {

/// Padding before the first row, where the window has it on both sides alike.
std::int64_t padding_of(std::int64_t made, std::int64_t taps, std::int64_t stride,
                        std::int64_t height) {
    return std::max<std::int64_t>(0, (made - 1) * stride + taps - height) / 2;
}

class Finder {
  public:
    Finder(const Graph& graph, const Lowered& lowered)
        : graph_(graph), lowered_(lowered), height_(lowered.aliases.size(), 0) {}

    std::vector<std::optional<KernelRows>> run() {
        std::vector<std::optional<KernelRows>> all;
        for (std::size_t i = 0; i < lowered_.kernels.size(); ++i) {
            std::optional<KernelRows> rows = rows_of(i);
            if (rows && !divides(lowered_.kernels[i], *rows)) rows.reset();
            if (rows)
                for (const Operand& output : lowered_.kernels[i].outputs)
                    height_[root(output)] = rows->height;
            all.push_back(std::move(rows));
        }
        return all;
    }

  private:
    [[nodiscard]] std::size_t root(const Operand& operand) const {
        return lowered_.aliases[operand.tensor.index()].root.index();
    }
    [[nodiscard]] const Tensor& tensor(const Operand& operand) const {
        return graph_.tensor(operand.tensor);
    }

    /// Rows are whole bytes, and every share of the work whole operations.
    [[nodiscard]] static bool divides(const Kernel& kernel, const KernelRows& rows) {
        for (std::size_t j = 0; j < kernel.inputs.size(); ++j)
            if (!rows.inputs[j].whole && kernel.inputs[j].bytes % rows.inputs[j].height != 0)
                return false;
        for (const Operand& output : kernel.outputs)
            if (output.bytes % rows.height != 0) return false;
        if (const auto* work = std::get_if<Elementwise>(&kernel.work))
            return work->elements % rows.height == 0;
        if (const auto* work = std::get_if<Reduce>(&kernel.work))
            return work->elements % rows.height == 0;
        if (const auto* work = std::get_if<Move>(&kernel.work))
            return work->bytes % rows.height == 0;
        return std::holds_alternative<Contraction>(kernel.work);
    }

    [[nodiscard]] std::optional<KernelRows> rows_of(std::size_t i) const {
        const Kernel& kernel = lowered_.kernels[i];
        const Node& node = graph_.nodes[static_cast<std::size_t>(lowered_.node_of[i])];
        if (kernel.outputs.size() != 1 || kernel.inputs.empty()) return std::nullopt;
        for (const Operand& input : kernel.inputs)
            if (input.role == TensorRole::state) return std::nullopt;
        if (kernel.outputs[0].role == TensorRole::state) return std::nullopt;
        if (const auto* work = std::get_if<Contraction>(&kernel.work))
            return contraction(kernel, *work);
        if (node.type == "Resize" || node.type == "Upsample" || node.type == "DepthToSpace")
            return resized(kernel, node);
        if (std::holds_alternative<Elementwise>(kernel.work))
            return operator_class(node) == OperatorClass::elementwise ? alike(kernel)
                                                                      : std::nullopt;
        if (const auto* work = std::get_if<Reduce>(&kernel.work)) {
            if (node.type == "ConvTranspose") return transposed_sum(kernel, node);
            if (node.type == "MaxPool" || node.type == "AveragePool") return pooled(kernel, node);
            return row_by_row(kernel, node, *work);
        }
        return std::nullopt;
    }

    /// Operands beside the first: of the result's shape, or used whole by every row.
    [[nodiscard]] std::optional<RowWindow> other(const Operand& operand, std::int64_t elements,
                                                 std::int64_t height) const {
        const Tensor& from = tensor(operand);
        if (from.elements() == elements && !is_trained(operand.role))
            return RowWindow{.height = height};
        const bool of_a_row = from.shape.size() == 4 && from.shape[2] == 1;
        if (is_trained(operand.role) || of_a_row) return RowWindow{.whole = true};
        return std::nullopt;
    }

    [[nodiscard]] std::optional<KernelRows> contraction(const Kernel& kernel,
                                                        const Contraction& work) const {
        const bool grouped = work.g > 1 && work.group_layout == GroupLayout::outermost;
        if (grouped || !kernel.fused_pooling.empty()) return std::nullopt;
        if (tensor(kernel.inputs[0]).shape.size() > 4) return std::nullopt;  // volumes
        if (is_trained(kernel.inputs[0].role) || !is_trained(kernel.inputs[1].role))
            return std::nullopt;
        const std::int64_t taps = (work.r - 1) * work.dilation_h + 1;
        KernelRows rows{.height = work.n * work.p, .inputs = {}, .images = work.n};
        rows.inputs.push_back({.height = work.n * work.input_h,
                               .taps = taps,
                               .stride = work.stride_h,
                               .padding = padding_of(work.p, taps, work.stride_h, work.input_h),
                               .images = work.n,
                               .made_of_each = work.p});
        rows.inputs.push_back({.whole = true});
        for (std::size_t j = 2; j < kernel.inputs.size(); ++j) {
            const auto window = other(kernel.inputs[j], work.output_elements(), rows.height);
            if (!window) return std::nullopt;
            rows.inputs.push_back(*window);
        }
        return rows;
    }

    /// Of the kernel that made it, or of its shape.
    [[nodiscard]] std::int64_t height_of(const Operand& operand) const {
        const Alias& alias = lowered_.aliases[operand.tensor.index()];
        const bool whole =
            alias.offset_bytes == 0 && operand.bytes == graph_.tensor(alias.root).bytes();
        if (whole && height_[alias.root.index()] > 0) return height_[alias.root.index()];
        const Shape& shape = tensor(operand).shape;
        if (shape.size() == 4) return shape[0] * shape[2];
        std::int64_t rows = 1;
        for (std::size_t i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
        return shape.size() < 4 ? rows : 0;
    }

    /// Each row from the same row of every input.
    [[nodiscard]] std::optional<KernelRows> alike(const Kernel& kernel) const {
        const std::int64_t elements = tensor(kernel.outputs[0]).elements();
        const std::int64_t height = height_of(kernel.inputs[0]);
        if (height < 2 || tensor(kernel.inputs[0]).elements() != elements) return std::nullopt;
        KernelRows rows{.height = height, .inputs = {}};
        for (const Operand& input : kernel.inputs) {
            const auto window = other(input, elements, height);
            if (!window) return std::nullopt;
            rows.inputs.push_back(*window);
        }
        return rows;
    }

    /// Norms and softmax along what is a part of a row.
    [[nodiscard]] std::optional<KernelRows> row_by_row(const Kernel& kernel, const Node& node,
                                                       const Reduce& work) const {
        const bool along_rows = node.type == "LayerNormalization" || node.type == "Softmax" ||
                                node.type == "RMSNormalization" || node.type == "LRN";
        std::optional<KernelRows> rows = along_rows ? alike(kernel) : std::nullopt;
        if (!rows || work.elements % rows->height != 0) return std::nullopt;
        if (work.row < 1 || work.elements / rows->height % work.row != 0) return std::nullopt;
        return rows;
    }

    /// Batch, rows and columns: what the window's first axis runs over.
    [[nodiscard]] bool planes(const Kernel& kernel) const {
        const Shape& in = tensor(kernel.inputs[0]).shape;
        const Shape& out = tensor(kernel.outputs[0]).shape;
        return in.size() == 4 && out.size() == 4 && in[0] == out[0];
    }

    [[nodiscard]] std::optional<KernelRows> pooled(const Kernel& kernel, const Node& node) const {
        if (!planes(kernel) || kernel.inputs.size() != 1) return std::nullopt;
        const auto window = node.integers("kernel_shape", {1, 1});
        const auto stride = node.integers("strides", {1, 1});
        const auto pads = node.integers("pads", {0, 0, 0, 0});
        const auto dilations = node.integers("dilations", {1, 1});
        const Shape& in = tensor(kernel.inputs[0]).shape;
        const Shape& out = tensor(kernel.outputs[0]).shape;
        return KernelRows{.height = out[0] * out[2],
                          .inputs = {{.height = in[0] * in[2],
                                      .taps = (window[0] - 1) * dilations[0] + 1,
                                      .stride = stride[0],
                                      .padding = pads[0],
                                      .images = in[0],
                                      .made_of_each = out[2]}},
                          .images = in[0]};
    }

    /// Several rows of one; rows between two are made of both.
    [[nodiscard]] std::optional<KernelRows> resized(const Kernel& kernel, const Node& node) const {
        if (!planes(kernel) || kernel.inputs.size() != 1) return std::nullopt;
        const Shape& from = tensor(kernel.inputs[0]).shape;
        const std::int64_t in = from[0] * from[2];
        const std::int64_t out = from[0] * tensor(kernel.outputs[0]).shape[2];
        if (out % in != 0) return std::nullopt;
        const bool copies =
            node.type == "DepthToSpace" || node.text("mode", "nearest") == "nearest";
        if (!copies) return std::nullopt;
        return KernelRows{.height = out, .inputs = {{.height = in, .repeat = out / in}}};
    }

    /// Results that do not overlap.
    [[nodiscard]] std::optional<KernelRows> transposed_sum(const Kernel& kernel,
                                                           const Node& node) const {
        const auto window = node.integers("kernel_shape", {});
        const auto stride = node.integers("strides", {1, 1});
        const Shape& out = tensor(kernel.outputs[0]).shape;
        const std::int64_t in = height_[root(kernel.inputs[0])];
        if (out.size() != 4 || in == 0 || window != stride || out[0] * out[2] != in * stride[0])
            return std::nullopt;
        KernelRows rows{.height = out[0] * out[2], .inputs = {{.height = in, .repeat = stride[0]}}};
        for (std::size_t j = 1; j < kernel.inputs.size(); ++j) {
            if (!is_trained(kernel.inputs[j].role)) return std::nullopt;
            rows.inputs.push_back({.whole = true});
        }
        return rows;
    }

    const Graph& graph_;
    const Lowered& lowered_;
    std::vector<std::int64_t> height_;  ///< by root: rows of the kernel that made it
};

}  // namespace

RowRange RowWindow::rows(RowRange made) const {
    if (whole) return {0, height};
    if (images > 1 && repeat == 1) {
        const std::int64_t image = made.begin / made_of_each;
        RowWindow one = *this;
        one.images = 1;
        one.height = height / images;
        const RowRange inside =
            one.rows({made.begin - image * made_of_each, made.end - image * made_of_each});
        return {inside.begin + image * one.height, inside.end + image * one.height};
    }
    if (repeat > 1) return {made.begin / repeat, std::min(height, ceil_div(made.end, repeat))};
    const std::int64_t begin = made.begin * stride - padding;
    const std::int64_t end = (made.end - 1) * stride - padding + taps;
    const std::int64_t from = std::clamp<std::int64_t>(begin, 0, height - 1);
    return {from, std::clamp<std::int64_t>(end, from + 1, height)};
}

std::vector<std::optional<KernelRows>> rows_of(const Graph& graph, const Lowered& lowered) {
    return Finder(graph, lowered).run();
}

}  // namespace perfwatt

// Shapes of convolutions, matrix products, recurrent networks and pooling.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "sim/base/math.h"
#include "sim/graph/infer.h"

namespace perfwatt {
namespace {

std::int64_t bounded(std::int64_t value, std::int64_t least, const char* what) {
    if (value < least || value > (std::int64_t{1} << 31))
        throw ShapeError(fmt::format("{} is {}, which is impossible", what, value));
    return value;
}

/// A window attribute with one entry a spatial dimension, each at least `least`.
std::vector<std::int64_t> window_list(const InferContext& context, const char* key,
                                      std::size_t size, std::int64_t otherwise,
                                      std::int64_t least) {
    auto list = context.parameter(key, kMaxRank).value_or(std::vector(size, otherwise));
    if (list.size() != size)
        throw ShapeError(
            fmt::format("attribute '{}' has {} entries, {} are needed", key, list.size(), size));
    for (const std::int64_t entry : list) bounded(entry, least, key);
    return list;
}

/// The sliding window of a convolution or pool, with auto_pad resolved.
struct Window {
    std::vector<std::int64_t> kernel, strides, dilations, pads;
    std::size_t dimensions = 0;

    [[nodiscard]] std::int64_t extent(std::size_t i) const {
        return (kernel[i] - 1) * dilations[i] + 1;
    }
    [[nodiscard]] std::int64_t padding(std::size_t i) const {
        return pads[i] + pads[i + dimensions];
    }
};

Window read_window(const InferContext& context, std::vector<std::int64_t> kernel) {
    Window window;
    window.dimensions = kernel.size();
    for (const std::int64_t extent : kernel) bounded(extent, 1, "kernel_shape");
    window.kernel = std::move(kernel);
    window.strides = window_list(context, "strides", window.dimensions, 1, 1);
    window.dilations = window_list(context, "dilations", window.dimensions, 1, 1);
    window.pads = window_list(context, "pads", 2 * window.dimensions, 0, 0);
    return window;
}

void write_window(InferContext& context, const Window& window) {
    context.set("kernel_shape", window.kernel);
    context.set("strides", window.strides);
    context.set("dilations", window.dilations);
    context.set("pads", window.pads);
    context.node.attributes.erase("auto_pad");
    context.node.attributes.erase("ceil_mode");
}

void split_padding(Window& window, std::size_t i, std::int64_t total, bool lower) {
    total = std::max<std::int64_t>(total, 0);
    window.pads[i] = lower ? total - total / 2 : total / 2;
    window.pads[i + window.dimensions] = total - window.pads[i];
}

/// Output extent of dimension i for an input extent; resolves auto_pad into pads.
std::int64_t slide(const InferContext& context, Window& window, std::size_t i, std::int64_t input) {
    const std::string auto_pad = context.node.text("auto_pad", "NOTSET");
    const std::int64_t stride = window.strides[i];
    if (auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER") {
        const std::int64_t output = ceil_div(input, stride);
        split_padding(window, i, (output - 1) * stride + window.extent(i) - input,
                      auto_pad == "SAME_LOWER");
        return output;
    }
    if (auto_pad == "VALID") {
        window.pads[i] = window.pads[i + window.dimensions] = 0;
    } else if (auto_pad != "NOTSET") {
        throw ShapeError(fmt::format("auto_pad '{}' is unknown", auto_pad));
    }
    const std::int64_t room = checked_add(input, window.padding(i)) - window.extent(i);
    if (room < 0)
        throw ShapeError(fmt::format("its window of {} is larger than its input of {} with padding",
                                     window.extent(i), input + window.padding(i)));
    if (context.node.integer("ceil_mode", 0) == 0) return room / stride + 1;
    // A last window that would begin in the padding behind the input is left out, as PyTorch does.
    const std::int64_t output = ceil_div(room, stride) + 1;
    return (output - 1) * stride >= input + window.pads[i] ? output - 1 : output;
}

void conv(InferContext& context, std::size_t data, std::size_t weight, DataType output_type) {
    const Shape& x = context.shape(data);
    const Shape& w = context.shape(weight);
    context.require_rank(data, 3, kMaxRank);
    context.require_rank(weight, x.size(), x.size());
    const std::int64_t group = bounded(context.node.integer("group", 1), 1, "group");
    const std::int64_t in_channels = checked_multiply(w[1], group);
    if (in_channels != x[1])
        throw ShapeError(fmt::format("weights {} with group {} take {} channels, the input has {}",
                                     to_string(w), group, in_channels, x[1]));
    if (w[0] % group != 0)
        throw ShapeError(
            fmt::format("{} output channels do not divide into {} groups", w[0], group));
    const std::vector<std::int64_t> kernel(w.begin() + 2, w.end());
    if (context.parameter("kernel_shape", kMaxRank).value_or(kernel) != kernel)
        throw ShapeError(fmt::format("kernel_shape does not match weights {}", to_string(w)));
    Window window = read_window(context, kernel);
    Shape output{x[0], w[0]};
    for (std::size_t i = 0; i < kernel.size(); ++i)
        output.push_back(slide(context, window, i, x[i + 2]));
    context.set("group", group);
    write_window(context, window);
    context.add_output(std::move(output), output_type);
}

}  // namespace

void infer_conv(InferContext& context) {
    const bool integer = context.node.type == "ConvInteger";
    conv(context, 0, 1, integer ? DataType::int32 : context.type(0));
    if (integer) context.kept = {{0, 1}};
}

void infer_qlinear_conv(InferContext& context) {
    conv(context, 0, 3, context.has(7) ? context.type(7) : context.type(0));
    context.kept =
        context.has(8) ? std::vector<std::size_t>{0, 3, 8} : std::vector<std::size_t>{0, 3};
}

void infer_conv_transpose(InferContext& context) {
    const Shape& x = context.shape(0);
    const Shape& w = context.shape(1);
    context.require_rank(0, 3, kMaxRank);
    context.require_rank(1, x.size(), x.size());
    const std::int64_t group = bounded(context.node.integer("group", 1), 1, "group");
    if (w[0] != x[1] || x[1] % group != 0)
        throw ShapeError(fmt::format("weights {} with group {} do not fit an input {}",
                                     to_string(w), group, to_string(x)));
    Window window = read_window(context, {w.begin() + 2, w.end()});
    const std::size_t dimensions = window.dimensions;
    const auto extra = window_list(context, "output_padding", dimensions, 0, 0);
    const auto wanted = context.parameter("output_shape", kMaxRank);
    if (wanted && wanted->size() < dimensions) throw ShapeError("its output_shape is too short");
    const std::string auto_pad = context.node.text("auto_pad", "NOTSET");
    Shape output{x[0], checked_multiply(w[1], group)};
    for (std::size_t i = 0; i < dimensions; ++i) {
        const std::int64_t full = checked_add(checked_multiply(window.strides[i], x[i + 2] - 1),
                                              checked_add(window.extent(i), extra[i]));
        const bool same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
        if (wanted || same) {
            const std::int64_t size = wanted ? (*wanted)[wanted->size() - dimensions + i]
                                             : checked_multiply(x[i + 2], window.strides[i]);
            split_padding(window, i, full - size, auto_pad != "SAME_UPPER");
            output.push_back(bounded(size, 1, "output_shape"));
        } else {
            output.push_back(bounded(full - window.padding(i), 0, "the output's extent"));
        }
    }
    context.set("group", group);
    write_window(context, window);
    context.add_output(std::move(output));
}

void infer_pool(InferContext& context) {
    const Shape& x = context.shape(0);
    context.require_rank(0, 3, kMaxRank);
    const std::size_t dimensions = x.size() - 2;
    if (!context.node.attributes.contains("kernel_shape"))
        throw ShapeError("it has no 'kernel_shape'");
    Window window = read_window(context, window_list(context, "kernel_shape", dimensions, 1, 1));
    Shape output{x[0], x[1]};
    for (std::size_t i = 0; i < dimensions; ++i)
        output.push_back(slide(context, window, i, x[i + 2]));
    write_window(context, window);
    context.add_output(output);
    if (context.output_count > 1) context.add_output(output, DataType::int64);
}

void infer_global_pool(InferContext& context) {
    context.require_rank(0, 3, kMaxRank);
    Shape output = context.shape(0);
    std::fill(output.begin() + 2, output.end(), 1);
    context.add_output(std::move(output));
}

void infer_gemm(InferContext& context) {
    context.require_rank(0, 2, 2);
    context.require_rank(1, 2, 2);
    const Shape& a = context.shape(0);
    const Shape& b = context.shape(1);
    const bool trans_a = context.node.integer("transA", 0) != 0;
    const bool trans_b = context.node.integer("transB", 0) != 0;
    const Shape output{a[trans_a ? 1 : 0], b[trans_b ? 0 : 1]};
    if (a[trans_a ? 0 : 1] != b[trans_b ? 1 : 0])
        throw ShapeError(fmt::format("{}{} and {}{} do not multiply", to_string(a),
                                     trans_a ? " transposed" : "", to_string(b),
                                     trans_b ? " transposed" : ""));
    if (context.has(2) && broadcast(output, context.shape(2)) != output)
        throw ShapeError(
            fmt::format("bias {} does not fit {}", to_string(context.shape(2)), to_string(output)));
    context.add_output(output);
}

namespace {

Shape matmul_shape(const InferContext& context, std::size_t first, std::size_t second) {
    Shape a = context.shape(first);
    Shape b = context.shape(second);
    context.require_rank(first, 1, kMaxRank);
    context.require_rank(second, 1, kMaxRank);
    const bool vector_a = a.size() == 1;
    const bool vector_b = b.size() == 1;
    if (vector_a) a.insert(a.begin(), 1);
    if (vector_b) b.push_back(1);
    if (a.back() != b[b.size() - 2])
        throw ShapeError(fmt::format("{} and {} do not multiply", to_string(context.shape(first)),
                                     to_string(context.shape(second))));
    Shape output = broadcast(Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2));
    if (!vector_a) output.push_back(a[a.size() - 2]);
    if (!vector_b) output.push_back(b.back());
    return output;
}

}  // namespace

void infer_matmul(InferContext& context) { context.add_output(matmul_shape(context, 0, 1)); }

void infer_matmul_integer(InferContext& context) {
    context.kept = {{0, 1}};
    context.add_output(matmul_shape(context, 0, 1), DataType::int32);
}

void infer_qlinear_matmul(InferContext& context) {
    context.kept = {{0, 3}};
    context.add_output(matmul_shape(context, 0, 3),
                       context.has(7) ? context.type(7) : context.type(0));
}

void infer_einsum(InferContext& context) {
    std::string equation = context.node.text("equation", "");
    std::erase(equation, ' ');
    const std::size_t arrow = equation.find("->");
    if (equation.find('.') != std::string::npos || arrow == std::string::npos)
        throw ShapeError(fmt::format("equation '{}' is not of the form 'ab,bc->ac'", equation));
    std::map<char, std::int64_t> extents;
    std::size_t operand = 0;
    std::size_t axis = 0;
    for (const char letter : equation.substr(0, arrow) + ",") {
        if (letter != ',') {
            const std::int64_t extent = context.dimension(operand, axis++);
            const auto [found, fresh] = extents.emplace(letter, extent);
            if (!fresh && found->second == 1) found->second = extent;
            if (found->second != extent && extent != 1)
                throw ShapeError(fmt::format("in equation '{}', '{}' is both {} and {}", equation,
                                             letter, found->second, extent));
            continue;
        }
        context.require_rank(operand, axis, axis);
        ++operand;
        axis = 0;
    }
    if (operand != context.inputs.size())
        throw ShapeError(fmt::format("equation '{}' names {} operands, there are {}", equation,
                                     operand, context.inputs.size()));
    Shape output;
    for (const char letter : equation.substr(arrow + 2)) {
        if (!extents.contains(letter))
            throw ShapeError(
                fmt::format("equation '{}' makes '{}' from nothing", equation, letter));
        output.push_back(extents[letter]);
    }
    std::vector<std::int64_t> all;
    for (const auto& [letter, extent] : extents) all.push_back(extent);
    context.set("equation", equation);
    context.set("extents", all);
    context.add_output(std::move(output));
}

void infer_recurrent(InferContext& context) {
    context.require_rank(0, 3, 3);
    context.require_rank(1, 3, 3);
    context.require_rank(2, 3, 3);
    const Shape& x = context.shape(0);
    const Shape& w = context.shape(1);
    const Shape& r = context.shape(2);
    const bool batch_first = context.node.integer("layout", 0) != 0;
    const std::int64_t steps = x[batch_first ? 1 : 0];
    const std::int64_t batch = x[batch_first ? 0 : 1];
    const std::int64_t directions = w[0];
    const std::int64_t hidden = r[2];
    const std::int64_t gates = context.node.type == "LSTM" ? 4 : context.node.type == "GRU" ? 3 : 1;
    if (w[1] != checked_multiply(gates, hidden) || w[2] != x[2] || r[0] != directions ||
        r[1] != w[1])
        throw ShapeError(fmt::format("weights {} and {} do not fit an input {}", to_string(w),
                                     to_string(r), to_string(x)));
    context.set("hidden_size", hidden);
    context.set("gates", gates);
    context.set("directions", directions);
    context.set("steps", steps);
    context.set("batch", batch);
    context.set("input_size", x[2]);
    context.add_output(batch_first ? Shape{batch, steps, directions, hidden}
                                   : Shape{steps, directions, batch, hidden});
    const Shape state =
        batch_first ? Shape{batch, directions, hidden} : Shape{directions, batch, hidden};
    for (std::size_t i = 1; i < std::min<std::size_t>(context.output_count, 3); ++i)
        context.add_output(state);
}

void infer_attention_scores(InferContext& context) {
    context.require_rank(0, 4, 4);
    context.require_rank(1, 4, 4);
    const Shape& q = context.shape(0);
    const Shape& k = context.shape(1);
    if (q[0] != k[0] || q[3] != k[3] || k[2] == 0 || q[2] % k[2] != 0)
        throw ShapeError(
            fmt::format("queries {} and keys {} do not fit", to_string(q), to_string(k)));
    context.set("groups_sharing", q[2] / k[2]);
    context.add_output({q[0], q[2], q[1], k[1]});
}

void infer_attention_values(InferContext& context) {
    context.require_rank(0, 4, 4);
    context.require_rank(1, 4, 4);
    const Shape& p = context.shape(0);
    const Shape& v = context.shape(1);
    if (p[0] != v[0] || p[3] != v[1] || v[2] == 0 || p[1] % v[2] != 0)
        throw ShapeError(
            fmt::format("scores {} and values {} do not fit", to_string(p), to_string(v)));
    context.set("groups_sharing", p[1] / v[2]);
    context.add_output({p[0], p[2], p[1], v[3]});
}

}  // namespace perfwatt

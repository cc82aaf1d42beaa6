// Computes operators whose inputs are all known: what exporters emit for shapes, and index tables.
#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/graph/folding.h"

namespace perfwatt {
namespace {

using namespace folding;

std::int64_t power(std::int64_t base, std::int64_t exponent) {
    if (exponent < 0) return base == 1 ? 1 : 0;
    std::uint64_t result = 1;
    for (std::uint64_t factor = plain(base), left = plain(exponent); left > 0; left >>= 1) {
        if ((left & 1) != 0) result *= factor;
        factor *= factor;
    }
    return wrap(result);
}

/// Integer arithmetic wraps as that of the frameworks does; empty for a division by zero.
std::optional<std::int64_t> integer_binary(const Node& node, std::int64_t a, std::int64_t b) {
    const std::string& type = node.type;
    if (type == "Add" || type == "Sum") return wrap(plain(a) + plain(b));
    if (type == "Sub") return wrap(plain(a) - plain(b));
    if (type == "Mul") return wrap(plain(a) * plain(b));
    if (type == "Min") return std::min(a, b);
    if (type == "Max") return std::max(a, b);
    if (type == "Pow") return power(a, b);
    if (type == "And") return (a != 0 && b != 0) ? 1 : 0;
    if (type == "Or") return (a != 0 || b != 0) ? 1 : 0;
    if (type == "Xor") return ((a != 0) != (b != 0)) ? 1 : 0;
    if (type == "Equal") return a == b ? 1 : 0;
    if (type == "Greater") return a > b ? 1 : 0;
    if (type == "GreaterOrEqual") return a >= b ? 1 : 0;
    if (type == "Less") return a < b ? 1 : 0;
    if (type == "LessOrEqual") return a <= b ? 1 : 0;
    if (type != "Div" && type != "Mod") return std::nullopt;
    if (b == 0 || (b == -1 && a == std::numeric_limits<std::int64_t>::min())) return std::nullopt;
    if (type == "Div") return a / b;
    const std::int64_t rest = a % b;
    return node.integer("fmod", 0) == 0 && rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

std::optional<double> real_binary(const std::string& type, double a, double b) {
    if (type == "Add" || type == "Sum") return a + b;
    if (type == "Sub") return a - b;
    if (type == "Mul") return a * b;
    if (type == "Div") return a / b;
    if (type == "Mod") return std::fmod(a, b);
    if (type == "Min") return std::min(a, b);
    if (type == "Max") return std::max(a, b);
    if (type == "Pow") return std::pow(a, b);
    if (type == "Equal") return a == b ? 1 : 0;
    if (type == "Greater") return a > b ? 1 : 0;
    if (type == "GreaterOrEqual") return a >= b ? 1 : 0;
    if (type == "Less") return a < b ? 1 : 0;
    if (type == "LessOrEqual") return a <= b ? 1 : 0;
    return std::nullopt;
}

/// Variadic operators (Min, Max, Sum) fold from the left.
Result binary(const Node& node, const Inputs& inputs, const Outputs& outputs) {
    if (inputs.empty()) return std::nullopt;
    Constant left = *inputs[0];
    for (std::size_t i = 1; i < inputs.size(); ++i) {
        const Constant& right = *inputs[i];
        Constant result = blank(broadcast(left.shape, right.shape), outputs[0].second);
        const Integers left_strides = strides_of(left.shape);
        const Integers right_strides = strides_of(right.shape);
        bool computed = true;
        for_each(result.shape, [&](std::size_t at, const Coordinates& place) {
            const std::size_t a = broadcast_index(left.shape, left_strides, place);
            const std::size_t b = broadcast_index(right.shape, right_strides, place);
            if (left.floating() || right.floating()) {
                const auto value = real_binary(node.type, left.real(a), right.real(b));
                computed = computed && value.has_value();
                if (result.floating())
                    result.reals[at] = value.value_or(0);
                else
                    result.integers[at] = to_integer(value.value_or(0));
            } else {
                const auto value = integer_binary(node, left.integers[a], right.integers[b]);
                computed = computed && value.has_value();
                if (result.floating())
                    computed = false;
                else
                    result.integers[at] = value.value_or(0);
            }
        });
        if (!computed) return std::nullopt;
        left = std::move(result);
    }
    return std::vector{std::move(left)};
}

Result unary(const Node& node, const Inputs& inputs, const Outputs& outputs) {
    static constexpr auto kIntegerOnly = [](const std::string& type) {
        return type == "Neg" || type == "Abs" || type == "Not" || type == "Sign" ||
               type == "Floor" || type == "Ceil" || type == "Round" || type == "Clip";
    };
    const Constant& x = *inputs[0];
    Constant result = blank(x.shape, outputs[0].second);
    const std::string& type = node.type;
    if (result.floating() != x.floating()) return std::nullopt;
    if (!x.floating() && !kIntegerOnly(type)) return std::nullopt;
    const double low = node.real("min", -std::numeric_limits<double>::infinity());
    const double high = node.real("max", std::numeric_limits<double>::infinity());
    for (std::size_t i = 0; i < x.size(); ++i) {
        if (!x.floating()) {
            const std::int64_t v = x.integers[i];
            std::int64_t& out = result.integers[i];
            if (type == "Neg")
                out = wrap(0 - plain(v));
            else if (type == "Abs")
                out = v < 0 ? wrap(0 - plain(v)) : v;
            else if (type == "Not")
                out = v == 0 ? 1 : 0;
            else if (type == "Sign")
                out = (v > 0) - (v < 0);
            else if (type == "Clip")
                out = std::max(to_integer(low), std::min(to_integer(high), v));
            else
                out = v;
            continue;
        }
        const double v = x.reals[i];
        double& out = result.reals[i];
        if (type == "Neg")
            out = -v;
        else if (type == "Abs")
            out = std::abs(v);
        else if (type == "Sign")
            out = (v > 0) - (v < 0);
        else if (type == "Floor")
            out = std::floor(v);
        else if (type == "Ceil")
            out = std::ceil(v);
        else if (type == "Round")
            out = std::nearbyint(v);
        else if (type == "Sqrt")
            out = std::sqrt(v);
        else if (type == "Exp")
            out = std::exp(v);
        else if (type == "Log")
            out = std::log(v);
        else if (type == "Reciprocal")
            out = 1 / v;
        else if (type == "Relu")
            out = std::max(v, 0.0);
        else if (type == "Sin")
            out = std::sin(v);
        else if (type == "Cos")
            out = std::cos(v);
        else if (type == "Tanh")
            out = std::tanh(v);
        else if (type == "Sigmoid")
            out = 1 / (1 + std::exp(-v));
        else if (type == "Clip")
            out = std::max(low, std::min(high, v));
        else
            return std::nullopt;
    }
    return std::vector{std::move(result)};
}

Result cast(const Node&, const Inputs& inputs, const Outputs& outputs) {
    const Constant& x = *inputs[0];
    Constant result = blank(x.shape, outputs[0].second);
    for (std::size_t i = 0; i < x.size(); ++i) {
        if (result.type == DataType::boolean)
            result.integers[i] = x.real(i) != 0 ? 1 : 0;
        else
            put(result, i, x, i);
    }
    return std::vector{std::move(result)};
}

Result where(const Node&, const Inputs& inputs, const Outputs& outputs) {
    Constant result = blank(outputs[0].first, outputs[0].second);
    Integers strides[3];
    for (std::size_t i = 0; i < 3; ++i) strides[i] = strides_of(inputs[i]->shape);
    if (inputs[0]->floating()) return std::nullopt;
    for_each(result.shape, [&](std::size_t at, const Coordinates& place) {
        const std::size_t condition = broadcast_index(inputs[0]->shape, strides[0], place);
        const std::size_t chosen = inputs[0]->integers[condition] != 0 ? 1 : 2;
        put(result, at, *inputs[chosen],
            broadcast_index(inputs[chosen]->shape, strides[chosen], place));
    });
    return std::vector{std::move(result)};
}

Result reduce(const Node& node, const Inputs& inputs, const Outputs& outputs) {
    const Constant& x = *inputs[0];
    Constant result = blank(outputs[0].first, outputs[0].second);
    const Integers axes = node.integers("axes", {});
    Shape kept = x.shape;
    for (const std::int64_t axis : axes) kept[static_cast<std::size_t>(axis)] = 1;
    const Integers strides = strides_of(kept);
    std::vector<bool> begun(result.size(), false);
    const std::string& type = node.type;
    if (type != "ReduceMax" && type != "ReduceMin" && (type != "ReduceMean" || !x.floating()) &&
        type != "ReduceProd" && type != "ReduceSum")
        return std::nullopt;
    if ((type == "ReduceMax" || type == "ReduceMin") && x.size() == 0) return std::nullopt;
    if (type == "ReduceProd") {
        std::fill(result.reals.begin(), result.reals.end(), 1);
        std::fill(result.integers.begin(), result.integers.end(), 1);
    }
    const double share =
        x.size() == 0 ? 1 : static_cast<double>(result.size()) / static_cast<double>(x.size());
    for_each(x.shape, [&](std::size_t at, const Coordinates& place) {
        const std::size_t to = broadcast_index(kept, strides, place);
        const bool first = !begun[to];
        begun[to] = true;
        if (x.floating()) {
            double& sum = result.reals[to];
            const double v = x.reals[at];
            if (type == "ReduceProd")
                sum *= v;
            else if (type == "ReduceSum")
                sum += v;
            else if (type == "ReduceMean")
                sum += v * share;
            else if (type == "ReduceMax")
                sum = first ? v : std::max(sum, v);
            else
                sum = first ? v : std::min(sum, v);
        } else {
            std::int64_t& sum = result.integers[to];
            const std::int64_t v = x.integers[at];
            if (type == "ReduceProd")
                sum = wrap(plain(sum) * plain(v));
            else if (type == "ReduceSum")
                sum = wrap(plain(sum) + plain(v));
            else if (type == "ReduceMax")
                sum = first ? v : std::max(sum, v);
            else
                sum = first ? v : std::min(sum, v);
        }
    });
    return std::vector{std::move(result)};
}

Result cumulative_sum(const Node& node, const Inputs& inputs, const Outputs&) {
    if (node.integer("reverse", 0) != 0 || node.integer("exclusive", 0) != 0) return std::nullopt;
    Constant result = *inputs[0];
    const auto axis = static_cast<std::size_t>(node.integer("axis", 0));
    const auto stride = static_cast<std::size_t>(strides_of(result.shape)[axis]);
    for_each(result.shape, [&](std::size_t at, const Coordinates& place) {
        if (place[axis] == 0) return;
        if (result.floating())
            result.reals[at] += result.reals[at - stride];
        else
            result.integers[at] =
                wrap(plain(result.integers[at]) + plain(result.integers[at - stride]));
    });
    return std::vector{std::move(result)};
}

Result range(const Node&, const Inputs& inputs, const Outputs& outputs) {
    Constant result = blank(outputs[0].first, outputs[0].second);
    for (std::size_t i = 0; i < result.reals.size(); ++i)
        result.reals[i] = inputs[0]->real(0) + static_cast<double>(i) * inputs[2]->real(0);
    if (result.floating()) return std::vector{std::move(result)};
    if (inputs[0]->floating() || inputs[2]->floating()) return std::nullopt;
    for (std::size_t i = 0; i < result.integers.size(); ++i)
        result.integers[i] =
            wrap(plain(inputs[0]->integers[0]) + i * plain(inputs[2]->integers[0]));
    return std::vector{std::move(result)};
}

/// One column an element that is not zero; the shape becomes exact.
Result nonzero(const Node&, const Inputs& inputs, const Outputs&) {
    const Constant& x = *inputs[0];
    std::vector<Coordinates> found;
    for_each(x.shape, [&](std::size_t at, const Coordinates& place) {
        if (x.real(at) != 0) found.push_back(place);
    });
    const auto count = static_cast<std::int64_t>(found.size());
    Constant result = blank({static_cast<std::int64_t>(x.shape.size()), count}, DataType::int64);
    for (std::size_t row = 0; row < x.shape.size(); ++row)
        for (std::size_t i = 0; i < found.size(); ++i)
            result.integers[row * found.size() + i] = found[i][row];
    return std::vector{std::move(result)};
}

using Fold = Result (*)(const Node&, const Inputs&, const Outputs&);

Fold find_fold(const std::string& type) {
    struct Entry {
        std::string_view type;
        Fold fold;
    };
    static constexpr Entry kFolds[] = {
        {"Add", binary},
        {"Sub", binary},
        {"Mul", binary},
        {"Div", binary},
        {"Mod", binary},
        {"Pow", binary},
        {"Min", binary},
        {"Max", binary},
        {"Sum", binary},
        {"And", binary},
        {"Or", binary},
        {"Xor", binary},
        {"Equal", binary},
        {"Greater", binary},
        {"GreaterOrEqual", binary},
        {"Less", binary},
        {"LessOrEqual", binary},
        {"Neg", unary},
        {"Abs", unary},
        {"Not", unary},
        {"Sign", unary},
        {"Floor", unary},
        {"Ceil", unary},
        {"Round", unary},
        {"Sqrt", unary},
        {"Exp", unary},
        {"Log", unary},
        {"Reciprocal", unary},
        {"Relu", unary},
        {"Sin", unary},
        {"Cos", unary},
        {"Tanh", unary},
        {"Sigmoid", unary},
        {"Clip", unary},
        {"Cast", cast},
        {"CastLike", cast},
        {"Where", where},
        {"Reshape", view},
        {"Flatten", view},
        {"Squeeze", view},
        {"Unsqueeze", view},
        {"Identity", view},
        {"Transpose", transpose},
        {"Concat", concat},
        {"Slice", slice},
        {"Split", split},
        {"Gather", gather},
        {"Expand", expand},
        {"Tile", tile},
        {"ScatterND", scatter_nd},
        {"Pad", pad},
        {"ReduceProd", reduce},
        {"ReduceSum", reduce},
        {"ReduceMax", reduce},
        {"ReduceMin", reduce},
        {"ReduceMean", reduce},
        {"CumSum", cumulative_sum},
        {"Range", range},
        {"NonZero", nonzero},
        {"Trilu", trilu},
    };
    for (const Entry& entry : kFolds)
        if (entry.type == type) return entry.fold;
    return nullptr;
}

}  // namespace

Constant integer_constant(std::vector<std::int64_t> values, Shape shape) {
    return {.type = DataType::int64,
            .shape = std::move(shape),
            .integers = std::move(values),
            .reals = {}};
}

Result evaluate(const Node& node, const Inputs& inputs, const Outputs& outputs) {
    const Fold fold = find_fold(node.type);
    if (fold == nullptr || outputs.empty() || inputs.empty()) return std::nullopt;
    for (const auto& [shape, type] : outputs)
        if (element_count(shape) > kMaxFoldElements) return std::nullopt;
    const std::size_t needed = node.type == "Where" || node.type == "ScatterND" ? 3
                               : node.type == "Gather"                          ? 2
                                                                                : 1;
    if (inputs.size() < needed) return std::nullopt;
    for (std::size_t i = 0; i < inputs.size(); ++i)
        if (inputs[i] == nullptr && (i < needed || fold == binary || fold == concat))
            return std::nullopt;
    return fold(node, inputs, outputs);
}

}  // namespace perfwatt

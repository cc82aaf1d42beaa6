#include "sim/graph/infer.h"

#include <fmt/format.h>

namespace perfwatt {

const Shape& InferContext::shape(std::size_t i) const {
    if (!has(i)) throw ShapeError(fmt::format("input {} is missing", i));
    return inputs[i].shape;
}

DataType InferContext::type(std::size_t i) const {
    if (!has(i)) throw ShapeError(fmt::format("input {} is missing", i));
    return inputs[i].type;
}

std::int64_t InferContext::dimension(std::size_t i, std::size_t axis) const {
    if (axis >= rank(i))
        throw ShapeError(
            fmt::format("input {} has shape {} and no dimension {}", i, to_string(shape(i)), axis));
    return shape(i)[axis];
}

void InferContext::require_rank(std::size_t i, std::size_t at_least, std::size_t at_most) const {
    const std::size_t found = rank(i);
    if (found >= at_least && found <= at_most) return;
    throw ShapeError(fmt::format(
        "input {} has shape {}, of {} dimensions instead of {}", i, to_string(shape(i)), found,
        at_least == at_most   ? fmt::format("{}", at_least)
        : at_most >= kMaxRank ? fmt::format("{} or more", at_least)
                              : fmt::format("{} to {}", at_least, at_most)));
}

std::optional<std::vector<std::int64_t>> InferContext::parameter(const char* key,
                                                                 std::size_t input) const {
    if (const auto found = node.attributes.find(key); found != node.attributes.end()) {
        if (const auto* list = std::get_if<std::vector<std::int64_t>>(&found->second)) return *list;
        if (const auto* one = std::get_if<std::int64_t>(&found->second)) return std::vector{*one};
        throw ShapeError(fmt::format("attribute '{}' is not a list of integers", key));
    }
    if (!has(input) || inputs[input].contents == nullptr) return std::nullopt;
    const Constant& contents = *inputs[input].contents;
    if (contents.floating()) throw ShapeError(fmt::format("'{}' holds real numbers", key));
    return contents.integers;
}

std::vector<std::int64_t> InferContext::known(const char* key, std::size_t input) const {
    if (auto values = parameter(key, input)) return *values;
    if (has(input))
        throw ShapeError(
            fmt::format("its '{}' is computed from data, so that the shape of its "
                        "result is not known ahead of the run",
                        key));
    throw ShapeError(fmt::format("it has no '{}'", key));
}

std::optional<std::vector<double>> InferContext::real_parameter(const char* key,
                                                                std::size_t input) const {
    if (extra != nullptr)
        if (const auto found = extra->reals.find(key); found != extra->reals.end())
            return found->second;
    if (const auto found = node.attributes.find(key); found != node.attributes.end()) {
        if (const auto* one = std::get_if<double>(&found->second)) return std::vector{*one};
        return std::nullopt;
    }
    if (!has(input) || inputs[input].contents == nullptr) return std::nullopt;
    const Constant& contents = *inputs[input].contents;
    std::vector<double> values(contents.size());
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = contents.real(i);
    return values;
}

}  // namespace perfwatt

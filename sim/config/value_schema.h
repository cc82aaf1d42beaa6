#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/base/data_type.h"
#include "sim/config/rule.h"
#include "sim/config/schema_detail.h"

namespace perfwatt {

/// Limits are inclusive. `otherwise` is the default; without one a key is required, unless the
/// member is an std::optional. Members may also be Sourced<V>.
struct CountLimits {
    std::int64_t min = 1;
    std::int64_t max = 1'000'000'000;
    std::optional<std::int64_t> otherwise = std::nullopt;
};
struct RatioLimits {
    double min = 0;
    double max = 1;
    std::optional<double> otherwise = std::nullopt;
};
/// Written with units: {.min = "1 KiB", .max = "16 GiB", .otherwise = "32 KiB"}. What is left out
/// keeps to the dimension's own limits, which exclude zero.
struct QuantityLimits {
    std::string min = {};
    std::string max = {};
    std::optional<std::string> otherwise = std::nullopt;
};
struct SizeLimits {
    std::size_t min = 0;
    std::size_t max = 10'000;
};
struct TextDefault {
    std::optional<std::string> otherwise = std::nullopt;
};
template <class E>
struct ChoiceOf {
    std::vector<std::pair<std::string, E>> names;
    std::optional<E> otherwise = std::nullopt;
};
/// Of maps and lists; a member that is an std::optional is never required. An absent map that is
/// not required is read as if it were empty: all its keys must have defaults.
enum class Presence : std::uint8_t { required, optional };

/// What one value may be: the element of a list or of a map with free keys.
template <class V>
struct ValueSchema {
    std::shared_ptr<const ConfigRule> rule;
};

template <class V = std::int64_t>
[[nodiscard]] ValueSchema<V> count_value(CountLimits limits = {}) {
    return {detail::scalar_rule<V>(detail::count_rule(limits.min, limits.max))};
}
template <class V = double>
[[nodiscard]] ValueSchema<V> ratio_value(RatioLimits limits = {}) {
    return {detail::scalar_rule<V>(detail::ratio_rule(limits.min, limits.max))};
}
template <class V>
[[nodiscard]] ValueSchema<V> quantity_value(Dimension dimension,
                                            const QuantityLimits& limits = {}) {
    return {detail::scalar_rule<V>(detail::quantity_rule(dimension, limits.min, limits.max))};
}
template <class V = std::string>
[[nodiscard]] ValueSchema<V> text_value() {
    return {detail::scalar_rule<V>(detail::text_rule())};
}
template <class V = std::string>
[[nodiscard]] ValueSchema<V> prose_value() {
    return {detail::scalar_rule<V>(detail::prose_rule())};
}
/// Any scalar, kept as the text it was written as: what a sweep sets, whatever type that is.
[[nodiscard]] inline ValueSchema<std::string> verbatim_value() {
    return {detail::scalar_rule<std::string>(detail::verbatim_rule())};
}
template <class E>
[[nodiscard]] ValueSchema<E> choice_value(const std::vector<std::pair<std::string, E>>& names) {
    return {detail::scalar_rule<E>(detail::choice_rule(names))};
}
[[nodiscard]] inline ValueSchema<DataType> data_type_value() {
    return {detail::scalar_rule<DataType>(detail::data_type_rule())};
}
template <class V>
[[nodiscard]] ValueSchema<std::vector<V>> list_of(const ValueSchema<V>& element,
                                                  SizeLimits size = {}) {
    return {detail::list_rule<V>(element.rule, size.min, size.max)};
}
/// Free keys: std::map<std::string, V>, or std::vector<std::pair<std::string, V>> in file order.
template <class V>
[[nodiscard]] ValueSchema<std::map<std::string, V>> map_of(const ValueSchema<V>& element,
                                                           SizeLimits size = {}) {
    return {detail::free_map_rule<std::map<std::string, V>>(element.rule, size.min, size.max)};
}
template <class V>
[[nodiscard]] ValueSchema<std::vector<std::pair<std::string, V>>> ordered_map_of(
    const ValueSchema<V>& element, SizeLimits size = {}) {
    return {detail::free_map_rule<std::vector<std::pair<std::string, V>>>(element.rule, size.min,
                                                                          size.max)};
}

}  // namespace perfwatt

#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "sim/base/data_type.h"
#include "sim/config/rule.h"

/// The typed half of schema.h's machinery: how a checked scalar gets into a member.
namespace perfwatt::detail {

template <class M>
struct Unwrap {
    using type = M;
    static constexpr bool optional = false;
};
template <class V>
struct Unwrap<std::optional<V>> {
    using type = V;
    static constexpr bool optional = true;
};
template <class M>
using unwrapped_t = typename Unwrap<M>::type;
template <class M>
inline constexpr bool is_optional_v = Unwrap<M>::optional;

template <class V>
struct Bare {
    using type = V;
};
template <class V>
struct Bare<std::optional<V>> : Bare<V> {};
template <class V>
struct Bare<Sourced<V>> : Bare<V> {};
template <class M>
using bare_t = typename Bare<M>::type;

template <class V>
void assign(V& member, const ConfigScalar& scalar) {
    if constexpr (std::is_same_v<V, std::string>) {
        member = scalar.text;
    } else if constexpr (std::is_same_v<V, Time>) {
        member = Time{scalar.integer};
    } else if constexpr (std::is_same_v<V, Clock>) {
        member = Clock(scalar.integer);
    } else if constexpr (std::is_same_v<V, TimeOrClocks>) {
        member = TimeOrClocks{.time = Time{scalar.integer}, .clocks = scalar.clocks};
    } else if constexpr (std::is_floating_point_v<V>) {
        member = static_cast<V>(scalar.real);
    } else {
        static_assert(std::is_integral_v<V> || std::is_enum_v<V>);
        member = static_cast<V>(scalar.integer);
    }
}
template <class V>
void assign(Sourced<V>& member, const ConfigScalar& scalar) {
    assign(member.value, scalar);
    member.status = scalar.status;
    member.note = scalar.note;
}

[[nodiscard]] ScalarRule count_rule(std::int64_t min, std::int64_t max);
[[nodiscard]] ScalarRule ratio_rule(double min, double max);
[[nodiscard]] ScalarRule flag_rule();
[[nodiscard]] ScalarRule text_rule();
[[nodiscard]] ScalarRule prose_rule();
[[nodiscard]] ScalarRule verbatim_rule();
[[nodiscard]] ScalarRule data_type_rule();
/// PERFWATT_CHECKs that the limits are well written.
[[nodiscard]] ScalarRule quantity_rule(Dimension dimension, const std::string& min,
                                       const std::string& max);
[[nodiscard]] ScalarRule named_rule(std::vector<std::pair<std::string, std::int64_t>> choices);
[[nodiscard]] std::shared_ptr<const ConfigRule> raw_rule();

template <class E>
[[nodiscard]] ScalarRule choice_rule(const std::vector<std::pair<std::string, E>>& names) {
    std::vector<std::pair<std::string, std::int64_t>> choices;
    for (const auto& [name, value] : names)
        choices.emplace_back(name, static_cast<std::int64_t>(value));
    return named_rule(std::move(choices));
}

[[nodiscard]] std::optional<std::string> default_text(std::optional<std::int64_t> value);
[[nodiscard]] std::optional<std::string> default_text(std::optional<double> value);
[[nodiscard]] std::optional<std::string> default_text(std::optional<bool> value);
[[nodiscard]] std::optional<std::string> data_type_default(std::optional<DataType> value);
template <class E>
[[nodiscard]] std::optional<std::string> choice_default(
    const std::vector<std::pair<std::string, E>>& names, const std::optional<E>& otherwise) {
    if (otherwise)
        for (const auto& [name, value] : names)
            if (value == *otherwise) return name;
    return std::nullopt;
}

template <class V>
[[nodiscard]] std::shared_ptr<const ConfigRule> scalar_rule(ScalarRule scalar) {
    auto rule = std::make_shared<ConfigRule>();
    rule->scalar = std::move(scalar);
    rule->assign = [](void* member, const ConfigScalar& value) {
        assign(*static_cast<V*>(member), value);
    };
    return rule;
}

template <class V>
[[nodiscard]] std::shared_ptr<const ConfigRule> list_rule(std::shared_ptr<const ConfigRule> element,
                                                          std::size_t min, std::size_t max) {
    auto rule = std::make_shared<ConfigRule>();
    rule->shape = ConfigRule::Shape::list;
    rule->element = std::move(element);
    rule->min_size = min;
    rule->max_size = max;
    rule->append = [](void* list) -> void* {
        return &static_cast<std::vector<V>*>(list)->emplace_back();
    };
    return rule;
}

template <class C>
[[nodiscard]] std::shared_ptr<const ConfigRule> free_map_rule(
    std::shared_ptr<const ConfigRule> element, std::size_t min, std::size_t max) {
    auto rule = std::make_shared<ConfigRule>();
    rule->shape = ConfigRule::Shape::free_map;
    rule->element = std::move(element);
    rule->min_size = min;
    rule->max_size = max;
    rule->ordered = !std::is_same_v<C, std::map<std::string, typename C::value_type::second_type>>;
    rule->insert = [](void* map, const std::string& key) -> void* {
        C& container = *static_cast<C*>(map);
        return &container.insert(container.end(), {key, {}})->second;
    };
    return rule;
}

template <class T, class M>
[[nodiscard]] std::function<void*(void*)> member_of(M T::*member) {
    return [member](void* object) -> void* {
        M& value = static_cast<T*>(object)->*member;
        if constexpr (is_optional_v<M>)
            return &value.emplace();
        else
            return &value;
    };
}

}  // namespace perfwatt::detail

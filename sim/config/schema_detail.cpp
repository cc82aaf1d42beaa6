#include "sim/config/schema_detail.h"

#include <fmt/format.h>

#include <array>

#include "sim/base/diagnostics.h"

namespace perfwatt::detail {
namespace {

Quantity limit(Dimension dimension, std::string_view text) {
    const auto parsed = parse_quantity(dimension, text);
    PERFWATT_CHECK(std::holds_alternative<Quantity>(parsed),
                   fmt::format("a schema's limit '{}' is not {}", text, noun(dimension)));
    return std::get<Quantity>(parsed);
}

ScalarRule rule_of(ScalarRule::Kind kind) {
    ScalarRule rule;
    rule.kind = kind;
    return rule;
}

}  // namespace

ScalarRule count_rule(std::int64_t min, std::int64_t max) {
    ScalarRule rule = rule_of(ScalarRule::Kind::count);
    rule.min_integer = min;
    rule.max_integer = max;
    return rule;
}

ScalarRule ratio_rule(double min, double max) {
    ScalarRule rule = rule_of(ScalarRule::Kind::ratio);
    rule.min_real = min;
    rule.max_real = max;
    return rule;
}

ScalarRule flag_rule() { return rule_of(ScalarRule::Kind::flag); }
ScalarRule text_rule() { return rule_of(ScalarRule::Kind::text); }
ScalarRule prose_rule() { return rule_of(ScalarRule::Kind::prose); }
ScalarRule verbatim_rule() { return rule_of(ScalarRule::Kind::verbatim); }

ScalarRule named_rule(std::vector<std::pair<std::string, std::int64_t>> choices) {
    ScalarRule rule = rule_of(ScalarRule::Kind::choice);
    rule.choices = std::move(choices);
    return rule;
}

ScalarRule data_type_rule() {
    std::vector<std::pair<std::string, std::int64_t>> choices;
    for (int i = 0; i <= static_cast<int>(DataType::boolean); ++i)
        choices.emplace_back(to_string(static_cast<DataType>(i)), i);
    return named_rule(std::move(choices));
}

ScalarRule quantity_rule(Dimension dimension, const std::string& min, const std::string& max) {
    ScalarRule rule = rule_of(ScalarRule::Kind::quantity);
    rule.dimension = dimension;
    rule.min_text = min.empty() ? std::string(smallest(dimension)) : min;
    rule.max_text = max.empty() ? std::string(largest(dimension)) : max;
    rule.min_quantity = limit(dimension, rule.min_text);
    rule.max_quantity = limit(dimension, rule.max_text);
    return rule;
}

std::shared_ptr<const ConfigRule> raw_rule() {
    auto rule = std::make_shared<ConfigRule>();
    rule->shape = ConfigRule::Shape::raw;
    return rule;
}

std::optional<std::string> default_text(std::optional<std::int64_t> value) {
    return value ? std::optional(fmt::format("{}", *value)) : std::nullopt;
}
std::optional<std::string> default_text(std::optional<double> value) {
    return value ? std::optional(fmt::format("{}", *value)) : std::nullopt;
}
std::optional<std::string> default_text(std::optional<bool> value) {
    return value ? std::optional(fmt::format("{}", *value)) : std::nullopt;
}
std::optional<std::string> data_type_default(std::optional<DataType> value) {
    return value ? std::optional(std::string(to_string(*value))) : std::nullopt;
}

}  // namespace perfwatt::detail

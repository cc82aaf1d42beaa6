#include "sim/config/scalar.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

using Parsed = std::variant<ConfigScalar, QuantityError>;

constexpr std::size_t kLongestText = 10'000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool all_digits(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    return result;
}

QuantityError leading_zero(const std::string& key, const ConfigNode& node) {
    return {fmt::format("'{}' is {} with a leading zero", key, describe(node)),
            "some tools read such a number as octal: write it without"};
}

Parsed parse_count(const ScalarRule& rule, const ConfigNode& node, const std::string& key) {
    const std::string_view text = node.text;
    const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
    const std::string range = fmt::format("from {} to {}", rule.min_integer, rule.max_integer);
    if (node.quoted && all_digits(digits))
        return QuantityError{fmt::format("'{}' must be a whole number without quotes", key), ""};
    if (node.quoted || !all_digits(digits))
        return QuantityError{
            fmt::format("'{}' must be a whole number, not {}", key, describe(node)),
            fmt::format("a bare number {}, for it is a count", range)};
    if (digits.size() > 1 && digits[0] == '0') return leading_zero(key, node);
    ConfigScalar scalar;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), scalar.integer);
    if (error != std::errc() || scalar.integer < rule.min_integer ||
        scalar.integer > rule.max_integer)
        return QuantityError{fmt::format("'{}' must be {}, not {}", key, range, node.text), ""};
    scalar.real = static_cast<double>(scalar.integer);
    return scalar;
}

Parsed parse_ratio(const ScalarRule& rule, const ConfigNode& node, const std::string& key) {
    const std::string range = fmt::format("from {} to {}", rule.min_real, rule.max_real);
    const QuantityError no_number{fmt::format("'{}' must be a number, not {}", key, describe(node)),
                                  fmt::format("a bare number {}, without a unit", range)};
    const std::string_view text = node.text;
    const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
    if (node.quoted || digits.empty() || !is_digit(digits[0]) || !is_digit(digits.back()))
        return no_number;
    if (digits.size() > 1 && digits[0] == '0' && is_digit(digits[1]))
        return leading_zero(key, node);
    ConfigScalar scalar;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), scalar.real);
    if (error == std::errc::invalid_argument || end != text.data() + text.size()) return no_number;
    if (error != std::errc() || !std::isfinite(scalar.real) || scalar.real < rule.min_real ||
        scalar.real > rule.max_real)
        return QuantityError{fmt::format("'{}' must be {}, not {}", key, range, node.text), ""};
    if (scalar.real == 0) scalar.real = 0;  // -0 and 0 are one value
    return scalar;
}

Parsed parse_flag(const ConfigNode& node, const std::string& key) {
    if (!node.quoted && (node.text == "true" || node.text == "false")) {
        ConfigScalar scalar;
        scalar.integer = node.text == "true" ? 1 : 0;
        return scalar;
    }
    const std::string word = lower(node.text);
    const bool yes = word == "yes" || word == "on" || word == "y" || word == "true";
    const bool no = word == "no" || word == "off" || word == "n" || word == "false";
    return QuantityError{fmt::format("'{}' must be true or false, not {}", key, describe(node)),
                         yes  ? "write 'true'"
                         : no ? "write 'false'"
                              : ""};
}

Parsed parse_text(const ConfigNode& node, const std::string& key, bool may_be_empty) {
    if (!node.quoted && node.origin != Origin::set && is_ambiguous(node.text))
        return QuantityError{
            fmt::format("'{}' must be text, and {} without quotes is not text to every YAML reader",
                        key, describe(node)),
            fmt::format("write \"{}\"", node.text)};
    if (node.text.empty() && !may_be_empty)
        return QuantityError{fmt::format("'{}' must not be empty", key), ""};
    if (node.text.size() > kLongestText)
        return QuantityError{fmt::format("'{}' is longer than {} bytes", key, kLongestText), ""};
    ConfigScalar scalar;
    scalar.text = node.text;
    return scalar;
}

Parsed parse_verbatim(const ConfigNode& node, const std::string& key) {
    if (node.text.empty() || node.text.size() > kLongestText)
        return QuantityError{fmt::format("'{}' must hold from 1 to {} bytes", key, kLongestText),
                             ""};
    ConfigScalar scalar;
    scalar.text = node.text;
    return scalar;
}

Parsed parse_choice(const ScalarRule& rule, const ConfigNode& node, const std::string& key) {
    std::vector<std::string> names;
    for (const auto& [name, value] : rule.choices) {
        if (name == node.text) {
            ConfigScalar scalar;
            scalar.integer = value;
            scalar.text = name;
            return scalar;
        }
        names.push_back(name);
    }
    return QuantityError{
        fmt::format("'{}' must be one of {}, not {}", key, fmt::join(names, ", "), describe(node)),
        did_you_mean(node.text, names)};
}

/// A span in clocks and one in time cannot be compared without a clock: each keeps to the limits
/// given in its own terms.
bool span_is_outside(const ScalarRule& rule, const Quantity& span) {
    constexpr std::int64_t kMostClocks = 1'000'000'000;
    const Quantity& min = rule.min_quantity;
    const Quantity& max = rule.max_quantity;
    const bool has_clocks = span.clocks != 0;
    const bool has_time = span.integer != 0 || !has_clocks;
    if (has_clocks && (span.clocks < std::max<std::int64_t>(min.clocks, 0) ||
                       span.clocks > (max.clocks > 0 ? max.clocks : kMostClocks)))
        return true;
    if (!has_clocks && span.integer == 0) return min.clocks > 0 || min.integer > 0;
    return has_time && (span.integer < std::max<std::int64_t>(min.integer, 0) ||
                        (max.integer > 0 && span.integer > max.integer));
}

Parsed parse_with_unit(const ScalarRule& rule, const ConfigNode& node, const std::string& key) {
    const auto parsed = parse_quantity(rule.dimension, node.text);
    if (const auto* error = std::get_if<QuantityError>(&parsed))
        return QuantityError{fmt::format("'{}' must be {}, but {} is not: {}", key,
                                         noun(rule.dimension), describe(node), error->message),
                             error->hint};
    const auto& quantity = std::get<Quantity>(parsed);
    const bool outside =
        rule.dimension == Dimension::time_or_clocks
            ? span_is_outside(rule, quantity)
            : less(quantity, rule.min_quantity) || less(rule.max_quantity, quantity);
    if (outside)
        return QuantityError{fmt::format("'{}' must be from {} to {}, not {}", key, rule.min_text,
                                         rule.max_text, node.text),
                             ""};
    ConfigScalar scalar;
    scalar.integer = quantity.integer;
    scalar.clocks = quantity.clocks;
    scalar.real = quantity.real;
    return scalar;
}

}  // namespace

bool is_ambiguous(std::string_view text) {
    constexpr std::array<std::string_view, 11> kWords = {
        "yes", "no", "on", "off", "true", "false", "null", "~", ".nan", ".inf", "-.inf"};
    const std::string word = lower(text);
    if (std::find(kWords.begin(), kWords.end(), word) != kWords.end()) return true;
    const std::size_t start = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
    if (start >= text.size() || !(is_digit(text[start]) || text[start] == '.')) return false;
    // Integers, reals, dates and the times of day that YAML 1.1 reads as numbers.
    if (word.substr(start).starts_with("0x"))
        return std::all_of(word.begin() + static_cast<std::ptrdiff_t>(start) + 2, word.end(),
                           [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
    return std::all_of(word.begin() + static_cast<std::ptrdiff_t>(start), word.end(), [](char c) {
        return is_digit(c) || c == '.' || c == ':' || c == '_' || c == '-' || c == 'e' || c == '+';
    });
}

std::variant<ConfigScalar, QuantityError> parse_scalar(const ScalarRule& rule,
                                                       const ConfigNode& node,
                                                       const std::string& key) {
    if (node.kind == ConfigNode::Kind::null)
        return QuantityError{fmt::format("'{}' has no value", key), ""};
    if (node.kind != ConfigNode::Kind::scalar)
        return QuantityError{
            fmt::format("'{}' must be a single value, not {}", key, describe(node)),
            node.kind == ConfigNode::Kind::map ? "or {value: ..., source: ...}" : ""};
    switch (rule.kind) {
        case ScalarRule::Kind::count:
            return parse_count(rule, node, key);
        case ScalarRule::Kind::ratio:
            return parse_ratio(rule, node, key);
        case ScalarRule::Kind::flag:
            return parse_flag(node, key);
        case ScalarRule::Kind::text:
            return parse_text(node, key, false);
        case ScalarRule::Kind::prose:
            return parse_text(node, key, true);
        case ScalarRule::Kind::verbatim:
            return parse_verbatim(node, key);
        case ScalarRule::Kind::choice:
            return parse_choice(rule, node, key);
        case ScalarRule::Kind::quantity:
            return parse_with_unit(rule, node, key);
    }
    PERFWATT_CHECK(false, "a scalar rule of no kind");
}

std::string canonical(const ScalarRule& rule, const ConfigScalar& scalar) {
    switch (rule.kind) {
        case ScalarRule::Kind::count:
            return fmt::format("{}", scalar.integer);
        case ScalarRule::Kind::ratio:
            return fmt::format("{}", scalar.real);
        case ScalarRule::Kind::flag:
            return scalar.integer != 0 ? "true" : "false";
        case ScalarRule::Kind::text:
        case ScalarRule::Kind::prose:
        case ScalarRule::Kind::verbatim:
        case ScalarRule::Kind::choice:
            return scalar.text;
        case ScalarRule::Kind::quantity:
            return to_string(
                rule.dimension,
                {.integer = scalar.integer, .clocks = scalar.clocks, .real = scalar.real});
    }
    PERFWATT_CHECK(false, "a scalar rule of no kind");
}

}  // namespace perfwatt

#pragma once

#include <string>
#include <variant>

#include "sim/config/rule.h"

namespace perfwatt {

/// Room-private: what a scalar means under its rule, or why it breaks it. `key` is for messages.
[[nodiscard]] std::variant<ConfigScalar, QuantityError> parse_scalar(const ScalarRule& rule,
                                                                     const ConfigNode& node,
                                                                     const std::string& key);

/// Whether some YAML reader takes this word, without quotes, for something else than text.
[[nodiscard]] bool is_ambiguous(std::string_view text);

/// The value in base units, the same however it was written.
[[nodiscard]] std::string canonical(const ScalarRule& rule, const ConfigScalar& scalar);

}  // namespace perfwatt

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/config/node.h"

namespace perfwatt {

/// Room-private: YAML text to a tree. Lesser mistakes (duplicate keys, anchors, tags) go to
/// `errors` and reading goes on; what is no YAML at all ends in an error and a null node.
/// Values get the status of the nearest `source`, `estimated` or `fitted`.
[[nodiscard]] ConfigNode read_yaml(const std::string& text, const std::string& file,
                                   std::vector<Diagnostic>& errors);

/// What is wrong with a text before any YAML is read: empty, binary, tabs, too long; the place's
/// file is left empty.
void check_text(std::string_view text, std::vector<Diagnostic>& errors);

/// The first place in `text`, counted from its beginning, at byte `offset`.
[[nodiscard]] Place place_at(std::string_view text, std::size_t offset);

/// "source", "estimated" or "fitted".
[[nodiscard]] bool is_annotation(std::string_view key);

}  // namespace perfwatt

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/diagnostics.h"

namespace perfwatt {

/// How a value came to be in a resolved configuration.
enum class Origin : std::uint8_t { file, parent, set, fallback };

/// What is known about where a number comes from.
enum class Status : std::uint8_t { plain, published, estimated, fitted };

struct ConfigEntry;

/// A value of a YAML document with its place. Scalars keep the text as written: what it means is
/// for a schema to say, never for YAML's guesses.
struct ConfigNode {
    enum class Kind : std::uint8_t { null, scalar, list, map };

    Kind kind = Kind::null;
    Origin origin = Origin::file;
    bool quoted = false;  ///< a scalar in quotes or a block scalar: text, whatever it looks like
    std::string text;     ///< of a scalar
    Place place;
    Status status = Status::plain;     ///< from the nearest `source`, `estimated` or `fitted`
    std::string note;                  ///< its text
    std::vector<ConfigNode> items;     ///< of a list
    std::vector<ConfigEntry> entries;  ///< of a map, in the order of the file, keys unique

    /// The value under `key` of a map, or null.
    [[nodiscard]] const ConfigNode* find(std::string_view key) const;
    [[nodiscard]] ConfigNode* find(std::string_view key);
    /// Itself, or X where it is a map `{value: X, source: ...}`.
    [[nodiscard]] const ConfigNode& plain() const;
};

struct ConfigEntry {
    std::string key;
    Place key_place;
    ConfigNode value;
};

/// "a list", "a map", "nothing", "text 'abc'": for messages.
[[nodiscard]] std::string describe(const ConfigNode& node);

}  // namespace perfwatt

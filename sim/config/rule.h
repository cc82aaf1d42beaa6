#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/config/quantity.h"
#include "sim/config/reading.h"

namespace perfwatt {

/// A scalar that has passed its rule, on its way into a member.
struct ConfigScalar {
    std::int64_t integer = 0;  ///< counts, integer quantities, the value of a choice or flag
    std::int64_t clocks = 0;
    double real = 0;
    std::string text;
    Status status = Status::plain;
    std::string note;
};

/// What a scalar may be. Limits are inclusive.
struct ScalarRule {
    enum class Kind : std::uint8_t {
        count,
        ratio,
        flag,
        text,
        prose,
        verbatim,
        choice,
        quantity,
    };

    Kind kind = Kind::text;
    Dimension dimension = Dimension::bytes;
    std::int64_t min_integer = 0, max_integer = 0;
    double min_real = 0, max_real = 0;
    std::string min_text, max_text;  ///< of a quantity, as one would write them
    Quantity min_quantity, max_quantity;
    std::vector<std::pair<std::string, std::int64_t>> choices;
};

struct ConfigRule;

/// A map under check by a rule between its fields.
struct MapCheck {
    const ConfigNode* node = nullptr;
    Reading* reading = nullptr;

    /// An error at the value of `key`, or at the map when the key is absent.
    void error(std::string_view key, std::string message, std::string hint = {}) const;
};

/// One key of a map.
struct FieldRule {
    std::string key;
    std::string doc;
    std::shared_ptr<const ConfigRule> rule;
    std::function<void*(void*)> member;  ///< of an object; an std::optional is filled first
    bool required = true;
    std::optional<std::string> otherwise;  ///< a scalar's default, as one would write it
    bool defaults = false;                 ///< an absent map is read as if it were empty
};

/// What a value may be, and how it gets into an object of the type it was declared for. This is
/// the untyped half of schema.h, from which reading, defaults and the JSON Schema are all made.
struct ConfigRule {
    enum class Shape : std::uint8_t { scalar, list, map, free_map, raw };

    Shape shape = Shape::scalar;
    ScalarRule scalar;
    std::function<void(void*, const ConfigScalar&)> assign;

    std::shared_ptr<const ConfigRule> element;  ///< of a list or a free map
    std::size_t min_size = 0, max_size = 0;
    std::function<void*(void*)> append;
    std::function<void*(void*, const std::string&)> insert;
    bool ordered = false;  ///< a free map whose order in the file means something

    std::string name;  ///< of a map's type, for messages and the JSON Schema
    std::vector<FieldRule> fields;
    std::vector<std::function<void(const void*, const MapCheck&)>> checks;
};

/// Reads `node` into the object at `into` as `rule` says; mistakes go to `reading`.
void read_node(const ConfigRule& rule, void* into, const ConfigNode& node, Reading& reading,
               const std::string& path);

}  // namespace perfwatt

#include "sim/config/rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "sim/base/diagnostics.h"
#include "sim/config/scalar.h"
#include "sim/config/yaml_reader.h"

namespace perfwatt {
namespace {

std::string last_word(const std::string& path) {
    const std::size_t dot = path.rfind('.');
    return dot == std::string::npos ? path : path.substr(dot + 1);
}

/// `{value: X, source: ...}` stands for X wherever X is no map itself.
const ConfigNode& unwrap(const ConfigNode& node, Reading& reading, const std::string& path) {
    if (node.kind != ConfigNode::Kind::map) return node;
    const ConfigNode* value = node.find("value");
    if (value == nullptr) return node;
    for (const ConfigEntry& entry : node.entries)
        if (entry.key != "value" && !is_annotation(entry.key))
            reading.error(entry.key_place,
                          fmt::format("unknown key '{}' beside the value of '{}'", entry.key,
                                      last_word(path)),
                          "known: value, source, estimated, fitted");
    return *value;
}

std::string where(const ConfigNode& node) {
    if (node.origin == Origin::fallback) return "default";
    if (node.place.line == 0) return node.place.file;
    return fmt::format("{}:{}", node.place.file, node.place.line);
}

void read_scalar(const ConfigRule& rule, void* into, const ConfigNode& wrapped, Reading& reading,
                 const std::string& path) {
    const ConfigNode& node = unwrap(wrapped, reading, path);
    auto parsed = parse_scalar(rule.scalar, node, last_word(path));
    if (const auto* error = std::get_if<QuantityError>(&parsed))
        return reading.error(node, error->message, error->hint);
    auto& scalar = std::get<ConfigScalar>(parsed);
    scalar.status = node.status;
    scalar.note = node.note;
    rule.assign(into, scalar);
    using Kind = ScalarRule::Kind;
    const Kind kind = rule.scalar.kind;
    const bool prose = kind == Kind::prose;
    if (prose && node.origin == Origin::fallback) return;
    // A note for a whole map is about its figures, not about names and words.
    const bool words = prose || kind == Kind::text || kind == Kind::verbatim;
    const bool noted = !words || &node != &wrapped;
    reading.record({.path = path,
                    .value = node.text,
                    .canonical = canonical(rule.scalar, scalar),
                    .where = where(node),
                    .origin = node.origin,
                    .status = noted ? node.status : Status::plain,
                    .note = noted ? node.note : std::string{},
                    .hashed = !prose});
}

bool size_is_wrong(const ConfigRule& rule, std::size_t size, const ConfigNode& node,
                   Reading& reading, const std::string& path) {
    if (size >= rule.min_size && size <= rule.max_size) return false;
    reading.error(node, fmt::format("'{}' must hold from {} to {} elements, not {}",
                                    last_word(path), rule.min_size, rule.max_size, size));
    return true;
}

void read_list(const ConfigRule& rule, void* into, const ConfigNode& wrapped, Reading& reading,
               const std::string& path) {
    const ConfigNode& node = unwrap(wrapped, reading, path);
    if (node.kind != ConfigNode::Kind::list)
        return reading.error(
            node, fmt::format("'{}' must be a list, not {}", last_word(path), describe(node)),
            node.kind == ConfigNode::Kind::scalar ? "write it as [...], or a line '- ...' each"
                                                  : "");
    if (size_is_wrong(rule, node.items.size(), node, reading, path)) return;
    std::set<std::string> names;
    for (std::size_t i = 0; i < node.items.size(); ++i) {
        const ConfigNode& item = node.items[i];
        std::string word = fmt::format("{}", i);
        const ConfigNode* name =
            rule.element->shape == ConfigRule::Shape::map ? item.find("name") : nullptr;
        if (name != nullptr && name->kind == ConfigNode::Kind::scalar) {
            word = name->text;
            if (!names.insert(word).second)
                reading.error(*name, fmt::format("two elements of '{}' are named '{}'",
                                                 last_word(path), word));
        }
        read_node(*rule.element, rule.append(into), item, reading,
                  fmt::format("{}.{}", path, word));
    }
}

bool is_free_key(const std::string& key) {
    return !key.empty() && key.size() <= 100 && !(key[0] >= '0' && key[0] <= '9') &&
           std::all_of(key.begin(), key.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '-' || c == '.';
           });
}

void read_free_map(const ConfigRule& rule, void* into, const ConfigNode& node, Reading& reading,
                   const std::string& path) {
    if (node.kind != ConfigNode::Kind::map)
        return reading.error(
            node, fmt::format("'{}' must be a map, not {}", last_word(path), describe(node)));
    std::vector<const ConfigEntry*> entries;
    for (const ConfigEntry& entry : node.entries)
        if (!is_annotation(entry.key)) entries.push_back(&entry);
    if (!rule.ordered)
        std::sort(entries.begin(), entries.end(),
                  [](const auto* a, const auto* b) { return a->key < b->key; });
    if (size_is_wrong(rule, entries.size(), node, reading, path)) return;
    for (const ConfigEntry* entry : entries) {
        if (!is_free_key(entry->key)) {
            reading.error(
                entry->key_place, fmt::format("the key '{}' is no name", entry->key),
                "a name begins with a letter and holds letters, digits, '_', '-' and '.'");
            continue;
        }
        read_node(*rule.element, rule.insert(into, entry->key), entry->value, reading,
                  fmt::format("{}.{}", path, entry->key));
    }
}

std::string child_path(const std::string& path, const std::string& key) {
    return path.empty() ? key : fmt::format("{}.{}", path, key);
}

void report_unknown(const ConfigRule& rule, const ConfigNode& node, Reading& reading) {
    std::vector<std::string> known;
    for (const FieldRule& field : rule.fields) known.push_back(field.key);
    for (const ConfigEntry& entry : node.entries) {
        if (std::find(known.begin(), known.end(), entry.key) != known.end()) continue;
        if (is_annotation(entry.key)) continue;
        std::string hint = did_you_mean(entry.key, known);
        if (hint.empty()) hint = fmt::format("known: {}", fmt::join(known, ", "));
        reading.error(entry.key_place, fmt::format("unknown key '{}' in {}", entry.key, rule.name),
                      std::move(hint));
    }
}

/// What an absent key means: an error, its default, or nothing.
void read_absent(const ConfigRule& rule, const FieldRule& field, void* into, const ConfigNode& node,
                 Reading& reading, const std::string& path) {
    if (field.required) {
        PERFWATT_CHECK(node.origin != Origin::fallback,
                       fmt::format("'{}' is optional, but needs '{}'", rule.name, field.key));
        return reading.error(node, fmt::format("missing key '{}' in {}", field.key, rule.name),
                             field.doc.empty() ? "" : fmt::format("{}: {}", field.key, field.doc));
    }
    ConfigNode fallback;
    fallback.origin = Origin::fallback;
    fallback.place = node.place;
    if (field.otherwise) {
        fallback.kind = ConfigNode::Kind::scalar;
        fallback.text = *field.otherwise;
        fallback.quoted = field.rule->scalar.kind == ScalarRule::Kind::text ||
                          field.rule->scalar.kind == ScalarRule::Kind::prose;
        const std::size_t errors = reading.error_count();
        read_node(*field.rule, field.member(into), fallback, reading, path);
        PERFWATT_CHECK(reading.error_count() == errors,
                       fmt::format("the default of '{}' breaks its own rule", path));
    } else if (field.defaults && field.rule->shape == ConfigRule::Shape::map) {
        fallback.kind = ConfigNode::Kind::map;
        read_node(*field.rule, field.member(into), fallback, reading, path);
    }
}

void read_map(const ConfigRule& rule, void* into, const ConfigNode& node, Reading& reading,
              const std::string& path) {
    if (node.kind != ConfigNode::Kind::map)
        return reading.error(
            node, fmt::format("'{}' must be a map, not {}",
                              path.empty() ? rule.name : last_word(path), describe(node)));
    const std::size_t errors = reading.error_count();
    report_unknown(rule, node, reading);
    for (const FieldRule& field : rule.fields) {
        const ConfigNode* value = node.find(field.key);
        const std::string at = child_path(path, field.key);
        if (value != nullptr)
            read_node(*field.rule, field.member(into), *value, reading, at);
        else
            read_absent(rule, field, into, node, reading, at);
    }
    if (reading.error_count() != errors) return;
    for (const auto& check : rule.checks) check(into, MapCheck{&node, &reading});
}

}  // namespace

void MapCheck::error(std::string_view key, std::string message, std::string hint) const {
    const ConfigNode* value = node->find(key);
    reading->error(value != nullptr ? *value : *node, std::move(message), std::move(hint));
}

void read_node(const ConfigRule& rule, void* into, const ConfigNode& node, Reading& reading,
               const std::string& path) {
    switch (rule.shape) {
        case ConfigRule::Shape::scalar:
            return read_scalar(rule, into, node, reading, path);
        case ConfigRule::Shape::list:
            return read_list(rule, into, node, reading, path);
        case ConfigRule::Shape::map:
            return read_map(rule, into, node, reading, path);
        case ConfigRule::Shape::free_map:
            return read_free_map(rule, into, node, reading, path);
        case ConfigRule::Shape::raw:
            *static_cast<const ConfigNode**>(into) = &node;
            return;
    }
}

}  // namespace perfwatt

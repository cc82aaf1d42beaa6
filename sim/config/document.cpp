#include "sim/config/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "sim/config/yaml_reader.h"

namespace perfwatt {
namespace {

constexpr std::size_t kMaxParents = 4;
constexpr std::size_t kMaxFileBytes = std::size_t{64} << 20;

std::string read_file(const std::string& file) {
    std::error_code error;
    if (std::filesystem::is_directory(file, error))
        throw UserError(fmt::format("'{}' is a folder, not a file", file));
    if (!std::filesystem::exists(file, error))
        throw UserError(fmt::format("there is no file '{}'", file));
    if (!std::filesystem::is_regular_file(file, error))
        throw UserError(fmt::format("'{}' is not a regular file", file));
    if (std::filesystem::file_size(file, error) > kMaxFileBytes && !error)
        throw UserError(fmt::format("'{}' is too large for a configuration", file));
    std::ifstream stream(file, std::ios::binary);
    if (!stream) throw UserError(fmt::format("cannot read '{}'", file));
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts(1);
    for (char c : text) {
        if (c == separator)
            parts.emplace_back();
        else
            parts.back() += c;
    }
    return parts;
}

void set_origin(ConfigNode& node, Origin origin) {
    node.origin = origin;
    for (ConfigNode& item : node.items) set_origin(item, origin);
    for (ConfigEntry& entry : node.entries) set_origin(entry.value, origin);
}

void set_place(ConfigNode& node, const Place& place) {
    node.place = place;
    for (ConfigNode& item : node.items) set_place(item, place);
    for (ConfigEntry& entry : node.entries) {
        entry.key_place = place;
        set_place(entry.value, place);
    }
}

/// What the child says wins; maps merge, anything else replaces.
void merge(ConfigNode& parent, ConfigNode child) {
    const bool merged = parent.kind == ConfigNode::Kind::map && child.kind == ConfigNode::Kind::map;
    if (!merged) {
        parent = std::move(child);
        return;
    }
    parent.place = child.place;
    parent.origin = child.origin;
    // Statuses were given to the values of each file before; of two files' notes the child's stays.
    if (std::any_of(child.entries.begin(), child.entries.end(),
                    [](const ConfigEntry& entry) { return is_annotation(entry.key); }))
        std::erase_if(parent.entries,
                      [](const ConfigEntry& entry) { return is_annotation(entry.key); });
    for (ConfigEntry& entry : child.entries) {
        if (ConfigNode* known = parent.find(entry.key)) {
            merge(*known, std::move(entry.value));
            for (ConfigEntry& kept : parent.entries)
                if (kept.key == entry.key) kept.key_place = entry.key_place;
        } else {
            parent.entries.push_back(std::move(entry));
        }
    }
}

/// Takes the entry of a key out of a map.
std::optional<ConfigNode> take(ConfigNode& map, std::string_view key) {
    for (auto at = map.entries.begin(); at != map.entries.end(); ++at) {
        if (at->key != key) continue;
        ConfigNode value = std::move(at->value);
        map.entries.erase(at);
        return value;
    }
    return std::nullopt;
}

/// The element of a list by index or by `name`, or null.
ConfigNode* element(ConfigNode& list, const std::string& word) {
    for (ConfigNode& item : list.items)
        if (const ConfigNode* name = item.find("name"); name != nullptr && name->text == word)
            return &item;
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), index);
    if (error != std::errc() || end != word.data() + word.size()) return nullptr;
    return index < list.items.size() ? &list.items[index] : nullptr;
}

std::string elements_hint(const ConfigNode& list) {
    if (list.items.empty()) return "the list is empty";
    std::vector<std::string> names;
    for (const ConfigNode& item : list.items)
        if (const ConfigNode* name = item.find("name")) names.push_back(name->text);
    if (names.size() == list.items.size()) return fmt::format("it has: {}", fmt::join(names, ", "));
    return fmt::format("it has the elements 0 to {}", list.items.size() - 1);
}

}  // namespace

void Document::fail(Place place, std::string message, std::string hint) {
    std::string line = source_line(place);
    errors_.push_back({.place = std::move(place),
                       .message = std::move(message),
                       .hint = std::move(hint),
                       .source_line = std::move(line)});
}

std::string Document::source_line(const Place& place) const {
    constexpr int kLongest = 200;
    const auto lines = lines_.find(place.file);
    if (lines == lines_.end() || place.line < 1 || place.column > kLongest) return {};
    const auto index = static_cast<std::size_t>(place.line) - 1;
    if (index >= lines->second.size()) return {};
    std::string line = lines->second[index].substr(0, kLongest);
    // A terminal must not obey what a binary file holds.
    const bool printable = std::none_of(line.begin(), line.end(), [](char c) {
        return (c >= 0 && c < ' ' && c != '\t') || c == '\x7f';
    });
    return printable ? line : std::string{};
}

ConfigNode Document::read(const std::string& text, const std::string& file) {
    files_.push_back(file);
    std::vector<std::string>& lines = lines_[file];
    lines = split(text, '\n');
    for (std::string& line : lines)
        if (!line.empty() && line.back() == '\r') line.pop_back();

    std::vector<Diagnostic> found;
    check_text(text, found);
    for (Diagnostic& error : found) error.place.file = file;
    ConfigNode root;
    if (found.empty()) root = read_yaml(text, file, found);
    for (Diagnostic& error : found)
        fail(std::move(error.place), std::move(error.message), std::move(error.hint));

    const auto expected = fmt::format("begin the file with 'schema: {}'", schema_line(kind_));
    if (root.kind != ConfigNode::Kind::map) {
        if (found.empty())
            fail({.file = file, .line = root.place.line, .column = root.place.column},
                 fmt::format("the file must hold a map, not {}", describe(root)), expected);
        throw UserError(errors_);
    }
    const std::optional<ConfigNode> schema = take(root, "schema");
    if (!schema)
        fail({.file = file, .line = 0, .column = 0}, "the file names no schema", expected);
    else if (schema->text != schema_line(kind_))
        fail(schema->place, fmt::format("expected a '{}' file, but this one is {}",
                                        schema_line(kind_), describe(*schema)));
    else
        return root;
    throw UserError(errors_);
}

void Document::extend(ConfigNode& root, const std::string& file, const ConfigPath& config_path) {
    const std::optional<ConfigNode> extends = take(root, "extends");
    if (!extends) return;
    if (extends->kind != ConfigNode::Kind::scalar) {
        fail(extends->place, fmt::format("'extends' must name one {}, not {}", to_string(kind_),
                                         describe(*extends)));
        throw UserError(errors_);
    }
    std::string parent;
    std::string text;
    try {
        parent = config_path.find(kind_, extends->text, file);
        if (std::find(files_.begin(), files_.end(), parent) != files_.end())
            throw UserError(fmt::format("'{}' extends itself", extends->text),
                            fmt::format("{} > {}", fmt::join(files_, " > "), parent));
        if (files_.size() > kMaxParents)
            throw UserError(fmt::format("more than {} parents, one of another", kMaxParents),
                            fmt::format("{} > {}", fmt::join(files_, " > "), parent));
        text = read_file(parent);
    } catch (const UserError& error) {
        fail(extends->place, error.diagnostics().front().message, error.diagnostics().front().hint);
        throw UserError(errors_);
    }
    ConfigNode base = read(text, parent);
    set_origin(base, Origin::parent);
    extend(base, parent, config_path);
    merge(base, std::move(root));
    root = std::move(base);
}

void Document::override_with(const std::string& assignment) {
    const Place place{.file = fmt::format("--set '{}'", assignment), .line = 0, .column = 0};
    const std::size_t equals = assignment.find('=');
    const std::vector<std::string> path = split(assignment.substr(0, equals), '.');
    if (equals == std::string::npos ||
        std::any_of(path.begin(), path.end(), [](const auto& word) { return word.empty(); }))
        return fail(place, "expected path.to.key=value");
    if (path.size() > 32) return fail(place, "the path is too long");
    if (path.front() == "schema" || path.front() == "extends")
        return fail(place, fmt::format("'{}' cannot be set", path.front()));

    const std::string text = assignment.substr(equals + 1);
    ConfigNode value;
    if (text.find_first_of("[{\"'") == 0) {
        std::vector<Diagnostic> found;
        value = read_yaml(text, place.file, found);
        if (!found.empty()) return fail(place, found.front().message, found.front().hint);
    } else if (!text.empty()) {
        value.kind = ConfigNode::Kind::scalar;
        value.text = text;
    }
    set_place(value, place);
    set_origin(value, Origin::set);

    ConfigNode* at = &root_;
    for (const std::string& word : path) {
        if (at->kind == ConfigNode::Kind::list) {
            ConfigNode* item = element(*at, word);
            if (item == nullptr)
                return fail(place, fmt::format("the list has no element '{}'", word),
                            elements_hint(*at));
            at = item;
        } else if (at->kind == ConfigNode::Kind::scalar) {
            return fail(place, fmt::format("{} has no key '{}'", describe(*at), word));
        } else {
            at->kind = ConfigNode::Kind::map;
            if (at->find(word) == nullptr) {
                ConfigEntry entry{.key = word, .key_place = place, .value = {}};
                entry.value.place = place;
                entry.value.origin = Origin::set;
                at->entries.push_back(std::move(entry));
            }
            at = at->find(word);
        }
    }
    *at = std::move(value);
}

Document Document::parse(ConfigKind kind, std::string text, const std::string& file,
                         const ConfigPath& config_path, const std::vector<std::string>& overrides) {
    Document document;
    document.kind_ = kind;
    document.file_ = file;
    document.root_ = document.read(text, file);
    document.extend(document.root_, file, config_path);
    for (const std::string& assignment : overrides) document.override_with(assignment);
    return document;
}

Document Document::load(ConfigKind kind, const std::string& file, const ConfigPath& config_path,
                        const std::vector<std::string>& overrides) {
    return parse(kind, read_file(file), std::filesystem::path(file).lexically_normal().string(),
                 config_path, overrides);
}

ConfigKind Document::kind_of(const std::string& file) {
    const std::string text = read_file(file);
    Document document;
    std::vector<Diagnostic> found;
    check_text(text, found);
    document.lines_[file] = split(text, '\n');
    ConfigNode root;
    if (found.empty()) root = read_yaml(text, file, found);
    const ConfigNode* schema = root.find("schema");
    std::vector<std::string> known;
    for (int i = 0; i <= static_cast<int>(ConfigKind::mapping); ++i) {
        known.push_back(schema_line(static_cast<ConfigKind>(i)));
        if (schema != nullptr && schema->text == known.back()) return static_cast<ConfigKind>(i);
    }
    for (Diagnostic& error : found) {
        error.place.file = file;
        document.fail(std::move(error.place), std::move(error.message), std::move(error.hint));
    }
    if (schema != nullptr)
        document.fail(schema->place, fmt::format("unknown schema {}", describe(*schema)),
                      did_you_mean(schema->text, known));
    else if (found.empty())
        document.fail({.file = file, .line = 0, .column = 0}, "the file names no schema",
                      fmt::format("known: {}", fmt::join(known, ", ")));
    throw UserError(document.errors_);
}

}  // namespace perfwatt

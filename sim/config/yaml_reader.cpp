#include "sim/config/yaml_reader.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <sstream>
#include <utility>

#include "sim/config/scalar.h"

namespace perfwatt {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{4} << 20;
constexpr std::size_t kMaxNodes = 400'000;
constexpr std::size_t kMaxDepth = 32;
constexpr std::size_t kMaxKeys = 20'000;
constexpr std::size_t kMaxErrors = 1000;

/// Ends the reading of a document that no reader should hold in memory.
struct Abandon {};

/// Builds the tree from yaml-cpp's events: unlike its nodes these still know of duplicate keys,
/// tags, anchors and quotes.
class TreeBuilder final : public YAML::EventHandler {
  public:
    TreeBuilder(const std::string& file, std::vector<Diagnostic>& errors)
        : file_(file), errors_(errors) {}

    /// The tree, once the parser is content with the whole document.
    ConfigNode take() {
        std::move(late_errors_.begin(), late_errors_.end(), std::back_inserter(errors_));
        return std::move(root_);
    }
    [[nodiscard]] const YAML::Mark& start() const { return start_; }

    void OnDocumentStart(const YAML::Mark& mark) override { start_ = mark; }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        if (inside_key_ > 0) return;
        refuse_anchor(mark, anchor);
        if (expects_key()) return key(mark, "", false);
        ConfigNode node;
        // yaml-cpp marks an absent value at whatever follows it.
        node.place = open_.empty() || !has_key() ? place(mark) : open_.back().key_place;
        add(std::move(node));
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        OnScalar(mark, "!", 0, "");
        refuse_reference(mark);
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        if (inside_key_ > 0) return;
        refuse_anchor(mark, anchor);
        refuse_tag(mark, tag);
        const bool quoted = tag == "!";
        if (expects_key()) return key(mark, value, quoted);
        ConfigNode node;
        node.kind = ConfigNode::Kind::scalar;
        node.text = value;
        node.quoted = quoted;
        node.place = place(mark);
        add(std::move(node));
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, ConfigNode::Kind::list);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, ConfigNode::Kind::map);
    }
    void OnMapEnd() override { close(); }

  private:
    struct Open {
        ConfigNode node;
        std::map<std::string, int> lines;  ///< of the keys
        std::string key;
        Place key_place;
        bool awaits_value = false;
        bool duplicate = false;
    };

    [[nodiscard]] Place place(const YAML::Mark& mark) const {
        return {.file = file_, .line = mark.line + 1, .column = mark.column + 1};
    }
    void error(Place where, std::string message, std::string hint = {}) {
        errors_.push_back({.place = std::move(where),
                           .message = std::move(message),
                           .hint = std::move(hint),
                           .source_line = {}});
        if (errors_.size() > kMaxErrors) throw Abandon{};
    }
    [[nodiscard]] bool expects_key() const {
        return !open_.empty() && open_.back().node.kind == ConfigNode::Kind::map &&
               !open_.back().awaits_value;
    }
    [[nodiscard]] bool has_key() const {
        return open_.back().node.kind == ConfigNode::Kind::map && open_.back().awaits_value;
    }

    void refuse_reference(const YAML::Mark& mark) {
        error(place(mark), "anchors and aliases are not read",
              "repeat the value, or share it with 'extends'");
    }
    void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
        if (anchor != 0) refuse_reference(mark);
    }
    void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
        if (tag.empty() || tag == "?" || tag == "!") return;
        error(place(mark), fmt::format("the tag '{}' is not read", tag),
              "write the plain value: the schema knows its type");
    }

    void key(const YAML::Mark& mark, const std::string& text, bool quoted) {
        Open& map = open_.back();
        map.awaits_value = true;
        map.key = text;
        map.key_place = place(mark);
        if (text == "<<" && !quoted)
            error(map.key_place, "the merge key '<<' is not read", "use 'extends', or repeat");
        else if (text.empty())
            error(map.key_place, "a key is empty");
        const auto [at, is_new] = map.lines.insert({text, map.key_place.line});
        map.duplicate = !is_new;
        if (map.duplicate)
            error(map.key_place, fmt::format("duplicate key '{}'", text),
                  fmt::format("first given at line {}", at->second));
        if (map.lines.size() > kMaxKeys) {
            error(map.key_place, fmt::format("more than {} keys in one map", kMaxKeys));
            throw Abandon{};
        }
    }

    void add(ConfigNode node) {
        if (++nodes_ > kMaxNodes) {
            error(node.place, fmt::format("more than {} values", kMaxNodes));
            throw Abandon{};
        }
        if (open_.empty()) {
            root_ = std::move(node);
            return;
        }
        Open& parent = open_.back();
        if (parent.node.kind == ConfigNode::Kind::list) {
            parent.node.items.push_back(std::move(node));
            return;
        }
        parent.awaits_value = false;
        if (!parent.duplicate)
            parent.node.entries.push_back({.key = std::move(parent.key),
                                           .key_place = parent.key_place,
                                           .value = std::move(node)});
    }

    void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
              ConfigNode::Kind kind) {
        refuse_anchor(mark, anchor);
        refuse_tag(mark, tag);
        if (open_.size() + inside_key_ >= kMaxDepth) {
            error(place(mark), fmt::format("nested more than {} deep", kMaxDepth));
            throw Abandon{};
        }
        if (expects_key() || inside_key_ > 0) {
            // An unclosed bracket looks like this too: the parser's own error is then the better.
            if (inside_key_++ == 0)
                late_errors_.push_back({.place = place(mark),
                                        .message = "a key must be a word, not a list or map",
                                        .hint = {},
                                        .source_line = {}});
            return;
        }
        open_.emplace_back();
        open_.back().node.kind = kind;
        open_.back().node.place = place(mark);
    }
    void close() {
        if (inside_key_ > 0) {
            if (--inside_key_ == 0) open_.back().awaits_value = open_.back().duplicate = true;
            return;
        }
        ConfigNode node = std::move(open_.back().node);
        open_.pop_back();
        add(std::move(node));
    }

    const std::string& file_;
    std::vector<Diagnostic>& errors_;
    std::vector<Open> open_;
    ConfigNode root_;
    YAML::Mark start_;
    std::size_t nodes_ = 0;
    std::size_t inside_key_ = 0;  ///< depth within a key that is no word, which is skipped
    std::vector<Diagnostic> late_errors_;
};

constexpr std::array<std::pair<std::string_view, Status>, 3> kAnnotations = {{
    {"source", Status::published},
    {"estimated", Status::estimated},
    {"fitted", Status::fitted},
}};

/// Gives every value the status of the nearest annotation above it.
void annotate(ConfigNode& node, Status status, const std::string& note,
              std::vector<Diagnostic>& errors) {
    const std::string* text = &note;
    const ConfigEntry* first = nullptr;
    for (const auto& [key, meaning] : kAnnotations) {
        for (const ConfigEntry& entry : node.entries) {
            if (entry.key != key) continue;
            const bool well = entry.value.kind == ConfigNode::Kind::scalar &&
                              !entry.value.text.empty() &&
                              (entry.value.quoted || !is_ambiguous(entry.value.text));
            if (!well || first != nullptr) {
                errors.push_back(
                    {.place = well ? entry.key_place : entry.value.place,
                     .message = well ? fmt::format("both '{}' and '{}' are given", first->key, key)
                                     : fmt::format("'{}' must be text, not {}", key,
                                                   describe(entry.value)),
                     .hint = well ? "a value is published, estimated or fitted"
                             : entry.value.text.empty()
                                 ? ""
                                 : fmt::format("write \"{}\"", entry.value.text),
                     .source_line = {}});
                continue;
            }
            first = &entry;
            status = meaning;
            text = &entry.value.text;
        }
    }
    node.status = status;
    node.note = *text;
    const std::string held = *text;
    for (ConfigNode& item : node.items) annotate(item, status, held, errors);
    for (ConfigEntry& entry : node.entries)
        if (!is_annotation(entry.key)) annotate(entry.value, status, held, errors);
}

/// Length of the UTF-8 sequence at the beginning of `text`, 0 if it is none.
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    const std::size_t length = lead < 0x80                    ? 1
                               : lead >= 0xc2 && lead <= 0xdf ? 2
                               : lead >= 0xe0 && lead <= 0xef ? 3
                               : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                              : 0;
    if (length == 0 || length > text.size()) return 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(i) & 0xc0) != 0x80) return 0;
    return length;
}

}  // namespace

bool is_annotation(std::string_view key) {
    return std::any_of(kAnnotations.begin(), kAnnotations.end(),
                       [&](const auto& known) { return known.first == key; });
}

Place place_at(std::string_view text, std::size_t offset) {
    const std::string_view before = text.substr(0, offset);
    const std::size_t newline = before.rfind('\n');
    const std::size_t start = newline == std::string_view::npos ? 0 : newline + 1;
    return {.file = {},
            .line = 1 + static_cast<int>(std::count(before.begin(), before.end(), '\n')),
            .column = 1 + static_cast<int>(offset - start)};
}

void check_text(std::string_view text, std::vector<Diagnostic>& errors) {
    const auto error = [&](Place where, std::string message, std::string hint = {}) {
        errors.push_back({.place = std::move(where),
                          .message = std::move(message),
                          .hint = std::move(hint),
                          .source_line = {}});
    };
    if (text.size() > kMaxBytes)
        return error({}, fmt::format("the file is larger than {} MiB", kMaxBytes >> 20));
    if (text.find_first_not_of(" \r\n\t") == std::string_view::npos)
        return error({}, "the file is empty");
    bool tab = false;
    for (std::size_t i = 0; i < text.size();) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const bool control =
            (byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t') || byte == 0x7f;
        const std::size_t length = control ? 0 : utf8_length(text.substr(i));
        if (length == 0)
            return error(place_at(text, i), "this is not a text file",
                         fmt::format("the byte 0x{:02x} is not UTF-8 text", byte));
        if (byte == '\t' && !tab) {
            error(place_at(text, i), "a tab character", "indent and separate with spaces");
            tab = true;
        }
        i += length;
    }
}

ConfigNode read_yaml(const std::string& text, const std::string& file,
                     std::vector<Diagnostic>& errors) {
    TreeBuilder builder(file, errors);
    std::istringstream stream(text);
    const auto fail = [&](const YAML::Mark& mark, std::string message) {
        const bool placed = !mark.is_null();
        errors.push_back({.place = {.file = file,
                                    .line = placed ? mark.line + 1 : 0,
                                    .column = placed ? mark.column + 1 : 0},
                          .message = std::move(message),
                          .hint = {},
                          .source_line = {}});
        return ConfigNode{};
    };
    ConfigNode root;
    try {
        YAML::Parser parser(stream);
        if (!parser.HandleNextDocument(builder))
            return fail(YAML::Mark::null_mark(), "the file is empty");
        root = builder.take();
        TreeBuilder second(file, errors);
        if (parser.HandleNextDocument(second))
            return fail(second.start(), "the file holds more than one document");
    } catch (const YAML::Exception& exception) {
        return fail(exception.mark, "this is not YAML: " + exception.msg);
    } catch (const Abandon&) {
        return {};
    }
    annotate(root, Status::plain, "", errors);
    return root;
}

}  // namespace perfwatt

#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace perfwatt {

/// Writes JSON in the order it is told: numbers with at most 9 significant digits, no library's
/// choice of layout, fast enough for traces of a million slices.
class JsonWriter {
  public:
    /// How the members of an object or array are laid out.
    enum class Layout { lines, inline_ };

    void begin_object(Layout layout = Layout::lines) { begin('{', layout); }
    void end_object() { end('}'); }
    void begin_array(Layout layout = Layout::lines) { begin('[', layout); }
    void end_array() { end(']'); }

    void key(std::string_view name);
    void value(std::string_view text);
    void value(const char* text) { value(std::string_view(text)); }
    void value(const std::string& text) { value(std::string_view(text)); }
    void value(double number);
    void value(bool truth) { raw(truth ? "true" : "false"); }
    void value(std::integral auto number) { raw(std::to_string(number)); }
    /// A number already as text.
    void raw(std::string_view json);

    void member(std::string_view name, const auto& what) {
        key(name);
        value(what);
    }
    void member(std::string_view name, const std::vector<std::string>& texts) {
        key(name);
        begin_array(Layout::inline_);
        for (const std::string& text : texts) value(text);
        end_array();
    }

    /// What was written, with a final newline. Everything begun must have been ended.
    [[nodiscard]] std::string take();

  private:
    struct Level {
        Layout layout = Layout::lines;
        bool empty = true;
    };

    void begin(char bracket, Layout layout);
    void end(char bracket);
    void separate();
    void new_line();

    std::string out_;
    std::vector<Level> levels_;
    bool after_key_ = false;
};

/// `text` as a JSON string, with its quotes. Bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace perfwatt

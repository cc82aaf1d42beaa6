#include "sim/report/json_writer.h"

#include <fmt/format.h>

#include "sim/base/diagnostics.h"
#include "sim/report/numbers.h"

namespace perfwatt {
namespace {

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

/// Length of the UTF-8 character at `at`, or 0 if there is none.
std::size_t character_length(std::string_view text, std::size_t at) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xC2 ? 0
                               : lead < 0xE0 ? 2
                               : lead < 0xF0 ? 3
                               : lead < 0xF5 ? 4
                                             : 0;
    if (at + length > text.size()) return 0;
    for (std::size_t i = 1; i < length; ++i)
        if (!is_continuation(text[at + i])) return 0;
    return length;
}

}  // namespace

std::string json_string(std::string_view text) {
    std::string out = "\"";
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t length = character_length(text, i);
        const char c = text[i];
        if (length == 0)
            out += "\xEF\xBF\xBD";
        else if (c == '"' || c == '\\')
            (out += '\\') += c;
        else if (c == '\n')
            out += "\\n";
        else if (c == '\t')
            out += "\\t";
        else if (static_cast<unsigned char>(c) < 0x20)
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        else
            out += text.substr(i, length);
        i += length == 0 ? 1 : length;
    }
    return out + "\"";
}

void JsonWriter::new_line() {
    out_ += '\n';
    out_.append(2 * levels_.size(), ' ');
}

void JsonWriter::separate() {
    if (after_key_) {
        after_key_ = false;
        return;
    }
    if (levels_.empty()) return;
    Level& level = levels_.back();
    if (!level.empty) out_ += level.layout == Layout::lines ? "," : ", ";
    level.empty = false;
    if (level.layout == Layout::lines) new_line();
}

void JsonWriter::begin(char bracket, Layout layout) {
    separate();
    out_ += bracket;
    levels_.push_back({.layout = layout});
}

void JsonWriter::end(char bracket) {
    PERFWATT_CHECK(!levels_.empty() && !after_key_, "unbalanced JSON");
    const Level level = levels_.back();
    levels_.pop_back();
    if (level.layout == Layout::lines && !level.empty) new_line();
    out_ += bracket;
}

void JsonWriter::key(std::string_view name) {
    separate();
    out_ += json_string(name);
    out_ += ": ";
    after_key_ = true;
}

void JsonWriter::value(std::string_view text) { raw(json_string(text)); }
void JsonWriter::value(double number) { raw(exact_text(number)); }

void JsonWriter::raw(std::string_view json) {
    separate();
    out_ += json;
}

std::string JsonWriter::take() {
    PERFWATT_CHECK(levels_.empty(), "unbalanced JSON");
    out_ += '\n';
    return std::move(out_);
}

}  // namespace perfwatt

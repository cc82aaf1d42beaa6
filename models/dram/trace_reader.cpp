#include "models/dram/trace_reader.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "sim/base/diagnostics.h"

namespace perfwatt::dram {
namespace {

constexpr std::size_t kLongestLine = 4096;  // a comment's; requests are far shorter
constexpr const char* kForm = "a line is cycle,address,R or W: 120,0x4c0,R";

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) {
        text.remove_suffix(1);
    }
    return text;
}

/// Without what a terminal would take for commands.
std::string printable(std::string_view text) {
    std::string shown(text);
    for (char& c : shown) {
        if (c < ' ' || c > '~') c = '?';
    }
    return shown;
}

bool parse_number(std::string_view text, std::int64_t& value) {
    int base = 10;
    if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        text.remove_prefix(2);
        base = 16;
    }
    if (text.empty() || text[0] == '-') return false;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

TraceReader::TraceReader(std::istream& in, std::string file, std::int64_t capacity_bytes)
    : in_(&in), file_(std::move(file)), capacity_(capacity_bytes) {}

void TraceReader::fail(int column, const std::string& message, const std::string& hint) const {
    constexpr std::size_t kShown = 120;
    throw UserError(Diagnostic{.severity = Severity::error,
                               .place = {.file = file_, .line = number_, .column = column},
                               .message = message,
                               .hint = hint,
                               .source_line = printable(line_.substr(0, kShown))});
}

TraceRequest TraceReader::parse() const {
    const std::string_view line = line_;
    const std::size_t first = line.find(',');
    const std::size_t second = first == std::string_view::npos ? first : line.find(',', first + 1);
    if (second == std::string_view::npos) fail(1, "malformed trace line", kForm);
    TraceRequest request;
    if (!parse_number(trimmed(line.substr(0, first)), request.cycle)) {
        fail(1, "the cycle is not a whole number", kForm);
    }
    const int address_column = static_cast<int>(first) + 2;
    if (!parse_number(trimmed(line.substr(first + 1, second - first - 1)), request.address)) {
        fail(address_column, "the address is not a number", kForm);
    }
    const std::string_view kind = trimmed(line.substr(second + 1));
    if (kind != "R" && kind != "W") {
        fail(static_cast<int>(second) + 2,
             fmt::format("'{}' is neither R nor W", printable(kind.substr(0, 20))), kForm);
    }
    request.write = kind == "W";
    if (request.address >= capacity_) {
        fail(address_column,
             fmt::format("address {:#x} is beyond the memory's {} bytes", request.address,
                         capacity_),
             "give the memory more channels, or shorten the trace's addresses");
    }
    if (request.cycle < last_cycle_) {
        fail(1, fmt::format("cycle {} comes after cycle {}", request.cycle, last_cycle_),
             "cycles must not go backwards");
    }
    if (request.cycle >= (Tick{1} << 50)) fail(1, "the cycle is too large", "the limit is 2^50");
    return request;
}

/// A line into line_, without its end; false at the end of the trace.
bool TraceReader::read_line() {
    std::array<char, kLongestLine> buffer;
    in_->getline(buffer.data(), buffer.size());
    const auto length = static_cast<std::size_t>(in_->gcount());
    if (in_->bad()) throw UserError(fmt::format("the trace '{}' cannot be read", file_));
    if (length == 0) return false;
    ++number_;
    const bool ended = in_->good();  // else by the end of the trace, or not at all
    line_.assign(buffer.data(), ended ? length - 1 : length);
    if (in_->fail()) fail(1, fmt::format("the line has {} characters or more", length), kForm);
    return true;
}

bool TraceReader::next(TraceRequest& request) {
    while (read_line()) {
        const std::string_view text = trimmed(line_);
        if (text.empty() || text.front() == '#') continue;
        request = parse();
        last_cycle_ = request.cycle;
        empty_ = false;
        return true;
    }
    if (empty_) throw UserError(fmt::format("there is no request in the trace '{}'", file_), kForm);
    return false;
}

}  // namespace perfwatt::dram

#include "tests/dram_checker/log_lines.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <istream>
#include <vector>

namespace perfwatt::dram_checker {
namespace {

bool parse_field(std::string_view& text, std::int64_t& value) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view field = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (field.empty()) {
        value = -1;
        return true;
    }
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    return error == std::errc() && end == field.data() + field.size();
}

}  // namespace

bool parse_command(std::string_view text, Command& command) {
    if (std::count(text.begin(), text.end(), ',') != 9) return false;
    if (!parse_field(text, command.time_ps) || !parse_field(text, command.tick)) return false;
    const std::size_t comma = text.find(',');
    const int kind = kind_index(text.substr(0, comma));
    if (kind < 0) return false;
    command.kind = static_cast<Kind>(kind);
    text.remove_prefix(comma + 1);
    std::array<std::int64_t, 5> place{};
    for (std::int64_t& value : place) {
        if (!parse_field(text, value)) return false;
        if (value < -1 || value > 1'000'000) return false;
    }
    command.channel = static_cast<int>(place[0]);
    command.pseudo_channel = static_cast<int>(std::max<std::int64_t>(place[1], 0));
    command.rank = static_cast<int>(std::max<std::int64_t>(place[2], 0));
    command.bank_group = static_cast<int>(place[3]);
    command.bank = static_cast<int>(place[4]);
    return parse_field(text, command.row) && parse_field(text, command.column);
}

void for_each_line(std::istream& log, const std::function<void(std::string_view)>& take) {
    std::vector<char> buffer(std::size_t{1} << 20);
    std::size_t held = 0;
    while (log) {
        if (held == buffer.size()) buffer.resize(buffer.size() * 2);
        log.read(buffer.data() + held, static_cast<std::streamsize>(buffer.size() - held));
        const std::size_t end = held + static_cast<std::size_t>(log.gcount());
        std::size_t begin = 0;
        while (const void* found = std::memchr(buffer.data() + begin, '\n', end - begin)) {
            const auto stop =
                static_cast<std::size_t>(static_cast<const char*>(found) - buffer.data());
            take({buffer.data() + begin, stop - begin});
            begin = stop + 1;
        }
        held = end - begin;
        std::memmove(buffer.data(), buffer.data() + begin, held);
    }
    if (held > 0) take({buffer.data(), held});
}

}  // namespace perfwatt::dram_checker

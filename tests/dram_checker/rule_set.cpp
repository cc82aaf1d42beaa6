#include "tests/dram_checker/rule_set.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

namespace perfwatt::dram_checker {
namespace {

constexpr std::array<std::string_view, kKinds> kKindNames = {
    "ACT",     "ACT1",    "ACT2",    "PRE",     "PREA",    "RD",      "WR",     "RDA",    "WRA",
    "REFAB",   "REFPB",   "REFSB",   "PDE",     "PDX",     "SRE",     "SRX",    "CAS_RD", "CAS_WR",
    "RFMAB",   "RFMPB",   "RFMSB",   "PIM_ACT", "PIM_PRE", "PIM_RD",  "PIM_WR", "PIM_EW", "PIM_AF",
    "PIM_RDC", "PIM_WRC", "PIM_WRB", "PIM_WRR", "PIM_RDR", "PIM_MODE"};
constexpr std::array<std::string_view, kScopes> kScopeNames = {
    "bank", "pair", "same_bank", "bank_group", "rank", "other_rank", "pseudo_channel", "channel"};

std::string_view trim(std::string_view text) {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) {
        text.remove_prefix(1);
    }
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
        text.remove_suffix(1);
    }
    return text;
}

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
    std::vector<std::string_view> parts;
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t begin = text.find_first_not_of(separators, at);
        if (begin == std::string_view::npos) break;
        const std::size_t end = std::min(text.find_first_of(separators, begin), text.size());
        parts.push_back(text.substr(begin, end - begin));
        at = end;
    }
    return parts;
}

/// A bound before the lengths of its commands are known.
struct RawDistance {
    std::uint16_t name;
    Scope scope;
    Kind from;
    Kind to;
    std::int64_t ticks;
};

/// Reads a list line by line. Every quantity is a sum of clocks (`8`) and times (`7.5ns`, rounded
/// up to ticks one by one, as the standards do); names stand for earlier definitions.
class Reader {
  public:
    explicit Reader(std::string directory) : directory_(std::move(directory)) {
        rules_.length.fill(1);
        rules_.bus.fill(Bus::command);
        rules_.reach.fill(RefreshReach::bank);
    }

    void read(std::string_view text, const std::string& file) {
        std::size_t at = 0;
        const std::string outer_file = std::exchange(file_, file);
        const int outer_line = std::exchange(line_, 0);
        while (at < text.size()) {
            const std::size_t end = std::min(text.find('\n', at), text.size());
            std::string_view line = text.substr(at, end - at);
            at = end + 1;
            ++line_;
            line = trim(line.substr(0, line.find('#')));
            if (!line.empty()) directive(line);
        }
        file_ = outer_file;
        line_ = outer_line;
    }

    void read_file(const std::string& path) {
        std::ifstream stream(path);
        if (!stream) throw RuleError(fmt::format("{}: cannot be read", path));
        std::ostringstream text;
        text << stream.rdbuf();
        read(text.str(), path);
    }

    RuleSet finish() {
        if (rules_.standard.empty()) fail("no 'standard'");
        if (rules_.sources.empty()) fail("no 'source': every list names its sources");
        if (rules_.clock_ps <= 0) fail("no 'clock_ps'");
        for (const RawDistance& raw : raw_) {
            const std::int64_t ticks = raw.ticks + shift(raw.from, raw.to);
            if (ticks > 0) {
                rules_.distances.push_back({raw.name, raw.scope, raw.from, raw.to, ticks});
            }
        }
        return std::move(rules_);
    }

  private:
    [[noreturn]] void fail(const std::string& reason) const {
        throw RuleError(fmt::format("{}:{}: {}", file_, line_, reason));
    }

    /// From counting between reference ticks to counting between first ticks.
    [[nodiscard]] std::int64_t shift(Kind from, Kind to) const {
        const std::int64_t difference = rules_.length[static_cast<std::size_t>(from)] -
                                        rules_.length[static_cast<std::size_t>(to)];
        switch (rules_.reference) {
            case Reference::first:
                return 0;
            case Reference::last:
                return difference;
            case Reference::weakest:
                return std::min<std::int64_t>(0, difference);
        }
        return 0;
    }

    Kind kind(std::string_view name) const {
        const int index = kind_index(name);
        if (index < 0) fail(fmt::format("no command is called '{}'", name));
        return static_cast<Kind>(index);
    }

    Scope scope(std::string_view name) const {
        for (int i = 0; i < kScopes; ++i) {
            if (kScopeNames[static_cast<std::size_t>(i)] == name) return static_cast<Scope>(i);
        }
        fail(fmt::format("no scope is called '{}'", name));
    }

    std::uint16_t name_id(std::string_view name) {
        const auto found = std::find(rules_.names.begin(), rules_.names.end(), name);
        if (found == rules_.names.end()) rules_.names.emplace_back(name);
        return static_cast<std::uint16_t>(
            std::find(rules_.names.begin(), rules_.names.end(), name) - rules_.names.begin());
    }

    double number(std::string_view text) const {
        const std::string copy(text);
        char* end = nullptr;
        const double value = std::strtod(copy.c_str(), &end);
        if (copy.empty() || end != copy.c_str() + copy.size()) {
            fail(fmt::format("'{}' is not a number", text));
        }
        return value;
    }

    double ratio(std::string_view text) const {
        const std::size_t slash = text.find('/');
        if (slash == std::string_view::npos) return number(text);
        return number(text.substr(0, slash)) / number(text.substr(slash + 1));
    }

    std::int64_t ticks_of_ns(double ns) const {
        if (rules_.clock_ps <= 0) fail("'clock_ps' must come before the first time");
        const double clocks = ns * 1000 / rules_.clock_ps - slack_;
        return static_cast<std::int64_t>(std::ceil(clocks * rules_.ticks_per_clock));
    }

    // expression: term {(+|-) term}; term: number[ns] | name | max(...) | min(...) | (expression)
    std::int64_t expression(std::string_view& text) const {
        std::int64_t value = term(text);
        for (;;) {
            text = trim(text);
            if (text.empty() || (text.front() != '+' && text.front() != '-')) return value;
            const bool plus = text.front() == '+';
            text.remove_prefix(1);
            const std::int64_t next = term(text);
            value += plus ? next : -next;
        }
    }

    std::int64_t term(std::string_view& text) const {
        text = trim(text);
        if (text.empty()) fail("an expression ends too early");
        if (text.front() == '(') return arguments(text, "");
        std::size_t end = 0;
        while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 ||
                                     text[end] == '_' || text[end] == '.')) {
            ++end;
        }
        if (end == 0) fail(fmt::format("cannot read '{}'", text));
        const std::string_view word = text.substr(0, end);
        text.remove_prefix(end);
        if (std::isdigit(static_cast<unsigned char>(word.front())) != 0) return quantity(word);
        if (word == "max" || word == "min") {
            text = trim(text);
            return arguments(text, word);
        }
        const auto found = values_.find(std::string(word));
        if (found == values_.end()) fail(fmt::format("'{}' is not defined", word));
        return found->second;
    }

    std::int64_t arguments(std::string_view& text, std::string_view function) const {
        if (text.empty() || text.front() != '(') fail("'(' expected");
        text.remove_prefix(1);
        std::int64_t value = expression(text);
        text = trim(text);
        while (!function.empty() && !text.empty() && text.front() == ',') {
            text.remove_prefix(1);
            const std::int64_t next = expression(text);
            value = function == "max" ? std::max(value, next) : std::min(value, next);
            text = trim(text);
        }
        if (text.empty() || text.front() != ')') fail("')' expected");
        text.remove_prefix(1);
        return value;
    }

    std::int64_t quantity(std::string_view word) const {
        if (word.size() > 2 && word.substr(word.size() - 2) == "ns") {
            return ticks_of_ns(number(word.substr(0, word.size() - 2)));
        }
        return static_cast<std::int64_t>(std::floor(number(word) * rules_.ticks_per_clock));
    }

    std::int64_t whole(std::string_view text) const {
        const std::int64_t value = expression(text);
        if (!trim(text).empty()) fail(fmt::format("'{}' is left over", trim(text)));
        return value;
    }

    int count(std::string_view text) const {
        const double value = number(text);
        if (value != std::floor(value) || value < 0) fail(fmt::format("'{}' is no count", text));
        return static_cast<int>(value);
    }

    std::vector<Kind> kinds(std::string_view list) const {
        std::vector<Kind> result;
        for (const std::string_view name : split(list, ", \t")) {
            const auto group = groups_.find(std::string(name));
            if (group != groups_.end()) {
                result.insert(result.end(), group->second.begin(), group->second.end());
            } else {
                result.push_back(kind(name));
            }
        }
        if (result.empty()) fail("commands expected");
        return result;
    }

    /// What stands left and right of `mark`.
    std::pair<std::string_view, std::string_view> halves(std::string_view text,
                                                         std::string_view mark) const {
        const std::size_t at = text.find(mark);
        if (at == std::string_view::npos) fail(fmt::format("'{}' expected", mark));
        return {trim(text.substr(0, at)), trim(text.substr(at + mark.size()))};
    }

    void directive(std::string_view line) {
        const std::size_t space = std::min(line.find_first_of(" \t"), line.size());
        const std::string_view word = line.substr(0, space);
        const std::string_view rest = trim(line.substr(space));
        if (!(describe(word, rest) || organise(word, rest) || constrain(word, rest) ||
              data_bus(word, rest) || refresh(word, rest))) {
            fail(fmt::format("no directive is called '{}'", word));
        }
    }

    bool describe(std::string_view word, std::string_view rest) {
        if (word == "standard") {
            rules_.standard = std::string(rest);
        } else if (word == "source") {
            rules_.sources.emplace_back(rest);
        } else if (word == "include") {
            read_file(directory_.empty() ? std::string(rest)
                                         : directory_ + "/" + std::string(rest));
        } else if (word == "clock_ps") {
            rules_.clock_ps = ratio(rest);
        } else if (word == "ticks_per_clock") {
            rules_.ticks_per_clock = count(rest);
        } else if (word == "rounding_slack") {
            slack_ = number(rest);
        } else if (word == "reference") {
            if (rest == "first") {
                rules_.reference = Reference::first;
            } else if (rest == "last") {
                rules_.reference = Reference::last;
            } else if (rest == "weakest") {
                rules_.reference = Reference::weakest;
            } else {
                fail("reference is first, last or weakest");
            }
        } else {
            return false;
        }
        return true;
    }

    bool organise(std::string_view word, std::string_view rest) {
        if (word == "pseudo_channels") {
            rules_.pseudo_channels = count(rest);
        } else if (word == "ranks") {
            rules_.ranks = count(rest);
        } else if (word == "bank_groups") {
            rules_.bank_groups = count(rest);
        } else if (word == "sets") {
            rules_.sets = count(rest);
        } else if (word == "row_buffers") {
            rules_.row_buffers = count(rest);
        } else if (word == "opens") {
            rules_.opens = count(rest);
        } else if (word == "banks") {
            rules_.banks = count(rest);
        } else if (word == "length") {
            const auto [list, value] = halves(rest, "=");
            for (const Kind one : kinds(list)) {
                rules_.length[static_cast<std::size_t>(one)] = whole(value);
            }
        } else if (word == "row_bus" || word == "column_bus" || word == "no_bus") {
            const Bus bus = word == "row_bus"      ? Bus::row
                            : word == "column_bus" ? Bus::column
                                                   : Bus::none;
            for (const Kind one : kinds(rest)) rules_.bus[static_cast<std::size_t>(one)] = bus;
        } else if (word == "bus_per") {
            rules_.bus_per_pseudo_channel = scope(rest) == Scope::pseudo_channel;
        } else if (word == "second_part") {
            const auto [least, most] = halves(rest, "..");
            rules_.second_part_min = whole(least);
            rules_.second_part_max = whole(most);
        } else {
            return false;
        }
        return true;
    }

    bool constrain(std::string_view word, std::string_view rest) {
        if (word == "define") {
            const auto [name, value] = halves(rest, "=");
            values_[std::string(name)] = whole(value);
        } else if (word == "default") {  // what a grade's list may have set before the include
            const auto [name, value] = halves(rest, "=");
            if (values_.find(std::string(name)) == values_.end()) {
                values_[std::string(name)] = whole(value);
            }
        } else if (word == "group") {
            const auto [name, list] = halves(rest, "=");
            groups_[std::string(name)] = kinds(list);
        } else if (word == "rule") {
            rule(rest);
        } else if (word == "window") {
            window(rest);
        } else if (word == "row_open_limit") {
            rules_.row_open_limit = whole(rest);
        } else {
            return false;
        }
        return true;
    }

    // rule NAME SCOPE FROM,... -> TO,... = EXPRESSION
    void rule(std::string_view text) {
        const auto [left, value] = halves(text, "=");
        const auto [head, to] = halves(left, "->");
        const std::size_t first = std::min(head.find(' '), head.size());
        const std::string_view name = head.substr(0, first);
        const std::string_view after = trim(head.substr(first));
        const std::size_t second = std::min(after.find(' '), after.size());
        const Scope where = scope(after.substr(0, second));
        const std::int64_t ticks = whole(value);
        for (const Kind a : kinds(after.substr(second))) {
            for (const Kind b : kinds(to)) raw_.push_back({name_id(name), where, a, b, ticks});
        }
    }

    // window NAME SCOPE COUNT CMD,... = EXPRESSION
    void window(std::string_view text) {
        const auto [left, value] = halves(text, "=");
        const std::vector<std::string_view> words = split(left, " \t");
        if (words.size() != 4) fail("window NAME SCOPE COUNT COMMANDS = ticks");
        Window result{.name = name_id(words[0]), .scope = scope(words[1])};
        if (result.scope != Scope::rank) fail("a window is counted in a rank");
        result.count = count(words[2]);
        for (const Kind one : kinds(words[3])) {
            result.counts[static_cast<std::size_t>(one)] = true;
        }
        result.ticks = whole(value);
        rules_.windows.push_back(result);
    }

    bool data_bus(std::string_view word, std::string_view rest) {
        if (word == "read_latency") {
            rules_.read_latency = values_["RL"] = whole(rest);
        } else if (word == "write_latency") {
            rules_.write_latency = values_["WL"] = whole(rest);
        } else if (word == "burst") {
            rules_.burst = values_["BL"] = whole(rest);
        } else if (word == "read_to_write_gap") {
            rules_.read_to_write_gap = whole(rest);
        } else if (word == "write_to_read_gap") {
            rules_.write_to_read_gap = whole(rest);
        } else if (word == "rank_gap") {
            rules_.rank_gap = whole(rest);
        } else if (word == "write_rank_gap") {
            rules_.write_rank_gap = whole(rest);
        } else if (word == "wck") {  // wck AFTER_READ, AFTER_WRITE
            const auto [read, write] = halves(rest, ",");
            rules_.needs_wck = true;
            rules_.wck_after_read = whole(read);
            rules_.wck_after_write = whole(write);
        } else {
            return false;
        }
        return true;
    }

    bool refresh(std::string_view word, std::string_view rest) {
        if (word == "refresh_interval_ns") {
            rules_.refresh_interval_ps = number(rest) * 1000;
        } else if (word == "postpone") {
            rules_.postpone = count(rest);
        } else if (word == "pull_in") {
            rules_.pull_in = count(rest);
        } else if (word == "hot") {  // hot CELSIUS TIMES
            const std::vector<std::string_view> words = split(rest, " \t");
            if (words.size() != 2) fail("hot CELSIUS TIMES");
            rules_.heat.push_back({count(words[0]), number(words[1])});
        } else if (word == "refresh_management") {  // MAXIMUM PER_REFRESH PER_MANAGEMENT
            const std::vector<std::string_view> words = split(rest, " \t");
            if (words.size() != 3) fail("refresh_management MAXIMUM PER_REFRESH PER_MANAGEMENT");
            rules_.management = {count(words[0]), count(words[1]), count(words[2])};
        } else if (word == "refresh") {  // refresh CMD SHARE [bank|pair|same_bank]
            const std::vector<std::string_view> words = split(rest, " \t");
            if (words.size() < 2) fail("refresh CMD SHARE [REACH]");
            const auto index = static_cast<std::size_t>(kind(words[0]));
            rules_.refresh_share[index] = ratio(words[1]);
            if (words.size() > 2) {
                rules_.reach[index] = words[2] == "pair"        ? RefreshReach::pair
                                      : words[2] == "same_bank" ? RefreshReach::same_bank
                                                                : RefreshReach::bank;
            }
        } else {
            return false;
        }
        return true;
    }

    std::string directory_;
    std::string file_ = "rules";
    int line_ = 0;
    double slack_ = 0;
    RuleSet rules_;
    std::vector<RawDistance> raw_;
    std::map<std::string, std::int64_t> values_;
    std::map<std::string, std::vector<Kind>> groups_;
};

}  // namespace

void RuleSet::at_celsius(int celsius) {
    double times = 1;
    for (const Heat& one : heat) {
        if (celsius > one.above) times = std::max(times, one.times);
    }
    refresh_interval_ps /= times;
}

std::string_view to_string(Kind kind) { return kKindNames[static_cast<std::size_t>(kind)]; }

int kind_index(std::string_view name) {
    const auto found = std::find(kKindNames.begin(), kKindNames.end(), name);
    return found == kKindNames.end() ? -1 : static_cast<int>(found - kKindNames.begin());
}

RuleSet load_rules(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    Reader reader(slash == std::string::npos ? std::string() : path.substr(0, slash));
    reader.read_file(path);
    return reader.finish();
}

RuleSet parse_rules(std::string_view text, const std::string& directory) {
    Reader reader(directory);
    reader.read(text, "rules");
    return reader.finish();
}

}  // namespace perfwatt::dram_checker

#include "tests/dram_checker/checker.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <istream>
#include <utility>

namespace perfwatt::dram_checker {
namespace {

constexpr std::int64_t kNever = -(std::int64_t{1} << 60);
constexpr int kMaxChannels = 4096;
constexpr std::string_view kHeader =
    "time_ps,tick,command,channel,pseudo_channel,rank,bank_group,bank,row,column";

constexpr std::size_t index(Kind kind) { return static_cast<std::size_t>(kind); }
constexpr bool is_read(Kind kind) { return kind == Kind::RD || kind == Kind::RDA; }
constexpr bool is_write(Kind kind) { return kind == Kind::WR || kind == Kind::WRA; }
constexpr bool closes(Kind kind) { return kind == Kind::PRE || kind == Kind::PREA; }

/// Commands that name one bank; the others act on a whole rank.
constexpr bool names_bank(Kind kind) {
    switch (kind) {
        case Kind::ACT:
        case Kind::ACT1:
        case Kind::ACT2:
        case Kind::PRE:
        case Kind::RD:
        case Kind::WR:
        case Kind::RDA:
        case Kind::WRA:
        case Kind::REFPB:
        case Kind::REFSB:
        case Kind::RFMPB:
        case Kind::RFMSB:
        case Kind::PIM_ACT:
        case Kind::PIM_PRE:
        case Kind::PIM_RD:
        case Kind::PIM_WR:
        case Kind::PIM_EW:
        case Kind::PIM_AF:
        case Kind::PIM_RDC:
        case Kind::PIM_WRC:
            return true;
        case Kind::PIM_WRB:
        case Kind::PIM_WRR:
        case Kind::PIM_RDR:
        case Kind::PIM_MODE:
        case Kind::PREA:
        case Kind::REFAB:
        case Kind::RFMAB:
        case Kind::PDE:
        case Kind::PDX:
        case Kind::SRE:
        case Kind::SRX:
        case Kind::CAS_RD:
        case Kind::CAS_WR:
            return false;
    }
    return false;
}

constexpr bool acts_on_set(Kind kind) { return kind >= Kind::PIM_ACT && kind <= Kind::PIM_AF; }
constexpr bool copies(Kind kind) { return kind == Kind::PIM_RDC || kind == Kind::PIM_WRC; }

using LastTicks = std::array<std::int64_t, kKinds>;

/// The numbers of the places a command touches; -1 where it touches none.
struct Places {
    std::array<int, kScopes> at{};
};

struct BankState {
    bool open = false;
    std::int64_t row = -1;
    std::int64_t opened = 0;
    std::int64_t activates = 0;  ///< counted for refresh management
};

/// When a command counted by a window began and ended; an activate begins with its first part.
struct Counted {
    std::int64_t begin = kNever;
    std::int64_t end = kNever;
};

struct RankState {
    bool seen = false;
    bool powered_down = false;
    bool self_refresh = false;
    bool overdue = false;  ///< already reported
    double refreshed_until_ps = 0;
    std::uint64_t round = 0;  ///< banks, pairs or bank numbers refreshed in this round

    bool first_part = false;
    int first_part_bank = -1;
    std::int64_t first_part_row = -1;
    std::int64_t first_part_tick = 0;

    std::int64_t wck_until = kNever;
    int wck_waits_for = -1;  ///< the kind of access the last CAS announced: 0 read, 1 write

    std::vector<std::vector<Counted>> window;  ///< a ring for each window
    std::vector<std::size_t> window_at;
};

struct DataBus {
    std::int64_t end = kNever;
    int rank = -1;
    bool write = false;
};

struct ChannelState {
    std::int64_t last_tick = kNever;
    std::array<std::vector<LastTicks>, kScopes> last;
    std::vector<BankState> banks;
    std::vector<BankState> unit_banks;  ///< row buffers of units in memory, where they have some
    std::vector<RankState> ranks;
    std::vector<DataBus> data;
    std::vector<std::array<std::int64_t, 4>> bus_free;  ///< by Bus
    bool used = false;
};

struct Bound {
    Scope scope;
    Kind from;
    std::uint16_t name;
    std::int64_t ticks;
};

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

}  // namespace

class Checker::State {
  public:
    State(const RuleSet& rules, std::size_t keep) : rules_(rules), keep_(keep) {
        for (const Distance& one : rules_.distances) {
            bounds_[index(one.to)].push_back({one.scope, one.from, one.name, one.ticks});
        }
        flat_banks_ = rules_.bank_groups * rules_.banks;
        pairs_ = std::max(1, flat_banks_ / 2);
    }

    void line(std::string_view text) {
        ++line_;
        if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
        if (line_ == 1) {
            if (text != kHeader) report("format", fmt::format("the header is '{}'", text));
            return;
        }
        if (text.empty()) return;
        Command parsed;
        if (!parse_command(text, parsed)) {
            report("format", fmt::format("cannot read '{}'", text));
            return;
        }
        command(parsed, line_);
    }

    void command(const Command& c, std::int64_t number) {
        line_ = number;
        ++commands_;
        last_time_ps_ = std::max(last_time_ps_, c.time_ps);
        if (!place_exists(c)) return;
        ChannelState& channel = channel_of(c.channel);
        check_clock(c, channel);
        const Places places = places_of(c);
        RankState& rank =
            channel.ranks[static_cast<std::size_t>(places.at[static_cast<int>(Scope::rank)])];
        check_power(c, rank);
        if (acts_on_set(c.kind)) {
            set_command(c, channel, rank);
            return;
        }
        check_distances(c, channel, places);
        check_bus(c, channel);
        check_banks(c, channel, rank, places);
        check_windows(c, rank);
        if (is_read(c.kind) || is_write(c.kind)) check_data(c, channel);
        if (rules_.needs_wck) check_wck(c, rank);
        check_refresh(c, rank, places);
        remember(c, channel, places);
        rank.seen = true;
    }

    void finish() {
        if (rules_.refresh_interval_ps <= 0) return;
        for (std::size_t i = 0; i < channels_.size(); ++i) {
            for (std::size_t r = 0; r < channels_[i].ranks.size(); ++r) {
                RankState& rank = channels_[i].ranks[r];
                if (rank.seen) owed(rank, static_cast<double>(last_time_ps_));
            }
        }
    }

    [[nodiscard]] const std::vector<Violation>& violations() const { return violations_; }
    [[nodiscard]] std::int64_t count() const { return count_; }
    [[nodiscard]] std::int64_t commands() const { return commands_; }

  private:
    static void remember(const Command& c, ChannelState& channel, const Places& places) {
        for (int scope = 0; scope < kScopes; ++scope) {
            const int at = places.at[static_cast<std::size_t>(scope)];
            if (at >= 0) {
                channel.last[static_cast<std::size_t>(scope)][static_cast<std::size_t>(at)]
                            [index(c.kind)] = c.tick;
            }
        }
    }

    /// A command of processing in memory does in each bank of its set what its name says.
    void set_command(const Command& c, ChannelState& channel, RankState& rank) {
        check_bus(c, channel);
        check_windows(c, rank);
        const int named = c.bank_group * rules_.banks + c.bank;
        const int slice = rules_.opens > 0 && c.kind == Kind::PIM_ACT ? rules_.opens : flat_banks_;
        std::vector<std::pair<Command, Places>> reached;
        for (int flat = named % rules_.sets; flat < flat_banks_; flat += rules_.sets) {
            if (flat / rules_.sets / slice != named / rules_.sets / slice) continue;
            Command one = c;
            one.bank_group = flat / rules_.banks;
            one.bank = flat % rules_.banks;
            reached.emplace_back(one, places_of(one));
        }
        for (const auto& [one, places] : reached) {
            check_distances(one, channel, places);
            auto& buffers = rules_.row_buffers > 1 ? channel.unit_banks : channel.banks;
            BankState& bank =
                buffers[static_cast<std::size_t>(places.at[static_cast<int>(Scope::bank)])];
            if (c.kind == Kind::PIM_ACT) {
                if (bank.open) {
                    report("bank_open", fmt::format("PIM_ACT while row {} is open", bank.row));
                }
                open(one, bank, c.row);
            } else if (c.kind == Kind::PIM_PRE) {
                close(bank, c.tick);
            } else {
                access(one, bank);
            }
        }
        for (const auto& [one, places] : reached) remember(one, channel, places);
        rank.seen = true;
    }

    void report(std::string_view rule, std::string details) {
        ++count_;
        if (violations_.size() < keep_) {
            violations_.push_back({line_, std::string(rule), std::move(details)});
        }
    }

    bool place_exists(const Command& c) {
        const bool bank = names_bank(c.kind);
        const bool all_groups = rules_.reach[index(c.kind)] == RefreshReach::same_bank;
        const bool exists = c.channel >= 0 && c.channel < kMaxChannels &&
                            c.pseudo_channel < rules_.pseudo_channels && c.rank < rules_.ranks &&
                            c.bank_group < rules_.bank_groups && c.bank < rules_.banks &&
                            (!bank || (c.bank >= 0 && (all_groups || c.bank_group >= 0)));
        if (!exists) {
            report("place",
                   fmt::format("{} to channel {}, pseudo channel {}, rank {}, group {}, bank {}",
                               to_string(c.kind), c.channel, c.pseudo_channel, c.rank, c.bank_group,
                               c.bank));
        }
        return exists;
    }

    ChannelState& channel_of(int number) {
        if (channels_.size() <= static_cast<std::size_t>(number)) {
            channels_.resize(static_cast<std::size_t>(number) + 1);
        }
        ChannelState& channel = channels_[static_cast<std::size_t>(number)];
        if (channel.used) return channel;
        channel.used = true;
        const int pcs = rules_.pseudo_channels;
        const int ranks = pcs * rules_.ranks;
        const std::array<int, kScopes> sizes = {ranks * flat_banks_,
                                                ranks * pairs_,
                                                ranks * rules_.banks,
                                                ranks * rules_.bank_groups,
                                                ranks,
                                                0,
                                                pcs,
                                                1};
        LastTicks never;
        never.fill(kNever);
        for (std::size_t i = 0; i < sizes.size(); ++i) {
            channel.last[i].assign(static_cast<std::size_t>(sizes[i]), never);
        }
        channel.banks.resize(static_cast<std::size_t>(ranks * flat_banks_));
        channel.unit_banks.resize(channel.banks.size());
        channel.ranks.resize(static_cast<std::size_t>(ranks));
        for (RankState& rank : channel.ranks) {
            for (const Window& window : rules_.windows) {
                rank.window.emplace_back(static_cast<std::size_t>(window.count));
            }
            rank.window_at.assign(rules_.windows.size(), 0);
        }
        channel.data.resize(static_cast<std::size_t>(pcs));
        channel.bus_free.assign(static_cast<std::size_t>(pcs), {kNever, kNever, kNever, kNever});
        return channel;
    }

    [[nodiscard]] Places places_of(const Command& c) const {
        Places p;
        p.at.fill(-1);
        const int rank = c.pseudo_channel * rules_.ranks + c.rank;
        p.at[static_cast<int>(Scope::rank)] = rank;
        p.at[static_cast<int>(Scope::pseudo_channel)] = c.pseudo_channel;
        p.at[static_cast<int>(Scope::channel)] = 0;
        if (!names_bank(c.kind)) return p;
        const RefreshReach reach = rules_.reach[index(c.kind)];
        p.at[static_cast<int>(Scope::same_bank)] = rank * rules_.banks + c.bank;
        if (reach == RefreshReach::same_bank) return p;
        const int flat = c.bank_group * rules_.banks + c.bank;
        p.at[static_cast<int>(Scope::pair)] = rank * pairs_ + flat % pairs_;
        p.at[static_cast<int>(Scope::bank_group)] = rank * rules_.bank_groups + c.bank_group;
        p.at[static_cast<int>(Scope::bank)] = rank * flat_banks_ + flat;
        return p;
    }

    void check_clock(const Command& c, ChannelState& channel) {
        if (c.tick < channel.last_tick) {
            report("order", fmt::format("tick {} after tick {}", c.tick, channel.last_tick));
        }
        channel.last_tick = std::max(channel.last_tick, c.tick);
        // Two parts in a thousand leave room for a period rounded to 1 ps, not for another clock.
        const double expected =
            static_cast<double>(c.tick) * rules_.clock_ps / rules_.ticks_per_clock;
        if (std::abs(static_cast<double>(c.time_ps) - expected) > 2 + 0.002 * expected) {
            report("clock",
                   fmt::format("tick {} is at {} ps, not {:.0f} ps", c.tick, c.time_ps, expected));
        }
    }

    void check_distances(const Command& c, const ChannelState& channel, const Places& places) {
        for (const Bound& bound : bounds_[index(c.kind)]) {
            std::int64_t before = kNever;
            if (bound.scope == Scope::other_rank) {
                const auto& ranks = channel.last[static_cast<std::size_t>(Scope::rank)];
                for (int r = 0; r < rules_.ranks; ++r) {
                    if (r == c.rank) continue;
                    const auto at = static_cast<std::size_t>(c.pseudo_channel * rules_.ranks + r);
                    before = std::max(before, ranks[at][index(bound.from)]);
                }
            } else {
                const int at = places.at[static_cast<std::size_t>(bound.scope)];
                if (at < 0) continue;
                before = channel.last[static_cast<std::size_t>(bound.scope)]
                                     [static_cast<std::size_t>(at)][index(bound.from)];
            }
            if (c.tick - before < bound.ticks) {
                report(rules_.names[bound.name],
                       fmt::format("{} at tick {} is {} ticks after {} at tick {}, not {}",
                                   to_string(c.kind), c.tick, c.tick - before,
                                   to_string(bound.from), before, bound.ticks));
            }
        }
    }

    void check_bus(const Command& c, ChannelState& channel) {
        const Bus bus = rules_.bus[index(c.kind)];
        if (bus == Bus::none) return;
        const std::size_t set =
            rules_.bus_per_pseudo_channel ? static_cast<std::size_t>(c.pseudo_channel) : 0;
        std::int64_t& free = channel.bus_free[set][static_cast<std::size_t>(bus)];
        if (c.tick < free) {
            const std::string_view name = bus == Bus::row      ? "row_bus"
                                          : bus == Bus::column ? "column_bus"
                                                               : "command_bus";
            report(name, fmt::format("{} at tick {}, but the bus is held until tick {}",
                                     to_string(c.kind), c.tick, free));
        }
        free = std::max(free, c.tick + rules_.length[index(c.kind)]);
    }

    void check_banks(const Command& c, ChannelState& channel, RankState& rank,
                     const Places& places) {
        const int at = places.at[static_cast<int>(Scope::bank)];
        BankState* bank = at < 0 ? nullptr : &channel.banks[static_cast<std::size_t>(at)];
        if (c.kind == Kind::ACT1 || c.kind == Kind::ACT2) {
            activate_part(c, rank, *bank, at);
        } else if (c.kind == Kind::ACT) {
            if (bank->open) report("bank_open", fmt::format("ACT while row {} is open", bank->row));
            open(c, *bank, c.row);
        } else if (is_read(c.kind) || is_write(c.kind) || copies(c.kind)) {
            access(c, *bank);
        } else if (c.kind == Kind::PRE) {
            close(*bank, c.tick);
        } else if (c.kind == Kind::PREA || c.kind == Kind::REFAB || c.kind == Kind::RFMAB ||
                   c.kind == Kind::SRE) {
            const int first = places.at[static_cast<int>(Scope::rank)] * flat_banks_;
            for (int i = first; i < first + flat_banks_; ++i) {
                BankState& one = channel.banks[static_cast<std::size_t>(i)];
                if (closes(c.kind)) {
                    close(one, c.tick);
                } else {
                    needs_closed(c, one, i - first);
                    needs_closed(c, channel.unit_banks[static_cast<std::size_t>(i)], i - first);
                    credit(c.kind, one);
                }
            }
        } else if (c.kind == Kind::REFPB || c.kind == Kind::REFSB || c.kind == Kind::RFMPB ||
                   c.kind == Kind::RFMSB) {
            refreshed_banks_closed(c, channel, places);
        }
    }

    void needs_closed(const Command& c, const BankState& bank, int number) {
        if (bank.open) {
            report("refresh_open", fmt::format("{} while bank {} has row {} open",
                                               to_string(c.kind), number, bank.row));
        }
    }

    void open(const Command& c, BankState& bank, std::int64_t row) {
        bank.open = true;
        bank.row = row;
        bank.opened = c.tick;
        if (rules_.management.maximum <= 0) return;
        if (bank.activates >= rules_.management.maximum) {
            report("activate_count", fmt::format("an activate, after {} without management, not {}",
                                                 bank.activates, rules_.management.maximum));
        }
        ++bank.activates;
    }

    void credit(Kind kind, BankState& bank) const {
        if (kind == Kind::SRE) return;
        const bool management = kind == Kind::RFMAB || kind == Kind::RFMPB || kind == Kind::RFMSB;
        bank.activates -=
            management ? rules_.management.per_management : rules_.management.per_refresh;
        bank.activates = std::max<std::int64_t>(bank.activates, 0);
    }

    void refreshed_banks_closed(const Command& c, ChannelState& channel, const Places& places) {
        const int first = places.at[static_cast<int>(Scope::rank)] * flat_banks_;
        const int wanted = c.bank_group * rules_.banks + c.bank;
        for (int flat = 0; flat < flat_banks_; ++flat) {
            bool reached = false;
            switch (rules_.reach[index(c.kind)]) {
                case RefreshReach::bank:
                    reached = flat == wanted;
                    break;
                case RefreshReach::pair:
                    reached = flat % pairs_ == wanted % pairs_;
                    break;
                case RefreshReach::same_bank:
                    reached = flat % rules_.banks == c.bank;
                    break;
            }
            if (reached) {
                BankState& bank = channel.banks[static_cast<std::size_t>(first + flat)];
                needs_closed(c, bank, flat);
                credit(c.kind, bank);
            }
        }
    }

    void activate_part(const Command& c, RankState& rank, BankState& bank, int at) {
        if (c.kind == Kind::ACT1) {
            if (rank.first_part) {
                report("second_part", fmt::format("ACT1 at tick {}, but the one of tick {} waits "
                                                  "for its ACT2",
                                                  c.tick, rank.first_part_tick));
            }
            if (bank.open) {
                report("bank_open", fmt::format("ACT1 while row {} is open", bank.row));
            }
            rank.first_part = true;
            rank.first_part_bank = at;
            rank.first_part_row = c.row;
            rank.first_part_tick = c.tick;
            return;
        }
        const std::int64_t wait = c.tick - rank.first_part_tick;
        if (!rank.first_part || rank.first_part_bank != at) {
            report("second_part", "ACT2 without an ACT1 to its bank");
        } else if (wait < rules_.second_part_min || wait > rules_.second_part_max) {
            report("second_part", fmt::format("ACT2 {} ticks after ACT1, not {} to {}", wait,
                                              rules_.second_part_min, rules_.second_part_max));
        } else if (rank.first_part_row >= 0 && c.row >= 0 && rank.first_part_row != c.row) {
            report("second_part",
                   fmt::format("ACT1 for row {}, ACT2 for row {}", rank.first_part_row, c.row));
        }
        if (bank.open) report("bank_open", fmt::format("ACT2 while row {} is open", bank.row));
        open(c, bank, c.row >= 0 ? c.row : rank.first_part_row);
        rank.first_part = false;
    }

    void access(const Command& c, BankState& bank) {
        if (!bank.open) {
            report("bank_closed", fmt::format("{} to a closed bank", to_string(c.kind)));
        } else if (c.row >= 0 && bank.row >= 0 && c.row != bank.row) {
            report("wrong_row", fmt::format("{} for row {} while row {} is open", to_string(c.kind),
                                            c.row, bank.row));
        }
        if (c.kind == Kind::RDA || c.kind == Kind::WRA) close(bank, c.tick);
    }

    void close(BankState& bank, std::int64_t tick) {
        if (bank.open && rules_.row_open_limit > 0 && tick - bank.opened > rules_.row_open_limit) {
            report("row_open_limit", fmt::format("a row was open for {} ticks, not at most {}",
                                                 tick - bank.opened, rules_.row_open_limit));
        }
        bank.open = false;
    }

    void check_windows(const Command& c, RankState& rank) {
        for (std::size_t i = 0; i < rules_.windows.size(); ++i) {
            const Window& window = rules_.windows[i];
            if (!window.counts[index(c.kind)]) continue;
            const bool second = c.kind == Kind::ACT2;
            const Counted now = {.begin = second ? rank.first_part_tick : c.tick,
                                 .end = c.tick + rules_.length[index(c.kind)] - 1};
            Counted& oldest = rank.window[i][rank.window_at[i]];
            const bool begins = now.begin - oldest.begin < window.ticks;
            const bool ends = now.end - oldest.end < window.ticks;
            const bool broken = rules_.reference == Reference::first  ? begins
                                : rules_.reference == Reference::last ? ends
                                                                      : begins && ends;
            if (broken) {
                report(
                    rules_.names[window.name],
                    fmt::format("{} at tick {}, the one {} before at tick {}: closer than {}",
                                to_string(c.kind), c.tick, window.count, oldest.end, window.ticks));
            }
            oldest = now;
            rank.window_at[i] = (rank.window_at[i] + 1) % rank.window[i].size();
        }
    }

    void check_data(const Command& c, ChannelState& channel) {
        DataBus& bus = channel.data[static_cast<std::size_t>(c.pseudo_channel)];
        const bool write = is_write(c.kind);
        const std::int64_t start = c.tick + (write ? rules_.write_latency : rules_.read_latency);
        std::int64_t gap = 0;
        if (bus.rank != c.rank) {
            gap = bus.write && write ? rules_.write_rank_gap : rules_.rank_gap;
        } else if (bus.write != write) {
            gap = write ? rules_.read_to_write_gap : rules_.write_to_read_gap;
        }
        if (bus.rank >= 0 && start < bus.end + gap) {
            report(start < bus.end ? "data_bus" : "turnaround",
                   fmt::format("{} at tick {} puts data on the bus at tick {}; it is held until "
                               "tick {} and needs {} more",
                               to_string(c.kind), c.tick, start, bus.end, gap));
        }
        bus = {.end = std::max(bus.end, start + rules_.burst), .rank = c.rank, .write = write};
    }

    void check_wck(const Command& c, RankState& rank) {
        if (c.kind == Kind::CAS_RD || c.kind == Kind::CAS_WR) {
            const bool write = c.kind == Kind::CAS_WR;
            rank.wck_waits_for = write ? 1 : 0;
            const std::int64_t until =
                c.tick + (write ? rules_.wck_after_write : rules_.wck_after_read);
            rank.wck_until = std::max(rank.wck_until, until);
        } else if (is_read(c.kind) || is_write(c.kind)) {
            const bool write = is_write(c.kind);
            if (c.tick > rank.wck_until) {
                report("wck", fmt::format("{} at tick {}, but WCK stopped after tick {}",
                                          to_string(c.kind), c.tick, rank.wck_until));
            } else if (rank.wck_waits_for >= 0 && rank.wck_waits_for != (write ? 1 : 0)) {
                report("wck",
                       fmt::format("{} after a CAS for the other direction", to_string(c.kind)));
            }
            rank.wck_waits_for = -1;
            rank.wck_until = std::max(
                rank.wck_until, c.tick + (write ? rules_.wck_after_write : rules_.wck_after_read));
        } else if (c.kind == Kind::PDE || c.kind == Kind::SRE) {
            rank.wck_until = kNever;
            rank.wck_waits_for = -1;
        }
    }

    void check_power(const Command& c, RankState& rank) {
        if (c.kind == Kind::PDX) {
            if (!rank.powered_down) report("power_down", "PDX outside power-down");
            rank.powered_down = false;
        } else if (c.kind == Kind::SRX) {
            if (!rank.self_refresh) report("power_down", "SRX outside self-refresh");
            rank.self_refresh = false;
            rank.refreshed_until_ps = static_cast<double>(c.time_ps);
            rank.round = 0;  // leaving self-refresh sets the count of banks back
        } else if (rank.powered_down || rank.self_refresh) {
            report("power_down", fmt::format("{} in {}", to_string(c.kind),
                                             rank.self_refresh ? "self-refresh" : "power-down"));
        }
        if (c.kind == Kind::PDE) rank.powered_down = true;
        if (c.kind == Kind::SRE) rank.self_refresh = true;
    }

    void owed(RankState& rank, double now_ps) {
        if (rank.self_refresh || rank.overdue) return;
        const double owed_ps = now_ps - rank.refreshed_until_ps;
        if (owed_ps > rules_.refresh_interval_ps * (rules_.postpone + 1) + 1) {
            rank.overdue = true;
            report("refresh_interval",
                   fmt::format("{:.2f} refreshes are owed, not at most {}",
                               owed_ps / rules_.refresh_interval_ps, rules_.postpone + 1));
        }
    }

    void check_refresh(const Command& c, RankState& rank, const Places& places) {
        if (rules_.refresh_interval_ps <= 0) return;
        const auto now = static_cast<double>(c.time_ps);
        const double share = rules_.refresh_share[index(c.kind)];
        owed(rank, now);
        if (share <= 0) return;
        rank.refreshed_until_ps =
            std::min(rank.refreshed_until_ps + share * rules_.refresh_interval_ps,
                     now + rules_.pull_in * rules_.refresh_interval_ps);
        if (now - rank.refreshed_until_ps <= rules_.refresh_interval_ps * (rules_.postpone + 1)) {
            rank.overdue = false;
        }
        if (c.kind == Kind::REFAB) {
            rank.round = 0;
        } else {
            refresh_round(c, rank, places);
        }
    }

    /// No bank is refreshed again before all of them have been.
    void refresh_round(const Command& c, RankState& rank, const Places& places) {
        int unit = c.bank;
        int units = rules_.banks;
        if (rules_.reach[index(c.kind)] == RefreshReach::bank) {
            unit = places.at[static_cast<int>(Scope::bank)] % flat_banks_;
            units = flat_banks_;
        } else if (rules_.reach[index(c.kind)] == RefreshReach::pair) {
            unit = places.at[static_cast<int>(Scope::pair)] % pairs_;
            units = pairs_;
        }
        const std::uint64_t bit = std::uint64_t{1} << (unit % 64);
        if ((rank.round & bit) != 0) {
            report("refresh_round", fmt::format("{} to bank {} again before all others had theirs",
                                                to_string(c.kind), unit));
        }
        rank.round |= bit;
        const std::uint64_t all = units >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << units) - 1;
        if (rank.round == all) rank.round = 0;
    }

    RuleSet rules_;
    std::size_t keep_;
    std::array<std::vector<Bound>, kKinds> bounds_;
    int flat_banks_ = 1;
    int pairs_ = 1;
    std::vector<ChannelState> channels_;
    std::vector<Violation> violations_;
    std::int64_t count_ = 0;
    std::int64_t commands_ = 0;
    std::int64_t line_ = 0;
    std::int64_t last_time_ps_ = 0;
};

Checker::Checker(const RuleSet& rules, std::size_t keep)
    : state_(std::make_unique<State>(rules, keep)) {}
Checker::~Checker() = default;
Checker::Checker(Checker&&) noexcept = default;
Checker& Checker::operator=(Checker&&) noexcept = default;

void Checker::line(std::string_view text) { state_->line(text); }
void Checker::command(const Command& command, std::int64_t number) {
    state_->command(command, number);
}
void Checker::finish() { state_->finish(); }
const std::vector<Violation>& Checker::violations() const { return state_->violations(); }
std::int64_t Checker::violation_count() const { return state_->count(); }
std::int64_t Checker::command_count() const { return state_->commands(); }

void feed(std::istream& log, Checker& checker) {
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
            checker.line({buffer.data() + begin, stop - begin});
            begin = stop + 1;
        }
        held = end - begin;
        std::memmove(buffer.data(), buffer.data() + begin, held);
    }
    if (held > 0) checker.line({buffer.data(), held});
    checker.finish();
}

std::vector<Violation> check(std::istream& log, const RuleSet& rules, std::size_t keep) {
    Checker checker(rules, keep);
    feed(log, checker);
    return checker.violations();
}

}  // namespace perfwatt::dram_checker

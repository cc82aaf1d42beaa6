#include <fmt/core.h>

#include <cmath>

#include "tests/dram_checker/checker_state.h"
#include "tests/dram_checker/log_lines.h"

namespace perfwatt::dram_checker {
namespace {

constexpr std::string_view kHeader =
    "time_ps,tick,command,channel,pseudo_channel,rank,bank_group,bank,row,column";

}  // namespace

Checker::State::State(const RuleSet& rules, std::size_t keep) : rules_(rules), keep_(keep) {
    for (const Distance& one : rules_.distances) {
        bounds_[index(one.to)].push_back({one.scope, one.from, one.name, one.ticks});
    }
    flat_banks_ = rules_.bank_groups * rules_.banks;
    pairs_ = std::max(1, flat_banks_ / 2);
}

void Checker::State::line(std::string_view text) {
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

void Checker::State::command(const Command& c, std::int64_t number) {
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

void Checker::State::finish() {
    if (rules_.refresh_interval_ps <= 0) return;
    for (std::size_t i = 0; i < channels_.size(); ++i) {
        for (std::size_t r = 0; r < channels_[i].ranks.size(); ++r) {
            RankState& rank = channels_[i].ranks[r];
            if (rank.seen) owed(rank, static_cast<double>(last_time_ps_));
        }
    }
}

void Checker::State::remember(const Command& c, ChannelState& channel, const Places& places) {
    for (int scope = 0; scope < kScopes; ++scope) {
        const int at = places.at[static_cast<std::size_t>(scope)];
        if (at >= 0) {
            channel.last[static_cast<std::size_t>(scope)][static_cast<std::size_t>(at)]
                        [index(c.kind)] = c.tick;
        }
    }
}

void Checker::State::report(std::string_view rule, std::string details) {
    ++count_;
    if (violations_.size() < keep_) {
        violations_.push_back({line_, std::string(rule), std::move(details)});
    }
}

bool Checker::State::place_exists(const Command& c) {
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

ChannelState& Checker::State::channel_of(int number) {
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

Places Checker::State::places_of(const Command& c) const {
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

void Checker::State::check_clock(const Command& c, ChannelState& channel) {
    if (c.tick < channel.last_tick) {
        report("order", fmt::format("tick {} after tick {}", c.tick, channel.last_tick));
    }
    channel.last_tick = std::max(channel.last_tick, c.tick);
    // Two parts in a thousand leave room for a period rounded to 1 ps, not for another clock.
    const double expected = static_cast<double>(c.tick) * rules_.clock_ps / rules_.ticks_per_clock;
    if (std::abs(static_cast<double>(c.time_ps) - expected) > 2 + 0.002 * expected) {
        report("clock",
               fmt::format("tick {} is at {} ps, not {:.0f} ps", c.tick, c.time_ps, expected));
    }
}

void Checker::State::check_distances(const Command& c, const ChannelState& channel,
                                     const Places& places) {
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
                               to_string(c.kind), c.tick, c.tick - before, to_string(bound.from),
                               before, bound.ticks));
        }
    }
}

void Checker::State::check_bus(const Command& c, ChannelState& channel) {
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
    for_each_line(log, [&](std::string_view line) { checker.line(line); });
    checker.finish();
}

std::vector<Violation> check(std::istream& log, const RuleSet& rules, std::size_t keep) {
    Checker checker(rules, keep);
    feed(log, checker);
    return checker.violations();
}

}  // namespace perfwatt::dram_checker

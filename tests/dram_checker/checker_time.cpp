// The part of the checker that watches windows, data, the data clock, power states and refresh.
#include <fmt/core.h>

#include "tests/dram_checker/checker_state.h"

namespace perfwatt::dram_checker {

void Checker::State::check_windows(const Command& c, RankState& rank) {
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
            report(rules_.names[window.name],
                   fmt::format("{} at tick {}, the one {} before at tick {}: closer than {}",
                               to_string(c.kind), c.tick, window.count, oldest.end, window.ticks));
        }
        oldest = now;
        rank.window_at[i] = (rank.window_at[i] + 1) % rank.window[i].size();
    }
}

void Checker::State::check_data(const Command& c, ChannelState& channel) {
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

void Checker::State::check_wck(const Command& c, RankState& rank) {
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
            report("wck", fmt::format("{} after a CAS for the other direction", to_string(c.kind)));
        }
        rank.wck_waits_for = -1;
        rank.wck_until = std::max(
            rank.wck_until, c.tick + (write ? rules_.wck_after_write : rules_.wck_after_read));
    } else if (c.kind == Kind::PDE || c.kind == Kind::SRE) {
        rank.wck_until = kNever;
        rank.wck_waits_for = -1;
    }
}

void Checker::State::check_power(const Command& c, RankState& rank) {
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

void Checker::State::owed(RankState& rank, double now_ps) {
    if (rank.self_refresh || rank.overdue) return;
    const double owed_ps = now_ps - rank.refreshed_until_ps;
    if (owed_ps > rules_.refresh_interval_ps * (rules_.postpone + 1) + 1) {
        rank.overdue = true;
        report("refresh_interval",
               fmt::format("{:.2f} refreshes are owed, not at most {}",
                           owed_ps / rules_.refresh_interval_ps, rules_.postpone + 1));
    }
}

void Checker::State::check_refresh(const Command& c, RankState& rank, const Places& places) {
    if (rules_.refresh_interval_ps <= 0) return;
    const auto now = static_cast<double>(c.time_ps);
    const double share = rules_.refresh_share[index(c.kind)];
    owed(rank, now);
    if (share <= 0) return;
    rank.refreshed_until_ps = std::min(rank.refreshed_until_ps + share * rules_.refresh_interval_ps,
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

void Checker::State::refresh_round(const Command& c, RankState& rank, const Places& places) {
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

}  // namespace perfwatt::dram_checker

// The part of the checker that follows rows: what is open, and what may be done with it.
#include <fmt/core.h>

#include "tests/dram_checker/checker_state.h"

namespace perfwatt::dram_checker {

void Checker::State::set_command(const Command& c, ChannelState& channel, RankState& rank) {
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

void Checker::State::check_banks(const Command& c, ChannelState& channel, RankState& rank,
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

void Checker::State::needs_closed(const Command& c, const BankState& bank, int number) {
    if (bank.open) {
        report("refresh_open", fmt::format("{} while bank {} has row {} open", to_string(c.kind),
                                           number, bank.row));
    }
}

void Checker::State::open(const Command& c, BankState& bank, std::int64_t row) {
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

void Checker::State::credit(Kind kind, BankState& bank) const {
    if (kind == Kind::SRE) return;
    const bool management = kind == Kind::RFMAB || kind == Kind::RFMPB || kind == Kind::RFMSB;
    bank.activates -= management ? rules_.management.per_management : rules_.management.per_refresh;
    bank.activates = std::max<std::int64_t>(bank.activates, 0);
}

void Checker::State::refreshed_banks_closed(const Command& c, ChannelState& channel,
                                            const Places& places) {
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

void Checker::State::activate_part(const Command& c, RankState& rank, BankState& bank, int at) {
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

void Checker::State::access(const Command& c, BankState& bank) {
    if (!bank.open) {
        report("bank_closed", fmt::format("{} to a closed bank", to_string(c.kind)));
    } else if (c.row >= 0 && bank.row >= 0 && c.row != bank.row) {
        report("wrong_row", fmt::format("{} for row {} while row {} is open", to_string(c.kind),
                                        c.row, bank.row));
    }
    if (c.kind == Kind::RDA || c.kind == Kind::WRA) close(bank, c.tick);
}

void Checker::State::close(BankState& bank, std::int64_t tick) {
    if (bank.open && rules_.row_open_limit > 0 && tick - bank.opened > rules_.row_open_limit) {
        report("row_open_limit", fmt::format("a row was open for {} ticks, not at most {}",
                                             tick - bank.opened, rules_.row_open_limit));
    }
    bank.open = false;
}

}  // namespace perfwatt::dram_checker

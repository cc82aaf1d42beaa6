#include "models/dram/device_state.h"

#include <algorithm>

namespace perfwatt::dram {
namespace {

constexpr Tick kLongAgo = -(Tick{1} << 40);

bool to_whole_rank(Command command) {
    switch (command) {
        case Command::precharge_all:
        case Command::refresh_all:
        case Command::manage_all:
        case Command::power_down_enter:
        case Command::power_down_exit:
        case Command::self_refresh_enter:
        case Command::self_refresh_exit:
            return true;
        case Command::activate:
        case Command::precharge:
        case Command::read:
        case Command::write:
        case Command::read_precharge:
        case Command::write_precharge:
        case Command::refresh_bank:
        case Command::refresh_same_bank:
        case Command::manage_bank:
        case Command::manage_same_bank:
        case Command::pim_activate:
        case Command::pim_precharge:
        case Command::pim_read:
        case Command::pim_write:
        case Command::pim_multiply:
        case Command::pim_table:
        case Command::pim_copy_read:
        case Command::pim_copy_write:
            return false;
        case Command::pim_write_buffer:
        case Command::pim_write_register:
        case Command::pim_read_register:
        case Command::pim_mode:
            return true;
    }
    return false;
}

}  // namespace

DeviceState::DeviceState(const TimingTable& table, std::uint32_t sent)
    : table_(&table),
      sent_(sent),
      banks_per_rank_(table.banks_per_node[static_cast<int>(Level::rank)]) {
    // Levels that have as many nodes as the one above share its place.
    const int banks = table.nodes[static_cast<std::size_t>(Level::bank)];
    nodes_.assign(at(banks) * kLevels, 0);
    std::size_t places = 0;
    std::size_t rank_places = 0;
    std::size_t row = 0;
    for (std::size_t level = 0; level < kLevels; ++level) {
        const bool own = level == 0 || table.nodes[level] != table.nodes[level - 1];
        if (own) {
            for (int bank = 0; bank < banks; ++bank) {
                const std::size_t node = row + at(bank / table.banks_per_node[level]);
                nodes_[at(bank) * kLevels + places] = static_cast<std::uint32_t>(node * kCommands);
            }
            row += at(table.nodes[level]);
            ++places;
        }
        place_[level] = places - 1;
        if (level == static_cast<std::size_t>(Level::rank)) rank_places = places;
    }
    for (std::size_t c = 0; c < kCommands; ++c) {
        level_count_[c] = to_whole_rank(static_cast<Command>(c)) ? rank_places : places;
    }
    shared_places_ = places - 1;
    for (std::size_t level = 0; level < kLevels; ++level) {
        if (place_[level] + 2 == places) banks_per_family_ = table.banks_per_node[level];
    }
    for (std::size_t c = 0; c < kCommands; ++c) {
        const bool several =
            to_whole_rank(static_cast<Command>(c)) || takes_some_banks(static_cast<Command>(c));
        for (const TimingTable::Rule& rule : table.rules[c]) {
            if (!knows(static_cast<Command>(rule.to))) continue;
            const bool deep = several && rule.level > static_cast<int>(Level::rank);
            (deep ? deep_rules_ : rules_)[c].push_back(
                {static_cast<std::uint16_t>(place_[rule.level]), rule.to, rule.wait});
        }
    }
    for (const auto& rule : table.windows) windowed_ |= rule.from_mask;
    for (const auto& rule : table.siblings) {
        sibling_ |= rule.from_mask;
        if (place_[rule.level] + 1 == places) banks_are_siblings_ = true;
    }
    for (int bank = 0; bank < banks; ++bank) rank_of_.push_back(bank / banks_per_rank_);
    next_.assign(row * kCommands, 0);
    open_row_.assign(at(table.nodes[static_cast<int>(Level::bank)]), -1);
    open_banks_.assign(at(table.nodes[static_cast<int>(Level::rank)]), 0);
    pim_row_.assign(table.pim_rows ? open_row_.size() : 0, -1);
    pim_open_.assign(open_banks_.size(), 0);
    for (const TimingTable::WindowRule& rule : table.windows) {
        history_.emplace_back(at(table.nodes[rule.level]) * at(rule.window), kLongAgo);
        history_at_.emplace_back(at(table.nodes[rule.level]), 0);
    }
}

bool DeviceState::shares_wait(Command from, Command to) const {
    const auto c = static_cast<std::size_t>(from);
    const auto target = static_cast<std::uint8_t>(to);
    for (const auto* rules : {&rules_[c], &deep_rules_[c]}) {
        for (const PlacedRule& rule : *rules) {
            if (rule.to == target && rule.place < shared_places_) return true;
        }
    }
    for (const auto* kind : {&table_->windows, &table_->siblings}) {
        for (const TimingTable::WindowRule& rule : *kind) {
            if ((rule.from_mask >> c & 1U) == 0) continue;
            if (std::find(rule.to.begin(), rule.to.end(), target) != rule.to.end()) return true;
        }
    }
    return false;
}

int DeviceState::banks_that_share() const {
    for (const auto& rules : table_->rules) {
        for (const TimingTable::Rule& rule : rules) {
            if (rule.level == 0) return table_->banks_per_node[0];
        }
    }
    for (const TimingTable::WindowRule& rule : table_->windows) {
        if (rule.level == 0) return table_->banks_per_node[0];
    }
    for (const TimingTable::WindowRule& rule : table_->siblings) {
        if (rule.level <= 1) return table_->banks_per_node[0];
    }
    return table_->banks_per_node[static_cast<std::size_t>(Level::pseudo_channel)];
}

template <class Visit>
void DeviceState::for_each_target(Command command, int bank, Visit visit) const {
    if (to_whole_rank(command) || takes_some_banks(command)) {
        for_each_refreshed(command, bank, visit);
    } else {
        visit(bank);
    }
}

Tick DeviceState::earliest_of_set(Command command, int bank) const {
    const auto c = static_cast<std::size_t>(command);
    const std::size_t of_rank = place_[static_cast<std::size_t>(Level::rank)] + 1;
    Tick tick = bus_free_[bus(command)];
    for (std::size_t i = 0; i < of_rank; ++i) {
        tick = std::max(tick, next_[nodes_[at(bank) * kLevels + i] + c]);
    }
    for_each_refreshed(command, bank, [&](int target) {
        for (std::size_t i = of_rank; i < level_count_[c]; ++i) {
            tick = std::max(tick, next_[nodes_[at(target) * kLevels + i] + c]);
        }
    });
    return tick;
}

void DeviceState::apply_rules(Command command, int bank, Tick at) {
    const auto c = static_cast<std::size_t>(command);
    const std::uint32_t* nodes = &nodes_[static_cast<std::size_t>(bank) * kLevels];
    for (const PlacedRule& rule : rules_[c]) {
        Tick& next = next_[nodes[rule.place] + rule.to];
        next = std::max(next, at + rule.wait);
    }
    if (deep_rules_[c].empty()) return;
    for_each_target(command, bank, [&](int target) {
        for (const PlacedRule& rule : deep_rules_[c]) {
            Tick& next =
                next_[nodes_[static_cast<std::size_t>(target) * kLevels + rule.place] + rule.to];
            next = std::max(next, at + rule.wait);
        }
    });
}

void DeviceState::apply_windows(Command command, int bank, Tick at_tick) {
    for (std::size_t i = 0; i < table_->windows.size(); ++i) {
        const TimingTable::WindowRule& rule = table_->windows[i];
        if ((rule.from_mask >> index(command) & 1U) == 0) continue;
        const int where = bank / table_->banks_per_node[rule.level];
        int& cursor = history_at_[i][at(where)];
        Tick* ring = &history_[i][at(where) * at(rule.window)];
        ring[cursor] = at_tick + table_->last[static_cast<std::size_t>(command)];
        cursor = cursor + 1 == rule.window ? 0 : cursor + 1;
        const Tick oldest = ring[cursor];
        for (const std::uint8_t to : rule.to) {
            Tick& next = node(rule.level, bank)[to];
            next = std::max(next, oldest + rule.wait - table_->last_to[to]);
        }
    }
}

void DeviceState::apply_siblings(Command command, int bank, Tick at_tick) {
    for (const TimingTable::WindowRule& rule : table_->siblings) {
        if ((rule.from_mask >> index(command) & 1U) == 0) continue;
        const int per_node = table_->banks_per_node[rule.level];
        const int per_parent = table_->banks_per_node[rule.level - 1];
        const int parent = bank / per_parent * per_parent;
        for (int other = parent; other < parent + per_parent; other += per_node) {
            if (other / per_node == bank / per_node) continue;
            for (const std::uint8_t to : rule.to) {
                Tick& next = node(rule.level, other)[to];
                next = std::max(next, at_tick + table_->last[static_cast<std::size_t>(command)] +
                                          rule.wait - table_->last_to[to]);
            }
        }
    }
}

void DeviceState::close(int bank) {
    if (open_row_[at(bank)] < 0) return;
    open_row_[at(bank)] = -1;
    --open_banks_[at(rank_of(bank))];
}

void DeviceState::set_pim_row(int bank, std::int64_t row) {
    std::int64_t& own = pim_row_[at(bank)];
    pim_open_[at(rank_of(bank))] += (row >= 0 ? 1 : 0) - (own >= 0 ? 1 : 0);
    own = row;
}

void DeviceState::issue(Command command, int bank, std::int64_t row, Tick at_tick) {
    bus_free_[bus(command)] = at_tick + table_->ticks[static_cast<std::size_t>(command)];
    apply_rules(command, bank, at_tick);
    if ((windowed_ >> index(command) & 1U) != 0) apply_windows(command, bank, at_tick);
    if ((sibling_ >> index(command) & 1U) != 0) apply_siblings(command, bank, at_tick);
    switch (command) {
        case Command::activate:
            open_row_[at(bank)] = row;
            ++open_banks_[at(rank_of(bank))];
            break;
        case Command::precharge:
        case Command::read_precharge:
        case Command::write_precharge:
            close(bank);
            break;
        case Command::pim_precharge:
            if (table_->pim_rows) {
                for_each_target(command, bank, [&](int b) { set_pim_row(b, -1); });
                break;
            }
            [[fallthrough]];
        case Command::precharge_all:
            if (open_banks_[at(rank_of(bank))] > 0) {
                for_each_target(command, bank, [&](int b) { close(b); });
            }
            break;
        case Command::pim_activate:
            for_each_target(command, bank, [&](int b) {
                if (table_->pim_rows) return set_pim_row(b, row);
                open_row_[at(b)] = row;
                ++open_banks_[at(rank_of(b))];
            });
            break;
        case Command::read:
        case Command::write:
        case Command::refresh_all:
        case Command::refresh_bank:
        case Command::refresh_same_bank:
        case Command::manage_all:
        case Command::manage_bank:
        case Command::manage_same_bank:
        case Command::pim_read:
        case Command::pim_write:
        case Command::pim_multiply:
        case Command::pim_table:
        case Command::pim_write_buffer:
        case Command::pim_write_register:
        case Command::pim_read_register:
        case Command::pim_copy_read:
        case Command::pim_copy_write:
        case Command::pim_mode:
        case Command::power_down_enter:
        case Command::power_down_exit:
        case Command::self_refresh_enter:
        case Command::self_refresh_exit:
            break;
    }
}

}  // namespace perfwatt::dram

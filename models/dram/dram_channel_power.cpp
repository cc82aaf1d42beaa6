// The part of DramChannel that postpones refreshes and puts idle ranks to sleep.
#include "models/dram/dram_channel.h"

namespace perfwatt::dram {
namespace {

std::size_t at_index(int i) { return static_cast<std::size_t>(i); }

}  // namespace

void DramChannel::force_refresh(int index) {
    Rank& rank = ranks_[at_index(index)];
    if (rank.in_force || rank.debt == 0) return;
    // A busy rank may owe some, and has to pay before it owes one too many; an idle one pays at
    // once.
    if (rank.requests > 0 && rank.debt < refresh_policy_.max_postponed) return;
    constexpr int kMostPostponed = 8;  // in every standard
    if (refresh_policy_.yields_to_writes &&
        queues_.size(false, queues_.part_of(index * device_.banks_per_rank())) == 0 &&
        rank.requests > 0 && rank.debt < kMostPostponed) {
        return;
    }
    rank.in_force = true;
    pending_.push_back({Command::refresh_all, index * device_.banks_per_rank()});
    stale_ = true;
    if (refresh_policy_.opened == OpenedAccess::waits) put_back_opened(index);
}

void DramChannel::put_back_opened(int rank) {
    const std::vector<int> banks = queues_.active_banks();
    for (const int bank : banks) {
        if (device_.rank_of(bank) == rank && bank != half_open_.bank) {
            queues_.put_back(bank, device_.open_row(bank));
        }
    }
}

void DramChannel::manage(int bank) {
    const Command command = management_.command();
    const int first = device_.rank_of(bank) * device_.banks_per_rank();
    // Named by the first of the banks that it takes.
    const int named =
        refreshes_rank(command)
            ? first
            : first + (bank - first) % table_->refresh_stride[static_cast<std::size_t>(command)];
    for (const PendingRefresh& other : pending_) {
        if (other.command == command && other.bank == named) return;
    }
    pending_.push_back({command, named});
    stale_ = true;
}

void DramChannel::credit_refresh(Command command, int bank) {
    device_.for_each_refreshed(command, bank,
                               [&](int target) { management_.refreshed(command, target); });
    // A refresh may have made management needless; what is left of a long debt waits for its turn.
    std::erase_if(pending_, [&](const PendingRefresh& pending) {
        if (pending.command != management_.command()) return false;
        bool due = false;
        device_.for_each_refreshed(pending.command, pending.bank,
                                   [&](int target) { due = due || management_.due(target); });
        return !due;
    });
    device_.for_each_refreshed(command, bank, [&](int target) {
        if (management_.due(target) && queues_.waiting(target) == 0) manage(target);
    });
}

void DramChannel::request_gone(int bank) {
    if (management_.due(bank) && queues_.waiting(bank) == 0) manage(bank);
    const int index = device_.rank_of(bank);
    Rank& rank = ranks_[at_index(index)];
    if (--rank.requests > 0) return;
    rank.idle_since = now_;
    force_refresh(index);
}

bool DramChannel::consider_wake(int bank, Tick not_before, int rank_of_class) {
    const Rank& rank = ranks_[at_index(device_.rank_of(bank))];
    if (rank.power == Power::up) return false;
    Candidate candidate;
    candidate.rank_of_class = static_cast<std::int16_t>(rank_of_class);
    candidate.bank = bank;
    candidate.command =
        rank.power == Power::down ? Command::power_down_exit : Command::self_refresh_exit;
    candidate.time = std::max({now_, not_before, device_.earliest(candidate.command, bank)});
    consider(candidate);
    return true;
}

void DramChannel::consider_sleep() {
    for (int rank = 0; rank < device_.ranks(); ++rank) consider_sleep_of(rank);
}

void DramChannel::consider_sleep_of(int index) {
    const Rank& rank = ranks_[at_index(index)];
    if (units_busy_ || rank.requests > 0 || rank.debt > 0 || rank.power == Power::self_refresh)
        return;
    const int bank = index * device_.banks_per_rank();
    for (const PendingRefresh& refresh : pending_) {
        if (device_.rank_of(refresh.bank) == index) return;
    }
    Candidate candidate;
    candidate.rank_of_class = 3;
    candidate.bank = bank;
    // Refreshes do not put off self-refresh, which saves them.
    const Tick deep_at = power_policy_.self_refresh_after > 0
                             ? rank.idle_since + power_policy_.self_refresh_after
                             : kNever;
    if (rank.power == Power::down) {
        // Deeper: up again, then into self-refresh.
        if (deep_at == kNever) return;
        candidate.command = Command::power_down_exit;
        candidate.time = deep_at;
    } else {
        const bool deep = power_policy_.power_down_after == 0 || now_ >= deep_at;
        candidate.command = deep ? Command::self_refresh_enter : Command::power_down_enter;
        candidate.time = deep ? deep_at : rank.last_command + power_policy_.power_down_after;
        if (rank.closed_to_sleep) candidate.time = now_;  // it has waited long enough
        if (device_.open_banks(index) > 0 && (deep || !power_policy_.keep_rows_open)) {
            candidate.command = Command::precharge_all;
        }
    }
    candidate.time = std::max({now_, candidate.time, device_.earliest(candidate.command, bank)});
    consider(candidate);
}

void DramChannel::issue_power(const Candidate& chosen) {
    const int rank_index = device_.rank_of(chosen.bank);
    Rank& rank = ranks_[at_index(rank_index)];
    send(chosen.command, chosen.bank, -1, chosen.time, -1);
    if (log_ != nullptr) log(chosen.command, chosen.bank, -1, -1, chosen.time);
    rank.closed_to_sleep = false;
    switch (chosen.command) {
        case Command::power_down_enter:
            rank.power = Power::down;
            break;
        case Command::power_down_exit:
            rank.power = Power::up;
            for (const TimingTable::Rule& rule : table_->rules[index(Command::power_down_exit)]) {
                if (rule.to == index(Command::read)) rank.awake_from = chosen.time + rule.wait;
            }
            break;
        case Command::self_refresh_enter:
            rank.power = Power::self_refresh;
            break;
        case Command::self_refresh_exit:
            rank.power = Power::up;
            rank.next_refresh_bank = 0;  // the devices count from the first bank again
            // One of its own refreshes may have been cut off by the exit: one more is owed.
            if (refresh_policy_.mode == RefreshMode::all_bank) {
                ++rank.debt;
                force_refresh(rank_index);
            }
            break;
        case Command::precharge_all:
            for (int bank = rank_index * device_.banks_per_rank();
                 bank < (rank_index + 1) * device_.banks_per_rank(); ++bank) {
                queues_.row_changed(bank, -1);
            }
            rank.closed_to_sleep = true;
            break;
        case Command::activate:
        case Command::precharge:
        case Command::read:
        case Command::write:
        case Command::read_precharge:
        case Command::write_precharge:
        case Command::refresh_all:
        case Command::refresh_bank:
        case Command::refresh_same_bank:
        case Command::manage_all:
        case Command::manage_bank:
        case Command::manage_same_bank:
        case Command::pim_activate:
        case Command::pim_precharge:
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
            break;
    }
}

}  // namespace perfwatt::dram

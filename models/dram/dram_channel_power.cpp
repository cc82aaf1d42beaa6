// The part of DramChannel that postpones refreshes and puts idle ranks to sleep.
#include "models/dram/dram_channel.h"
#include "sim/base/diagnostics.h"

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
            offers_.changed(bank);
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
    if (!sleeps()) return;
    for (int rank = 0; rank < device_.ranks(); ++rank) {
        const SleepStep step = sleep_step(rank);
        if (step.time == kNever) continue;
        Candidate candidate;
        candidate.rank_of_class = 3;
        candidate.bank = rank * device_.banks_per_rank();
        candidate.command = step.command;
        candidate.time = step.time;
        consider(candidate);
    }
}

DramChannel::SleepStep DramChannel::sleep_step(int index) const {
    const Rank& rank = ranks_[at_index(index)];
    if (units_busy_ || rank.requests > 0 || rank.debt > 0 || rank.power == Power::self_refresh) {
        return {};
    }
    for (const PendingRefresh& refresh : pending_) {
        if (device_.rank_of(refresh.bank) == index) return {};
    }
    SleepStep step;
    // Refreshes do not put off self-refresh, which saves them.
    const Tick deep_at = power_policy_.self_refresh_after > 0
                             ? rank.idle_since + power_policy_.self_refresh_after
                             : kNever;
    if (rank.power == Power::down) {
        // Deeper: up again, then into self-refresh.
        if (deep_at == kNever) return {};
        step = {deep_at, Command::power_down_exit};
    } else {
        const bool deep = power_policy_.power_down_after == 0 || now_ >= deep_at;
        step.command = deep ? Command::self_refresh_enter : Command::power_down_enter;
        step.time = deep ? deep_at : rank.last_command + power_policy_.power_down_after;
        if (rank.closed_to_sleep) step.time = now_;  // it has waited long enough
        if (device_.open_banks(index) > 0 && (deep || !power_policy_.keep_rows_open)) {
            step.command = Command::precharge_all;
        }
    }
    const int bank = index * device_.banks_per_rank();
    step.time = std::max({now_, step.time, device_.earliest(step.command, bank)});
    return step;
}

void DramChannel::issue_power(const Candidate& chosen) {
    send_power(chosen.command, chosen.bank, chosen.time);
}

void DramChannel::send_power(Command command, int bank, Tick at) {
    const int rank_index = device_.rank_of(bank);
    Rank& rank = ranks_[at_index(rank_index)];
    send(command, bank, -1, at, -1);
    if (log_ != nullptr) log(command, bank, -1, -1, at);
    rank.closed_to_sleep = false;
    if (command == Command::power_down_enter) {
        rank.power = Power::down;
    } else if (command == Command::power_down_exit) {
        rank.power = Power::up;
        clocks_[at_index(rank_index)].awake_from = at + wake_to_read_;
    } else if (command == Command::self_refresh_enter) {
        rank.power = Power::self_refresh;
    } else if (command == Command::self_refresh_exit) {
        rank.power = Power::up;
        rank.next_refresh_bank = 0;  // the devices count from the first bank again
        // One of its own refreshes may have been cut off by the exit: one more is owed.
        if (refresh_policy_.mode == RefreshMode::all_bank) {
            ++rank.debt;
            force_refresh(rank_index);
        }
    } else {
        PERFWATT_CHECK(command == Command::precharge_all, "no command that leads to sleep");
        rank_closed(rank_index);
        rank.closed_to_sleep = true;
    }
}

}  // namespace perfwatt::dram

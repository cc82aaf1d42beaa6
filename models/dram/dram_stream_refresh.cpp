// The part of StreamLane that refreshes ranks and lets idle ones sleep.
#include <algorithm>

#include "models/dram/dram_stream_lane.h"

namespace perfwatt::dram {
namespace {

std::size_t at_index(int i) { return static_cast<std::size_t>(i); }

}  // namespace

void StreamLane::close_rows(int index, Tick at) {
    Rank& rank = ranks_[at_index(index)];
    if (rank.open_since < 0) return;
    counters_.active_standby += std::max<Tick>(0, at - rank.open_since);
    rank.open_since = -1;
    rank.open_rows = 0;
    for (int i = index * banks_per_rank_; i < (index + 1) * banks_per_rank_; ++i) {
        banks_[at_index(i)].row = -1;
    }
}

void StreamLane::sleep_until(int index, Tick tick) {
    Rank& rank = ranks_[at_index(index)];
    const Tick light = times_->sleep_after;
    const Tick deep = times_->self_refresh_after == 0
                          ? kNever
                          : std::max(rank.accounted, rank.asked + times_->self_refresh_after);
    const Tick asleep =
        std::min(deep, light == 0 ? kNever : std::max(rank.idle_since + light, rank.accounted));
    if (tick <= asleep) return;
    const Tick until = std::min(tick, deep);  // of power-down
    if (!spec_->power.keep_rows_open || until < tick) close_rows(index, asleep);
    const Tick down = std::max<Tick>(0, until - asleep);
    if (rank.open_since >= 0) {
        counters_.active_standby += std::max<Tick>(0, asleep - rank.open_since);
        counters_.active_power_down += down;
        rank.open_since = tick;
    } else {
        counters_.power_down += down;
    }
    if (until < tick) {
        // What it has slept through up to here is one stretch, however often it is looked at.
        if (rank.accounted <= rank.asked + times_->self_refresh_after) {
            counters_.add_background(Command::self_refresh_enter, 1);
        }
        counters_.self_refresh += tick - until;
    }
    rank.accounted = tick;
    rank.awake_from = tick + 1 + (until < tick ? times_->wake_deep : times_->wake);
    // One of its own refreshes may have been cut off: one more is owed.
    if (until < tick && spec_->refresh.mode == RefreshMode::all_bank) ++rank.debt;
}

Tick StreamLane::manage(int number, Tick at) {
    const Command command = management_.command();
    counters_.add_background(command, 1);
    const int first = number / banks_per_rank_ * banks_per_rank_;
    const int stride =
        refreshes_rank(command) ? 1 : table_->refresh_stride[static_cast<std::size_t>(command)];
    for (int i = first + (number - first) % stride; i < first + banks_per_rank_; i += stride) {
        management_.refreshed(command, i);
        Bank& bank = banks_[at_index(i)];
        if (i == number || bank.users > 0) continue;  // it is closed later, with its turn
        if (bank.row >= 0) --ranks_[at_index(bank.rank)].open_rows;
        bank.row = -1;
        bank.cycle = std::max(bank.cycle, at + times_->manage);
    }
    return at + times_->manage;
}

void StreamLane::forget_rows(int first, int count, int stride) {
    for (int i = first; i < first + count; i += stride) banks_[at_index(i)].users = 0;
    for (Queue& queue : sides_[at_index(side_of(first))].queues) {
        for (Run& run : queue.runs) {
            for (int i = 0; i < run.banks && run.opened != 0; ++i) {
                const int bank = run.shares[at_index(i)].bank - first;
                if (bank < 0 || bank >= count || bank % stride != 0) continue;
                run.opened &= ~(std::uint32_t{1} << i);
                run.borrowed &= run.opened;
            }
        }
    }
}

void StreamLane::refresh_rank(int index, Tick due) {
    Rank& rank = ranks_[at_index(index)];
    Tick start = std::max(due, rank.free_at);
    if (rank.queued == 0) sleep_until(index, start);
    start = std::max(start, rank.awake_from);
    if (rank.open_since >= 0) {
        for (int i = index * banks_per_rank_; i < (index + 1) * banks_per_rank_; ++i) {
            if (banks_[at_index(i)].row >= 0) start = std::max(start, banks_[at_index(i)].closable);
        }
        start += times_->close_to_refresh;
        close_rows(index, start);
        forget_rows(index * banks_per_rank_, banks_per_rank_, 1);
    }
    rank.free_at = start + times_->refresh;
    rank.idle_since = std::max(rank.idle_since, start);
    counters_.add_background(Command::refresh_all, 1);
    if (!management_.needed()) return;
    for (int i = index * banks_per_rank_; i < (index + 1) * banks_per_rank_; ++i) {
        management_.refreshed(Command::refresh_all, i);
    }
}

void StreamLane::refresh_some(int index, Tick due) {
    Rank& rank = ranks_[at_index(index)];
    const Command command = refresh_command(spec_->refresh.mode);
    const int stride = table_->refresh_stride[static_cast<std::size_t>(command)];
    const int first = index * banks_per_rank_;
    if (rank.queued == 0) sleep_until(index, due);
    Tick start = std::max(due, rank.awake_from);
    const auto each = [&](auto visit) {
        for (int i = rank.next_unit; i < banks_per_rank_; i += stride) visit(first + i);
    };
    bool open = false;
    each([&](int number) {
        const Bank& bank = banks_[at_index(number)];
        if (bank.row < 0) return;
        open = true;
        start = std::max(start, bank.closable);
    });
    if (open) start += times_->close_to_refresh;
    each([&](int number) {
        Bank& bank = banks_[at_index(number)];
        if (bank.row >= 0) --rank.open_rows;
        bank.row = -1;
        bank.cycle = std::max(bank.cycle, start + times_->refresh);
        if (management_.needed()) management_.refreshed(command, number);
    });
    forget_rows(first + rank.next_unit, banks_per_rank_ - rank.next_unit, stride);
    rank.idle_since = std::max(rank.idle_since, start);
    rank.next_unit = (rank.next_unit + 1) % stride;
    counters_.add_background(command, 1);
}

void StreamLane::refresh_until(Side& side, Tick tick) {
    const bool all = spec_->refresh.mode == RefreshMode::all_bank;
    const int end = side.first_rank + static_cast<int>(ranks_.size() / sides_.size());
    // What a rank owed when its last request went is paid at once.
    for (int r = side.first_rank; all && r < end; ++r) {
        Rank& rank = ranks_[at_index(r)];
        while (rank.debt > 0 && rank.queued == 0 &&
               std::max(rank.idle_since, rank.free_at) < tick) {
            --rank.debt;
            refresh_rank(r, std::max(rank.idle_since, rank.free_at));
        }
    }
    while (side.refresh_due <= tick) {
        const Tick due = side.refresh_due;
        side.refresh_due = kNever;
        for (int r = side.first_rank; r < end; ++r) {
            Rank& rank = ranks_[at_index(r)];
            if (rank.refresh_due == due) {
                rank.refresh_due += times_->interval;
                refresh_due_rank(r, due);
            }
            side.refresh_due = std::min(side.refresh_due, rank.refresh_due);
        }
    }
}

void StreamLane::refresh_due_rank(int index, Tick due) {
    Rank& rank = ranks_[at_index(index)];
    if (refreshes_itself(rank, due)) return;
    if (spec_->refresh.mode != RefreshMode::all_bank) return refresh_some(index, due);
    if (rank.queued > 0) {
        if (++rank.debt < times_->most_postponed) return;
        --rank.debt;
    }
    refresh_rank(index, due);
}

void StreamLane::account_until(Tick tick) {
    for (Side& side : sides_) refresh_until(side, tick - 1);
    for (int r = 0; r < static_cast<int>(ranks_.size()); ++r) {
        sleep_until(r, tick);
        Rank& rank = ranks_[at_index(r)];
        if (rank.open_since < 0) continue;
        counters_.active_standby += std::max<Tick>(0, tick - rank.open_since);
        rank.open_since = tick;
    }
}

bool StreamLane::settle(Tick now) {
    account_until(now);
    return std::all_of(ranks_.begin(), ranks_.end(),
                       [](const Rank& rank) { return rank.debt == 0; });
}

void StreamLane::finish(Tick end) {
    account_until(end);
    const Tick other = counters_.active_standby + counters_.power_down +
                       counters_.active_power_down + counters_.self_refresh;
    counters_.precharged_standby =
        std::max<Tick>(0, end * static_cast<Tick>(ranks_.size()) - other);
}

}  // namespace perfwatt::dram

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
    for (int i = index * banks_per_rank_; i < (index + 1) * banks_per_rank_; ++i) {
        banks_[at_index(i)].row = -1;
    }
}

void StreamLane::sleep_until(int index, Tick tick) {
    Rank& rank = ranks_[at_index(index)];
    if (times_->sleep_after == 0 || tick <= rank.idle_since + times_->sleep_after) return;
    const Tick asleep = std::max(rank.idle_since + times_->sleep_after, rank.accounted);
    if (!spec_->power.keep_rows_open) {
        close_rows(index, asleep);
        counters_.power_down += std::max<Tick>(0, tick - asleep);
    } else if (rank.open_since >= 0) {
        counters_.active_standby += std::max<Tick>(0, asleep - rank.open_since);
        counters_.active_power_down += std::max<Tick>(0, tick - asleep);
        rank.open_since = tick;
    } else {
        counters_.power_down += std::max<Tick>(0, tick - asleep);
    }
    rank.accounted = tick;
    rank.awake_from = tick + 1 + times_->wake;
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
        for (Queue& queue : queues_) {
            for (Run& run : queue.runs) {
                if (!run.prepared || run.bank[0] / banks_per_rank_ > index ||
                    run.bank[at_index(run.banks - 1)] / banks_per_rank_ < index) {
                    continue;
                }
                run.prepared = false;
                for (int i = 0; i < run.banks; ++i) {
                    int& users = banks_[at_index(run.bank[at_index(i)])].users;
                    if (users > 0) --users;
                }
            }
        }
    }
    rank.free_at = start + times_->refresh;
    rank.idle_since = std::max(rank.idle_since, start);
    counters_.add_background(Command::refresh_all, 1);
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
        bank.row = -1;
        bank.users = 0;
        bank.cycle = std::max(bank.cycle, start + times_->refresh);
        for (Queue& queue : queues_) {
            for (Run& run : queue.runs) {
                if (!run.prepared) continue;
                const auto last = run.bank.begin() + run.banks;
                if (std::find(run.bank.begin(), last, number) == last) continue;
                run.prepared = false;
                for (int i = 0; i < run.banks; ++i) {
                    int& users = banks_[at_index(run.bank[at_index(i)])].users;
                    if (users > 0) --users;
                }
            }
        }
    });
    rank.idle_since = std::max(rank.idle_since, start);
    rank.next_unit = (rank.next_unit + 1) % stride;
    counters_.add_background(command, 1);
}

void StreamLane::refresh_until(Tick tick) {
    const bool all = spec_->refresh.mode == RefreshMode::all_bank;
    const int count = static_cast<int>(ranks_.size());
    // What a rank owed when its last request went is paid at once.
    for (int r = 0; all && r < count; ++r) {
        Rank& rank = ranks_[at_index(r)];
        while (rank.debt > 0 && rank.queued == 0 &&
               std::max(rank.idle_since, rank.free_at) < tick) {
            --rank.debt;
            refresh_rank(r, std::max(rank.idle_since, rank.free_at));
        }
    }
    while (refresh_due_ <= tick) {
        const Tick due = refresh_due_;
        refresh_due_ += times_->step;
        const int first = spec_->refresh.staggered ? refresh_turn_ : 0;
        const int end = spec_->refresh.staggered ? first + 1 : count;
        refresh_turn_ = end % count;
        for (int r = first; r < end; ++r) {
            Rank& rank = ranks_[at_index(r)];
            if (!all) {
                refresh_some(r, due);
                continue;
            }
            if (rank.queued > 0 && ++rank.debt < times_->most_postponed) continue;
            if (rank.queued > 0) --rank.debt;
            refresh_rank(r, due);
        }
    }
}

void StreamLane::finish(Tick end) {
    refresh_until(end - 1);
    for (int r = 0; r < static_cast<int>(ranks_.size()); ++r) {
        sleep_until(r, end);
        Rank& rank = ranks_[at_index(r)];
        if (rank.open_since >= 0) {
            counters_.active_standby += std::max<Tick>(0, end - rank.open_since);
            rank.open_since = end;
        }
    }
    const Tick other =
        counters_.active_standby + counters_.power_down + counters_.active_power_down;
    counters_.precharged_standby =
        std::max<Tick>(0, end * static_cast<Tick>(ranks_.size()) - other);
}

}  // namespace perfwatt::dram

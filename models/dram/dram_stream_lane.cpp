#include "models/dram/dram_stream_lane.h"

#include <algorithm>

#include "sim/base/math.h"

namespace perfwatt::dram {
namespace {

/// Row commands go out beside earlier ones: a bus may lag behind by what queues hold.
constexpr Tick kAhead = 64;

std::size_t at_index(int i) { return static_cast<std::size_t>(i); }

}  // namespace

StreamLane::StreamLane(const DramSpec& spec, const TimingTable& table,
                       const AddressMapping& mapping, const StreamTimes& times,
                       std::vector<StreamTransfer>& transfers)
    : spec_(&spec),
      table_(&table),
      mapping_(&mapping),
      times_(&times),
      transfers_(&transfers),
      banks_per_rank_(spec.organization.banks_per_rank()),
      sides_(at_index(spec.queues_per_channel())),
      banks_per_side_(spec.organization.total_banks() / spec.queues_per_channel()),
      banks_(at_index(spec.organization.total_banks())),
      groups_(at_index(spec.organization.total_banks() / spec.organization.banks), 0),
      ranks_(at_index(table.nodes[static_cast<std::size_t>(Level::rank)])),
      management_(spec) {
    for (int i = 0; i < spec.organization.total_banks(); ++i) {
        banks_[at_index(i)].group = i / spec.organization.banks;
        banks_[at_index(i)].rank = i / banks_per_rank_;
    }
    for (std::size_t r = 0; r < ranks_.size(); ++r) {
        ranks_[r].activates.fill(-(Tick{1} << 40));
        if (times.step == 0) continue;
        const Tick turn = spec.refresh.staggered ? static_cast<Tick>(r) : 0;
        ranks_[r].refresh_due = times.first_refresh + turn * times.step;
    }
    for (std::size_t i = 0; i < sides_.size(); ++i) {
        sides_[i].first_rank = static_cast<int>(i * ranks_.size() / sides_.size());
        sides_[i].refresh_due = ranks_[at_index(sides_[i].first_rank)].refresh_due;
    }
}

std::int64_t StreamLane::held(const Side& side, bool write, Tick now) const {
    std::int64_t bursts = 0;
    for (const Run& run : side.queues[write].runs) {
        if (run.entered >= now) break;
        const Tick since = now - run.entered - 1;
        const Tick come = run.stride == 1 ? since : since / run.stride;
        bursts += std::min<std::int64_t>(run.bursts, come + 1);
    }
    return std::min<std::int64_t>(bursts, times_->slots[write]);
}

std::int64_t StreamLane::earliest_column(const Side& side) const {
    const bool write = side.writes;
    return side.last_command +
           (write == side.last_write ? times_->pace[write] : times_->turn[write]);
}

void StreamLane::set_direction(Side& side, Tick now) {
    const std::int64_t writes = held(side, true, now);
    const stream::Runs& waiting = side.queues[0].runs;
    const bool reads = !waiting.empty() && waiting.front().entered < now;
    const bool before = side.writes;
    if (!before) {
        if (static_cast<double>(writes) > times_->high_mark || !reads) side.writes = true;
    } else if (static_cast<double>(writes) < times_->low_mark && reads) {
        side.writes = false;
    }
    if (side.queues[side.writes].runs.empty()) side.writes = !side.writes;
    if (side.writes == before) return;
    side.turned = side.last_command / kFine + 1;
    const auto first = banks_.begin() + (&side - sides_.data()) * banks_per_side_;
    std::for_each(first, first + banks_per_side_, [](Bank& bank) { bank.users = 0; });
    for (Run& run : side.queues[before].runs) run.opened = run.borrowed = 0;
}

std::int64_t StreamLane::start_of(const Run& run) const {
    std::int64_t start = kNever;
    for (int i = 0; i < run.banks; ++i) {
        if ((run.opened >> i & 1U) == 0 || run.shares[at_index(i)].left == 0) continue;
        start = std::min(start, available(run.shares[at_index(i)].bank));
    }
    return start;
}

void StreamLane::consider(Side& side, std::size_t index, std::int64_t free) {
    const Queue& queue = side.queues[side.writes];
    const Run& run = queue.runs[index];
    if (run.opened == 0) return;
    // Nobody starts before `free`; of those that do then, the older one is taken.
    if (side.best >= 0 && side.best_start <= free && static_cast<int>(index) > side.best &&
        run.priority <= queue.runs[at_index(side.best)].priority)
        return;
    const std::int64_t ready = start_of(run);
    if (ready == kNever) return;
    const std::int64_t start = std::max({free, ready, (run.entered + 1) * kFine});
    if (side.best >= 0) {
        if (start > side.best_start) return;
        const Run& best = queue.runs[at_index(side.best)];
        if (start == side.best_start &&
            (run.priority != best.priority ? run.priority < best.priority
                                           : static_cast<int>(index) > side.best)) {
            return;
        }
    }
    side.best = static_cast<int>(index);
    side.best_start = start;
}

void StreamLane::choose(Side& side) {
    side.stale = false;
    side.best = -1;
    Tick now = kNever;
    for (const Queue& queue : side.queues) {
        if (!queue.runs.empty()) now = std::min(now, queue.runs.front().entered + 1);
    }
    if (now == kNever) return;
    now = std::max(now, (side.last_command + times_->pace[side.last_write]) / kFine);
    refresh_until(side, now);
    set_direction(side, now);
    if (choose_aged(side, now)) return;
    keep_hits(side, now);
    stream::Runs& runs = side.queues[side.writes].runs;
    const std::int64_t free = std::max(earliest_column(side), bus_free_);
    const auto too_late = [&](const Run& run) {
        return side.best >= 0 && (run.entered + 1) * kFine > side.best_start;
    };
    for (std::size_t i = 0; i < runs.size() && !too_late(runs[i]); ++i) consider(side, i, free);
    // Nobody closes a row before its time: until then somebody may come who hits it.
    for (std::size_t i = 0; i < runs.size() && !too_late(runs[i]); ++i) {
        if (runs[i].all_open()) continue;
        prepare(runs[i], side, side.best < 0 ? kNever : side.best_start / kFine);
        consider(side, i, free);
    }
}

bool StreamLane::choose_aged(Side& side, Tick now) {
    Queue& queue = side.queues[side.writes];
    if (times_->age_limit == 0 || queue.runs.empty()) return false;
    Run& run = queue.runs.front();
    if (now - run.entered <= times_->age_limit) return false;
    if (!run.all_open()) {
        for (int i = 0; i < run.banks; ++i) {
            banks_[at_index(run.shares[at_index(i)].bank)].users = 0;
        }
        run.aged = true;
        ++choices_;  // nobody else's wishes count
        prepare(run, side, kNever);
    }
    consider(side, 0, std::max(earliest_column(side), bus_free_));
    return true;
}

Tick StreamLane::next() {
    if (changed_) admit();
    changed_ = false;
    next_side_ = nullptr;
    for (Side& side : sides_) {
        // The others may have taken the bus of columns.
        if (side.stale || (side.best >= 0 && side.best_start < bus_free_)) choose(side);
        if (side.best < 0) continue;
        if (next_side_ == nullptr || side.best_start < next_side_->best_start) next_side_ = &side;
    }
    return next_side_ == nullptr ? kNever : next_side_->best_start / kFine;
}

std::int64_t StreamLane::chunk_of(const Side& side, const Run& run) const {
    // Where the other direction waits too, no further than to the mark that might be crossed.
    constexpr std::int64_t kMixed = 8;
    if (run.borrowed != 0) return std::min<std::int64_t>(run.bursts, run.banks);
    if (side.queues[!side.writes].runs.empty()) return run.bursts;
    const std::int64_t now = side.best_start / kFine;
    const auto writes = static_cast<double>(held(side, true, now));
    const double left =
        side.writes ? writes - times_->low_mark
                    : (times_->high_mark - writes) * kFine / static_cast<double>(times_->pace[0]);
    return std::clamp<std::int64_t>(static_cast<std::int64_t>(left) + 1, 1,
                                    std::min(run.bursts, kMixed));
}

void StreamLane::leave(Queue& queue, std::int64_t bursts, std::int64_t end, std::int64_t pace) {
    // Those that have left for their banks meanwhile come first.
    std::size_t opened = 0;
    for (; opened < queue.opened.size() && queue.opened[opened] * kFine <= end; ++opened) {
        queue.marks.push_back(
            {.bursts = ++queue.served, .end = queue.opened[opened] * kFine, .each = 0});
    }
    queue.opened.erase(queue.opened.begin(),
                       queue.opened.begin() + static_cast<std::ptrdiff_t>(opened));
    if (bursts == 0) return;
    queue.served += bursts;
    queue.marks.push_back({.bursts = queue.served, .end = end, .each = pace});
}

void StreamLane::serve() {
    Side& side = *next_side_;
    Queue& queue = side.queues[side.writes];
    Run& run = queue.runs[at_index(side.best)];
    StreamTransfer& transfer = (*transfers_)[run.transfer];
    const bool write = transfer.write;
    const std::int64_t most = chunk_of(side, run);
    const std::int64_t pace = times_->pace[write];
    std::int64_t end = side.best_start;
    const std::int64_t n = serve_banks(run, most, end);
    bus_free_ = std::max(bus_free_, side.best_start - kAhead * kFine) +
                (n * times_->column_ticks[write] + row_commands_) * kFine;
    row_commands_ = 0;
    side.last_write = write;
    side.last_command = end;
    const Tick last = end / kFine;
    side.moves.push_back({.from = side.best_start,
                          .to = side.last_command + pace,
                          .before = side.column_commands * table_->burst,
                          .data = n * table_->burst});
    side.column_commands += n;
    counters_.add(transfer.layer, write ? Command::write : Command::read, n);
    const int missed = static_cast<int>(std::min<std::int64_t>(n, run.misses));
    run.misses -= missed;
    counters_.row_hits += n - missed;
    const std::int64_t waited = std::min<std::int64_t>(n, run.waiting);
    run.waiting -= static_cast<int>(waited);
    leave(queue, n - waited, side.last_command, pace);
    run.bursts -= n;
    run.entered = std::min(run.entered, last);
    transfer.data_end = std::max(transfer.data_end, last + times_->latency[write]);
    transfer.bursts_left -= n * stands_for_;
    if (transfer.bursts_left == 0) finished_.push_back(run.transfer);
    if (run.bursts == 0) queue.runs.erase(at_index(side.best));
    side.stale = true;
    changed_ = true;
}

bool StreamLane::in_turn(const Run& run, std::int64_t most, std::int64_t start) const {
    if (!run.even || !run.all_open()) return false;
    const std::int64_t pace = times_->pace[(*transfers_)[run.transfer].write];
    const int used = static_cast<int>(std::min<std::int64_t>(most, run.banks));
    for (int i = 0, turn = run.turn; i < used; ++i, start += pace) {
        if (available(run.shares[at_index(turn)].bank) > start) return false;
        if (++turn == run.banks) turn = 0;
    }
    return true;
}

void StreamLane::use_bank(Run& run, int share, std::int64_t bursts, std::int64_t last) {
    const bool write = (*transfers_)[run.transfer].write;
    Run::Share& its = run.shares[at_index(share)];
    Bank& bank = banks_[at_index(its.bank)];
    bank.closable = std::max(bank.closable, last / kFine + times_->close_after[write]);
    groups_[at_index(bank.group)] = last + times_->same_bank[write];
    its.left = static_cast<std::int16_t>(its.left - bursts);
    Rank& rank = ranks_[at_index(bank.rank)];
    rank.idle_since = std::max(rank.idle_since, last / kFine);
    rank.asked = std::max(rank.asked, last / kFine);
    if (its.left > 0) return;
    if (bank.users > 0) --bank.users;
    --rank.queued;
    if (spec_->controller.page != PagePolicy::open) {
        close_page(run, bank, its.bank);
    }
}

std::int64_t StreamLane::serve_banks(Run& run, std::int64_t most, std::int64_t& start) {
    const std::int64_t pace = times_->pace[(*transfers_)[run.transfer].write];
    if (in_turn(run, most, start)) {
        const std::int64_t end = start + (most - 1) * pace;
        const std::int64_t used = std::min<std::int64_t>(most, run.banks);
        // The last bursts, one a bank, backwards.
        run.turn = static_cast<int>((run.turn + most) % run.banks);
        std::int64_t rounds = (most - 1) / run.banks + 1;
        const std::int64_t full = most - (rounds - 1) * run.banks;  // banks that have as many
        int turn = run.turn;
        for (std::int64_t i = 0; i < used; ++i) {
            if (i == full) --rounds;
            if (--turn < 0) turn = run.banks - 1;
            use_bank(run, turn, rounds, end - i * pace);
        }
        start = end;
        return most;
    }
    run.even = false;
    std::int64_t served = 0;
    for (std::int64_t at = start; served < most; at = start + pace) {
        int best = -1;
        std::int64_t best_at = kNever;
        int turn = run.turn - 1;
        for (int i = 0; i < run.banks && best_at > at; ++i) {
            if (++turn == run.banks) turn = 0;
            const Run::Share& share = run.shares[at_index(turn)];
            if ((run.opened >> turn & 1U) == 0 || share.left == 0) continue;
            const std::int64_t free = available(share.bank);
            if (free >= best_at) continue;
            best = turn;
            best_at = free;
        }
        // Others may use the time until a bank is ready.
        if (best < 0 || (served > 0 && best_at > at + pace && !run.aged)) break;
        start = std::max(at, best_at);
        use_bank(run, best, 1, start);
        run.turn = best + 1 == run.banks ? 0 : best + 1;
        ++served;
    }
    return served;
}

Tick StreamLane::data_ticks(Tick at) const {
    const std::int64_t fine = at * kFine;
    std::int64_t moved = 0;
    for (const Side& side : sides_) {
        std::int64_t of_side = 0;
        for (const Move& move : side.moves) {
            if (move.from > fine) break;
            const std::int64_t passed = std::min(fine, move.to) - move.from;
            const std::int64_t span = std::max<std::int64_t>(1, move.to - move.from);
            of_side = move.before + move.data * passed / span;
        }
        moved += of_side;
    }
    return moved;
}

void StreamLane::follow(const StreamLane& other, const StreamLane& before) {
    StreamLane next = other;
    next.stands_for_ = 1;
    next.next_side_ = nullptr;
    next.counters_ = counters_;
    next.counters_.add_difference(other.counters_, before.counters_);
    for (std::size_t i = 0; i < sides_.size(); ++i) {
        const std::int64_t own = sides_[i].column_commands - before.sides_[i].column_commands;
        next.sides_[i].column_commands += own;
        for (Move& move : next.sides_[i].moves) move.before += own * table_->burst;
    }
    *this = std::move(next);
}

void StreamLane::count_more(int layer, bool write, std::int64_t bursts) {
    counters_.add(layer, write ? Command::write : Command::read, bursts);
    counters_.row_hits += bursts;
    sides_.front().column_commands += bursts;
}

void StreamLane::forget_moves_before(Tick at) {
    for (Side& side : sides_) {
        while (side.moves.size() > 1 && side.moves[1].from <= at * kFine) side.moves.pop_front();
    }
}

}  // namespace perfwatt::dram

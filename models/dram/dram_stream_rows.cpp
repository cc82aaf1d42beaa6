// The part of StreamLane that opens, keeps and closes rows.
#include <algorithm>

#include "models/dram/dram_stream_lane.h"

namespace perfwatt::dram {
namespace {

std::size_t at_index(int i) { return static_cast<std::size_t>(i); }

}  // namespace

Tick StreamLane::activate(Rank& rank, Tick start) const {
    // Banks open their rows when they can, not in the order in which this is found out.
    const Tick window = times_->window + times_->second_part;
    Tick latest = rank.activates[0];
    int recent = 0;
    for (const Tick other : rank.activates) {
        latest = std::max(latest, other);
        recent += other > start - window ? 1 : 0;
    }
    const bool free = start >= latest + times_->activate_gap && recent < times_->window_size;
    for (bool moved = !free; moved;) {
        moved = false;
        int within = 0;
        Tick oldest = kNever;
        for (const Tick other : rank.activates) {
            if (other > start - times_->activate_gap && other < start + times_->activate_gap) {
                start = other + times_->activate_gap;
                moved = true;
                break;
            }
            if (other > start || other <= start - window) continue;
            ++within;
            oldest = std::min(oldest, other);
        }
        if (moved || times_->window == 0) continue;
        if (within >= times_->window_size) {
            start = oldest + window;
            moved = true;
            continue;
        }
        // One that is to come later must keep its window too.
        for (const Tick later : rank.activates) {
            if (later <= start || later >= start + window) continue;
            const auto before =
                std::count_if(rank.activates.begin(), rank.activates.end(),
                              [&](Tick other) { return other <= later && other > later - window; });
            if (before < times_->window_size) continue;
            start = later + times_->activate_gap;
            moved = true;
            break;
        }
    }
    *std::min_element(rank.activates.begin(), rank.activates.end()) = start;
    return start;
}

Tick StreamLane::open_row(int number, const Run& run, Tick from) {
    Bank& bank = banks_[at_index(number)];
    const bool write = (*transfers_)[run.transfer].write;
    Rank& rank = ranks_[at_index(bank.rank)];
    Tick start = std::max({from, rank.free_at, rank.awake_from});
    Tick bus = times_->activate_ticks;
    if (bank.row >= 0) {
        start = std::max(start, bank.closable) + times_->close;
        bus += times_->precharge_ticks;
        ++counters_.row_conflicts;
        bank.habit = std::min(3, bank.habit + 1);
    } else {
        // A row that is opened again was closed too early.
        if (bank.closed_row == run.row && bank.habit > 0) --bank.habit;
        ++rank.open_rows;
    }
    bank.closed_row = -1;
    if (management_.due(number)) start = manage(number, start);
    start = std::max(start, bank.cycle);
    if (times_->one_bus) {
        row_commands_ += bus;
    } else {
        row_bus_free_ = std::max(row_bus_free_, bus_free_ / kFine) + bus;
        start = std::max(start, row_bus_free_);
    }
    start = activate(rank, start);
    if (management_.needed()) (void)management_.activated(number);
    if (rank.open_since < 0) rank.open_since = start;
    bank.row = run.row;
    bank.ready = start + times_->open[write];
    bank.closable = start + times_->keep_open;
    bank.cycle = start + times_->row_cycle;
    const int layer = (*transfers_)[run.transfer].layer;
    counters_.add(layer, Command::activate);
    counters_.add_rows_closed(layer, 1);
    return start;
}

void StreamLane::keep_hits(Side& side, Tick now) {
    // Bursts that find their row open go on; where an older one waits to close it, only until it
    // can be closed.
    ++choices_;
    for (Run& run : side.queues[side.writes].runs) {
        if ((run.all_open() && run.borrowed == 0) || run.entered >= now) continue;
        for (int i = 0; i < run.banks; ++i) {
            const Run::Share& share = run.shares[at_index(i)];
            Bank& bank = banks_[at_index(share.bank)];
            const std::uint32_t bit = std::uint32_t{1} << i;
            if (share.left == 0) continue;
            if ((run.borrowed & bit) != 0) {
                run.opened &= ~bit;
                run.borrowed &= ~bit;
                if (bank.users > 0) --bank.users;
            }
            if ((run.opened & bit) != 0) continue;
            if (bank.row != run.row) {
                bank.wanted = choices_;
                continue;
            }
            if (run.entered >= bank.closable) continue;
            if (bank.wanted == choices_) {
                if (now >= bank.closable) continue;
                run.borrowed |= bit;
            }
            run.opened |= bit;
            ++bank.users;
        }
    }
}

void StreamLane::prepare(Run& run, Side& side, Tick limit) {
    Tick from = std::max(run.entered + 1, side.turned);
    for (int i = 0; i < run.banks; ++i) {
        if ((run.opened >> i & 1U) != 0) continue;
        Bank& bank = banks_[at_index(run.shares[at_index(i)].bank)];
        if (run.shares[at_index(i)].left > 0 && bank.row == run.row) {
            if (bank.wanted == choices_) continue;  // see keep_hits()
        } else if (run.shares[at_index(i)].left > 0) {
            // A row that another run of this direction still needs is left open.
            if (bank.users > 0) continue;
            if (bank.row >= 0 && bank.closable > limit) continue;
            const Tick at = open_row(run.shares[at_index(i)].bank, run, from);
            ++run.misses;
            if ((run.waited >> i & 1U) == 0) {
                run.waited |= std::uint32_t{1} << i;
                ++run.waiting;
                std::vector<Tick>& opened = side.queues[side.writes].opened;
                opened.insert(std::upper_bound(opened.begin(), opened.end(), at), at);
                changed_ = true;
            }
            if (run.aged) from = std::max(bank.ready, earliest_column(side) / kFine) + 1;
        }
        run.opened |= std::uint32_t{1} << i;
        if (run.shares[at_index(i)].left > 0) ++bank.users;
    }
}

void StreamLane::close_page(const Run& run, Bank& bank, int number) {
    bool waited_for = false;
    for (const Queue& queue : sides_[at_index(side_of(number))].queues) {
        for (const Run& other : queue.runs) {
            const auto end = other.shares.begin() + other.banks;
            const auto its = std::find_if(other.shares.begin(), end, [&](const Run::Share& share) {
                return share.bank == number && share.left > 0;
            });
            if (its == end || other.entered > bank.closable) continue;
            if (other.row == bank.row) return;
            waited_for = true;
        }
    }
    // What goes on there has its place in the queue, where single bursts enter it.
    for (const Source& source : sources_) {
        if (source.parts.empty()) continue;
        if (source.handed < source.pieces.size() && source.pieces.back().block == run.block) return;
        if (source.parts.front().at / mapping_->run_bursts() == run.block) return;
    }
    const bool adaptive = spec_->controller.page == PagePolicy::adaptive;
    if (adaptive && bank.habit < 2 && !waited_for) return;
    bank.closed_row = bank.row;
    bank.row = -1;
    bank.cycle = std::max(bank.cycle, bank.closable + times_->close);
    Rank& rank = ranks_[at_index(bank.rank)];
    if (--rank.open_rows > 0) return;
    counters_.active_standby += std::max<Tick>(0, bank.closable - rank.open_since);
    rank.open_since = -1;
}

}  // namespace perfwatt::dram

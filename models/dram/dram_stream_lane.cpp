#include "models/dram/dram_stream_lane.h"

#include <algorithm>

#include "sim/base/math.h"

namespace perfwatt::dram {
namespace {

constexpr std::int64_t kFine = StreamTimes::kFine;
/// Row commands go out beside earlier ones: a bus may lag behind by what queues hold.
constexpr Tick kAhead = 64;
/// As the feed of the exact timing.
constexpr int kTurnBursts = 64;
constexpr std::int64_t kShareUnit = 1 << 16;

std::size_t at_index(int i) { return static_cast<std::size_t>(i); }

}  // namespace

StreamLane::StreamLane(const DramSpec& spec, const TimingTable& table,
                       const AddressMapping& mapping, const StreamTimes& times, int channel,
                       std::vector<StreamTransfer>& transfers)
    : spec_(&spec),
      table_(&table),
      mapping_(&mapping),
      times_(&times),
      transfers_(&transfers),
      channel_(channel),
      banks_per_rank_(spec.organization.banks_per_rank()),
      banks_(at_index(spec.organization.total_banks())),
      ranks_(at_index(table.nodes[static_cast<std::size_t>(Level::rank)])) {
    if (times.step > 0) refresh_due_ = times.step;
    for (Rank& rank : ranks_) rank.activates.fill(-(Tick{1} << 40));
}

StreamLane::Source& StreamLane::source_of(int master) {
    for (Source& source : sources_) {
        if (source.master == master) return source;
    }
    Source source;
    source.master = master;
    for (const MasterShare& share : spec_->controller.masters) {
        if (share.master != master) continue;
        source.weight = std::max(1, share.weight);
        source.priority = share.priority;
    }
    turn_left_ = 0;
    const auto at = std::find_if(sources_.begin(), sources_.end(),
                                 [&](const Source& other) { return other.master > master; });
    return *sources_.insert(at, std::move(source));
}

void StreamLane::next_segment(Part& part) const {
    const StreamTransfer& transfer = (*transfers_)[part.transfer];
    const std::int64_t burst = spec_->organization.burst_bytes();
    while (part.at == part.stop && part.next_row < transfer.rows) {
        const std::int64_t begin = transfer.address + part.next_row * transfer.pitch_bytes;
        part.at = mapping_->bursts_before(begin / burst, channel_);
        part.stop = mapping_->bursts_before(ceil_div(begin + transfer.row_bytes, burst), channel_);
        ++part.next_row;
    }
}

void StreamLane::add(std::uint32_t transfer, std::int64_t bursts) {
    if (bursts == 0) return;
    Source& source = source_of((*transfers_)[transfer].master);
    if (source.parts.empty()) {
        for (const Source& other : sources_) {
            if (!other.parts.empty()) source.served = std::max(source.served, other.served);
        }
    }
    Part part{.transfer = transfer, .left = bursts};
    next_segment(part);
    source.parts.push_back(part);
    stale_ = true;
}

StreamLane::Source* StreamLane::next_source() {
    Source* best = nullptr;
    Tick best_from = 0;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
        Source& source = sources_[i];
        if (source.parts.empty()) continue;
        const Tick from =
            std::max(feed_from_, (*transfers_)[source.parts.front().transfer].arrival);
        if (best != nullptr) {
            if (from > best_from) continue;
            if (from == best_from) {
                if (source.priority != best->priority) {
                    if (source.priority < best->priority) continue;
                } else if (turn_left_ > 0 && (i == current_ || best == &sources_[current_])) {
                    if (i != current_) continue;
                } else if (source.served >= best->served) {
                    continue;
                }
            }
        }
        best = &source;
        best_from = from;
    }
    return best;
}

bool StreamLane::slot_known(Queue& queue, bool write, Tick& free) const {
    const std::int64_t needed = queue.admitted - times_->slots[write] + 1;
    if (needed <= 0) return true;
    if (queue.served < needed) return false;
    while (queue.head + 1 < queue.marks.size() && queue.marks[queue.head].bursts < needed) {
        ++queue.head;
    }
    const Mark& mark = queue.marks[queue.head];
    free = std::max(free, (mark.end - (mark.bursts - needed) * mark.each) / kFine + 1);
    constexpr std::size_t kKeep = 256;
    if (queue.head > kKeep) {
        queue.marks.erase(queue.marks.begin(),
                          queue.marks.begin() + static_cast<std::ptrdiff_t>(queue.head));
        queue.head = 0;
    }
    return true;
}

void StreamLane::locate(Run& run, std::int64_t first) const {
    const std::int64_t block = mapping_->run_block();
    const std::int64_t banks = std::min<std::int64_t>(
        {mapping_->run_banks(), (first % block + run.bursts + block - 1) / block, kMostBanks});
    run.banks = static_cast<int>(banks);
    for (int i = 0; i < run.banks; ++i) {
        const BurstPlace place =
            mapping_->place(first + std::min<std::int64_t>(i * block, run.bursts - 1));
        run.bank[at_index(i)] = static_cast<std::int16_t>(place.bank);
        run.row = place.row;
    }
}

void StreamLane::admit() {
    const std::int64_t boundary = mapping_->run_bursts();
    while (Source* source = next_source()) {
        Part& part = source->parts.front();
        const StreamTransfer& transfer = (*transfers_)[part.transfer];
        Queue& queue = queues_[transfer.write];
        Tick entered = std::max(feed_from_, transfer.arrival);
        if (!slot_known(queue, transfer.write, entered)) return;
        const auto mine = static_cast<std::size_t>(source - sources_.data());
        if (current_ != mine || turn_left_ <= 0) turn_left_ = kTurnBursts;
        current_ = mine;
        Run run;
        run.transfer = part.transfer;
        run.order = next_order_++;
        run.bursts = std::min(part.stop, (part.at / boundary + 1) * boundary) - part.at;
        // What does not fit waits outside, so that it is the next to come.
        const std::int64_t most = sources_.size() > 1
                                      ? std::min<std::int64_t>(turn_left_, times_->slots[0])
                                      : times_->slots[transfer.write];
        run.bursts = std::min(run.bursts, most);
        run.entered = entered;
        run.priority = source->priority;
        locate(run, part.at);
        turn_left_ -= static_cast<int>(run.bursts);
        source->served += kShareUnit / source->weight * run.bursts;
        // Its bursts come one a tick, as slots are free.
        queue.admitted += run.bursts;
        feed_from_ = entered + run.bursts;
        part.at += run.bursts;
        part.left -= run.bursts;
        if (part.at == part.stop) next_segment(part);
        if (part.left == 0) {
            turn_left_ = 0;
            source->parts.pop_front();
        }
        for (int i = 0; i < run.banks; ++i) {
            Rank& rank = ranks_[at_index(run.bank[at_index(i)] / banks_per_rank_)];
            if (rank.queued++ == 0) {
                sleep_until(run.bank[at_index(i)] / banks_per_rank_, entered);
            }
        }
        queue.runs.push_back(run);
    }
}

std::int64_t StreamLane::held(bool write, Tick now) const {
    std::int64_t bursts = 0;
    for (const Run& run : queues_[write].runs) {
        if (run.entered >= now) break;
        bursts += std::min<std::int64_t>(run.bursts, now - run.entered);
    }
    return std::min<std::int64_t>(bursts, times_->slots[write]);
}

std::int64_t StreamLane::earliest_column(bool write) const {
    return last_command_ + (write == last_write_ ? times_->pace[write] : times_->turn[write]);
}

void StreamLane::set_direction(Tick now) {
    const std::int64_t writes = held(true, now);
    const std::int64_t reads = held(false, now);
    const bool before = writes_;
    if (!writes_) {
        if (static_cast<double>(writes) > times_->high_mark || reads == 0) writes_ = true;
    } else if (static_cast<double>(writes) < times_->low_mark && reads != 0) {
        writes_ = false;
    }
    if (queues_[writes_].runs.empty()) writes_ = !writes_;
    if (writes_ == before) return;
    for (Bank& bank : banks_) bank.users = 0;
    for (Run& run : queues_[before].runs) run.prepared = false;
}

Tick StreamLane::activate(Rank& rank, Tick start) const {
    // Banks open their rows when they can, not in the order in which this is found out.
    const Tick window = times_->window + times_->second_part;
    for (bool moved = true; moved;) {
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

void StreamLane::open_row(Bank& bank, int rank_index, const Run& run) {
    const bool write = (*transfers_)[run.transfer].write;
    Rank& rank = ranks_[at_index(rank_index)];
    Tick start = std::max({run.entered + 1, rank.free_at, rank.awake_from});
    if (bank.row >= 0) {
        start = std::max(start, bank.closable) + times_->close;
        ++counters_.row_conflicts;
    }
    start = std::max(start, bank.cycle);
    if (times_->one_bus) {
        row_commands_ += times_->row_ticks;
    } else {
        row_bus_free_ = std::max(row_bus_free_, run.entered) + times_->row_ticks;
        start = std::max(start, row_bus_free_);
    }
    start = activate(rank, start);
    if (rank.open_since < 0) rank.open_since = start;
    bank.row = run.row;
    bank.ready = start + times_->open[write];
    bank.closable = start + times_->keep_open;
    bank.cycle = start + times_->row_cycle;
    const int layer = (*transfers_)[run.transfer].layer;
    counters_.add(layer, Command::activate);
    counters_.add_rows_closed(layer, 1);
}

void StreamLane::keep_hits(Tick now) {
    // Bursts that find their row open go on until another row could be opened at last.
    for (Run& run : queues_[writes_].runs) {
        if (run.prepared || run.entered >= now) continue;
        bool hit = true;
        for (int i = 0; i < run.banks && hit; ++i) {
            const Bank& bank = banks_[at_index(run.bank[at_index(i)])];
            hit = bank.row == run.row && run.entered < bank.closable;
        }
        if (hit) prepare(run);
    }
}

void StreamLane::prepare(Run& run) {
    // A row that another run of this direction still needs is left open.
    for (int i = 0; i < run.banks; ++i) {
        const Bank& bank = banks_[at_index(run.bank[at_index(i)])];
        if (bank.row != run.row && bank.users > 0) return;
    }
    run.prepared = true;
    run.first_ready = kNever;
    run.last_ready = 0;
    for (int i = 0; i < run.banks; ++i) {
        const int number = run.bank[at_index(i)];
        Bank& bank = banks_[at_index(number)];
        if (bank.row != run.row) {
            open_row(bank, number / banks_per_rank_, run);
            run.missed = true;
        }
        ++bank.users;
        run.first_ready = std::min(run.first_ready, bank.ready);
        run.last_ready = std::max(run.last_ready, bank.ready);
    }
}

void StreamLane::choose() {
    stale_ = false;
    best_ = -1;
    admit();
    Tick now = kNever;
    for (const Queue& queue : queues_) {
        if (!queue.runs.empty()) now = std::min(now, queue.runs.front().entered + 1);
    }
    if (now == kNever) return;
    now = std::max(now, (last_command_ + times_->pace[last_write_]) / kFine);
    refresh_until(now);
    set_direction(now);
    keep_hits(now);
    Queue& queue = queues_[writes_];
    const std::int64_t free = std::max(earliest_column(writes_), bus_free_);
    for (std::size_t i = 0; i < queue.runs.size(); ++i) {
        Run& run = queue.runs[i];
        if (best_ >= 0 && (run.entered + 1) * kFine > best_start_) break;  // later than the best
        if (!run.prepared) prepare(run);
        if (!run.prepared) continue;
        const std::int64_t start =
            std::max({free, run.first_ready * kFine, (run.entered + 1) * kFine});
        const bool sooner =
            best_ < 0 || start < best_start_ ||
            (start == best_start_ && run.priority > queue.runs[at_index(best_)].priority);
        if (!sooner) continue;
        best_ = static_cast<int>(i);
        best_start_ = start;
    }
}

Tick StreamLane::next() {
    if (stale_) choose();
    return best_ < 0 ? kNever : best_start_ / kFine;
}

std::int64_t StreamLane::chunk_of(const Run& run) const {
    // Where the other direction waits too, the marks are looked at more often.
    constexpr std::int64_t kMixed = 8;
    const bool mixed = !queues_[!writes_].runs.empty();
    return mixed ? std::min(run.bursts, kMixed) : run.bursts;
}

void StreamLane::serve() {
    Queue& queue = queues_[writes_];
    Run& run = queue.runs[at_index(best_)];
    StreamTransfer& transfer = (*transfers_)[run.transfer];
    const bool write = transfer.write;
    const std::int64_t n = chunk_of(run);
    const std::int64_t pace = times_->pace[write];
    last_command_ = best_start_ + (n - 1) * pace;
    bus_free_ = std::max(bus_free_, best_start_ - kAhead * kFine) +
                (n * times_->column_ticks[write] + row_commands_) * kFine;
    row_commands_ = 0;
    last_write_ = write;
    const std::int64_t rounds = ceil_div(n, static_cast<std::int64_t>(run.banks)) - 1;
    const std::int64_t end =
        std::max(last_command_, run.last_ready * kFine + rounds * times_->same_bank[write]);
    const Tick last = end / kFine;
    moves_.push_back({.from = best_start_,
                      .to = last_command_ + pace,
                      .before = column_commands_ * table_->burst,
                      .data = n * table_->burst});
    column_commands_ += n;
    counters_.add(transfer.layer, write ? Command::write : Command::read, n);
    counters_.row_hits += run.missed ? std::max<std::int64_t>(0, n - run.banks) : n;
    run.missed = false;
    queue.served += n;
    queue.marks.push_back({.bursts = queue.served, .end = last_command_, .each = pace});
    run.bursts -= n;
    run.entered = std::min(run.entered, last);
    transfer.data_end = std::max(transfer.data_end, last + times_->latency[write]);
    transfer.bursts_left -= n;
    if (transfer.bursts_left == 0) finished_.push_back(run.transfer);
    for (int i = 0; i < run.banks; ++i) {
        const int number = run.bank[at_index(i)];
        Bank& bank = banks_[at_index(number)];
        // Its own last burst of the chunk, of which the banks of a run take turns.
        const std::int64_t turn = (i + run.banks - run.offset % run.banks) % run.banks;
        const std::int64_t behind = turn < n ? (n - 1 - turn) % run.banks : 0;
        const Tick own = (end - behind * pace) / kFine;
        bank.closable = std::max(bank.closable, own + times_->close_after[write]);
        Rank& rank = ranks_[at_index(number / banks_per_rank_)];
        rank.idle_since = std::max(rank.idle_since, last);
        if (run.bursts > 0) continue;
        if (bank.users > 0) --bank.users;
        --rank.queued;
    }
    run.offset += static_cast<int>(n);
    if (run.bursts == 0) queue.runs.erase(queue.runs.begin() + best_);
    stale_ = true;
}

Tick StreamLane::data_ticks(Tick at) const {
    const std::int64_t fine = at * kFine;
    std::int64_t moved = 0;
    for (const Move& move : moves_) {
        if (move.from > fine) break;
        const std::int64_t passed = std::min(fine, move.to) - move.from;
        moved = move.before + move.data * passed / std::max<std::int64_t>(1, move.to - move.from);
    }
    return moved;
}

void StreamLane::forget_moves_before(Tick at) {
    while (moves_.size() > 1 && moves_[1].from <= at * kFine) moves_.pop_front();
}

}  // namespace perfwatt::dram

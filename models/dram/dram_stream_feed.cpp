// The part of StreamLane that hands transfers over to the queues, a run at a time.
#include <algorithm>

#include "models/dram/dram_stream_lane.h"
#include "sim/base/math.h"

namespace perfwatt::dram {
namespace {

/// As the feed of the exact timing.
constexpr int kTurnBursts = 64;
constexpr std::int64_t kShareUnit = 1 << 16;
/// Of a run, where masters compete for slots.
constexpr std::int64_t kPiece = 4;

std::size_t at_index(int i) { return static_cast<std::size_t>(i); }

/// Of `n` things of which each bank in turn gets `block`, those that fall to bank `i` of `banks`.
std::int64_t share_of(std::int64_t n, std::int64_t block, int banks, int i) {
    if (n == 0) return 0;
    const std::int64_t round = block * banks;
    return n / round * block + std::clamp<std::int64_t>(n % round - i * block, 0, block);
}

}  // namespace

StreamLane::Source& StreamLane::source_of(int master) {
    for (Source& source : sources_) {
        if (source.master == master) return source;
    }
    Source source;
    source.master = master;
    source.behind.assign(sides_.size(), 0);
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
        part.at = mapping_->bursts_before(begin / burst, part.channel);
        part.stop =
            mapping_->bursts_before(ceil_div(begin + transfer.row_bytes, burst), part.channel);
        ++part.next_row;
    }
}

void StreamLane::add(std::uint32_t transfer, std::int64_t bursts, int channel) {
    Source& source = source_of((*transfers_)[transfer].master);
    if (source.parts.empty()) {
        for (const Source& other : sources_) {
            if (!other.parts.empty()) source.served = std::max(source.served, other.served);
        }
    }
    Part part{.transfer = transfer, .channel = channel, .left = bursts};
    next_segment(part);
    source.parts.push_back(part);
    changed_ = true;
}

StreamLane::Source* StreamLane::next_source() {
    Source* best = nullptr;
    Tick best_from = 0;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
        Source& source = sources_[i];
        if (source.parts.empty() || source.held_up) continue;
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

bool StreamLane::gone(Queue& queue, std::int64_t needed, Tick& free) {
    if (needed <= 0) return true;
    if (queue.served < needed) {
        const auto ahead = static_cast<std::size_t>(needed - queue.served);
        if (queue.opened.size() < ahead) return false;
        free = std::max(free, queue.opened[ahead - 1] + 1);
        return true;
    }
    while (queue.head + 1 < queue.marks.size() && queue.marks[queue.head].bursts < needed) {
        ++queue.head;
    }
    const Mark& mark = queue.marks[queue.head];
    const std::int64_t behind = std::max<std::int64_t>(0, mark.bursts - needed);
    free = std::max(free, (mark.end - behind * mark.each) / kFine + 1);
    constexpr std::size_t kKeep = 256;
    if (queue.head > kKeep) {
        queue.marks.erase(queue.marks.begin(),
                          queue.marks.begin() + static_cast<std::ptrdiff_t>(queue.head));
        queue.head = 0;
    }
    return true;
}

bool StreamLane::slot_known(Source& source, Run& piece) {
    // What its master handed over before must have found its place.
    piece.entered = std::max(feed_from_, piece.entered);
    for (std::size_t i = 0; i < sides_.size(); ++i) {
        if (source.behind[i] <= 0) continue;
        Queue& queue = sides_[i].queues[source.behind_writes];
        if (!gone(queue, source.behind[i], piece.entered)) return false;
        source.behind[i] = 0;
    }
    const bool write = (*transfers_)[piece.transfer].write;
    Queue& queue = sides_[at_index(side_of(piece.shares[0].bank))].queues[write];
    return gone(queue, queue.admitted - times_->slots[write] + 1, piece.entered);
}

void StreamLane::locate(Run& run, std::int64_t first) {
    const std::int64_t step = mapping_->run_block();
    const std::int64_t block = first / mapping_->run_bursts();
    const std::int64_t phase = first % (step * mapping_->run_banks());
    if (located_.block != block || located_.phase != phase) {
        located_.block = block;
        located_.phase = phase;
        located_.banks = 0;
    }
    const std::int64_t banks = std::min<std::int64_t>(
        {mapping_->run_banks(), (first % step + run.bursts + step - 1) / step, stream::kMostBanks});
    run.banks = static_cast<int>(banks);
    for (; located_.banks < run.banks; ++located_.banks) {
        const BurstPlace place = mapping_->place(first + located_.banks * step -
                                                 (located_.banks > 0 ? first % step : 0));
        located_.bank[at_index(located_.banks)] = static_cast<std::int16_t>(place.bank);
        located_.row = place.row;
    }
    run.row = located_.row;
    run.block = block;
    const std::int64_t begin = first % step;
    for (int i = 0; i < run.banks; ++i) {
        const std::int64_t left =
            share_of(begin + run.bursts, step, run.banks, i) - share_of(begin, step, run.banks, i);
        run.shares[at_index(i)] = {located_.bank[at_index(i)], static_cast<std::int16_t>(left)};
    }
}

StreamLane::Run StreamLane::part_of(const Run& run, int side) const {
    Run part = run;
    part.banks = 0;
    part.bursts = 0;
    Tick before = 0;
    for (int i = 0; i < run.banks; ++i) {
        const Run::Share& share = run.shares[at_index(i)];
        if (side_of(share.bank) == side) {
            if (part.banks == 0) part.entered = run.entered + before;
            part.shares[at_index(part.banks++)] = share;
            part.bursts += share.left;
        }
        before += mapping_->run_block();
    }
    if (part.bursts > 0 && mapping_->run_block() == 1) part.stride = run.bursts / part.bursts;
    return part;
}

void StreamLane::enter(const Run& run, bool write) {
    Side& side = sides_[at_index(side_of(run.shares[0].bank))];
    side.queues[write].admitted += run.bursts;
    for (int i = 0; i < run.banks; ++i) {
        const int rank = banks_[at_index(run.shares[at_index(i)].bank)].rank;
        if (ranks_[at_index(rank)].queued == 0) {
            // What fell due while it was idle was not put off.
            const Tick idle = run.entered - ranks_[at_index(rank)].idle_since;
            if (idle > times_->refresh) refresh_until(side, run.entered);
            sleep_until(rank, run.entered);
        }
        ++ranks_[at_index(rank)].queued;
    }
    side.queues[write].runs.push_back(run);
    side.stale = true;
}

void StreamLane::cut(Source& source, int turn) {
    Part& part = source.parts.front();
    const std::int64_t boundary = mapping_->run_bursts();
    Run run;
    run.transfer = part.transfer;
    run.priority = source.priority;
    run.entered = (*transfers_)[part.transfer].arrival;
    run.bursts = std::min(part.stop, (part.at / boundary + 1) * boundary) - part.at;
    // What does not fit waits outside, so that it is the next to come; but not where another master
    // might come first.
    const bool write = (*transfers_)[part.transfer].write;
    std::int64_t most = times_->slots[write] * static_cast<std::int64_t>(sides_.size());
    if (sources_.size() > 1) {
        std::int64_t room = 0;
        for (const Side& side : sides_) {
            const Queue& queue = side.queues[write];
            room += times_->slots[write] - queue.admitted + queue.served +
                    static_cast<std::int64_t>(queue.opened.size());
        }
        // Pseudo channels let masters overtake each other burst by burst.
        const auto sides = static_cast<std::int64_t>(sides_.size());
        const std::int64_t least = sides > 1 ? sides : kPiece;
        most = std::min<std::int64_t>(turn, std::max(room, least));
    }
    run.bursts = std::min(run.bursts, most);
    locate(run, part.at);
    source.handed = 0;
    source.pieces.clear();
    part.at += run.bursts;
    part.left -= run.bursts;
    if (part.at == part.stop) next_segment(part);
    if (sides_.size() == 1) {
        source.pieces.push_back(run);
        return;
    }
    for (int i = 0; i < static_cast<int>(sides_.size()); ++i) {
        const Run piece = part_of(run, i);
        if (piece.bursts > 0) source.pieces.push_back(piece);
    }
}

void StreamLane::admit() {
    for (Source& source : sources_) source.held_up = false;
    while (Source* source = next_source()) {
        const auto mine = static_cast<std::size_t>(source - sources_.data());
        if (source->handed == source->pieces.size()) {
            cut(*source, current_ == mine && turn_left_ > 0 ? turn_left_ : kTurnBursts);
        }
        Run& piece = source->pieces[source->handed];
        if (!slot_known(*source, piece)) {
            source->held_up = true;
            continue;
        }
        const bool write = (*transfers_)[piece.transfer].write;
        if (current_ != mine || turn_left_ <= 0) turn_left_ = kTurnBursts;
        current_ = mine;
        piece.order = next_order_++;
        turn_left_ -= static_cast<int>(piece.bursts);
        source->served += kShareUnit / source->weight * piece.bursts;
        // Its bursts come one a tick, as slots are free.
        feed_from_ = std::max(feed_from_, piece.entered + 1);
        enter(piece, write);
        if (++source->handed < source->pieces.size()) continue;
        for (const Run& other : source->pieces) {
            feed_from_ =
                std::max(feed_from_, other.entered + 1 + (other.bursts - 1) * other.stride);
        }
        source->behind_writes = write;
        for (std::size_t i = 0; i < sides_.size(); ++i) {
            source->behind[i] = sides_[i].queues[write].admitted - times_->slots[write];
        }
        if (source->parts.front().left == 0) {
            turn_left_ = 0;
            source->parts.pop_front();
        }
    }
}

}  // namespace perfwatt::dram

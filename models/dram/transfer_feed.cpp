#include "models/dram/transfer_feed.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

namespace perfwatt::dram {
namespace {

constexpr std::size_t kRecent = 64;  ///< more bursts than fit between a command and its data
constexpr std::int64_t kShareUnit = 1 << 16;
/// A turn: a master's bursts stay together up to here, so that rows opened for them are used.
constexpr int kTurnBursts = 64;

}  // namespace

TransferFeed::TransferFeed(const AddressMapping& mapping, const DramSpec& spec, int channel,
                           std::vector<TransferState>& transfers)
    : mapping_(&mapping),
      spec_(&spec),
      transfers_(&transfers),
      channel_(channel),
      burst_bytes_(spec.organization.burst_bytes()),
      queues_refill_(spec.refresh.opened == OpenedAccess::waits),
      free_at_(2 * static_cast<std::size_t>(spec.queues_per_channel()), 0),
      recent_(kRecent, 0) {
    const auto bytes = static_cast<std::uint64_t>(burst_bytes_);
    if (std::has_single_bit(bytes)) burst_shift_ = std::countr_zero(bytes);
}

TransferFeed::Master& TransferFeed::master_of(int id) {
    for (Master& master : masters_) {
        if (master.id == id) return master;
    }
    Master master{.id = id};
    for (const MasterShare& share : spec_->controller.masters) {
        if (share.master != id) continue;
        master.weight = std::max(1, share.weight);
        master.priority = static_cast<std::int16_t>(share.priority);
    }
    turn_left_ = 0;  // indices move
    // By id, so that turns do not depend on who came first.
    const auto at = std::find_if(masters_.begin(), masters_.end(),
                                 [&](const Master& other) { return other.id > id; });
    return *masters_.insert(at, std::move(master));
}

void TransferFeed::next_segment(Part& part) {
    const TransferState& transfer = (*transfers_)[part.transfer];
    while (part.burst == part.burst_end && part.next_row < transfer.rows) {
        const std::int64_t begin = transfer.address + part.next_row * transfer.pitch_bytes;
        const std::int64_t end = begin + transfer.row_bytes;
        part.burst = mapping_->bursts_before(bursts_in(begin), channel_);
        part.burst_end = mapping_->bursts_before(bursts_in(end + burst_bytes_ - 1), channel_);
        ++part.next_row;
    }
    if (part.burst < part.burst_end) part.place = mapping_->place(part.burst);
}

void TransferFeed::add(std::uint32_t transfer, std::int64_t bursts) {
    if (bursts == 0) return;
    Master& master = master_of((*transfers_)[transfer].master);
    if (master.head == master.parts.size()) {
        master.parts.clear();
        master.head = 0;
        // Who was idle does not save up turns.
        for (const Master& other : masters_) {
            if (other.head < other.parts.size())
                master.served = std::max(master.served, other.served);
        }
    }
    const TransferState& state = (*transfers_)[transfer];
    master.parts.push_back({.transfer = transfer,
                            .bursts_left = bursts,
                            .arrival = state.arrival,
                            .write = state.write});
    next_segment(master.parts.back());
    stale_ = true;
}

void TransferFeed::find_next(const DramChannel& channel) {
    // What is found holds until a burst is taken, a queue that was full has room or one more comes.
    stale_ = false;
    Tick best = kNever;
    for (std::size_t i = 0; i < masters_.size(); ++i) {
        const Master& master = masters_[i];
        if (master.head == master.parts.size()) continue;
        const Part& part = master.parts[master.head];
        if (!channel.can_accept(part.write, part.place.bank)) continue;
        const Tick at = std::max({part.arrival, last_accept_ + 1,
                                  free_at_[slot(channel.queue_of(part.place.bank), part.write)]});
        if (at < best || (at == best && goes_before(i, chosen_))) {
            best = at;
            chosen_ = i;
        }
    }
    next_ = best;
}

bool TransferFeed::goes_before(std::size_t a, std::size_t b) const {
    const Master& first = masters_[a];
    const Master& second = masters_[b];
    if (first.priority != second.priority) return first.priority > second.priority;
    if (turn_left_ > 0 && (a == current_ || b == current_)) return a == current_;
    return first.served < second.served;
}

BurstRequest TransferFeed::take(Tick at) {
    Master& master = masters_[chosen_];
    Part& part = master.parts[master.head];
    const TransferState& transfer = (*transfers_)[part.transfer];
    BurstRequest request{.row = part.place.row,
                         .column = part.place.column,
                         .token = part.transfer,
                         .bank = part.place.bank,
                         .layer = transfer.layer,
                         .priority = master.priority,
                         .write = transfer.write};
    stale_ = true;
    master.served += kShareUnit / master.weight;
    if (current_ != chosen_ || turn_left_ == 0) turn_left_ = kTurnBursts;
    current_ = chosen_;
    --turn_left_;
    if (--part.bursts_left > 0) {
        ++part.burst;
        next_segment(part);
    } else {
        turn_left_ = 0;
        ++master.head;
        if (master.head == master.parts.size()) {
            master.parts.clear();
            master.head = 0;
        } else if (master.head >= 1024) {
            master.parts.erase(master.parts.begin(),
                               master.parts.begin() + static_cast<std::ptrdiff_t>(master.head));
            master.head = 0;
        }
    }
    last_accept_ = at;
    return request;
}

void TransferFeed::served(const DramChannel::Served& served) {
    if (served.freed_slot) {
        free_at_[slot(served.queue, served.write)] = served.at + 1;
        stale_ = true;
    }
    if (!served.column) return;
    TransferState& transfer = (*transfers_)[served.token];
    transfer.data_end = std::max(transfer.data_end, served.data_end);
    recent_[recent_at_] = served.data_end;
    recent_at_ = (recent_at_ + 1) % kRecent;
    if (--transfer.bursts_left > 0) return;
    finished_.push_back(served.token);
    first_completion_ = std::min(first_completion_, transfer.data_end);
}

Tick TransferFeed::data_ticks_after(Tick at, const TimingTable& table) const {
    // From the latest back. Data end in the order of their commands but for the difference of the
    // latencies of reads and writes.
    const Tick spread = std::abs(table.read_latency - table.write_latency);
    Tick after = 0;
    std::size_t i = recent_at_;
    for (std::size_t n = 0; n < kRecent; ++n) {
        i = (i + kRecent - 1) % kRecent;
        if (recent_[i] + spread <= at) break;
        after += std::clamp<Tick>(recent_[i] - at, 0, table.burst);
    }
    return after;
}

}  // namespace perfwatt::dram

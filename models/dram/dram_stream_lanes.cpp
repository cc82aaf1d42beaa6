#include "models/dram/dram_stream_lanes.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

namespace perfwatt::dram {
namespace {

/// Has changed since it was last asked.
constexpr Tick kUnknown = -1;
/// Channels are as busy as each other as long as the busiest has had no more than these bursts,
/// and this share of its own, beyond the mean: queues make up for it.
constexpr std::int64_t kSlackBursts = 64;
constexpr std::int64_t kSlackShare = 32;
/// … of a transfer that comes alone, for which nobody waits in a queue.
constexpr std::int64_t kLoneShare = 16;

}  // namespace

StreamLanes::StreamLanes(const DramSpec& spec, const TimingTable& table,
                         const AddressMapping& mapping, const StreamTimes& times,
                         std::vector<StreamTransfer>& transfers)
    : transfers_(&transfers) {
    for (int i = 0; i < mapping.channels(); ++i)
        lanes_.emplace_back(spec, table, mapping, times, transfers);
    next_.assign(lanes_.size(), kNever);
    spread_.assign(lanes_.size(), 0);
    before_.push_back(lanes_[0]);
    lanes_[0].stand_for(mapping.channels());
}

bool StreamLanes::evenly_spread(const std::vector<std::int64_t>& parts, bool at_rest) const {
    const auto lanes = static_cast<std::int64_t>(parts.size());
    if (at_rest) {
        const auto [least, most] = std::minmax_element(parts.begin(), parts.end());
        return (*most - *least) * kLoneShare <= *most;
    }
    const std::int64_t most = *std::max_element(spread_.begin(), spread_.end());
    const std::int64_t slack = kSlackBursts + most / kSlackShare;
    return most * lanes - asked_ <= slack * lanes && std::abs(ahead_) <= slack * lanes;
}

std::size_t StreamLanes::typical(const std::vector<std::int64_t>& parts, bool at_rest) const {
    if (at_rest)  // it is done when its largest part is
        return static_cast<std::size_t>(std::max_element(parts.begin(), parts.end()) -
                                        parts.begin());
    const auto lanes = static_cast<std::int64_t>(parts.size());
    const std::int64_t wanted = std::accumulate(parts.begin(), parts.end(), -ahead_);
    std::size_t best = parts.size();
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (parts[i] == 0) continue;
        if (best == parts.size() ||
            std::abs(parts[i] * lanes - wanted) < std::abs(parts[best] * lanes - wanted))
            best = i;
    }
    return best;
}

void StreamLanes::add(std::uint32_t slot, const std::vector<std::int64_t>& parts, bool at_rest) {
    StreamTransfer& transfer = (*transfers_)[slot];
    if (at_rest) {
        std::fill(spread_.begin(), spread_.end(), 0);
        asked_ = ahead_ = 0;
    }
    for (std::size_t i = 0; i < parts.size(); ++i) spread_[i] += parts[i];
    asked_ += transfer.bursts_left;
    const bool even = evenly_spread(parts, at_rest);
    if (folded_ && !even) unfold();
    if (!folded_ && even && at_rest) fold(transfer.arrival);
    if (folded_) {
        const std::size_t part = typical(parts, at_rest);
        const std::int64_t bursts = parts[part] * static_cast<std::int64_t>(parts.size());
        note_surplus(transfer, transfer.bursts_left - bursts);
        ahead_ += bursts - transfer.bursts_left;
        transfer.bursts_left = bursts;
        lanes_[0].add(slot, parts[part], static_cast<int>(part));
        next_[0] = kUnknown;
        return;
    }
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (parts[i] == 0) continue;
        lanes_[i].add(slot, parts[i], static_cast<int>(i));
        next_[i] = kUnknown;
    }
}

Tick StreamLanes::next(Tick limit) {
    const std::size_t lanes = folded_ ? 1 : lanes_.size();
    Tick first = limit;
    for (std::size_t i = 0; i < lanes; ++i) {
        if (next_[i] == kUnknown || lanes_[i].unsettled()) next_[i] = lanes_[i].next();
        if (next_[i] >= first) continue;
        first = next_[i];
        serving_ = i;
    }
    return first;
}

std::vector<std::uint32_t>& StreamLanes::serve() {
    lanes_[serving_].serve();
    next_[serving_] = kUnknown;
    return lanes_[serving_].finished();
}

/// All go on as the one that was busy last.
void StreamLanes::fold(Tick now) {
    std::size_t last = 0;
    bool settled = true;
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
        settled = lanes_[i].settle(now) && settled;
        if (lanes_[i].last_command() > lanes_[last].last_command()) last = i;
    }
    std::fill(next_.begin(), next_.end(), kUnknown);
    if (!settled) return;
    StreamLane& leader = lanes_[0];
    aside_ = 0;
    for (const StreamLane& lane : lanes_) aside_ += lane.data_ticks(now) - leader.data_ticks(now);
    if (last != 0) leader.follow(lanes_[last], lanes_[last]);
    before_.front() = leader;
    leader.stand_for(static_cast<int>(lanes_.size()));
    folded_ = true;
}

void StreamLanes::unfold() {
    lanes_[0].stand_for(1);
    for (std::size_t i = 1; i < lanes_.size(); ++i) lanes_[i].follow(lanes_[0], before_.front());
    std::fill(next_.begin(), next_.end(), kUnknown);
    folded_ = false;
}

void StreamLanes::note_surplus(const StreamTransfer& transfer, std::int64_t bursts) {
    if (bursts == 0) return;
    for (Surplus& known : surplus_) {
        if (known.layer != transfer.layer || known.write != transfer.write) continue;
        known.bursts += bursts;
        return;
    }
    surplus_.push_back({transfer.layer, transfer.write, bursts});
}

void StreamLanes::finish(Tick end) {
    if (folded_) unfold();
    for (StreamLane& lane : lanes_) lane.finish(end);
    const auto lanes = static_cast<std::int64_t>(lanes_.size());
    for (const Surplus& surplus : surplus_) {
        std::int64_t left = surplus.bursts;
        for (std::int64_t i = 0; i < lanes; ++i) {
            const std::int64_t share = left / (lanes - i);
            lanes_[static_cast<std::size_t>(i)].count_more(surplus.layer, surplus.write, share);
            left -= share;
        }
    }
}

Tick StreamLanes::data_ticks(Tick at) const {
    if (folded_) return aside_ + lanes_[0].data_ticks(at) * static_cast<Tick>(lanes_.size());
    Tick moved = 0;
    for (const StreamLane& lane : lanes_) moved += lane.data_ticks(at);
    return moved;
}

void StreamLanes::forget_moves_before(Tick at) {
    if (folded_) return lanes_[0].forget_moves_before(at);
    for (StreamLane& lane : lanes_) lane.forget_moves_before(at);
}

}  // namespace perfwatt::dram

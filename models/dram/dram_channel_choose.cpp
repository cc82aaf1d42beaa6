// The part of DramChannel that finds the next command in the usual case.
#include "models/dram/dram_channel.h"

namespace perfwatt::dram {
bool DramChannel::is_usual() const {
    if (!pending_.empty()) return false;
    for (const Rank& rank : ranks_) {
        if (rank.power != Power::up && rank.requests > 0) return false;
    }
    return true;
}

void DramChannel::choose_usual() {
    if (policy_.age_limit > 0 && has_starved() && choose_starved()) return;
    for (int part = 0; part < queues_.parts(); ++part) (void)write_mode(part);
    if (!queues_.empty()) {
        choose_offered();
        for (int part = 0; policy_.age_limit > 0 && part < queues_.parts() && !forced_; ++part) {
            const Drain& drain = drain_[static_cast<std::size_t>(part)];
            if (best_.time - drain.oldest[drain.writes] > policy_.age_limit) apply_age_limit(part);
        }
        if (half_open_.bank >= 0) consider_second_part();
    }
    for (const Rank& rank : ranks_) {
        if (rank.requests == 0) return consider_sleep();
    }
}

/// Whether a request that waits at its bank may have come too long ago.
bool DramChannel::has_starved() {
    if (queues_.oldest_active() >= now_ - policy_.age_limit) return false;
    Tick oldest = kNever;
    for (const int bank : queues_.active_banks()) {
        oldest = std::min(oldest, queues_.entry(queues_.active(bank)).arrival);
    }
    queues_.oldest_active() = oldest;
    return oldest < now_ - policy_.age_limit;
}

void DramChannel::choose_offered() {
    const BankOffers::Best best = offers_.best(device_, queues_,
                                               {.now = now_,
                                                .half_open = half_open_.bank,
                                                .cas_early = table_->wck && table_->wck_early,
                                                .clocks = clocks_.data()});
    if (best.offer == nullptr) return;
    const BankOffers::Offer& offer = *best.offer;
    const RequestQueues::Entry& request = queues_.entry(offer.entry);
    best_.time = best.time;
    best_.order = request.order;
    best_.entry = offer.entry;
    best_.bank = offer.bank;
    best_.rank_of_class = queues_.active(offer.bank) == offer.entry ? 0 : 2;
    best_.priority = request.request.priority;
    best_.command = offer.command;
    if (table_->wck && is_column(offer.command)) {
        best_.cas = column_start(offer.command, offer.bank, std::max(now_, offer.ready)).cas;
    }
}

}  // namespace perfwatt::dram

// The part of DramChannel that finds the next command in the usual case.
#include "models/dram/dram_channel.h"

namespace perfwatt::dram {
namespace {

constexpr int kNone = RequestQueues::kNone;
constexpr int kOrderBits = 46;

std::size_t at_index(int i) { return static_cast<std::size_t>(i); }

/// In the order of classes, then of priorities, then of age.
std::uint64_t key_of(int rank_of_class, std::int16_t priority, std::uint64_t order) {
    const auto behind = static_cast<std::uint64_t>(0x7fff - priority);
    return static_cast<std::uint64_t>(rank_of_class) << (kOrderBits + 16) | behind << kOrderBits |
           order;
}

}  // namespace

bool DramChannel::is_usual() const {
    if (!pending_.empty()) return false;
    if (!sleeps()) return true;
    for (const Rank& rank : ranks_) {
        if (rank.power != Power::up) return false;
    }
    return true;
}

void DramChannel::choose_usual() {
    if (queues_.empty()) {
        for (int part = 0; part < queues_.parts(); ++part) (void)write_mode(part);
        if (sleeps()) consider_sleep();
        return;
    }
    ++choices_;
    choose_active();
    if (forced_) return;
    for (int part = 0; part < queues_.parts(); ++part) choose_offered(write_mode(part), part);
    for (int part = 0; policy_.age_limit > 0 && part < queues_.parts() && !forced_; ++part) {
        apply_age_limit(part);
    }
    if (half_open_.bank >= 0) consider_second_part();
    if (sleeps()) consider_sleep();
}

void DramChannel::choose_active() {
    const std::vector<int>& banks = queues_.active_banks();
    if (banks.empty()) return;
    std::vector<Tick>& not_before = queues_.active_not_before();
    BestOffer best = best_as_offer();
    for (const int bank : banks) {
        Tick& tick = not_before[at_index(bank)];
        if (tick > best.time || bank == half_open_.bank) continue;
        const int entry = queues_.active(bank);
        const RequestQueues::Entry& request = queues_.entry(entry);
        const bool write = request.request.write;
        const Offer& offer = offers_[write][at_index(bank)];
        const Tick from = std::max(shared_column(write, offer, bank), request.arrival + 1);
        tick = offer.earliest(write ? Command::write : Command::read, from);
        if (table_->wck) {
            --tick;  // a CAS may go out a tick before
            if (tick > best.time) continue;
            consider_column(entry, bank, 0);
            best = best_as_offer();
        } else {
            best.take(tick, key_of(0, request.request.priority, request.order), bank, false);
        }
    }
    if (best.bank >= 0) consider_column(queues_.active(best.bank), best.bank, 0);
    if (policy_.age_limit > 0 && queues_.oldest_active() < now_ - policy_.age_limit) {
        Tick oldest = kNever;
        for (const int bank : banks) {
            oldest = std::min(oldest, queues_.entry(queues_.active(bank)).arrival);
        }
        queues_.oldest_active() = oldest;
        if (oldest < now_ - policy_.age_limit) (void)choose_starved();
    }
}

void DramChannel::find_offer(bool write, int bank) {
    Offer& offer = offers_[write][at_index(bank)];
    offer.column = offer.row = kNone;
    const auto offer_row = [&](int entry, Command command) {
        const RequestQueues::Entry& request = queues_.entry(entry);
        offer.row = entry;
        offer.row_command = command;
        offer.row_from = request.arrival + 1;
        offer.row_key = key_of(2, request.request.priority, request.order);
    };
    if (!device_.is_open(bank)) {
        offer_row(queues_.oldest(write, bank), Command::activate);
        return;
    }
    const int hit = queues_.oldest_hit(write, bank);
    if (hit != kNone) {
        const RequestQueues::Entry& request = queues_.entry(hit);
        offer.column = hit;
        offer.column_from = request.arrival + 1;
        offer.column_key = key_of(2, request.request.priority, request.order);
    }
    const int miss = queues_.oldest_miss(write, bank);
    if (miss == kNone || queues_.active(bank) != kNone) return;
    if (policy_.row_hits_first && hit != kNone &&
        queues_.entry(hit).order < queues_.entry(miss).order) {
        return;
    }
    offer_row(miss, Command::precharge);
}

DramChannel::BestOffer DramChannel::best_as_offer() const {
    return {.time = best_.time, .key = key_of(best_.rank_of_class, best_.priority, best_.order)};
}

Tick DramChannel::look_at(bool write, int bank, BestOffer& best) {
    const Offer& offer = offers_[write][at_index(bank)];
    Tick earliest = kNever;
    if (offer.column != kNone) {
        const Tick from = std::max(shared_column(write, offer, bank), offer.column_from);
        const Tick time = offer.earliest(write ? Command::write : Command::read, from);
        if (!table_->wck) {
            earliest = time;
            best.take(time, offer.column_key, bank, false);
        } else {
            // What a CAS makes of it, a tick earlier at most, is found out the other way.
            earliest = std::max<Tick>(1, time - 1);
            if (earliest <= best.time) {
                consider_offer(write, best);
                consider_column(offer.column, bank, 2);
                best = best_as_offer();
            }
        }
    }
    if (offer.row != kNone) {
        const bool activates = offer.row_command == Command::activate;
        if (activates && half_open_.bank >= 0) return 1;
        const Shared& shared = shared_row(offer, bank);
        const Tick from = std::max(activates ? shared.activate : shared.precharge, offer.row_from);
        const Tick time = offer.earliest(offer.row_command, from);
        earliest = std::min(earliest, time);
        best.take(time, offer.row_key, bank, true);
    }
    return earliest;
}

void DramChannel::choose_offered(bool write, int part) {
    const std::vector<int>& busy = queues_.busy(write, part);
    std::vector<Tick>& not_before = queues_.not_before(write);
    // Commands only ever put others off. A bank whose turn could not come before the best of the
    // others when it was last looked at needs no second look.
    int first = -1;
    Tick least = kNever;
    for (const int bank : busy) {
        Tick& tick = not_before[at_index(bank)];
        if (tick == 0) {
            find_offer(write, bank);
            tick = 1;
        }
        if (tick < least) {
            least = tick;
            first = bank;
        }
    }
    BestOffer best = best_as_offer();
    if (least > best.time) return;
    if (first >= 0) not_before[at_index(first)] = look_at(write, first, best);
    for (const int bank : busy) {
        Tick& tick = not_before[at_index(bank)];
        if (tick <= best.time && bank != first) tick = look_at(write, bank, best);
    }
    consider_offer(write, best);
}

void DramChannel::consider_offer(bool write, const BestOffer& best) {
    if (best.bank < 0) return;
    const Offer& offer = offers_[write][at_index(best.bank)];
    const int entry = best.is_row ? offer.row : offer.column;
    if (table_->wck && !best.is_row) return consider_column(entry, best.bank, 2);
    const RequestQueues::Entry& request = queues_.entry(entry);
    best_ = Candidate{};
    best_.time = best.time;
    best_.order = request.order;
    best_.entry = entry;
    best_.bank = best.bank;
    best_.rank_of_class = 2;
    best_.priority = request.request.priority;
    best_.command = best.is_row ? offer.row_command : write ? Command::write : Command::read;
}

}  // namespace perfwatt::dram

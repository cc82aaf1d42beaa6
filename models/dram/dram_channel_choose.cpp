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

const DramChannel::Shared& DramChannel::shared_by(int bank) {
    Shared& shared = shared_[at_index(device_.rank_of(bank))];
    if (shared.choice == choices_) return shared;
    shared.choice = choices_;
    const auto from = [&](Command command) {
        return std::max(now_, device_.shared_earliest(command, bank));
    };
    shared.column = {from(Command::read), from(Command::write)};
    shared.activate = half_open_.bank >= 0 ? kNever : from(Command::activate);
    shared.precharge = from(Command::precharge);
    return shared;
}

void DramChannel::choose_active() {
    Tick oldest = kNever;
    for (const int bank : queues_.active_banks()) {
        const int entry = queues_.active(bank);
        const RequestQueues::Entry& request = queues_.entry(entry);
        oldest = std::min(oldest, request.arrival);
        if (bank == half_open_.bank) continue;
        const bool write = request.request.write;
        const Command command = write ? Command::write : Command::read;
        const Tick from = std::max(shared_by(bank).column[write], request.arrival + 1);
        // A CAS may go out a tick before.
        if (device_.own_earliest(command, bank, from) - table_->wck <= best_.time) {
            consider_column(entry, bank, 0);
        }
    }
    if (policy_.age_limit > 0 && oldest < now_ - policy_.age_limit) (void)choose_starved();
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

void DramChannel::choose_offered(bool write, int part) {
    const Command column = write ? Command::write : Command::read;
    Tick best_time = best_.time;
    std::uint64_t best_key = key_of(best_.rank_of_class, best_.priority, best_.order);
    int best_bank = -1;
    bool best_is_row = false;
    for (const int bank : queues_.busy(write, part)) {
        if (queues_.take_changed(write, bank)) find_offer(write, bank);
        const Offer& offer = offers_[write][at_index(bank)];
        const Shared& shared = shared_by(bank);
        if (offer.column != kNone) {
            const Tick from = std::max(shared.column[write], offer.column_from);
            const Tick time = device_.own_earliest(column, bank, from);
            if (table_->wck && time - 1 <= best_time) {
                // What a CAS makes of it is left to the other way, as is the comparison.
                if (best_bank >= 0) consider_offer(write, best_bank, best_is_row);
                best_bank = -1;
                consider_column(offer.column, bank, 2);
                best_time = best_.time;
                best_key = key_of(best_.rank_of_class, best_.priority, best_.order);
            } else if (time < best_time || (time == best_time && offer.column_key < best_key)) {
                best_time = time;
                best_key = offer.column_key;
                best_bank = bank;
                best_is_row = false;
            }
        }
        if (offer.row != kNone) {
            const bool activates = offer.row_command == Command::activate;
            const Tick from =
                std::max(activates ? shared.activate : shared.precharge, offer.row_from);
            const Tick time = device_.own_earliest(offer.row_command, bank, from);
            if (time < best_time || (time == best_time && offer.row_key < best_key)) {
                best_time = time;
                best_key = offer.row_key;
                best_bank = bank;
                best_is_row = true;
            }
        }
    }
    if (best_bank >= 0 && best_time < kNever) consider_offer(write, best_bank, best_is_row);
}

void DramChannel::consider_offer(bool write, int bank, bool row) {
    const Offer& offer = offers_[write][at_index(bank)];
    if (row) {
        consider_row(offer.row, bank, offer.row_command);
    } else {
        consider_column(offer.column, bank, 2);
    }
}

}  // namespace perfwatt::dram

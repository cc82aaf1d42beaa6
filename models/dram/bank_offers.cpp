#include "models/dram/bank_offers.h"

#include <algorithm>
#include <bit>

namespace perfwatt::dram {
namespace {

constexpr int kNone = RequestQueues::kNone;
constexpr int kFewBanks = 6;  ///< found by measuring: 4 to 8 are about as fast

/// Banks `first` to `end` - 1 of a mask of banks from `base` on.
std::uint64_t range_of(std::uint64_t mask, std::size_t base, std::size_t first, std::size_t end) {
    if (first >= base + 64 || end <= base) return 0;
    if (first > base) mask &= ~std::uint64_t{0} << (first - base);
    if (end < base + 64) mask &= ~(~std::uint64_t{0} << (end - base));
    return mask;
}

/// Of many, without branches on what nobody can foresee.
void take_of_many(Tick time, const BankOffers::Offer& offer, BankOffers::Best& best) {
    const bool first =
        static_cast<int>(time < best.time) |
        (static_cast<int>(time == best.time) & static_cast<int>(offer.key < best.key));
    best.time = first ? time : best.time;
    best.key = first ? offer.key : best.key;
    best.offer = first ? &offer : best.offer;
}

/// Of few, with branches: processors foresee them, and go on with the offer before its time is
/// known.
void take_of_few(Tick time, const BankOffers::Offer& offer, BankOffers::Best& best) {
    if (time > best.time) return;
    if (time == best.time && offer.key > best.key) return;
    best = {.time = time, .key = offer.key, .offer = &offer};
}

}  // namespace

BankOffers::BankOffers(const DeviceState& device, const RequestQueues& queues, bool row_hits_first)
    : row_hits_first_(row_hits_first),
      per_family_(device.banks_per_family()),
      per_part_(at(queues.banks() / queues.parts())),
      writes_(at(queues.parts()), 0),
      per_share_(at(device.banks_that_share())) {
    const std::size_t banks = at(queues.banks());
    masks_.resize((banks + 63) / 64);
    dirty_.resize(masks_.size(), 0);
    waiting_.resize(banks);
    for (auto* offers : {&columns_, &rows_}) {
        for (std::vector<Offer>& of_direction : *offers) of_direction.resize(banks);
    }
    shared_.resize(banks / at(per_family_) * kKinds, 0);
    stale_.resize(banks / per_share_, 0);
    for (int c = 0; c < kCommands; ++c) {
        for (int kind = 0; kind < kKinds; ++kind) {
            if (device.shares_wait(static_cast<Command>(c), kCommandOf[kind])) {
                holds_up_[at(c)] |= static_cast<std::uint8_t>(1 << kind);
            }
        }
    }
}

void BankOffers::offer(Offer& place, int entry, Kind kind, int rank_of_class,
                       const DeviceState& device, const RequestQueues& queues) const {
    const RequestQueues::Entry& request = queues.entry(entry);
    const int bank = request.request.bank;
    place.command = kCommandOf[kind];
    place.ready = request.arrival + 1;
    place.from = std::max(place.ready, device.own_earliest(place.command, bank));
    place.key = order_key(rank_of_class, request.request.priority, request.order);
    place.entry = entry;
    place.bank = bank;
    place.shared = static_cast<std::uint32_t>(bank / per_family_ * kKinds + kind);
}

void BankOffers::find(int bank, const DeviceState& device, const RequestQueues& queues) {
    Masks& masks = masks_[word(bank)];
    const std::uint64_t own = bit(bank);
    masks.waiting[0] &= ~own;
    masks.waiting[1] &= ~own;
    masks.column[0] &= ~own;
    masks.column[1] &= ~own;
    masks.row[0] &= ~own;
    masks.row[1] &= ~own;
    const bool closed = !device.is_open(bank);
    masks.closed = closed ? masks.closed | own : masks.closed & ~own;
    const int active = queues.active(bank);
    if (active != kNone) {
        const bool write = queues.entry(active).request.write;
        offer(waiting_[at(bank)], active, write ? kWrite : kRead, 0, device, queues);
        masks.waiting[write] |= own;
    }
    for (const bool write : {false, true}) {
        const int oldest = queues.oldest(write, bank);
        if (oldest == kNone) continue;
        if (closed) {
            offer(rows_[write][at(bank)], oldest, kActivate, 2, device, queues);
            masks.row[write] |= own;
        } else {
            find_queued(write, bank, device, queues);
        }
    }
}

void BankOffers::find_queued(bool write, int bank, const DeviceState& device,
                             const RequestQueues& queues) {
    Masks& masks = masks_[word(bank)];
    const int hit = queues.oldest_hit(write, bank);
    if (hit != kNone) {
        offer(columns_[write][at(bank)], hit, write ? kWrite : kRead, 2, device, queues);
        masks.column[write] |= bit(bank);
    }
    const int miss = queues.oldest_miss(write, bank);
    if (miss == kNone || queues.active(bank) != kNone) return;
    if (row_hits_first_ && hit != kNone && queues.entry(hit).order < queues.entry(miss).order) {
        return;
    }
    offer(rows_[write][at(bank)], miss, kPrecharge, 2, device, queues);
    masks.row[write] |= bit(bank);
}

void BankOffers::update(const DeviceState& device, const RequestQueues& queues) {
    for (std::size_t i = 0; i < dirty_.size(); ++i) {
        std::uint64_t rest = range_of(dirty_[i], 64 * i, 0, waiting_.size());
        dirty_[i] = 0;
        for (; rest != 0; rest &= rest - 1) {
            find(static_cast<int>(64 * i) + std::countr_zero(rest), device, queues);
        }
    }
}

void BankOffers::update_shared(const DeviceState& device) {
    const unsigned offered = kinds_offered();
    for (std::size_t share = 0; share < stale_.size(); ++share) {
        if ((stale_[share] & offered) != 0) find_shared(share, stale_[share] & offered, device);
    }
}

unsigned BankOffers::kinds_offered() const {
    Masks any;
    std::uint64_t open_rows = 0;
    std::uint64_t closed_rows = 0;
    for (const Masks& masks : masks_) {
        for (const bool write : {false, true}) {
            any.column[write] |= masks.column[write] | masks.waiting[write];
            open_rows |= masks.row[write] & ~masks.closed;
            closed_rows |= masks.row[write] & masks.closed;
        }
    }
    return static_cast<unsigned>(any.column[0] != 0) << kRead |
           static_cast<unsigned>(any.column[1] != 0) << kWrite |
           static_cast<unsigned>(closed_rows != 0) << kActivate |
           static_cast<unsigned>(open_rows != 0) << kPrecharge;
}

void BankOffers::find_shared(std::size_t share, unsigned kinds, const DeviceState& device) {
    const int per_rank = device.banks_per_rank();
    const auto first = static_cast<int>(share * per_share_);
    const int end = first + static_cast<int>(per_share_);
    for (std::size_t kind = 0; kind < kKinds; ++kind) {
        if ((kinds >> kind & 1U) == 0) continue;
        for (int rank = first; rank < end; rank += per_rank) {
            Tick* shared = &shared_[at(rank / per_family_) * kKinds + kind];
            device.find_shared(kCommandOf[kind], rank, shared, kKinds);
        }
    }
    stale_[share] = static_cast<std::uint8_t>(stale_[share] & ~kinds);
}

int BankOffers::banks_offering() const {
    int count = 0;
    for (const Masks& masks : masks_) {
        std::uint64_t banks = masks.waiting[0] | masks.waiting[1];
        for (const std::uint8_t write : writes_) banks |= masks.column[write] | masks.row[write];
        count += std::popcount(banks);
    }
    return count;
}

template <bool kFew, class TimeOf>
BankOffers::Best BankOffers::find_first(int half_open, TimeOf time_of) const {
    Best best;
    const auto look_at = [&](std::uint64_t banks, const Offer* offers) {
        for (; banks != 0; banks &= banks - 1) {
            const Offer& offer = offers[std::countr_zero(banks)];
            if constexpr (kFew) {
                take_of_few(time_of(offer), offer, best);
            } else {
                take_of_many(time_of(offer), offer, best);
            }
        }
    };
    for (std::size_t i = 0; i < masks_.size(); ++i) {
        const Masks& masks = masks_[i];
        const std::size_t base = 64 * i;
        std::uint64_t waiting = masks.waiting[0] | masks.waiting[1];
        if (half_open >= 0 && word(half_open) == i) waiting &= ~bit(half_open);
        look_at(waiting, &waiting_[base]);
        for (std::size_t part = 0; part < writes_.size(); ++part) {
            const bool write = writes_[part] != 0;
            std::uint64_t columns = masks.column[write];
            std::uint64_t rows = masks.row[write];
            if (half_open >= 0) rows &= ~masks.closed;
            if (writes_.size() > 1) {
                columns = range_of(columns, base, part * per_part_, (part + 1) * per_part_);
                rows = range_of(rows, base, part * per_part_, (part + 1) * per_part_);
            }
            look_at(columns, &columns_[write][base]);
            look_at(rows, &rows_[write][base]);
        }
    }
    return best;
}

template <bool kFew, class TimeOf>
BankOffers::Best BankOffers::find_best(const DeviceState& device, const Scene& scene,
                                       TimeOf time_of) const {
    if (!scene.cas_early) return find_first<kFew>(scene.half_open, time_of);
    return find_first<kFew>(scene.half_open, [&](const Offer& offer) {
        const Tick time = time_of(offer);
        if (!is_column(offer.command)) return time;
        const DataClock& clock = scene.clocks[device.rank_of(offer.bank)];
        if (time < clock.runs_until) return time;
        const Tick cas = std::max(time - 1, clock.awake_from);
        return std::max({scene.now, device.bus_free(offer.command), offer.ready, cas});
    });
}

BankOffers::Best BankOffers::best(const DeviceState& device, const RequestQueues& queues,
                                  const Scene& scene) {
    update(device, queues);
    if (banks_offering() <= kFewBanks) {
        return find_best<true>(device, scene, [&](const Offer& offer) {
            const Tick from = std::max(scene.now, device.bus_free(offer.command));
            const Tick shared = device.shared_earliest(offer.command, offer.bank);
            return std::max(std::max(from, shared), offer.from);
        });
    }
    update_shared(device);
    std::array<Tick, kKinds> from{};
    for (std::size_t kind = 0; kind < kKinds; ++kind) {
        from[kind] = std::max(scene.now, device.bus_free(kCommandOf[kind]));
    }
    const Tick* shared = shared_.data();
    return find_best<false>(device, scene, [&](const Offer& offer) {
        return std::max({from[offer.shared % kKinds], offer.from, shared[offer.shared]});
    });
}

}  // namespace perfwatt::dram

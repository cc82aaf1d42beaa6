#include "sim/engine/scratchpad.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/diagnostics.h"

namespace perfwatt {

namespace {

/// value x part / whole, without overflow, rounded down.
Time fraction(Time value, Time part, Time whole) {
    const Int128 product = static_cast<Int128>(value.fs) * part.fs;
    return {static_cast<std::int64_t>(product / whole.fs)};
}

}  // namespace

Scratchpad::Scratchpad(const ScratchpadGeometry& geometry, std::size_t units)
    : geometry_(geometry), banks_(static_cast<std::size_t>(geometry.banks)), claims_(units) {
    PERFWATT_CHECK(
        geometry.banks == 0 || (geometry.bank_bytes > 0 && geometry.bytes_per_second > 0),
        "a scratchpad bank has no bytes or no bandwidth");
}

template <class Visit>
void Scratchpad::for_each_bank(const Buffer& buffer, Visit visit) const {
    const std::int64_t end = buffer.address + buffer.bytes;
    PERFWATT_CHECK(buffer.address >= 0 && end <= geometry_.banks * geometry_.bank_bytes,
                   fmt::format("buffer at {} of {} bytes lies outside the scratchpad",
                               buffer.address, buffer.bytes));
    for (std::int64_t at = buffer.address; at < end;) {
        const std::int64_t bank = at / geometry_.bank_bytes;
        const std::int64_t until = std::min(end, (bank + 1) * geometry_.bank_bytes);
        visit(static_cast<std::size_t>(bank), until - at);
        at = until;
    }
}

Time Scratchpad::bank_time(std::int64_t bytes) const {
    return transfer_time(bytes, geometry_.bytes_per_second);
}

Time Scratchpad::delay_of(const Claim& claim) {
    Time delay = Time::zero();
    for (const Share& share : claim.shares) {
        delay = std::max(delay, Time::zero() - share.slack);
    }
    return delay;
}

Time Scratchpad::end_of(const Claim& claim) {
    return claim.start + claim.duration + delay_of(claim);
}

Time Scratchpad::end(UnitId unit) const { return end_of(claims_[unit.index()]); }

Passage Scratchpad::transfer(Time now, const Buffer& part, Passage at) {
    if (geometry_.banks == 0 || part.bytes == 0) {
        return at;
    }
    Passage passed{.head = Time::max(), .tail = at.tail};
    for_each_bank(part, [&](std::size_t index, std::int64_t bytes) {
        Bank& bank = banks_[index];
        const Time needed = bank_time(bytes);
        const Time begin = std::max(at.head, bank.free);
        bank.free = begin + needed;
        const Time done = std::max(bank.free, at.tail);
        passed.head = std::min(passed.head, begin);
        passed.tail = std::max(passed.tail, done);
        for (const Holder& holder : bank.holders) {
            Claim& claim = claims_[holder.unit];
            if (claim.start < done && now < end_of(claim)) {
                claim.shares[holder.share].slack -= needed;
            }
        }
    });
    return passed;
}

void Scratchpad::add_demand(Claim& claim, const BankUse& use) const {
    if (use.bytes == 0 || use.buffer.bytes == 0) {
        return;
    }
    for_each_bank(use.buffer, [&](std::size_t bank, std::int64_t covered) {
        const Int128 bytes = static_cast<Int128>(use.bytes) * covered / use.buffer.bytes;
        auto share = std::find_if(claim.shares.begin(), claim.shares.end(),
                                  [bank](const Share& s) { return s.bank == bank; });
        if (share == claim.shares.end()) {
            share = claim.shares.insert(share, Share{.bank = bank, .demand = {}, .slack = {}});
        }
        share->demand += bank_time(static_cast<std::int64_t>(bytes));
    });
}

void Scratchpad::contend(Time now, Claim& newcomer, Share& share) {
    const Bank& bank = banks_[share.bank];
    if (bank.free > now) {
        share.slack -= bank.free - now;  // DMA transfers already under way
    }
    for (const Holder& holder : bank.holders) {
        Claim& other = claims_[holder.unit];
        const Time other_end = end_of(other);
        if (other_end <= now) {
            continue;
        }
        Share& others = other.shares[holder.share];
        const Time overlap = std::min(other_end - now, newcomer.duration);
        others.slack -= fraction(share.demand, overlap, newcomer.duration);
        share.slack -= fraction(others.demand, std::min(overlap, other.duration), other.duration);
    }
}

void Scratchpad::claim(Time now, UnitId unit, Time duration, std::span<const BankUse> uses) {
    Claim& claim = claims_[unit.index()];
    PERFWATT_CHECK(!claim.active, "a unit claims banks twice");
    claim.active = true;
    claim.start = now;
    claim.duration = duration;
    claim.shares.clear();
    if (geometry_.banks == 0 || duration == Time::zero()) {
        return;
    }
    for (const BankUse& use : uses) {
        add_demand(claim, use);
    }
    for (Share& share : claim.shares) {
        // A command that keeps a bank busier than its duration allows has that in its duration.
        share.demand = std::min(share.demand, duration);
        share.slack = duration - share.demand;
        contend(now, claim, share);
    }
    for (std::size_t i = 0; i < claim.shares.size(); ++i) {
        banks_[claim.shares[i].bank].holders.push_back({unit.index(), i});
    }
}

void Scratchpad::release(UnitId unit) {
    Claim& claim = claims_[unit.index()];
    PERFWATT_CHECK(claim.active, "a unit releases banks it does not hold");
    for (const Share& share : claim.shares) {
        std::erase_if(banks_[share.bank].holders,
                      [unit](const Holder& holder) { return holder.unit == unit.index(); });
    }
    claim.active = false;
    claim.shares.clear();
}

}  // namespace perfwatt

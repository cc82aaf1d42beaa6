#pragma once

#include <span>
#include <vector>

#include "sim/arch/device.h"
#include "sim/arch/link_model.h"

namespace perfwatt {

/// Who waits for whom at the banks of one core's scratchpad.
///
/// A matrix or vector command claims bank time for as long as it runs, spread evenly; what it
/// leaves of a bank is its slack there. DMA transfers and other units' claims on the same bank use
/// up that slack, then delay the command by what they take beyond it (a fair arbiter does the same
/// to first order). DMA transfers queue for a bank among themselves. Nobody who is alone ever
/// waits.
class Scratchpad {
  public:
    /// `units`: claims are told apart by a unit's index below this.
    Scratchpad(const ScratchpadGeometry& geometry, std::size_t units);

    /// Bytes of a DMA transfer into or out of `part`, which stand at the scratchpad's edge as `at`
    /// says: when they have passed it. `now` is the current time.
    Passage transfer(Time now, const Buffer& part, Passage at);

    /// A command starts at `now` on `unit`, which must hold no claim.
    void claim(Time now, UnitId unit, Time duration, std::span<const BankUse> uses);
    /// When the unit's command ends, with the delays known so far.
    [[nodiscard]] Time end(UnitId unit) const;
    /// By how much others have delayed it.
    [[nodiscard]] Time delay(UnitId unit) const { return delay_of(claims_[unit.index()]); }
    void release(UnitId unit);

  private:
    struct Share {
        std::size_t bank = 0;
        Time demand;  ///< bank time needed
        Time slack;   ///< of the command's duration, bank time others may still use; < 0: delay
    };
    struct Claim {
        bool active = false;
        Time start;
        Time duration;
        std::vector<Share> shares;
    };
    struct Holder {
        std::size_t unit = 0;
        std::size_t share = 0;  ///< index into the claim's shares
    };
    struct Bank {
        Time free;  ///< for DMA transfers
        std::vector<Holder> holders;
    };

    [[nodiscard]] static Time delay_of(const Claim& claim);
    [[nodiscard]] static Time end_of(const Claim& claim);
    [[nodiscard]] Time bank_time(std::int64_t bytes) const;
    void add_demand(Claim& claim, const BankUse& use) const;
    void contend(Time now, Claim& newcomer, Share& share);
    /// Calls `visit(bank, bytes)` for each bank the buffer lies in.
    template <class Visit>
    void for_each_bank(const Buffer& buffer, Visit visit) const;

    ScratchpadGeometry geometry_;
    std::vector<Bank> banks_;
    std::vector<Claim> claims_;  ///< by unit
};

}  // namespace perfwatt

#pragma once

#include <cstdint>
#include <vector>

#include "models/dram/dram_spec.h"

namespace perfwatt::dram {

/// Counts the activates of each bank for refresh management (RFM), as JESD79-5 (DDR5), JESD209-5
/// (LPDDR5) and JESD238 (HBM3) ask of a controller: an activate adds one, a refresh or management
/// of the bank takes its share off, to zero at least. Self-refresh leaves the counts as they are.
class RefreshManagement {
  public:
    explicit RefreshManagement(const DramSpec& spec)
        : policy_(spec.refresh.management),
          counts_(policy_.mode == RefreshMode::none
                      ? 0
                      : static_cast<std::size_t>(spec.organization.total_banks()),
                  0) {
        if (policy_.per_management == 0) policy_.per_management = policy_.initial;
    }

    [[nodiscard]] bool needed() const { return !counts_.empty(); }
    [[nodiscard]] Command command() const { return management_command(policy_.mode); }
    [[nodiscard]] int count(int bank) const { return counts_[static_cast<std::size_t>(bank)]; }
    /// Management of the bank is due.
    [[nodiscard]] bool due(int bank) const { return needed() && count(bank) >= policy_.initial; }

    /// Counts an activate; true when management may wait no longer.
    [[nodiscard]] bool activated(int bank) {
        const int limit = policy_.postpone ? policy_.maximum : policy_.initial;
        return ++counts_[static_cast<std::size_t>(bank)] >= limit;
    }
    /// Takes off what a refresh or management of the bank is worth.
    void refreshed(Command command, int bank) {
        const bool management = command == Command::manage_all || command == Command::manage_bank ||
                                command == Command::manage_same_bank;
        int& count = counts_[static_cast<std::size_t>(bank)];
        count -= management ? policy_.per_management : policy_.per_refresh;
        if (count < 0) count = 0;
    }

  private:
    ManagementPolicy policy_;
    std::vector<int> counts_;
};

}  // namespace perfwatt::dram

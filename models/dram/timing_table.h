#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "models/dram/commands.h"
#include "models/dram/dram_spec.h"

namespace perfwatt::dram {

/// A bit for each command that the controller of such a memory ever sends.
[[nodiscard]] std::uint32_t commands_sent(const DramSpec& spec);

/// A standard's rules as flat integer tables, ready for DeviceState: waits are between the first
/// ticks of two commands.
struct TimingTable {
    struct Rule {
        std::uint8_t level = 0;
        std::uint8_t to = 0;
        std::int32_t wait = 0;
    };
    /// Counted from the `window`-th last of several commands (tFAW), or between siblings (ranks
    /// that share a bus); the wait is between the ticks that data sheets count from.
    struct WindowRule {
        std::uint8_t level = 0;
        int window = 1;
        std::uint32_t from_mask = 0;
        std::vector<std::uint8_t> to;
        std::int32_t wait = 0;
    };

    explicit TimingTable(const DramSpec& spec);

    /// How long after its first tick a command can hold up any other, its data clock included.
    [[nodiscard]] Tick reach(Command command) const;

    std::array<std::vector<Rule>, kCommands> rules;  ///< by the preceding command
    std::vector<WindowRule> windows;
    std::vector<WindowRule> siblings;
    std::array<int, kLevels> nodes{};  ///< how many there are of each level
    std::array<int, kLevels> banks_per_node{};
    std::array<int, kCommands> ticks{};
    std::array<int, kCommands> bus{};
    /// From a command's first tick to the one that data sheets count from; as the later command of
    /// a rule, a two-part activate is counted to its second part, wherever that comes.
    std::array<int, kCommands> last{};
    std::array<int, kCommands> last_to{};
    int banks_per_group = 1;
    Tick read_latency = 0;           ///< from the first tick of RD to the end of its data
    Tick write_latency = 0;          ///< from the first tick of WR to the end of its data
    Tick burst = 0;                  ///< ticks a burst holds the data pins
    Tick refresh_interval = 0;       ///< tREFI
    Tick refresh_bank_interval = 0;  ///< between per-bank or same-bank refreshes of a rank
    /// A refresh of some banks of a rank takes every n-th of them; so many refreshes make a round.
    /// By command; 1 for those of a whole rank.
    std::array<int, kCommands> refresh_stride{};
    bool pim_rows = false;       ///< units have row buffers of their own
    int pim_activate_banks = 0;  ///< that one PIM_ACT opens at most; 0: the whole set
    bool two_part_activate = false;
    bool counts_from_second_part = true;
    Tick second_part_within = 0;  ///< tAAD: ACT1 to ACT2 at most
    bool wck = false;
    bool wck_early = true;
    Tick wck_runs_for = 0;
};

}  // namespace perfwatt::dram

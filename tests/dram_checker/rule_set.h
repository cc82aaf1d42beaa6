#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// A second reading of the DRAM standards, kept apart from the models it judges: nothing here
/// includes or links them, and the rule lists in rules/ name their own sources.
namespace perfwatt::dram_checker {

enum class Kind : std::uint8_t {
    ACT,
    ACT1,
    ACT2,
    PRE,
    PREA,
    RD,
    WR,
    RDA,
    WRA,
    REFAB,
    REFPB,
    REFSB,
    PDE,
    PDX,
    SRE,
    SRX,
    CAS_RD,
    CAS_WR,
    RFMAB,
    RFMPB,
    RFMSB,
    PIM_ACT,  // from here to PIM_AF: to a set of banks at once
    PIM_PRE,
    PIM_RD,
    PIM_WR,
    PIM_EW,
    PIM_AF,
    PIM_RDC,  // to one bank
    PIM_WRC,
    PIM_WRB,  // to units
    PIM_WRR,
    PIM_RDR,
    PIM_MODE,
};
inline constexpr int kKinds = 33;

[[nodiscard]] std::string_view to_string(Kind kind);
/// -1 when no command has this name.
[[nodiscard]] int kind_index(std::string_view name);

/// Where two commands must meet for a rule to bind them.
enum class Scope : std::uint8_t {
    bank,            ///< the same bank
    pair,            ///< the same pair of banks, which one LPDDR5 REFPB refreshes
    same_bank,       ///< the same bank number in any bank group, which one DDR5 REFSB refreshes
    bank_group,      ///< the same bank group
    rank,            ///< the same rank of the same pseudo channel
    other_rank,      ///< another rank of the same pseudo channel
    pseudo_channel,  ///< the same pseudo channel
    channel,         ///< the same channel
};
inline constexpr int kScopes = 8;

/// Which tick of a command that takes several a distance is counted from.
enum class Reference : std::uint8_t {
    first,
    last,
    weakest,  ///< sources differ: only what breaks both readings is reported
};

/// What a command occupies on its way to the DRAM.
enum class Bus : std::uint8_t { none, command, row, column };

/// `from` to `to` at least `ticks` apart, counted from first tick to first tick.
struct Distance {
    std::uint16_t name = 0;  ///< index into RuleSet::names
    Scope scope = Scope::bank;
    Kind from = Kind::ACT;
    Kind to = Kind::ACT;
    std::int64_t ticks = 0;
};

/// At most `count` of the commands in any `ticks` ticks.
struct Window {
    std::uint16_t name = 0;
    Scope scope = Scope::rank;
    std::array<bool, kKinds> counts{};
    int count = 4;
    std::int64_t ticks = 0;
};

/// Which banks a bank-wise refresh takes, so must be closed.
enum class RefreshReach : std::uint8_t { bank, pair, same_bank };

/// Above so many degrees Celsius refreshes come so many times as often.
struct Heat {
    int above = 0;
    double times = 1;
};

/// Refresh management: a bank's count of activates must stay below `maximum`.
struct Management {
    std::int64_t maximum = 0;  ///< 0: the device asks for none
    std::int64_t per_refresh = 0;
    std::int64_t per_management = 0;
};

/// A standard's rules, in ticks: lower bounds, so a slower model passes.
struct RuleSet {
    std::string standard;
    std::vector<std::string> sources;
    double clock_ps = 0;  ///< period of the command clock
    int ticks_per_clock = 1;
    Reference reference = Reference::first;
    int pseudo_channels = 1;
    int ranks = 1;
    int bank_groups = 1;
    int banks = 1;  ///< in a bank group
    int sets = 1;   ///< of processing in memory: banks whose numbers in the rank leave one rest
    int row_buffers = 1;  ///< 2: units have one of their own in each bank
    int opens = 0;        ///< banks of a set that one PIM_ACT opens; 0: all

    std::vector<std::string> names;
    std::vector<Distance> distances;
    std::vector<Window> windows;

    std::array<std::int64_t, kKinds> length{};  ///< ticks on the bus
    std::array<Bus, kKinds> bus{};
    bool bus_per_pseudo_channel = false;

    std::int64_t read_latency = 0;
    std::int64_t write_latency = 0;
    std::int64_t burst = 0;  ///< ticks a burst holds the data bus
    std::int64_t read_to_write_gap = 0;
    std::int64_t write_to_read_gap = 0;
    std::int64_t rank_gap = 0;        ///< between ranks, unless both bursts are writes
    std::int64_t write_rank_gap = 0;  ///< the controller drives both: standards ask for none

    double refresh_interval_ps = 0;              ///< 0: refresh is not bounded
    int postpone = 0;                            ///< refreshes that may be owed beyond the one due
    int pull_in = 0;                             ///< refreshes that may be done ahead
    std::array<double, kKinds> refresh_share{};  ///< of one interval's work; 0: no refresh
    std::array<RefreshReach, kKinds> reach{};

    std::vector<Heat> heat;
    Management management;

    std::int64_t second_part_min = 0;  ///< ACT1 to ACT2; 0: one-part activate
    std::int64_t second_part_max = 0;

    bool needs_wck = false;
    std::int64_t wck_after_read = 0;  ///< from the first tick of RD or CAS_RD, WCK still toggles
    std::int64_t wck_after_write = 0;

    std::int64_t row_open_limit = 0;  ///< 0: none

    /// Asks for the refreshes of devices that hot. To be called once.
    void at_celsius(int celsius);
};

/// A rule list that cannot be read: file, line, reason.
class RuleError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Reads a rule list; `include` is resolved beside `path`. Throws RuleError.
[[nodiscard]] RuleSet load_rules(const std::string& path);

/// The same from text, for tests; `directory` is where `include` looks.
[[nodiscard]] RuleSet parse_rules(std::string_view text, const std::string& directory = {});

}  // namespace perfwatt::dram_checker

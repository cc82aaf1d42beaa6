#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/dram_checker/checker.h"

namespace perfwatt::dram_checker {

constexpr std::int64_t kNever = -(std::int64_t{1} << 60);
constexpr int kMaxChannels = 4096;

constexpr std::size_t index(Kind kind) { return static_cast<std::size_t>(kind); }
constexpr bool is_read(Kind kind) { return kind == Kind::RD || kind == Kind::RDA; }
constexpr bool is_write(Kind kind) { return kind == Kind::WR || kind == Kind::WRA; }
constexpr bool closes(Kind kind) { return kind == Kind::PRE || kind == Kind::PREA; }

/// Commands that name one bank; the others act on a whole rank.
constexpr bool names_bank(Kind kind) {
    switch (kind) {
        case Kind::ACT:
        case Kind::ACT1:
        case Kind::ACT2:
        case Kind::PRE:
        case Kind::RD:
        case Kind::WR:
        case Kind::RDA:
        case Kind::WRA:
        case Kind::REFPB:
        case Kind::REFSB:
        case Kind::RFMPB:
        case Kind::RFMSB:
        case Kind::PIM_ACT:
        case Kind::PIM_PRE:
        case Kind::PIM_RD:
        case Kind::PIM_WR:
        case Kind::PIM_EW:
        case Kind::PIM_AF:
        case Kind::PIM_RDC:
        case Kind::PIM_WRC:
            return true;
        case Kind::PIM_WRB:
        case Kind::PIM_WRR:
        case Kind::PIM_RDR:
        case Kind::PIM_MODE:
        case Kind::PREA:
        case Kind::REFAB:
        case Kind::RFMAB:
        case Kind::PDE:
        case Kind::PDX:
        case Kind::SRE:
        case Kind::SRX:
        case Kind::CAS_RD:
        case Kind::CAS_WR:
            return false;
    }
    return false;
}

constexpr bool acts_on_set(Kind kind) { return kind >= Kind::PIM_ACT && kind <= Kind::PIM_AF; }
constexpr bool copies(Kind kind) { return kind == Kind::PIM_RDC || kind == Kind::PIM_WRC; }

using LastTicks = std::array<std::int64_t, kKinds>;

/// The numbers of the places a command touches; -1 where it touches none.
struct Places {
    std::array<int, kScopes> at{};
};

struct BankState {
    bool open = false;
    std::int64_t row = -1;
    std::int64_t opened = 0;
    std::int64_t activates = 0;  ///< counted for refresh management
};

/// When a command counted by a window began and ended; an activate begins with its first part.
struct Counted {
    std::int64_t begin = kNever;
    std::int64_t end = kNever;
};

struct RankState {
    bool seen = false;
    bool powered_down = false;
    bool self_refresh = false;
    bool overdue = false;  ///< already reported
    double refreshed_until_ps = 0;
    std::uint64_t round = 0;  ///< banks, pairs or bank numbers refreshed in this round

    bool first_part = false;
    int first_part_bank = -1;
    std::int64_t first_part_row = -1;
    std::int64_t first_part_tick = 0;

    std::int64_t wck_until = kNever;
    int wck_waits_for = -1;  ///< the kind of access the last CAS announced: 0 read, 1 write

    std::vector<std::vector<Counted>> window;  ///< a ring for each window
    std::vector<std::size_t> window_at;
};

struct DataBus {
    std::int64_t end = kNever;
    int rank = -1;
    bool write = false;
};

struct ChannelState {
    std::int64_t last_tick = kNever;
    std::array<std::vector<LastTicks>, kScopes> last;
    std::vector<BankState> banks;
    std::vector<BankState> unit_banks;  ///< row buffers of units in memory, where they have some
    std::vector<RankState> ranks;
    std::vector<DataBus> data;
    std::vector<std::array<std::int64_t, 4>> bus_free;  ///< by Bus
    bool used = false;
};

struct Bound {
    Scope scope;
    Kind from;
    std::uint16_t name;
    std::int64_t ticks;
};

/// What has been seen of each channel, and what was wrong with it.
class Checker::State {
  public:
    State(const RuleSet& rules, std::size_t keep);

    void line(std::string_view text);

    void command(const Command& c, std::int64_t number);

    void finish();

    [[nodiscard]] const std::vector<Violation>& violations() const { return violations_; }
    [[nodiscard]] std::int64_t count() const { return count_; }
    [[nodiscard]] std::int64_t commands() const { return commands_; }

  private:
    static void remember(const Command& c, ChannelState& channel, const Places& places);

    /// A command of processing in memory does in each bank of its set what its name says.
    void set_command(const Command& c, ChannelState& channel, RankState& rank);

    void report(std::string_view rule, std::string details);

    bool place_exists(const Command& c);

    ChannelState& channel_of(int number);

    [[nodiscard]] Places places_of(const Command& c) const;

    void check_clock(const Command& c, ChannelState& channel);

    void check_distances(const Command& c, const ChannelState& channel, const Places& places);

    void check_bus(const Command& c, ChannelState& channel);

    void check_banks(const Command& c, ChannelState& channel, RankState& rank,
                     const Places& places);

    void needs_closed(const Command& c, const BankState& bank, int number);

    void open(const Command& c, BankState& bank, std::int64_t row);

    void credit(Kind kind, BankState& bank) const;

    void refreshed_banks_closed(const Command& c, ChannelState& channel, const Places& places);

    void activate_part(const Command& c, RankState& rank, BankState& bank, int at);

    void access(const Command& c, BankState& bank);

    void close(BankState& bank, std::int64_t tick);

    void check_windows(const Command& c, RankState& rank);

    void check_data(const Command& c, ChannelState& channel);

    void check_wck(const Command& c, RankState& rank);

    void check_power(const Command& c, RankState& rank);

    void owed(RankState& rank, double now_ps);

    void check_refresh(const Command& c, RankState& rank, const Places& places);

    /// No bank is refreshed again before all of them have been.
    void refresh_round(const Command& c, RankState& rank, const Places& places);

    RuleSet rules_;
    std::size_t keep_;
    std::array<std::vector<Bound>, kKinds> bounds_;
    int flat_banks_ = 1;
    int pairs_ = 1;
    std::vector<ChannelState> channels_;
    std::vector<Violation> violations_;
    std::int64_t count_ = 0;
    std::int64_t commands_ = 0;
    std::int64_t line_ = 0;
    std::int64_t last_time_ps_ = 0;
};

}  // namespace perfwatt::dram_checker

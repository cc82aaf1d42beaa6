#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "models/dram/device_state.h"
#include "models/dram/request_queues.h"

namespace perfwatt::dram {

/// In the order of classes (0 to 3), then of priorities, then of age: the lower goes first.
[[nodiscard]] constexpr std::uint64_t order_key(int rank_of_class, std::int16_t priority,
                                                std::uint64_t order) {
    constexpr int kOrderBits = 46;
    const auto behind = static_cast<std::uint64_t>(0x7fff - priority);
    return static_cast<std::uint64_t>(rank_of_class) << (kOrderBits + 16) | behind << kOrderBits |
           order;
}

/// What the requests of each bank need next, and from when on as far as the bank itself goes: kept
/// until something about the bank changes. What banks wait for together is kept by family (see
/// DeviceState) until a command is sent that others wait for, or, while few banks offer something,
/// asked for each of them.
class BankOffers {
  public:
    BankOffers(const DeviceState& device, const RequestQueues& queues, bool row_hits_first);

    struct Offer {
        Tick from = 0;
        std::uint64_t key = 0;
        Tick ready = 0;  ///< after the request's arrival
        std::int32_t entry = RequestQueues::kNone;
        std::int32_t bank = 0;
        std::uint32_t shared = 0;  ///< what its family waits for
        Command command = Command::activate;
    };
    /// The first of all offers looked at.
    struct Best {
        Tick time = kNever;
        std::uint64_t key = 0;
        const Offer* offer = nullptr;
    };
    /// Of a rank: its data clock, and when it has woken.
    struct DataClock {
        Tick runs_until = 0;
        Tick awake_from = 0;
    };
    /// What a choice depends on beside offers and devices.
    struct Scene {
        Tick now = 0;
        int half_open = -1;  ///< the bank between the parts of its activate: no other may begin one
        bool cas_early = false;  ///< a stopped data clock can be started a tick before a column
        const DataClock* clocks = nullptr;  ///< by rank
    };

    void changed(int bank) { dirty_[word(bank)] |= bit(bank); }
    void all_changed() { std::fill(dirty_.begin(), dirty_.end(), ~std::uint64_t{0}); }
    /// A command has gone out.
    void sent(Command command, int bank) {
        stale_[at(bank) / per_share_] |= holds_up_[static_cast<std::size_t>(command)];
    }
    /// All commands of a kind have been put off, for whatever reason.
    void put_off(Command command) {
        for (std::size_t kind = 0; kind < kKinds; ++kind) {
            if (kCommandOf[kind] != command) continue;
            for (std::uint8_t& stale : stale_) stale |= static_cast<std::uint8_t>(1U << kind);
        }
    }
    /// Of the queued requests of a part's banks, from now on writes or reads are looked at.
    void direct(int part, bool write) { writes_[at(part)] = write; }

    [[nodiscard]] Best best(const DeviceState& device, const RequestQueues& queues,
                            const Scene& scene);

  private:
    /// Commands by what they are to a bank that waits.
    enum Kind : std::uint8_t { kRead, kWrite, kActivate, kPrecharge, kKinds };
    /// Banks that offer something, 64 of them.
    struct Masks {
        std::array<std::uint64_t, 2> waiting{}, column{}, row{};  ///< by direction
        std::uint64_t closed = 0;
    };

    static std::size_t at(int i) { return static_cast<std::size_t>(i); }
    static std::size_t word(int bank) { return at(bank) / 64; }
    static std::uint64_t bit(int bank) { return std::uint64_t{1} << (bank & 63); }
    static constexpr Command kCommandOf[] = {Command::read, Command::write, Command::activate,
                                             Command::precharge};

    void update(const DeviceState& device, const RequestQueues& queues);
    void update_shared(const DeviceState& device);
    void find_shared(std::size_t share, unsigned kinds, const DeviceState& device);
    [[nodiscard]] unsigned kinds_offered() const;
    void find(int bank, const DeviceState& device, const RequestQueues& queues);
    void find_queued(bool write, int bank, const DeviceState& device, const RequestQueues& queues);
    void offer(Offer& place, int entry, Kind kind, int rank_of_class, const DeviceState& device,
               const RequestQueues& queues) const;
    [[nodiscard]] int banks_offering() const;
    template <bool kFew, class TimeOf>
    [[nodiscard]] Best find_best(const DeviceState& device, const Scene& scene,
                                 TimeOf time_of) const;
    template <bool kFew, class TimeOf>
    [[nodiscard]] Best find_first(int half_open, TimeOf time_of) const;

    bool row_hits_first_;
    int per_family_;
    std::size_t per_part_;              ///< banks
    std::vector<std::uint8_t> writes_;  ///< by part
    std::vector<Masks> masks_;
    std::vector<std::uint64_t> dirty_;
    std::vector<Offer> waiting_;                        ///< by bank
    std::array<std::vector<Offer>, 2> columns_, rows_;  ///< by direction and bank
    std::vector<Tick> shared_;                          ///< by family and kind
    std::array<std::uint8_t, kCommands> holds_up_{};    ///< by command: bits of kinds
    std::size_t per_share_;            ///< banks of which one may hold up the others
    std::vector<std::uint8_t> stale_;  ///< kinds of shared_ that have to be found again
};

}  // namespace perfwatt::dram

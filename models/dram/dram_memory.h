#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "models/dram/dram_report.h"
#include "models/dram/transfer_feed.h"
#include "sim/arch/memory_model.h"

namespace perfwatt::dram {

struct DramOptions {
    std::string name = "dram";  ///< of the memory in its chip; prefixes actions
    int channels = 1;
    EnergyCorner corner = EnergyCorner::typical;
    CommandLog* log = nullptr;  ///< borrowed; null: no log, and no cost
    bool plain = false;         ///< for tests that compare: see DramChannel::be_plain()
};

/// Time and ticks. Where a tick is a whole number of femtoseconds, as most are, it takes no product
/// of 128 bits.
class TickClock {
  public:
    explicit TickClock(Clock clock) : clock_(clock) {
        const Time tick = clock.cycles(1);
        if (Int128{tick.fs} * clock.hertz() == Int128{1'000'000'000'000'000}) fs_ = tick.fs;
    }
    [[nodiscard]] Time time_of(Tick ticks) const {
        return fs_ > 0 ? Time{ticks * fs_} : clock_.cycles(ticks);
    }
    /// Rounded up.
    [[nodiscard]] Tick ticks_in(Time span) const {
        return fs_ > 0 ? (span.fs + fs_ - 1) / fs_ : clock_.cycles_in(span);
    }

  private:
    Clock clock_;
    std::int64_t fs_ = 0;  ///< of a tick; 0: not a whole number
};

/// `channels` channels of one standard, timed command by command ("exact"). A write is complete
/// when its last datum is in the array; no write is forwarded to a read, so that every burst asked
/// for is a burst on the pins.
class DramMemory final : public MemoryModel {
  public:
    /// Throws UserError when the standard is impossible (see lint()).
    DramMemory(DramSpec spec, DramOptions options);
    DramMemory(const DramMemory&) = delete;
    DramMemory& operator=(const DramMemory&) = delete;

    void submit(Time now, const MemoryTransfer& transfer) override;
    void advance(Time limit, std::vector<MemoryCompletion>& completions) override;
    [[nodiscard]] Time next_completion_bound() const override;
    Time advance_to_completion(Time limit, std::vector<MemoryCompletion>& completions) override;
    [[nodiscard]] Time data_bus_busy(Time at) const override;
    void finish(Time end) override;
    [[nodiscard]] std::vector<Action> actions() const override;
    void add_counts(Counts& counts, const std::vector<ActionId>& ids) const override;
    [[nodiscard]] MemoryReport report() const override;

    [[nodiscard]] std::int64_t capacity_bytes() const;
    [[nodiscard]] const DramSpec& spec() const { return spec_; }
    /// For jobs of units in the banks; only while no transfer is in flight.
    [[nodiscard]] DramChannel& channel(int index) {
        return lanes_[static_cast<std::size_t>(index)].channel;
    }
    [[nodiscard]] TransferFeed& feed(int index) {
        return lanes_[static_cast<std::size_t>(index)].feed;
    }
    /// All channels have been run up to this tick by somebody else.
    void ran_to(Tick tick, std::vector<MemoryCompletion>& completions) {
        advanced_ = std::max(advanced_, tick);
        collect(completions);
    }
    [[nodiscard]] int channels() const { return static_cast<int>(lanes_.size()); }
    /// All transfers handed over are done and taken.
    [[nodiscard]] bool drained() const { return in_flight_.empty(); }
    /// Nothing has been decided from this tick on.
    [[nodiscard]] Tick advanced() const { return advanced_; }

  private:
    struct Lane {
        DramChannel channel;
        TransferFeed feed;
    };

    /// Runs all lanes up to the tick `limit` or the first completion; returns where they stand.
    Tick run_to_completion(Tick limit);
    /// Counts a new transfer's bursts and hands them to the lanes.
    void share_out(std::uint32_t slot);
    void collect(std::vector<MemoryCompletion>& completions);

    DramSpec spec_;
    DramOptions options_;
    TimingTable table_;
    AddressMapping mapping_;
    TickClock clock_;
    Tick shortest_latency_;  ///< from a column command to the end of its data
    std::vector<TransferState> transfers_;
    std::vector<std::uint32_t> free_;
    std::vector<std::uint32_t> in_flight_;
    std::vector<std::int64_t> parts_;  ///< bursts by lane of the transfer being submitted
    std::deque<Lane> lanes_;
    Tick advanced_ = 0;
    std::int64_t read_bytes_ = 0, write_bytes_ = 0, bursts_ = 0;
};

}  // namespace perfwatt::dram

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
    [[nodiscard]] Time data_bus_busy(Time at) const override;
    void finish(Time end) override;
    [[nodiscard]] std::vector<Action> actions() const override;
    void add_counts(Counts& counts, const std::vector<ActionId>& ids) const override;
    [[nodiscard]] MemoryReport report() const override;

    [[nodiscard]] std::int64_t capacity_bytes() const;
    [[nodiscard]] const DramSpec& spec() const { return spec_; }

  private:
    struct Lane {
        DramChannel channel;
        TransferFeed feed;
    };

    void collect(Lane& lane, std::vector<MemoryCompletion>& completions);

    DramSpec spec_;
    DramOptions options_;
    TimingTable table_;
    AddressMapping mapping_;
    Clock clock_;
    std::vector<TransferState> transfers_;
    std::vector<std::uint32_t> free_;
    std::vector<std::uint32_t> in_flight_;
    std::deque<Lane> lanes_;
    Tick advanced_ = 0;
    std::int64_t read_bytes_ = 0, write_bytes_ = 0, bursts_ = 0;
};

}  // namespace perfwatt::dram

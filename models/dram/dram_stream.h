#pragma once

#include <string>
#include <vector>

#include "models/dram/dram_energy.h"
#include "models/dram/dram_memory.h"
#include "models/dram/dram_stream_lanes.h"
#include "sim/arch/memory_model.h"

namespace perfwatt::dram {

/// `channels` channels of one standard, timed a run of bursts at a time ("stream"): see StreamLane.
/// Its error against DramMemory stands in the family's README.
class DramStream final : public MemoryModel {
  public:
    DramStream(DramSpec spec, DramOptions options);
    DramStream(const DramStream&) = delete;
    DramStream& operator=(const DramStream&) = delete;

    void submit(Time now, const MemoryTransfer& transfer) override;
    void advance(Time limit, std::vector<MemoryCompletion>& completions) override;
    Time advance_to_completion(Time limit, std::vector<MemoryCompletion>& completions) override;
    [[nodiscard]] Time next_completion_bound() const override;
    [[nodiscard]] Time data_bus_busy(Time at) const override;
    void finish(Time end) override;
    [[nodiscard]] std::vector<Action> actions() const override;
    void add_counts(Counts& counts, const std::vector<ActionId>& ids) const override;
    [[nodiscard]] MemoryReport report() const override;

    [[nodiscard]] std::int64_t capacity_bytes() const;

  private:
    /// Runs to `limit`, or to the first completion before it.
    Tick run(Tick limit, bool to_completion, std::vector<MemoryCompletion>& completions);

    DramSpec spec_;
    DramOptions options_;
    TimingTable table_;
    AddressMapping mapping_;
    StreamTimes times_;
    TickClock clock_;
    std::vector<StreamTransfer> transfers_;
    std::vector<std::uint32_t> free_;
    StreamLanes lanes_;
    std::vector<std::int64_t> parts_;  ///< of a transfer, by channel
    int in_flight_ = 0;
    Tick shortest_ = 0;  ///< from a decision to a completion
    Tick advanced_ = 0;
    Tick last_end_ = 0;  ///< of all transfers that have completed
    std::int64_t read_bytes_ = 0, write_bytes_ = 0, bursts_ = 0;
};

}  // namespace perfwatt::dram

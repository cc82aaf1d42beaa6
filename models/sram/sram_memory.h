#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "sim/arch/memory_model.h"

namespace perfwatt::sram {

/// A shared on-chip memory as its users see it: equal banks, addresses interleaved between them.
struct SramMemorySpec {
    std::string name;
    std::int64_t capacity_bytes = 0;
    int banks = 1;
    std::int64_t interleave_bytes = 64;  ///< neighbours of this size lie in neighbouring banks
    std::int64_t bytes_per_cycle = 0;    ///< of one bank, reads and writes together; one access
    Clock clock;
    Time latency;        ///< from the access to the datum at the user
    double read_pj = 0;  ///< one access of bytes_per_cycle
    double write_pj = 0;
    std::string energy_source;
};

/// Serves each bank's accesses first come, first served, one a cycle; a transfer is done when the
/// slowest of its banks is. Accesses are whole: what a transfer does not need of its first and
/// last access of a run is counted as rounding. No commands, no refresh.
class SramMemory final : public MemoryModel {
  public:
    explicit SramMemory(SramMemorySpec spec);

    void submit(Time now, const MemoryTransfer& transfer) override;
    void advance(Time limit, std::vector<MemoryCompletion>& completions) override;
    [[nodiscard]] Time next_completion_bound() const override;
    [[nodiscard]] Time data_bus_busy(Time at) const override;
    void finish(Time end) override;
    [[nodiscard]] std::vector<Action> actions() const override;
    void add_counts(Counts& counts, const std::vector<ActionId>& ids) const override;
    [[nodiscard]] MemoryReport report() const override;

  private:
    /// A bank is busy from `from` to `to`; `before` is for how long it was before that.
    struct Span {
        Time from;
        Time to;
        Time before;
    };
    struct LayerCount {
        int layer = -1;
        std::int64_t reads = 0;
        std::int64_t writes = 0;
    };

    void add_row(std::int64_t address, std::int64_t bytes);
    void add_accesses(std::int64_t block, std::int64_t accesses);
    void count(int layer, Direction direction, std::int64_t accesses);
    [[nodiscard]] Time serve(std::vector<Span>& bank, Time now, std::int64_t accesses) const;

    SramMemorySpec spec_;
    std::vector<std::vector<Span>> busy_;  ///< by bank, in order, neighbours joined
    std::vector<std::int64_t> accesses_;   ///< by bank, of the transfer being submitted
    std::deque<MemoryCompletion> done_;    ///< submitted, not yet reported
    std::vector<LayerCount> counts_;
    std::int64_t read_bytes_ = 0, write_bytes_ = 0, moved_bytes_ = 0;
};

}  // namespace perfwatt::sram

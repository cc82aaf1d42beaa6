#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "models/dram/dram_memory.h"
#include "models/dram/dram_pim.h"

namespace perfwatt::dram {

/// A memory with processing units in its banks. Jobs run one after the other, each on all channels.
/// While one waits or runs, later transfers wait for it; it waits for earlier ones. Not so where
/// units have row buffers of their own (PimSpec::concurrent()): transfers and jobs go on together.
class DramPimMemory final : public MemoryModel {
  public:
    /// Throws UserError when the standard is impossible or its units cannot be driven.
    DramPimMemory(DramSpec spec, DramOptions options);

    void submit(Time now, const MemoryTransfer& transfer) override;
    void submit_job(Time now, const PimJob& job) override;
    void advance(Time limit, std::vector<MemoryCompletion>& completions) override;
    [[nodiscard]] Time next_completion_bound() const override;
    [[nodiscard]] Time data_bus_busy(Time at) const override;
    void finish(Time end) override;
    [[nodiscard]] std::vector<Action> actions() const override;
    void add_counts(Counts& counts, const std::vector<ActionId>& ids) const override;
    [[nodiscard]] MemoryReport report() const override;

    [[nodiscard]] const PimSpec& pim() const { return *inner_.spec().pim; }
    [[nodiscard]] const PimTicks& pim_ticks() const { return ticks_; }
    /// Of the latest job.
    [[nodiscard]] Tick job_ticks() const { return job_ticks_; }
    /// Bytes that the host asked for while jobs ran.
    [[nodiscard]] std::int64_t bytes_beside() const { return bytes_beside_; }
    [[nodiscard]] DramMemory& plain() { return inner_; }

  private:
    struct Waiting {
        PimJob job;
        Tick arrival = 0;
    };
    struct Running {
        PimJob job;
        const PimProgram* program = nullptr;
        Tick start = 0;
        std::vector<PimSequencer> channels;
        std::optional<DramCounters> before;  ///< of the first channel, if the others repeat it
        Tick data_before = 0;
    };
    /// What a layer's jobs did that prices need and commands do not tell.
    struct Work {
        std::int64_t macs = 0;
        std::int64_t inputs = 0;
        std::int64_t outputs = 0;
        std::int64_t columns = 0;  ///< of all banks
        std::int64_t activates = 0;
        std::int64_t registers = 0;
    };

    void begin_job();
    /// Channels that have been simulated as one from here on go their own ways.
    void unfold();
    void advance_beside(Tick end, std::vector<MemoryCompletion>& completions);
    /// Runs the host's side up to a tick.
    void run_host(Tick end, std::vector<MemoryCompletion>& completions);
    void end_job(std::vector<MemoryCompletion>& completions);
    [[nodiscard]] const PimProgram& program_of(const PimKernel& kernel);
    void count(const PimProgram& program, int layer);

    DramMemory inner_;
    DramOptions options_;
    Clock clock_;
    std::vector<std::pair<PimKernel, std::unique_ptr<PimProgram>>> programs_;
    std::deque<Waiting> waiting_;
    std::optional<Running> running_;
    struct Deferred {
        Tick arrival = 0;
        MemoryTransfer transfer;
    };
    std::vector<Deferred> deferred_;
    std::map<int, Work> work_;  ///< by layer
    PimTicks ticks_;
    Tick job_ticks_ = 0;
    std::int64_t jobs_ = 0, macs_ = 0, plain_columns_ = 0, bytes_beside_ = 0;
};

}  // namespace perfwatt::dram

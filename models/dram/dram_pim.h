#pragma once

#include <array>
#include <cstdint>

#include "models/dram/dram_channel.h"
#include "models/dram/dram_spec.h"
#include "models/dram/transfer_feed.h"
#include "sim/arch/pim_job.h"

namespace perfwatt::dram {

/// What a PIM spec takes from the memory it is part of, for one channel.
[[nodiscard]] PimSpec complete_pim(PimSpec pim, const DramSpec& spec);

/// Ticks of a job by cause; they add up to its duration.
struct PimTicks {
    std::array<Tick, kPimPhases> phases{};
    Tick refresh = 0;
    Tick fence = 0;
    Tick drain = 0;  ///< from the last command to the end of its data

    void add(const PimTicks& other);
};

/// Carries out the steps of a PIM program on one channel, command by command. Between two barriers
/// commands go out as they become ready, oldest first; what stands behind a barrier, the column
/// with the barrier itself included, waits until all before it has gone out. Refreshes are served
/// as soon as rows can be closed.
class PimSequencer {
  public:
    /// Borrows all three. The channel must have nothing queued, unless units have row buffers of
    /// their own.
    PimSequencer(const DramSpec& spec, const PimProgram& program, DramChannel& channel, Tick start,
                 int layer);

    /// Commands before `limit`; true once the last one has gone out.
    bool run(Tick limit);
    /// The same beside the host's transfers, whose commands go out between the units' and never
    /// put the next of these off: units with row buffers of their own. Up to `limit` or the last
    /// command, whichever comes first.
    bool run_beside(TransferFeed& feed, Tick limit);
    [[nodiscard]] bool done() const { return first_ == program_->steps.size() && !rows_are_left(); }
    /// The same job at the same point on another channel that has done the same.
    [[nodiscard]] PimSequencer on(DramChannel& channel) const {
        PimSequencer other = *this;
        other.channel_ = &channel;
        other.device_ = &channel.device();
        return other;
    }
    /// The end of the last datum. Only once done.
    [[nodiscard]] Tick end() const { return end_; }
    [[nodiscard]] const PimTicks& ticks() const { return ticks_; }
    /// Nothing that is left can end before this.
    [[nodiscard]] Tick bound(Tick now) const;

  private:
    struct Candidate {
        Tick at = kNever;
        int rank_of_class = 9;  ///< 0 close for refresh, 1 column, 2 activate, 3 precharge
        Command command = Command::pim_read;
        int bank = 0;
        std::int64_t row = -1;
        std::size_t step = 0;
    };
    enum class RowState : std::uint8_t { hit, closed, other };

    /// Rows that an earlier job left open in all banks of a set.
    void find_open_sets();
    void begin_group();
    void choose();
    void consider(Candidate candidate);
    void consider_step(std::size_t step, bool alone);
    void consider_unused();
    [[nodiscard]] bool refresh_waits() const;
    [[nodiscard]] bool open(int bank) const { return device_->pim_row(bank) >= 0; }
    /// One command closes it together with an earlier bank.
    [[nodiscard]] bool closes_with_another(int bank) const {
        const int set = bank % pim_->sets();
        return bank != set && set_row_[static_cast<std::size_t>(set)] >= 0;
    }
    [[nodiscard]] bool rows_are_left() const {
        return pim_->concurrent() && device_->pim_open_banks(0) > 0;
    }
    /// The next command, if the host lets go on; kNever while a refresh is waited for.
    void find_next();
    [[nodiscard]] bool would_put_off(Command host, Tick at) const;
    void consider_refresh();
    void consider_close(int bank, int rank_of_class, std::size_t step);
    void issue();
    void issue_column(const PimStep& step);
    [[nodiscard]] RowState state_of(const PimStep& step) const;
    [[nodiscard]] bool needed(int bank) const;
    [[nodiscard]] bool bank_in(const PimStep& step, int bank) const;
    [[nodiscard]] bool on_set(const PimStep& step) const;
    void account(Tick at, Tick& line);

    const PimSpec* pim_;
    const PimProgram* program_;
    DramChannel* channel_;
    const DeviceState* device_;
    Tick now_;
    int layer_;
    int banks_;
    Tick fence_ticks_;
    Tick column_ticks_;
    Tick not_before_ = 0;               ///< by a barrier that takes time
    std::size_t first_ = 0, last_ = 0;  ///< of the group: steps first_ to last_, exclusive
    std::vector<int> left_;             ///< columns of each step of the group
    int group_left_ = 0;
    std::int64_t columns_left_ = 0;
    std::vector<std::int64_t> set_row_;  ///< opened in all banks of a set by one command
    Candidate best_;
    bool held_ = false;  ///< by a refresh, since the last command
    Tick end_ = 0;
    PimTicks ticks_;
};

}  // namespace perfwatt::dram

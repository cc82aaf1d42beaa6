#pragma once

#include <string>
#include <vector>

#include "sim/base/time.h"
#include "sim/program/program.h"

namespace perfwatt {

struct CommandTimes {
    Time start = Time::max();
    Time end = Time::max();
};

/// Which command may start: keeps each unit's queue and counts down dependencies.
class Schedule {
  public:
    /// PERFWATT_CHECKs that units exist and that commands depend on earlier ones only.
    explicit Schedule(const Program& program);

    /// The unit's next command in program order if all it waits for has ended, else invalid.
    [[nodiscard]] CommandId ready_head(UnitId unit) const;
    /// Takes the unit's head off its queue.
    void start(CommandId command, Time now);
    /// Appends the units whose head has become ready by this, in the order of their commands.
    void end(CommandId command, Time now, std::vector<UnitId>& unblocked);

    [[nodiscard]] bool done() const { return ended_ == times_.size(); }
    [[nodiscard]] const std::vector<CommandTimes>& times() const { return times_; }
    /// The first command that has not ended, and what it waits for; for messages.
    [[nodiscard]] std::string describe_stuck() const;

  private:
    const Program& program_;
    std::vector<std::int32_t> waits_for_;        ///< dependencies that have not ended, by command
    std::vector<std::int32_t> dependents_;       ///< of all commands, one after another
    std::vector<std::int32_t> first_dependent_;  ///< by command; one more at the end
    std::vector<std::vector<std::int32_t>> queues_;
    std::vector<std::size_t> heads_;
    std::vector<CommandTimes> times_;
    std::size_t ended_ = 0;
};

}  // namespace perfwatt

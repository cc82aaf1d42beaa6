#pragma once

#include <memory>
#include <vector>

#include "sim/program/program.h"

namespace perfwatt {

/// Appends commands to a program and derives their dependencies from what they touch: a command
/// that reads a byte waits for its last writer, one that writes it for the last writer and every
/// reader since. Scratchpad bytes are tracked per core, memory bytes per memory.
class ProgramBuilder {
  public:
    explicit ProgramBuilder(std::vector<Unit> units, std::vector<std::string> memories);
    ~ProgramBuilder();
    ProgramBuilder(ProgramBuilder&&) noexcept;
    ProgramBuilder& operator=(ProgramBuilder&&) noexcept;

    LayerId add_layer(Layer layer);
    /// Its place in Program::tasks; equal tasks share one.
    std::int32_t add_task(const PimTask& task);
    /// From now on ids of units are those of this engine's device, counted from its first unit, as
    /// Device::units() has them. At first: engine 0, whose units come first.
    void set_engine(int engine);
    /// The latest command of a unit of the engine in question; invalid before its first.
    [[nodiscard]] CommandId last_command(UnitId unit) const;
    /// `extra` are dependencies beyond those of the bytes (a barrier, a launch).
    CommandId add(UnitId unit, LayerId layer, CommandWork work,
                  const std::vector<CommandId>& extra = {});
    /// Says that a command whose work names no addresses (a host's) also writes, or reads, these
    /// bytes: later commands that touch them wait for it. It must be the latest command.
    void writes(CommandId command, const Region& region);
    void reads(CommandId command, const Region& region);
    [[nodiscard]] const Program& program() const;
    [[nodiscard]] Program take();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace perfwatt

#pragma once

#include <exception>
#include <vector>

#include "sim/arch/device.h"
#include "sim/engine/schedule.h"
#include "sim/engine/scratchpad.h"
#include "sim/program/program.h"
#include "sim/stats/counts.h"

namespace perfwatt {

class UnitModule;

/// What the modules of one simulation share.
struct SimulationContext {
    const Program& program;
    std::vector<const Device*> devices;  ///< by engine
    Schedule schedule;
    Counts counts;
    /// By engine: places of Device::actions() in the counts.
    std::vector<std::vector<ActionId>> device_actions;
    ScratchpadIndex scratchpad_index;
    std::vector<Scratchpad> scratchpads;
    std::vector<UnitModule*> units;  ///< by UnitId
    Time launch;                     ///< no command starts before this
    std::exception_ptr failure;      ///< the first; ends the simulation

    /// The row of the counts for what belongs to no layer.
    [[nodiscard]] int shared_row() const { return counts.layers() - 1; }
    [[nodiscard]] const Command& command(CommandId id) const {
        return program.commands[id.index()];
    }
    [[nodiscard]] std::size_t engine_of(UnitId unit) const {
        return static_cast<std::size_t>(program.units[unit.index()].engine);
    }
    [[nodiscard]] const Device& device_of(UnitId unit) const { return *devices[engine_of(unit)]; }
    [[nodiscard]] Scratchpad& scratchpad_of(UnitId unit) {
        return scratchpads[scratchpad_index.of(program.units[unit.index()])];
    }
    /// Keeps the exception now being handled and stops the simulation: an exception that crosses
    /// the kernel loses its type.
    void fail();
};

}  // namespace perfwatt

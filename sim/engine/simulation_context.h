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
    const Device& device;
    Schedule schedule;
    Counts counts;
    std::vector<ActionId> device_actions;  ///< places of Device::actions() in the counts
    std::vector<Scratchpad> scratchpads;   ///< by core
    std::vector<UnitModule*> units;        ///< by UnitId
    Time launch;                           ///< no command starts before this
    std::exception_ptr failure;            ///< the first; ends the simulation

    /// The row of the counts for what belongs to no layer.
    [[nodiscard]] int shared_row() const { return counts.layers() - 1; }
    [[nodiscard]] const Command& command(CommandId id) const {
        return program.commands[id.index()];
    }
    [[nodiscard]] Scratchpad& scratchpad_of(UnitId unit) {
        return scratchpads[static_cast<std::size_t>(program.units[unit.index()].core)];
    }
    /// Keeps the exception now being handled and stops the simulation: an exception that crosses
    /// the kernel loses its type.
    void fail();
};

}  // namespace perfwatt

#pragma once

#include <memory>

#include "sim/program/program.h"

namespace perfwatt {

class UnitModule;
struct SimulationContext;

/// Makes a family's SystemC modules. Whoever implements it includes unit_module.h.
class UnitFactory {
  public:
    virtual ~UnitFactory() = default;
    /// The module that executes the commands of `unit`; null to leave it to the engine (as a
    /// family does for its DMA engines).
    [[nodiscard]] virtual std::unique_ptr<UnitModule> make(UnitId unit,
                                                           SimulationContext& context) const = 0;
};

}  // namespace perfwatt

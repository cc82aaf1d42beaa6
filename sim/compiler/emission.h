#pragma once

#include <optional>

#include "sim/compiler/plan.h"

namespace perfwatt {

/// The units of a target, in the order of ids: of the engines, then what launches them, then the
/// host, then links out of the chip.
struct TargetUnits {
    std::vector<Unit> units;
    std::vector<UnitId> launchers;  ///< by engine; invalid where its launch takes no time
    UnitId host;
    std::vector<UnitId> links;  ///< by Exchange::link
};
[[nodiscard]] TargetUnits target_units(const CompileTarget& target);

/// Turns a plan into the program: units of all engines and of the host, a layer and commands for
/// each kernel that is emitted, launches where an engine takes over from another. Sets program,
/// kernels, repeat and work's operations of `out`. Throws UserError if the program is too long.
void emit(const Planner& planner, Plan& plan, const Lowered& lowered,
          const std::vector<std::vector<EngineCost>>& costs, std::optional<Repeat> repeat,
          const CompileTarget& target, const CompileOptions& options, const std::string& network,
          Compiled& out);

/// The least times of the emitted program: layer by layer and of the whole.
void find_bounds(const CompileTarget& target, Compiled& out);

}  // namespace perfwatt

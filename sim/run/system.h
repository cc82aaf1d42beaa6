#pragma once

#include <vector>

#include "sim/arch/system_spec.h"
#include "sim/compiler/compiler.h"
#include "sim/engine/platform.h"
#include "sim/stats/energy.h"
#include "sim/stats/provenance.h"
#include "sim/stats/result.h"

namespace perfwatt {

// Of a system of equal chips one is simulated, since all do the same at the same time. Here is what
// the others and the host add.

/// What the compiler must know of it.
[[nodiscard]] TargetSystem target_system(const SystemSpec& system);

/// Links out of a chip, by Exchange::link.
[[nodiscard]] std::vector<PlatformExchange> system_links(const SystemSpec& system);

/// Energies of one chip become those of all, static ones included; the host's idle power counts
/// once, where the boundary is the wall.
void price_system(const SystemSpec& system, PowerBoundary boundary, Time elapsed,
                  PricedRun& priced);

/// Work, bytes and commands of one chip become those of all. `graph_macs` are the network's, of one
/// group of chips that share an inference: what all chips do alike is useful once.
void count_system(const SystemSpec& system, std::int64_t graph_macs, Result& result);

}  // namespace perfwatt

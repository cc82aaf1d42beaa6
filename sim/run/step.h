#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sim/arch/chip_loader.h"
#include "sim/arch/memory_catalog.h"
#include "sim/compiler/compiler.h"
#include "sim/graph/workload.h"
#include "sim/run/run.h"

namespace perfwatt {

/// A request with its files read and its words understood: all that is needed before compiling.
struct PreparedStep {
    LoadedChip chip;
    WorkloadRequest network;  ///< how the workload was asked for
    Workload workload;
    std::string precision;
    CompileTarget target;  ///< borrows the chip's device
    CompileOptions options;
    std::optional<int> batch_parts;  ///< of a mapping that is replayed
};

/// Of one phase other than "generate". Throws UserError.
[[nodiscard]] PreparedStep prepare_step(const RunRequest& request, const Environment& environment);

/// Compiles, simulates and prices one step. One simulation a process: see run().
[[nodiscard]] std::variant<RunOutput, Infeasible> run_step(const RunRequest& request,
                                                           const Environment& environment);

}  // namespace perfwatt

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sim/arch/chip_loader.h"
#include "sim/arch/memory_catalog.h"
#include "sim/compiler/compiler.h"
#include "sim/compiler/lighten.h"
#include "sim/graph/workload.h"
#include "sim/run/run.h"

namespace perfwatt {

/// The phase that is a prefill and as many decode steps as tokens are asked for.
inline constexpr std::string_view kGenerate = "generate";

/// A request with its files read and its words understood: all that is needed before compiling.
struct PreparedStep {
    LoadedChip chip;
    WorkloadRequest network;  ///< how the workload was asked for
    Workload workload;
    std::vector<LightenPass> passes;      ///< of the workload's file, then those asked for
    std::vector<std::string> lightening;  ///< what they did
    std::string precision;
    CompileTarget target;  ///< borrows the chip's device
    CompileOptions options;
    std::optional<int> batch_parts;  ///< of a mapping that is replayed
};

/// Of one phase other than "generate". Throws UserError.
[[nodiscard]] PreparedStep prepare_step(const RunRequest& request, const Environment& environment);

/// A step's program: the batch in `parts` equal parts, one after the other.
struct CompiledStep {
    PreparedStep step;
    Compiled compiled;
    int parts = 1;

    /// Whether identical blocks were left out of the program.
    [[nodiscard]] bool is_folded() const {
        return compiled.repeat && compiled.repeat->blocks_emitted < compiled.repeat->count;
    }
};

/// All before the simulation.
[[nodiscard]] std::variant<CompiledStep, Infeasible> compile_step(const RunRequest& request,
                                                                  PreparedStep step,
                                                                  const Environment& environment);

/// Simulates and prices a compiled step. One simulation a process: see run().
[[nodiscard]] RunOutput simulate_step(const RunRequest& request, const CompiledStep& compiled,
                                      const Environment& environment);

/// Compiles, simulates and prices one step. One simulation a process: see run().
[[nodiscard]] std::variant<RunOutput, Infeasible> run_step(const RunRequest& request,
                                                           PreparedStep step,
                                                           const Environment& environment);
[[nodiscard]] std::variant<RunOutput, Infeasible> run_step(const RunRequest& request,
                                                           const Environment& environment);

}  // namespace perfwatt

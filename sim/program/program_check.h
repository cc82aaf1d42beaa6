#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/program/program.h"

namespace perfwatt {

/// What a program's addresses must stay within.
struct ProgramLimits {
    std::int64_t scratchpad_bytes = 0;  ///< of each core
    /// By engine, where they differ; empty: `scratchpad_bytes`.
    std::vector<std::int64_t> engine_scratchpad_bytes = {};
    std::vector<std::int64_t> memory_bytes;  ///< by MemoryId; 0: not limited
};

/// Everything wrong with a program, in words: dependencies on later commands, addresses out of
/// range, units that cannot do the work, empty tiles. Empty for a sound program.
[[nodiscard]] std::vector<std::string> problems(const Program& program,
                                                const ProgramLimits& limits);

}  // namespace perfwatt

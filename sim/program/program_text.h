#pragma once

#include <string>
#include <string_view>

#include "sim/program/program.h"

namespace perfwatt {

/// A program as text, one line a command:
///
///   perfwatt-program 1
///   unit "core0.dma0" dma core 0
///   unit "gpu.core0.dma0" dma core 0 engine 1
///   memory "dram"
///   layer "conv1" "Conv" macs 1024
///   command unit 0 layer 0 load memory 0 at 4096 row 64 rows 2 pitch 128 to 0+128 after 3 5
///
/// Ids are the order of appearance. to_text and program_from_text are inverses.
[[nodiscard]] std::string to_text(const Program& program);

/// Throws UserError with file and line for text that is no program.
[[nodiscard]] Program program_from_text(std::string_view text, const std::string& file);

}  // namespace perfwatt

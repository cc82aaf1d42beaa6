#pragma once

#include <map>
#include <string>

#include "sim/compiler/compiler.h"

namespace perfwatt {

/// How a network was mapped, as `schema: perfwatt/mapping/v1`: what --mapping replays.
struct MappingFile {
    int batch_parts = 1;                      ///< in which the batch is computed, one by one
    std::map<std::string, Mapping> mappings;  ///< by kernel name
};

[[nodiscard]] std::string mapping_file_text(const Compiled& compiled, int batch_parts);

/// Throws UserError with every mistake of the file.
[[nodiscard]] MappingFile read_mapping_file(const std::string& file);

}  // namespace perfwatt

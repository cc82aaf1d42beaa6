#pragma once

#include <map>
#include <string>

#include "sim/compiler/compiler.h"

namespace perfwatt {

/// The mappings that were chosen, as `schema: perfwatt/mapping/v1`: what --mapping replays.
[[nodiscard]] std::string mapping_file_text(const Compiled& compiled);

/// Mappings by kernel name. Throws UserError with every mistake of the file.
[[nodiscard]] std::map<std::string, Mapping> read_mapping_file(const std::string& file);

}  // namespace perfwatt

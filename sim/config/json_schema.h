#pragma once

#include <nlohmann/json_fwd.hpp>

#include "sim/config/rule.h"

namespace perfwatt {

/// JSON Schema (draft 7) of a document of this kind whose top map follows `rule`. `extends` makes
/// every key optional: an editor that knows the schema sees one file, not its parent.
[[nodiscard]] nlohmann::ordered_json json_schema(ConfigKind kind, const ConfigRule& rule);

/// The schema of a map alone, for a part of a document that another part chooses.
[[nodiscard]] nlohmann::ordered_json json_schema_of(const ConfigRule& rule);

}  // namespace perfwatt

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/arch/chip_spec.h"
#include "sim/arch/family.h"
#include "sim/config/schema.h"

namespace perfwatt {

/// An element of a chip's `engines`.
struct EngineFile {
    std::string name;
    std::string family;
    std::int64_t count = 1;
    Time launch;
    std::vector<std::string> memories;
    const ConfigNode* family_map = nullptr;  ///< of whichever family comes last: see make_engines()
};

[[nodiscard]] MapSchema<EngineFile> engine_schema(const FamilyRegistry& families);

/// The chip has a family or engines, engines have different names, and see memories that exist.
void check_engines(const std::vector<EngineFile>& engines, const std::optional<std::string>& family,
                   const std::vector<MemoryAttachment>& memories, const MapCheck& check);

/// The devices of a chip: of its engines or, in the short form, of its family. `root` is the chip's
/// map, `context` what all engines share. Mistakes go to `reading`; nothing is missing without one.
[[nodiscard]] std::vector<ChipEngine> make_engines(const std::vector<EngineFile>& engines,
                                                   const std::optional<std::string>& family,
                                                   const FamilyRegistry& families,
                                                   const ConfigNode& root,
                                                   const FamilyContext& context, Reading& reading);

}  // namespace perfwatt

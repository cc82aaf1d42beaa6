#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "sim/arch/device.h"
#include "sim/arch/memory_catalog.h"
#include "sim/config/reading.h"

namespace perfwatt {

class ConfigPath;

/// What a family may need to know of the chip around its own map.
struct FamilyContext {
    std::string chip;
    std::string engine;  ///< whose map it is; the family's name where the chip has but one
    int process_nm = 0;
    double voltage = 0;
    const ConfigPath* config_path = nullptr;  ///< never null: for energy tables
    std::string file;                         ///< of the chip: names are looked up beside it first
    /// By MemoryId: the chip's attachments, in order. Empty once the file has mistakes: a family
    /// then reads its map for more of them and returns null.
    std::vector<MemoryFacts> memories;
};

/// Something an architect might buy more of: `perfwatt explain` doubles its keys and runs again.
struct Resource {
    std::string name;               ///< "matrix rows"
    std::vector<std::string> keys;  ///< under the family's map, doubled together: "matrix.rows"
};

/// A kind of hardware: turns its map of a chip YAML, found under the family's name, into a device.
class Family {
  public:
    virtual ~Family() = default;

    /// The word after `family:` and the key of the family's map, e.g. "npu".
    [[nodiscard]] virtual std::string_view name() const = 0;

    /// Reads the family's map with a MapSchema, reporting mistakes to `reading` under `path`.
    /// May return null after reporting one.
    [[nodiscard]] virtual std::shared_ptr<const Device> parse(const ConfigNode& node,
                                                              const std::string& path,
                                                              const FamilyContext& context,
                                                              Reading& reading) const = 0;

    /// What `perfwatt explain` doubles, one at a time; memories and links of the chip come with
    /// every family.
    [[nodiscard]] virtual std::vector<Resource> resources() const { return {}; }

    /// Of the family's map: json_schema_of(schema.rule()).
    [[nodiscard]] virtual nlohmann::ordered_json schema() const = 0;
};

/// The families a program knows, handed to whoever reads chips.
class FamilyRegistry {
  public:
    /// PERFWATT_CHECKs that the name is new.
    void add(std::unique_ptr<const Family> family);
    [[nodiscard]] const Family* find(std::string_view name) const;
    /// In the order added.
    [[nodiscard]] std::vector<std::string> names() const;

  private:
    std::vector<std::unique_ptr<const Family>> families_;
};

}  // namespace perfwatt

#pragma once

#include "sim/arch/memory_catalog.h"
#include "sim/config/config_path.h"

namespace perfwatt {

/// The memories of models/: every perfwatt/memory/v1 YAML, by name or file.
class BuiltinMemories final : public MemoryCatalog {
  public:
    /// Borrows `config_path`, which must outlive the catalog.
    explicit BuiltinMemories(const ConfigPath& config_path) : config_path_(config_path) {}

    [[nodiscard]] MemoryFacts facts(const MemoryAttachment& attachment,
                                    const std::vector<LinkSpec>& links) const override;
    [[nodiscard]] std::unique_ptr<MemoryModel> make(const MemoryAttachment& attachment,
                                                    std::string_view timing) const override;

  private:
    const ConfigPath& config_path_;
};

}  // namespace perfwatt

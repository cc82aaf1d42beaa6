#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/arch/chip_spec.h"
#include "sim/arch/memory_model.h"
#include "sim/arch/pim_spec.h"
#include "sim/base/time.h"
#include "sim/stats/energy.h"

namespace perfwatt {

/// What the compiler and a family's mapper need to know of an attached memory before it runs.
struct MemoryFacts {
    std::string name;
    std::int64_t bytes_per_second =
        0;  ///< peak of all channels, or of the narrowest link before it
    /// Reads and writes together: the two directions of a link do not meet, those of a bus do.
    std::int64_t both_ways_bytes_per_second = 0;
    std::int64_t burst_bytes = 64;
    Time latency;  ///< of a first byte from a closed row, links included
    std::int64_t capacity_bytes = 0;
    std::vector<StaticPower> static_power;  ///< drawn beside what the memory counts: leakage
    std::vector<std::string> estimated;     ///< paths of values nobody published
    std::string config_hash;
    std::shared_ptr<const PimSpec> pim;  ///< null: no processing units in its banks
};

/// Which memories exist and how they are made. Implemented where all families are known, so that
/// neither the chip loader nor another family includes one.
class MemoryCatalog {
  public:
    virtual ~MemoryCatalog() = default;

    /// Of one attachment; `links` are the chip's. Throws UserError for an impossible standard, or
    /// for more capacity than its channels hold.
    [[nodiscard]] virtual MemoryFacts facts(const MemoryAttachment& attachment,
                                            const std::vector<LinkSpec>& links) const = 0;

    /// The memory itself. `timing` is "exact" or "stream".
    [[nodiscard]] virtual std::unique_ptr<MemoryModel> make(const MemoryAttachment& attachment,
                                                            std::string_view timing) const = 0;
};

}  // namespace perfwatt

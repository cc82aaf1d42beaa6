#include "sim/run/builtin_memories.h"

#include <fmt/format.h>

#include <algorithm>

#include "models/dram/dram_memory.h"
#include "models/dram/dram_schema.h"
#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

/// Of a first byte whose row is closed: activate, then read, then the first beat.
Time closed_row_latency(const dram::DramSpec& spec) {
    const bool split = spec.find("tRCD") == nullptr;  // HBM: reads and writes differ
    return spec.tick_clock().cycles(spec.evaluate(split ? "tRCDRD + tRL" : "tRCD + tRL"));
}

}  // namespace

MemoryFacts BuiltinMemories::facts(const MemoryAttachment& attachment,
                                   const std::vector<LinkSpec>& links) const {
    const dram::LoadedSpec loaded = dram::load_spec(config_path_, attachment.standard);
    const std::int64_t installed = loaded.spec.organization.capacity_bytes() * attachment.channels;
    if (attachment.capacity_bytes > installed)
        throw UserError(
            fmt::format("memory '{}' has a capacity of {} bytes, but {} channels of {} hold {}",
                        attachment.name, attachment.capacity_bytes, attachment.channels,
                        loaded.spec.name, installed),
            "lower 'capacity', add 'channels', or take a denser standard");
    MemoryFacts facts{.name = attachment.name,
                      .bytes_per_second = loaded.spec.peak_bytes_per_second() * attachment.channels,
                      .burst_bytes = loaded.spec.organization.burst_bytes(),
                      .latency = closed_row_latency(loaded.spec),
                      .capacity_bytes = attachment.capacity_bytes,
                      .estimated = loaded.spec.estimated,
                      .config_hash = loaded.config_hash};
    for (const std::string& name : attachment.via)
        for (const LinkSpec& link : links) {
            if (link.name != name) continue;
            facts.bytes_per_second = std::min(facts.bytes_per_second, link.bytes_per_second);
            facts.latency += 2 * link.latency;  // the request goes, the datum comes
        }
    return facts;
}

std::unique_ptr<MemoryModel> BuiltinMemories::make(const MemoryAttachment& attachment,
                                                   std::string_view timing) const {
    PERFWATT_CHECK(timing == "exact", fmt::format("memory timing '{}'", timing));
    dram::LoadedSpec loaded = dram::load_spec(config_path_, attachment.standard);
    return std::make_unique<dram::DramMemory>(
        std::move(loaded.spec),
        dram::DramOptions{.name = attachment.name, .channels = attachment.channels});
}

}  // namespace perfwatt

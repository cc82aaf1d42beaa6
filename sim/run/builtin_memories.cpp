#include "sim/run/builtin_memories.h"

#include <fmt/format.h>

#include <algorithm>

#include "models/dram/dram_memory.h"
#include "models/dram/dram_pim_memory.h"
#include "models/dram/dram_schema.h"
#include "models/dram/dram_stream.h"
#include "models/sram/sram_schema.h"
#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

bool is_on_chip(const ConfigPath& config_path, const std::string& standard) {
    return sram::is_sram(Document::load(ConfigKind::memory, standard, config_path));
}

/// Of a first byte whose row is closed: activate, then read, then the first beat.
Time closed_row_latency(const dram::DramSpec& spec) {
    const bool split = spec.find("tRCD") == nullptr;  // HBM: reads and writes differ
    return spec.tick_clock().cycles(spec.evaluate(split ? "tRCD_RD + tRL" : "tRCD + tRL"));
}

MemoryFacts dram_facts(const ConfigPath& config_path, const MemoryAttachment& attachment) {
    const dram::LoadedSpec loaded = dram::load_spec(config_path, attachment.standard);
    std::shared_ptr<const PimSpec> pim;
    if (loaded.spec.pim)
        pim = std::make_shared<PimSpec>(loaded.spec.pim->of_channels(attachment.channels));
    return {.name = attachment.name,
            .bytes_per_second = loaded.spec.peak_bytes_per_second() * attachment.channels,
            .burst_bytes = loaded.spec.organization.burst_bytes(),
            .latency = closed_row_latency(loaded.spec),
            .capacity_bytes = loaded.spec.organization.capacity_bytes() * attachment.channels,
            .static_power = {},
            .estimated = loaded.spec.estimated,
            .config_hash = loaded.config_hash,
            .pim = std::move(pim)};
}

MemoryFacts sram_facts(const ConfigPath& config_path, const MemoryAttachment& attachment) {
    const sram::LoadedMemory loaded = sram::load_memory(config_path, attachment.standard);
    if (attachment.channels != 1)
        throw UserError(fmt::format("on-chip memory '{}' has {} channels", attachment.name,
                                    attachment.channels),
                        "give it more 'banks' in its own file");
    return {.name = attachment.name,
            .bytes_per_second =
                loaded.spec.bytes_per_cycle * loaded.spec.banks * loaded.spec.clock.hertz(),
            .burst_bytes = loaded.spec.bytes_per_cycle,
            .latency = loaded.spec.latency,
            .capacity_bytes = loaded.spec.capacity_bytes,
            .static_power = {{.name = attachment.name + ".leakage",
                              .component = EnergyComponent::static_,
                              .watts = loaded.leakage_w,
                              .source = loaded.spec.energy_source}},
            .estimated = loaded.estimated,
            .config_hash = loaded.config_hash,
            .pim = nullptr};
}

}  // namespace

MemoryFacts BuiltinMemories::facts(const MemoryAttachment& attachment,
                                   const std::vector<LinkSpec>& links) const {
    MemoryFacts facts = is_on_chip(config_path_, attachment.standard)
                            ? sram_facts(config_path_, attachment)
                            : dram_facts(config_path_, attachment);
    if (attachment.capacity_bytes > facts.capacity_bytes)
        throw UserError(
            fmt::format("memory '{}' has a capacity of {} bytes, but {} of '{}' hold {}",
                        attachment.name, attachment.capacity_bytes,
                        attachment.channels == 1 ? "one channel"
                                                 : fmt::format("{} channels", attachment.channels),
                        attachment.standard, facts.capacity_bytes),
            "lower 'capacity', add 'channels', or take a denser standard");
    facts.capacity_bytes = attachment.capacity_bytes;
    facts.both_ways_bytes_per_second = facts.bytes_per_second;
    for (const std::string& name : attachment.via)
        for (const LinkSpec& link : links) {
            if (link.name != name) continue;
            facts.bytes_per_second = std::min(facts.bytes_per_second, link.bytes_per_second);
            facts.both_ways_bytes_per_second =
                std::min(facts.both_ways_bytes_per_second, 2 * link.bytes_per_second);
            facts.latency += 2 * link.latency;  // the request goes, the datum comes
        }
    return facts;
}

std::unique_ptr<MemoryModel> BuiltinMemories::make(const MemoryAttachment& attachment,
                                                   std::string_view timing) const {
    if (is_on_chip(config_path_, attachment.standard)) {
        sram::SramMemorySpec spec = sram::load_memory(config_path_, attachment.standard).spec;
        spec.name = attachment.name;
        return std::make_unique<sram::SramMemory>(std::move(spec));
    }
    dram::DramSpec spec = dram::load_spec(config_path_, attachment.standard).spec;
    const dram::DramOptions options{.name = attachment.name, .channels = attachment.channels};
    // Jobs are timed command by command: transfers beside them are too.
    if (spec.pim) return std::make_unique<dram::DramPimMemory>(std::move(spec), options);
    if (timing == "stream") return std::make_unique<dram::DramStream>(std::move(spec), options);
    PERFWATT_CHECK(timing == "exact", fmt::format("memory timing '{}'", timing));
    return std::make_unique<dram::DramMemory>(std::move(spec), options);
}

}  // namespace perfwatt

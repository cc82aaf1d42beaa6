#pragma once

#include <array>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "models/dram/address_mapping.h"
#include "models/dram/dram_channel.h"
#include "models/dram/dram_energy.h"
#include "models/dram/trace_reader.h"

namespace perfwatt::dram {

struct ReplayOptions {
    int window = 32;  ///< reads under way at most
    EnergyCorner corner = EnergyCorner::typical;
    CommandLog* log = nullptr;
};

/// What a trace took. `cycles` end with the last read's return or the last write's acceptance;
/// counts and energy cover the writes still queued then, too.
struct ReplayResult {
    std::int64_t requests = 0, reads = 0, writes = 0;
    std::int64_t cycles = 0;  ///< of the command clock
    double time_ns = 0;
    double bandwidth_bytes_per_s = 0;
    double bandwidth_fraction = 0;
    double mean_read_latency_ns = 0;
    double max_read_latency_ns = 0;
    double row_hit_rate = 0;
    std::vector<std::pair<std::string, std::int64_t>> commands;
    double energy_pj = 0;
    std::array<double, kEnergyCategories> energy_breakdown_pj{};
    double drained_ns = 0;  ///< when the last write had gone out

    [[nodiscard]] std::int64_t command(std::string_view name) const;
};

/// Hands over requests one by one; false at the end.
using TraceSupply = std::function<bool(TraceRequest&)>;

/// Replays a trace on one channel: one attempt a clock to hand over the next request, in order; a
/// read waits for a free queue slot and for its place in the window, a write for a slot.
[[nodiscard]] ReplayResult replay(const DramSpec& spec, const TraceSupply& supply,
                                  const ReplayOptions& options);

}  // namespace perfwatt::dram

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "models/npu/npu.h"
#include "sim/base/math.h"

namespace perfwatt::npu {

/// Bytes that a kernel moves between memories and cores, and how long that takes at least.
struct Traffic {
    std::array<std::int64_t, 8> read{}, written{};  ///< by MemoryId, of all cores
    std::int64_t core_bytes = 0;                    ///< through one core's DMA engines

    void add_read(std::size_t memory, std::int64_t bytes, std::int64_t cores) {
        read[memory] += bytes * cores;
        core_bytes += bytes;
    }
    void add_written(std::size_t memory, std::int64_t bytes, std::int64_t cores) {
        written[memory] += bytes * cores;
        core_bytes += bytes;
    }

    /// The longest of all memories and of a core's engines. The two directions of a link do not
    /// meet; those of a bus do.
    [[nodiscard]] Time time(const Npu& npu) const {
        Time longest;
        for (std::size_t i = 0; i < npu.memories().size(); ++i) {
            if (read[i] + written[i] == 0) continue;
            const MemoryPort& port = npu.memories()[i];
            const std::int64_t both = port.both_ways_bytes_per_second > 0
                                          ? port.both_ways_bytes_per_second
                                          : port.bytes_per_second;
            longest = std::max({longest,
                                transfer_time(std::max(read[i], written[i]), port.bytes_per_second),
                                transfer_time(read[i] + written[i], both)});
        }
        const DmaSpec& dma = npu.spec().dma;
        if (dma.bytes_per_cycle > 0)
            longest = std::max(longest, npu.spec().clock.cycles(ceil_div(
                                            core_bytes, dma.bytes_per_cycle * dma.engines)));
        return longest;
    }
};

/// Cycles in which a core's scratchpad moves bytes at the rate of all its banks.
[[nodiscard]] inline std::int64_t port_cycles(const NpuSpec& spec, std::int64_t bytes) {
    return ceil_div(bytes, spec.scratchpad.banks * spec.scratchpad.bytes_per_cycle_per_bank);
}

}  // namespace perfwatt::npu

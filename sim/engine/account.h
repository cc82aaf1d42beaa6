#pragma once

#include <array>
#include <string>
#include <vector>

#include "sim/engine/busy_curve.h"
#include "sim/engine/invariants.h"
#include "sim/engine/platform.h"

namespace perfwatt {

struct LinkRecord {
    std::string name;
    std::int64_t peak_bytes_per_second = 0;
    std::array<BusyCurve, 2> busy;        ///< by Direction
    std::array<std::int64_t, 2> bytes{};  ///< payload
};

struct MemoryRecord {
    std::vector<std::size_t> via;  ///< links, nearest the chip first
    BusyCurve busy;                ///< data bus, summed over channels
    invariants::MemoryTraffic traffic;
    MemoryReport report;
};

/// What a simulation leaves behind, as plain values.
struct RunRecord {
    const Program& program;
    std::vector<const Device*> devices;  ///< by engine
    Time launched;                       ///< no command started before
    std::int64_t removed_macs = 0;
    std::vector<CommandTimes> times;
    std::vector<LinkRecord> links;
    std::vector<MemoryRecord> memories;  ///< by MemoryId
    std::vector<BusyCurve> dma_ports;    ///< by UnitId; empty for other units
    Counts counts;

    [[nodiscard]] const Device& device_of(UnitId unit) const {
        return *devices[static_cast<std::size_t>(program.units[unit.index()].engine)];
    }
};

/// When the last command ends.
[[nodiscard]] Time end_of_run(const RunRecord& record);
/// Makes the result of a run (without a timeline) and checks every invariant.
[[nodiscard]] PlatformResult account(RunRecord record);
/// A track a unit and a counter a memory, its data bus averaged over equal spans of the run.
[[nodiscard]] Timeline make_timeline(const RunRecord& record);

}  // namespace perfwatt

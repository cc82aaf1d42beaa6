#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/arch/chip_spec.h"
#include "sim/arch/device.h"
#include "sim/arch/link_model.h"
#include "sim/arch/memory_model.h"
#include "sim/engine/breakdown.h"
#include "sim/engine/schedule.h"
#include "sim/program/program.h"
#include "sim/stats/counts.h"
#include "sim/stats/timeline.h"

namespace perfwatt {

/// A memory and how it is reached. An on-chip one is attached across no links.
struct PlatformMemory {
    MemoryAttachment attachment;
    std::unique_ptr<MemoryModel> model;
};

/// An accelerator of a platform: whose device the program's units of this engine are.
struct PlatformEngine {
    std::string name;  ///< goes before the names of its actions where there are several engines
    const Device* device = nullptr;
};

/// A link to the other chips of a system, or to its host, for programs that exchange data.
struct PlatformExchange {
    std::string name;
    double picojoules_per_bit = 0;
    std::string energy_source;
};

/// All that a simulation is built from. Borrowed things outlive it.
struct PlatformSetup {
    const Program* program = nullptr;
    const Device* device = nullptr;       ///< of the only engine, where `engines` is empty
    std::vector<PlatformEngine> engines;  ///< by Unit::engine
    std::vector<std::unique_ptr<LinkModel>> links;
    std::vector<PlatformMemory> memories;  ///< by MemoryId
    /// Host time before the first command; zero where the program has a launch command of its own.
    Time launch;
    /// Prices the operations of host commands; needed where the program has any.
    std::optional<HostSpec> host;
    /// By Exchange::link: prices of what leaves the chip for its peers or its host.
    std::vector<PlatformExchange> exchanges;
    std::int64_t removed_macs = 0;  ///< of the layers' MACs, by named passes
    bool want_timeline = false;
};

struct UnitUse {
    std::string name;
    UnitKind kind = UnitKind::dma;
    int core = 0;
    int engine = 0;
    Time busy;  ///< at least one command in flight
    std::int64_t commands = 0;
};

struct LinkUse {
    std::string name;
    Time read_busy;  ///< towards the chip
    Time write_busy;
    std::int64_t read_bytes = 0;  ///< payload
    std::int64_t write_bytes = 0;
};

/// Bytes that a layer asked of one memory.
struct LayerTraffic {
    std::int64_t read_bytes = 0;
    std::int64_t write_bytes = 0;
};

/// What a run did for one layer of the program.
struct LayerUse {
    Time start;  ///< of its first command; start == end == 0 where it has none
    Time end;    ///< of its last
    TimeCause limited_by = TimeCause::idle;
    UnitKind engine = UnitKind::dma;  ///< the kind of unit busiest for it, DMA only if alone
    int engine_index = 0;             ///< of that unit: which engine it belongs to
    std::int64_t commands = 0;
    std::vector<LayerTraffic> traffic;  ///< by MemoryId
    std::int64_t useful_macs = 0;
    std::int64_t executed_macs = 0;  ///< with padding and recomputation
    CauseTimes on_critical_path{};
};

struct PlatformResult {
    Time end;  ///< of the last command: the latency
    std::vector<CommandTimes> commands;
    std::vector<UnitUse> units;
    std::vector<LinkUse> links;
    std::vector<MemoryReport> memories;
    Counts counts;                 ///< by layer; the last row is what belongs to none
    CauseTimes causes{};           ///< along the critical path; sums to `end`
    std::vector<CausedSpan> path;  ///< the same, span by span from zero to `end`
    std::vector<LayerUse> layers;
    std::int64_t useful_macs = 0;
    std::int64_t executed_macs = 0;
    Timeline timeline;  ///< empty unless wanted
};

/// Executes a program in SystemC and checks every invariant of the run (invariants.h).
/// Once a process: SystemC has one simulation context, so several runs need several processes.
/// Throws InternalError for a broken invariant, a deadlock or a second call; what a model throws
/// comes out as it is.
[[nodiscard]] PlatformResult simulate(PlatformSetup setup);

}  // namespace perfwatt

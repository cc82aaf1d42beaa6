#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sim/arch/memory_model.h"
#include "sim/base/time.h"
#include "sim/engine/breakdown.h"
#include "sim/stats/counts.h"

/// What must hold at the end of every run. Each function takes plain figures and throws
/// InternalError, naming them, where they contradict each other; a test breaks each on purpose.
namespace perfwatt::invariants {

/// Work done by one resource: amounts with their peak rates (a matrix unit: one entry per pair of
/// operand types).
struct Work {
    struct Part {
        std::int64_t amount = 0;
        std::int64_t peak_per_second = 0;
    };
    std::string resource;
    std::vector<Part> parts;
};
/// Nothing is faster than its peak: elapsed >= sum of amount / peak. A peak of zero does no work.
void no_faster_than_peak(const Work& work, Time elapsed);

struct MemoryTraffic {
    std::int64_t asked_read_bytes = 0;  ///< by the commands of the program
    std::int64_t asked_write_bytes = 0;
    std::int64_t sent_requests = 0;
    std::int64_t answered_requests = 0;
};
/// The memory saw what commands asked for, and asked + rounding = bursts x burst size.
void bytes_are_bursts(const MemoryTraffic& traffic, const MemoryReport& report);
/// Every request was answered.
void every_request_answered(const MemoryTraffic& traffic, const std::string& memory);
/// refreshes = elapsed / interval for each unit, within what may be postponed or pulled in.
void refreshes_kept(const MemoryReport& report, Time elapsed);

/// No counter other than zero lacks both a price and a reason for having none.
void every_count_priced(const Counts& counts);

/// Busy <= elapsed x units.
struct Busy {
    std::string name;
    Time busy;
    std::int64_t units = 1;
};
void no_busier_than_elapsed(const Busy& busy, Time elapsed);

/// What one command of a compute unit took.
struct CommandTime {
    std::string unit;
    Time taken;       ///< from start to end
    Time duration;    ///< Device::duration()
    Time bank_delay;  ///< waits for scratchpad banks that others used
};
/// An uncontended run equals the pure function: taken = duration + waits, and nothing else.
void takes_its_duration(const CommandTime& command);

/// The causes of time sum to the latency.
void causes_sum_to_latency(const CauseTimes& causes, Time latency);

struct Macs {
    std::int64_t useful = 0;    ///< of the program's commands
    std::int64_t executed = 0;  ///< with padding and recomputation
    std::int64_t graph = 0;
    std::int64_t removed = 0;  ///< by named passes
};
/// Useful = graph - removed.
void macs_conserved(const Macs& macs);

/// Energies of layers and of what they share make the total, to within rounding (1e-9).
void energies_sum_to_total(std::span<const double> layers_pj, double shared_pj, double total_pj);

}  // namespace perfwatt::invariants

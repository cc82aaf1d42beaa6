#pragma once

#include <array>
#include <cstdint>

#include "models/dram/request_queues.h"

// What a DramChannel keeps and hands about.
namespace perfwatt::dram::channel {

/// A command that could go out next.
struct Candidate {
    Tick time = kNever;  ///< of its first bus tick, the CAS included
    std::uint64_t order = 0;
    std::int32_t entry = RequestQueues::kNone;
    std::int32_t bank = 0;
    std::int16_t rank_of_class = 9;  ///< 0 opened, 1 refresh, 2 queued, 3 power
    std::int16_t priority = 0;
    Command command = Command::activate;
    bool cas = false;
    bool second_part = false;
};
/// A bank between the two parts of its activate.
struct HalfOpen {
    int bank = -1;
    int entry = RequestQueues::kNone;
    Tick first = 0;
};
enum class Power : std::uint8_t { up, down, self_refresh };
/// What a channel keeps of each rank.
struct Rank {
    Power power = Power::up;
    int requests = 0;              ///< queued or waiting at their banks
    int debt = 0;                  ///< refreshes owed, those in force included
    bool in_force = false;         ///< one of them holds up its banks
    bool closed_to_sleep = false;  ///< its rows have been closed because it was idle
    int next_refresh_bank = 0;     ///< of the round of per-bank or same-bank refreshes
    Tick last_command = 0;
    Tick idle_since = 0;  ///< no request since
    Tick since = 0;       ///< of the state whose residency is being counted
};
struct PendingRefresh {
    Command command = Command::refresh_all;
    int bank = 0;
};

[[nodiscard]] inline bool better(const Candidate& a, const Candidate& b) {
    if (a.time != b.time) return a.time < b.time;
    if (a.rank_of_class != b.rank_of_class) return a.rank_of_class < b.rank_of_class;
    if (a.priority != b.priority) return a.priority > b.priority;
    return a.order < b.order;
}

struct ColumnStart {
    Tick time = 0;  ///< of the CAS, where there is one
    bool cas = false;
};

/// The command that takes an idle rank towards sleep next.
struct SleepStep {
    Tick time = kNever;
    Command command = Command::power_down_enter;
};

/// Of the channel's queues, or those of a pseudo channel.
struct Drain {
    bool writes = false;               ///< writes are being drained
    std::array<Tick, 2> oldest{0, 0};  ///< arrival of queued requests by direction, or earlier
};

/// A column command that has gone out.
struct Served {
    std::uint32_t token = 0;
    bool write = false;
    bool column = false;      ///< false: some other command, nothing was served
    bool freed_slot = false;  ///< a queue that was full has room again
    int queue = 0;            ///< which: see queue_of()
    Tick at = 0;
    Tick data_end = 0;
};

}  // namespace perfwatt::dram::channel

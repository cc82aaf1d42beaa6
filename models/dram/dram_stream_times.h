#pragma once

#include <array>
#include <cstdint>

#include "models/dram/address_mapping.h"
#include "models/dram/dram_spec.h"
#include "models/dram/timing_table.h"

namespace perfwatt::dram {

/// What a standard asks of runs of bursts, taken from its table once.
struct StreamTimes {
    static constexpr std::int64_t kFine = 1024;  ///< parts of a tick

    StreamTimes(const DramSpec& spec, const TimingTable& table, const AddressMapping& mapping);

    std::array<std::int64_t, 2> pace{};       ///< between commands of a run; by direction, in parts
    std::array<std::int64_t, 2> same_bank{};  ///< … of one bank of it
    std::array<std::int64_t, 2> turn{};       ///< from a command of the other direction
    std::array<Tick, 2> open{};               ///< ACT to column
    std::array<Tick, 2> close_after{};        ///< column to PRE
    std::array<Tick, 2> column_ticks{};       ///< that a command holds its bus
    Tick precharge_ticks = 0, activate_ticks = 0;
    bool one_bus = true;                ///< for rows and columns
    std::array<Tick, 2> latency{};      ///< column to the end of its data
    Tick close = 0;                     ///< PRE to ACT
    Tick row_cycle = 0, keep_open = 0;  ///< ACT to ACT, ACT to PRE
    Tick activate_gap = 0, window = 0;  ///< of a rank: tRRD, tFAW
    Tick second_part = 0;               ///< lost by the activates of a window, in two parts each
    int window_size = 4;                ///< activates in it
    Tick refresh = 0;                   ///< its time, to the next activate
    Tick close_to_refresh = 0;          ///< PREA to REFAB
    Tick interval = 0;                  ///< between refreshes of a rank, 0 for none
    Tick step = 0;                      ///< … of ranks that take turns
    Tick first_refresh = 0;
    Tick wake = 0;                ///< power-down's exit
    Tick sleep_after = 0;         ///< 0: never
    Tick self_refresh_after = 0;  ///< 0: never
    Tick wake_deep = 0;           ///< self-refresh's exit
    Tick manage = 0;              ///< refresh management, to the next activate
    int most_postponed = 1;
    Tick age_limit = 0;                  ///< 0: none
    std::array<int, 2> slots{};          ///< bursts that a pair of queues holds
    double high_mark = 0, low_mark = 0;  ///< of writes, in bursts
};

}  // namespace perfwatt::dram

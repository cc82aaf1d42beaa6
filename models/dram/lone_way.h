#pragma once

#include "models/dram/request_queues.h"

namespace perfwatt::dram {

/// How a request goes that comes alone to a channel whose ranks sleep, when nothing that was sent
/// before still holds anything up: then every such request of a direction goes the same way. Ticks
/// from the one after its arrival.
struct LoneWay {
    bool known = false;
    bool usable = false;  ///< it wakes, opens, is served, closed and put to sleep again
    Tick wake = 0;
    Tick open = 0;    ///< first part of the activate
    Tick opened = 0;  ///< the second; the same without parts
    Tick start = 0;   ///< of the CAS, where there is one
    Tick column = 0;
    Tick close = 0;  ///< unless somebody comes
    Tick sleep = 0;
    Tick settled = 0;  ///< from then on nothing of it holds anything up
    [[nodiscard]] bool cas() const { return start < column; }
};

/// A request that went such a way and of which the devices have not been told yet: if nobody comes
/// before it has settled, they need not be.
struct UntoldWay {
    enum class Stage : std::uint8_t { none, served, asleep };
    Stage stage = Stage::none;
    Tick from = 0;
    BurstRequest request;
};

}  // namespace perfwatt::dram

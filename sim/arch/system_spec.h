#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/base/time.h"

namespace perfwatt {

/// How the chips of a system reach one another.
enum class PeerTopology : std::uint8_t {
    ring,     ///< each sees its two neighbours
    switch_,  ///< each sees all, at its full bandwidth
};

/// In which order the chips of a collective exchange.
enum class PeerAlgorithm : std::uint8_t {
    any,        ///< ring, or tree where a switch allows it
    ring,       ///< each passes on to the next
    tree,       ///< halves and doubles; over a switch
    in_switch,  ///< the switch adds what it receives and sends the sum to all; all-reduce only
};

/// A way in which a link's software moves data: small messages in few, wasteful steps, large ones
/// at full bandwidth. The fastest is taken for each message.
struct PeerProtocol {
    std::string name;
    PeerAlgorithm algorithm = PeerAlgorithm::any;
    Time setup;             ///< beside the link's
    Time step;              ///< each step of a collective takes this beside its data
    double efficiency = 1;  ///< of the bandwidth, for payload
    /// What a chip keeps it copies, too: so much of the time it takes to send as much.
    double own_share = 0;
};

/// The link between the chips of a system.
struct PeerLink {
    std::string name;
    PeerTopology topology = PeerTopology::switch_;
    std::int64_t bytes_per_second = 0;  ///< of one chip, each way
    Time setup;                         ///< of a collective, whatever its size
    std::vector<PeerProtocol> protocols;
    double picojoules_per_bit = 0;  ///< of a bit that leaves a chip
    std::string energy_source;
};

/// The machine that the chips stand in.
struct SystemHost {
    std::int64_t bytes_per_second = 0;  ///< to and from each chip, each way; 0: inputs lie there
    Time latency;                       ///< one way
    double picojoules_per_bit = 0;
    std::string energy_source;
    double idle_watts = 0;  ///< of the host; counted where the power boundary is the wall
    std::string power_source;
};

/// Equal chips that work as one: `tensor` of them share each inference, `data` such groups have
/// parts of the batch.
struct SystemSpec {
    std::string name;
    int tensor = 1;
    int data = 1;
    PeerLink peers;
    SystemHost host;

    [[nodiscard]] int chips() const { return tensor * data; }
};

}  // namespace perfwatt

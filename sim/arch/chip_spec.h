#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/arch/device.h"
#include "sim/base/time.h"
#include "sim/stats/provenance.h"

namespace perfwatt {

/// A link between a chip and a memory, or a host and a card.
struct LinkSpec {
    std::string name;
    /// Each way; of payload where packets are not stated, else of everything on the wires.
    std::int64_t bytes_per_second = 0;
    std::int64_t packet_payload_bytes = 0;   ///< 0: bytes_per_second has the overhead taken off
    std::int64_t packet_overhead_bytes = 0;  ///< headers and checks of each packet
    Time latency;                            ///< one way
    double picojoules_per_bit = 0;
    std::string energy_source;
};

/// A memory as a chip sees it: which standard, how many channels, across which links.
struct MemoryAttachment {
    std::string name;
    std::string standard;  ///< name or file of a perfwatt/memory/v1 YAML, resolved by the loader
    int channels = 1;
    std::int64_t capacity_bytes = 0;
    std::vector<std::string> via;           ///< links crossed, nearest the chip first
    std::int64_t transaction_bytes = 4096;  ///< a DMA transfer is cut into pieces of this size
    int outstanding = 16;                   ///< pieces in flight for one DMA engine
};

/// The processor that does what the chip cannot. Its figures are of sustained work.
struct HostSpec {
    std::int64_t operations_per_second = 0;
    std::int64_t bytes_per_second = 0;
    double picojoules_per_operation = 0;
    std::string energy_source;
};

/// A chip as simulated: what every family shares, and the family's device.
struct ChipSpec {
    std::string name;
    std::string description;
    std::string family;
    int process_nm = 0;
    double voltage = 0;
    Trust trust = Trust::none;
    PowerBoundary power_boundary = PowerBoundary::chip;
    std::string default_precision = "int8";
    std::vector<std::string> estimated;  ///< paths of values nobody published
    std::vector<LinkSpec> links;
    std::vector<MemoryAttachment> memories;  ///< [0] holds weights, inputs and spilled activations
    Time launch;                             ///< host time before an inference starts on the chip
    std::optional<HostSpec> host;            ///< none: what the chip cannot do cannot be done
    std::string config_hash;
    std::shared_ptr<const Device> device;
};

}  // namespace perfwatt

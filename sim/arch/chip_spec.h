#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/arch/device.h"
#include "sim/arch/system_spec.h"
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

/// One accelerator of a chip: a map of its family, configured.
struct ChipEngine {
    std::string name;    ///< "gpu"; "dla0", "dla1" of two alike; a chip of one has its family's
    std::string family;  ///< the word that its map stands under
    std::string path;    ///< of its map in the chip's file: "npu", "engines.dla.npu"
    Time launch;         ///< before it starts on what another engine has made
    /// Which of the chip's memories it sees; the first holds its weights. Empty: all.
    std::vector<MemoryId> memories;
    std::shared_ptr<const Device> device;
};

/// A chip as simulated: what every family shares, and the devices of its engines.
struct ChipSpec {
    std::string name;
    std::string description;
    std::string family;  ///< of the first engine
    int process_nm = 0;
    double voltage = 0;
    Trust trust = Trust::none;
    PowerBoundary power_boundary = PowerBoundary::chip;
    std::string default_precision = "int8";
    std::vector<std::string> estimated;  ///< paths of values nobody published
    std::vector<LinkSpec> links;
    std::vector<MemoryAttachment> memories;  ///< [0] holds weights, inputs and spilled activations
    Time launch;                             ///< host time before an inference starts on the chip
    std::vector<std::string> operating_points;  ///< the fastest first; empty: there is but one
    std::string memory_timing = "exact";        ///< where the user does not say
    std::string operating_point;                ///< chosen; empty: the fastest within the cap
    std::optional<double> power_cap_w;          ///< average, within the power boundary
    std::optional<HostSpec> host;               ///< none: what the chip cannot do cannot be done
    std::string config_hash;
    std::vector<ChipEngine> engines;       ///< at least one; all share memories and links
    std::shared_ptr<const Device> device;  ///< of the first engine
    std::optional<SystemSpec> system;      ///< it is one of several, or stands in a host
};

}  // namespace perfwatt

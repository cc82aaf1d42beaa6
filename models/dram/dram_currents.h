#pragma once

#include <string>
#include <vector>

#include "models/dram/dram_spec.h"
#include "sim/config/schema.h"

namespace perfwatt::dram {

/// The data sheet's currents of one supply, in milliamperes of one device.
struct RailFile {
    std::string name;
    double voltage = 0;
    Sourced<double> idd0;  ///< its source stands for the whole set
    double idd2n = 0, idd3n = 0, idd4r = 0, idd4w = 0;
    double idd5b = 0;  ///< during tRFC, not averaged over tREFI
    double idd2p = 0, idd6 = 0;
    double idd3p = 0;  ///< 0: not known
};

/// What a typical device draws, as a part of the data sheet's maximum.
struct TypicalFile {
    double idd0 = 1, idd2n = 1, idd3n = 1, idd4r = 1, idd4w = 1, idd5b = 1, idd2p = 1, idd3p = 1,
           idd6 = 1;
};

struct CurrentsFile {
    int device_width = 8;               ///< data pins of one device
    std::int64_t data_rate = 0;         ///< at which the read and write currents were taken
    Sourced<double> read_io, write_io;  ///< pJ/bit, what the rails leave out
    double refresh_bank_share = 0;  ///< energy of a per-bank refresh, as part of an all-bank one
    std::vector<RailFile> rails;
    TypicalFile typical;
};

[[nodiscard]] MapSchema<CurrentsFile> currents_schema();

/// Prices from currents. Per supply, with tRC = tRAS + tRP:
///   activate   (IDD0 - IDD3N) V tRAS        precharge  (IDD0 - IDD2N) V tRP
///   read       (IDD4R - IDD3N) V / (pins x rate)     write the same with IDD4W
///   refresh    (IDD5B - IDD2N) V tRFC       standby    IDD3N V, IDD2N V, IDD2P V, IDD3P V, IDD6 V
/// These are increments over the standby that is counted all the time.
/// Active power-down where no figure is known: power-down, and what open rows add in standby.
[[nodiscard]] EnergyValue estimated_active_power_down(const EnergyPrices& prices);
[[nodiscard]] EnergySpec energy_from(const CurrentsFile& file, const DramSpec& spec);

}  // namespace perfwatt::dram

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/base/time.h"

namespace perfwatt {

/// What each unit did when, for a trace viewer. Filled by the platform while it runs.
struct Timeline {
    /// One piece of work on a track; slices of a track neither overlap nor go back in time.
    struct Slice {
        Time start;
        Time duration;
        std::int32_t name = 0;    ///< index into `names`
        std::int32_t layer = -1;  ///< index into `layers`; -1 for none
    };
    struct Track {
        std::string name;  ///< the unit: "core0.matrix"
        std::vector<Slice> slices;
    };
    /// A value from its sample's time until the next sample.
    struct Sample {
        Time at;
        double value = 0;
    };
    struct Counter {
        std::string name;  ///< with its unit: "lpddr4x read+write, GB/s"
        std::vector<Sample> samples;
    };

    std::vector<std::string> names;   ///< of slices, each once: "contract", "load", a stall's cause
    std::vector<std::string> layers;  ///< of the program
    std::vector<Track> tracks;
    std::vector<Counter> counters;
};

}  // namespace perfwatt

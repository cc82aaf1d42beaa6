#pragma once

#include <string>
#include <vector>

namespace perfwatt {

/// A figure of ours beside a measured or published one.
struct Figure {
    std::string subject;  ///< the chip, device or memory
    std::string topic;    ///< the network, kernel or trace, with batch and type where they matter
    std::string name;     ///< of the figure, in its unit: "latency_ms", "cycles", "ACT"
    double low = 0;       ///< the reference, or the range of several
    double high = 0;
    double ours = 0;
    double error_percent = 0;  ///< beyond the nearer end of the range, signed
    double tolerance_percent =
        0;               ///< 0: exactly as the reference; means nothing where not `judged`
    bool judged = true;  ///< false: it has no tolerance of its own, only its group is judged
    bool passed = true;
    bool gates = true;     ///< whether missing it is a failure, or only worth knowing
    std::string group;     ///< medians and worst cases are of a group: "A", "Warboy", "bf16 GEMM"
    std::string role;      ///< "calibrate", "test", "report"; "" where nothing is fitted
    std::string source;    ///< of the reference
    std::string note;      ///< why it is missed or cannot run, where that is known
    bool skipped = false;  ///< not run: `note` says why; neither passed nor missed
    /// The same two figures as seconds of one item, so that rates and times rank and are drawn
    /// together; 0 where the figure is neither.
    double seconds = 0;
    double our_seconds = 0;
    double power_w = 0;    ///< ours in that run; 0 where nothing says it
    double energy_mj = 0;  ///< ours, of one item
};

/// A target on many figures together.
struct GroupFigure {
    std::string group;
    std::string statistic;  ///< "median |error| %", "mean |error| %", "worst |error| %", "rank"
    double ours = 0;
    double limit = 0;  ///< upper, for errors; lower, for rank correlations; 0: told, not judged
    int figures = 0;   ///< how many it was made of
    bool passed = true;
    bool gates = true;
};

/// What a suite found.
struct SuiteOutcome {
    std::string suite;
    std::vector<Figure> figures;
    std::vector<GroupFigure> groups;
};

}  // namespace perfwatt

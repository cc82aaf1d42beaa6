#pragma once

#include <cstdint>
#include <vector>

#include "sim/base/time.h"

namespace perfwatt {

/// Which engine does which kernel, as a problem of costs: pure, without kernels or devices.
///
/// A kernel costs what the engine's own cost function says. Where a kernel reads what one on
/// another engine made, the maker pays `leave` (its result goes through memory) and the reader
/// `arrive` (its operand comes from memory; the launch), each by the engine it is on.
struct EngineChoice {
    struct Kernel {
        std::vector<Time> cost;  ///< by engine; Time::max(): cannot run there
        std::vector<Time> arrive;
        std::vector<Time> leave;
        std::int64_t times = 1;  ///< kernels it stands for: of a repeated block
    };
    struct Edge {
        int from = 0;
        int to = 0;  ///< may be `from` or earlier: what one repeated block makes for the next
        std::int64_t times = 1;
    };
    std::vector<Kernel> kernels;  ///< in order of execution
    std::vector<Edge> edges;
};

/// One kernel after the other, and every hand-over between engines. Time::max() if a kernel cannot
/// run where it is put.
[[nodiscard]] Time cost_of(const EngineChoice& problem, const std::vector<int>& engine_of);

/// The cheapest assignment, by dynamic programming over the kernels in order: a state is the
/// engines of those whose results are still to be read. Exact as long as there are at most
/// kMostStates of them at a time (any chain; branches of up to nine open results on two engines);
/// beyond, only the cheapest so far are kept. Of equals, the engine that comes first.
/// Every kernel must have an engine that can run it.
[[nodiscard]] std::vector<int> cheapest(const EngineChoice& problem);

inline constexpr std::size_t kMostStates = 512;

/// Kernels of several engines side by side: each starts when its engine is free and all it reads is
/// made, and a memory they share serves one after the other.
struct Overlap {
    struct Kernel {
        int engine = 0;
        Time cost;
        Time handover;  ///< from what it reads being made to its start
        Time busy;      ///< of `cost`, for which it keeps its memory
        int memory = 0;
        std::vector<int> reads;  ///< earlier kernels
    };
    std::vector<Kernel> kernels;  ///< in order of execution
};

/// When the last kernel ends.
[[nodiscard]] Time end_of(const Overlap& schedule);

}  // namespace perfwatt

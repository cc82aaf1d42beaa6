#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "models/dram/trace_reader.h"

namespace perfwatt::dram {

/// Patterns of traffic that several simulators were compared on.
enum class TraceKind : std::uint8_t {
    sequential_reads,   ///< "seqR"
    sequential_writes,  ///< "seqW"
    mixed,              ///< "mix21": two reads, then a write a quarter of the capacity away
    random_reads,       ///< "randR": over at most 1 GiB
    row_conflicts,      ///< "rowconf": reads a fixed stride apart
    network,            ///< "npu": 4 KiB weights, 1 KiB activations read, 1 KiB outputs written
};

[[nodiscard]] std::optional<TraceKind> trace_kind_from(std::string_view name);

struct TracePlan {
    TraceKind kind = TraceKind::sequential_reads;
    std::int64_t requests = 100'000;
    std::int64_t granularity_bytes = 64;
    std::int64_t capacity_bytes = 0;
    std::int64_t conflict_stride_bytes = 0;
    std::int64_t gap_clocks = 0;  ///< between requests; 0: as fast as possible
    std::uint32_t seed = 1;
};

/// The Mersenne Twister as Python's `random` seeds and uses it, so that traces made there and
/// here are the same.
class PythonRandom {
  public:
    explicit PythonRandom(std::uint32_t seed);
    /// random.randrange(below), for 1 <= below < 2^31.
    [[nodiscard]] std::uint32_t below(std::uint32_t below);

  private:
    static constexpr std::size_t kWords = 624;
    std::uint32_t next();
    void refill();

    std::array<std::uint32_t, kWords> state_{};
    std::size_t at_ = kWords;
};

/// Gives the requests of a plan one by one.
class TraceGenerator {
  public:
    explicit TraceGenerator(const TracePlan& plan);
    [[nodiscard]] bool next(TraceRequest& request);

  private:
    TracePlan plan_;
    PythonRandom random_;
    std::int64_t index_ = 0;
    std::int64_t reads_ = 0, writes_ = 0;
    std::array<std::int64_t, 3> offset_{};  ///< of the network's weights, activations, outputs
    std::int64_t in_block_ = 0;
    std::size_t stream_ = 0;
};

}  // namespace perfwatt::dram

#pragma once

#include <cstdint>
#include <vector>

#include "models/dram/dram_stream_lane.h"

namespace perfwatt::dram {

/// The channels of a memory that is timed by streams. While all that it is asked is spread evenly
/// over its channels, they do the same at the same time: the first stands for all. A transfer that
/// is not so spread has each go on by itself, until all are at rest again.
class StreamLanes {
  public:
    StreamLanes(const DramSpec& spec, const TimingTable& table, const AddressMapping& mapping,
                const StreamTimes& times, std::vector<StreamTransfer>& transfers);

    /// Queues a transfer of which channel i has `parts[i]` bursts, at its arrival. `at_rest`:
    /// nothing else is under way.
    void add(std::uint32_t transfer, const std::vector<std::int64_t>& parts, bool at_rest);
    /// The tick of the next decision, `limit` if that is no sooner.
    [[nodiscard]] Tick next(Tick limit);
    /// Carries out what next() announced. Returns transfers whose last burst has been served; the
    /// caller clears them.
    std::vector<std::uint32_t>& serve();
    void finish(Tick end);
    [[nodiscard]] Tick data_ticks(Tick at) const;
    void forget_moves_before(Tick at);

    /// Each channel, after finish().
    [[nodiscard]] const std::vector<StreamLane>& all() const { return lanes_; }

  private:
    /// Bursts of a layer that channels had beyond those of the first, which stood for them.
    struct Surplus {
        int layer = 0;
        bool write = false;
        std::int64_t bursts = 0;
    };

    /// Whether channels have had about as many bursts as each other since they were at rest.
    [[nodiscard]] bool evenly_spread(const std::vector<std::int64_t>& parts, bool at_rest) const;
    /// The channel whose part stands for all parts.
    [[nodiscard]] std::size_t typical(const std::vector<std::int64_t>& parts, bool at_rest) const;
    void fold(Tick now);
    void unfold();
    void note_surplus(const StreamTransfer& transfer, std::int64_t bursts);

    std::vector<StreamTransfer>* transfers_;
    std::vector<StreamLane> lanes_;
    std::vector<Tick> next_;  ///< by lane
    std::size_t serving_ = 0;
    bool folded_ = true;
    std::vector<StreamLane> before_;    ///< the first, when it began to stand for all
    Tick aside_ = 0;                    ///< data that the others had moved by then beyond its own
    std::vector<std::int64_t> spread_;  ///< bursts of each channel since all were at rest
    std::int64_t asked_ = 0;            ///< their sum
    std::int64_t ahead_ = 0;            ///< counted beyond them, while one stood for all
    std::vector<Surplus> surplus_;
};

}  // namespace perfwatt::dram

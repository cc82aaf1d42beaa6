#pragma once

#include <cstdint>
#include <vector>

#include "models/dram/address_mapping.h"
#include "models/dram/dram_channel.h"
#include "sim/arch/memory_model.h"

namespace perfwatt::dram {

/// A transfer on its way through a memory.
struct TransferState {
    std::uint64_t id = 0;
    std::int64_t address = 0;  ///< first burst of the first row
    std::int64_t row_bytes = 0;
    std::int64_t rows = 0;
    std::int64_t pitch_bytes = 0;
    std::int64_t bursts_left = 0;  ///< whose column command has not gone out, all channels
    Tick arrival = 0;
    Tick data_end = 0;  ///< of the latest burst so far
    int layer = -1;
    int master = 0;
    std::uint32_t place = 0;  ///< among the transfers in flight
    bool write = false;
};

/// Cuts the transfers given to one channel into bursts, lazily, in address order, and hands them
/// to the channel as its queues have room: one a tick, each master's in order, the masters by
/// weight.
class TransferFeed {
  public:
    TransferFeed(const AddressMapping& mapping, const DramSpec& spec, int channel,
                 std::vector<TransferState>& transfers);

    /// Queues this channel's part of a transfer, `bursts` bursts. Does nothing when there are none.
    void add(std::uint32_t transfer, std::int64_t bursts);

    /// Whole bursts in so many bytes; most burst sizes are powers of two.
    [[nodiscard]] std::int64_t bursts_in(std::int64_t bytes) const {
        return burst_shift_ >= 0 ? bytes >> burst_shift_ : bytes / burst_bytes_;
    }

    // What DramChannel::run() asks of a source.
    [[nodiscard]] Tick next_arrival(const DramChannel& channel) {
        if (stale_ || queues_refill_) find_next(channel);
        return next_;
    }
    [[nodiscard]] BurstRequest take(Tick at);
    void served(const DramChannel::Served& served);

    /// Transfers whose last column command has gone out since forget_finished().
    [[nodiscard]] const std::vector<std::uint32_t>& finished() const { return finished_; }
    void forget_finished() {
        finished_.clear();
        first_completion_ = kNever;
    }
    /// When the first of finished() is complete; kNever without any.
    [[nodiscard]] Tick first_completion() const { return first_completion_; }
    /// Bytes of data beyond `at` that commands already issued will move, in ticks of the pins.
    [[nodiscard]] Tick data_ticks_after(Tick at, const TimingTable& table) const;

  private:
    struct Part {
        std::uint32_t transfer = 0;
        std::int64_t next_row = 0;  ///< of the transfer
        std::int64_t burst = 0;     ///< next, in this channel
        std::int64_t burst_end = 0;
        std::int64_t bursts_left = 0;  ///< to be handed over
        BurstPlace place;              ///< of `burst`
        Tick arrival = 0;
        bool write = false;
    };
    struct Master {
        int id = 0;
        int weight = 1;
        std::int16_t priority = 0;
        std::int64_t served = 0;  ///< bursts handed over, by weight, for fair turns
        std::vector<Part> parts;  ///< a ring would save little: parts are few
        std::size_t head = 0;
    };

    Master& master_of(int id);
    /// Finds next_ and chosen_.
    void find_next(const DramChannel& channel);
    /// Whether one master's burst goes before another's that could come at the same tick.
    [[nodiscard]] bool goes_before(std::size_t a, std::size_t b) const;
    void next_segment(Part& part);
    static std::size_t slot(int queue, bool write) {
        return static_cast<std::size_t>(2 * queue + (write ? 1 : 0));
    }

    const AddressMapping* mapping_;
    const DramSpec* spec_;
    std::vector<TransferState>* transfers_;
    int channel_;
    std::int64_t burst_bytes_;
    int burst_shift_ = -1;  ///< its logarithm; -1: no power of two
    std::vector<Master> masters_;
    std::vector<std::uint32_t> finished_;
    Tick first_completion_ = kNever;
    bool stale_ = true;        ///< next_ has to be found again
    bool queues_refill_;       ///< without bursts from here: see OpenedAccess
    Tick next_ = kNever;       ///< next_arrival()
    std::size_t chosen_ = 0;   ///< its master
    std::size_t current_ = 0;  ///< whose turn it is
    int turn_left_ = 0;        ///< bursts that its turn still lasts
    Tick last_accept_ = -1;
    std::vector<Tick> free_at_;  ///< by queue and direction
    std::vector<Tick> recent_;   ///< ends of the latest data, a ring
    std::size_t recent_at_ = 0;
};

}  // namespace perfwatt::dram

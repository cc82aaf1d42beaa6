#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "models/dram/commands.h"

namespace perfwatt::dram {

/// A transfer as lanes see it.
struct StreamTransfer {
    std::uint64_t id = 0;
    std::int64_t address = 0, row_bytes = 0, rows = 0, pitch_bytes = 0;
    std::int64_t bursts_left = 0;  ///< in all lanes
    Tick arrival = 0;
    Tick data_end = 0;
    int layer = -1;
    int master = 0;
    bool write = false;
};

/// What a StreamLane keeps in mind.
namespace stream {

constexpr int kMostBanks = 32;  ///< of a run

/// A transfer's part in this channel that is to be handed over.
struct Part {
    std::uint32_t transfer = 0;
    int channel = 0;  ///< of which it has the bursts: another one's, where that stood for all
    std::int64_t next_row = 0;
    std::int64_t at = 0, stop = 0;  ///< bursts of the current row of the transfer
    std::int64_t left = 0;
};

/// Neighbouring bursts of a transfer that one set of open rows serves, in a queue.
struct Run {
    std::uint32_t transfer = 0;
    std::uint64_t order = 0;
    std::int64_t block = 0;  ///< which of its channel's aligned runs it is part of
    std::int64_t row = 0;
    std::int64_t bursts = 0;
    Tick entered = 0, stride = 1;  ///< one burst each stride
    int priority = 0;
    int banks = 0;
    int turn = 0;                ///< the bank of its next burst
    int misses = 0;              ///< rows opened for it that nobody has used
    std::uint32_t opened = 0;    ///< banks that have its row, or will, and keep it for it
    std::uint32_t waited = 0;    ///< banks whose first burst has left the queue to wait there
    int waiting = 0;             ///< such bursts
    std::uint32_t borrowed = 0;  ///< … of them those that an older run waits to close
    bool even = true;            ///< its banks have taken turns up to now
    bool aged = false;  ///< it goes before all others, and nothing of them between its rows
    struct Share {
        std::int16_t bank = 0;
        std::int16_t left = 0;  ///< bursts
    };
    std::array<Share, kMostBanks> shares{};
    [[nodiscard]] bool all_open() const {
        return opened == (std::uint32_t{1} << (banks - 1) << 1) - 1;
    }
};

/// Where the last run that was looked up lies: most of those after it begin like it.
struct Located {
    std::int64_t block = -1, phase = -1, row = 0;
    int banks = 0;
    std::array<std::int16_t, kMostBanks> bank{};
};

/// A master.
struct Source {
    int master = 0;
    int weight = 1;
    int priority = 0;
    std::int64_t served = 0;
    std::deque<Part> parts;
    std::vector<Run> pieces;  ///< of the run that is being handed over, by side
    std::size_t handed = 0;
    bool held_up = false;              ///< found no slot
    std::vector<std::int64_t> behind;  ///< by side: served before its next burst may enter
    bool behind_writes = false;        ///< … of which queue
};

struct Bank {
    std::int64_t row = -1;
    Tick ready = 0, closable = 0, cycle = 0;
    int users = 0;                 ///< runs of the current direction that wait for its row
    int group = 0, rank = 0;       ///< where it is
    int habit = 0;                 ///< of adaptive pages: 0-1 keep open, 2-3 close
    std::int64_t closed_row = -1;  ///< the last closed by its last access
    std::uint64_t wanted = 0;      ///< the choice in which an older run waited for another row
};

struct Rank {
    std::array<Tick, 16> activates{};  ///< the latest, in no order
    int queued = 0;                    ///< runs
    int debt = 0;
    int next_unit = 0;     ///< of refreshes of some banks
    Tick open_since = -1;  ///< -1: all rows closed
    int open_rows = 0;
    Tick free_at = 0;     ///< end of its latest refresh
    Tick idle_since = 0;  ///< last command
    Tick asked = 0;       ///< last command for a request
    Tick refresh_due = kNever;
    Tick accounted = 0;  ///< idle time is, up to here
    Tick awake_from = 0;
};

/// Served bursts: `bursts` of them until now, the last of them gone out at `end`.
struct Mark {
    std::int64_t bursts = 0;
    std::int64_t end = 0, each = 0;
};

/// Runs in order of entry. They stay where they are when others before them go.
class Runs {
  public:
    template <class Owner, class Value>
    class Iterator {
      public:
        Iterator(Owner& owner, std::size_t at) : owner_(&owner), at_(at) {}
        Value& operator*() const { return (*owner_)[at_]; }
        Iterator& operator++() {
            ++at_;
            return *this;
        }
        friend bool operator==(const Iterator& a, const Iterator& b) { return a.at_ == b.at_; }

      private:
        Owner* owner_;
        std::size_t at_;
    };

    [[nodiscard]] bool empty() const { return order_.empty(); }
    [[nodiscard]] std::size_t size() const { return order_.size(); }
    [[nodiscard]] Run& operator[](std::size_t i) { return places_[order_[i]]; }
    [[nodiscard]] const Run& operator[](std::size_t i) const { return places_[order_[i]]; }
    [[nodiscard]] Run& front() { return (*this)[0]; }
    [[nodiscard]] const Run& front() const { return (*this)[0]; }
    [[nodiscard]] auto begin() { return Iterator<Runs, Run>(*this, 0); }
    [[nodiscard]] auto end() { return Iterator<Runs, Run>(*this, size()); }
    [[nodiscard]] auto begin() const { return Iterator<const Runs, const Run>(*this, 0); }
    [[nodiscard]] auto end() const { return Iterator<const Runs, const Run>(*this, size()); }

    void push_back(const Run& run) {
        if (free_.empty()) {
            order_.push_back(static_cast<std::uint32_t>(places_.size()));
            places_.push_back(run);
            return;
        }
        order_.push_back(free_.back());
        free_.pop_back();
        places_[order_.back()] = run;
    }
    void erase(std::size_t i) {
        free_.push_back(order_[i]);
        order_.erase(order_.begin() + static_cast<std::ptrdiff_t>(i));
    }

  private:
    std::vector<Run> places_;
    std::vector<std::uint32_t> order_, free_;
};

struct Queue {
    Runs runs;
    std::int64_t admitted = 0, served = 0;
    std::vector<Mark> marks;
    std::vector<Tick> opened;  ///< when bursts leave for their banks, in order
    std::size_t head = 0;
};

/// Data on the pins: `data` ticks of them, after `before`.
struct Move {
    std::int64_t from = 0, to = 0;
    std::int64_t before = 0, data = 0;
};

/// What has a pair of queues of its own: the channel, or a pseudo channel of it.
struct Side {
    std::array<Queue, 2> queues;
    bool writes = false;  ///< the direction
    bool last_write = false;
    Tick turned = 0;  ///< rows are not opened for this direction before
    bool stale = true;
    int best = -1;  ///< index in the queue of the direction
    std::int64_t best_start = 0;
    std::int64_t last_command = -(std::int64_t{1} << 50);  ///< in parts of a tick
    Tick refresh_due = kNever;                             ///< the first of its ranks
    int first_rank = 0;
    std::deque<Move> moves;
    std::int64_t column_commands = 0;
};

}  // namespace stream
}  // namespace perfwatt::dram

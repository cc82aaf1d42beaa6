#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "models/dram/commands.h"

namespace perfwatt::dram {

/// One burst as a controller sees it. `token` is the owner's, given back when it is served.
struct BurstRequest {
    std::int64_t row = 0;
    std::int64_t column = 0;
    std::uint32_t token = 0;
    std::int32_t bank = 0;
    std::int32_t layer = -1;
    std::int16_t priority = 0;
    bool write = false;
};

/// The read and the write queue of a channel, or of each of its pseudo channels ("parts"), sorted
/// by bank so that a scheduler sees, for each bank with work, the oldest request that hits the open
/// row and the oldest that does not. A request whose row has been opened for it leaves its queue
/// and waits at its bank.
class RequestQueues {
  public:
    static constexpr int kNone = -1;

    struct Entry {
        BurstRequest request;
        Tick arrival = 0;
        std::uint64_t order = 0;  ///< of arrival
        std::int32_t next = kNone, previous = kNone;
        bool opened_row = false;  ///< needed an activate of its own
    };

    /// Slots are those of one part; parts share the banks out evenly.
    RequestQueues(int banks, int read_slots, int write_slots, int parts = 1);

    [[nodiscard]] int parts() const { return static_cast<int>(parts_.size()); }
    [[nodiscard]] int part_of(int bank) const { return banks_[at(bank)].part; }
    [[nodiscard]] bool full(bool write, int part) const {
        return size(write, part) >= slots_[write];
    }
    [[nodiscard]] int size(bool write, int part) const { return parts_[at(part)].size[write]; }
    [[nodiscard]] int slots(bool write) const { return slots_[write]; }
    [[nodiscard]] bool empty() const { return queued_ == 0 && active_banks_.empty(); }

    /// Queues a request; `open_row` is the row open in its bank, or -1. Returns its entry.
    int push(const BurstRequest& request, Tick arrival, std::int64_t open_row);
    /// Takes an entry out of its queue and keeps it at its bank, whose row was opened for it.
    void make_active(int entry);
    /// Takes the request that waits at a bank back into its queue, full or not, as the oldest.
    void put_back(int bank, std::int64_t open_row);
    /// Forgets an entry that has been served, queued or active.
    void remove(int entry, std::int64_t open_row);
    /// Tells that the row of a bank has changed; -1: closed.
    void row_changed(int bank, std::int64_t open_row);

    [[nodiscard]] const Entry& entry(int i) const { return entries_[at(i)]; }
    Entry& entry(int i) { return entries_[at(i)]; }
    /// Banks with queued requests of a direction, in no order that matters.
    [[nodiscard]] const std::vector<int>& busy(bool write, int part) const {
        return parts_[at(part)].busy[write];
    }
    [[nodiscard]] const std::vector<int>& active_banks() const { return active_banks_; }
    [[nodiscard]] int active(int bank) const { return banks_[at(bank)].active; }
    [[nodiscard]] int oldest(bool write, int bank) const { return list(write, bank).head; }
    [[nodiscard]] int oldest_hit(bool write, int bank) const { return list(write, bank).hit; }
    [[nodiscard]] int oldest_miss(bool write, int bank) const { return list(write, bank).miss; }
    /// Whether a queued request is the first of its bank to need what it needs.
    [[nodiscard]] bool leads(int entry) const {
        const BurstRequest& request = entries_[at(entry)].request;
        const List& queue = list(request.write, request.bank);
        return queue.head == entry || queue.hit == entry || queue.miss == entry;
    }
    [[nodiscard]] int banks() const { return static_cast<int>(banks_.size()); }
    /// None of the requests that wait at their banks came before this.
    [[nodiscard]] Tick& oldest_active() { return oldest_active_; }
    /// Queued requests of a bank, both directions.
    [[nodiscard]] int waiting(int bank) const {
        return list(false, bank).count + list(true, bank).count;
    }

  private:
    struct List {
        std::int32_t head = kNone, tail = kNone, hit = kNone, miss = kNone;
        std::int32_t count = 0;
        std::int32_t busy_at = kNone;  ///< index in busy_
    };
    struct Bank {
        std::array<List, 2> lists;
        std::int32_t active = kNone;
        std::int32_t active_at = kNone;
        std::int32_t part = 0;
    };

    struct Part {
        std::array<std::vector<int>, 2> busy;
        std::array<int, 2> size{};
    };

    static std::size_t at(int i) { return static_cast<std::size_t>(i); }
    List& list(bool write, int bank) { return banks_[at(bank)].lists[write]; }
    [[nodiscard]] const List& list(bool write, int bank) const {
        return banks_[at(bank)].lists[write];
    }
    [[nodiscard]] int find_miss(int from, std::int64_t row) const {
        while (from != kNone && entries_[at(from)].request.row == row)
            from = entries_[at(from)].next;
        return from;
    }
    [[nodiscard]] int find_hit(int from, std::int64_t row) const;
    /// How many queued requests of a bank and a direction are for rows of the same last bits.
    std::uint16_t& alike(const BurstRequest& request) {
        return alike_[alike_at(request.write, request.bank, request.row)];
    }
    static std::size_t alike_at(bool write, int bank, std::int64_t row) {
        constexpr std::size_t kKinds = 64;
        return (at(bank) * 2 + (write ? 1 : 0)) * kKinds + (static_cast<std::size_t>(row) % kKinds);
    }
    void unlink(int entry);

    std::vector<Entry> entries_;
    std::vector<std::int32_t> free_;
    std::vector<Bank> banks_;
    std::vector<std::uint16_t> alike_;
    std::vector<Part> parts_;
    Tick oldest_active_ = kNever;
    std::vector<int> active_banks_;
    int queued_ = 0;
    std::array<int, 2> slots_{};
    std::uint64_t next_order_ = 0;
};

}  // namespace perfwatt::dram

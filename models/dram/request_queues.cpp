#include "models/dram/request_queues.h"

#include <algorithm>

namespace perfwatt::dram {

RequestQueues::RequestQueues(int banks, int read_slots, int write_slots, int parts)
    : banks_(at(banks)), parts_(at(parts)), slots_{read_slots, write_slots} {
    for (int bank = 0; bank < banks; ++bank) banks_[at(bank)].part = bank * parts / banks;
    const int entries = parts * (read_slots + write_slots) + banks;
    entries_.resize(at(entries));
    alike_.resize(alike_at(false, banks, 0), 0);
    for (int i = entries; i-- > 0;) free_.push_back(i);
}

int RequestQueues::find_hit(int from, std::int64_t row) const {
    if (from == kNone) return kNone;
    // Where one request after the other is for another row, all queued ones would be looked at.
    const BurstRequest& first = entries_[at(from)].request;
    if (alike_[alike_at(first.write, first.bank, row)] == 0) return kNone;
    while (from != kNone && entries_[at(from)].request.row != row) from = entries_[at(from)].next;
    return from;
}

int RequestQueues::push(const BurstRequest& request, Tick arrival, std::int64_t open_row) {
    const int index = free_.back();
    free_.pop_back();
    List& queue = list(request.write, request.bank);
    entries_[at(index)] = {.request = request,
                           .arrival = arrival,
                           .order = next_order_++,
                           .next = kNone,
                           .previous = queue.tail,
                           .opened_row = false};
    if (queue.tail == kNone) {
        queue.head = index;
    } else {
        entries_[at(queue.tail)].next = index;
    }
    queue.tail = index;
    Part& part = parts_[at(part_of(request.bank))];
    if (queue.count++ == 0) {
        queue.busy_at = static_cast<std::int32_t>(part.busy[request.write].size());
        part.busy[request.write].push_back(request.bank);
    }
    ++part.size[request.write];
    ++queued_;
    ++alike(request);
    if (open_row >= 0) {
        std::int32_t& first = request.row == open_row ? queue.hit : queue.miss;
        if (first == kNone) first = index;
    }
    return index;
}

void RequestQueues::unlink(int index) {
    const Entry& entry = entries_[at(index)];
    const bool write = entry.request.write;
    List& queue = list(write, entry.request.bank);
    (entry.previous == kNone ? queue.head : entries_[at(entry.previous)].next) = entry.next;
    (entry.next == kNone ? queue.tail : entries_[at(entry.next)].previous) = entry.previous;
    Part& part = parts_[at(part_of(entry.request.bank))];
    if (--queue.count == 0) {
        std::vector<int>& busy = part.busy[write];
        const int moved = busy.back();
        busy[at(queue.busy_at)] = moved;
        list(write, moved).busy_at = queue.busy_at;
        busy.pop_back();
        queue.busy_at = kNone;
    }
    --part.size[write];
    --queued_;
    --alike(entry.request);
}

void RequestQueues::make_active(int index) {
    unlink(index);
    Bank& bank = banks_[at(entries_[at(index)].request.bank)];
    oldest_active_ = std::min(oldest_active_, entries_[at(index)].arrival);
    bank.active = index;
    bank.active_at = static_cast<std::int32_t>(active_banks_.size());
    active_banks_.push_back(entries_[at(index)].request.bank);
}

void RequestQueues::remove(int index, std::int64_t open_row) {
    const BurstRequest& request = entries_[at(index)].request;
    Bank& bank = banks_[at(request.bank)];
    if (bank.active == index) {
        const int moved = active_banks_.back();
        active_banks_[at(bank.active_at)] = moved;
        banks_[at(moved)].active_at = bank.active_at;
        active_banks_.pop_back();
        bank.active = kNone;
    } else {
        List& queue = bank.lists[request.write];
        const int next = entries_[at(index)].next;
        unlink(index);
        if (queue.hit == index) queue.hit = find_hit(next, open_row);
        if (queue.miss == index) queue.miss = find_miss(next, open_row);
    }
    free_.push_back(index);
}

void RequestQueues::put_back(int bank, std::int64_t open_row) {
    const int index = banks_[at(bank)].active;
    Entry& entry = entries_[at(index)];
    const int moved = active_banks_.back();
    active_banks_[at(banks_[at(bank)].active_at)] = moved;
    banks_[at(moved)].active_at = banks_[at(bank)].active_at;
    active_banks_.pop_back();
    banks_[at(bank)].active = kNone;
    const bool write = entry.request.write;
    List& queue = list(write, bank);
    entry.previous = kNone;
    entry.next = queue.head;
    (queue.head == kNone ? queue.tail : entries_[at(queue.head)].previous) = index;
    queue.head = index;
    Part& part = parts_[at(part_of(bank))];
    if (queue.count++ == 0) {
        queue.busy_at = static_cast<std::int32_t>(part.busy[write].size());
        part.busy[write].push_back(bank);
    }
    ++part.size[write];
    ++queued_;
    ++alike(entry.request);
    row_changed(bank, open_row);
}

void RequestQueues::row_changed(int bank, std::int64_t open_row) {
    if (waiting(bank) == 0) return;  // nobody's request hits or misses
    for (List& queue : banks_[at(bank)].lists) {
        queue.hit = open_row < 0 ? kNone : find_hit(queue.head, open_row);
        queue.miss = open_row < 0 ? kNone : find_miss(queue.head, open_row);
    }
}

}  // namespace perfwatt::dram

#include "models/dram/dram_memory.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/diagnostics.h"
#include "sim/base/math.h"

namespace perfwatt::dram {
namespace {

DramSpec checked(DramSpec spec) {
    std::vector<Diagnostic> errors;
    for (Diagnostic& diagnostic : lint(spec)) {
        if (diagnostic.severity == Severity::error) errors.push_back(std::move(diagnostic));
    }
    if (!errors.empty()) throw UserError(std::move(errors));
    return spec;
}

}  // namespace

DramMemory::DramMemory(DramSpec spec, DramOptions options)
    : spec_(checked(std::move(spec))),
      options_(std::move(options)),
      table_(spec_),
      mapping_(spec_, options_.channels),
      clock_(spec_.tick_clock()),
      shortest_latency_(std::min(table_.read_latency, table_.write_latency)) {
    for (int i = 0; i < options_.channels; ++i) {
        lanes_.push_back({DramChannel(spec_, table_, i, options_.log),
                          TransferFeed(mapping_, spec_, i, transfers_)});
        if (options_.plain) lanes_.back().channel.be_plain();
    }
}

std::int64_t DramMemory::capacity_bytes() const {
    return spec_.organization.capacity_bytes() * options_.channels;
}

void DramMemory::submit(Time now, const MemoryTransfer& transfer) {
    const Tick arrival = clock_.ticks_in(now);
    PERFWATT_CHECK(arrival >= advanced_, "a transfer came before the time advanced to");
    PERFWATT_CHECK(transfer.row_bytes > 0 && transfer.rows > 0, "an empty transfer");
    std::uint32_t slot = 0;
    if (free_.empty()) {
        slot = static_cast<std::uint32_t>(transfers_.size());
        transfers_.emplace_back();
    } else {
        slot = free_.back();
        free_.pop_back();
    }
    TransferState& state = transfers_[slot];
    state = {.id = transfer.id,
             .address = transfer.address,
             .row_bytes = transfer.row_bytes,
             .rows = transfer.rows,
             .pitch_bytes = transfer.pitch_bytes,
             .bursts_left = 0,
             .arrival = arrival,
             .data_end = 0,
             .layer = transfer.layer,
             .master = transfer.master,
             .place = 0,
             .write = transfer.direction == Direction::write};
    if (state.rows > 1 && state.pitch_bytes == state.row_bytes) {
        state.row_bytes *= state.rows;
        state.rows = 1;
    }
    const std::int64_t end =
        transfer.address + (transfer.rows - 1) * transfer.pitch_bytes + transfer.row_bytes;
    PERFWATT_CHECK(transfer.address >= 0 && end <= capacity_bytes(),
                   fmt::format("a transfer of memory '{}' ends at byte {} of {}", options_.name,
                               end, capacity_bytes()));
    share_out(slot);
    bursts_ += state.bursts_left;
    (state.write ? write_bytes_ : read_bytes_) += transfer.bytes();
    state.place = static_cast<std::uint32_t>(in_flight_.size());
    in_flight_.push_back(slot);
}

void DramMemory::share_out(std::uint32_t slot) {
    TransferState& state = transfers_[slot];
    TransferFeed& feed = lanes_.front().feed;
    const bool several = lanes_.size() > 1;
    if (several) parts_.assign(lanes_.size(), 0);
    for (std::int64_t row = 0; row < state.rows; ++row) {
        const std::int64_t begin = state.address + row * state.pitch_bytes;
        const std::int64_t first = feed.bursts_in(begin);
        const std::int64_t last = feed.bursts_in(begin + state.row_bytes - 1) + 1;
        state.bursts_left += last - first;
        for (std::size_t c = 0; several && c < parts_.size(); ++c) {
            parts_[c] += mapping_.bursts_before(last, static_cast<int>(c)) -
                         mapping_.bursts_before(first, static_cast<int>(c));
        }
    }
    if (!several) return feed.add(slot, state.bursts_left);
    for (std::size_t c = 0; c < parts_.size(); ++c) lanes_[c].feed.add(slot, parts_[c]);
}

void DramMemory::collect(std::vector<MemoryCompletion>& completions) {
    const std::size_t before = completions.size();
    for (Lane& lane : lanes_) {
        for (const std::uint32_t slot : lane.feed.finished()) {
            const TransferState& transfer = transfers_[slot];
            completions.push_back({.id = transfer.id, .at = clock_.time_of(transfer.data_end)});
            transfers_[in_flight_.back()].place = transfer.place;
            in_flight_[transfer.place] = in_flight_.back();
            in_flight_.pop_back();
            free_.push_back(slot);
        }
        lane.feed.forget_finished();
    }
    if (completions.size() - before < 2) return;
    std::sort(completions.begin() + static_cast<std::ptrdiff_t>(before), completions.end(),
              [](const MemoryCompletion& a, const MemoryCompletion& b) {
                  return a.at != b.at ? a.at < b.at : a.id < b.id;
              });
}

void DramMemory::advance(Time limit, std::vector<MemoryCompletion>& completions) {
    const Tick end = clock_.ticks_in(limit);
    if (end <= advanced_) return;
    for (Lane& lane : lanes_) lane.channel.run(lane.feed, end);
    advanced_ = end;
    collect(completions);
}

Tick DramMemory::run_to_completion(Tick limit) {
    if (lanes_.size() == 1) {
        return lanes_.front().channel.run_to_completion(lanes_.front().feed, limit);
    }
    // No lane may pass the completion that another is about to find: a command that goes out from
    // `next` on ends its data no sooner than `to`.
    while (true) {
        Tick next = kNever;
        for (Lane& lane : lanes_) next = std::min(next, lane.channel.next_event(lane.feed));
        const Tick to = std::min(limit, next + shortest_latency_);
        for (Lane& lane : lanes_) {
            lane.channel.run(lane.feed, to);
            limit = std::min(limit, lane.feed.first_completion());
        }
        if (to == limit) return limit;
    }
}

Time DramMemory::advance_to_completion(Time limit, std::vector<MemoryCompletion>& completions) {
    const Tick end = limit == Time::max() ? kNever : clock_.ticks_in(limit);
    if (end <= advanced_) return limit;
    PERFWATT_CHECK(end < kNever || !in_flight_.empty(), "a memory without transfers has no end");
    advanced_ = run_to_completion(end);
    collect(completions);
    return advanced_ == end ? limit : clock_.time_of(advanced_);
}

Time DramMemory::next_completion_bound() const {
    // The bursts of a transfer that share pins follow each other, and the last of their commands
    // cannot have gone out before now. Some pins have at least the mean of them still to move.
    const auto pins = static_cast<std::int64_t>(lanes_.size()) * spec_.organization.pseudo_channels;
    Tick bound = kNever;
    for (const std::uint32_t slot : in_flight_) {
        const TransferState& transfer = transfers_[slot];
        // The usual case without a division: this takes a tenth of the time of small transfers.
        const std::int64_t most =
            transfer.bursts_left <= pins ? 1 : ceil_div(transfer.bursts_left, pins);
        const Tick start = std::max(advanced_, transfer.arrival + 1);
        const Tick latency = transfer.write ? table_.write_latency : table_.read_latency;
        bound = std::min(bound, start + (most - 1) * table_.burst + latency);
    }
    return bound == kNever ? Time::max() : clock_.time_of(bound);
}

Time DramMemory::data_bus_busy(Time at) const {
    const Tick tick = clock_.ticks_in(at);
    Tick busy = 0;
    for (const Lane& lane : lanes_) {
        busy += lane.channel.data_ticks() - lane.feed.data_ticks_after(tick, table_);
    }
    return clock_.time_of(busy / spec_.organization.pseudo_channels);
}

void DramMemory::finish(Time end) {
    std::vector<MemoryCompletion> completions;
    advance(end, completions);
    PERFWATT_CHECK(in_flight_.empty(), "transfers are left in a memory at the end of the run");
    for (Lane& lane : lanes_) lane.channel.finish(clock_.ticks_in(end));
}

std::vector<Action> DramMemory::actions() const {
    return energy_actions(spec_, options_.corner, options_.name);
}

void DramMemory::add_counts(Counts& counts, const std::vector<ActionId>& ids) const {
    for (const Lane& lane : lanes_) add_energy_counts(lane.channel.counters(), counts, ids);
}

MemoryReport DramMemory::report() const {
    MemoryReport report = memory_report(spec_, table_, options_.name, options_.channels);
    report.timing = "exact";
    report.read_bytes = read_bytes_;
    report.write_bytes = write_bytes_;
    report.rounding_bytes = bursts_ * report.burst_bytes - read_bytes_ - write_bytes_;
    Tick busy = 0;
    for (const Lane& lane : lanes_) {
        busy += lane.channel.data_ticks();
        add_to_report(spec_, table_, lane.channel.counters(), report);
    }
    report.data_bus_busy = clock_.time_of(busy / spec_.organization.pseudo_channels);
    return report;
}

}  // namespace perfwatt::dram

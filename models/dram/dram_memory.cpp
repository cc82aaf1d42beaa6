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
      clock_(spec_.tick_clock()) {
    for (int i = 0; i < options_.channels; ++i) {
        lanes_.push_back({DramChannel(spec_, table_, i, options_.log),
                          TransferFeed(mapping_, spec_, i, transfers_)});
    }
}

std::int64_t DramMemory::capacity_bytes() const {
    return spec_.organization.capacity_bytes() * options_.channels;
}

void DramMemory::submit(Time now, const MemoryTransfer& transfer) {
    const Tick arrival = clock_.cycles_in(now);
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
             .write = transfer.direction == Direction::write,
             .live = true};
    if (state.rows > 1 && state.pitch_bytes == state.row_bytes) {
        state.row_bytes *= state.rows;
        state.rows = 1;
    }
    const std::int64_t end =
        transfer.address + (transfer.rows - 1) * transfer.pitch_bytes + transfer.row_bytes;
    PERFWATT_CHECK(transfer.address >= 0 && end <= capacity_bytes(),
                   fmt::format("a transfer of memory '{}' ends at byte {} of {}", options_.name,
                               end, capacity_bytes()));
    const std::int64_t burst = spec_.organization.burst_bytes();
    std::vector<std::int64_t> parts(lanes_.size(), 0);
    for (std::int64_t row = 0; row < state.rows; ++row) {
        const std::int64_t begin = state.address + row * state.pitch_bytes;
        const std::int64_t first = begin / burst;
        const std::int64_t last = ceil_div(begin + state.row_bytes, burst);
        for (std::size_t c = 0; c < parts.size(); ++c) {
            parts[c] += mapping_.bursts_before(last, static_cast<int>(c)) -
                        mapping_.bursts_before(first, static_cast<int>(c));
        }
        state.bursts_left += last - first;
    }
    for (std::size_t c = 0; c < parts.size(); ++c) lanes_[c].feed.add(slot, parts[c]);
    bursts_ += state.bursts_left;
    (state.write ? write_bytes_ : read_bytes_) += transfer.bytes();
    in_flight_.push_back(slot);
}

void DramMemory::collect(Lane& lane, std::vector<MemoryCompletion>& completions) {
    for (const std::uint32_t slot : lane.feed.finished()) {
        TransferState& transfer = transfers_[slot];
        completions.push_back({.id = transfer.id, .at = clock_.cycles(transfer.data_end)});
        transfer.live = false;
    }
    lane.feed.finished().clear();
}

void DramMemory::advance(Time limit, std::vector<MemoryCompletion>& completions) {
    const Tick end = clock_.cycles_in(limit);
    if (end <= advanced_) return;
    const std::size_t before = completions.size();
    for (Lane& lane : lanes_) {
        lane.channel.run(lane.feed, end);
        collect(lane, completions);
    }
    advanced_ = end;
    if (completions.size() == before) return;
    std::sort(completions.begin() + static_cast<std::ptrdiff_t>(before), completions.end(),
              [](const MemoryCompletion& a, const MemoryCompletion& b) {
                  return a.at != b.at ? a.at < b.at : a.id < b.id;
              });
    std::erase_if(in_flight_, [&](std::uint32_t slot) {
        if (transfers_[slot].live) return false;
        free_.push_back(slot);
        return true;
    });
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
    return bound == kNever ? Time::max() : clock_.cycles(bound);
}

Time DramMemory::data_bus_busy(Time at) const {
    const Tick tick = clock_.cycles_in(at);
    Tick busy = 0;
    for (const Lane& lane : lanes_) {
        busy += lane.channel.data_ticks() - lane.feed.data_ticks_after(tick, table_.burst);
    }
    return clock_.cycles(busy / spec_.organization.pseudo_channels);
}

void DramMemory::finish(Time end) {
    std::vector<MemoryCompletion> completions;
    advance(end, completions);
    PERFWATT_CHECK(in_flight_.empty(), "transfers are left in a memory at the end of the run");
    for (Lane& lane : lanes_) lane.channel.finish(clock_.cycles_in(end));
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
    report.data_bus_busy = clock_.cycles(busy / spec_.organization.pseudo_channels);
    return report;
}

}  // namespace perfwatt::dram

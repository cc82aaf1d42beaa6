#include "models/dram/dram_stream.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/diagnostics.h"
#include "sim/base/math.h"

namespace perfwatt::dram {

DramStream::DramStream(DramSpec spec, DramOptions options)
    : spec_(std::move(spec)),
      options_(std::move(options)),
      table_(spec_),
      mapping_(spec_, options_.channels),
      times_(spec_, table_, mapping_),
      clock_(spec_.tick_clock()),
      lanes_(spec_, table_, mapping_, times_, transfers_),
      shortest_(std::min(table_.read_latency, table_.write_latency)) {}

std::int64_t DramStream::capacity_bytes() const {
    return spec_.organization.capacity_bytes() * options_.channels;
}

void DramStream::submit(Time now, const MemoryTransfer& transfer) {
    const std::int64_t end =
        transfer.address + (transfer.rows - 1) * transfer.pitch_bytes + transfer.row_bytes;
    PERFWATT_CHECK(transfer.address >= 0 && end <= capacity_bytes(),
                   fmt::format("a transfer beyond the capacity of memory '{}'", options_.name));
    std::uint32_t slot = 0;
    if (free_.empty()) {
        slot = static_cast<std::uint32_t>(transfers_.size());
        transfers_.emplace_back();
    } else {
        slot = free_.back();
        free_.pop_back();
    }
    const bool joined = transfer.rows > 1 && transfer.pitch_bytes == transfer.row_bytes;
    StreamTransfer& state = transfers_[slot];
    state = {.id = transfer.id,
             .address = transfer.address,
             .row_bytes = joined ? transfer.bytes() : transfer.row_bytes,
             .rows = joined ? 1 : transfer.rows,
             .pitch_bytes = transfer.pitch_bytes,
             .arrival = clock_.ticks_in(now),
             .layer = transfer.layer,
             .master = transfer.master,
             .write = transfer.direction == Direction::write};
    const std::int64_t burst = spec_.organization.burst_bytes();
    parts_.assign(static_cast<std::size_t>(options_.channels), 0);
    for (std::int64_t row = 0; row < state.rows; ++row) {
        const std::int64_t begin = state.address + row * state.pitch_bytes;
        const std::int64_t first = begin / burst;
        const std::int64_t last = ceil_div(begin + state.row_bytes, burst);
        for (std::size_t c = 0; c < parts_.size(); ++c) {
            parts_[c] += mapping_.bursts_before(last, static_cast<int>(c)) -
                         mapping_.bursts_before(first, static_cast<int>(c));
        }
        state.bursts_left += last - first;
    }
    bursts_ += state.bursts_left;
    // While nothing is asked of it nobody tells it the time: it has passed the last whole tick.
    advanced_ = std::max(advanced_, clock_.ticks_in(now + Time{1}) - 1);
    (state.write ? write_bytes_ : read_bytes_) += transfer.bytes();
    lanes_.add(slot, parts_, in_flight_ == 0 && state.arrival >= last_end_);
    ++in_flight_;
}

Tick DramStream::run(Tick limit, bool to_completion, std::vector<MemoryCompletion>& completions) {
    const auto before = static_cast<std::ptrdiff_t>(completions.size());
    while (lanes_.next(limit) < limit) {
        std::vector<std::uint32_t>& finished = lanes_.serve();
        for (const std::uint32_t slot : finished) {
            const StreamTransfer& transfer = transfers_[slot];
            completions.push_back({.id = transfer.id, .at = clock_.time_of(transfer.data_end)});
            if (to_completion) limit = std::min(limit, transfer.data_end);
            last_end_ = std::max(last_end_, transfer.data_end);
            free_.push_back(slot);
            --in_flight_;
        }
        finished.clear();
    }
    std::sort(completions.begin() + before, completions.end(),
              [](const MemoryCompletion& a, const MemoryCompletion& b) {
                  return a.at != b.at ? a.at < b.at : a.id < b.id;
              });
    advanced_ = std::max(advanced_, limit);
    lanes_.forget_moves_before(advanced_);
    return limit;
}

void DramStream::advance(Time limit, std::vector<MemoryCompletion>& completions) {
    (void)run(clock_.ticks_in(limit), false, completions);
}

Time DramStream::advance_to_completion(Time limit, std::vector<MemoryCompletion>& completions) {
    const Tick end = limit == Time::max() ? kNever : clock_.ticks_in(limit);
    const Tick reached = run(end, true, completions);
    return reached == end ? limit : clock_.time_of(reached);
}

Time DramStream::next_completion_bound() const {
    return in_flight_ == 0 ? Time::max() : clock_.time_of(advanced_ + shortest_);
}

Time DramStream::data_bus_busy(Time at) const {
    const Tick tick = clock_.ticks_in(at);
    return clock_.time_of(lanes_.data_ticks(tick) / spec_.organization.pseudo_channels);
}

void DramStream::finish(Time end) {
    PERFWATT_CHECK(in_flight_ == 0, "transfers are left in a memory at the end of the run");
    lanes_.finish(clock_.ticks_in(end));
}

std::vector<Action> DramStream::actions() const {
    return energy_actions(spec_, options_.corner, options_.name);
}

void DramStream::add_counts(Counts& counts, const std::vector<ActionId>& ids) const {
    for (const StreamLane& lane : lanes_.all()) add_energy_counts(lane.counters(), counts, ids);
}

MemoryReport DramStream::report() const {
    MemoryReport report = memory_report(spec_, table_, options_.name, options_.channels);
    report.timing = "stream";
    report.read_bytes = read_bytes_;
    report.write_bytes = write_bytes_;
    report.rounding_bytes = bursts_ * report.burst_bytes - read_bytes_ - write_bytes_;
    for (const StreamLane& lane : lanes_.all()) {
        add_to_report(spec_, table_, lane.counters(), report);
        report.data_bus_busy += clock_.time_of(lane.column_commands() * table_.burst /
                                               spec_.organization.pseudo_channels);
    }
    return report;
}

}  // namespace perfwatt::dram

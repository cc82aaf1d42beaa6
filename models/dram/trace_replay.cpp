#include "models/dram/trace_replay.h"

#include <algorithm>
#include <deque>

namespace perfwatt::dram {
namespace {

/// What DramChannel::run() draws a trace from.
class ReplaySource {
  public:
    ReplaySource(const DramSpec& spec, const TraceSupply& supply, int window)
        : mapping_(spec, 1),
          burst_bytes_(spec.organization.burst_bytes()),
          ticks_per_clock_(spec.ticks_per_clock),
          window_(static_cast<std::size_t>(window)),
          supply_(&supply),
          free_at_(2 * static_cast<std::size_t>(spec.queues_per_channel()), 0) {
        fetch();
    }

    Tick next_arrival(const DramChannel& channel) {
        if (!has_next_ || !channel.can_accept(next_.write, place_.bank)) return kNever;
        const Tick at = std::max({next_.cycle * ticks_per_clock_, last_accept_ + ticks_per_clock_,
                                  free_at_[slot(channel.queue_of(place_.bank), next_.write)]});
        if (next_.write) return at;
        if (waiting_ + returns_.size() < window_) return at;
        if (returns_.empty()) return kNever;
        return std::max(at, returns_.front());
    }

    BurstRequest take(Tick at) {
        while (!returns_.empty() && returns_.front() <= at) returns_.pop_front();
        const BurstRequest request{.row = place_.row,
                                   .column = place_.column,
                                   .token = slot_for(at),
                                   .bank = place_.bank,
                                   .write = next_.write};
        last_accept_ = at;
        if (next_.write) {
            ++writes;
            end = std::max(end, at);
        } else {
            ++reads;
            ++waiting_;
        }
        fetch();
        return request;
    }

    void served(const DramChannel::Served& served) {
        if (served.freed_slot) free_at_[slot(served.queue, served.write)] = served.at + 1;
        if (!served.column) return;
        free_slots_.push_back(served.token);
        if (served.write) return;
        --waiting_;
        returns_.push_back(served.data_end);
        const Tick latency = served.data_end - accepted_[served.token];
        latency_sum += latency;
        latency_max = std::max(latency_max, latency);
        end = std::max(end, served.data_end);
    }

    std::int64_t reads = 0, writes = 0;
    Tick latency_sum = 0, latency_max = 0;
    Tick end = 0;

  private:
    void fetch() {
        has_next_ = (*supply_)(next_);
        if (has_next_) place_ = mapping_.place(next_.address / burst_bytes_);
    }
    static std::size_t slot(int queue, bool write) {
        return static_cast<std::size_t>(2 * queue + (write ? 1 : 0));
    }
    std::uint32_t slot_for(Tick at) {
        if (free_slots_.empty()) {
            free_slots_.push_back(static_cast<std::uint32_t>(accepted_.size()));
            accepted_.push_back(0);
        }
        const std::uint32_t slot = free_slots_.back();
        free_slots_.pop_back();
        accepted_[slot] = at;
        return slot;
    }

    AddressMapping mapping_;
    std::int64_t burst_bytes_;
    Tick ticks_per_clock_;
    std::size_t window_;
    const TraceSupply* supply_;
    TraceRequest next_;
    BurstPlace place_;  ///< of next_
    bool has_next_ = false;
    std::size_t waiting_ = 0;     ///< reads accepted whose command has not gone out
    std::deque<Tick> returns_;    ///< of reads under way, in order
    std::vector<Tick> accepted_;  ///< by slot
    std::vector<std::uint32_t> free_slots_;
    Tick last_accept_ = -1;
    std::vector<Tick> free_at_;
};

void add_energy(const DramSpec& spec, EnergyCorner corner, const DramCounters& counters,
                ReplayResult& result) {
    const std::vector<Action> actions = energy_actions(spec, corner, spec.name);
    for (int i = 0; i < kEnergyCategories; ++i) {
        const auto category = static_cast<EnergyCategory>(i);
        std::int64_t n = residency_of(category, counters);
        for (const DramCounters::Row& row : counters.rows()) n += count_of(category, row);
        const double energy =
            static_cast<double>(n) * actions[static_cast<std::size_t>(i)].picojoules;
        result.energy_breakdown_pj[static_cast<std::size_t>(i)] = energy;
        result.energy_pj += energy;
    }
}

}  // namespace

std::int64_t ReplayResult::command(std::string_view name) const {
    for (const auto& [other, count] : commands) {
        if (other == name) return count;
    }
    return 0;
}

ReplayResult replay(const DramSpec& spec, const TraceSupply& supply, const ReplayOptions& options) {
    const TimingTable table(spec);
    DramChannel channel(spec, table, 0, options.log);
    ReplaySource source(spec, supply, options.window);
    channel.run_dry(source);
    const Tick drained = std::max(channel.last_data_end(), source.end);
    channel.finish(std::max(drained, channel.now()));

    ReplayResult result;
    const Clock clock = spec.tick_clock();
    const DramCounters& counters = channel.counters();
    const auto ns = [&](Tick ticks) { return clock.cycles(ticks).ns(); };
    result.reads = source.reads;
    result.writes = source.writes;
    result.requests = source.reads + source.writes;
    result.cycles = (source.end + spec.ticks_per_clock - 1) / spec.ticks_per_clock;
    result.time_ns = ns(source.end);
    result.drained_ns = ns(drained);
    const double bytes = static_cast<double>(result.requests * spec.organization.burst_bytes());
    if (result.time_ns > 0) result.bandwidth_bytes_per_s = bytes / result.time_ns * 1e9;
    result.bandwidth_fraction =
        result.bandwidth_bytes_per_s / static_cast<double>(spec.peak_bytes_per_second());
    if (source.reads > 0) {
        result.mean_read_latency_ns = static_cast<double>(source.latency_sum) /
                                      static_cast<double>(source.reads) * 1e9 /
                                      static_cast<double>(clock.hertz());
    }
    result.max_read_latency_ns = ns(source.latency_max);
    if (result.requests > 0) {
        result.row_hit_rate =
            static_cast<double>(counters.row_hits) / static_cast<double>(result.requests);
    }
    for (int c = 0; c < kCommands; ++c) {
        const auto command = static_cast<Command>(c);
        const std::int64_t n = counters.total(command);
        if (n > 0) result.commands.emplace_back(to_string(command), n);
    }
    add_energy(spec, options.corner, counters, result);
    return result;
}

}  // namespace perfwatt::dram

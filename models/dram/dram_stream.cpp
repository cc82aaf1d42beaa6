#include "models/dram/dram_stream.h"

#include <fmt/format.h>

#include <algorithm>

#include "models/dram/trace_replay.h"
#include "sim/base/diagnostics.h"
#include "sim/base/math.h"

namespace perfwatt::dram {
namespace {

constexpr std::int64_t kFine = 1024;  ///< parts of a tick
constexpr int kDeepWindow = 256;      ///< reads under way: no limit but the queues

constexpr std::int64_t kShortBlock = 1024, kLongBlock = 4096;  ///< bytes

/// The longest wait of a rule from `from` to `to` in the table, all levels; 0 for none.
Tick wait_of(const TimingTable& table, Command from, Command to) {
    Tick wait = 0;
    for (const TimingTable::Rule& rule : table.rules[static_cast<std::size_t>(from)]) {
        if (rule.to == static_cast<std::uint8_t>(to)) wait = std::max<Tick>(wait, rule.wait);
    }
    return wait;
}

/// Ticks between activates to different banks, in the long run.
std::int64_t activate_pace(const TimingTable& table) {
    std::int64_t pace = kFine;
    for (const TimingTable::Rule& rule : table.rules[index(Command::activate)]) {
        if (rule.to == index(Command::activate) && rule.level < index(Level::bank_group)) {
            pace = std::max<std::int64_t>(pace, rule.wait * kFine);
        }
    }
    for (const TimingTable::WindowRule& rule : table.windows) {
        pace = std::max<std::int64_t>(pace, rule.wait * kFine / rule.window);
    }
    const int ranks = table.nodes[static_cast<std::size_t>(Level::rank)];
    return std::max<std::int64_t>(pace / ranks, table.ticks[index(Command::activate)] * kFine);
}

/// Writes that go out together when reads wait: from the upper to the lower mark.
std::int64_t drain_batch(const DramSpec& spec) {
    const ControllerPolicy& policy = spec.controller;
    return std::max<std::int64_t>(
        1, static_cast<std::int64_t>((policy.write_high - policy.write_low) * policy.write_queue));
}

std::int64_t ticks_of_replay(const DramSpec& spec, std::int64_t requests, int period, int writes,
                             bool all_writes) {
    std::int64_t i = 0;
    const std::int64_t burst = spec.organization.burst_bytes();
    const std::int64_t half = spec.organization.capacity_bytes() / 2 /
                              spec.organization.row_bytes() * spec.organization.row_bytes();
    std::int64_t read_at = 0;
    std::int64_t write_at = 0;
    const TraceSupply supply = [&](TraceRequest& request) {
        if (i == requests) return false;
        request.cycle = 0;
        request.write = all_writes || i % period >= period - writes;
        request.address = request.write ? half + burst * write_at++ : burst * read_at++;
        ++i;
        return true;
    };
    return replay(spec, supply, {.window = kDeepWindow}).cycles * spec.ticks_per_clock;
}

}  // namespace

StreamPace StreamPace::measure(const DramSpec& spec, const TimingTable&) {
    constexpr std::int64_t kBursts = 2048;
    DramSpec calm = spec;
    calm.refresh.mode = RefreshMode::none;
    calm.power = {};
    const auto pace = [&](bool write) {
        return (ticks_of_replay(calm, kBursts, 1, 0, write) -
                ticks_of_replay(calm, kBursts / 2, 1, 0, write)) *
               kFine / (kBursts / 2);
    };
    StreamPace found{.read = pace(false), .write = pace(true)};
    // Blocks of reads with a sixth of writes between them, as layers of a network ask for.
    const auto lost = [&](std::int64_t block, std::int64_t periods) {
        const int period = static_cast<int>(6 * block);
        const auto mixed = [&](std::int64_t n) {
            return ticks_of_replay(calm, n * period, period, static_cast<int>(block), false);
        };
        const std::int64_t extra = (mixed(2 * periods) - mixed(periods)) * kFine -
                                   periods * block * (5 * found.read + found.write);
        return std::max<std::int64_t>(0, extra / periods);
    };
    const std::int64_t burst = spec.organization.burst_bytes();
    const std::int64_t block = std::max<std::int64_t>(1, kShortBlock / burst);
    found.turnaround = lost(block, 16) * std::max(block, drain_batch(spec)) / block;
    found.long_turnaround = lost(std::max<std::int64_t>(1, kLongBlock / burst), 8);
    return found;
}

DramStream::DramStream(DramSpec spec, DramOptions options)
    : spec_(std::move(spec)),
      options_(std::move(options)),
      table_(spec_),
      mapping_(spec_, options_.channels),
      clock_(spec_.tick_clock()),
      pace_(StreamPace::measure(spec_, table_)),
      lanes_(static_cast<std::size_t>(options_.channels)) {
    open_ = std::max(wait_of(table_, Command::activate, Command::read),
                     wait_of(table_, Command::activate, Command::write));
    close_ = wait_of(table_, Command::precharge, Command::activate);
    row_cycle_ = wait_of(table_, Command::activate, Command::activate);
    keep_open_ = wait_of(table_, Command::activate, Command::precharge);
    read_to_close_ = wait_of(table_, Command::read, Command::precharge);
    write_to_close_ = wait_of(table_, Command::write, Command::precharge);
    refresh_command_ = refresh_command(spec_.refresh.mode);
    refresh_ = refresh_command_ == Command::refresh_all
                   ? wait_of(table_, Command::refresh_all, Command::activate)
                   : wait_of(table_, refresh_command_, refresh_command_);
    // Of several ranks, those not in use pay what they owe beside the traffic.
    refresh_detour_ = spec_.refresh.mode == RefreshMode::all_bank && spec_.organization.ranks == 1
                          ? read_to_close_ +
                                wait_of(table_, Command::precharge_all, Command::refresh_all) +
                                refresh_ + open_
                          : 0;
    activate_pace_ = activate_pace(table_);
    command_to_read_ = table_.read_latency;
    command_to_write_ = table_.write_latency;
    if (spec_.refresh.mode == RefreshMode::all_bank) refresh_step_ = table_.refresh_interval;
    if (table_.refresh_bank_interval > 0) refresh_step_ = table_.refresh_bank_interval;
    for (Lane& lane : lanes_) {
        lane.banks.resize(static_cast<std::size_t>(spec_.organization.total_banks()));
        lane.refresh_due = refresh_step_ > 0 ? refresh_step_ : kNever;
    }
}

std::int64_t DramStream::capacity_bytes() const {
    return spec_.organization.capacity_bytes() * options_.channels;
}

void DramStream::pay_refreshes(Lane& lane, std::int64_t times, Tick last) {
    const bool all = spec_.refresh.mode == RefreshMode::all_bank;
    const int ranks = table_.nodes[static_cast<std::size_t>(Level::rank)];
    lane.counters.add_background(refresh_command_, times * ranks);
    lane.debt -= times;
    if (!all) return;
    last = std::max(last, lane.accounted);
    const Tick active = lane.open_since < 0
                            ? 0
                            : std::clamp<Tick>(last - std::max(lane.open_since, lane.accounted), 0,
                                               last - lane.accounted);
    lane.counters.active_standby += active * ranks;
    lane.counters.precharged_standby += (last - lane.accounted - active) * ranks;
    lane.accounted = last;
    lane.open_since = -1;
    lane.refreshes += times;
    lane.refresh_over = last + close_ + refresh_;
}

void DramStream::refresh_until(Lane& lane, Tick tick) {
    // Idle pins: what is owed is paid, one after the other, what comes due at once.
    const Tick idle_from = lane.pins / kFine;
    if (tick <= idle_from || lane.refresh_due == kNever) return;
    Tick last_due = 0;
    if (lane.refresh_due <= tick) {
        const std::int64_t times = (tick - lane.refresh_due) / refresh_step_ + 1;
        last_due = lane.refresh_due + (times - 1) * refresh_step_;
        lane.debt += times;
        lane.refresh_due += times * refresh_step_;
    }
    if (lane.debt == 0) return;
    const std::int64_t paid =
        std::min(lane.debt, (tick - idle_from) / std::max<Tick>(1, refresh_) + 1);
    pay_refreshes(lane, paid, std::max(idle_from + (paid - 1) * refresh_, last_due));
}

std::int64_t DramStream::take_pins(Lane& lane, std::int64_t start, std::int64_t amount) {
    const std::int64_t most =
        spec_.refresh.mode == RefreshMode::all_bank ? std::max(1, spec_.refresh.max_postponed) : 1;
    while (lane.refresh_due < kNever && lane.refresh_due * kFine < start + amount) {
        const std::int64_t due = lane.refresh_due * kFine;
        lane.refresh_due += refresh_step_;
        if (++lane.debt < most) continue;  // a busy rank may owe some
        if (start < due) {
            amount -= due - start;
            start = due;
        }
        start = std::max(start, due + refresh_detour_ * kFine);
        pay_refreshes(lane, 1, due / kFine);
    }
    return start + amount;
}

bool DramStream::contended(Lane& lane, Bank& bank, std::int64_t row, const Work& work) {
    bool other_row = false;
    Visit* own = nullptr;
    for (Visit& visit : bank.visits) {
        if (visit.master == work.master) {
            own = &visit;
            continue;
        }
        if (visit.row == row) continue;
        for (const MasterState& master : lane.masters) {
            other_row =
                other_row || (master.id == visit.master && master.busy_until > work.arrival);
        }
    }
    if (own == nullptr) {
        bank.visits.push_back({work.master, row});
    } else {
        own->row = row;
    }
    return other_row;
}

Tick DramStream::open_row(Lane& lane, Bank& bank, std::int64_t row, Tick entered,
                          const Work& work) {
    const std::size_t side = work.write ? 1 : 0;
    const bool still_open = bank.epoch[side] == lane.refreshes;
    const bool alone = lane.masters.size() < 2 || !contended(lane, bank, row, work);
    if (bank.row[side] == row && still_open && alone) return bank.ready[side];
    Tick start = std::max(entered, lane.refresh_over);
    if (still_open && bank.row[side] >= 0) {
        start = std::max(start, bank.closable) + close_;
        ++lane.counters.row_conflicts;
    }
    start = std::max(start, bank.cycle);
    const std::int64_t windows = std::max(lane.activates, entered * kFine);
    lane.activates = windows + activate_pace_;
    start = std::max(start, windows / kFine);
    bank.row[side] = row;
    bank.epoch[side] = lane.refreshes;
    bank.ready[side] = start + open_;
    bank.closable = std::max(bank.closable, start + keep_open_);
    bank.cycle = start + row_cycle_;
    lane.counters.add(work.layer, Command::activate);
    ++lane.activate_count;
    lane.counters.add_rows_closed(work.layer, 1);
    if (lane.open_since < 0) lane.open_since = start;
    return bank.ready[side];
}

std::int64_t DramStream::slot_free(Backlog& backlog, int slots) const {
    const std::int64_t needed = backlog.bursts - slots + 1;
    while (backlog.head < backlog.marks.size() && backlog.marks[backlog.head].bursts < needed) {
        ++backlog.head;
    }
    if (needed <= 0 || backlog.head == backlog.marks.size()) return 0;
    const Mark& mark = backlog.marks[backlog.head];
    const std::int64_t free = mark.end - (mark.bursts - needed) * mark.each;
    constexpr std::size_t kKeep = 256;
    if (backlog.head > kKeep) {
        backlog.marks.erase(backlog.marks.begin(),
                            backlog.marks.begin() + static_cast<std::ptrdiff_t>(backlog.head));
        backlog.head = 0;
    }
    return free;
}

std::int64_t DramStream::pace_of(const Lane& lane, std::int64_t bursts, const Work& work) const {
    if (!work.write) return pace_.read;
    // Writes wait for each other, so reads that came a queue's fill ago still meet them.
    const Tick memory = 64 * table_.burst;
    if (lane.last_read < 0 || lane.last_read + memory < work.arrival) return pace_.write;
    const std::int64_t bytes =
        std::clamp(bursts * spec_.organization.burst_bytes(), kShortBlock, kLongBlock);
    const std::int64_t batch = pace_.turnaround + (pace_.long_turnaround - pace_.turnaround) *
                                                      (bytes - kShortBlock) /
                                                      (kLongBlock - kShortBlock);
    return pace_.write + batch / std::max(bursts, drain_batch(spec_));
}

Tick DramStream::serve(Lane& lane, std::int64_t first, std::int64_t bursts, const Work& work) {
    const std::size_t side = work.write ? 1 : 0;
    const std::int64_t block = mapping_.run_block();
    const std::int64_t banks =
        std::min<std::int64_t>(mapping_.run_banks(), (first % block + bursts + block - 1) / block);
    const std::int64_t slot =
        slot_free(lane.backlog[side],
                  work.write ? spec_.controller.write_queue : spec_.controller.read_queue);
    const std::int64_t begin = std::max((work.arrival + 1) * kFine, slot);
    const std::int64_t each = pace_of(lane, bursts, work);
    Tick ready = 0;
    for (std::int64_t i = 0; i < banks; ++i) {
        const BurstPlace place = mapping_.place(first + std::min(i * block, bursts - 1));
        Bank& bank = lane.banks[static_cast<std::size_t>(place.bank)];
        ready = std::max(ready, open_row(lane, bank, place.row, begin / kFine, work));
    }
    const std::int64_t refreshes = lane.refreshes;
    const std::int64_t from = std::max(lane.pins, (work.arrival + 1) * kFine);
    lane.pins = take_pins(lane, from, bursts * each);
    lane.moving.push_back({.from = from,
                           .to = lane.pins,
                           .before = lane.column_commands * table_.burst,
                           .data = bursts * table_.burst});
    const std::int64_t end = std::max(lane.pins, ready * kFine + bursts * each);
    const Tick last_command = (end - each) / kFine;
    const Tick closable = last_command + (work.write ? write_to_close_ : read_to_close_);
    for (std::int64_t i = 0; i < banks; ++i) {
        const BurstPlace place = mapping_.place(first + std::min(i * block, bursts - 1));
        Bank& bank = lane.banks[static_cast<std::size_t>(place.bank)];
        bank.closable = std::max(bank.closable, closable);
        if (lane.refreshes == refreshes) continue;
        // A refresh came between: the rows were opened again, as the detour has paid for.
        bank.epoch[side] = lane.refreshes;
        lane.counters.add(work.layer, Command::activate);
        ++lane.activate_count;
        lane.counters.add_rows_closed(work.layer, 1);
        if (lane.open_since < 0) lane.open_since = lane.refresh_over;
    }
    lane.backlog[side].bursts += bursts;
    lane.backlog[side].marks.push_back({lane.backlog[side].bursts, end, each});
    lane.column_commands += bursts;
    for (MasterState& master : lane.masters) {
        if (master.id == work.master) master.busy_until = std::max(master.busy_until, last_command);
    }
    if (!work.write) lane.last_read = std::max(lane.last_read, last_command);
    return last_command + (work.write ? command_to_write_ : command_to_read_);
}

void DramStream::submit(Time now, const MemoryTransfer& transfer) {
    const Work work{.arrival = clock_.cycles_in(now),
                    .layer = transfer.layer,
                    .master = transfer.master,
                    .write = transfer.direction == Direction::write};
    const std::int64_t burst_bytes = spec_.organization.burst_bytes();
    const bool joined = transfer.rows > 1 && transfer.pitch_bytes == transfer.row_bytes;
    const std::int64_t rows = joined ? 1 : transfer.rows;
    const std::int64_t row_bytes = joined ? transfer.bytes() : transfer.row_bytes;
    PERFWATT_CHECK(
        transfer.address >= 0 &&
            transfer.address + (rows - 1) * transfer.pitch_bytes + row_bytes <= capacity_bytes(),
        fmt::format("a transfer beyond the capacity of memory '{}'", options_.name));
    const std::int64_t run = mapping_.run_bursts();
    const Command command = work.write ? Command::write : Command::read;
    Tick end = 0;
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
        Lane& lane = lanes_[i];
        std::int64_t served = 0;
        const std::int64_t opened = lane.activate_count;
        for (std::int64_t row = 0; row < rows; ++row) {
            const std::int64_t begin = transfer.address + row * transfer.pitch_bytes;
            const auto channel = static_cast<int>(i);
            std::int64_t at = mapping_.bursts_before(begin / burst_bytes, channel);
            const std::int64_t stop =
                mapping_.bursts_before(ceil_div(begin + row_bytes, burst_bytes), channel);
            if (at == stop) continue;
            if (std::none_of(lane.masters.begin(), lane.masters.end(),
                             [&](const MasterState& m) { return m.id == work.master; })) {
                lane.masters.push_back({work.master, 0});
            }
            refresh_until(lane, work.arrival);
            served += stop - at;
            while (at < stop) {
                const std::int64_t next = std::min(stop, (at / run + 1) * run);
                end = std::max(end, serve(lane, at, next - at, work));
                at = next;
            }
        }
        lane.counters.add(work.layer, command, served);
        lane.counters.row_hits +=
            std::max<std::int64_t>(0, served - (lane.activate_count - opened));
        bursts_ += served;
    }
    (work.write ? write_bytes_ : read_bytes_) += transfer.bytes();
    known_.push_back({.id = transfer.id, .at = clock_.cycles(end)});
    last_known_ = std::max(last_known_, known_.back().at);
}

void DramStream::advance(Time limit, std::vector<MemoryCompletion>& completions) {
    advanced_ = std::max(advanced_, clock_.cycles_in(limit));
    const auto begin = static_cast<std::ptrdiff_t>(completions.size());
    completions.insert(completions.end(), known_.begin(), known_.end());
    known_.clear();
    for (Lane& lane : lanes_)
        while (lane.moving.size() > 1 && lane.moving[1].from <= advanced_ * kFine)
            lane.moving.pop_front();
    std::sort(completions.begin() + begin, completions.end(),
              [](const MemoryCompletion& a, const MemoryCompletion& b) {
                  return a.at != b.at ? a.at < b.at : a.id < b.id;
              });
}

Time DramStream::next_completion_bound() const {
    Time bound = Time::max();
    for (const MemoryCompletion& completion : known_) bound = std::min(bound, completion.at);
    return bound;
}

Time DramStream::data_bus_busy(Time at) const {
    const std::int64_t tick = clock_.cycles_in(at) * kFine;
    std::int64_t busy = 0;
    for (const Lane& lane : lanes_) {
        std::int64_t moved = 0;
        for (const Moving& run : lane.moving) {
            if (run.from > tick) break;
            const std::int64_t passed = std::min(tick, run.to) - run.from;
            moved = run.before + run.data * passed / std::max<std::int64_t>(1, run.to - run.from);
        }
        busy += moved;
    }
    return clock_.cycles(busy / spec_.organization.pseudo_channels);
}

void DramStream::finish(Time end) {
    PERFWATT_CHECK(known_.empty(), "transfers are left in a memory at the end of the run");
    const Tick tick = clock_.cycles_in(end);
    const int ranks = table_.nodes[static_cast<std::size_t>(Level::rank)];
    for (Lane& lane : lanes_) {
        refresh_until(lane, tick - 1);
        if (lane.accounted >= tick) continue;
        const Tick active = lane.open_since < 0 ? 0 : std::max<Tick>(0, tick - lane.open_since);
        lane.counters.active_standby += active * ranks;
        lane.counters.precharged_standby += (tick - lane.accounted - active) * ranks;
        lane.accounted = tick;
    }
}

std::vector<Action> DramStream::actions() const {
    return energy_actions(spec_, options_.corner, options_.name);
}

void DramStream::add_counts(Counts& counts, const std::vector<ActionId>& ids) const {
    for (const Lane& lane : lanes_) add_energy_counts(lane.counters, counts, ids);
}

MemoryReport DramStream::report() const {
    MemoryReport report = memory_report(spec_, table_, options_.name, options_.channels);
    report.timing = "stream";
    report.read_bytes = read_bytes_;
    report.write_bytes = write_bytes_;
    report.rounding_bytes = bursts_ * report.burst_bytes - read_bytes_ - write_bytes_;
    for (const Lane& lane : lanes_) {
        add_to_report(spec_, table_, lane.counters, report);
        report.data_bus_busy +=
            clock_.cycles(lane.column_commands * table_.burst / spec_.organization.pseudo_channels);
    }
    return report;
}

}  // namespace perfwatt::dram

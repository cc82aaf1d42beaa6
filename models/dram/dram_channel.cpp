#include "models/dram/dram_channel.h"

#include "sim/base/diagnostics.h"

namespace perfwatt::dram {
namespace {

constexpr int kNone = RequestQueues::kNone;

std::size_t at_index(int i) { return static_cast<std::size_t>(i); }

}  // namespace

DramChannel::DramChannel(const DramSpec& spec, const TimingTable& table, int index, CommandLog* log)
    : table_(&table),
      organization_(spec.organization),
      policy_(spec.controller),
      refresh_policy_(spec.refresh),
      power_policy_(spec.power),
      index_(index),
      log_(log),
      device_(table, commands_sent(spec)),
      queues_(spec.organization.total_banks(), spec.controller.read_queue,
              spec.controller.write_queue, spec.queues_per_channel()),
      offers_(device_, queues_, spec.controller.row_hits_first),
      drain_(static_cast<std::size_t>(queues_.parts())),
      high_mark_(spec.controller.write_high * spec.controller.write_queue),
      low_mark_(spec.controller.write_low * spec.controller.write_queue),
      ranks_(static_cast<std::size_t>(device_.ranks())),
      clocks_(ranks_.size()),
      management_(spec),
      closed_row_(static_cast<std::size_t>(spec.organization.total_banks()), -1),
      adaptive_(static_cast<std::size_t>(spec.organization.total_banks()), 0) {
    policy_.age_limit *= spec.ticks_per_clock;
    alone_ = policy_.page == PagePolicy::open && !management_.needed() && !spec.pim &&
             std::min(policy_.read_queue, policy_.write_queue) > 1;
    for (int c = 0; c < kCommands; ++c) reach_[at_index(c)] = table.reach(static_cast<Command>(c));
    for (const TimingTable::Rule& rule :
         table.rules[perfwatt::dram::index(Command::power_down_exit)]) {
        if (rule.to == perfwatt::dram::index(Command::read)) wake_to_read_ = rule.wait;
    }
    power_policy_.power_down_after *= spec.ticks_per_clock;
    power_policy_.self_refresh_after *= spec.ticks_per_clock;
    switch (spec.refresh.mode) {
        case RefreshMode::none:
            break;
        case RefreshMode::all_bank:
            refresh_step_ = table.refresh_interval;
            break;
        case RefreshMode::per_bank:
        case RefreshMode::same_bank:
            refresh_step_ = table.refresh_bank_interval;
            break;
    }
    if (refresh_policy_.staggered) refresh_step_ /= device_.ranks();
    if (refresh_step_ > 0) {
        refresh_due_ = std::max<Tick>(
            1, static_cast<Tick>(static_cast<double>(refresh_step_) * spec.refresh.first));
    }
}

void DramChannel::accept(const BurstRequest& request, Tick at) {
    Rank& rank = ranks_[static_cast<std::size_t>(device_.rank_of(request.bank))];
    const bool rank_was_idle = rank.requests++ == 0;
    rank.closed_to_sleep = false;
    const int entry = queues_.push(request, at, device_.open_row(request.bank));
    // One behind others that need the same changes nothing for its bank.
    const bool leads = queues_.leads(entry);
    if (leads) offers_.changed(request.bank);
    now_ = std::max(now_, at);  // what it lets go ahead cannot go in the past
    if (stale_) return;
    // Only the bank of the new request can have a better command, unless more than that changes:
    // the direction, or what stands above the order of readiness.
    const int part = queues_.part_of(request.bank);
    const bool draining = drain_[static_cast<std::size_t>(part)].writes;
    if ((rank_was_idle && sleeps()) || !pending_.empty() || half_open_.bank >= 0 || forced_ ||
        write_mode(part) != draining) {
        stale_ = true;
        return;
    }
    if (leads && request.write == draining && !bank_blocked(request.bank)) {
        consider_bank(draining, request.bank);
    }
}

bool DramChannel::write_mode(int part) {
    const int writes = queues_.size(true, part);
    const int reads = queues_.size(false, part);
    bool& draining = drain_[static_cast<std::size_t>(part)].writes;
    const bool before = draining;
    if (!draining) {
        if (writes > high_mark_ || reads == 0) draining = true;
    } else if (writes < low_mark_ && reads != 0) {
        draining = false;
    }
    if (draining != before) offers_.direct(part, draining);
    return draining;
}

bool DramChannel::bank_blocked(int bank) const {
    if (pending_.empty()) return false;
    if (refresh_policy_.blocks_channel) return true;
    for (const PendingRefresh& refresh : pending_) {
        if (device_.rank_of(refresh.bank) != device_.rank_of(bank)) continue;
        const int stride = table_->refresh_stride[static_cast<std::size_t>(refresh.command)];
        const int per_rank = device_.banks_per_rank();
        if (refresh.bank % per_rank % stride == bank % per_rank % stride) return true;
    }
    return false;
}

void DramChannel::choose() {
    best_ = Candidate{};
    stale_ = false;
    forced_ = false;
    if (quick_ && is_usual()) return choose_usual();
    for (const int bank : queues_.active_banks()) {
        if (bank != half_open_.bank) consider_column(queues_.active(bank), bank, 0);
    }
    if (policy_.age_limit > 0 && choose_starved()) return;
    for (const PendingRefresh& refresh : pending_) {
        consider_refresh(refresh);
        if (refresh_policy_.blocks_channel) break;
    }
    if (pending_.empty() || !refresh_policy_.blocks_channel) {
        for (int part = 0; part < queues_.parts(); ++part) choose_queued(write_mode(part), part);
        for (int part = 0; policy_.age_limit > 0 && part < queues_.parts() && !forced_; ++part) {
            apply_age_limit(part);
        }
    }
    if (half_open_.bank >= 0) consider_second_part();
    consider_sleep();
}

bool DramChannel::choose_starved() {
    // A rank that others keep off the bus, always ready a little earlier, holds on to its rows.
    int oldest = kNone;
    for (const int bank : queues_.active_banks()) {
        const int entry = queues_.active(bank);
        if (oldest == kNone || queues_.entry(entry).order < queues_.entry(oldest).order) {
            oldest = entry;
        }
    }
    if (oldest == kNone || half_open_.bank >= 0) return false;
    const RequestQueues::Entry& entry = queues_.entry(oldest);
    if (now_ - entry.arrival <= policy_.age_limit) return false;
    best_ = Candidate{};
    forced_ = true;
    consider_column(oldest, entry.request.bank, 0);
    return true;
}

void DramChannel::consider_second_part() {
    // The second part fills the first tick that nobody else uses, or the last allowed one.
    const Tick deadline = half_open_.first + table_->second_part_within;
    const Tick at = std::max(half_open_.first + 1, device_.bus_free(Command::activate));
    if (best_.time <= at && best_.time + (best_.cas ? 2 : 1) <= deadline) return;
    best_ = Candidate{};
    best_.time = at;
    best_.bank = half_open_.bank;
    best_.entry = half_open_.entry;
    best_.second_part = true;
}

void DramChannel::choose_queued(bool write, int part) {
    if (pending_.empty()) {
        for (const int bank : queues_.busy(write, part)) consider_bank(write, bank);
    } else {
        for (const int bank : queues_.busy(write, part)) {
            if (!bank_blocked(bank)) consider_bank(write, bank);
        }
    }
}

void DramChannel::consider_bank(bool write, int bank) {
    if (sleeps() &&
        consider_wake(bank, queues_.entry(queues_.oldest(write, bank)).arrival + 1, 2)) {
        return;
    }
    if (!device_.is_open(bank)) {
        if (half_open_.bank < 0) consider_row(queues_.oldest(write, bank), bank, Command::activate);
        return;
    }
    const int hit = queues_.oldest_hit(write, bank);
    if (hit != kNone) consider_column(hit, bank, 2);
    const int miss = queues_.oldest_miss(write, bank);
    if (miss == kNone || queues_.active(bank) != kNone) return;
    if (policy_.row_hits_first && hit != kNone &&
        queues_.entry(hit).order < queues_.entry(miss).order) {
        return;
    }
    consider_row(miss, bank, Command::precharge);
}

void DramChannel::consider_row(int entry, int bank, Command command) {
    const RequestQueues::Entry& request = queues_.entry(entry);
    Candidate candidate;
    candidate.time = std::max({now_, request.arrival + 1, device_.earliest(command, bank)});
    candidate.order = request.order;
    candidate.entry = entry;
    candidate.bank = bank;
    candidate.rank_of_class = 2;
    candidate.priority = request.request.priority;
    candidate.command = command;
    consider(candidate);
}

DramChannel::ColumnStart DramChannel::column_start(Command command, int bank, Tick ready) const {
    const Tick time = std::max(ready, device_.earliest(command, bank));
    const BankOffers::DataClock& clock = clocks_[at_index(device_.rank_of(bank))];
    if (!table_->wck || time < clock.runs_until) return {.time = time};
    if (!table_->wck_early) return {.time = time, .cas = true};
    const Tick cas = std::max({time - 1, device_.bus_free(command), clock.awake_from});
    return {.time = std::max(ready, cas), .cas = true};
}

void DramChannel::consider_column(int entry, int bank, int rank_of_class) {
    const RequestQueues::Entry& request = queues_.entry(entry);
    const Command command = request.request.write ? Command::write : Command::read;
    const ColumnStart start = column_start(command, bank, std::max(now_, request.arrival + 1));
    Candidate candidate;
    candidate.time = start.time;
    candidate.cas = start.cas;
    candidate.order = request.order;
    candidate.entry = entry;
    candidate.bank = bank;
    candidate.rank_of_class = static_cast<std::int16_t>(rank_of_class);
    candidate.priority = request.request.priority;
    candidate.command = command;
    consider(candidate);
}

void DramChannel::consider_refresh(const PendingRefresh& refresh) {
    if (sleeps() && consider_wake(refresh.bank, now_, 1)) return;
    Candidate candidate;
    candidate.rank_of_class = 1;
    candidate.bank = refresh.bank;
    candidate.command = refresh.command;
    if (refreshes_rank(refresh.command)) {
        if (device_.pim_open_banks(device_.rank_of(refresh.bank)) > 0) return;
        for (const int bank : queues_.active_banks()) {
            if (device_.rank_of(bank) == device_.rank_of(refresh.bank)) return;
        }
        if (device_.open_banks(device_.rank_of(refresh.bank)) > 0) {
            candidate.command = Command::precharge_all;
        }
    } else {
        // It would come between the parts of an activate that has to wait for it.
        if (half_open_.bank >= 0 &&
            device_.rank_of(half_open_.bank) == device_.rank_of(refresh.bank)) {
            return;
        }
        bool in_use = false;
        device_.for_each_refreshed(refresh.command, refresh.bank, [&](int bank) {
            in_use = in_use || queues_.active(bank) != kNone;
            if (candidate.command == Command::precharge || !device_.is_open(bank)) return;
            candidate.command = Command::precharge;
            candidate.bank = bank;
        });
        if (in_use) return;
    }
    candidate.time = std::max(now_, device_.earliest(candidate.command, candidate.bank));
    consider(candidate);
}

void DramChannel::apply_age_limit(int part) {
    Drain& drain = drain_[static_cast<std::size_t>(part)];
    const bool write = drain.writes;
    if (best_.time - drain.oldest[write] <= policy_.age_limit || best_.rank_of_class < 2) return;
    int oldest = kNone;
    for (const int bank : queues_.busy(write, part)) {
        const int head = queues_.oldest(write, bank);
        if (oldest == kNone || queues_.entry(head).order < queues_.entry(oldest).order)
            oldest = head;
    }
    if (oldest == kNone) return;
    const RequestQueues::Entry& entry = queues_.entry(oldest);
    drain.oldest[write] = entry.arrival;
    if (best_.entry == oldest) return;
    const int bank = entry.request.bank;
    if (best_.time - entry.arrival <= policy_.age_limit || bank_blocked(bank)) return;
    if (queues_.active(bank) != kNone) return;
    if (!device_.is_open(bank) && half_open_.bank >= 0) return;
    best_ = Candidate{};
    forced_ = true;
    if (sleeps() && consider_wake(bank, entry.arrival + 1, 2)) return;
    if (!device_.is_open(bank)) {
        consider_row(oldest, bank, Command::activate);
    } else if (device_.open_row(bank) == entry.request.row) {
        consider_column(oldest, bank, 2);
    } else {
        consider_row(oldest, bank, Command::precharge);
    }
}

}  // namespace perfwatt::dram

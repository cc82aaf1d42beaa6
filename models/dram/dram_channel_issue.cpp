// The half of DramChannel that carries out what the scheduler chose.
#include "models/dram/dram_channel.h"
#include "sim/base/diagnostics.h"

namespace perfwatt::dram {
namespace {

constexpr int kNone = RequestQueues::kNone;

bool is_power(Command command) {
    return command == Command::power_down_enter || command == Command::power_down_exit ||
           command == Command::self_refresh_enter || command == Command::self_refresh_exit;
}

std::size_t at_index(int i) { return static_cast<std::size_t>(i); }

}  // namespace

DramChannel::Served DramChannel::issue_next() {
    if (stale_) choose();
    PERFWATT_CHECK(best_.time < kNever, "a channel with nothing to do was told to go on");
    const Candidate chosen = best_;
    stale_ = true;
    if (chosen.second_part) {
        issue_second_part(chosen.time);
    } else if (is_power(chosen.command) || chosen.rank_of_class == 3) {
        issue_power(chosen);
    } else if (chosen.rank_of_class == 1) {
        issue_refresh(chosen);
    } else if (is_column(chosen.command)) {
        return issue_column(chosen);
    } else {
        issue_row(chosen);
        const bool write = queues_.entry(chosen.entry).request.write;
        Served served{.write = write, .queue = queues_.part_of(chosen.bank), .at = chosen.time};
        served.freed_slot = chosen.command == Command::activate &&
                            queues_.size(write, served.queue) + 1 == queues_.slots(write);
        return served;
    }
    return {.at = chosen.time};
}

Command DramChannel::column_command(int entry, int bank) const {
    const bool write = queues_.entry(entry).request.write;
    const Command plain = write ? Command::write : Command::read;
    if (policy_.page == PagePolicy::open) return plain;
    const bool own_in_queue = queues_.active(bank) != entry;
    for (const bool direction : {false, true}) {
        int hit = queues_.oldest_hit(direction, bank);
        if (hit == entry && own_in_queue) {
            // The oldest hit is the one being served: is there another?
            int next = queues_.entry(hit).next;
            while (next != kNone &&
                   queues_.entry(next).request.row != queues_.entry(entry).request.row) {
                next = queues_.entry(next).next;
            }
            hit = next;
        }
        if (hit != kNone) return plain;
    }
    if (own_in_queue && queues_.active(bank) != kNone) return plain;
    if (policy_.page == PagePolicy::adaptive && adaptive_[at_index(bank)] < 2 &&
        queues_.waiting(bank) - (own_in_queue ? 1 : 0) == 0) {
        return plain;
    }
    return write ? Command::write_precharge : Command::read_precharge;
}

DramChannel::Served DramChannel::send_column(Command command, const BurstRequest& request,
                                             ColumnStart start) {
    const int bank = request.bank;
    Tick at = start.time;
    if (start.cas) {
        ++counters_.cas;
        if (log_ != nullptr) {
            log_named(request.write ? "CAS_WR" : "CAS_RD", bank, -1, -1, at, false);
        }
        at += 1;
    }
    send(command, bank, request.row, at, request.layer);
    if (log_ != nullptr) log(command, bank, request.row, request.column, at);
    Served served{.token = request.token, .write = request.write, .column = true, .at = at};
    count_data(device_.rank_of(bank), served);
    served.queue = queues_.part_of(bank);
    return served;
}

void DramChannel::count_data(int rank, Served& served) {
    served.data_end = served.at + (served.write ? table_->write_latency : table_->read_latency);
    if (table_->wck) {
        Tick& until = clocks_[at_index(rank)].runs_until;
        until = std::max(until, served.data_end + table_->wck_runs_for);
    }
    data_ticks_ += table_->burst;
    last_data_end_ = std::max(last_data_end_, served.data_end);
}

DramChannel::Served DramChannel::issue_column(const Candidate& chosen) {
    const int bank = chosen.bank;
    const RequestQueues::Entry& entry = queues_.entry(chosen.entry);
    const std::int64_t row = entry.request.row;
    if (!entry.opened_row) ++counters_.row_hits;
    const Command command = column_command(chosen.entry, bank);
    Served served = send_column(command, entry.request, {chosen.time, chosen.cas});
    const bool queued = queues_.active(bank) != chosen.entry;
    served.freed_slot =
        queued && queues_.size(served.write, served.queue) == queues_.slots(served.write);
    queues_.remove(chosen.entry, device_.open_row(bank));
    request_gone(bank);
    if (!device_.is_open(bank)) {
        closed_row_[at_index(bank)] = row;
        queues_.row_changed(bank, -1);
    }
    return served;
}

void DramChannel::issue_row(const Candidate& chosen) {
    RequestQueues::Entry& entry = queues_.entry(chosen.entry);
    const BurstRequest request = entry.request;
    const int bank = chosen.bank;
    if (chosen.command == Command::activate && table_->two_part_activate) {
        issue_first_part(chosen);
        return;
    }
    if (chosen.command == Command::activate) {
        send_activate(request, chosen.time);
        entry.opened_row = true;
        // A row that is opened again was closed too early.
        std::uint8_t& habit = adaptive_[at_index(bank)];
        if (habit > 0 && closed_row_[at_index(bank)] == request.row) --habit;
        closed_row_[at_index(bank)] = -1;
        queues_.make_active(chosen.entry);
        queues_.row_changed(bank, request.row);
        count_activate(bank);
    } else {
        send_precharge(request, chosen.time);
        if (!entry.opened_row) ++counters_.row_conflicts;
        entry.opened_row = true;
        std::uint8_t& habit = adaptive_[at_index(bank)];
        if (habit < 3) ++habit;
        queues_.row_changed(bank, -1);
    }
}

void DramChannel::send_activate(const BurstRequest& request, Tick at) {
    send(Command::activate, request.bank, request.row, at, request.layer);
    if (log_ != nullptr) log(Command::activate, request.bank, request.row, -1, at);
}

void DramChannel::send_precharge(const BurstRequest& request, Tick at) {
    send(Command::precharge, request.bank, request.row, at, request.layer);
    if (log_ != nullptr) log(Command::precharge, request.bank, -1, -1, at);
}

void DramChannel::send_first_part(const BurstRequest& request, Tick at) {
    if (log_ != nullptr) log_named("ACT1", request.bank, request.row, -1, at, false);
    device_.occupy_bus(Command::activate, at, 1);
    now_ = at;
}

void DramChannel::send_second_part(const BurstRequest& request, Tick first, Tick at) {
    if (log_ != nullptr) log_named("ACT2", request.bank, request.row, -1, at, false);
    // Rules count from the second part, or, where the standard says so, from the first.
    account_rank(device_.rank_of(request.bank), at);
    device_.issue(Command::activate, request.bank, request.row,
                  table_->counts_from_second_part ? at : first);
    device_.occupy_bus(Command::activate, at, 1);
    counters_.add(request.layer, Command::activate);
    now_ = at;
    settled_ = std::max(settled_, at + reach_[perfwatt::dram::index(Command::activate)]);
    offers_.sent(Command::activate, request.bank);
}

void DramChannel::issue_first_part(const Candidate& chosen) {
    RequestQueues::Entry& entry = queues_.entry(chosen.entry);
    send_first_part(entry.request, chosen.time);
    entry.opened_row = true;
    queues_.make_active(chosen.entry);
    mark_changed(chosen.bank);
    half_open_ = {.bank = chosen.bank, .entry = chosen.entry, .first = chosen.time};
}

void DramChannel::issue_second_part(Tick at) {
    const HalfOpen half = half_open_;
    const BurstRequest& request = queues_.entry(half.entry).request;
    half_open_ = {};
    send_second_part(request, half.first, at);
    mark_changed(half.bank);
    queues_.row_changed(half.bank, request.row);
    count_activate(half.bank);
}

void DramChannel::issue_refresh(const Candidate& chosen) {
    send(chosen.command, chosen.bank, -1, chosen.time, -1);
    if (log_ != nullptr) log(chosen.command, chosen.bank, -1, -1, chosen.time);
    if (chosen.command == Command::precharge_all) {
        rank_closed(device_.rank_of(chosen.bank));
        return;
    }
    if (chosen.command == Command::precharge) {
        queues_.row_changed(chosen.bank, -1);
        return;
    }
    for (std::size_t i = 0; i < pending_.size(); ++i) {
        if (pending_[i].command == chosen.command && pending_[i].bank == chosen.bank) {
            pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(i));
            break;
        }
    }
    if (management_.needed()) credit_refresh(chosen.command, chosen.bank);
    if (chosen.command != Command::refresh_all) return;
    const int index = device_.rank_of(chosen.bank);
    Rank& rank = ranks_[at_index(index)];
    --rank.debt;
    rank.in_force = false;
    force_refresh(index);
}

void DramChannel::rank_closed(int rank) {
    if (ranks_[at_index(rank)].requests == 0) return;  // nobody's request hits or misses
    const int first = rank * device_.banks_per_rank();
    for (int bank = first; bank < first + device_.banks_per_rank(); ++bank) {
        queues_.row_changed(bank, -1);
    }
}

void DramChannel::start_refresh() {
    stale_ = true;
    tell_devices(refresh_due_);
    now_ = std::max(now_, refresh_due_);
    refresh_due_ += refresh_step_;
    const int first = refresh_policy_.staggered ? refresh_turn_ : 0;
    const int end = refresh_policy_.staggered ? first + 1 : device_.ranks();
    refresh_turn_ = end % device_.ranks();
    const Command command = refresh_command(refresh_policy_.mode);
    for (int rank = first; rank < end; ++rank) {
        if (ranks_[at_index(rank)].power == Power::self_refresh) continue;
        if (command == Command::refresh_all) {
            ++ranks_[at_index(rank)].debt;
            force_refresh(rank);
        } else {
            refresh_next_banks(command, rank);
        }
    }
}

void DramChannel::refresh_next_banks(Command command, int index) {
    Rank& rank = ranks_[at_index(index)];
    const int round = table_->refresh_stride[static_cast<std::size_t>(command)];
    pending_.push_back({command, index * device_.banks_per_rank() + rank.next_refresh_bank});
    rank.next_refresh_bank = (rank.next_refresh_bank + 1) % round;
}

void DramChannel::account_rank(int index, Tick at) {
    Rank& rank = ranks_[at_index(index)];
    const Tick span = at - rank.since;
    rank.since = at;
    switch (rank.power) {
        case Power::up:
            (device_.open_banks(index) + device_.pim_open_banks(index) > 0
                 ? counters_.active_standby
                 : counters_.precharged_standby) += span;
            break;
        case Power::down:
            (device_.open_banks(index) > 0 ? counters_.active_power_down : counters_.power_down) +=
                span;
            break;
        case Power::self_refresh:
            counters_.self_refresh += span;
            break;
    }
}

void DramChannel::send(Command command, int bank, std::int64_t row, Tick at, int layer) {
    const int rank = device_.rank_of(bank);
    const int open = device_.open_banks(rank) + device_.pim_open_banks(rank);
    PERFWATT_CHECK(device_.knows(command), "a command that was not to be sent");
    if (command != Command::read && command != Command::write) account_rank(rank, at);
    device_.issue(command, bank, row, at);
    const int closed = open - device_.open_banks(rank) - device_.pim_open_banks(rank);
    if (closed > 0) counters_.add_rows_closed(layer, closed);
    counters_.add(layer, command);
    ranks_[at_index(rank)].last_command = at;
    now_ = at;
    next_sleep_ = 0;
    offers_.sent(command, bank);
    if (is_column(command) || command == Command::activate || command == Command::precharge) {
        mark_changed(bank);
    } else {
        offers_.all_changed();
    }
    settled_ = std::max(settled_, at + reach_[static_cast<std::size_t>(command)]);
}

void DramChannel::finish(Tick end) {
    tell_devices(0);
    PERFWATT_CHECK(queues_.empty(), "requests are left in a DRAM channel at the end of the run");
    for (int rank = 0; rank < device_.ranks(); ++rank) {
        if (ranks_[at_index(rank)].since < end) account_rank(rank, end);
    }
}

void DramChannel::log(Command command, int bank, std::int64_t row, std::int64_t column,
                      Tick at) const {
    const bool to_rank =
        command == Command::precharge_all || refreshes_rank(command) || is_power(command);
    log_named(to_string(command), bank,
              is_column(command) || command == Command::activate ? row : -1, column, at, to_rank);
}

void DramChannel::log_named(std::string_view name, int bank, std::int64_t row, std::int64_t column,
                            Tick at, bool to_rank) const {
    const int per_rank = organization_.banks_per_rank();
    const int rank = bank / per_rank;
    LoggedCommand command{.tick = at, .name = name, .channel = index_};
    command.pseudo_channel = rank / organization_.ranks;
    command.rank = rank % organization_.ranks;
    if (!to_rank) {
        command.bank_group = bank % per_rank / organization_.banks;
        command.bank = bank % organization_.banks;
    }
    command.row = row;
    command.column = column;
    log_->write(command);
}

}  // namespace perfwatt::dram

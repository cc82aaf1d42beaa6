// The part of DramChannel for the time when nobody waits: ranks go to sleep, and a request that
// comes alone is served without queues or candidates. Every command is the one that the scheduler
// would choose, at its tick.
#include "models/dram/dram_channel.h"

namespace perfwatt::dram {
namespace {

std::size_t at_index(int i) { return static_cast<std::size_t>(i); }

}  // namespace

void DramChannel::sleep_until(Tick until) {
    if (!sleeps()) {
        next_sleep_ = kNever;
        return;
    }
    if (untold_.stage == UntoldWay::Stage::served) {
        if (untold_.from + lone_ways_[untold_.request.write].sleep >= until) {
            tell_devices(0);
        } else {
            sleep_lone_way();
            if (next_sleep_ >= until) return;
        }
    }
    while (true) {
        SleepStep next;
        int rank = 0;
        for (int i = 0; i < device_.ranks(); ++i) {
            const SleepStep step = sleep_step(i);
            if (step.time >= next.time) continue;
            next = step;
            rank = i;
        }
        if (next.time >= until) {
            next_sleep_ = next.time;
            return;
        }
        send_power(next.command, rank * device_.banks_per_rank(), next.time);
    }
}

void DramChannel::drain_writes() {
    // As whenever no read waits.
    for (int part = 0; part < queues_.parts(); ++part) (void)write_mode(part);
}

Tick DramChannel::others_sleep(int rank) const {
    Tick first = kNever;
    for (int i = 0; i < device_.ranks(); ++i) {
        if (i != rank) first = std::min(first, sleep_step(i).time);
    }
    return first;
}

DramChannel::Served DramChannel::serve_alone(const BurstRequest& request, Tick arrival,
                                             Tick until) {
    if (goes_lone_way(request, arrival, until)) return go_lone_way(request, arrival);
    tell_devices(arrival + 1);
    now_ = std::max(now_, arrival);
    stale_ = true;
    const int bank = request.bank;
    Rank& rank = ranks_[at_index(device_.rank_of(bank))];
    rank.closed_to_sleep = false;
    const Command command = request.write ? Command::write : Command::read;
    // What others' sleep may be put off by, it is not brought forward by.
    if (next_sleep_ < until) until = std::min(until, others_sleep(device_.rank_of(bank)));
    bool opened = false;
    if (!open_alone(request, arrival + 1, until, opened)) {
        queue_again(request, arrival, opened, false);
        return {.at = now_};
    }
    const ColumnStart start = column_start(command, bank, std::max(now_, arrival + 1));
    if (start.time >= until) {
        queue_again(request, arrival, opened, opened);
        return {.at = now_};
    }
    const Served served = send_column(command, request, start);
    if (!opened) ++counters_.row_hits;
    rank.idle_since = now_;
    drain_writes();
    return served;
}

/// Opens its row, waking the rank first; false if that takes until `until`. `opened` tells whether
/// the row has had to be opened.
bool DramChannel::open_alone(const BurstRequest& request, Tick ready, Tick until, bool& opened) {
    const int bank = request.bank;
    const Rank& rank = ranks_[at_index(device_.rank_of(bank))];
    if (rank.power == Power::self_refresh) return false;
    const auto earliest = [&](Command command) {
        return std::max({now_, ready, device_.earliest(command, bank)});
    };
    if (rank.power == Power::down) {
        const Tick at = earliest(Command::power_down_exit);
        if (at >= until) return false;
        send_power(Command::power_down_exit, bank, at);
    }
    if (device_.open_row(bank) == request.row) return true;
    if (device_.is_open(bank)) {
        const Tick at = earliest(Command::precharge);
        if (at >= until) return false;
        send_precharge(request, at);
        ++counters_.row_conflicts;
        opened = true;
    }
    const Tick at = earliest(Command::activate);
    if (!table_->two_part_activate) {
        if (at >= until) return false;
        send_activate(request, at);
    } else {
        if (at + 1 >= until) return false;
        send_first_part(request, at);
        send_second_part(request, at, std::max(at + 1, device_.bus_free(Command::activate)));
    }
    opened = true;
    return true;
}

void DramChannel::queue_again(const BurstRequest& request, Tick arrival, bool opened, bool active) {
    ++ranks_[at_index(device_.rank_of(request.bank))].requests;
    const int entry = queues_.push(request, arrival, active ? -1 : device_.open_row(request.bank));
    queues_.entry(entry).opened_row = opened;
    if (active) queues_.make_active(entry);
    offers_.changed(request.bank);
}

bool DramChannel::goes_lone_way(const BurstRequest& request, Tick arrival, Tick until) {
    if (arrival + 1 < settled_ || untold_.stage == UntoldWay::Stage::served) {
        return false;
    }
    const int index = device_.rank_of(request.bank);
    if (ranks_[at_index(index)].power != Power::down || device_.open_banks(index) > 0) return false;
    for (const Rank& rank : ranks_) {
        if (rank.power == Power::up) return false;
    }
    const LoneWay& way = lone_ways_[request.write];
    if (!way.known) learn_lone_way(request);
    return way.usable && arrival + 1 + way.start < until;
}

void DramChannel::learn_lone_way(const BurstRequest& request) {
    // A copy goes it step by step.
    struct Ticks final : CommandLog {
        std::vector<std::pair<std::string_view, Tick>> commands;
        void write(const LoggedCommand& command) override {
            commands.emplace_back(command.name, command.tick);
        }
    };
    Ticks ticks;
    DramChannel copy = *this;
    copy.log_ = &ticks;
    copy.untold_ = {};  // it has settled
    copy.power_policy_.self_refresh_after = 0;
    LoneWay& way = lone_ways_[request.write];
    for (LoneWay& unused : copy.lone_ways_) unused.known = true;
    const Tick from = settled_ + 1;
    (void)copy.serve_alone(request, from - 1, kNever);
    copy.sleep_until(kNever);

    way.known = true;
    std::vector<std::string_view> expected = {"PDX", "ACT"};
    if (table_->two_part_activate) expected = {"PDX", "ACT1", "ACT2"};
    if (table_->wck) expected.push_back(request.write ? "CAS_WR" : "CAS_RD");
    for (const char* name : {request.write ? "WR" : "RD", "PREA", "PDE"}) expected.push_back(name);
    if (ticks.commands.size() != expected.size()) return;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        if (ticks.commands[i].first != expected[i]) return;
    }
    const auto at = [&](std::size_t i) { return ticks.commands[i].second - from; };
    const std::size_t n = expected.size();
    way.wake = at(0);
    way.open = at(1);
    way.opened = at(table_->two_part_activate ? 2 : 1);
    way.column = at(n - 3);
    way.start = table_->wck ? at(n - 4) : way.column;
    way.close = at(n - 2);
    way.sleep = at(n - 1);
    way.settled = copy.settled_ - from;
    const Tick deep = power_policy_.self_refresh_after;
    way.usable = deep == 0 || (ranks_.size() == 1 && deep > way.sleep - way.column);
}

DramChannel::Served DramChannel::go_lone_way(const BurstRequest& request, Tick arrival) {
    const Tick from = arrival + 1;
    const LoneWay& way = lone_ways_[request.write];
    const int index = device_.rank_of(request.bank);
    Rank& rank = ranks_[at_index(index)];
    untold_ = {.stage = UntoldWay::Stage::served, .from = from, .request = request};
    const Command column = request.write ? Command::write : Command::read;
    if (log_ != nullptr) log_lone_way();
    counters_.power_down += from + way.wake - rank.since;
    counters_.precharged_standby += way.opened - way.wake;
    counters_.add(-1, Command::power_down_exit);
    counters_.add(request.layer, Command::activate);
    counters_.add(request.layer, column);
    if (way.cas()) ++counters_.cas;
    rank.power = Power::up;
    rank.closed_to_sleep = false;
    rank.since = from + way.opened;
    clocks_[at_index(index)].awake_from = from + way.wake + wake_to_read_;
    now_ = rank.last_command = rank.idle_since = from + way.column;
    next_sleep_ = from + way.close;
    stale_ = true;
    drain_writes();
    Served served{.token = request.token, .write = request.write, .column = true, .at = now_};
    count_data(index, served);
    served.queue = queues_.part_of(request.bank);
    return served;
}

void DramChannel::sleep_lone_way() {
    const LoneWay& way = lone_ways_[untold_.request.write];
    const Tick from = untold_.from;
    const int index = device_.rank_of(untold_.request.bank);
    Rank& rank = ranks_[at_index(index)];
    const int first = index * device_.banks_per_rank();
    if (log_ != nullptr) {
        log(Command::precharge_all, first, -1, -1, from + way.close);
        log(Command::power_down_enter, first, -1, -1, from + way.sleep);
    }
    counters_.active_standby += from + way.close - rank.since;
    counters_.precharged_standby += way.sleep - way.close;
    counters_.add(-1, Command::precharge_all);
    counters_.add_rows_closed(-1, 1);
    counters_.add(-1, Command::power_down_enter);
    rank.power = Power::down;
    now_ = rank.since = rank.last_command = from + way.sleep;
    settled_ = std::max(settled_, from + way.settled);
    next_sleep_ = power_policy_.self_refresh_after == 0 ? kNever : 0;
    untold_.stage = UntoldWay::Stage::asleep;
}

void DramChannel::tell_devices(Tick next) {
    const UntoldWay untold = untold_;
    untold_.stage = UntoldWay::Stage::none;
    if (untold.stage == UntoldWay::Stage::none) return;
    const bool asleep = untold.stage == UntoldWay::Stage::asleep;
    if (asleep && next >= settled_) return;
    offers_.all_changed();
    const LoneWay& way = lone_ways_[untold.request.write];
    const BurstRequest& request = untold.request;
    const int bank = request.bank;
    const Tick from = untold.from;
    const auto tell = [&](Command command, Tick at) {
        device_.issue(command, bank, request.row, from + at);
        offers_.sent(command, bank);
        settled_ = std::max(settled_, from + at + reach_[static_cast<std::size_t>(command)]);
    };
    tell(Command::power_down_exit, way.wake);
    tell(Command::activate, table_->counts_from_second_part ? way.opened : way.open);
    device_.occupy_bus(Command::activate, from + way.opened,
                       table_->ticks[perfwatt::dram::index(Command::activate)]);
    tell(request.write ? Command::write : Command::read, way.column);
    if (!asleep) return;
    tell(Command::precharge_all, way.close);
    tell(Command::power_down_enter, way.sleep);
}

void DramChannel::log_lone_way() const {
    const BurstRequest& request = untold_.request;
    const LoneWay& way = lone_ways_[request.write];
    const int bank = request.bank;
    const Tick from = untold_.from;
    log(Command::power_down_exit, bank, -1, -1, from + way.wake);
    if (table_->two_part_activate) {
        log_named("ACT1", bank, request.row, -1, from + way.open, false);
        log_named("ACT2", bank, request.row, -1, from + way.opened, false);
    } else {
        log(Command::activate, bank, request.row, -1, from + way.open);
    }
    const bool write = request.write;
    if (way.cas()) {
        log_named(write ? "CAS_WR" : "CAS_RD", bank, -1, -1, from + way.start, false);
    }
    log(write ? Command::write : Command::read, bank, request.row, request.column,
        from + way.column);
}

}  // namespace perfwatt::dram

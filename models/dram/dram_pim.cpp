#include "models/dram/dram_pim.h"

#include <algorithm>

#include "sim/base/diagnostics.h"

namespace perfwatt::dram {
namespace {

Command command_of(PimCommand command) {
    switch (command) {
        case PimCommand::bank_read:
            return Command::read;
        case PimCommand::bank_write:
            return Command::write;
        case PimCommand::read:
            return Command::pim_read;
        case PimCommand::write:
            return Command::pim_write;
        case PimCommand::multiply:
            return Command::pim_multiply;
        case PimCommand::activation:
            return Command::pim_table;
        case PimCommand::buffer_write:
            return Command::pim_write_buffer;
        case PimCommand::register_write:
            return Command::pim_write_register;
        case PimCommand::register_read:
            return Command::pim_read_register;
        case PimCommand::copy_read:
            return Command::pim_copy_read;
        case PimCommand::copy_write:
            return Command::pim_copy_write;
        case PimCommand::mode:
            return Command::pim_mode;
    }
    return Command::pim_read;
}

bool reads_pins(PimCommand command) {
    return command == PimCommand::bank_read || command == PimCommand::register_read;
}

/// The longest wait that `from` imposes on `to` of the same bank; zero if none.
Tick wait_between(const TimingTable& table, Command from, Command to) {
    Tick wait = 0;
    for (const TimingTable::Rule& rule : table.rules[static_cast<std::size_t>(from)])
        if (rule.to == static_cast<std::uint8_t>(to)) wait = std::max<Tick>(wait, rule.wait);
    return wait;
}

}  // namespace

void PimTicks::add(const PimTicks& other) {
    for (std::size_t i = 0; i < phases.size(); ++i) phases[i] += other.phases[i];
    refresh += other.refresh;
    fence += other.fence;
    drain += other.drain;
}

PimSpec complete_pim(PimSpec pim, const DramSpec& spec) {
    const Organization& org = spec.organization;
    pim.bank_groups = org.bank_groups;
    pim.banks = org.banks_per_rank();
    pim.rows_per_bank = org.rows;
    pim.columns = org.bursts_per_row();
    pim.column_bytes = org.burst_bytes();
    pim.bytes_per_second = spec.peak_bytes_per_second();
    DramSpec with_units = spec;
    with_units.pim = pim;
    const TimingTable table(with_units);
    const Clock clock = spec.tick_clock();
    const Tick column =
        std::max<Tick>(1, wait_between(table, Command::pim_read, Command::pim_read));
    pim.column_interval = clock.cycles(column);
    const std::int64_t bytes = pim.column_bytes * pim.banks / pim.banks_per_unit;
    pim.internal_bytes_per_second =
        static_cast<std::int64_t>(static_cast<Int128>(bytes) * clock.hertz() / column);
    using enum Command;
    const auto wait = [&](Command from, Command to) { return wait_between(table, from, to); };
    const Tick open = wait(pim_precharge, pim_activate) + wait(pim_activate, pim_read);
    pim.row_cost = clock.cycles(std::max<Tick>(0, wait(pim_read, pim_precharge) + open - column));
    // Rows not needed are closed while others are written.
    const Tick turn =
        pim.close_unused ? wait(pim_write, pim_read) : wait(pim_write, pim_precharge) + open;
    pim.turn_cost = clock.cycles(std::max<Tick>(0, turn - column));
    pim.mode_cost = clock.cycles(wait(pim_mode, pim_read));
    if (pim.concurrent()) pim.beside_cost = clock.cycles(wait(pim_activate, activate));
    if (spec.refresh.mode != RefreshMode::none) {
        const auto busy = static_cast<double>(wait(refresh_all, pim_activate) + open);
        const auto interval = static_cast<double>(table.refresh_interval);
        if (busy < interval) pim.refresh_factor = interval / (interval - busy);
    }
    return pim;
}

PimSequencer::PimSequencer(const DramSpec& spec, const PimProgram& program, DramChannel& channel,
                           Tick start, int layer)
    : pim_(&*spec.pim),
      program_(&program),
      channel_(&channel),
      device_(&channel.device()),
      now_(channel.pim_wake(start)),
      layer_(layer),
      banks_(spec.organization.banks_per_rank()),
      fence_ticks_(spec.tick_clock().cycles_in(spec.pim->fence)),
      column_ticks_(
          std::max<Tick>(1, wait_between(device_->table(), Command::pim_read, Command::pim_read))),
      set_row_(static_cast<std::size_t>(pim_->sets()), -1) {
    PERFWATT_CHECK(channel.idle() || pim_->concurrent(),
                   "a PIM job begins while requests are queued");
    if (pim_->concurrent()) channel.pim_busy(true);
    ticks_.phases[0] += now_ - start;
    for (const PimStep& step : program.steps) columns_left_ += step.count;
    find_open_sets();
    begin_group();
}

void PimSequencer::find_open_sets() {
    for (int set = 0; set < pim_->sets(); ++set) {
        std::int64_t row = device_->pim_row(set);
        for (int bank = set; bank < banks_; bank += pim_->sets())
            if (device_->pim_row(bank) != row) row = -1;
        set_row_[static_cast<std::size_t>(set)] = row;
    }
}

void PimSequencer::begin_group() {
    left_.clear();
    group_left_ = 0;
    for (last_ = first_; last_ < program_->steps.size();) {
        const PimStep& step = program_->steps[last_++];
        left_.push_back(step.count);
        group_left_ += step.count;
        if (step.fence || pim_->in_order) break;
    }
}

bool PimSequencer::run(Tick limit) {
    while (!done()) {
        if (channel_->refresh_due() < kNever && best_.at == kNever) {
            while (channel_->refresh_due() <= now_) channel_->start_refresh();
        }
        best_ = Candidate{};
        choose();
        PERFWATT_CHECK(best_.at < kNever, "a PIM program is stuck");
        if (channel_->refresh_due() <= best_.at && channel_->refresh_due() < limit) {
            channel_->start_refresh();
            continue;
        }
        if (best_.at >= limit) return false;
        issue();
    }
    return true;
}

void PimSequencer::find_next() {
    best_ = Candidate{};
    if (first_ < program_->steps.size()) {
        choose();
        if (best_.at == kNever) held_ = true;
    } else if (rows_are_left()) {
        for (int set = 0; set < pim_->sets(); ++set)
            if (open(set)) consider_close(set, 3, program_->steps.size() - 1);
    }
}

bool PimSequencer::would_put_off(Command host, Tick at) const {
    for (const TimingTable::Rule& rule : device_->table().rules[static_cast<std::size_t>(host)])
        if (rule.to == static_cast<std::uint8_t>(best_.command) && at + rule.wait > best_.at)
            return true;
    return false;
}

bool PimSequencer::run_beside(TransferFeed& feed, Tick limit) {
    while (!done()) {
        find_next();
        const Tick host = channel_->next_event(feed);
        const Tick first = std::min(host, best_.at);
        if (first >= limit) return false;
        if (best_.at <= host) {
            issue();
            continue;
        }
        // Of what the host would send before, nothing may hold up the units.
        if (host == channel_->next_command() && would_put_off(channel_->pim_neighbour(), host)) {
            channel_->pim_put_off(channel_->pim_neighbour(), best_.at + 1);
            continue;
        }
        channel_->run(feed, host + 1);
    }
    channel_->pim_busy(false);
    return true;
}

void PimSequencer::consider(Candidate candidate) {
    candidate.at = std::max(candidate.at, now_);
    if (candidate.at < best_.at ||
        (candidate.at == best_.at && candidate.rank_of_class < best_.rank_of_class)) {
        best_ = candidate;
    }
}

bool PimSequencer::on_set(const PimStep& step) const {
    return acts_on_set(command_of(step.command));
}

bool PimSequencer::bank_in(const PimStep& step, int bank) const {
    return on_set(step) ? bank % pim_->sets() == step.bank : bank == step.bank;
}

PimSequencer::RowState PimSequencer::state_of(const PimStep& step) const {
    const std::int64_t set_row =
        set_row_[static_cast<std::size_t>(on_set(step) ? step.bank : step.bank % pim_->sets())];
    if (on_set(step)) {
        if (set_row >= 0) {
            // A command that opens some of the banks leaves the others for later ones.
            bool all = true;
            for (int bank = step.bank; bank < banks_ && pim_->activate_banks > 0;
                 bank += pim_->sets())
                all = all && open(bank);
            if (set_row == step.row) return all ? RowState::hit : RowState::closed;
            return RowState::other;
        }
        for (int bank = step.bank; bank < banks_; bank += pim_->sets())
            if (open(bank)) return RowState::other;
        return RowState::closed;
    }
    if (set_row >= 0) return RowState::other;
    if (!open(step.bank)) return RowState::closed;
    return device_->pim_row(step.bank) == step.row ? RowState::hit : RowState::other;
}

bool PimSequencer::needed(int bank) const {
    const bool by_set = set_row_[static_cast<std::size_t>(bank % pim_->sets())] >= 0;
    for (std::size_t i = first_; i < last_; ++i) {
        const PimStep& step = program_->steps[i];
        if (left_[i - first_] == 0 || acts_on_units(command_of(step.command))) continue;
        if (on_set(step) == by_set && bank_in(step, bank) && device_->pim_row(bank) == step.row)
            return true;
    }
    return false;
}

void PimSequencer::consider_close(int bank, int rank_of_class, std::size_t step) {
    const int set = bank % pim_->sets();
    const bool by_set = set_row_[static_cast<std::size_t>(set)] >= 0;
    Candidate candidate{.rank_of_class = rank_of_class, .step = step};
    candidate.command = by_set ? Command::pim_precharge : Command::precharge;
    candidate.bank = by_set ? set : bank;
    candidate.at = device_->earliest(candidate.command, candidate.bank);
    consider(candidate);
}

bool PimSequencer::refresh_waits() const {
    if (!channel_->refresh_pending()) return false;
    // A change of modes is not interrupted.
    const PimStep& step = program_->steps[first_];
    return step.phase != PimPhase::mode || step.row == pim_->rows.registers;
}

void PimSequencer::consider_refresh() {
    bool any = false;
    for (int bank = 0; bank < banks_; ++bank) {
        if (!open(bank)) continue;
        any = true;
        if (closes_with_another(bank)) continue;
        consider_close(bank, 0, first_);
    }
    // Beside the host it is the host's controller that refreshes.
    if (any || pim_->concurrent()) return;
    consider({.at = device_->earliest(Command::refresh_all, 0),
              .rank_of_class = 0,
              .command = Command::refresh_all,
              .step = first_});
}

void PimSequencer::consider_step(std::size_t index, bool alone) {
    const PimStep& step = program_->steps[index];
    if (step.fence && left_[index - first_] == 1 && !alone) return;  // behind its own barrier
    const Command command = command_of(step.command);
    Candidate candidate{.rank_of_class = 1, .command = command, .bank = step.bank, .step = index};
    candidate.row = step.row;
    if (acts_on_units(command)) {
        candidate.at = std::max(not_before_, device_->earliest(command, 0));
        consider(candidate);
        return;
    }
    switch (state_of(step)) {
        case RowState::hit:
            candidate.at = std::max(not_before_, device_->earliest(command, step.bank));
            consider(candidate);
            return;
        case RowState::closed:
            if (refresh_waits()) return;
            candidate.rank_of_class = 2;
            candidate.command = on_set(step) ? Command::pim_activate : Command::activate;
            if (on_set(step))
                while (open(candidate.bank)) candidate.bank += pim_->sets();
            candidate.at =
                std::max(not_before_, device_->earliest(candidate.command, candidate.bank));
            consider(candidate);
            return;
        case RowState::other:
            for (int bank = 0; bank < banks_; ++bank)
                if (bank_in(step, bank) && open(bank) && !closes_with_another(bank) &&
                    !needed(bank))
                    consider_close(bank, 3, index);
            return;
    }
}

void PimSequencer::consider_unused() {
    for (int bank = 0; bank < banks_; ++bank)
        if (open(bank) && !closes_with_another(bank) && !needed(bank))
            consider_close(bank, 3, first_);
}

void PimSequencer::choose() {
    if (refresh_waits()) consider_refresh();
    const bool alone = group_left_ == 1;
    for (std::size_t i = first_; i < last_; ++i)
        if (left_[i - first_] > 0) consider_step(i, alone);
    if (pim_->close_unused && device_->open_banks(0) > 0) consider_unused();
}

void PimSequencer::account(Tick at, Tick& line) {
    // A barrier that takes time holds up the first command after it.
    const Tick fenced = std::clamp<Tick>(not_before_ - now_, 0, at - now_);
    ticks_.fence += fenced;
    line += at - now_ - fenced;
    now_ = at;
}

void PimSequencer::issue() {
    const Candidate chosen = best_;
    const PimStep& step = program_->steps[chosen.step];
    const bool for_refresh = chosen.rank_of_class == 0 || chosen.command == Command::refresh_all;
    account(chosen.at, for_refresh || held_ ? ticks_.refresh
                                            : ticks_.phases[static_cast<std::size_t>(step.phase)]);
    held_ = false;
    switch (chosen.command) {
        case Command::refresh_all: {
            channel_->pim_refresh(chosen.at);
            // Nothing can go out before it has ended: that time is the refresh's.
            const Tick ready = device_->earliest(Command::pim_activate, 0);
            ticks_.refresh += std::max<Tick>(0, ready - now_);
            now_ = std::max(now_, ready);
            return;
        }
        case Command::pim_activate:
            set_row_[static_cast<std::size_t>(chosen.bank % pim_->sets())] = chosen.row;
            channel_->pim_send(chosen.command, chosen.bank, chosen.row, -1, chosen.at, layer_);
            return;
        case Command::pim_precharge:
            set_row_[static_cast<std::size_t>(chosen.bank)] = -1;
            channel_->pim_send(chosen.command, chosen.bank, -1, -1, chosen.at, layer_);
            if (first_ == program_->steps.size()) ticks_.drain += std::max(end_, now_) - now_;
            return;
        case Command::activate:
            channel_->pim_send(chosen.command, chosen.bank, chosen.row, -1, chosen.at, layer_);
            return;
        case Command::precharge:
            channel_->pim_send(chosen.command, chosen.bank, -1, -1, chosen.at, layer_);
            return;
        default:
            break;
    }
    issue_column(step);
    if (--left_[chosen.step - first_], --columns_left_, --group_left_ > 0) return;
    if (program_->steps[last_ - 1].fence) not_before_ = now_ + fence_ticks_;
    first_ = last_;
    if (first_ < program_->steps.size()) {
        begin_group();
        return;
    }
    if (!rows_are_left()) ticks_.drain += end_ - now_;
}

void PimSequencer::issue_column(const PimStep& step) {
    const Command command = command_of(step.command);
    const auto done = step.count - left_[best_.step - first_];
    const bool units = acts_on_units(command);
    channel_->pim_send(command, step.bank, units ? -1 : step.row, step.column + done, now_, layer_);
    const TimingTable& table = device_->table();
    Tick end = now_ + column_ticks_;
    if (step.command == PimCommand::bank_read) {
        end = now_ + table.read_latency;
    } else if (step.command == PimCommand::register_read) {
        end = now_ + table.burst;  // a register is read without the way through a bank
    } else if (step.operand_bus || step.command == PimCommand::write) {
        end = now_ + table.write_latency;
    }
    end_ = std::max(end_, end);
    if (step.operand_bus || reads_pins(step.command)) channel_->pim_data(table.burst, end);
}

Tick PimSequencer::bound(Tick now) const {
    if (done()) return std::max(now, end_);
    const Tick next = best_.at < kNever ? best_.at : now_;
    return std::max(now, next) + std::max<std::int64_t>(1, columns_left_);
}

// What DramChannel does for a job.

Tick DramChannel::pim_wake(Tick at) {
    now_ = std::max(now_, at);
    stale_ = true;
    Rank& rank = ranks_.front();
    if (rank.power == Power::up) return now_;
    Candidate wake;
    wake.command =
        rank.power == Power::down ? Command::power_down_exit : Command::self_refresh_exit;
    wake.time = std::max(now_, device_.earliest(wake.command, 0));
    issue_power(wake);
    return std::max(now_, device_.earliest(Command::activate, 0));
}

void DramChannel::pim_send(Command command, int bank, std::int64_t row, std::int64_t column,
                           Tick at, int layer) {
    send(command, bank, row, at, layer);
    stale_ = true;
    ranks_.front().idle_since = at;
    if (log_ != nullptr) {
        const bool row_known = is_column(command) || acts_on_set(command) ||
                               command == Command::activate || command == Command::pim_copy_read ||
                               command == Command::pim_copy_write;
        log_named(to_string(command), bank, row_known ? row : -1,
                  command == Command::pim_activate ? -1 : column, at, acts_on_units(command));
    }
}

void DramChannel::pim_refresh(Tick at) {
    PERFWATT_CHECK(!pending_.empty(), "a refresh that nobody asked for");
    Candidate refresh;
    refresh.command = pending_.front().command;
    refresh.bank = pending_.front().bank;
    refresh.time = at;
    refresh.rank_of_class = 1;
    issue_refresh(refresh);
    stale_ = true;
}

void DramChannel::pim_repeat(const DramChannel& other, const DramCounters& before,
                             Tick data_before) {
    device_ = other.device_;
    queues_ = other.queues_;
    ranks_ = other.ranks_;
    pending_ = other.pending_;
    refresh_due_ = other.refresh_due_;
    clocks_ = other.clocks_;
    offers_ = other.offers_;
    closed_row_ = other.closed_row_;
    adaptive_ = other.adaptive_;
    now_ = other.now_;
    stale_ = true;
    counters_.add_difference(other.counters_, before);
    data_ticks_ += other.data_ticks_ - data_before;
    last_data_end_ = std::max(last_data_end_, other.last_data_end_);
}

}  // namespace perfwatt::dram

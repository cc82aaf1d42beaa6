#include "models/dram/dram_stream_times.h"

#include <algorithm>
#include <cmath>

namespace perfwatt::dram {
namespace {

std::size_t at_index(int i) { return static_cast<std::size_t>(i); }

/// The longest wait of a rule between nodes no wider than `narrowest`; 0 for none.
Tick wait_of(const TimingTable& table, Command from, Command to, Level narrowest = Level::bank,
             Level widest = Level::channel) {
    Tick wait = 0;
    for (const TimingTable::Rule& rule : table.rules[static_cast<std::size_t>(from)]) {
        if (rule.to == index(to) && rule.level <= index(narrowest) && rule.level >= index(widest)) {
            wait = std::max<Tick>(wait, rule.wait);
        }
    }
    return wait;
}

}  // namespace

StreamTimes::StreamTimes(const DramSpec& spec, const TimingTable& table,
                         const AddressMapping& mapping) {
    const Organization& org = spec.organization;
    // How many groups and pseudo channels a run's bursts alternate between.
    const std::int64_t block = mapping.run_block();
    int last_group = -1;
    int groups = 0;
    std::array<bool, 256> seen{};
    const int parts = spec.queues_per_channel();
    for (int i = 0; i < mapping.run_banks(); ++i) {
        const int bank = mapping.place(i * block).bank;
        if (bank >= org.total_banks() / parts) continue;  // another pair of queues has it
        const int group = bank / org.banks;
        if (group != last_group && !seen[at_index(group % 256)]) ++groups;
        seen[at_index(group % 256)] = true;
        last_group = group;
    }
    if (block > 1) groups = 1;
    const int apart = block > 1 ? 1 : std::min(org.pseudo_channels / parts, std::max(1, groups));
    for (const bool write : {false, true}) {
        const Command command = write ? Command::write : Command::read;
        const Command other = write ? Command::read : Command::write;
        const Tick any = std::max(wait_of(table, command, command, Level::rank), table.burst);
        const Tick group = wait_of(table, command, command);
        pace[write] = std::max({any * kFine / apart, group * kFine / std::max(1, groups),
                                table.ticks[static_cast<std::size_t>(command)] * kFine});
        same_bank[write] = std::max(group, any) * kFine;
        turn[write] = std::max<Tick>(1, wait_of(table, other, command, Level::rank)) * kFine;
        open[write] = wait_of(table, Command::activate, command);
        close_after[write] = wait_of(table, command, Command::precharge);
        latency[write] = write ? table.write_latency : table.read_latency;
    }
    for (const bool write : {false, true}) {
        column_ticks[write] =
            table.ticks[static_cast<std::size_t>(write ? Command::write : Command::read)];
    }
    precharge_ticks = table.ticks[index(Command::precharge)];
    activate_ticks = table.ticks[index(Command::activate)] * (table.two_part_activate ? 2 : 1);
    one_bus = table.bus[index(Command::activate)] == table.bus[index(Command::read)];
    close = wait_of(table, Command::precharge, Command::activate);
    row_cycle = wait_of(table, Command::activate, Command::activate);
    keep_open = wait_of(table, Command::activate, Command::precharge);
    activate_gap = std::max<Tick>(wait_of(table, Command::activate, Command::activate, Level::rank),
                                  table.ticks[static_cast<std::size_t>(Command::activate)]);
    for (const TimingTable::WindowRule& rule : table.windows) {
        if ((rule.from_mask >> index(Command::activate) & 1U) == 0 || rule.wait <= window) continue;
        window = rule.wait;
        window_size = std::min(rule.window, 16);
    }
    if (table.two_part_activate && window > 0) {
        // Each part of an activate needs a tick of a bus that a column command and, with open
        // pages, a precharge share, and finds it taken with the probability that one of the ticks
        // without an activate is: with activates every P ticks (at best P0) P = P0 + 2 * others /
        // (P - 2).
        const double best =
            std::max(static_cast<double>(activate_gap), static_cast<double>(window) / window_size);
        const bool precharges = spec.controller.page == PagePolicy::open;
        const double others =
            static_cast<double>((precharges ? table.ticks[index(Command::precharge)] : 0) +
                                table.ticks[index(Command::read)]);
        const double every = (best + 2 + std::sqrt((best - 2) * (best - 2) + 8 * others)) / 2;
        second_part = static_cast<Tick>((every - best) * window_size);
    }
    const Command command = refresh_command(spec.refresh.mode);
    if (spec.refresh.mode != RefreshMode::none) {
        refresh = wait_of(table, command, Command::activate);
        close_to_refresh = wait_of(
            table, command == Command::refresh_all ? Command::precharge_all : Command::precharge,
            command);
        interval = spec.refresh.mode == RefreshMode::all_bank ? table.refresh_interval
                                                              : table.refresh_bank_interval;
        const Tick turns = spec.refresh.staggered ? table.nodes[index(Level::rank)] : 1;
        step = interval / turns;
        interval = step * turns;
        first_refresh =
            std::max<Tick>(1, static_cast<Tick>(static_cast<double>(step) * spec.refresh.first));
        most_postponed = spec.refresh.mode == RefreshMode::all_bank
                             ? std::max(1, spec.refresh.max_postponed)
                             : 1;
    }
    wake = wait_of(table, Command::power_down_exit, Command::activate);
    self_refresh_after = spec.power.self_refresh_after * spec.ticks_per_clock;
    wake_deep = wait_of(table, Command::self_refresh_exit, Command::activate);
    manage = wait_of(table, management_command(spec.refresh.management.mode), Command::activate);
    age_limit = spec.controller.age_limit * spec.ticks_per_clock;
    sleep_after = spec.power.power_down_after * spec.ticks_per_clock;
    slots = {spec.controller.read_queue, spec.controller.write_queue};
    high_mark = spec.controller.write_high * slots[1];
    low_mark = spec.controller.write_low * slots[1];
}

}  // namespace perfwatt::dram

#include "models/dram/dram_stream_times.h"

#include <algorithm>

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
    for (int i = 0; i < mapping.run_banks(); ++i) {
        const int group = mapping.place(i * block).bank / org.banks;
        if (group != last_group && !seen[at_index(group % 256)]) ++groups;
        seen[at_index(group % 256)] = true;
        last_group = group;
    }
    if (block > 1) groups = 1;
    const int apart = block > 1 ? 1 : std::min(org.pseudo_channels, std::max(1, groups));
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
    row_ticks = table.ticks[index(Command::precharge)] +
                table.ticks[index(Command::activate)] * (table.two_part_activate ? 2 : 1);
    one_bus = table.bus[index(Command::activate)] == table.bus[index(Command::read)];
    // On a bus that random traffic keeps busy, each part of an activate finds its tick taken.
    second_part = table.two_part_activate ? 2 : 0;
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
    const Command command = refresh_command(spec.refresh.mode);
    if (spec.refresh.mode != RefreshMode::none) {
        refresh = wait_of(table, command, Command::activate);
        close_to_refresh = wait_of(
            table, command == Command::refresh_all ? Command::precharge_all : Command::precharge,
            command);
        step = spec.refresh.mode == RefreshMode::all_bank ? table.refresh_interval
                                                          : table.refresh_bank_interval;
        if (spec.refresh.staggered) step /= table.nodes[static_cast<std::size_t>(Level::rank)];
        most_postponed = spec.refresh.mode == RefreshMode::all_bank
                             ? std::max(1, spec.refresh.max_postponed)
                             : 1;
    }
    wake = wait_of(table, Command::power_down_exit, Command::activate);
    sleep_after = spec.power.power_down_after * spec.ticks_per_clock;
    const int parts = spec.queues_per_channel();
    slots = {spec.controller.read_queue * parts, spec.controller.write_queue * parts};
    high_mark = spec.controller.write_high * slots[1];
    low_mark = spec.controller.write_low * slots[1];
}

}  // namespace perfwatt::dram

#include "models/dram/timing_table.h"

#include <algorithm>
#include <cmath>

namespace perfwatt::dram {
namespace {

std::uint32_t mask_of(const std::vector<Command>& commands) {
    std::uint32_t mask = 0;
    for (const Command command : commands) mask |= 1U << index(command);
    return mask;
}

/// The widest level that has as many nodes as `level`: where two levels coincide, their rules are
/// kept in one place, so that fewer are looked up.
std::uint8_t folded(const TimingTable& table, int level) {
    while (level > 0 && table.nodes[static_cast<std::size_t>(level - 1)] ==
                            table.nodes[static_cast<std::size_t>(level)]) {
        --level;
    }
    return static_cast<std::uint8_t>(level);
}

void add_rule(std::vector<TimingTable::Rule>& rules, TimingTable::Rule rule) {
    const auto same = std::find_if(rules.begin(), rules.end(), [&](const TimingTable::Rule& other) {
        return other.level == rule.level && other.to == rule.to;
    });
    if (same == rules.end()) {
        rules.push_back(rule);
    } else {
        same->wait = std::max(same->wait, rule.wait);
    }
}

}  // namespace

std::uint32_t commands_sent(const DramSpec& spec) {
    if (spec.pim) return ~std::uint32_t{0};
    std::vector<Command> sent = {Command::activate, Command::precharge, Command::read,
                                 Command::write};
    const auto add = [&](std::initializer_list<Command> commands) {
        sent.insert(sent.end(), commands);
    };
    const RefreshMode refresh = spec.refresh.mode;
    const RefreshMode management = spec.refresh.management.mode;
    if (spec.controller.page != PagePolicy::open) {
        add({Command::read_precharge, Command::write_precharge});
    }
    if (refresh != RefreshMode::none) add({refresh_command(refresh)});
    if (management != RefreshMode::none) add({management_command(management)});
    const bool deep = spec.power.self_refresh_after > 0;
    const bool sleeps = spec.power.power_down_after > 0 || deep;
    if (sleeps || refresh == RefreshMode::all_bank || management == RefreshMode::all_bank) {
        add({Command::precharge_all});
    }
    if (sleeps) add({Command::power_down_enter, Command::power_down_exit});
    if (deep) add({Command::self_refresh_enter, Command::self_refresh_exit});
    return mask_of(sent);
}

TimingTable::TimingTable(const DramSpec& spec) {
    const Organization& org = spec.organization;
    nodes = {1, org.pseudo_channels, org.pseudo_channels * org.ranks,
             org.pseudo_channels * org.ranks * org.bank_groups, org.total_banks()};
    for (std::size_t level = 0; level < kLevels; ++level) {
        banks_per_node[level] = org.total_banks() / nodes[level];
    }
    banks_per_group = org.banks;
    for (std::size_t c = 0; c < kCommands; ++c) {
        ticks[c] = spec.forms[c].ticks;
        bus[c] = spec.forms[c].bus;
        last[c] = spec.forms[c].counts_from_last ? ticks[c] - 1 : 0;
    }
    if (spec.two_part_activate) {
        // Each part is a command of its own on the bus.
        ticks[static_cast<std::size_t>(Command::activate)] = 1;
        last[static_cast<std::size_t>(Command::activate)] = 0;
    }
    last_to = last;
    if (spec.two_part_activate && spec.forms[index(Command::activate)].counts_from_last) {
        last_to[static_cast<std::size_t>(Command::activate)] = 1;
    }
    for (const Constraint& constraint : spec.constraints) {
        const auto own_level = static_cast<std::size_t>(constraint.level);
        if (constraint.sibling && (own_level == 0 || nodes[own_level] == nodes[own_level - 1])) {
            continue;  // no node has a sibling
        }
        const Tick nominal = spec.evaluate(constraint.wait);
        const std::uint8_t level = folded(*this, index(constraint.level));
        if (constraint.window > 1 || constraint.sibling) {
            WindowRule rule{
                .level = constraint.sibling ? static_cast<std::uint8_t>(constraint.level) : level,
                .window = constraint.window,
                .from_mask = mask_of(constraint.from),
                .to = {},
                .wait = static_cast<std::int32_t>(nominal)};
            for (const Command to : constraint.to) {
                rule.to.push_back(static_cast<std::uint8_t>(to));
            }
            (constraint.sibling ? siblings : windows).push_back(std::move(rule));
            continue;
        }
        for (const Command from : constraint.from) {
            for (const Command to : constraint.to) {
                // A waking rank has to understand already the first part of an activate.
                const bool wakes =
                    from == Command::power_down_exit || from == Command::self_refresh_exit;
                const auto& to_tick = wakes ? last : last_to;
                const Tick wait = nominal + last[static_cast<std::size_t>(from)] -
                                  to_tick[static_cast<std::size_t>(to)];
                add_rule(rules[static_cast<std::size_t>(from)],
                         {.level = level,
                          .to = static_cast<std::uint8_t>(to),
                          .wait = static_cast<std::int32_t>(wait)});
            }
        }
    }
    refresh_stride.fill(1);
    refresh_stride[index(Command::refresh_bank)] =
        std::max(1, org.banks_per_rank() / spec.refresh.banks_at_once);
    refresh_stride[index(Command::refresh_same_bank)] = org.banks;
    refresh_stride[index(Command::manage_bank)] = refresh_stride[index(Command::refresh_bank)];
    refresh_stride[index(Command::manage_same_bank)] = org.banks;
    if (spec.pim) {
        for (int c = 0; c < kCommands; ++c) {
            if (acts_on_set(static_cast<Command>(c))) refresh_stride[c] = spec.pim->sets();
        }
        pim_activate_banks = spec.pim->activate_banks;
        pim_rows = spec.pim->concurrent();
    }
    burst = spec.ticks("tBL");
    const Tick strobe = spec.find("tDQSCK") != nullptr ? spec.ticks("tDQSCK") : 0;
    read_latency = last[index(Command::read)] + spec.ticks("tRL") + strobe + burst;
    write_latency = last[index(Command::write)] + spec.ticks("tWL") + burst;
    if (spec.refresh.mode != RefreshMode::none) {
        const auto divided = [&](const char* parameter) {
            const auto whole = static_cast<double>(spec.ticks_at_most(parameter));
            return std::max<Tick>(1, static_cast<Tick>(std::floor(whole / spec.refresh.divisor())));
        };
        refresh_interval = divided("tREFI");
        if (spec.refresh.mode == RefreshMode::per_bank) {
            refresh_bank_interval =
                spec.find("tREFIpb") != nullptr
                    ? divided("tREFIpb")
                    : refresh_interval / refresh_stride[index(Command::refresh_bank)];
        } else if (spec.refresh.mode == RefreshMode::same_bank) {
            refresh_bank_interval = refresh_interval / org.banks;
        }
        if (spec.refresh.staggered) {
            // Ranks take equal parts of an interval.
            const int ranks = nodes[static_cast<std::size_t>(Level::rank)];
            refresh_interval = std::max<Tick>(1, refresh_interval / ranks) * ranks;
            refresh_bank_interval = refresh_bank_interval / ranks * ranks;
        }
    }
    two_part_activate = spec.two_part_activate;
    if (two_part_activate) {
        const auto act = static_cast<std::size_t>(Command::activate);
        counts_from_second_part = spec.forms[act].counts_from_last;
        second_part_within = spec.ticks_at_most("tAAD");
    }
    wck = spec.wck.needed;
    wck_early = spec.wck.early;
    wck_runs_for = wck ? spec.evaluate(spec.wck.runs_for) : 0;
}

Tick TimingTable::reach(Command command) const {
    const auto c = static_cast<std::size_t>(command);
    Tick reach = ticks[c];
    for (const Rule& rule : rules[c]) reach = std::max<Tick>(reach, rule.wait);
    for (const auto* kind : {&windows, &siblings}) {
        for (const WindowRule& rule : *kind) {
            if ((rule.from_mask >> c & 1U) != 0) reach = std::max<Tick>(reach, last[c] + rule.wait);
        }
    }
    if (wck && is_read(command)) reach = std::max(reach, read_latency + wck_runs_for);
    if (wck && is_write(command)) reach = std::max(reach, write_latency + wck_runs_for);
    return reach;
}

}  // namespace perfwatt::dram

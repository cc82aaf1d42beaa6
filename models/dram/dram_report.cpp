#include "models/dram/dram_report.h"

#include <algorithm>

namespace perfwatt::dram {
namespace {

/// Refresh commands of a rank until all of it is refreshed; 0 where there are none.
int units_per_rank(const DramSpec& spec, const TimingTable& table) {
    if (spec.refresh.mode == RefreshMode::none) return 0;
    return table.refresh_stride[static_cast<std::size_t>(refresh_command(spec.refresh.mode))];
}

}  // namespace

void add_energy_counts(const DramCounters& counters, Counts& counts,
                       const std::vector<ActionId>& ids) {
    const int shared = counts.layers() - 1;
    for (int i = 0; i < kEnergyCategories; ++i) {
        const auto category = static_cast<EnergyCategory>(i);
        const ActionId id = ids[static_cast<std::size_t>(i)];
        for (std::size_t row = 0; row < counters.rows().size(); ++row) {
            const std::int64_t n = count_of(category, counters.rows()[row]);
            if (n != 0) counts.add(row == 0 ? shared : static_cast<int>(row) - 1, id, n);
        }
        const std::int64_t resident = residency_of(category, counters);
        if (resident != 0) counts.add(shared, id, resident);
    }
}

MemoryReport memory_report(const DramSpec& spec, const TimingTable& table, const std::string& name,
                           int channels) {
    MemoryReport report;
    report.name = name;
    report.burst_bytes = spec.organization.burst_bytes();
    report.peak_bytes_per_second = spec.peak_bytes_per_second() * channels;
    report.channels = channels;
    const int units = units_per_rank(spec, table);
    // Of refreshes of some banks: as often as the controller comes round to the same ones.
    const bool all = spec.refresh.mode == RefreshMode::all_bank;
    report.refresh_interval = spec.tick_clock().cycles(all ? table.refresh_interval
                                                           : table.refresh_bank_interval * units);
    report.refresh_units =
        std::int64_t{table.nodes[static_cast<int>(Level::rank)]} * units * channels;
    if (all) report.refresh_postponable = spec.refresh.max_postponed;
    return report;
}

void add_to_report(const DramSpec& spec, const TimingTable& table, const DramCounters& counters,
                   MemoryReport& report) {
    report.row_hits += counters.row_hits;
    const int units = units_per_rank(spec, table);
    if (units > 0) report.refreshes += counters.total(refresh_command(spec.refresh.mode));
    report.self_refreshed += spec.tick_clock().cycles(counters.self_refresh * units);
    report.self_refreshes += counters.total(Command::self_refresh_enter) * units;
    for (int c = 0; c < kCommands; ++c) {
        const auto command = static_cast<Command>(c);
        const std::int64_t n = counters.total(command);
        if (n == 0) continue;
        if (is_column(command)) report.column_commands += n;
        // The record's word for an all-bank refresh is REF.
        const std::string name =
            command == Command::refresh_all ? "REF" : std::string{to_string(command)};
        const auto known = std::find_if(
            report.commands.begin(), report.commands.end(),
            [&](const MemoryReport::CommandCount& count) { return count.name == name; });
        if (known == report.commands.end()) {
            report.commands.push_back({name, n});
        } else {
            known->count += n;
        }
    }
}

}  // namespace perfwatt::dram

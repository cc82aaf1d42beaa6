#include "sim/report/boundary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

/// From a board to its chip and memory. False where it is not known what that leaves out.
bool leave_out_board(Result& result) {
    if (result.power_boundary != PowerBoundary::board || result.board_pj <= 0) return false;
    const double rest = (result.energy_pj - result.board_pj) / result.energy_pj;
    result.energy_breakdown_pj[static_cast<std::size_t>(EnergyComponent::static_)] -=
        result.board_pj;
    result.energy_pj -= result.board_pj;
    result.power_w *= rest;
    result.perf_per_watt /= rest;
    result.board_pj = 0;
    result.power_boundary = PowerBoundary::chip_dram;
    return true;
}

}  // namespace

AlikeEntries at_common_boundary(std::span<const Entry> entries) {
    AlikeEntries alike{.entries = {entries.begin(), entries.end()}, .note = {}};
    const Entry* narrowest = nullptr;
    for (const Entry& entry : entries)
        if (entry.ok() && (narrowest == nullptr ||
                           entry.result.power_boundary < narrowest->result.power_boundary))
            narrowest = &entry;
    std::vector<std::string> chips;
    for (Entry& entry : alike.entries) {
        if (!entry.ok()) continue;
        const PowerBoundary common = narrowest->result.power_boundary;
        const PowerBoundary own = entry.result.power_boundary;
        if (own == common) continue;
        if (common != PowerBoundary::chip_dram || !leave_out_board(entry.result))
            throw UserError(
                fmt::format("power of {} is of the {}, of {} of the {}: not comparable", entry.chip,
                            to_string(own), narrowest->chip, to_string(common)),
                "--mixed-power-boundaries compares them all the same");
        if (std::find(chips.begin(), chips.end(), entry.chip) == chips.end())
            chips.push_back(entry.chip);
    }
    if (!chips.empty())
        alike.note = fmt::format(
            "power of {} without what else is on the board, as others' is of chip and memory\n",
            fmt::join(chips, ", "));
    return alike;
}

}  // namespace perfwatt

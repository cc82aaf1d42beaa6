#include "sim/engine/invariants.h"

#include <fmt/format.h>

#include <cmath>

#include "sim/base/diagnostics.h"

namespace perfwatt::invariants {

void no_faster_than_peak(const Work& work, Time elapsed) {
    constexpr std::int64_t kFsPerSecond = 1'000'000'000'000'000;
    Int128 least = 0;
    for (const Work::Part& part : work.parts) {
        if (part.amount == 0) {
            continue;
        }
        PERFWATT_CHECK(part.amount > 0 && part.peak_per_second > 0,
                       fmt::format("{} did work of {} at a peak rate of {}", work.resource,
                                   part.amount, part.peak_per_second));
        least += static_cast<Int128>(part.amount) * kFsPerSecond / part.peak_per_second;
    }
    PERFWATT_CHECK(least <= elapsed.fs,
                   fmt::format("{} did in {} ns what takes at least {} ns at its peak",
                               work.resource, elapsed.ns(), static_cast<double>(least) * 1e-6));
}

void bytes_are_bursts(const MemoryTraffic& traffic, const MemoryReport& report) {
    PERFWATT_CHECK(traffic.asked_read_bytes == report.read_bytes &&
                       traffic.asked_write_bytes == report.write_bytes,
                   fmt::format("{}: commands asked for {} read and {} written bytes, the memory "
                               "counted {} and {}",
                               report.name, traffic.asked_read_bytes, traffic.asked_write_bytes,
                               report.read_bytes, report.write_bytes));
    const std::int64_t moved = report.read_bytes + report.write_bytes + report.rounding_bytes;
    PERFWATT_CHECK(
        report.rounding_bytes >= 0 && moved == report.column_commands * report.burst_bytes,
        fmt::format("{}: {} bytes, {} of them rounding, are not {} bursts of {}", report.name,
                    moved, report.rounding_bytes, report.column_commands, report.burst_bytes));
}

void every_request_answered(const MemoryTraffic& traffic, const std::string& memory) {
    PERFWATT_CHECK(traffic.sent_requests == traffic.answered_requests,
                   fmt::format("{}: {} requests, {} answers", memory, traffic.sent_requests,
                               traffic.answered_requests));
}

void refreshes_kept(const MemoryReport& report, Time elapsed) {
    if (report.refresh_interval == Time::zero()) {
        PERFWATT_CHECK(report.refreshes == 0,
                       fmt::format("{} refreshes without an interval", report.name));
        return;
    }
    const Int128 units_time =
        static_cast<Int128>(elapsed.fs) * report.refresh_units - report.self_refreshed.fs;
    const Int128 round = static_cast<Int128>(report.refresh_interval.fs) * report.refresh_units;
    const auto due = static_cast<std::int64_t>(units_time / round) * report.refresh_units;
    // One more: where within an interval a unit is refreshed is the controller's choice.
    const std::int64_t tolerance =
        (report.refresh_postponable + 1) * report.refresh_units + 2 * report.self_refreshes;
    PERFWATT_CHECK(
        report.refreshes >= due - tolerance && report.refreshes <= due + tolerance,
        fmt::format("{}: {} refreshes of {} units, where {} were due and {} may lack or lead",
                    report.name, report.refreshes, report.refresh_units, due, tolerance));
}

void every_count_priced(const Counts& counts) {
    for (std::size_t i = 0; i < counts.actions().size(); ++i) {
        const Action& action = counts.actions()[i];
        if (action.picojoules > 0 || !action.not_modelled.empty()) {
            continue;
        }
        const std::int64_t n = counts.total(ActionId{static_cast<std::int32_t>(i)});
        PERFWATT_CHECK(n == 0,
                       fmt::format("{} was counted {} times and has no price", action.name, n));
    }
}

void no_busier_than_elapsed(const Busy& busy, Time elapsed) {
    PERFWATT_CHECK(busy.busy >= Time::zero() && static_cast<Int128>(busy.busy.fs) <=
                                                    static_cast<Int128>(elapsed.fs) * busy.units,
                   fmt::format("{} was busy for {} ns of {} ns x {}", busy.name, busy.busy.ns(),
                               elapsed.ns(), busy.units));
}

void takes_its_duration(const CommandTime& command) {
    PERFWATT_CHECK(
        command.bank_delay >= Time::zero() &&
            command.taken == command.duration + command.bank_delay,
        fmt::format("a command of {} took {} fs, not its {} fs and {} fs for banks", command.unit,
                    command.taken.fs, command.duration.fs, command.bank_delay.fs));
}

void causes_sum_to_latency(const CauseTimes& causes, Time latency) {
    PERFWATT_CHECK(sum(causes) == latency, fmt::format("causes sum to {} fs, the latency is {} fs",
                                                       sum(causes).fs, latency.fs));
}

void macs_conserved(const Macs& macs) {
    PERFWATT_CHECK(macs.useful == macs.graph - macs.removed,
                   fmt::format("{} useful MACs in the program, {} in the graph less {} removed",
                               macs.useful, macs.graph, macs.removed));
}

void energies_sum_to_total(std::span<const double> layers_pj, double shared_pj, double total_pj) {
    double sum_pj = shared_pj;
    for (const double layer_pj : layers_pj) {
        sum_pj += layer_pj;
    }
    PERFWATT_CHECK(
        std::abs(sum_pj - total_pj) <= 1e-9 * std::abs(total_pj),
        fmt::format("layers and what they share take {} pJ, the whole {} pJ", sum_pj, total_pj));
}

}  // namespace perfwatt::invariants

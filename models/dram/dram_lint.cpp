#include <fmt/format.h>

#include "models/dram/dram_spec.h"

namespace perfwatt::dram {
namespace {

Diagnostic finding(Severity severity, std::string message, std::string hint = {}) {
    return {.severity = severity,
            .place = {},
            .message = std::move(message),
            .hint = std::move(hint),
            .source_line = {}};
}

void check_burst(const DramSpec& spec, std::vector<Diagnostic>& findings) {
    const Tick burst = spec.ticks("tBL");
    const double ticks = static_cast<double>(spec.organization.burst_length) *
                         static_cast<double>(spec.tick_clock().hertz()) /
                         static_cast<double>(spec.transfers_per_second);
    if (std::abs(static_cast<double>(burst) - ticks) > 0.02 * ticks) {
        findings.push_back(finding(
            Severity::error,
            fmt::format("memory '{}': a burst of {} beats takes {:.2f} ticks at this rate, but tBL "
                        "is {}",
                        spec.name, spec.organization.burst_length, ticks, burst)));
    }
}

}  // namespace

std::vector<Diagnostic> lint(const DramSpec& spec) {
    std::vector<Diagnostic> findings;
    check_burst(spec, findings);
    return findings;
}

}  // namespace perfwatt::dram

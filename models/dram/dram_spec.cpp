#include "models/dram/dram_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>

namespace perfwatt::dram {
namespace {

Tick from_clocks(double clocks, int ticks_per_clock) {
    return static_cast<Tick>(std::ceil(clocks * ticks_per_clock - 1e-9));
}

const TimingParameter& existing(const DramSpec& spec, const std::string& parameter) {
    const TimingParameter* found = spec.find(parameter);
    if (found != nullptr) return *found;
    std::vector<std::string> names;
    for (const TimingParameter& p : spec.timing) names.push_back(p.name);
    throw UserError(fmt::format("memory '{}' has no timing '{}'", spec.name, parameter),
                    did_you_mean(parameter, names));
}

}  // namespace

std::int64_t DramSpec::peak_bytes_per_second() const {
    return transfers_per_second * organization.width_bits / 8 * organization.pseudo_channels;
}

const TimingParameter* DramSpec::find(const std::string& parameter) const {
    const auto found = std::find_if(timing.begin(), timing.end(),
                                    [&](const TimingParameter& p) { return p.name == parameter; });
    return found == timing.end() ? nullptr : &*found;
}

Tick DramSpec::ticks(const std::string& parameter) const {
    const TimeOrClocks& span = existing(*this, parameter).span;
    return std::max(span.clocks * ticks_per_clock, tick_clock().cycles_in(span.time));
}

Tick DramSpec::ticks_at_most(const std::string& parameter) const {
    const TimeOrClocks& span = existing(*this, parameter).span;
    const Clock clock_of_ticks = tick_clock();
    Tick whole = clock_of_ticks.cycles_in(span.time);
    if (clock_of_ticks.cycles(whole) > span.time) --whole;
    return std::max(span.clocks * ticks_per_clock, whole);
}

double RefreshPolicy::divisor() const {
    double most = 1;
    for (const HotRefresh& step : hot) {
        if (temperature > step.above) most = std::max(most, step.divisor);
    }
    return most * interval_divisor;
}

Tick DramSpec::evaluate(const std::string& sum) const {
    Tick total = 0;
    Tick sign = 1;
    std::size_t i = 0;
    bool expects_term = true;
    const auto bad = [&] {
        return UserError(fmt::format("memory '{}': cannot read the sum '{}'", name, sum),
                         "write parameters and clocks joined by + and -: \"tWL + tBL + 2\"");
    };
    while (i < sum.size()) {
        const char c = sum[i];
        if (c == ' ') {
            ++i;
        } else if (c == '+' || c == '-') {
            if (expects_term && c == '+') throw bad();
            sign = expects_term ? -sign : (c == '-' ? -1 : 1);
            expects_term = true;
            ++i;
        } else if (std::isalnum(static_cast<unsigned char>(c)) != 0 && expects_term) {
            std::size_t end = i;
            while (end < sum.size() && (std::isalnum(static_cast<unsigned char>(sum[end])) != 0 ||
                                        sum[end] == '_' || sum[end] == '.')) {
                ++end;
            }
            const std::string term = sum.substr(i, end - i);
            const bool number = std::isdigit(static_cast<unsigned char>(c)) != 0;
            total +=
                sign * (number ? from_clocks(std::strtod(term.c_str(), nullptr), ticks_per_clock)
                               : ticks(term));
            sign = 1;
            expects_term = false;
            i = end;
        } else {
            throw bad();
        }
    }
    if (expects_term) throw bad();
    return total;
}

}  // namespace perfwatt::dram

#include <array>

#include "sim/stats/provenance.h"
#include "sim/stats/result.h"

namespace perfwatt {
namespace {

constexpr std::array<std::string_view, 4> kBoundaries = {"chip", "chip_dram", "board", "wall"};
constexpr std::array<std::string_view, 3> kTrusts = {"A", "B", "none"};
constexpr std::array<std::string_view, kEnergyComponents> kComponents = {
    "mac", "sram", "register", "link", "dram", "pim", "static", "host"};
constexpr std::array<std::string_view, kTimeCauses> kCauses = {
    "compute", "vector", "memory_bandwidth", "memory_latency", "fill_drain", "dependency", "launch",
    "host",    "idle"};

template <class Enum, std::size_t kSize>
std::optional<Enum> find(const std::array<std::string_view, kSize>& names, std::string_view name) {
    for (std::size_t i = 0; i < kSize; ++i)
        if (names[i] == name) return static_cast<Enum>(i);
    return std::nullopt;
}

template <class Enum, std::size_t kSize>
std::string_view name_of(const std::array<std::string_view, kSize>& names, Enum value) {
    return names[static_cast<std::size_t>(value)];
}

}  // namespace

std::string_view to_string(PowerBoundary boundary) { return name_of(kBoundaries, boundary); }
std::string_view to_string(Trust trust) { return name_of(kTrusts, trust); }
std::string_view to_string(EnergyComponent component) { return name_of(kComponents, component); }
std::string_view to_string(TimeCause cause) { return name_of(kCauses, cause); }

std::optional<PowerBoundary> power_boundary_from(std::string_view name) {
    return find<PowerBoundary>(kBoundaries, name);
}
std::optional<Trust> trust_from(std::string_view name) { return find<Trust>(kTrusts, name); }
std::optional<EnergyComponent> energy_component_from(std::string_view name) {
    return find<EnergyComponent>(kComponents, name);
}
std::optional<TimeCause> time_cause_from(std::string_view name) {
    return find<TimeCause>(kCauses, name);
}

double Result::host_share() const {
    const double host = time_breakdown_ns[static_cast<std::size_t>(TimeCause::host)];
    return latency_ns > 0 ? host / latency_ns : 0;
}

}  // namespace perfwatt

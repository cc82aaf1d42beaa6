#include "sim/run/system.h"

#include "models/link/link_collective.h"

namespace perfwatt {
namespace {

constexpr int kPeers = 0;  ///< index of a link out of the chip

bool has_peers(const SystemSpec& system) { return system.tensor > 1; }

/// Of a system whose chips have no peers, the host's link is the first.
int host_link(const SystemSpec& system) { return has_peers(system) ? 1 : 0; }

}  // namespace

std::vector<PlatformExchange> system_links(const SystemSpec& system) {
    std::vector<PlatformExchange> links;
    if (has_peers(system))
        links.push_back({.name = system.peers.name,
                         .picojoules_per_bit = system.peers.picojoules_per_bit,
                         .energy_source = system.peers.energy_source});
    if (system.host.bytes_per_second > 0)
        links.push_back({.name = "host_link",
                         .picojoules_per_bit = system.host.picojoules_per_bit,
                         .energy_source = system.host.energy_source});
    return links;
}

TargetSystem target_system(const SystemSpec& system) {
    TargetSystem target{.tensor = system.tensor,
                        .host_transfers = system.host.bytes_per_second > 0};
    for (const PlatformExchange& link : system_links(system)) target.links.push_back(link.name);
    target.cost = [system](const Collective& work) {
        if (work.kind == Collective::Kind::send)
            return ExchangeCost{.duration = system.host.latency +
                                            transfer_time(work.bytes, system.host.bytes_per_second),
                                .sent_bytes = work.bytes,
                                .link = host_link(system)};
        const link::CollectiveCost cost =
            link::collective(system.peers, work.kind, work.bytes, system.tensor);
        return ExchangeCost{
            .duration = cost.duration, .sent_bytes = cost.sent_bytes, .link = kPeers};
    };
    return target;
}

void price_system(const SystemSpec& system, PowerBoundary boundary, Time elapsed,
                  PricedRun& priced) {
    const double chips = system.chips();
    for (double& layer : priced.layers_pj) layer *= chips;
    for (double& component : priced.components_pj) component *= chips;
    priced.static_pj *= chips;
    if (boundary == PowerBoundary::wall && system.host.idle_watts > 0) {
        const double idle_pj = system.host.idle_watts * elapsed.seconds() * 1e12;
        priced.static_pj += idle_pj;
        priced.components_pj[static_cast<std::size_t>(EnergyComponent::host)] += idle_pj;
    }
    priced.total_pj = priced.static_pj;
    for (const double layer : priced.layers_pj) priced.total_pj += layer;
}

void count_system(const SystemSpec& system, std::int64_t graph_macs, Result& result) {
    const int chips = system.chips();
    result.macs = graph_macs * system.data;
    result.executed_macs *= chips;
    for (MemoryResult& memory : result.memories) {
        memory.read_bytes *= chips;
        memory.write_bytes *= chips;
        memory.bandwidth_bytes_per_s *= chips;
        memory.peak_bytes_per_s *= chips;
        for (MemoryResult::Command& command : memory.commands) command.count *= chips;
    }
    for (LayerResult& layer : result.layers) {
        layer.macs *= chips;
        layer.read_bytes *= chips;
        layer.write_bytes *= chips;
    }
}

}  // namespace perfwatt

#include "models/link/link_collective.h"

#include <cmath>
#include <vector>

#include "sim/base/diagnostics.h"

namespace perfwatt::link {
namespace {

/// An algorithm's steps, the bytes that each chip sends, and those it copies for itself.
struct Algorithm {
    std::int64_t steps = 0;
    std::int64_t sent_bytes = 0;
    std::int64_t own_bytes = 0;
};

std::int64_t log2_up(int n) {
    std::int64_t steps = 0;
    while ((std::int64_t{1} << steps) < n) ++steps;
    return steps;
}

/// numerator / denominator of `bytes`, rounded up.
std::int64_t part(std::int64_t bytes, std::int64_t numerator, std::int64_t denominator) {
    const Int128 product = static_cast<Int128>(bytes) * numerator;
    return static_cast<std::int64_t>((product + denominator - 1) / denominator);
}

/// Steps of all_to_all over a switch: each pair agrees, sends and confirms, all pairs at a time.
constexpr std::int64_t kRendezvous = 3;

std::vector<Algorithm> algorithms(PeerTopology topology, PeerAlgorithm allowed,
                                  Collective::Kind kind, std::int64_t bytes, int n) {
    const bool switched = topology == PeerTopology::switch_;
    const bool ring = allowed == PeerAlgorithm::any || allowed == PeerAlgorithm::ring;
    const bool tree = switched && (allowed == PeerAlgorithm::any || allowed == PeerAlgorithm::tree);
    std::vector<Algorithm> found;
    switch (kind) {
        case Collective::Kind::all_reduce:
            if (ring)
                found.push_back({2 * (n - 1), part(bytes, 2 * (n - 1), n), part(bytes, 1, n)});
            if (tree) found.push_back({2 * log2_up(n), 2 * bytes});
            if (switched && allowed == PeerAlgorithm::in_switch)
                found.push_back({1, part(bytes, n + 1, n)});
            break;
        case Collective::Kind::all_gather:
        case Collective::Kind::reduce_scatter:
            if (ring) found.push_back({n - 1, part(bytes, n - 1, n), part(bytes, 1, n)});
            break;
        case Collective::Kind::all_to_all:
            if (!ring) break;
            if (switched)
                found.push_back({kRendezvous, part(bytes, n - 1, n), part(bytes, 1, n)});
            else
                found.push_back({n - 1, part(bytes, n - 1, 2)});
            break;
        case Collective::Kind::broadcast:
            if (tree) found.push_back({log2_up(n), bytes});
            if (ring) found.push_back({n - 1, bytes});
            break;
        case Collective::Kind::send:
            if (ring || tree) found.push_back({1, bytes});
            break;
    }
    return found;
}

}  // namespace

CollectiveCost collective(const PeerLink& link, Collective::Kind kind, std::int64_t bytes,
                          int chips) {
    PERFWATT_CHECK(bytes >= 0 && chips >= 1, "a collective of nothing");
    if (chips == 1 && kind != Collective::Kind::send) return {};
    PERFWATT_CHECK(!link.protocols.empty() && link.bytes_per_second > 0,
                   "a link between chips without bandwidth");
    CollectiveCost best{.duration = Time::max(), .sent_bytes = 0};
    for (const PeerProtocol& protocol : link.protocols) {
        const auto rate = static_cast<std::int64_t>(
            std::floor(static_cast<double>(link.bytes_per_second) * protocol.efficiency));
        for (const Algorithm& algorithm :
             algorithms(link.topology, protocol.algorithm, kind, bytes, chips)) {
            const auto own = static_cast<std::int64_t>(
                std::ceil(protocol.own_share * static_cast<double>(algorithm.own_bytes)));
            const Time time = link.setup + protocol.setup + algorithm.steps * protocol.step +
                              transfer_time(algorithm.sent_bytes + own, rate);
            if (time < best.duration) best = {.duration = time, .sent_bytes = algorithm.sent_bytes};
        }
    }
    PERFWATT_CHECK(best.duration < Time::max(), "no protocol of the link does this");
    return best;
}

}  // namespace perfwatt::link

#include "models/link/link_collective.h"

#include <cmath>
#include <vector>

#include "sim/base/diagnostics.h"

namespace perfwatt::link {
namespace {

/// An algorithm's steps, and the bytes that each chip sends.
struct Algorithm {
    std::int64_t steps = 0;
    std::int64_t sent_bytes = 0;
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

std::vector<Algorithm> algorithms(PeerTopology topology, Collective::Kind kind, std::int64_t bytes,
                                  int n) {
    const bool switched = topology == PeerTopology::switch_;
    switch (kind) {
        case Collective::Kind::all_reduce: {
            std::vector<Algorithm> found{{2 * (n - 1), part(bytes, 2 * (n - 1), n)}};
            if (switched) found.push_back({2 * log2_up(n), 2 * bytes});
            return found;
        }
        case Collective::Kind::all_gather:
        case Collective::Kind::reduce_scatter:
            return {{n - 1, part(bytes, n - 1, n)}};
        case Collective::Kind::all_to_all:
            if (switched) return {{1, part(bytes, n - 1, n)}};
            return {{n - 1, part(bytes, n - 1, 2)}};
        case Collective::Kind::broadcast:
            return {{switched ? log2_up(n) : n - 1, bytes}};
        case Collective::Kind::send:
            return {{1, bytes}};
    }
    return {};
}

}  // namespace

CollectiveCost collective(const PeerLink& link, Collective::Kind kind, std::int64_t bytes,
                          int chips) {
    PERFWATT_CHECK(bytes >= 0 && chips >= 1, "a collective of nothing");
    if (chips == 1 && kind != Collective::Kind::send) return {};
    PERFWATT_CHECK(!link.protocols.empty() && link.bytes_per_second > 0,
                   "a link between chips without bandwidth");
    CollectiveCost best{.duration = Time::max(), .sent_bytes = 0};
    for (const Algorithm& algorithm : algorithms(link.topology, kind, bytes, chips))
        for (const PeerProtocol& protocol : link.protocols) {
            const auto rate = static_cast<std::int64_t>(
                std::floor(static_cast<double>(link.bytes_per_second) * protocol.efficiency));
            const Time time = link.setup + algorithm.steps * protocol.step +
                              transfer_time(algorithm.sent_bytes, rate);
            if (time < best.duration) best = {.duration = time, .sent_bytes = algorithm.sent_bytes};
        }
    return best;
}

}  // namespace perfwatt::link

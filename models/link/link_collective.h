#pragma once

#include <cstdint>

#include "sim/arch/kernel.h"
#include "sim/arch/system_spec.h"

namespace perfwatt::link {

/// What a collective takes: all chips begin and end together.
struct CollectiveCost {
    Time duration;
    std::int64_t sent_bytes = 0;  ///< by each chip, over all its steps
};

/// An operation among `chips` equal chips over data of `bytes` on each of them: for all_gather and
/// broadcast of the result, for reduce_scatter of the operand, for all_to_all of what each has for
/// all others and itself.
///
/// With n chips, bandwidth b of a protocol (bandwidth x efficiency), its step time a, S bytes and
/// o, its own_share:
///   ring all_reduce          2 (n-1) a + (2 (n-1) + o)/n S / b
///   tree all_reduce          2 ceil(log2 n) a + 2 S / b           (a switch only)
///   in_switch all_reduce     a + (n+1)/n S / b: each sends all it has and the sum of its share
///   all_gather, reduce_scatter, ring      (n-1) a + (n-1 + o)/n S / b
///   all_to_all               switch: 3 a + (n-1 + o)/n S / b: pairs agree, send and confirm;
///                            ring: each step passes the rest on, (n-1) a + (n-1)/2 S / b
///   broadcast                tree: ceil(log2 n) a + S / b; ring: (n-1) a + S / b (pipelined)
///   send                     a + S / b
/// plus both setups; the fastest protocol and algorithm is taken. One chip exchanges nothing.
/// Ring: Patarasuk and Yuan, "Bandwidth optimal all-reduce algorithms for clusters of
/// workstations", JPDC 2009; tree: Sanders, Speck and Traeff, "Two-tree algorithms for full
/// bandwidth broadcast, reduction and scan", Parallel Computing 2009; in the switch: Klenk et al.,
/// "An In-Network Architecture for Accelerating Shared-Memory Multiprocessor Collectives", ISCA
/// 2020.
[[nodiscard]] CollectiveCost collective(const PeerLink& link, Collective::Kind kind,
                                        std::int64_t bytes, int chips);

}  // namespace perfwatt::link

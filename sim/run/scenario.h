#pragma once

#include <variant>
#include <vector>

#include "sim/base/time.h"
#include "sim/run/step.h"

namespace perfwatt {

/// Inferences simulated back to back to see the steady state of `offline`: the time and the energy
/// of one are those of this many, less those of the first, shared by the rest.
inline constexpr int kOfflineInferences = 3;

/// The smallest of `times`, which are in ascending order, that `share` of them do not exceed.
/// Nearest rank: percentile(times, 0.5) of four is the second. PERFWATT_CHECKs that there are any.
[[nodiscard]] Time percentile(const std::vector<Time>& times, double share);

/// One inference of a steady stream of them: `many` is the record of kOfflineInferences, `one` of a
/// single one, both of `streams` side by side. Time, energy and bytes are the differences, by
/// inference; layers are those of the first.
[[nodiscard]] Result combine_offline(const Result& one, const Result& many, int streams = 1);

/// One inference of a steady stream of those whose blocks are alike: each takes as long as a first
/// one but for its launch, which the host does meanwhile. What of it could overlap with the next is
/// left out: that is at most a block of many.
[[nodiscard]] Result without_launch(const Result& one, double launch_ns);

/// The offline scenario: requests wait in line, so that an inference may begin before the one
/// before has ended, and the host launches it meanwhile. The cores of an accelerator serve one
/// together, or each one of its own, whichever the compiler expects to serve more.
[[nodiscard]] std::variant<RunOutput, Infeasible> run_offline(const RunRequest& request,
                                                              PreparedStep step,
                                                              const Environment& environment);

}  // namespace perfwatt

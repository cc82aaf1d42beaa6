#pragma once

#include <variant>
#include <vector>

#include "sim/run/run.h"

namespace perfwatt {

/// One simulation of several that together answer a request.
using PartRunner = std::variant<RunOutput, Infeasible> (*)(const RunRequest&, const Environment&);

/// `request` as one of several: what is made for people, of one program, is left out.
[[nodiscard]] RunRequest part_of(const RunRequest& request);

/// Simulates each part in a process of its own (SystemC allows one simulation a process) and
/// returns their records in order, or why one of them cannot run. Throws UserError as the runner
/// does, InternalError for a part that crashed. `what` names a part in messages.
[[nodiscard]] std::variant<std::vector<Result>, Infeasible> run_parts(
    const std::vector<RunRequest>& parts, PartRunner runner, const char* what,
    const Environment& environment);

}  // namespace perfwatt

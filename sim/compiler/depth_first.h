#pragma once

#include <optional>
#include <vector>

#include "sim/compiler/engines.h"
#include "sim/compiler/stripes.h"

namespace perfwatt {

/// Which kernels are worth running stripe by stripe under a plan: those between which tensors go
/// through memory for want of room, where what their transfers cost exceeds what more, smaller
/// kernels do. An estimate from the devices' cost function, whole kernels at a time; the plan of
/// the cut kernels decides. Only on engines that run stripes (RunsStripes); not those of
/// `barred`.
[[nodiscard]] std::vector<StripeGroup> find_groups(const Stripes& stripes, Planner& planner,
                                                   const Plan& plan, const CompileTarget& target,
                                                   const std::optional<Repeat>& barred);

}  // namespace perfwatt

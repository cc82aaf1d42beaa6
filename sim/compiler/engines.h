#pragma once

#include <string>
#include <vector>

#include "sim/compiler/plan.h"

namespace perfwatt {

/// Which engines may do each kernel: by kernel, in order of the target; none: the host does it.
struct EngineOptions {
    std::vector<std::vector<int>> of;
    /// By kernel and engine: why it is not among them; empty where it is.
    std::vector<std::vector<std::string>> refused;
    /// By kernel: engines left out by `--place pim` only, for kernels that fit on none of the
    /// others.
    std::vector<std::vector<int>> instead;
};

/// What the devices refuse, what the user wants (CompileOptions::place) and what given mappings
/// name. Throws UserError for kernels that nobody takes, the host included.
/// `meant_for` may name by kernel the only engine that it is for; -1: any.
[[nodiscard]] EngineOptions engine_options(const Graph& graph, const Lowered& lowered,
                                           const CompileTarget& target,
                                           const CompileOptions& options,
                                           const std::vector<int>& meant_for = {});

/// Whether its units are in a memory's banks.
[[nodiscard]] bool computes_in_memory(const Device& device);

struct ChosenPlan {
    Plan plan;
    /// By kernel and engine, where there are several engines.
    std::vector<std::vector<EngineCost>> costs;
};

/// The plan for the cheapest choice of engines. All engines map all that they may do, with the same
/// effort; over these costs, launches and hand-overs the choice is a shortest path (cheapest()),
/// then improved kernel by kernel where engines can work side by side, and held against keeping as
/// much as possible on one engine. Repeated blocks are placed alike. Why nothing fits, else.
[[nodiscard]] std::variant<ChosenPlan, Infeasible> choose_engines(
    Planner& planner, const EngineOptions& options, const Lowered& lowered,
    const std::optional<Repeat>& repeat);

/// What the choice rests on, a line for all kernels alike: for reports.
[[nodiscard]] std::vector<std::string> placement_notes(const Lowered& lowered,
                                                       const ChosenPlan& chosen,
                                                       const std::vector<TargetEngine>& engines);

}  // namespace perfwatt

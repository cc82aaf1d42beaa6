#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sim/compiler/compiler.h"
#include "sim/compiler/engine_choice.h"
#include "sim/compiler/passes.h"
#include "sim/compiler/placement.h"

namespace perfwatt {

/// Mappings found so far, by what tells requests apart: they serve other plans for the same target.
using MappingMemo = std::map<std::string, std::variant<MappingChoice, Infeasible>>;

/// All kernels on their engines, mapped under one allocation.
struct Plan {
    std::vector<int> engine_of;  ///< by kernel; kHost for the host's
    std::shared_ptr<const Allocator> allocator;
    std::vector<EngineShare> shares;  ///< by engine
    Allocation allocation;
    std::vector<MappingChoice> choices;  ///< by kernel
    Time cost;                           ///< of the whole; engines work side by side
};

/// Which kernels read what which others made, and how far back.
struct KernelReads {
    std::vector<std::vector<int>> of;  ///< by kernel: makers of its activations, in order

    explicit KernelReads(const Lowered& lowered);
};

/// "device" where there is but one engine; "host", which also stands for links out of the chip.
[[nodiscard]] std::string engine_name(int engine, const std::vector<TargetEngine>& engines);

/// A mapping without the engine that a dumped one names; empty if it names none.
[[nodiscard]] Mapping without_engine(const Mapping& mapping);
[[nodiscard]] std::string engine_named_in(const Mapping& mapping);

/// Plans for given kernels on a target's engines: how much of each scratchpad keeps tensors, on how
/// many cores, and the mapping of each kernel under that.
class Planner {
  public:
    Planner(const Graph& graph, const Lowered& lowered, const std::optional<Repeat>& repeat,
            const CompileTarget& target, const CompileOptions& options, MappingMemo& memo);

    /// The cheapest plan with these engines, or why a kernel does not fit.
    [[nodiscard]] std::variant<Plan, Infeasible> plan_for(const std::vector<int>& engine_of);

    /// The plan's allocation for one engine only, the cheapest for the kernels on it that fit.
    [[nodiscard]] Plan sketch(const std::vector<int>& engine_of, int engine);
    /// Maps a kernel on its engine under a plan's allocation, as `request` may have changed it.
    [[nodiscard]] std::variant<MappingChoice, Infeasible> map_kernel(const MappingRequest& request,
                                                                     int engine);

    /// What is asked of the engine for a kernel, under the plan.
    [[nodiscard]] MappingRequest request_for(const Plan& plan, std::size_t kernel) const;
    /// Of a kernel that no engine does: the host, or a link out of the chip.
    [[nodiscard]] Time outside_time(const Kernel& kernel) const;
    /// Activations that pass through a memory are written to its end before they are read.
    [[nodiscard]] Time handover_time(const MappingRequest& request, int engine) const;
    /// For how long the kernel keeps the memory that its engine shares with others.
    [[nodiscard]] Time busy_time(const MappingRequest& request, const MappingChoice& choice,
                                 int engine) const;
    [[nodiscard]] int home_of(int engine) const;

    [[nodiscard]] const std::vector<TargetEngine>& engines() const { return engines_; }
    [[nodiscard]] const KernelReads& reads() const { return reads_; }
    [[nodiscard]] int candidates() const { return candidates_; }

  private:
    /// What the kernels of an engine cost under a plan's allocation.
    struct EngineTotal {
        Time cost;
        int misfits = 0;
        std::optional<Infeasible> problem;
    };
    enum class Misfits : std::uint8_t { end_it, are_left_out };

    [[nodiscard]] Plan start(const std::vector<int>& engine_of) const;
    std::optional<Infeasible> share_out(Plan& plan, int engine, Misfits misfits);
    void divide_weights(Plan& plan, int engine, Time cost);
    [[nodiscard]] bool worth_dividing(const Plan& plan, int engine, Time cost) const;
    [[nodiscard]] std::vector<Time> costs_of(const Plan& plan, int engine);
    [[nodiscard]] EngineTotal total_of(const Plan& plan, int engine, Misfits misfits);
    [[nodiscard]] Time whole_cost(const Plan& plan) const;
    [[nodiscard]] std::string memo_key(const MappingRequest& request, int engine) const;

    const Lowered& lowered_;
    const Graph& graph_;
    const std::optional<Repeat>& repeat_;
    const CompileTarget& target_;
    const CompileOptions& options_;
    MappingMemo& memo_;
    std::vector<TargetEngine> engines_;
    std::vector<int> device_of_;  ///< by engine: the first engine of the same device
    KernelReads reads_;
    std::vector<std::string> signatures_;  ///< by kernel
    int candidates_ = 0;
};

}  // namespace perfwatt

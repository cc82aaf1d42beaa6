#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "models/cpu/blocked_product.h"
#include "sim/arch/kernel_pieces.h"

namespace perfwatt::cpu {

/// How a contraction is cut into tasks of threads.
struct Cut {
    std::int64_t rows = 0, columns = 0;
};

/// A kernel as it will run, in pieces whose loads overlap with the work of the piece before.
struct Plan {
    std::optional<Task> task;
    std::int64_t tasks = 0;
    std::int64_t useful_macs = 0;
    std::optional<Vector> vector;  ///< work of the lanes in all pieces together
    std::vector<OperandFlow> loads, stores;
    std::int64_t pieces = 1;
};

struct PlanTime {
    Time total;
    Limit limit = Limit::memory;
};

/// Plans kernels for one CPU: which tasks, what comes from memory, what that takes.
class Planner {
  public:
    Planner(const CpuSpec& spec, const std::vector<MemoryPort>& memories)
        : spec_(spec), memories_(memories) {}

    /// The fastest of the cuts, for a contraction; the one way of all else.
    [[nodiscard]] MappingChoice map(const MappingRequest& request) const;
    /// Of a mapping's words: "rows", "columns"; "limit" only tells.
    [[nodiscard]] std::variant<Plan, Infeasible> plan(const MappingRequest& request,
                                                      const Mapping& mapping) const;
    /// Dispatch, then the slower of memory and cores, with the first piece's loads and the last
    /// one's stores in sight.
    [[nodiscard]] PlanTime time(const Plan& plan) const;
    void emit(const Plan& plan, const Buffer& room, LayerId layer, ProgramBuilder& program) const;

  private:
    [[nodiscard]] Plan of_contraction(const MappingRequest& request, Cut cut) const;
    [[nodiscard]] Plan of_elements(const MappingRequest& request) const;
    void divide(const Buffer& room, Plan& plan) const;

    const CpuSpec& spec_;
    const std::vector<MemoryPort>& memories_;
};

inline constexpr UnitId kMemoryUnit{0}, kMatrixUnit{1}, kVectorUnit{2};

}  // namespace perfwatt::cpu

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "models/gpu/block_timing.h"
#include "models/gpu/gpu_spec.h"
#include "sim/arch/kernel_pieces.h"

namespace perfwatt::gpu {

/// A kernel as it will run, in `chunks` pieces: each loads its part, works, and stores its part.
/// Loads of a piece overlap with the work of the one before. Pieces are equal parts of the blocks
/// or, where there are few waves of them, of every block's reduction.
struct Plan {
    Mapping mapping;
    Time launch;                      ///< before anything else; with the fill of a vector kernel
    std::optional<BlockWork> blocks;  ///< of the whole kernel
    std::int64_t useful_macs = 0;
    std::optional<Vector> vector;  ///< work of vector pipes in all pieces together
    /// Of that work, the share that the next piece's blocks wait for.
    double serial = 0;
    std::optional<Vector> last;              ///< and after the last: split reductions are summed
    std::vector<OperandFlow> loads, stores;  ///< of operands that do not stand in the L2
    std::int64_t chunks = 1;
    bool by_depth = false;  ///< pieces are of the reduction: results leave after the last
    /// Of the reduction, in a piece; 0: so much that a product's pipeline fills.
    std::int64_t least_depth = 0;
    Time stall;    ///< of memory and pipes for one another; the launch has it
    Time filling;  ///< of the blocks' pipelines, that the launch has: the first, and later rounds'
};

/// Time of a plan when nothing is contended: launch, then the slower of memory and pipes, with the
/// first piece's loads and the last one's work and stores in sight.
struct PlanTime {
    Time total;
    Limit limit = Limit::memory;
};
[[nodiscard]] PlanTime time_of(const GpuSpec& spec, const std::vector<MemoryPort>& memories,
                               const Plan& plan);

/// The fastest of the plans offered, as many as the effort allows.
class PlanSearch {
  public:
    PlanSearch(const GpuSpec& spec, const std::vector<MemoryPort>& memories, int effort)
        : spec_(spec), memories_(memories), effort_(effort) {}

    /// False once the effort is spent.
    [[nodiscard]] bool goes_on() const;
    /// Takes what planning answered and how the plan is written in a mapping, without what follows
    /// from it. False if there is no such plan.
    bool offer(std::variant<Plan, Infeasible> answer, Mapping mapping);
    /// The mapping of the fastest with its blocks, waves and limit; Infeasible with `none` where no
    /// plan was offered. `misfits` says what those had in common that were none.
    [[nodiscard]] std::variant<MappingChoice, Infeasible> answer(std::string none,
                                                                 std::string misfits) const;

  private:
    const GpuSpec& spec_;
    const std::vector<MemoryPort>& memories_;
    int effort_;
    std::optional<Plan> best_;
    PlanTime time_;
    Mapping mapping_;
    int candidates_ = 0, misfits_ = 0;
};

/// Whether a key of a mapping only tells what follows from the others: see PlanSearch::answer().
[[nodiscard]] bool is_derived(std::string_view key);

/// Sets `chunks` and `by_depth`: pieces of about half a microsecond of loads.
void cut(const GpuSpec& spec, const std::vector<MemoryPort>& memories, Plan& plan);

/// Part `i` of the plan's blocks, as a command; m, n, k and repeat only.
[[nodiscard]] Contract part_of_blocks(const GpuSpec& spec, const Plan& plan, std::int64_t i);

/// Appends launch, loads, work and stores. The launch waits for the kernel before.
void emit_plan(const GpuSpec& spec, const Plan& plan, const Buffer& free, LayerId layer,
               ProgramBuilder& program);

inline constexpr UnitId kMemoryUnit{0}, kMatrixUnit{1}, kVectorUnit{2};

}  // namespace perfwatt::gpu

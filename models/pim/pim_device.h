#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/arch/device.h"
#include "sim/arch/pim_job.h"
#include "sim/config/reading.h"

namespace perfwatt::pim {

/// Who drives the units of a memory: it hands over operands, reads partial sums back, adds them up
/// and does what is fused onto a product.
struct ControllerSpec {
    std::int64_t staging_bytes = 0;          ///< where it keeps vectors
    std::int64_t operations_per_second = 0;  ///< of additions and other vector work
    Sourced<double> operation;               ///< pJ each
    Sourced<double> staging_byte;            ///< pJ a byte into or out of the staging memory
    Sourced<double> idle_watts;
};

/// Units in the banks of one memory as an engine of a chip.
class PimDevice final : public Device {
  public:
    PimDevice(PimSpec memory, MemoryId id, std::int64_t bytes_per_second, std::string layout,
              ControllerSpec controller);

    [[nodiscard]] std::vector<Unit> units() const override;
    [[nodiscard]] OnChipMemory on_chip() const override;
    [[nodiscard]] Peak peak(DataType first, DataType second) const override;
    [[nodiscard]] std::string weight_layout() const override { return layout_; }
    [[nodiscard]] std::int64_t outputs_at_once(const Kernel& kernel) const override;
    [[nodiscard]] std::optional<Infeasible> refuses(const Kernel& kernel) const override;
    [[nodiscard]] std::variant<MappingChoice, Infeasible> map(
        const MappingRequest& request) const override;
    [[nodiscard]] std::variant<Time, Infeasible> cost(const MappingRequest& request,
                                                      const Mapping& mapping) const override;
    [[nodiscard]] Time memory_time(const MappingRequest& request, const MappingChoice& choice,
                                   MemoryId memory, std::int64_t bytes_per_second) const override;
    void emit(const MappingRequest& request, const Mapping& mapping, LayerId layer,
              ProgramBuilder& program) const override;
    [[nodiscard]] Time duration(const Command& command) const override;
    [[nodiscard]] std::int64_t executed_macs(const Contract& tile) const override;
    [[nodiscard]] std::vector<Action> actions() const override;
    void count(const Command& command, std::span<const ActionId> ids,
               Counts& counts) const override;
    [[nodiscard]] std::vector<StaticPower> static_power() const override;

  private:
    /// A kernel with a contraction as one of the units, with what the mapping leaves open.
    [[nodiscard]] PimKernel kernel_of(const Kernel& whole, const Mapping& mapping,
                                      std::int64_t row) const;
    [[nodiscard]] std::variant<Time, Infeasible> product_cost(const MappingRequest& request,
                                                              const Mapping& mapping) const;
    [[nodiscard]] Time beside_time(const PimProgram& program) const;
    /// What units can do with a kernel's elements in the banks where they lie, or why they cannot.
    [[nodiscard]] std::variant<PimKernel, Infeasible> elementwise_of(const Kernel& kernel) const;
    [[nodiscard]] std::variant<Time, Infeasible> banks_cost(const MappingRequest& request) const;
    void emit_elementwise(const MappingRequest& request, LayerId layer,
                          ProgramBuilder& program) const;
    /// Bytes of one row of all banks of all channels.
    [[nodiscard]] std::int64_t stripe_bytes() const {
        return memory_.columns * memory_.column_bytes * memory_.banks * memory_.channels;
    }
    void emit_product(const MappingRequest& request, const Mapping& mapping, LayerId layer,
                      ProgramBuilder& program) const;
    void emit_stream(const MappingRequest& request, LayerId layer, ProgramBuilder& program) const;
    [[nodiscard]] std::int64_t row_of(const Placement& weights, const PimKernel& kernel) const;

    PimSpec memory_;
    MemoryId id_;
    std::int64_t bytes_per_second_;
    std::string layout_;
    ControllerSpec controller_;
};

}  // namespace perfwatt::pim

#pragma once

#include <map>
#include <string>
#include <vector>

#include "models/gpu/gpu_spec.h"
#include "models/gpu/plan.h"
#include "sim/arch/chains.h"
#include "sim/arch/device_prices.h"

namespace perfwatt::gpu {

/// Prices by the names that action_names() gives, and the power drawn all the time.
using GpuPrices = DevicePrices;

/// What a GPU counts; every one needs a price. Names:
///   mac.<first>.<second>   a product and its sum, padding included (one per rate)
///   shared.byte            a byte written to and read from shared memory for the matrix pipes
///   register.byte          a byte of accumulators or vector operands through the register file
///   vector                 a lane-operation
///   l2.byte                a byte between L2 and SMs
///   memory.byte            a byte between the memory's port and the L2
[[nodiscard]] std::vector<std::string> action_names(const GpuSpec& spec);

/// A GPU as the compiler and the platform see it: what stays between kernels stays in the L2.
/// Immutable.
class Gpu final : public Device, public FusesChains {
  public:
    /// `memories` by MemoryId. Fatal if a price is missing: the loader asks action_names() first.
    Gpu(GpuSpec spec, GpuPrices prices, std::vector<MemoryPort> memories);

    [[nodiscard]] std::vector<Unit> units() const override;
    [[nodiscard]] OnChipMemory on_chip() const override;
    [[nodiscard]] Peak peak(DataType first, DataType second) const override;

    [[nodiscard]] std::optional<Infeasible> refuses(const Kernel& kernel) const override;
    [[nodiscard]] std::variant<MappingChoice, Infeasible> map(
        const MappingRequest& request) const override;
    [[nodiscard]] std::variant<Time, Infeasible> cost(const MappingRequest& request,
                                                      const Mapping& mapping) const override;
    void emit(const MappingRequest& request, const Mapping& mapping, LayerId layer,
              ProgramBuilder& program) const override;
    [[nodiscard]] bool fuses(const std::vector<const Kernel*>& chain) const override;
    [[nodiscard]] std::int64_t skipped_macs(const Kernel& kernel) const override;

    [[nodiscard]] Time duration(const Command& command) const override;
    [[nodiscard]] Time fill_drain(const Command& command) const override;
    [[nodiscard]] DmaPort dma_port() const override;
    [[nodiscard]] std::vector<Action> actions() const override;
    void count(const Command& command, std::span<const ActionId> ids,
               Counts& counts) const override;
    [[nodiscard]] std::vector<StaticPower> static_power() const override;

    [[nodiscard]] const GpuSpec& spec() const { return spec_; }

  private:
    [[nodiscard]] std::variant<Plan, Infeasible> plan(const MappingRequest& request,
                                                      const Mapping& mapping) const;

    GpuSpec spec_;
    GpuPrices prices_;
    std::vector<MemoryPort> memories_;
};

}  // namespace perfwatt::gpu

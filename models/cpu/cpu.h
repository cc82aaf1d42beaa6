#pragma once

#include <map>
#include <string>
#include <vector>

#include "models/cpu/cpu_spec.h"
#include "models/cpu/plan.h"
#include "sim/arch/device_prices.h"
#include "sim/arch/energy_tables.h"

namespace perfwatt::cpu {

/// A figure of the chip's file with where it comes from.
struct SourcedFigure {
    double value = 0;
    std::string source;
};

/// What of the power is not in the energy tables.
struct PowerFile {
    /// Of an instruction beside the arithmetic it does: fetch, decode, rename, schedule, retire.
    SourcedFigure instruction_pj;
};

/// What a CPU counts; every one needs a price. Names:
///   mac.<first>.<second>  a product and its sum, padding included (one per rate)
///   vector                a lane-operation
///   instruction           a SIMD instruction, loads included
///   l1.byte               a byte between registers and L1
///   l2.byte               a byte between L1 and L2
///   llc.byte              a byte between L2 and the last cache
[[nodiscard]] std::vector<std::string> action_names(const CpuSpec& spec);

/// `silicon` is one that the tables do not refuse.
[[nodiscard]] std::map<std::string, ActionPrice> price_cpu(const CpuSpec& spec,
                                                           const PowerFile& power,
                                                           const EnergyTables& tables,
                                                           Silicon silicon);

/// A CPU as the compiler and the platform see it: what stays between kernels stays in the last
/// cache. Immutable.
class Cpu final : public Device {
  public:
    /// `memories` by MemoryId. Fatal if a price is missing.
    Cpu(CpuSpec spec, std::map<std::string, ActionPrice> prices, std::vector<StaticPower> powers,
        std::vector<MemoryPort> memories);

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

    [[nodiscard]] Time duration(const Command& command) const override;
    [[nodiscard]] std::int64_t executed_macs(const Contract& tile) const override;
    [[nodiscard]] DmaPort dma_port() const override;
    [[nodiscard]] std::vector<Action> actions() const override;
    void count(const Command& command, std::span<const ActionId> ids,
               Counts& counts) const override;
    [[nodiscard]] std::vector<StaticPower> static_power() const override { return powers_; }

    [[nodiscard]] const CpuSpec& spec() const { return spec_; }

  private:
    [[nodiscard]] Planner planner() const { return {spec_, memories_}; }

    CpuSpec spec_;
    std::map<std::string, ActionPrice> prices_;
    std::vector<StaticPower> powers_;
    std::vector<MemoryPort> memories_;
};

}  // namespace perfwatt::cpu

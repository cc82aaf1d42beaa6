#pragma once

#include <map>
#include <string>
#include <vector>

#include "models/npu/npu_spec.h"
#include "sim/arch/device_prices.h"
#include "sim/arch/stripes.h"

namespace perfwatt::npu {

/// Prices by the names that action_names() gives, and the power drawn all the time.
using NpuPrices = DevicePrices;

/// A memory as the mapper's cost function sees it, by MemoryId.
struct MemoryPort {
    std::int64_t bytes_per_second = 0;  ///< peak, or that of the narrowest link before it
    std::int64_t burst_bytes = 64;
    Time latency;                                 ///< of a first byte
    std::int64_t both_ways_bytes_per_second = 0;  ///< of reads and writes together; 0: the same
};

/// What an NPU counts; every one needs a price. Names:
///   mac.<first>.<second>          a useful MAC of these types (one per rate of the matrix unit)
///   mac_padding.<first>.<second>  a cell clocked for a MAC whose operand is padding
///   register                      an operand moved into a cell's register, one an executed MAC
///   accumulator                   a partial sum read, added to and written back
///   scratchpad.read, .write       an access of bytes_per_cycle_per_bank bytes
///   vector.integer, .floating     a lane-operation
///   dma.byte                      a byte between memory port and scratchpad
///   transform                     a sum of Winograd's transforms, where the unit has them
[[nodiscard]] std::vector<std::string> action_names(const NpuSpec& spec);

/// An NPU as the compiler and the platform see it. Immutable.
class Npu final : public Device, public RunsStripes {
  public:
    /// `memories` by MemoryId. Fatal if a price is missing: the loader asks action_names() first.
    Npu(NpuSpec spec, NpuPrices prices, std::vector<MemoryPort> memories);

    [[nodiscard]] std::vector<Unit> units() const override;
    [[nodiscard]] OnChipMemory on_chip() const override;
    [[nodiscard]] Peak peak(DataType first, DataType second) const override;

    [[nodiscard]] bool runs_stripes() const override { return spec_.depth_first; }
    [[nodiscard]] std::int64_t rows_at_once() const override { return spec_.matrix.block.rows; }
    [[nodiscard]] std::int64_t weight_bytes(const Kernel& kernel) const override;
    [[nodiscard]] bool decodes(WeightFormat format) const override;
    [[nodiscard]] std::optional<Infeasible> refuses(const Kernel& kernel) const override;
    [[nodiscard]] std::variant<MappingChoice, Infeasible> map(
        const MappingRequest& request) const override;
    [[nodiscard]] std::variant<Time, Infeasible> cost(const MappingRequest& request,
                                                      const Mapping& mapping) const override;
    void emit(const MappingRequest& request, const Mapping& mapping, LayerId layer,
              ProgramBuilder& program) const override;
    [[nodiscard]] Time memory_time(const MappingRequest& request, const MappingChoice& choice,
                                   MemoryId memory, std::int64_t bytes_per_second) const override;

    [[nodiscard]] Time duration(const Command& command) const override;
    [[nodiscard]] Time fill_drain(const Command& command) const override;
    [[nodiscard]] std::int64_t executed_macs(const Contract& tile) const override;
    [[nodiscard]] ScratchpadGeometry scratchpad() const override;
    [[nodiscard]] DmaPort dma_port() const override;
    void bank_uses(const Command& command, std::vector<BankUse>& uses) const override;
    [[nodiscard]] const UnitFactory* unit_factory() const override;
    [[nodiscard]] std::vector<Action> actions() const override;
    void count(const Command& command, std::span<const ActionId> ids,
               Counts& counts) const override;
    [[nodiscard]] std::vector<StaticPower> static_power() const override;

    [[nodiscard]] const NpuSpec& spec() const { return spec_; }
    [[nodiscard]] const std::vector<MemoryPort>& memories() const { return memories_; }

  private:
    NpuSpec spec_;
    NpuPrices prices_;
    std::vector<MemoryPort> memories_;
};

/// The units of a core, in the order of Npu::units(): each DMA engine has a read and a write side,
/// which queue apart, then the matrix and the vector unit.
struct CoreUnits {
    int engines = 1;
    int core = 0;

    [[nodiscard]] int base() const { return core * (2 * engines + 2); }
    [[nodiscard]] UnitId read(int engine) const { return {base() + 2 * (engine % engines)}; }
    [[nodiscard]] UnitId write(int engine) const { return {base() + 2 * (engine % engines) + 1}; }
    [[nodiscard]] UnitId matrix() const { return {base() + 2 * engines}; }
    [[nodiscard]] UnitId vector() const { return {base() + 2 * engines + 1}; }
};

}  // namespace perfwatt::npu

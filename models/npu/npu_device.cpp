#include "models/npu/npu_device.h"

#include <fmt/format.h>

#include <algorithm>

#include "models/npu/matrix_timing.h"
#include "sim/base/diagnostics.h"
#include "sim/base/math.h"
#include "sim/engine/unit_factory.h"
#include "sim/engine/unit_module.h"

namespace perfwatt::npu {

namespace {

/// Cycles in which operands stream through the cells.
std::int64_t streaming_cycles(const MatrixSpec& spec, const Contract& tile,
                              const MatrixWork& work) {
    const TypeRate& rate = *rate_of(spec, tile.first_type, tile.second_type);
    const std::int64_t array = spec.rows * spec.columns * spec.depth;
    const std::int64_t a_cycle = array * rate.macs_per_cell;
    const std::int64_t cycles = ceil_div(work.executed_macs * rate.cells_per_mac, a_cycle);
    if (spec.grouped != Grouped::dedicated || tile.repeat <= 1) {
        return cycles;
    }
    // In the mode for groups a cycle does fewer MACs. It is in use where its cycles account for
    // all executed MACs within the time the array was busy.
    const std::int64_t grouped = ceil_div(work.executed_macs * rate.cells_per_mac,
                                          spec.grouped_macs_per_cycle * rate.macs_per_cell);
    return grouped <= work.array_cycles ? grouped : cycles;
}

/// The matrix unit as a module: tiles of contractions, one at a time.
class MatrixArray final : public ComputeUnit {
  public:
    using ComputeUnit::ComputeUnit;

  private:
    void check(const Command& command) const override {
        PERFWATT_CHECK(std::holds_alternative<Contract>(command.work) ||
                           std::holds_alternative<Delay>(command.work),
                       fmt::format("{} does contractions only", name()));
    }
};

/// The vector unit as a module.
class VectorUnit final : public ComputeUnit {
  public:
    using ComputeUnit::ComputeUnit;

  private:
    void check(const Command& command) const override {
        PERFWATT_CHECK(std::holds_alternative<Vector>(command.work) ||
                           std::holds_alternative<Delay>(command.work),
                       fmt::format("{} does vector work only", name()));
    }
};

class NpuUnits final : public UnitFactory {
  public:
    [[nodiscard]] std::unique_ptr<UnitModule> make(UnitId unit,
                                                   SimulationContext& context) const override {
        const std::string name = fmt::format("npu_unit{}", unit.value);
        switch (context.program.units[unit.index()].kind) {
            case UnitKind::matrix:
                return std::make_unique<MatrixArray>(name.c_str(), unit, context);
            case UnitKind::vector:
                return std::make_unique<VectorUnit>(name.c_str(), unit, context);
            case UnitKind::dma:
            case UnitKind::pim:
            case UnitKind::host:
            case UnitKind::link:
                break;
        }
        return nullptr;
    }
};

}  // namespace

Time fill_drain(const NpuSpec& spec, const Command& command) {
    std::int64_t cycles = 0;
    if (const auto* tile = std::get_if<Contract>(&command.work)) {
        const MatrixWork work = matrix_work(spec, *tile);
        cycles = work.array_cycles - streaming_cycles(spec.matrix, *tile, work) +
                 spec.command_overhead_cycles;
    } else if (std::holds_alternative<Vector>(command.work)) {
        cycles = spec.vector.latency_cycles + spec.command_overhead_cycles;
    }
    return spec.clock.cycles(std::max<std::int64_t>(cycles, 0));
}

ScratchpadGeometry scratchpad_geometry(const NpuSpec& spec) {
    const ScratchpadSpec& pad = spec.scratchpad;
    const std::int64_t bank_rate = pad.bytes_per_cycle_per_bank * spec.clock.hertz();
    if (pad.banking == Banking::interleaved)
        return {.banks = 1, .bank_bytes = pad.bytes, .bytes_per_second = pad.banks * bank_rate};
    return {.banks = static_cast<int>(pad.banks),
            .bank_bytes = ceil_div(pad.bytes, pad.banks),
            .bytes_per_second = bank_rate};
}

DmaPort dma_port(const NpuSpec& spec) {
    return {.bytes_per_second = spec.dma.bytes_per_cycle * spec.clock.hertz(),
            .setup = spec.clock.cycles(spec.command_overhead_cycles)};
}

void bank_uses(const NpuSpec& spec, const Command& command, std::vector<BankUse>& uses) {
    if (const auto* tile = std::get_if<Contract>(&command.work)) {
        const MatrixWork work = matrix_work(spec, *tile);
        uses.push_back({tile->first, work.first_bytes});
        uses.push_back({tile->second, work.second_bytes});
        uses.push_back(
            {tile->output, work.spill_read_bytes + work.spill_write_bytes + work.output_bytes});
    } else if (const auto* vector = std::get_if<Vector>(&command.work)) {
        uses.push_back({vector->input, vector->read_bytes});
        uses.push_back({vector->output, vector->write_bytes});
    }
}

const UnitFactory& unit_factory() {
    static const NpuUnits units;
    return units;
}

}  // namespace perfwatt::npu

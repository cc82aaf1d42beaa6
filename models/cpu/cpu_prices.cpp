#include <fmt/format.h>

#include "models/cpu/cpu.h"
#include "models/sram/sram_energy.h"

namespace perfwatt::cpu {

std::map<std::string, ActionPrice> price_cpu(const CpuSpec& spec, const PowerFile& power,
                                             const EnergyTables& tables, Silicon silicon) {
    std::map<std::string, ActionPrice> prices;
    for (const MathRate& rate : spec.rates) {
        const EnergyPrice mac = tables.mac(rate.first, rate.second, silicon);
        prices[fmt::format("mac.{}.{}", to_string(rate.first), to_string(rate.second))] = {
            mac.picojoules, mac.source};
    }
    const EnergyPrice lane = tables.vector_operation(DataType::fp32, silicon);
    prices["vector"] = {lane.picojoules, lane.source};
    prices["instruction"] = {power.instruction_pj.value, power.instruction_pj.source};

    const sram::SramEnergy memories(tables);
    const EnergyPrice wire = tables.wire_bit_mm(silicon);
    // A level is read a line of its width at a time, and the bits cross half of it.
    const auto cache = [&](const std::string& name, const CacheSpec& level, int banks,
                           sram::Cell cell) {
        constexpr std::int64_t kLine = 64;
        const std::int64_t width = std::min(kLine, level.bytes_per_cycle);
        const sram::Cost cost = memories.cost(
            {.bytes = level.bytes, .width_bytes = width, .banks = banks, .cell = cell}, silicon);
        prices[name] = {
            cost.read_pj / static_cast<double>(width) + 8 * cost.distance_mm * wire.picojoules,
            cost.source + "; " + wire.source};
    };
    cache("l1.byte", spec.l1, 1, sram::Cell::hp);
    cache("l2.byte", spec.l2, 4, sram::Cell::hp);
    cache("llc.byte", spec.llc, 16, sram::Cell::lstp);
    return prices;
}

}  // namespace perfwatt::cpu

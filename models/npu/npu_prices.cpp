#include "models/npu/npu_prices.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "models/sram/sram_energy.h"
#include "sim/base/diagnostics.h"

namespace perfwatt::npu {
namespace {

constexpr std::string_view kEstimated = "estimated: ";

/// Sources of a price with several parts, each once; estimated if one part is.
std::string joined(std::initializer_list<std::string> sources) {
    std::string out;
    bool estimated = false;
    for (std::string source : sources) {
        if (source.starts_with(kEstimated)) {
            estimated = true;
            source.erase(0, kEstimated.size());
        }
        if (source.empty() || out.find(source) != std::string::npos) continue;
        out += (out.empty() ? "" : "; ") + source;
    }
    return estimated ? std::string(kEstimated) + out : out;
}

sram::Cell cell_of(const NpuSpec& spec) {
    const auto cell = sram::cell_from(spec.scratchpad.cell);
    PERFWATT_CHECK(cell.has_value(), "no such memory cell: " + spec.scratchpad.cell);
    return *cell;
}

/// One core's scratchpad; a part set aside is a part of the same banks.
sram::Cost scratchpad_cost(const NpuSpec& spec, const EnergyTables& tables, Silicon silicon) {
    return sram::SramEnergy(tables).cost({.bytes = spec.scratchpad.bytes,
                                          .width_bytes = spec.scratchpad.bytes_per_cycle_per_bank,
                                          .banks = static_cast<int>(spec.scratchpad.banks),
                                          .cell = cell_of(spec)},
                                         silicon);
}

/// What a MAC does to one of a cell's own memories. Smaller than a hundred bytes or so it is made
/// of registers, of which an access moves one word.
ActionPrice cell_memory_price(const NpuSpec& spec, const CellMemory& memory,
                              const EnergyTables& tables, Silicon silicon) {
    constexpr std::int64_t kRegisters = 128;
    const auto reads = static_cast<double>(memory.reads);
    const auto writes = static_cast<double>(memory.writes);
    if (memory.mac_percent > 0) {
        const TypeRate& rate = spec.matrix.rates.front();
        const EnergyPrice mac = tables.mac(rate.first, rate.second, silicon);
        return {.picojoules = mac.picojoules * static_cast<double>(memory.mac_percent) / 100 *
                              (reads + writes),
                .source = mac.source,
                .not_modelled = {}};
    }
    if (memory.bytes <= kRegisters) {
        const EnergyPrice bit = tables.register_bit(silicon);
        const double bits = 8.0 * static_cast<double>(memory.access_bytes);
        return {.picojoules = bit.picojoules * bits * (reads + writes),
                .source = bit.source,
                .not_modelled = {}};
    }
    const sram::Cost cost = sram::SramEnergy(tables).cost({.bytes = memory.bytes,
                                                           .width_bytes = memory.access_bytes,
                                                           .banks = 1,
                                                           .cell = cell_of(spec)},
                                                          silicon);
    return {.picojoules = cost.read_pj * reads + cost.write_pj * writes,
            .source = cost.source,
            .not_modelled = {}};
}

ActionPrice register_price(const NpuSpec& spec, const EnergyTables& tables, Silicon silicon) {
    const EnergyPrice bit = tables.register_bit(silicon);
    int narrowest = 64;
    for (const TypeRate& rate : spec.matrix.rates)
        narrowest = std::min(narrowest, bits(rate.first));
    const bool outputs_stay = spec.matrix.dataflow == Dataflow::output_stationary;
    const double operands = narrowest * (outputs_stay ? 2.0 : 1.0);
    const double summed =
        static_cast<double>(spec.matrix.depth) *
        (spec.matrix.feeding == Feeding::tree ? static_cast<double>(spec.matrix.rows) : 1.0);
    ActionPrice price{
        .picojoules = bit.picojoules * (operands + spec.matrix.accumulator_bits / summed),
        .source = bit.source,
        .not_modelled = {}};
    for (const CellMemory& memory : spec.matrix.cell_memories) {
        const ActionPrice access = cell_memory_price(spec, memory, tables, silicon);
        price.picojoules += access.picojoules;
        price.source = joined({price.source, access.source});
    }
    return price;
}

ActionPrice accumulator_price(const NpuSpec& spec, const EnergyTables& tables, Silicon silicon) {
    const EnergyPrice add = tables.price("add_int32", silicon);
    const double word_bits = spec.matrix.accumulator_bits;
    constexpr std::int64_t kSmallest = 1024;  // below it, registers
    if (spec.matrix.dataflow == Dataflow::output_stationary ||
        spec.matrix.accumulator_bytes < kSmallest) {
        const EnergyPrice bit = tables.register_bit(silicon);
        return {.picojoules = add.picojoules + bit.picojoules * word_bits,
                .source = joined({add.source, bit.source}),
                .not_modelled = {}};
    }
    // A row of the memory holds a word for each column, as wide as the table knows.
    constexpr std::int64_t kWidest = 128;
    const std::int64_t width = std::clamp<std::int64_t>(
        spec.matrix.columns * spec.matrix.accumulator_bits / 8, 8, kWidest);
    const std::int64_t banks =
        std::max<std::int64_t>(1, spec.matrix.columns * spec.matrix.accumulator_bits / 8 / width);
    const sram::Cost cost = sram::SramEnergy(tables).cost({.bytes = spec.matrix.accumulator_bytes,
                                                           .width_bytes = width,
                                                           .banks = static_cast<int>(banks),
                                                           .cell = cell_of(spec)},
                                                          silicon);
    const double words = static_cast<double>(width) * 8 / word_bits;
    return {.picojoules = add.picojoules + (cost.read_pj + cost.write_pj) / words,
            .source = joined({add.source, cost.source}),
            .not_modelled = {}};
}

DataType lane_type(const NpuSpec& spec, bool floating) {
    if (spec.vector.lane_bits <= 8) return floating ? DataType::fp8 : DataType::int8;
    if (spec.vector.lane_bits <= 16) return floating ? DataType::fp16 : DataType::int16;
    return floating ? DataType::fp32 : DataType::int32;
}

std::vector<StaticPower> static_power_of(const NpuSpec& spec, const sram::Cost& scratchpad,
                                         const std::optional<IdlePower>& idle) {
    const double leakage = scratchpad.leakage_w * spec.cores;
    std::vector<StaticPower> powers = {{.name = "scratchpad.leakage",
                                        .component = EnergyComponent::static_,
                                        .watts = leakage,
                                        .source = scratchpad.source}};
    if (idle && idle->watts > leakage)
        powers.push_back({.name = "idle",
                          .component = EnergyComponent::static_,
                          .watts = idle->watts - leakage,
                          .source = idle->source});
    return powers;
}

}  // namespace

NpuPrices price_npu(const NpuSpec& spec, const std::optional<IdlePower>& idle,
                    const EnergyTables& tables, Silicon silicon) {
    NpuPrices prices;
    const auto set = [&](const std::string& name, double picojoules, const std::string& source) {
        prices.actions[name] = {.picojoules = picojoules, .source = source, .not_modelled = {}};
    };
    for (const TypeRate& rate : spec.matrix.rates) {
        const std::string pair =
            fmt::format("{}.{}", to_string(rate.first), to_string(rate.second));
        const EnergyPrice mac = tables.mac(rate.first, rate.second, silicon);
        const bool floating = is_floating(rate.first) || is_floating(rate.second);
        const EnergyPrice add = tables.price(floating ? "add_fp32" : "add_int32", silicon);
        set("mac." + pair, mac.picojoules, mac.source);
        set("mac_padding." + pair, add.picojoules, add.source);
    }
    prices.actions["register"] = register_price(spec, tables, silicon);
    prices.actions["accumulator"] = accumulator_price(spec, tables, silicon);

    const sram::Cost scratchpad = scratchpad_cost(spec, tables, silicon);
    const EnergyPrice wire = tables.wire_bit_mm(silicon);
    const double access_bits = 8.0 * static_cast<double>(spec.scratchpad.bytes_per_cycle_per_bank);
    const double way = access_bits * scratchpad.distance_mm * wire.picojoules;
    const std::string source = joined({scratchpad.source, wire.source});
    set("scratchpad.read", scratchpad.read_pj + way, source);
    set("scratchpad.write", scratchpad.write_pj + way, source);

    const EnergyPrice integer = tables.vector_operation(lane_type(spec, false), silicon);
    const EnergyPrice floating = tables.vector_operation(lane_type(spec, true), silicon);
    set("vector.integer", integer.picojoules, integer.source);
    set("vector.floating", floating.picojoules, floating.source);
    set("dma.byte", 8 * 2 * scratchpad.distance_mm * wire.picojoules, wire.source);

    if (spec.matrix.winograd != Winograd::none) {
        const EnergyPrice sum = tables.price("add_int32", silicon);
        set("transform", sum.picojoules, sum.source);
    }

    if (spec.matrix.dataflow == Dataflow::row_stationary) {
        int widest = 0;
        for (const TypeRate& rate : spec.matrix.rates)
            widest = std::max({widest, bits(rate.first), bits(rate.second)});
        const double mm = static_cast<double>(spec.matrix.cell_pitch_um) * 1e-3;
        set("carried", widest * mm * wire.picojoules, wire.source);
        if (spec.matrix.cell_pitch_um == 0)
            prices.actions["carried"].not_modelled = "the cells' pitch is not known";
    }

    prices.static_power = static_power_of(spec, scratchpad, idle);
    return prices;
}

}  // namespace perfwatt::npu

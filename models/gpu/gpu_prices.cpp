#include "models/gpu/gpu_prices.h"

#include <fmt/format.h>

#include "models/sram/sram_energy.h"

namespace perfwatt::gpu {
namespace {

constexpr std::string_view kEstimated = "estimated: ";
constexpr std::int64_t kAccessBytes = 128;  // a warp's 32 words of 4 bytes
constexpr int kL2Banks = 16;

/// A price with the overhead in it is an estimate.
std::string with_overhead(std::string source, const std::string& overhead) {
    if (source.starts_with(kEstimated)) source.erase(0, kEstimated.size());
    return fmt::format("{}{}; overhead: {}", kEstimated, source, overhead);
}

/// Tensor pipes align the products of a sum to their largest and add them as integers (Fasi et al.,
/// "Numerical behavior of NVIDIA tensor cores", PeerJ CS 7:e330, 2021): no sum is normalised by
/// itself. Narrower types take the same cells twice at a time, wider ones half: where a pipe
/// multiplies halves, a cycle costs what theirs does.
EnergyPrice mac_price(const GpuSpec& spec, const MathRate& rate, const EnergyTables& tables,
                      Silicon silicon) {
    if (rate.pipe != Pipe::tensor) return tables.mac(rate.first, rate.first, silicon);
    const MathRate* halves = rate_of(spec, DataType::fp16, DataType::fp16);
    const MathRate& same = halves != nullptr && halves->pipe == Pipe::tensor ? *halves : rate;
    EnergyPrice mac = tables.mac(same.first, same.first, silicon);
    if (is_floating(same.first))
        mac.picojoules += tables.price("add_int32", silicon).picojoules -
                          tables.price("add_fp32", silicon).picojoules;
    mac.picojoules *=
        static_cast<double>(same.macs_per_cycle) / static_cast<double>(rate.macs_per_cycle);
    mac.source += "; added as integers, and by the rate of the type";
    return mac;
}

}  // namespace

GpuPrices price_gpu(const GpuSpec& spec, const PowerFile& power, const EnergyTables& tables,
                    Silicon silicon) {
    GpuPrices prices;
    const auto set = [&](const std::string& name, double picojoules, const std::string& source) {
        prices.actions[name] = {.picojoules = picojoules * (1 + power.switching_overhead),
                                .source = with_overhead(source, power.overhead_source),
                                .not_modelled = {}};
    };
    for (const MathRate& rate : spec.rates) {
        const EnergyPrice mac = mac_price(spec, rate, tables, silicon);
        set(fmt::format("mac.{}.{}", to_string(rate.first), to_string(rate.second)), mac.picojoules,
            mac.source);
    }
    const sram::SramEnergy memories(tables);
    const sram::Cost shared = memories.cost({.bytes = spec.shared_bytes,
                                             .width_bytes = kAccessBytes,
                                             .banks = 1,
                                             .cell = sram::Cell::hp},
                                            silicon);
    set("shared.byte", (shared.read_pj + shared.write_pj) / kAccessBytes, shared.source);
    const EnergyPrice bit = tables.register_bit(silicon);
    set("register.byte", 8 * bit.picojoules, bit.source);
    const EnergyPrice lane = tables.vector_operation(DataType::fp32, silicon);
    set("vector", lane.picojoules, lane.source);
    const sram::Cost l2 = memories.cost({.bytes = spec.l2.bytes,
                                         .width_bytes = kAccessBytes,
                                         .banks = kL2Banks,
                                         .cell = sram::Cell::lstp},
                                        silicon);
    const EnergyPrice wire = tables.wire_bit_mm(silicon);
    const double way = 8 * l2.distance_mm * wire.picojoules;
    set("l2.byte", l2.read_pj / kAccessBytes + way, l2.source + "; " + wire.source);
    set("memory.byte", way, wire.source);
    const auto set_issue = [&](const std::string& name, double additions, const std::string& why) {
        prices.actions[name] = {.picojoules = lane.picojoules * additions,
                                .source = with_overhead(lane.source, why),
                                .not_modelled = additions > 0 ? "" : "the chip's overhead is zero"};
    };
    set_issue("issue.lane", power.lane_overhead, power.lane_source);
    set_issue("issue.tensor", power.tensor_overhead, power.tensor_source);
    if (power.idle)
        prices.static_power.push_back({.name = "idle",
                                       .component = EnergyComponent::static_,
                                       .watts = power.idle->watts,
                                       .source = power.idle->source});
    if (power.board)
        prices.static_power.push_back({.name = "board",
                                       .component = EnergyComponent::static_,
                                       .watts = power.board->watts,
                                       .source = power.board->source,
                                       .of_board = true});
    return prices;
}

}  // namespace perfwatt::gpu

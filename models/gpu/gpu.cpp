#include "models/gpu/gpu.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "models/gpu/attention.h"
#include "models/gpu/contraction.h"
#include "models/gpu/stream.h"
#include "sim/arch/type_pairs.h"
#include "sim/base/diagnostics.h"
#include "sim/base/math.h"

namespace perfwatt::gpu {
namespace {

/// The actions after those of the rates, in the order of action_names().
enum After : std::size_t {
    kShared,
    kRegister,
    kVector,
    kL2,
    kMemory,
    kIssueLane,
    kIssueTensor,
    kAfter
};

std::string pair_name(const MathRate& rate) {
    return fmt::format("{}.{}", to_string(rate.first), to_string(rate.second));
}

std::vector<Action> actions_of(const GpuSpec& spec) {
    std::vector<Action> actions;
    for (const MathRate& rate : spec.rates)
        add_unpriced(actions, "mac." + pair_name(rate), "MAC",
                     "products and their sums, padding included", EnergyComponent::mac);
    add_unpriced(actions, "shared.byte", "B", "operands of blocks into and out of shared memory",
                 EnergyComponent::sram);
    add_unpriced(actions, "register.byte", "B",
                 "operands and accumulators through the register file", EnergyComponent::reg);
    add_unpriced(actions, "vector", "lane-operation", "work of the vector pipes",
                 EnergyComponent::mac);
    add_unpriced(actions, "l2.byte", "B", "bytes between L2 and SMs", EnergyComponent::sram);
    add_unpriced(actions, "memory.byte", "B", "bytes between the memory's port and the L2",
                 EnergyComponent::link);
    add_unpriced(actions, "issue.lane", "lane-instruction",
                 "instructions of vector lanes, with their operands' ways", EnergyComponent::mac);
    add_unpriced(actions, "issue.tensor", "SM-cycle",
                 "cycles that the tensor pipes of an SM work, with their operands' ways",
                 EnergyComponent::mac);
    return actions;
}

std::int64_t operand_bytes(std::int64_t elements, DataType type) { return bytes(type, elements); }

}  // namespace

std::vector<std::string> action_names(const GpuSpec& spec) { return names_of(actions_of(spec)); }

Gpu::Gpu(GpuSpec spec, GpuPrices prices, std::vector<MemoryPort> memories)
    : spec_(std::move(spec)), prices_(std::move(prices)), memories_(std::move(memories)) {
    (void)priced(actions_of(spec_), prices_.actions);
    PERFWATT_CHECK(!memories_.empty(), "a GPU has a memory");
}

std::vector<Unit> Gpu::units() const {
    return {{.name = "memory", .kind = UnitKind::dma},
            {.name = "sm.matrix", .kind = UnitKind::matrix},
            {.name = "sm.vector", .kind = UnitKind::vector}};
}

OnChipMemory Gpu::on_chip() const {
    const auto kept =
        static_cast<std::int64_t>(static_cast<double>(spec_.l2.bytes) * spec_.l2.retained);
    return {.bytes_per_core = kept,
            .cores = 1,
            .alignment = 128,
            .weight_bytes = kept,
            .activation_bytes = kept};
}

Peak Gpu::peak(DataType first, DataType second) const {
    const MathRate* rate = rate_of(spec_, first, second);
    return {.macs_per_second =
                rate != nullptr ? rate->macs_per_cycle * spec_.sms * spec_.clock.hertz() : 0,
            .vector_operations_per_second = spec_.vector_lanes * spec_.sms * spec_.clock.hertz()};
}

std::optional<Infeasible> Gpu::refuses(const Kernel& kernel) const {
    if (std::holds_alternative<HostWork>(kernel.work))
        return Infeasible{"data-dependent work, which is left to the host"};
    if (std::holds_alternative<Collective>(kernel.work))
        return Infeasible{"data exchanged between chips, which links do"};
    if (!kernel.fused_pooling.empty()) return Infeasible{"pooling is not fused onto a contraction"};
    DataType first, second;
    if (const auto* work = std::get_if<Contraction>(&kernel.work)) {
        first = work->first_type;
        second = work->second_type;
    } else if (const auto* attention = std::get_if<Attention>(&kernel.work)) {
        first = attention->query_type;
        second = attention->cache_type;
    } else {
        return std::nullopt;
    }
    if (rate_of(spec_, first, second) != nullptr) return std::nullopt;
    return no_such_pair("an SM has", "it has", spec_.rates, first, second);
}

std::variant<MappingChoice, Infeasible> Gpu::map(const MappingRequest& request) const {
    if (std::optional<Infeasible> refused = refuses(*request.kernel)) return *refused;
    if (std::holds_alternative<Contraction>(request.kernel->work))
        return map_contraction(spec_, memories_, request);
    if (std::holds_alternative<Attention>(request.kernel->work))
        return map_attention(spec_, memories_, request);
    return map_stream(spec_, memories_, request);
}

std::variant<Plan, Infeasible> Gpu::plan(const MappingRequest& request,
                                         const Mapping& mapping) const {
    if (std::optional<Infeasible> refused = refuses(*request.kernel)) return *refused;
    if (std::holds_alternative<Contraction>(request.kernel->work)) {
        const auto choice = choice_from(mapping);
        if (const auto* wrong = std::get_if<Infeasible>(&choice)) return *wrong;
        return plan_contraction(spec_, memories_, request, std::get<ContractionChoice>(choice));
    }
    if (std::holds_alternative<Attention>(request.kernel->work)) {
        const auto choice = attention_from(mapping);
        if (const auto* wrong = std::get_if<Infeasible>(&choice)) return *wrong;
        return plan_attention(spec_, memories_, request, std::get<AttentionChoice>(choice));
    }
    for (const auto& [key, value] : mapping)
        if (key != "limit")
            return Infeasible{fmt::format("mapping: '{}: {}' is not understood", key, value)};
    return plan_stream(spec_, memories_, request);
}

std::variant<Time, Infeasible> Gpu::cost(const MappingRequest& request,
                                         const Mapping& mapping) const {
    const auto answer = plan(request, mapping);
    if (const auto* wrong = std::get_if<Infeasible>(&answer)) return *wrong;
    return time_of(spec_, memories_, std::get<Plan>(answer)).total;
}

void Gpu::emit(const MappingRequest& request, const Mapping& mapping, LayerId layer,
               ProgramBuilder& program) const {
    const auto answer = plan(request, mapping);
    PERFWATT_CHECK(std::holds_alternative<Plan>(answer), "emitting no mapping of ours");
    emit_plan(spec_, std::get<Plan>(answer), request.free, layer, program);
}

bool Gpu::fuses(const std::vector<const Kernel*>& chain) const {
    if (!spec_.library.fuses_chains) return false;
    for (const Kernel* kernel : chain)
        if (refuses(*kernel)) return false;
    return fits_a_block(spec_, chain);
}

std::int64_t Gpu::skipped_macs(const Kernel& kernel) const {
    const auto* work = std::get_if<Attention>(&kernel.work);
    return work != nullptr ? work->macs() - visible_macs(*work) : 0;
}

Time Gpu::duration(const Command& command) const {
    if (const auto* tile = std::get_if<Contract>(&command.work))
        return gpu::time_of(spec_, block_timing(spec_, block_work(*tile)).cycles);
    if (const auto* vector = std::get_if<Vector>(&command.work))
        return gpu::time_of(spec_, vector_cycles(spec_, *vector));
    if (const auto* delay = std::get_if<Delay>(&command.work)) return delay->duration;
    return Time::zero();  // of a transfer: what port and memory make of it
}

Time Gpu::fill_drain(const Command& command) const {
    if (const auto* tile = std::get_if<Contract>(&command.work))
        return std::min(duration(command),
                        gpu::time_of(spec_, block_timing(spec_, block_work(*tile)).fill_drain));
    return Time::zero();
}

DmaPort Gpu::dma_port() const {
    return {.bytes_per_second = usable_bytes_per_second(memories_.front(), spec_.memory_efficiency),
            .setup = Time::zero()};
}

std::vector<Action> Gpu::actions() const { return priced(actions_of(spec_), prices_.actions); }

void Gpu::count(const Command& command, std::span<const ActionId> ids, Counts& counts) const {
    PERFWATT_CHECK(ids.size() == spec_.rates.size() + kAfter, "ids of other actions");
    const int layer = command.layer.value;
    const auto add = [&](After action, std::int64_t n) {
        counts.add(layer, ids[spec_.rates.size() + action], n);
    };
    if (const auto* tile = std::get_if<Contract>(&command.work)) {
        const MathRate* rate = rate_of(spec_, tile->first_type, tile->second_type);
        const auto place = static_cast<std::size_t>(rate - spec_.rates.data());
        counts.add(layer, ids[place], executed_macs(*tile));
        if (rate->pipe == Pipe::tensor)
            add(kIssueTensor, ceil_div(executed_macs(*tile), rate->macs_per_cycle));
        else
            add(kIssueLane, executed_macs(*tile));
        const std::int64_t first = operand_bytes(tile->m * tile->k, tile->first_type);
        const std::int64_t second = operand_bytes(tile->n * tile->k, tile->second_type);
        const bool handed_on = is_handed_on(block_work(*tile));
        add(kShared, tile->repeat * (first + second));
        add(kL2, tile->repeat * (second + (handed_on ? 0 : first)) / spec_.library.cluster_side);
        // Fragments of 16 x 16 x 16 products: operands and accumulators once for 16 products each.
        constexpr std::int64_t kFragment = 16;
        const std::int64_t products = tile->m * tile->n * tile->k * tile->repeat;
        add(kRegister, operand_bytes(products / kFragment, tile->first_type) +
                           operand_bytes(products / kFragment, tile->second_type) +
                           products / kFragment * 8);
        const std::int64_t conversions =
            rate->conversion_operations * tile->n * tile->k * tile->repeat;
        add(kVector, conversions);
        add(kIssueLane, conversions);
    } else if (const auto* vector = std::get_if<Vector>(&command.work)) {
        add(kVector, vector->operations);
        add(kIssueLane, vector->operations);
        add(kL2, vector->read_bytes + vector->write_bytes);
        add(kRegister, 8 * vector->operations);
    } else if (const auto* load = std::get_if<Load>(&command.work)) {
        add(kMemory, load->source.bytes());
    } else if (const auto* store = std::get_if<Store>(&command.work)) {
        add(kMemory, store->target.bytes());
    }
}

std::vector<StaticPower> Gpu::static_power() const { return prices_.static_power; }

}  // namespace perfwatt::gpu

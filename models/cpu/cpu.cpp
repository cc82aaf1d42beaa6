#include "models/cpu/cpu.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/arch/type_pairs.h"
#include "sim/base/diagnostics.h"
#include "sim/base/math.h"

namespace perfwatt::cpu {
namespace {

/// The actions after those of the rates, in the order of action_names().
enum After : std::size_t { kVector, kInstruction, kL1, kL2, kLlc, kAfter };

std::vector<Action> actions_of(const CpuSpec& spec) {
    std::vector<Action> actions;
    for (const MathRate& rate : spec.rates)
        add_unpriced(actions,
                     fmt::format("mac.{}.{}", to_string(rate.first), to_string(rate.second)), "MAC",
                     "products and their sums, padding included", EnergyComponent::mac);
    add_unpriced(actions, "vector", "lane-operation", "other work of the SIMD pipes",
                 EnergyComponent::mac);
    add_unpriced(actions, "instruction", "instruction", "SIMD instructions, loads included",
                 EnergyComponent::reg);
    add_unpriced(actions, "l1.byte", "B", "bytes between registers and L1", EnergyComponent::sram);
    add_unpriced(actions, "l2.byte", "B", "bytes between L1 and L2", EnergyComponent::sram);
    add_unpriced(actions, "llc.byte", "B", "bytes between L2 and the last cache",
                 EnergyComponent::sram);
    return actions;
}

}  // namespace

std::vector<std::string> action_names(const CpuSpec& spec) { return names_of(actions_of(spec)); }

Cpu::Cpu(CpuSpec spec, std::map<std::string, ActionPrice> prices, std::vector<StaticPower> powers,
         std::vector<MemoryPort> memories)
    : spec_(std::move(spec)),
      prices_(std::move(prices)),
      powers_(std::move(powers)),
      memories_(std::move(memories)) {
    (void)priced(actions_of(spec_), prices_);
    PERFWATT_CHECK(!memories_.empty(), "a CPU has a memory");
}

std::vector<Unit> Cpu::units() const {
    return {{.name = "memory", .kind = UnitKind::dma},
            {.name = "cores.products", .kind = UnitKind::matrix},
            {.name = "cores.lanes", .kind = UnitKind::vector}};
}

OnChipMemory Cpu::on_chip() const {
    const auto kept =
        static_cast<std::int64_t>(static_cast<double>(spec_.llc.bytes) * spec_.llc_retained);
    return {.bytes_per_core = kept,
            .cores = 1,
            .alignment = 64,
            .weight_bytes = kept,
            .activation_bytes = kept};
}

Peak Cpu::peak(DataType first, DataType second) const {
    const MathRate* rate = rate_of(spec_, first, second);
    return {.macs_per_second =
                rate != nullptr ? rate->macs_per_cycle * spec_.cores * spec_.clock.hertz() : 0,
            .vector_operations_per_second = spec_.vector_lanes * spec_.cores * spec_.clock.hertz()};
}

std::optional<Infeasible> Cpu::refuses(const Kernel& kernel) const {
    if (std::holds_alternative<HostWork>(kernel.work))
        return Infeasible{"data-dependent work, which is priced as the host's"};
    if (std::holds_alternative<Attention>(kernel.work))
        return Infeasible{"attention is done as two contractions with a softmax between"};
    if (!kernel.fused_pooling.empty()) return Infeasible{"pooling is not fused onto a contraction"};
    const auto* work = std::get_if<Contraction>(&kernel.work);
    if (work == nullptr || rate_of(spec_, work->first_type, work->second_type) != nullptr)
        return std::nullopt;
    return no_such_pair("the cores have", "they have", spec_.rates, work->first_type,
                        work->second_type);
}

std::variant<MappingChoice, Infeasible> Cpu::map(const MappingRequest& request) const {
    if (std::optional<Infeasible> refused = refuses(*request.kernel)) return *refused;
    MappingChoice choice = planner().map(request);
    if (const auto* work = std::get_if<Contraction>(&request.kernel->work))
        choice.bound =
            transfer_time(work->macs(), peak(work->first_type, work->second_type).macs_per_second);
    return choice;
}

std::variant<Time, Infeasible> Cpu::cost(const MappingRequest& request,
                                         const Mapping& mapping) const {
    if (std::optional<Infeasible> refused = refuses(*request.kernel)) return *refused;
    const auto plan = planner().plan(request, mapping);
    if (const auto* wrong = std::get_if<Infeasible>(&plan)) return *wrong;
    return planner().time(std::get<Plan>(plan)).total;
}

void Cpu::emit(const MappingRequest& request, const Mapping& mapping, LayerId layer,
               ProgramBuilder& program) const {
    const auto plan = planner().plan(request, mapping);
    PERFWATT_CHECK(std::holds_alternative<Plan>(plan), "emitting no mapping of ours");
    planner().emit(std::get<Plan>(plan), request.free, layer, program);
}

Time Cpu::duration(const Command& command) const {
    if (const auto* tile = std::get_if<Contract>(&command.work))
        return cpu::time_of(spec_, task_of(*tile), tile->repeat);
    if (const auto* vector = std::get_if<Vector>(&command.work))
        return cpu::time_of(spec_, *vector);
    if (const auto* delay = std::get_if<Delay>(&command.work)) return delay->duration;
    return Time::zero();  // of a transfer: what port and memory make of it
}

std::int64_t Cpu::executed_macs(const Contract& tile) const {
    return work_of(spec_, task_of(tile)).executed_macs * tile.repeat;
}

DmaPort Cpu::dma_port() const {
    return {.bytes_per_second = usable_bytes_per_second(memories_.front(), spec_.memory_efficiency),
            .setup = Time::zero()};
}

std::vector<Action> Cpu::actions() const { return priced(actions_of(spec_), prices_); }

void Cpu::count(const Command& command, std::span<const ActionId> ids, Counts& counts) const {
    PERFWATT_CHECK(ids.size() == spec_.rates.size() + kAfter, "ids of other actions");
    const auto add = [&](After action, std::int64_t n) {
        counts.add(command.layer.value, ids[spec_.rates.size() + action], n);
    };
    if (const auto* tile = std::get_if<Contract>(&command.work)) {
        const MathRate* rate = rate_of(spec_, tile->first_type, tile->second_type);
        const TaskWork work = work_of(spec_, task_of(*tile));
        counts.add(command.layer.value, ids[static_cast<std::size_t>(rate - spec_.rates.data())],
                   work.executed_macs * tile->repeat);
        const std::int64_t a_instruction =
            std::max<std::int64_t>(1, rate->macs_per_cycle / spec_.simd_pipes);
        add(kInstruction, tile->repeat * (ceil_div(work.executed_macs, a_instruction) +
                                          ceil_div(work.l1_bytes, spec_.simd_bytes)));
        add(kL1, tile->repeat * work.l1_bytes);
        add(kL2, tile->repeat * work.l2_bytes);
        add(kLlc, tile->repeat * work.llc_bytes);
    } else if (const auto* vector = std::get_if<Vector>(&command.work)) {
        const std::int64_t lanes = std::max<std::int64_t>(1, spec_.simd_bytes / 4);
        add(kVector, vector->operations);
        add(kInstruction, ceil_div(vector->operations, lanes));
        const std::int64_t bytes = vector->read_bytes + vector->write_bytes;
        add(kL1, bytes);
        add(kL2, bytes);
        add(kLlc, bytes);
    }
}

}  // namespace perfwatt::cpu

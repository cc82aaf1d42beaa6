#include "models/npu/npu.h"

#include <fmt/format.h>

#include "models/npu/attention.h"
#include "models/npu/emit.h"
#include "models/npu/mapper.h"
#include "models/npu/matrix_timing.h"
#include "models/npu/npu_device.h"
#include "models/npu/stream.h"
#include "models/npu/tiling.h"
#include "models/npu/vector_timing.h"
#include "sim/arch/type_pairs.h"
#include "sim/base/math.h"

namespace perfwatt::npu {
namespace {

/// The actions after the two of each rate, in the order of action_names().
enum After : std::size_t {
    kRegister,
    kAccumulator,
    kRead,
    kWrite,
    kInteger,
    kFloating,
    kDma,
    kAfter,
    kTransform = kAfter,  ///< of units with Winograd's transforms only
    kCarried = kAfter,    ///< of units through which rows slide, which have no transforms
};

bool has_networks(const NpuSpec& spec) { return spec.matrix.dataflow == Dataflow::row_stationary; }

std::string pair_name(const TypeRate& rate) {
    return fmt::format("{}.{}", to_string(rate.first), to_string(rate.second));
}

/// Counts what one command does.
class Counter {
  public:
    Counter(const NpuSpec& spec, std::span<const ActionId> ids, int layer, Counts& counts)
        : spec_(spec), ids_(ids), layer_(layer), counts_(counts) {}

    void operator()(const Load& load) const {
        write(load.target.bytes);
        add(kDma, load.target.bytes);
    }
    void operator()(const Store& store) const {
        read(store.source.bytes);
        add(kDma, store.source.bytes);
    }
    void operator()(const Contract& tile) const {
        const MatrixWork work = matrix_work(spec_, tile);
        const TypeRate* rate = rate_of(spec_.matrix, tile.first_type, tile.second_type);
        const auto place = static_cast<std::size_t>(rate - spec_.matrix.rates.data());
        const std::int64_t needed = tile.useful_macs - tile.saved_macs;
        const std::int64_t moving = work.executed_macs - tile.gated_macs;
        counts_.add(layer_, ids_[2 * place], needed - tile.gated_macs);
        counts_.add(layer_, ids_[2 * place + 1], work.executed_macs - needed);
        if (spec_.matrix.winograd != Winograd::none) add(kTransform, tile.transform_sums);
        if (has_networks(spec_)) add(kCarried, work.carried);
        add(kRegister, moving);
        add(kAccumulator, work.accumulations);
        read(work.first_bytes + work.second_bytes + work.spill_read_bytes);
        write(work.spill_write_bytes + work.output_bytes);
    }
    void operator()(const Vector& vector) const {
        add(is_floating(vector.type) ? kFloating : kInteger, vector.operations);
        read(vector.read_bytes);
        write(vector.write_bytes);
    }
    void operator()(const Delay&) const {}
    void operator()(const Exchange&) const {}

  private:
    void add(After action, std::int64_t n) const {
        counts_.add(layer_, ids_[2 * spec_.matrix.rates.size() + action], n);
    }
    void read(std::int64_t bytes) const {
        add(kRead, ceil_div(bytes, spec_.scratchpad.bytes_per_cycle_per_bank));
    }
    void write(std::int64_t bytes) const {
        add(kWrite, ceil_div(bytes, spec_.scratchpad.bytes_per_cycle_per_bank));
    }

    const NpuSpec& spec_;
    std::span<const ActionId> ids_;
    int layer_;
    Counts& counts_;
};

/// What a plan costs under a cut of it, or why that does not fit.
template <class Plan, class CutOfIt>
std::variant<Time, Infeasible> cost_of(const Plan& plan, const CutOfIt& cut, int cores) {
    if (cut.cores > cores)
        return Infeasible{fmt::format("mapping: more cores than the {} in use", cores)};
    const auto layout = plan.layout(cut);
    if (const auto* misfit = std::get_if<Infeasible>(&layout)) return *misfit;
    return plan.cost(cut);
}

std::vector<Action> actions_of(const NpuSpec& spec) {
    const std::string access =
        fmt::format("access of {} B", spec.scratchpad.bytes_per_cycle_per_bank);
    std::vector<Action> actions;
    for (const TypeRate& rate : spec.matrix.rates) {
        add_unpriced(actions, "mac." + pair_name(rate), "MAC", "useful multiply-accumulates",
                     EnergyComponent::mac);
        add_unpriced(actions, "mac_padding." + pair_name(rate), "MAC", "cells clocked for padding",
                     EnergyComponent::mac);
    }
    add_unpriced(actions, "register", "MAC", "operands moved into a cell's registers",
                 EnergyComponent::reg);
    add_unpriced(actions, "accumulator", "partial sum",
                 "partial sums read, added to and written back", EnergyComponent::reg);
    add_unpriced(actions, "scratchpad.read", access, "scratchpad reads", EnergyComponent::sram);
    add_unpriced(actions, "scratchpad.write", access, "scratchpad writes", EnergyComponent::sram);
    add_unpriced(actions, "vector.integer", "lane-operation", "integer work of the vector unit",
                 EnergyComponent::mac);
    add_unpriced(actions, "vector.floating", "lane-operation",
                 "floating-point work of the vector unit", EnergyComponent::mac);
    add_unpriced(actions, "dma.byte", "B", "bytes between the memory port and the scratchpad",
                 EnergyComponent::link);
    if (spec.matrix.winograd != Winograd::none)
        add_unpriced(actions, "transform", "addition", "sums of Winograd's transforms",
                     EnergyComponent::mac);
    if (has_networks(spec))
        add_unpriced(actions, "carried", "word past a cell", "words on the networks of the cells",
                     EnergyComponent::link);
    return actions;
}

}  // namespace

std::vector<std::string> action_names(const NpuSpec& spec) { return names_of(actions_of(spec)); }

Npu::Npu(NpuSpec spec, NpuPrices prices, std::vector<MemoryPort> memories)
    : spec_(std::move(spec)), prices_(std::move(prices)), memories_(std::move(memories)) {
    (void)priced(actions_of(spec_), prices_.actions);
    PERFWATT_CHECK(!memories_.empty() && memories_.size() <= 8, "one to eight memories");
}

std::vector<Unit> Npu::units() const {
    std::vector<Unit> units;
    for (int core = 0; core < spec_.cores; ++core) {
        const auto add = [&](const std::string& name, UnitKind kind) {
            units.push_back(
                {.name = fmt::format("core{}.{}", core, name), .kind = kind, .core = core});
        };
        for (int engine = 0; engine < spec_.dma.engines; ++engine) {
            add(fmt::format("dma{}.read", engine), UnitKind::dma);
            add(fmt::format("dma{}.write", engine), UnitKind::dma);
        }
        add("matrix", UnitKind::matrix);
        add("vector", UnitKind::vector);
    }
    return units;
}

OnChipMemory Npu::on_chip() const {
    const ScratchpadSpec& scratchpad = spec_.scratchpad;
    return {.bytes_per_core = scratchpad.bytes,
            .cores = spec_.cores,
            .alignment = scratchpad.bytes_per_cycle_per_bank,
            .weight_bytes = scratchpad.weight_bytes,
            .activation_bytes = scratchpad.activation_bytes,
            .splits_weights = true};
}

Peak Npu::peak(DataType first, DataType second) const {
    return {.macs_per_second = peak_macs_per_second(spec_, first, second),
            .vector_operations_per_second = spec_.vector.lanes * spec_.clock.hertz() * spec_.cores};
}

std::optional<Infeasible> Npu::refuses(const Kernel& kernel) const {
    if (std::holds_alternative<HostWork>(kernel.work))
        return Infeasible{"data-dependent work, which no unit of an NPU does"};
    if (!kernel.fused_pooling.empty() && !spec_.vector.pools)
        return Infeasible{"pooling is not fused onto a contraction"};
    DataType first = DataType::int8;
    DataType second = DataType::int8;
    if (const auto* work = std::get_if<Contraction>(&kernel.work)) {
        first = work->first_type, second = work->second_type;
    } else if (const auto* attention = std::get_if<Attention>(&kernel.work)) {
        first = attention->query_type, second = attention->cache_type;
    } else {
        return std::nullopt;
    }
    if (rate_of(spec_.matrix, first, second) != nullptr) return std::nullopt;
    return no_such_pair("the matrix unit has", "it has", spec_.matrix.rates, first, second);
}

std::variant<MappingChoice, Infeasible> Npu::map(const MappingRequest& request) const {
    if (std::optional<Infeasible> refused = refuses(*request.kernel)) return *refused;
    if (std::holds_alternative<Contraction>(request.kernel->work))
        return map_contraction(ContractionPlan(*this, request), spec_);
    if (std::holds_alternative<Attention>(request.kernel->work))
        return AttentionPlan(*this, request).map();
    return StreamPlan(*this, request).map();
}

std::variant<Time, Infeasible> Npu::cost(const MappingRequest& request,
                                         const Mapping& mapping) const {
    if (std::optional<Infeasible> refused = refuses(*request.kernel)) return *refused;
    if (std::holds_alternative<Contraction>(request.kernel->work)) {
        const auto tiling = tiling_from(mapping);
        if (const auto* wrong = std::get_if<Infeasible>(&tiling)) return *wrong;
        return cost_of(ContractionPlan(*this, request), std::get<Tiling>(tiling),
                       usable_cores(spec_, request));
    }
    if (std::holds_alternative<Attention>(request.kernel->work)) {
        const auto cut = attention_cut_from(mapping);
        if (const auto* wrong = std::get_if<Infeasible>(&cut)) return *wrong;
        return cost_of(AttentionPlan(*this, request), std::get<AttentionCut>(cut),
                       usable_cores(spec_, request));
    }
    const auto cut = stream_cut_from(mapping);
    if (const auto* wrong = std::get_if<Infeasible>(&cut)) return *wrong;
    return cost_of(StreamPlan(*this, request), std::get<StreamCut>(cut),
                   usable_cores(spec_, request));
}

/// Of a contraction, what its tiles fetch again too.
Time Npu::memory_time(const MappingRequest& request, const MappingChoice& choice, MemoryId memory,
                      std::int64_t bytes_per_second) const {
    if (std::holds_alternative<Contraction>(request.kernel->work)) {
        const auto tiling = tiling_from(choice.mapping);
        if (const auto* found = std::get_if<Tiling>(&tiling))
            return ContractionPlan(*this, request).traffic_time(*found);
    }
    return Device::memory_time(request, choice, memory, bytes_per_second);
}

void Npu::emit(const MappingRequest& request, const Mapping& mapping, LayerId layer,
               ProgramBuilder& program) const {
    if (std::holds_alternative<Contraction>(request.kernel->work)) {
        const auto tiling = tiling_from(mapping);
        PERFWATT_CHECK(std::holds_alternative<Tiling>(tiling), "emitting no mapping of ours");
        emit_contraction(ContractionPlan(*this, request), std::get<Tiling>(tiling), layer, program);
        return;
    }
    if (std::holds_alternative<Attention>(request.kernel->work)) {
        const auto cut = attention_cut_from(mapping);
        PERFWATT_CHECK(std::holds_alternative<AttentionCut>(cut), "emitting no mapping of ours");
        emit_attention(AttentionPlan(*this, request), std::get<AttentionCut>(cut), layer, program);
        return;
    }
    const auto cut = stream_cut_from(mapping);
    PERFWATT_CHECK(std::holds_alternative<StreamCut>(cut), "emitting no mapping of ours");
    emit_stream(StreamPlan(*this, request), std::get<StreamCut>(cut), layer, program);
}

Time Npu::duration(const Command& command) const {
    if (const auto* tile = std::get_if<Contract>(&command.work))
        return spec_.clock.cycles(matrix_work(spec_, *tile).cycles() +
                                  spec_.command_overhead_cycles);
    if (const auto* vector = std::get_if<Vector>(&command.work))
        return spec_.clock.cycles(vector_cycles(spec_, *vector) + spec_.command_overhead_cycles);
    if (const auto* delay = std::get_if<Delay>(&command.work)) return delay->duration;
    // A transfer takes what memory and links make of it; the engine itself moves this many bytes.
    const auto* load = std::get_if<Load>(&command.work);
    const std::int64_t bytes =
        load != nullptr ? load->target.bytes : std::get<Store>(command.work).source.bytes;
    if (spec_.dma.bytes_per_cycle == 0) return Time::zero();
    return spec_.clock.cycles(ceil_div(bytes, spec_.dma.bytes_per_cycle));
}

Time Npu::fill_drain(const Command& command) const { return npu::fill_drain(spec_, command); }

std::int64_t Npu::executed_macs(const Contract& tile) const {
    return matrix_work(spec_, tile).executed_macs;
}

std::int64_t Npu::weight_bytes(const Kernel& kernel) const {
    const std::int64_t plain = Device::weight_bytes(kernel);
    if (spec_.matrix.winograd_filters == WinogradFilters::on_the_way) return plain;
    const auto& work = std::get<Contraction>(kernel.work);
    const auto transform =
        transform_of(spec_.matrix, work, {.n = work.n, .p = work.p, .q = work.q});
    return transform ? plain * transform->points / (work.r * work.s) : plain;
}

bool Npu::decodes(WeightFormat format) const {
    if (format == WeightFormat::plain) return true;
    const std::vector<WeightFormat>& read = spec_.dma.decodes;
    if (std::find(read.begin(), read.end(), format) != read.end()) return true;
    switch (spec_.matrix.skipping) {
        case Skipping::none:
            return false;
        case Skipping::n_of_m:
            return format == WeightFormat::n_of_m;
        case Skipping::zeros:
            return format != WeightFormat::compressed;
    }
    check_failed("a way of skipping", __FILE__, __LINE__, "unknown");
}

ScratchpadGeometry Npu::scratchpad() const { return scratchpad_geometry(spec_); }

DmaPort Npu::dma_port() const { return npu::dma_port(spec_); }

void Npu::bank_uses(const Command& command, std::vector<BankUse>& uses) const {
    npu::bank_uses(spec_, command, uses);
}

const UnitFactory* Npu::unit_factory() const { return &npu::unit_factory(); }

std::vector<Action> Npu::actions() const { return priced(actions_of(spec_), prices_.actions); }

void Npu::count(const Command& command, std::span<const ActionId> ids, Counts& counts) const {
    const std::size_t after =
        kAfter + (spec_.matrix.winograd != Winograd::none || has_networks(spec_) ? 1 : 0);
    PERFWATT_CHECK(ids.size() == 2 * spec_.matrix.rates.size() + after, "ids of other actions");
    std::visit(Counter(spec_, ids, command.layer.value, counts), command.work);
}

std::vector<StaticPower> Npu::static_power() const { return prices_.static_power; }

}  // namespace perfwatt::npu

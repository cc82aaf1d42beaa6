#include "models/pim/pim_device.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/base/math.h"

namespace perfwatt::pim {
namespace {

constexpr UnitId kDma{0}, kJobs{1}, kVector{2};
/// The compiler lets large tensors begin there where units are in a memory.
constexpr std::int64_t kAlignedForUnits = std::int64_t{1} << 20;
constexpr std::size_t kOperation = 0, kStaging = 1;

bool in_memory(const Placement& placement) { return placement.where == Placement::Where::memory; }

std::int64_t operations(const std::vector<VectorStep>& steps, std::int64_t elements) {
    double each = 0;
    for (const VectorStep& step : steps) each += step.per_element;
    return static_cast<std::int64_t>(std::ceil(each * static_cast<double>(elements)));
}

/// What the controller does to a kernel's elements.
std::int64_t vector_operations(const Kernel& kernel) {
    std::int64_t total = 0;
    for (const Elementwise& fused : kernel.epilogue)
        total += operations(fused.steps, fused.elements);
    if (const auto* work = std::get_if<Elementwise>(&kernel.work))
        total += operations(work->steps, work->elements);
    if (const auto* work = std::get_if<Reduce>(&kernel.work))
        total += operations(work->steps, work->elements);
    return total;
}

/// Tensors that begin in the same bank have equal elements in equal places of their banks.
bool aligned(const MappingRequest& request) {
    for (const auto* places : {&request.inputs, &request.outputs})
        for (const Placement& place : *places)
            if (place.region.address % kAlignedForUnits != 0) return false;
    return true;
}

bool in_banks(const Mapping& mapping) {
    return std::any_of(mapping.begin(), mapping.end(), [](const auto& entry) {
        return entry.first == "units" && entry.second == "banks";
    });
}

/// Pieces of streamed work, of 16 KiB or so: a piece's way overlaps with the work on the last.
std::int64_t pieces_of(const Kernel& kernel) {
    constexpr std::int64_t kPiece = 16 << 10;
    std::int64_t most = 1;
    for (const Operand& operand : kernel.inputs) most = std::max(most, operand.bytes);
    for (const Operand& operand : kernel.outputs) most = std::max(most, operand.bytes);
    return ceil_div(most, kPiece);
}

std::int64_t slice(std::int64_t whole, std::int64_t piece, std::int64_t pieces) {
    return whole * (piece + 1) / pieces - whole * piece / pieces;
}

Region part_of(const Region& region, std::int64_t from, std::int64_t bytes) {
    return {.memory = region.memory,
            .address = region.address + from,
            .row_bytes = bytes,
            .rows = 1,
            .pitch_bytes = bytes};
}

/// Its matrix is a cache, to which every step adds.
bool grows(const Kernel& kernel) {
    return kernel.inputs.size() > 1 && kernel.inputs[1].role == TensorRole::state;
}

/// Bytes of the cache that are new, as they stand before they are laid out.
std::int64_t new_bytes(const Kernel& whole, const PimKernel& kernel) {
    if (!grows(whole)) return 0;
    const bool outputs = kernel.new_outputs > 0;
    return whole.inputs[1].bytes / (outputs ? kernel.outputs : kernel.inputs) *
           (outputs ? kernel.new_outputs : kernel.new_inputs);
}

/// Bytes of partial sums that the controller reads back.
std::int64_t partial_bytes(const PimSpec& memory, const PimProgram& program) {
    return program.reads_back * memory.column_bytes * memory.channels;
}

}  // namespace

PimDevice::PimDevice(PimSpec memory, MemoryId id, std::int64_t bytes_per_second, std::string layout,
                     ControllerSpec controller)
    : memory_(std::move(memory)),
      id_(id),
      bytes_per_second_(bytes_per_second),
      layout_(std::move(layout)),
      controller_(std::move(controller)) {}

std::vector<Unit> PimDevice::units() const {
    return {
        {"dma", UnitKind::dma, 0}, {"units", UnitKind::pim, 0}, {"vector", UnitKind::vector, 0}};
}

OnChipMemory PimDevice::on_chip() const {
    const std::int64_t size = controller_.staging_bytes;
    return {.bytes_per_core = size, .weight_bytes = 0, .activation_bytes = size};
}

Peak PimDevice::peak(DataType first, DataType second) const {
    Peak peak{.macs_per_second = 0,
              .vector_operations_per_second = controller_.operations_per_second};
    if (!memory_.computes(second, first)) return peak;
    const std::int64_t macs =
        std::int64_t{memory_.units} * memory_.channels * memory_.lanes(second);
    peak.macs_per_second =
        static_cast<std::int64_t>(static_cast<double>(macs) / memory_.column_interval.seconds());
    return peak;
}

PimKernel PimDevice::kernel_of(const Kernel& whole, const Mapping& mapping,
                               std::int64_t row) const {
    const auto& work = std::get<Contraction>(whole.work);
    PimKernel kernel{.op = PimOp::gemv,
                     .outputs = work.k,
                     .inputs = work.c,
                     .batch = work.n * work.p * work.q * work.groups_sharing_second,
                     .groups = work.g / work.groups_sharing_second,
                     .weights = work.second_type,
                     .activations = work.first_type,
                     .row = row};
    for (const auto& [key, value] : mapping)
        if (key == "order") kernel.inputs_first = value == "inputs";
    if (grows(whole)) {
        // Each step's keys are outputs of the scores, its values inputs of what they are mixed
        // into.
        const std::int64_t tokens = work.n * work.p * work.q;
        if (whole.operator_type == "perfwatt.AttentionValues")
            kernel.new_inputs = std::min(tokens, kernel.inputs);
        else
            kernel.new_outputs = std::min(tokens, kernel.outputs);
    }
    return kernel;
}

std::int64_t PimDevice::outputs_at_once(const Kernel& kernel) const {
    const auto* work = std::get_if<Contraction>(&kernel.work);
    return work == nullptr ? 1 : pim_tile_outputs(memory_, kernel_of(kernel, {}, 0));
}

std::optional<Infeasible> PimDevice::refuses(const Kernel& kernel) const {
    const auto* work = std::get_if<Contraction>(&kernel.work);
    if (work == nullptr) {
        const bool streams = std::holds_alternative<Elementwise>(kernel.work) ||
                             std::holds_alternative<Reduce>(kernel.work) ||
                             std::holds_alternative<Move>(kernel.work);
        if (streams) return std::nullopt;
        return Infeasible{"units in a memory and their controller do not do this"};
    }
    if (!kernel.fused_pooling.empty()) return Infeasible{"pooling is not fused"};
    if (work->r * work->s != 1 || work->stride_h * work->stride_w != 1)
        return Infeasible{"its filters are larger than 1 x 1: units multiply matrices"};
    if (work->group_layout == GroupLayout::channels && work->g > 1)
        return Infeasible{"its groups lie among the channels"};
    const auto program = pim_program(memory_, kernel_of(kernel, {}, 0));
    if (const auto* infeasible = std::get_if<Infeasible>(&program)) return *infeasible;
    return std::nullopt;
}

std::int64_t PimDevice::row_of(const Placement& weights, const PimKernel& kernel) const {
    if (!in_memory(weights)) return 0;
    const std::int64_t row_bytes =
        memory_.columns * memory_.column_bytes * memory_.banks * memory_.channels;
    const std::int64_t last = memory_.data_rows() - pim_rows(memory_, kernel);
    return std::clamp<std::int64_t>(weights.region.address / row_bytes, 0,
                                    std::max<std::int64_t>(0, last));
}

std::variant<Time, Infeasible> PimDevice::product_cost(const MappingRequest& request,
                                                       const Mapping& mapping) const {
    const PimKernel whole = kernel_of(*request.kernel, mapping, 0);
    const auto made = pim_program(memory_, whole);
    if (const auto* infeasible = std::get_if<Infeasible>(&made)) return *infeasible;
    const PimProgram& program = std::get<PimProgram>(made);
    const std::int64_t back = partial_bytes(memory_, program);
    const std::int64_t input = in_memory(request.inputs[0]) ? request.kernel->inputs[0].bytes : 0;
    const std::int64_t output =
        in_memory(request.outputs[0]) ? request.kernel->outputs[0].bytes : 0;
    const std::int64_t fresh = new_bytes(*request.kernel, whole);
    if (request.kernel->inputs[0].bytes + fresh + back + request.kernel->outputs[0].bytes >
        request.free.bytes)
        return Infeasible{
            fmt::format("{} bytes of operands and partial sums do not fit the "
                        "controller's staging memory",
                        input + fresh + back + output)};
    const std::int64_t operations = program.partials + vector_operations(*request.kernel);
    return pim_estimate(memory_, program) +
           transfer_time(input + fresh + back + output, bytes_per_second_) +
           transfer_time(operations, controller_.operations_per_second);
}

std::variant<PimKernel, Infeasible> PimDevice::elementwise_of(const Kernel& kernel) const {
    const auto* work = std::get_if<Elementwise>(&kernel.work);
    const bool one = kernel.operator_type == "Relu";
    PimKernel job{.op = one                             ? PimOp::relu
                        : kernel.operator_type == "Mul" ? PimOp::multiply
                                                        : PimOp::add};
    if (work == nullptr || !(one || kernel.operator_type == "Mul" || kernel.operator_type == "Add"))
        return Infeasible{"units add, multiply and clip at zero, nothing else"};
    if (memory_.style == PimStyle::tree)
        return Infeasible{"a tree's operands lie in neighbouring banks, tensors do not"};
    if (!kernel.epilogue.empty() || kernel.outputs.size() != 1 ||
        kernel.inputs.size() != (one ? 1U : 2U))
        return Infeasible{"units take one step at a time"};
    for (const Operand& input : kernel.inputs)
        if (input.bytes != kernel.outputs[0].bytes)
            return Infeasible{"its operands are not of the result's size"};
    if (kernel.outputs[0].bytes < kAlignedForUnits || kAlignedForUnits % stripe_bytes() != 0)
        return Infeasible{"its operands do not begin in the same bank: they are too small"};
    job.elements = work->elements;
    job.weights = job.activations = work->type;
    const auto program = pim_program(memory_, job);
    if (const auto* infeasible = std::get_if<Infeasible>(&program)) return *infeasible;
    return job;
}

std::variant<Time, Infeasible> PimDevice::banks_cost(const MappingRequest& request) const {
    const auto job = elementwise_of(*request.kernel);
    if (const auto* infeasible = std::get_if<Infeasible>(&job)) return *infeasible;
    for (const auto* places : {&request.inputs, &request.outputs})
        for (const Placement& place : *places)
            if (!in_memory(place) || place.region.memory != id_)
                return Infeasible{"its operands are not in the units' memory"};
    return pim_estimate(memory_,
                        std::get<PimProgram>(pim_program(memory_, std::get<PimKernel>(job))));
}

std::variant<Time, Infeasible> PimDevice::cost(const MappingRequest& request,
                                               const Mapping& mapping) const {
    if (std::holds_alternative<Contraction>(request.kernel->work))
        return product_cost(request, mapping);
    if (in_banks(mapping)) return banks_cost(request);
    std::int64_t bytes = 0;
    std::int64_t room = 0;
    for (std::size_t i = 0; i < request.inputs.size(); ++i) {
        if (in_memory(request.inputs[i])) bytes += request.kernel->inputs[i].bytes;
        room += request.kernel->inputs[i].bytes;
    }
    for (std::size_t i = 0; i < request.outputs.size(); ++i) {
        if (in_memory(request.outputs[i])) bytes += request.kernel->outputs[i].bytes;
        room += request.kernel->outputs[i].bytes;
    }
    const auto operands = static_cast<std::int64_t>(request.inputs.size() + request.outputs.size());
    if (2 * (ceil_div(room, pieces_of(*request.kernel)) + operands) > request.free.bytes)
        return Infeasible{"two pieces do not fit the controller's staging memory"};
    return transfer_time(bytes, bytes_per_second_) +
           transfer_time(vector_operations(*request.kernel), controller_.operations_per_second);
}

std::variant<MappingChoice, Infeasible> PimDevice::map(const MappingRequest& request) const {
    std::vector<Mapping> candidates{{{"units", "stream"}}, {{"units", "banks"}}};
    if (std::holds_alternative<Contraction>(request.kernel->work)) {
        candidates = {{{"units", "gemv"}, {"order", "outputs"}}};
        if (memory_.style == PimStyle::tree)
            candidates.push_back({{"units", "gemv"}, {"order", "inputs"}});
    }
    MappingChoice best;
    std::optional<Infeasible> problem;
    bool found = false;
    for (const Mapping& mapping : candidates) {
        if (best.candidates == request.effort) break;
        ++best.candidates;
        const auto answer = cost(request, mapping);
        if (const auto* infeasible = std::get_if<Infeasible>(&answer)) {
            problem = *infeasible;
            continue;
        }
        const Time time = std::get<Time>(answer);
        if (found && time >= best.cost) continue;
        found = true;
        best.cost = time;
        best.mapping = mapping;
    }
    if (!found) return *problem;
    if (const auto* work = std::get_if<Contraction>(&request.kernel->work))
        best.bound =
            transfer_time(work->macs(), peak(work->first_type, work->second_type).macs_per_second);
    return best;
}

/// For how long units with row buffers of their own keep the host from the memory: while operands
/// and results are on the pins, and, which is a bound, while no other row may be opened.
Time PimDevice::beside_time(const PimProgram& program) const {
    std::int64_t bursts = program.reads_back;
    std::int64_t rows = 0;
    std::int64_t row = -1;
    for (const PimStep& step : program.steps) {
        if (step.operand_bus || step.command == PimCommand::register_read) bursts += step.count;
        if (step.command != PimCommand::read) continue;
        if (step.row != row) ++rows;
        row = step.row;
    }
    return rows * memory_.beside_cost +
           transfer_time(bursts * memory_.column_bytes * memory_.channels, bytes_per_second_);
}

Time PimDevice::memory_time(const MappingRequest& request, const MappingChoice& choice,
                            MemoryId memory, std::int64_t bytes_per_second) const {
    const auto* work = std::get_if<Contraction>(&request.kernel->work);
    if (memory == id_ && work == nullptr && in_banks(choice.mapping) && !memory_.concurrent())
        return choice.cost;
    if (memory == id_ && work != nullptr) {
        if (!memory_.concurrent()) return choice.cost;  // nobody else is served
        const auto made = pim_program(memory_, kernel_of(*request.kernel, choice.mapping, 0));
        if (const auto* program = std::get_if<PimProgram>(&made)) return beside_time(*program);
    }
    return Device::memory_time(request, choice, memory, bytes_per_second);
}

void PimDevice::emit(const MappingRequest& request, const Mapping& mapping, LayerId layer,
                     ProgramBuilder& program) const {
    if (std::holds_alternative<Contraction>(request.kernel->work))
        emit_product(request, mapping, layer, program);
    else if (in_banks(mapping) && aligned(request))
        emit_elementwise(request, layer, program);
    else
        emit_stream(request, layer, program);
}

void PimDevice::emit_product(const MappingRequest& request, const Mapping& mapping, LayerId layer,
                             ProgramBuilder& program) const {
    const Kernel& kernel = *request.kernel;
    const auto& work = std::get<Contraction>(kernel.work);
    PimKernel job = kernel_of(kernel, mapping, 0);
    job.row = row_of(request.inputs[1], job);
    const auto made = pim_program(memory_, job);
    PERFWATT_CHECK(std::holds_alternative<PimProgram>(made), "a mapping that does not fit");
    const PimProgram& steps = std::get<PimProgram>(made);
    std::int64_t at = request.free.address;
    const auto take = [&](std::int64_t bytes) {
        const Buffer buffer{at, bytes};
        at += bytes;
        return buffer;
    };

    Buffer input = request.inputs[0].buffer;
    if (in_memory(request.inputs[0])) {
        input = take(kernel.inputs[0].bytes);
        program.add(kDma, layer, Load{part_of(request.inputs[0].region, 0, input.bytes), input});
    }
    // What the step adds to a cache: fetched as it stands, laid out by the job.
    std::vector<CommandId> fetched;
    if (const std::int64_t fresh = new_bytes(kernel, job);
        fresh > 0 && in_memory(request.inputs[1])) {
        const std::int64_t from = request.inputs[1].region.bytes() - fresh;
        fetched.push_back(program.add(
            kDma, layer, Load{part_of(request.inputs[1].region, from, fresh), take(fresh)}));
    }
    const std::int64_t back = partial_bytes(memory_, steps);
    const Buffer sums = take(back);
    const Buffer output =
        in_memory(request.outputs[0]) ? take(kernel.outputs[0].bytes) : request.outputs[0].buffer;
    Contract tile{.m = job.batch,
                  .n = job.outputs,
                  .k = job.inputs,
                  .repeat = job.groups,
                  .first_type = work.first_type,
                  .second_type = work.second_type};
    tile.useful_macs = work.macs();
    tile.task = program.add_task({.memory = id_, .kernel = job});
    tile.first = input;
    tile.output = back > 0 ? Buffer{sums.address, 0} : output;
    const CommandId units = program.add(kJobs, layer, tile, fetched);
    const Region weights = request.inputs[1].region;
    if (weights.bytes() > 0) program.reads(units, weights);
    Buffer from = output;
    if (back > 0) {
        // Partial sums lie in the banks behind the weights; reading them waits for the job.
        const Region where = part_of(
            {.memory = id_, .address = std::min(weights.address, memory_.capacity_bytes() - back)},
            0, back);
        program.add(kDma, layer, Load{where, sums}, {units});
        from = sums;
    }
    const std::int64_t operations = steps.partials + vector_operations(kernel);
    if (operations > 0 || back > 0)
        program.add(kVector, layer,
                    Vector{.elements = steps.output_values,
                           .operations = operations,
                           .type = work.output_type,
                           .read_bytes = from.bytes,
                           .write_bytes = output.bytes,
                           .input = from,
                           .output = output});
    for (std::size_t i = 0; i < kernel.outputs.size(); ++i)
        if (in_memory(request.outputs[i]))
            program.add(kDma, layer,
                        Store{output, part_of(request.outputs[i].region, 0, output.bytes)});
}

void PimDevice::emit_elementwise(const MappingRequest& request, LayerId layer,
                                 ProgramBuilder& program) const {
    const auto made = elementwise_of(*request.kernel);
    PERFWATT_CHECK(std::holds_alternative<PimKernel>(made), "a mapping that does not fit");
    PimKernel job = std::get<PimKernel>(made);
    job.row = std::clamp<std::int64_t>(request.inputs[0].region.address / stripe_bytes(), 0,
                                       memory_.data_rows() - pim_rows(memory_, job));
    // No product: it has no MACs, useful or executed.
    Contract tile{.m = 1,
                  .n = job.elements,
                  .k = 1,
                  .first_type = job.activations,
                  .second_type = job.weights};
    tile.task = program.add_task({.memory = id_, .kernel = job});
    const CommandId units = program.add(kJobs, layer, tile);
    for (const Placement& input : request.inputs) program.reads(units, input.region);
    program.writes(units, request.outputs[0].region);
}

void PimDevice::emit_stream(const MappingRequest& request, LayerId layer,
                            ProgramBuilder& program) const {
    const Kernel& kernel = *request.kernel;
    const std::int64_t pieces = pieces_of(kernel);
    std::int64_t room = 0;
    for (const Operand& operand : kernel.inputs) room += ceil_div(operand.bytes, pieces);
    for (const Operand& operand : kernel.outputs) room += ceil_div(operand.bytes, pieces);
    for (std::int64_t piece = 0; piece < pieces; ++piece) {
        std::int64_t at = request.free.address + piece % 2 * room;
        Buffer last;
        for (std::size_t i = 0; i < kernel.inputs.size(); ++i) {
            const std::int64_t whole = kernel.inputs[i].bytes;
            const std::int64_t from = whole * piece / pieces;
            const std::int64_t bytes = slice(whole, piece, pieces);
            if (bytes == 0) continue;
            if (!in_memory(request.inputs[i])) {
                last = {request.inputs[i].buffer.address + from, bytes};
                continue;
            }
            last = {at, bytes};
            at += bytes;
            program.add(kDma, layer, Load{part_of(request.inputs[i].region, from, bytes), last});
        }
        for (std::size_t i = 0; i < kernel.outputs.size(); ++i) {
            const std::int64_t whole = kernel.outputs[i].bytes;
            const std::int64_t from = whole * piece / pieces;
            const std::int64_t bytes = slice(whole, piece, pieces);
            if (bytes == 0) continue;
            const bool away = in_memory(request.outputs[i]);
            const Buffer made =
                away ? Buffer{at, bytes} : Buffer{request.outputs[i].buffer.address + from, bytes};
            if (away) at += bytes;
            program.add(
                kVector, layer,
                Vector{.elements = bytes,
                       .operations = i == 0 ? slice(vector_operations(kernel), piece, pieces) : 0,
                       .read_bytes = last.bytes,
                       .write_bytes = bytes,
                       .input = last,
                       .output = made});
            if (away)
                program.add(kDma, layer,
                            Store{made, part_of(request.outputs[i].region, from, bytes)});
        }
    }
}

Time PimDevice::duration(const Command& command) const {
    if (const auto* tile = std::get_if<Contract>(&command.work)) {
        if (tile->useful_macs == 0) return Time::zero();  // element by element
        const PimKernel kernel{.outputs = tile->n,
                               .inputs = tile->k,
                               .batch = tile->m,
                               .groups = tile->repeat,
                               .weights = tile->second_type,
                               .activations = tile->first_type};
        const auto program = pim_program(memory_, kernel);
        if (const auto* steps = std::get_if<PimProgram>(&program))
            return pim_estimate(memory_, *steps);
        return Time::zero();
    }
    if (const auto* vector = std::get_if<Vector>(&command.work))
        return transfer_time(vector->operations, controller_.operations_per_second);
    if (const auto* delay = std::get_if<Delay>(&command.work)) return delay->duration;
    return Time::zero();
}

std::int64_t PimDevice::executed_macs(const Contract& tile) const {
    if (tile.useful_macs == 0) return 0;
    return pim_executed_macs(memory_, {.outputs = tile.n,
                                       .inputs = tile.k,
                                       .batch = tile.m,
                                       .groups = tile.repeat,
                                       .weights = tile.second_type,
                                       .activations = tile.first_type});
}

std::vector<Action> PimDevice::actions() const {
    return {{.name = "pim.operation",
             .unit = "operation",
             .meaning = "an addition of partial sums, or vector work, by the units' controller",
             .component = EnergyComponent::host,
             .picojoules = controller_.operation.value,
             .source = controller_.operation.source()},
            {.name = "pim.staging",
             .unit = "byte",
             .meaning = "a byte into or out of the controller's staging memory",
             .component = EnergyComponent::sram,
             .picojoules = controller_.staging_byte.value,
             .source = controller_.staging_byte.source()}};
}

void PimDevice::count(const Command& command, std::span<const ActionId> ids, Counts& counts) const {
    const int layer = command.layer.value;
    if (const auto* vector = std::get_if<Vector>(&command.work)) {
        counts.add(layer, ids[kOperation], vector->operations);
        counts.add(layer, ids[kStaging], vector->read_bytes + vector->write_bytes);
    } else if (const auto* tile = std::get_if<Contract>(&command.work)) {
        counts.add(layer, ids[kStaging], tile->first.bytes + tile->output.bytes);
    } else if (const auto* load = std::get_if<Load>(&command.work)) {
        counts.add(layer, ids[kStaging], load->target.bytes);
    } else if (const auto* store = std::get_if<Store>(&command.work)) {
        counts.add(layer, ids[kStaging], store->source.bytes);
    }
}

std::vector<StaticPower> PimDevice::static_power() const {
    return {{.name = "pim.controller",
             .watts = controller_.idle_watts.value,
             .source = controller_.idle_watts.source()}};
}

}  // namespace perfwatt::pim

#include "models/cpu/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/diagnostics.h"
#include "sim/base/math.h"

namespace perfwatt::cpu {
namespace {

/// Loads of a piece take about this long: shorter pieces are more commands for the same answer.
constexpr Time kPiece{1'000'000'000};  // 1 us
constexpr std::int64_t kMostPieces = 32;
/// What moves between memory and cache at a time.
constexpr std::int64_t kLine = 64;
/// Lane-operations for each element that is fetched, converted and written back.
constexpr std::int64_t kAccessOperations = 2;

/// A contraction as a batched matrix product: convolutions are products of (batch x positions) x
/// channels over (channels x taps). Depthwise ones run along the channels, which lie in the lanes.
struct Product {
    std::int64_t groups = 1, rows = 0, columns = 0, depth = 0;
};

bool is_depthwise(const Contraction& work) {
    return work.group_layout == GroupLayout::channels && work.g > 1 && work.k == 1 && work.c == 1;
}

Product product_of(const Contraction& work) {
    const std::int64_t positions = work.n * work.p * work.q;
    const std::int64_t taps = work.c * work.r * work.s;
    if (is_depthwise(work))
        return {.groups = positions, .rows = 1, .columns = work.g, .depth = taps};
    return {.groups = work.g, .rows = positions, .columns = work.k, .depth = taps};
}

/// A whole, its half, its quarter, …, in multiples of `unit`, without repetition.
std::vector<std::int64_t> halves(std::int64_t whole, std::int64_t unit) {
    std::vector<std::int64_t> sizes{whole};
    for (std::int64_t parts = 2; parts < 2 * ceil_div(whole, unit); parts *= 2) {
        const std::int64_t size = std::min(whole, round_up(ceil_div(whole, parts), unit));
        if (size < sizes.back()) sizes.push_back(size);
    }
    return sizes;
}

/// "rows" and "columns" of a mapping; the others only tell.
std::variant<Cut, Infeasible> cut_from(const Mapping& mapping) {
    Cut cut;
    for (const auto& [key, value] : mapping) {
        if (key == "limit" || key == "tasks") continue;
        const std::optional<std::int64_t> parsed = positive_number(value);
        if ((key != "rows" && key != "columns") || !parsed)
            return Infeasible{fmt::format("mapping: '{}: {}' is not understood", key, value)};
        (key == "rows" ? cut.rows : cut.columns) = *parsed;
    }
    if (cut.rows == 0 || cut.columns == 0)
        return Infeasible{"mapping: a contraction needs 'rows' and 'columns'"};
    return cut;
}

}  // namespace

void Planner::divide(const Buffer& room, Plan& plan) const {
    const Time moving = transfer_time(plan.loads, memories_, spec_.memory_efficiency) +
                        transfer_time(plan.stores, memories_, spec_.memory_efficiency);
    std::int64_t pieces = std::clamp<std::int64_t>(moving.fs / kPiece.fs, 1, kMostPieces);
    if (plan.task) pieces = std::min(pieces, ceil_div(plan.tasks, spec_.cores));
    plan.pieces = Pieces::fewest(plan.loads, plan.stores, room.bytes, pieces);
}

Plan Planner::of_contraction(const MappingRequest& request, Cut cut) const {
    const Kernel& kernel = *request.kernel;
    const auto& work = std::get<Contraction>(kernel.work);
    const Product product = product_of(work);
    Plan plan;
    plan.task = Task{.rows = cut.rows,
                     .columns = cut.columns,
                     .depth = product.depth,
                     .first_type = work.first_type,
                     .second_type = work.second_type};
    const std::int64_t down = ceil_div(product.rows, cut.rows);
    const std::int64_t across = ceil_div(product.columns, cut.columns);
    plan.tasks = product.groups * down * across;
    plan.useful_macs = work.macs();

    // Where neither operand stays in the last cache, one is kept while the other goes by again.
    const std::int64_t first = kernel.inputs[0].bytes;
    const std::int64_t second = kernel.inputs[1].bytes;
    const auto cache =
        static_cast<std::int64_t>(static_cast<double>(spec_.llc.bytes) * spec_.llc_retained);
    std::int64_t first_passes = 1, second_passes = 1;
    if (std::min(first, second) / product.groups > cache) {
        const std::int64_t side = std::max<std::int64_t>(1, spec_.cores / std::min(down, across));
        const std::int64_t again_second = ceil_div(down, std::min(down, side));
        const std::int64_t again_first = ceil_div(across, std::min(across, side));
        if (second * (again_second - 1) <= first * (again_first - 1))
            second_passes = again_second;
        else
            first_passes = again_first;
    }
    for (std::size_t i = 0; i < kernel.inputs.size(); ++i)
        add_flow(plan.loads, request.inputs[i], kernel.inputs[i].bytes,
                 i == 0   ? first_passes
                 : i == 1 ? second_passes
                          : 1);
    for (std::size_t i = 0; i < kernel.outputs.size(); ++i)
        add_flow(plan.stores, request.outputs[i], kernel.outputs[i].bytes, 1);

    Vector fused{.type = work.output_type};
    for (const Elementwise& step : kernel.epilogue) {
        fused.operations += lane_operations(spec_, step.steps, step.elements);
        fused.elements = std::max(fused.elements, step.elements);
    }
    for (std::size_t i = 2; i < kernel.inputs.size(); ++i)
        fused.read_bytes += kernel.inputs[i].bytes;
    if (fused.operations > 0) plan.vector = fused;
    divide(request.free, plan);
    return plan;
}

Plan Planner::of_elements(const MappingRequest& request) const {
    const Kernel& kernel = *request.kernel;
    Plan plan;
    Vector work;
    std::int64_t passes = 1;
    const auto* move = std::get_if<Move>(&kernel.work);
    if (const auto* elementwise = std::get_if<Elementwise>(&kernel.work)) {
        work.elements = elementwise->elements;
        work.type = elementwise->type;
        work.operations = lane_operations(spec_, elementwise->steps, elementwise->elements);
    } else if (const auto* reduce = std::get_if<Reduce>(&kernel.work)) {
        work.elements = reduce->elements;
        work.type = reduce->type;
        work.operations = lane_operations(spec_, reduce->steps, reduce->elements);
        if (bytes(reduce->type, reduce->row) > spec_.l2.bytes / 2) passes = reduce->passes;
    } else {
        PERFWATT_CHECK(move != nullptr, "a kernel that cores were not asked for");
        work.elements = ceil_div(move->bytes, spec_.simd_bytes);
        const std::int64_t run = std::max<std::int64_t>(1, std::min(move->run_bytes, move->bytes));
        work.read_bytes = ceil_div(move->bytes, run) * round_up(run, std::min(kLine, run));
        work.write_bytes = move->bytes;
    }
    work.operations += work.elements * kAccessOperations;
    const auto moved = [&](std::int64_t size) {
        return move != nullptr ? std::min(size, move->bytes) : size;
    };
    for (std::size_t i = 0; i < kernel.inputs.size(); ++i) {
        add_flow(plan.loads, request.inputs[i], moved(kernel.inputs[i].bytes), 1);
        if (move == nullptr) work.read_bytes += passes * kernel.inputs[i].bytes;
    }
    for (std::size_t i = 0; i < kernel.outputs.size(); ++i) {
        add_flow(plan.stores, request.outputs[i], moved(kernel.outputs[i].bytes), 1);
        if (move == nullptr) work.write_bytes += kernel.outputs[i].bytes;
    }
    plan.vector = work;
    divide(request.free, plan);
    return plan;
}

PlanTime Planner::time(const Plan& plan) const {
    const Time loads = transfer_time(plan.loads, memories_, spec_.memory_efficiency);
    const Time stores = transfer_time(plan.stores, memories_, spec_.memory_efficiency);
    // Each piece waits for its busiest core: few tasks a piece leave cores idle.
    Time matrix;
    if (plan.task) {
        const std::int64_t more = plan.tasks % plan.pieces;
        const std::int64_t least = plan.tasks / plan.pieces;
        matrix = more * time_of(spec_, *plan.task, least + 1) +
                 (plan.pieces - more) * time_of(spec_, *plan.task, least);
    }
    const Time vector = plan.vector ? time_of(spec_, *plan.vector) : Time::zero();
    const Time work = matrix + vector;  // the same pipes do both
    const auto piece = [&](Time whole) { return Time{whole.fs / plan.pieces}; };
    const Time on_memory = loads + stores + piece(work);
    const Time on_cores = piece(loads) + work + piece(stores);
    PlanTime time{.total = spec_.dispatch + first_latency(plan.loads, memories_) +
                           first_latency(plan.stores, memories_) + std::max(on_memory, on_cores)};
    if (spec_.dispatch > std::max(on_memory, on_cores))
        time.limit = Limit::dispatch;
    else if (on_memory >= on_cores)
        time.limit = Limit::memory;
    else
        time.limit = vector > matrix ? Limit::vector : timing_of(spec_, *plan.task).limit;
    return time;
}

MappingChoice Planner::map(const MappingRequest& request) const {
    MappingChoice best;
    const auto* work = std::get_if<Contraction>(&request.kernel->work);
    if (work == nullptr) {
        const PlanTime time = this->time(of_elements(request));
        best.cost = time.total;
        best.candidates = 1;
        best.mapping = {{"limit", std::string(to_string(time.limit))}};
        return best;
    }
    const Product product = product_of(*work);
    const std::int64_t row_unit = is_depthwise(*work) ? 1 : spec_.tile.rows;
    for (const std::int64_t columns : halves(product.columns, spec_.tile.columns))
        for (const std::int64_t rows : halves(product.rows, row_unit)) {
            if (best.candidates > 0 && best.candidates >= request.effort) break;
            const Plan plan = of_contraction(request, {.rows = rows, .columns = columns});
            const PlanTime time = this->time(plan);
            if (best.candidates++ > 0 && time.total >= best.cost) continue;
            best.cost = time.total;
            best.mapping = {{"rows", fmt::format("{}", rows)},
                            {"columns", fmt::format("{}", columns)},
                            {"tasks", fmt::format("{}", plan.tasks)},
                            {"limit", std::string(to_string(time.limit))}};
        }
    return best;
}

std::variant<Plan, Infeasible> Planner::plan(const MappingRequest& request,
                                             const Mapping& mapping) const {
    if (const auto* work = std::get_if<Contraction>(&request.kernel->work)) {
        const auto cut = cut_from(mapping);
        if (const auto* wrong = std::get_if<Infeasible>(&cut)) return *wrong;
        const Product product = product_of(*work);
        const Cut chosen = std::get<Cut>(cut);
        if (chosen.rows > product.rows || chosen.columns > product.columns)
            return Infeasible{fmt::format("mapping: tasks of {} x {} for a product of {} x {}",
                                          chosen.rows, chosen.columns, product.rows,
                                          product.columns)};
        return of_contraction(request, chosen);
    }
    for (const auto& [key, value] : mapping)
        if (key != "limit")
            return Infeasible{fmt::format("mapping: '{}: {}' is not understood", key, value)};
    return of_elements(request);
}

void Planner::emit(const Plan& plan, const Buffer& room, LayerId layer,
                   ProgramBuilder& program) const {
    const CommandId dispatched =
        program.add(kMatrixUnit, layer, Delay{.duration = spec_.dispatch},
                    latest_commands(program, {kMemoryUnit, kMatrixUnit, kVectorUnit}));
    const Pieces pieces{.loads = plan.loads,
                        .stores = plan.stores,
                        .count = plan.pieces,
                        .room = room,
                        .dma = kMemoryUnit,
                        .layer = layer};
    std::int64_t left_over = 0;
    emit_pieces(pieces, {dispatched}, program, [&](std::int64_t i, Buffer input, Buffer output) {
        const auto part = [&](std::int64_t whole) {
            return part_range(whole, i, plan.pieces).size();
        };
        std::vector<CommandId> after{dispatched};
        // The lanes of one piece's vector work are the pipes of the next one's products.
        if (program.last_command(kVectorUnit).valid())
            after.push_back(program.last_command(kVectorUnit));
        const std::int64_t tasks = part(plan.tasks);
        left_over += part(plan.useful_macs);
        if (plan.task && tasks > 0) {
            const Task& task = *plan.task;
            Contract tile{.m = task.rows,
                          .n = task.columns,
                          .k = task.depth,
                          .repeat = tasks,
                          .first_type = task.first_type,
                          .second_type = task.second_type};
            // Shares of padded tasks and of useful work are cut at different places.
            tile.useful_macs = std::min(left_over, tile.m * tile.n * tile.k * tile.repeat);
            left_over -= tile.useful_macs;
            tile.first = input;
            tile.output = output;
            after = {program.add(kMatrixUnit, layer, tile, after)};
        }
        if (!plan.vector) return;
        Vector piece = part_of(*plan.vector, i, plan.pieces);
        piece.input = input;
        piece.output = output;
        program.add(kVectorUnit, layer, piece, after);
    });
    PERFWATT_CHECK(left_over == 0, "MACs that no piece does");
}

}  // namespace perfwatt::cpu

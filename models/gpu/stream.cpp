#include "models/gpu/stream.h"

#include <algorithm>

#include "sim/base/math.h"

namespace perfwatt::gpu {
namespace {

/// The least that moves between memory, L2 and an SM.
constexpr std::int64_t kSector = 32;
/// Lane-operations for each element that is fetched, converted and written back.
constexpr std::int64_t kAccessOperations = 2;
/// A thread loads, works and stores: of the latencies in which a product's block fills its stages
/// and writes its results, about a third.
constexpr double kAccessLatency = 0.35;
/// A row that a block keeps in registers and shared memory is read once, whatever its passes.
constexpr std::int64_t kKeptRow = 128 * 1024;

std::int64_t sectors(std::int64_t bytes, std::int64_t run) {
    if (run <= 0 || run >= bytes) return bytes;
    return ceil_div(bytes, run) * round_up(run, kSector);
}

Vector work_of(const GpuSpec& spec, const Kernel& kernel) {
    Vector work;
    std::int64_t passes = 1;
    if (const auto* elementwise = std::get_if<Elementwise>(&kernel.work)) {
        work.elements = elementwise->elements;
        work.type = elementwise->type;
        work.operations = lane_operations(spec, elementwise->steps, elementwise->elements);
    } else if (const auto* reduce = std::get_if<Reduce>(&kernel.work)) {
        work.elements = reduce->elements;
        work.type = reduce->type;
        work.operations = lane_operations(spec, reduce->steps, reduce->elements);
        if (bytes(reduce->type, reduce->row) > kKeptRow) passes = reduce->passes;
    } else if (const auto* move = std::get_if<Move>(&kernel.work)) {
        work.elements = move->bytes;
        work.read_bytes = sectors(move->bytes, move->run_bytes);
        work.write_bytes = move->bytes;
        work.operations = ceil_div(move->bytes, std::int64_t{4}) * kAccessOperations;
        return work;
    }
    work.operations += work.elements * kAccessOperations;
    for (const Operand& input : kernel.inputs) work.read_bytes += passes * input.bytes;
    for (const Operand& output : kernel.outputs) work.write_bytes += output.bytes;
    return work;
}

}  // namespace

Plan plan_stream(const GpuSpec& spec, const std::vector<MemoryPort>& memories,
                 const MappingRequest& request) {
    const Kernel& kernel = *request.kernel;
    Plan plan;
    // A row is read, reduced and written in turn.
    const auto* reduce = std::get_if<Reduce>(&kernel.work);
    const auto turns = static_cast<double>(reduce != nullptr ? 1 + reduce->passes : 1);
    plan.launch =
        spec.launch + spec.clock.cycles(static_cast<std::int64_t>(
                          turns * kAccessLatency * static_cast<double>(spec.latency_cycles)));
    plan.vector = work_of(spec, kernel);
    const auto* move = std::get_if<Move>(&kernel.work);
    const auto moved = [&](std::int64_t size) {
        return move != nullptr ? std::min(size, move->bytes) : size;
    };
    for (std::size_t i = 0; i < kernel.inputs.size(); ++i)
        add_flow(plan.loads, request.inputs[i], moved(kernel.inputs[i].bytes), 1);
    for (std::size_t i = 0; i < kernel.outputs.size(); ++i)
        add_flow(plan.stores, request.outputs[i], moved(kernel.outputs[i].bytes), 1);
    cut(spec, memories, plan);
    return plan;
}

MappingChoice map_stream(const GpuSpec& spec, const std::vector<MemoryPort>& memories,
                         const MappingRequest& request) {
    const Plan plan = plan_stream(spec, memories, request);
    const PlanTime time = time_of(spec, memories, plan);
    MappingChoice choice;
    choice.cost = time.total;
    choice.candidates = 1;
    choice.mapping = {{"limit", std::string(to_string(time.limit))}};
    return choice;
}

}  // namespace perfwatt::gpu

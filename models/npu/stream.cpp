#include "models/npu/stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "models/npu/tiling.h"
#include "models/npu/traffic.h"
#include "models/npu/vector_timing.h"
#include "sim/base/math.h"

namespace perfwatt::npu {
namespace {

/// Of a core: more of them are not worth their commands; what they would spare room for moves out.
constexpr std::int64_t kMostPieces = 4096;

bool on_chip(const Placement& placement) { return placement.where == Placement::Where::on_chip; }

std::int64_t burst_rounded(std::int64_t bytes, std::int64_t run, std::int64_t burst) {
    if (run <= 0 || run >= bytes) return bytes;
    return ceil_div(bytes, run) * round_up(run, burst);
}

}  // namespace

Mapping to_mapping(const StreamCut& cut) {
    return {{"pieces", std::to_string(cut.pieces)},
            {"cores", std::to_string(cut.cores)},
            {"buffers", std::to_string(cut.buffers)}};
}

std::variant<StreamCut, Infeasible> stream_cut_from(const Mapping& mapping) {
    StreamCut cut;
    for (const auto& [key, value] : mapping) {
        const std::optional<std::int64_t> number = positive_number(value);
        if (number && key == "pieces") {
            cut.pieces = *number;
        } else if (number && key == "cores") {
            cut.cores = static_cast<int>(std::min<std::int64_t>(*number, 1 << 20));
        } else if (number && key == "buffers") {
            cut.buffers = static_cast<int>(std::min<std::int64_t>(*number, 2));
        } else {
            return Infeasible{fmt::format("mapping: '{}: {}' is not understood", key, value)};
        }
    }
    return cut;
}

StreamPlan::StreamPlan(const Npu& npu, const MappingRequest& request)
    : npu_(npu), request_(request), kernel_(*request.kernel) {}

bool StreamPlan::fetched(std::size_t input) const { return !on_chip(request_.inputs[input]); }
bool StreamPlan::stored(std::size_t output) const { return !on_chip(request_.outputs[output]); }

bool StreamPlan::whole(std::size_t input) const {
    if (std::holds_alternative<Move>(kernel_.work)) return false;
    std::int64_t largest = 0;
    for (const Operand& operand : kernel_.inputs) largest = std::max(largest, operand.bytes);
    for (const Operand& operand : kernel_.outputs) largest = std::max(largest, operand.bytes);
    return kernel_.inputs[input].bytes * 4 < largest && kernel_.inputs.size() > 1 && input > 0;
}

std::int64_t StreamPlan::read_bytes(std::size_t input) const {
    const std::int64_t size = kernel_.inputs[input].bytes;
    const auto* move = std::get_if<Move>(&kernel_.work);
    return move != nullptr ? std::min(size, move->bytes) : size;
}

std::int64_t StreamPlan::written_bytes(std::size_t output) const {
    const std::int64_t size = kernel_.outputs[output].bytes;
    const auto* move = std::get_if<Move>(&kernel_.work);
    return move != nullptr ? std::min(size, move->bytes) : size;
}

std::int64_t StreamPlan::run_bytes() const {
    const auto* move = std::get_if<Move>(&kernel_.work);
    return move != nullptr ? move->run_bytes : 0;
}

std::int64_t StreamPlan::most_pieces() const {
    if (const auto* elementwise = std::get_if<Elementwise>(&kernel_.work))
        return std::max<std::int64_t>(1, elementwise->elements);
    if (const auto* reduce = std::get_if<Reduce>(&kernel_.work))
        return std::max<std::int64_t>(1, reduce->elements);
    const Move& move = std::get<Move>(kernel_.work);
    return std::max<std::int64_t>(1,
                                  ceil_div(move.bytes, std::max<std::int64_t>(1, move.run_bytes)));
}

/// A row that is cut has to come from memory again for each pass over it.
std::int64_t StreamPlan::reload_factor(const StreamCut& cut) const {
    const auto* reduce = std::get_if<Reduce>(&kernel_.work);
    if (reduce == nullptr || reduce->row <= 0) return 1;
    const std::int64_t rows = std::max<std::int64_t>(1, reduce->elements / reduce->row);
    return cut.pieces * cut.cores > rows ? reduce->passes : 1;
}

Vector StreamPlan::vector(std::int64_t pieces) const {
    const VectorSpec& spec = npu_.spec().vector;
    Vector out;
    std::int64_t passes = 1;
    if (const auto* elementwise = std::get_if<Elementwise>(&kernel_.work)) {
        out.elements = ceil_div(elementwise->elements, pieces);
        out.type = elementwise->type;
        out.operations = lane_operations(spec, elementwise->steps, out.elements, out.type);
    } else if (const auto* reduce = std::get_if<Reduce>(&kernel_.work)) {
        out.elements = ceil_div(reduce->elements, pieces);
        out.type = reduce->type;
        passes = reduce->passes;
        out.operations = lane_operations(spec, reduce->steps, out.elements, out.type);
    } else {
        const Move& move = std::get<Move>(kernel_.work);
        bool copied = false;  // from chip to chip, which no DMA engine does
        for (const Placement& in : request_.inputs)
            for (const Placement& to : request_.outputs)
                copied = copied || (on_chip(in) && on_chip(to));
        if (!copied) return out;
        out.elements = ceil_div(move.bytes, pieces);
        out.operations = copy_operations(spec, out.elements, move.run_bytes);
        out.read_bytes = out.write_bytes = out.elements;
        return out;
    }
    for (std::size_t i = 0; i < kernel_.inputs.size(); ++i)
        out.read_bytes += passes * ceil_div(kernel_.inputs[i].bytes, whole(i) ? 1 : pieces);
    for (std::size_t i = 0; i < kernel_.outputs.size(); ++i)
        out.write_bytes += ceil_div(kernel_.outputs[i].bytes, pieces);
    return out;
}

std::variant<StreamLayout, Infeasible> StreamPlan::layout(const StreamCut& cut) const {
    const std::int64_t alignment = npu_.on_chip().alignment;
    const std::int64_t parts = cut.pieces * cut.cores;
    const bool moves = std::holds_alternative<Move>(kernel_.work);
    std::int64_t whole_bytes = 0;
    std::int64_t in = 0;
    std::int64_t out = 0;
    for (std::size_t i = 0; i < kernel_.inputs.size(); ++i) {
        if (!fetched(i)) continue;
        // What moves from memory to a place on chip goes there at once.
        if (moves && !stored(0)) continue;
        if (whole(i))
            whole_bytes += round_up(read_bytes(i), alignment);
        else
            in += round_up(ceil_div(read_bytes(i), parts), alignment);
    }
    for (std::size_t i = 0; i < kernel_.outputs.size(); ++i)
        if (stored(i) && !moves) out += round_up(ceil_div(written_bytes(i), parts), alignment);

    const std::int64_t begin = round_up(request_.free.address, alignment);
    const std::int64_t end = request_.free.address + request_.free.bytes;
    const int buffers = cut.pieces > 1 ? cut.buffers : 1;
    const std::int64_t total = whole_bytes + buffers * (in + out);
    if (begin + total > end) return Infeasible{"pieces larger than the free scratchpad"};
    StreamLayout layout;
    layout.whole_address = request_.from_top ? (end - total) / alignment * alignment : begin;
    layout.address[0] = layout.whole_address + whole_bytes;
    layout.address[1] = layout.address[0] + (buffers > 1 ? in + out : 0);
    layout.output_offset = in;
    return layout;
}

Time StreamPlan::cost(const StreamCut& cut) const {
    const NpuSpec& spec = npu_.spec();
    Traffic traffic;
    Time first;
    Time last;
    const std::int64_t parts = cut.pieces * cut.cores;
    const auto add = [&](const Placement& placement, std::int64_t size, std::int64_t once,
                         Time& end) {
        const std::size_t memory = placement.region.memory.index();
        const MemoryPort& port = npu_.memories()[memory];
        const std::int64_t moved = burst_rounded(size, run_bytes(), port.burst_bytes);
        (&end == &first ? traffic.read : traffic.written)[memory] += moved;
        traffic.core_bytes += ceil_div<std::int64_t>(moved, cut.cores);
        end = std::max(end, port.latency + transfer_time(once, port.bytes_per_second));
    };
    for (std::size_t i = 0; i < kernel_.inputs.size(); ++i) {
        if (!fetched(i)) continue;
        const std::int64_t size = read_bytes(i);
        if (whole(i))
            add(request_.inputs[i], size * cut.cores, size, first);
        else
            add(request_.inputs[i], size * reload_factor(cut), ceil_div(size, parts), first);
    }
    for (std::size_t i = 0; i < kernel_.outputs.size(); ++i)
        if (stored(i))
            add(request_.outputs[i], written_bytes(i), ceil_div(written_bytes(i), parts), last);

    const Time memory = traffic.time(npu_);
    const Vector piece = vector(parts);
    Time work;
    Time piece_time;
    if (piece.operations > 0) {
        const std::int64_t cycles = vector_cycles(spec, piece) + spec.command_overhead_cycles;
        work = spec.clock.cycles(cycles * cut.pieces);
        piece_time = spec.clock.cycles(cycles);
    }
    if (cut.buffers < 2) return work + memory + first + last;
    const Time ends = first + last;
    const Time hidden = memory > ends ? memory - ends : Time::zero();
    // The vector unit and the DMA engines share the scratchpad's banks.
    const std::int64_t moved =
        traffic.core_bytes + cut.pieces * (piece.read_bytes + piece.write_bytes);
    const Time ports = spec.clock.cycles(port_cycles(spec, moved));
    return std::max({work, hidden + piece_time, ports}) + ends +
           spec.clock.cycles(kTileCycles * cut.pieces);
}

Time StreamPlan::bound() const {
    const NpuSpec& spec = npu_.spec();
    Traffic traffic;
    for (std::size_t i = 0; i < kernel_.inputs.size(); ++i)
        if (fetched(i)) traffic.read[request_.inputs[i].region.memory.index()] += read_bytes(i);
    for (std::size_t i = 0; i < kernel_.outputs.size(); ++i)
        if (stored(i))
            traffic.written[request_.outputs[i].region.memory.index()] += written_bytes(i);
    Time bound = traffic.time(npu_);
    const std::int64_t operations = vector(1).operations;
    return std::max(bound, spec.clock.cycles(ceil_div(operations, spec.vector.lanes * spec.cores)));
}

std::variant<MappingChoice, Infeasible> StreamPlan::map() const {
    MappingChoice choice{
        .mapping = {}, .cost = Time::max(), .bound = bound(), .candidates = 0, .rejected = {}};
    int misfits = 0;
    int slower = 0;
    const std::int64_t most = most_pieces();
    for (int cores = usable_cores(npu_.spec(), request_); cores >= 1;
         cores = cores > 1 ? (cores + 1) / 2 : 0) {
        if (cores > most && cores > 1) continue;
        const std::int64_t limit =
            std::min<std::int64_t>(ceil_div<std::int64_t>(most, cores), kMostPieces);
        for (std::int64_t pieces = 1; pieces <= limit; pieces *= 2) {
            for (const int buffers : {2, 1}) {
                const StreamCut cut{.pieces = pieces, .cores = cores, .buffers = buffers};
                if (std::holds_alternative<Infeasible>(layout(cut))) {
                    ++misfits;
                    continue;
                }
                ++choice.candidates;
                const Time time = cost(cut);
                if (time < choice.cost) {
                    choice.cost = time;
                    choice.mapping = to_mapping(cut);
                } else {
                    ++slower;
                }
            }
            if (choice.candidates >= std::max(1, request_.effort)) break;
        }
    }
    if (misfits > 0)
        choice.rejected.emplace_back("pieces larger than the free scratchpad", misfits);
    if (slower > 0) choice.rejected.emplace_back("slower than the best", slower);
    if (choice.cost == Time::max()) return Infeasible{"no piece of it fits the free scratchpad"};
    return choice;
}

}  // namespace perfwatt::npu

#include "sim/arch/kernel_pieces.h"

#include <algorithm>

#include "sim/base/diagnostics.h"
#include "sim/base/math.h"

namespace perfwatt {
namespace {

std::int64_t share(std::int64_t whole, std::int64_t i, std::int64_t parts) {
    return whole / parts * i + whole % parts * i / parts;
}

/// The most bytes that one piece has of these flows.
std::int64_t piece_bytes(const std::vector<OperandFlow>& flows, std::int64_t count) {
    std::int64_t total = 0;
    for (const OperandFlow& flow : flows) total += ceil_div(flow.bytes(), count);
    return total;
}

/// Calls `transfer(region)` for each run of piece `i`: a pass begins again at the first byte.
template <class Transfer>
void for_runs(const OperandFlow& flow, std::int64_t i, std::int64_t count, Transfer&& transfer) {
    const std::int64_t whole = flow.region.bytes();
    const PartRange range = part_range(flow.bytes(), i, count);
    for (std::int64_t at = range.begin; at < range.end;) {
        const std::int64_t offset = at % whole;
        const std::int64_t size = std::min(range.end - at, whole - offset);
        transfer(Region{.memory = flow.region.memory,
                        .address = flow.region.address + offset,
                        .row_bytes = size,
                        .rows = 1,
                        .pitch_bytes = size});
        at += size;
    }
}

class Emitter {
  public:
    Emitter(const Pieces& pieces, const std::vector<CommandId>& first, ProgramBuilder& program)
        : pieces_(pieces), first_(first), program_(program) {
        in_bytes_ = piece_bytes(pieces.loads, pieces.count);
        out_bytes_ = piece_bytes(pieces.stores, pieces.count);
        if (pieces.most_bytes > 0) {
            in_bytes_ = std::min(in_bytes_, pieces.most_bytes);
            out_bytes_ = std::min(out_bytes_, pieces.most_bytes);
        }
        PERFWATT_CHECK(
            std::min(pieces.count, Pieces::kSlots) * (in_bytes_ + out_bytes_) <= pieces.room.bytes,
            "pieces that do not fit their room");
    }

    [[nodiscard]] Buffer input(std::int64_t i) const {
        return {pieces_.room.address + i % Pieces::kSlots * (in_bytes_ + out_bytes_), in_bytes_};
    }
    [[nodiscard]] Buffer output(std::int64_t i) const {
        return {input(i).address + in_bytes_, out_bytes_};
    }
    void load(std::int64_t i) {
        Buffer left = input(i);
        for (const OperandFlow& flow : pieces_.loads)
            for_runs(flow, i, pieces_.count, [&](const Region& region) {
                program_.add(pieces_.dma, pieces_.layer, Load{region, taken(left, region)}, first_);
            });
    }
    /// Part `i` of the results, which lies where piece `from` left it.
    void store(std::int64_t i, std::int64_t from) {
        Buffer left = output(from);
        for (const OperandFlow& flow : pieces_.stores)
            for_runs(flow, i, pieces_.count, [&](const Region& region) {
                program_.add(pieces_.dma, pieces_.layer, Store{taken(left, region), region},
                             first_);
            });
    }

  private:
    /// What a transfer uses of a piece's room: its size, or what is left.
    static Buffer taken(Buffer& left, const Region& region) {
        const Buffer part{left.address, std::min(left.bytes, region.bytes())};
        left.address += part.bytes;
        left.bytes -= part.bytes;
        return part;
    }

    const Pieces& pieces_;
    const std::vector<CommandId>& first_;
    ProgramBuilder& program_;
    std::int64_t in_bytes_ = 0, out_bytes_ = 0;
};

}  // namespace

std::int64_t usable_bytes_per_second(const MemoryPort& memory, double efficiency) {
    return static_cast<std::int64_t>(static_cast<double>(memory.bytes_per_second) * efficiency);
}

void add_flow(std::vector<OperandFlow>& flows, const Placement& placement, std::int64_t bytes,
              std::int64_t passes) {
    if (placement.where == Placement::Where::on_chip || bytes <= 0) return;
    OperandFlow flow{.region = placement.region, .passes = passes};
    flow.region.row_bytes = flow.region.pitch_bytes = bytes;
    flow.region.rows = 1;
    flows.push_back(flow);
}

std::int64_t bytes_of(const std::vector<OperandFlow>& flows) {
    std::int64_t total = 0;
    for (const OperandFlow& flow : flows) total += flow.bytes();
    return total;
}

Time transfer_time(const std::vector<OperandFlow>& flows, const std::vector<MemoryPort>& memories,
                   double efficiency) {
    Time total;
    for (const OperandFlow& flow : flows)
        total += transfer_time(flow.bytes(), usable_bytes_per_second(
                                                 memories[flow.region.memory.index()], efficiency));
    return total;
}

Time first_latency(const std::vector<OperandFlow>& flows, const std::vector<MemoryPort>& memories) {
    Time longest;
    for (const OperandFlow& flow : flows)
        longest = std::max(longest, memories[flow.region.memory.index()].latency);
    return longest;
}

PartRange part_range(std::int64_t whole, std::int64_t i, std::int64_t parts) {
    return {share(whole, i, parts), share(whole, i + 1, parts)};
}

Vector part_of(const Vector& whole, std::int64_t i, std::int64_t parts) {
    Vector part = whole;
    part.elements = part_range(whole.elements, i, parts).size();
    part.operations = part_range(whole.operations, i, parts).size();
    part.read_bytes = part_range(whole.read_bytes, i, parts).size();
    part.write_bytes = part_range(whole.write_bytes, i, parts).size();
    return part;
}

std::int64_t Pieces::fewest(const std::vector<OperandFlow>& loads,
                            const std::vector<OperandFlow>& stores, std::int64_t room_bytes,
                            std::int64_t least) {
    // A byte more of each operand than its share: pieces are rounded up.
    const auto flows = static_cast<std::int64_t>(loads.size() + stores.size());
    const std::int64_t slot = std::max<std::int64_t>(1, room_bytes / kSlots - flows);
    return std::max(least, ceil_div(bytes_of(loads) + bytes_of(stores), slot));
}

void emit_pieces(const Pieces& pieces, const std::vector<CommandId>& first, ProgramBuilder& program,
                 const PieceWork& work, const PieceWork& finish) {
    Emitter emitter(pieces, first, program);
    const std::int64_t n = pieces.count;
    emitter.load(0);
    for (std::int64_t i = 0; i < n; ++i) {
        if (i + 1 < n) emitter.load(i + 1);  // ahead of the stores, which wait for the work
        work(i, emitter.input(i), emitter.output(i));
        if (!pieces.results_last) emitter.store(i, i);
    }
    if (finish) finish(n - 1, emitter.input(n - 1), emitter.output(n - 1));
    if (pieces.results_last)
        for (std::int64_t i = 0; i < n; ++i) emitter.store(i, n - 1);
}

std::vector<CommandId> latest_commands(const ProgramBuilder& program,
                                       std::initializer_list<UnitId> units) {
    std::vector<CommandId> latest;
    for (const UnitId unit : units)
        if (program.last_command(unit).valid()) latest.push_back(program.last_command(unit));
    return latest;
}

}  // namespace perfwatt

#include "sim/program/pieces.h"

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

}  // namespace

std::int64_t bytes_of(const std::vector<OperandFlow>& flows) {
    std::int64_t total = 0;
    for (const OperandFlow& flow : flows) total += flow.bytes();
    return total;
}

PartRange part_range(std::int64_t whole, std::int64_t i, std::int64_t parts) {
    return {share(whole, i, parts), share(whole, i + 1, parts)};
}

std::int64_t Pieces::slot_bytes() const {
    return piece_bytes(loads, count) + piece_bytes(stores, count);
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
                 const std::function<void(std::int64_t i, Buffer input, Buffer output)>& work) {
    const std::int64_t in_bytes = piece_bytes(pieces.loads, pieces.count);
    const std::int64_t out_bytes = piece_bytes(pieces.stores, pieces.count);
    const auto input = [&](std::int64_t i) {
        const std::int64_t begin =
            pieces.room.address + i % Pieces::kSlots * (in_bytes + out_bytes);
        PERFWATT_CHECK(begin + in_bytes + out_bytes <= pieces.room.address + pieces.room.bytes,
                       "a piece that does not fit its room");
        return Buffer{begin, in_bytes};
    };
    const auto output = [&](std::int64_t i) {
        return Buffer{input(i).address + in_bytes, out_bytes};
    };
    const auto load = [&](std::int64_t i) {
        std::int64_t at = input(i).address;
        for (const OperandFlow& flow : pieces.loads)
            for_runs(flow, i, pieces.count, [&](const Region& region) {
                program.add(pieces.dma, pieces.layer, Load{region, {at, region.row_bytes}}, first);
                at += region.row_bytes;
            });
    };
    load(0);
    for (std::int64_t i = 0; i < pieces.count; ++i) {
        if (i + 1 < pieces.count) load(i + 1);  // ahead of the stores, which wait for the work
        work(i, input(i), output(i));
        std::int64_t at = output(i).address;
        for (const OperandFlow& flow : pieces.stores)
            for_runs(flow, i, pieces.count, [&](const Region& region) {
                program.add(pieces.dma, pieces.layer, Store{{at, region.row_bytes}, region}, first);
                at += region.row_bytes;
            });
    }
}

}  // namespace perfwatt

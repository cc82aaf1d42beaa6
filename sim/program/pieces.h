#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "sim/program/program_builder.h"

namespace perfwatt {

/// Bytes of one operand between memory and the chip, `passes` times over.
struct OperandFlow {
    Region region;  ///< one contiguous row
    std::int64_t passes = 1;
    [[nodiscard]] std::int64_t bytes() const { return region.bytes() * passes; }
};

/// The bytes of several flows.
[[nodiscard]] std::int64_t bytes_of(const std::vector<OperandFlow>& flows);

/// Part `i` of `parts` nearly equal parts of `whole`: from begin to end, without overflow.
struct PartRange {
    std::int64_t begin = 0, end = 0;
    [[nodiscard]] std::int64_t size() const { return end - begin; }
};
[[nodiscard]] PartRange part_range(std::int64_t whole, std::int64_t i, std::int64_t parts);

/// A kernel in `count` equal pieces: each loads its part of the operands, works, and stores its
/// part of the results. While a piece works the next one arrives and the one before leaves.
struct Pieces {
    std::vector<OperandFlow> loads, stores;
    std::int64_t count = 1;
    Buffer room;  ///< of kSlots pieces
    UnitId dma;
    LayerId layer;

    static constexpr std::int64_t kSlots = 3;
    /// What a piece takes of the room, loads and stores.
    [[nodiscard]] std::int64_t slot_bytes() const;
    /// The fewest pieces, of at least `least`, whose slots fit the room.
    [[nodiscard]] static std::int64_t fewest(const std::vector<OperandFlow>& loads,
                                             const std::vector<OperandFlow>& stores,
                                             std::int64_t room_bytes, std::int64_t least);
};

/// Emits the pieces after the commands `first`. `work(i, input, output)` emits what piece `i` does
/// between its loads and its stores.
void emit_pieces(const Pieces& pieces, const std::vector<CommandId>& first, ProgramBuilder& program,
                 const std::function<void(std::int64_t i, Buffer input, Buffer output)>& work);

}  // namespace perfwatt

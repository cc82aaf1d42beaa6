#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "sim/arch/device.h"

namespace perfwatt {

/// A memory as the cost function of a device with caches sees it, by MemoryId.
struct MemoryPort {
    std::int64_t bytes_per_second = 0;  ///< peak, or that of the narrowest link before it
    Time latency;                       ///< of a first byte
};

/// Bytes a second of a memory of whose peak kernels see the share `efficiency`.
[[nodiscard]] std::int64_t usable_bytes_per_second(const MemoryPort& memory, double efficiency);

/// Bytes of one operand between memory and the chip, `passes` times over.
struct OperandFlow {
    Region region;  ///< one contiguous row
    std::int64_t passes = 1;
    [[nodiscard]] std::int64_t bytes() const { return region.bytes() * passes; }
};

/// Adds the flow of an operand that lies in memory; nothing where it stays on the chip or has no
/// bytes.
void add_flow(std::vector<OperandFlow>& flows, const Placement& placement, std::int64_t bytes,
              std::int64_t passes);

/// The bytes of several flows.
[[nodiscard]] std::int64_t bytes_of(const std::vector<OperandFlow>& flows);
/// Time of the flows one after the other, first bytes excepted.
[[nodiscard]] Time transfer_time(const std::vector<OperandFlow>& flows,
                                 const std::vector<MemoryPort>& memories, double efficiency);
/// The longest wait for a first byte.
[[nodiscard]] Time first_latency(const std::vector<OperandFlow>& flows,
                                 const std::vector<MemoryPort>& memories);

/// Part `i` of `parts` nearly equal parts of `whole`: from begin to end, without overflow.
struct PartRange {
    std::int64_t begin = 0, end = 0;
    [[nodiscard]] std::int64_t size() const { return end - begin; }
};
[[nodiscard]] PartRange part_range(std::int64_t whole, std::int64_t i, std::int64_t parts);

/// Part `i` of a vector command.
[[nodiscard]] Vector part_of(const Vector& whole, std::int64_t i, std::int64_t parts);

/// A kernel in `count` equal pieces: each loads its part of the operands, works, and stores its
/// part of the results. While a piece works the next one arrives and the one before leaves.
struct Pieces {
    std::vector<OperandFlow> loads, stores;
    std::int64_t count = 1;
    Buffer room;  ///< of kSlots pieces
    /// Room that a piece's loads, and its stores, use over and over; 0: all they need at once.
    std::int64_t most_bytes = 0;
    bool results_last = false;  ///< results leave when the last piece has worked
    UnitId dma;
    LayerId layer;

    static constexpr std::int64_t kSlots = 3;
    /// The fewest pieces, of at least `least`, whose slots fit the room.
    [[nodiscard]] static std::int64_t fewest(const std::vector<OperandFlow>& loads,
                                             const std::vector<OperandFlow>& stores,
                                             std::int64_t room_bytes, std::int64_t least);
};

/// Emits what a piece does between its loads and its stores, or after the last piece.
using PieceWork = std::function<void(std::int64_t i, Buffer input, Buffer output)>;

/// Emits the pieces after the commands `first`; `finish`, if any, is called for the last piece once
/// all have worked.
void emit_pieces(const Pieces& pieces, const std::vector<CommandId>& first, ProgramBuilder& program,
                 const PieceWork& work, const PieceWork& finish = {});

/// The latest commands of all units of the engine in question: what a new kernel waits for.
[[nodiscard]] std::vector<CommandId> latest_commands(const ProgramBuilder& program,
                                                     std::initializer_list<UnitId> units);

}  // namespace perfwatt

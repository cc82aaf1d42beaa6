#pragma once

#include <array>
#include <cstdint>

#include "sim/base/math.h"
#include "sim/program/program.h"

namespace perfwatt::npu {

/// Double buffers of one operand's tiles, at their scratchpad addresses.
struct TileBuffers {
    std::int64_t bytes = 0;  ///< of one
    int count = 0;           ///< 0: the operand stays on chip where it is
    std::array<std::int64_t, 2> address{};

    [[nodiscard]] Buffer at(std::int64_t use, std::int64_t used_bytes) const {
        return {.address = address[static_cast<std::size_t>(use % count)], .bytes = used_bytes};
    }
};

/// Hands out buffers of the free bytes, from either end.
class Room {
  public:
    Room(Buffer free, bool from_top, std::int64_t alignment)
        : begin_(round_up(free.address, alignment)),
          end_(free.address + free.bytes),
          from_top_(from_top),
          alignment_(alignment) {}

    [[nodiscard]] std::int64_t take(std::int64_t bytes) {
        const std::int64_t rounded = round_up(bytes, alignment_);
        if (from_top_) {
            end_ = (end_ - rounded) / alignment_ * alignment_;
            return end_;
        }
        begin_ += rounded;
        return begin_ - rounded;
    }
    void take(TileBuffers& buffers) {
        for (int i = 0; i < buffers.count; ++i)
            buffers.address[static_cast<std::size_t>(i)] = take(buffers.bytes);
        if (buffers.count == 1) buffers.address[1] = buffers.address[0];
    }
    [[nodiscard]] bool overdrawn() const { return begin_ > end_; }

    /// Aligned bytes that can be taken of `free` from either end; negative where not even none can.
    [[nodiscard]] static std::int64_t of(Buffer free, std::int64_t alignment) {
        return (free.address + free.bytes) / alignment * alignment -
               round_up(free.address, alignment);
    }

  private:
    std::int64_t begin_;
    std::int64_t end_;
    bool from_top_;
    std::int64_t alignment_;
};

/// A dimension cut into `full` tiles of `size` and perhaps a smaller last one.
struct Cut {
    std::int64_t size = 0, full = 0, rest = 0;
    Cut(std::int64_t total, std::int64_t tile)
        : size(tile < total ? tile : total), full(total / size), rest(total % size) {}
    [[nodiscard]] std::int64_t tiles() const { return full + (rest > 0 ? 1 : 0); }
    [[nodiscard]] std::int64_t last() const { return rest > 0 ? rest : size; }
    /// Calls visit(size, count) for each size.
    template <class Visit>
    void each(Visit&& visit) const {
        visit(size, full);
        if (rest > 0) visit(rest, std::int64_t{1});
    }
};

}  // namespace perfwatt::npu

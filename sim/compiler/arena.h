#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "sim/base/math.h"

namespace perfwatt {

/// Hands out addresses for spans of time, lowest first: two spans that overlap in time never
/// overlap in addresses.
class Arena {
  public:
    /// `capacity` in bytes; 0: not limited.
    Arena(std::int64_t begin, std::int64_t capacity, std::int64_t alignment)
        : begin_(round_up(begin, alignment)),
          end_(capacity > 0 ? begin + capacity : -1),
          alignment_(alignment) {}

    /// An address for `bytes` from kernel `first` to kernel `last`, both included, or nothing.
    [[nodiscard]] std::optional<std::int64_t> place(std::int64_t bytes, int first, int last) {
        std::int64_t at = begin_;
        for (const Span& span : spans_) {  // by address
            if (span.last < first || span.first > last) continue;
            if (span.address >= at + bytes) break;
            at = std::max(at, round_up(span.address + span.bytes, alignment_));
        }
        if (end_ >= 0 && at + bytes > end_) return std::nullopt;
        const Span made{at, bytes, first, last};
        spans_.insert(
            std::upper_bound(spans_.begin(), spans_.end(), made,
                             [](const Span& a, const Span& b) { return a.address < b.address; }),
            made);
        top_ = std::max(top_, at + bytes);
        return at;
    }

    /// The end of the highest span ever placed; the arena's begin if there is none.
    [[nodiscard]] std::int64_t top() const { return std::max(top_, begin_); }

  private:
    struct Span {
        std::int64_t address = 0, bytes = 0;
        int first = 0, last = 0;
    };
    std::int64_t begin_, end_, alignment_;
    std::int64_t top_ = 0;
    std::vector<Span> spans_;
};

}  // namespace perfwatt

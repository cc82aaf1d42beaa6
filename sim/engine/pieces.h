#pragma once

#include <cstdint>

#include "sim/program/program.h"

namespace perfwatt {

/// A part of a DMA transfer that travels as one request.
struct Piece {
    std::int64_t address = 0;
    std::int64_t row_bytes = 0;
    std::int64_t rows = 1;
    std::int64_t pitch_bytes = 0;
    std::int64_t offset = 0;  ///< of its first byte in the transfer, rows packed

    [[nodiscard]] std::int64_t bytes() const { return row_bytes * rows; }
};

/// Cuts a region into pieces of at most `transaction_bytes`. Contiguous bytes are cut at multiples
/// of transaction_bytes, so that two pieces never share a burst that one could have had whole;
/// short rows travel several to a piece.
class PieceCutter {
  public:
    /// PERFWATT_CHECKs that the region has bytes and that its rows do not overlap.
    PieceCutter(const Region& region, std::int64_t transaction_bytes);

    [[nodiscard]] bool done() const { return row_ == rows_; }
    [[nodiscard]] Piece next();

  private:
    std::int64_t address_ = 0;
    std::int64_t row_bytes_ = 0;
    std::int64_t rows_ = 0;
    std::int64_t pitch_ = 0;
    std::int64_t transaction_ = 0;
    std::int64_t row_ = 0;     ///< first row not yet handed out in full
    std::int64_t column_ = 0;  ///< bytes of it handed out
};

}  // namespace perfwatt

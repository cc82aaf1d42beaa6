#include "sim/engine/pieces.h"

#include <algorithm>

#include "sim/base/diagnostics.h"

namespace perfwatt {

PieceCutter::PieceCutter(const Region& region, std::int64_t transaction_bytes)
    : address_(region.address),
      row_bytes_(region.row_bytes),
      rows_(region.rows),
      pitch_(region.pitch_bytes),
      transaction_(transaction_bytes) {
    PERFWATT_CHECK(transaction_ > 0, "a transaction has no bytes");
    PERFWATT_CHECK(address_ >= 0 && row_bytes_ > 0 && rows_ > 0, "an empty region");
    PERFWATT_CHECK(rows_ == 1 || pitch_ >= row_bytes_, "rows of a region overlap");
    if (rows_ == 1 || pitch_ == row_bytes_) {
        row_bytes_ *= rows_;
        pitch_ = row_bytes_;
        rows_ = 1;
    }
}

Piece PieceCutter::next() {
    PERFWATT_CHECK(!done(), "no piece is left");
    Piece piece{.address = address_ + row_ * pitch_ + column_,
                .row_bytes = row_bytes_,
                .rows = 1,
                .pitch_bytes = pitch_,
                .offset = row_ * row_bytes_ + column_};
    if (row_bytes_ <= transaction_ && rows_ > 1) {
        piece.rows = std::min(rows_ - row_, transaction_ / row_bytes_);
        row_ += piece.rows;
        return piece;
    }
    const std::int64_t to_boundary = transaction_ - piece.address % transaction_;
    piece.row_bytes = std::min(row_bytes_ - column_, to_boundary);
    piece.pitch_bytes = piece.row_bytes;
    column_ += piece.row_bytes;
    if (column_ == row_bytes_) {
        column_ = 0;
        ++row_;
    }
    return piece;
}

}  // namespace perfwatt

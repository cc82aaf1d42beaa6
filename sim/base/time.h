#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace perfwatt {

/// Products of two 64-bit quantities; a GNU extension, which -Wpedantic would refuse unmarked.
__extension__ using Int128 = __int128;

/// A point in, or a span of, simulated time: an integer number of femtoseconds.
/// 64 bits hold two and a half hours; a clock edge is never more than 1 fs from its exact place.
struct Time {
    std::int64_t fs = 0;

    static constexpr Time zero() { return {0}; }
    static constexpr Time max() { return {std::numeric_limits<std::int64_t>::max()}; }
    static constexpr Time from_ns(double ns) { return {static_cast<std::int64_t>(ns * 1e6 + 0.5)}; }
    static constexpr Time from_ps(std::int64_t ps) { return {ps * 1000}; }

    [[nodiscard]] constexpr double ns() const { return static_cast<double>(fs) * 1e-6; }
    [[nodiscard]] constexpr double seconds() const { return static_cast<double>(fs) * 1e-15; }

    friend constexpr auto operator<=>(Time, Time) = default;
    constexpr Time& operator+=(Time other) {
        fs += other.fs;
        return *this;
    }
    constexpr Time& operator-=(Time other) {
        fs -= other.fs;
        return *this;
    }
    friend constexpr Time operator+(Time a, Time b) { return {a.fs + b.fs}; }
    friend constexpr Time operator-(Time a, Time b) { return {a.fs - b.fs}; }
    friend constexpr Time operator*(Time a, std::int64_t n) { return {a.fs * n}; }
    friend constexpr Time operator*(std::int64_t n, Time a) { return {a.fs * n}; }
};

/// A clock is a value, never a toggling signal: it converts whole cycles to time and back.
/// Edges are computed from the frequency each time, so that no rounding error accumulates.
class Clock {
  public:
    constexpr Clock() = default;
    constexpr explicit Clock(std::int64_t hertz) : hertz_(hertz) {}

    [[nodiscard]] constexpr std::int64_t hertz() const { return hertz_; }

    /// Time of `cycles` cycles, rounded up to the femtosecond.
    [[nodiscard]] constexpr Time cycles(std::int64_t cycles) const {
        const Int128 fs = (static_cast<Int128>(cycles) * kFsPerSecond + hertz_ - 1) / hertz_;
        return {static_cast<std::int64_t>(fs)};
    }
    /// The smallest number of cycles that lasts at least `span`.
    [[nodiscard]] constexpr std::int64_t cycles_in(Time span) const {
        // cycles() rounds up, so that n cycles last `span` once they are longer than span - 1 fs.
        if (span.fs <= 0) return 0;
        const Int128 scaled = static_cast<Int128>(span.fs - 1) * hertz_;
        return static_cast<std::int64_t>(scaled / kFsPerSecond) + 1;
    }
    friend constexpr bool operator==(Clock, Clock) = default;

  private:
    static constexpr std::int64_t kFsPerSecond = 1'000'000'000'000'000;
    std::int64_t hertz_ = 1'000'000'000;
};

/// Time to move `bytes` at `bytes_per_second`, rounded up to the femtosecond.
[[nodiscard]] constexpr Time transfer_time(std::int64_t bytes, std::int64_t bytes_per_second) {
    const Int128 fs = static_cast<Int128>(bytes) * 1'000'000'000'000'000;
    return {static_cast<std::int64_t>((fs + bytes_per_second - 1) / bytes_per_second)};
}

}  // namespace perfwatt

#pragma once

#include <vector>

#include "sim/base/time.h"

namespace perfwatt {

/// How long something has been busy up to each moment: grows, with straight lines between points.
class BusyCurve {
  public:
    /// Busy throughout [from, to); intervals come in order and do not overlap.
    void add_interval(Time from, Time to);
    /// `busy` in total up to `at`; points come in order. Not to be mixed with add_interval.
    void add_point(Time at, Time busy);

    [[nodiscard]] Time total() const {
        return points_.empty() ? Time::zero() : points_.back().busy;
    }
    [[nodiscard]] Time until(Time at) const;
    [[nodiscard]] Time between(Time from, Time to) const { return until(to) - until(from); }

  private:
    struct Point {
        Time at;
        Time busy;
    };
    std::vector<Point> points_;
};

}  // namespace perfwatt

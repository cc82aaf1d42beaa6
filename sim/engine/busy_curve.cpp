#include "sim/engine/busy_curve.h"

#include <algorithm>

#include "sim/base/diagnostics.h"

namespace perfwatt {

void BusyCurve::add_interval(Time from, Time to) {
    PERFWATT_CHECK(from <= to, "an interval ends before it begins");
    const Time busy = total();
    if (points_.size() >= 2 && points_.back().at == from) {
        points_.back() = {to, busy + (to - from)};
        return;
    }
    PERFWATT_CHECK(points_.empty() || points_.back().at <= from, "busy intervals overlap");
    points_.push_back({from, busy});
    points_.push_back({to, busy + (to - from)});
}

void BusyCurve::add_point(Time at, Time busy) {
    PERFWATT_CHECK(points_.empty() || (points_.back().at <= at && points_.back().busy <= busy),
                   "a busy time shrank");
    const std::size_t n = points_.size();
    if (n >= 2 && points_[n - 2].busy == busy) {
        points_.back().at = at;  // flat before and flat on: the line only grows longer
        return;
    }
    points_.push_back({at, busy});
}

Time BusyCurve::until(Time at) const {
    const auto after = std::upper_bound(points_.begin(), points_.end(), at,
                                        [](Time time, const Point& p) { return time < p.at; });
    if (after == points_.begin()) {
        return Time::zero();
    }
    const Point& left = *(after - 1);
    if (after == points_.end()) {
        return left.busy;
    }
    const Int128 rise = (after->busy - left.busy).fs;
    const std::int64_t run = (after->at - left.at).fs;
    return left.busy + Time{static_cast<std::int64_t>(rise * (at - left.at).fs / run)};
}

}  // namespace perfwatt

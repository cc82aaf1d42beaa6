#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/arch/memory_model.h"
#include "sim/base/time.h"
#include "sim/stats/counts.h"

namespace perfwatt {

/// When the first and the last datum of a transfer stand at some point of its way.
struct Passage {
    Time head;
    Time tail;
};

/// One transfer over a link: when it arrives, and when it kept the link busy.
struct Crossing {
    Passage arrival;
    Time busy_from;
    Time busy_to;
};

/// A link in plain C++. Every master that crosses it shares it; the two directions do not meet.
/// `Direction::read` is towards the masters, `Direction::write` towards the memories.
class LinkModel {
  public:
    virtual ~LinkModel() = default;

    [[nodiscard]] virtual const std::string& name() const = 0;
    [[nodiscard]] virtual Time latency() const = 0;
    /// Payload in one direction can never be faster than this.
    [[nodiscard]] virtual std::int64_t peak_bytes_per_second() const = 0;

    /// Sends `bytes` of payload that stand at the near end as `departure` says. Calls of one
    /// direction come in the order of departure.tail; they are served in that order.
    virtual Crossing send(Direction direction, Passage departure, std::int64_t bytes) = 0;

    /// The actions it counts, with their prices.
    [[nodiscard]] virtual std::vector<Action> actions() const = 0;
    /// Adds what `bytes` of payload in one transfer cost; `ids` are the places of actions().
    virtual void count(std::int64_t bytes, int layer, const std::vector<ActionId>& ids,
                       Counts& counts) const = 0;
};

}  // namespace perfwatt

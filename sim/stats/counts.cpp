#include "sim/stats/counts.h"

#include <utility>

#include "sim/base/diagnostics.h"

namespace perfwatt {

Counts::Counts(std::vector<Action> actions, int layers)
    : actions_(std::move(actions)), layers_(layers) {
    PERFWATT_CHECK(layers >= 1, "counts need at least one row");
    cells_.assign(static_cast<std::size_t>(layers) * actions_.size(), 0);
}

std::int64_t Counts::get(int layer, ActionId action) const {
    return cells_[static_cast<std::size_t>(layer) * actions_.size() + action.index()];
}

std::int64_t Counts::total(ActionId action) const {
    std::int64_t sum = 0;
    for (int layer = 0; layer < layers_; ++layer) sum += get(layer, action);
    return sum;
}

}  // namespace perfwatt

#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "models/dram/commands.h"

namespace perfwatt::dram {

/// What a channel has done. Commands are counted by layer; layer -1, the background, is row 0.
class DramCounters {
  public:
    /// By command, and last the rows closed: PREA closes several, RDA and WRA one each.
    using Row = std::array<std::int64_t, kCommands + 1>;
    static constexpr std::size_t kRowsClosed = kCommands;

    void add(int layer, Command command, std::int64_t n = 1) {
        row(layer)[static_cast<std::size_t>(command)] += n;
    }
    void add_rows_closed(int layer, int n) { row(layer)[kRowsClosed] += n; }
    void add_background(Command command, std::int64_t n) {
        row(-1)[static_cast<std::size_t>(command)] += n;
    }
    [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }
    [[nodiscard]] std::int64_t total(Command command) const {
        std::int64_t sum = 0;
        for (const Row& row : rows_) sum += row[static_cast<std::size_t>(command)];
        return sum;
    }

    /// What `after` has more than `before`.
    void add_difference(const DramCounters& after, const DramCounters& before) {
        for (std::size_t i = 0; i < after.rows_.size(); ++i) {
            Row& own = row(static_cast<int>(i) - 1);
            for (std::size_t c = 0; c < own.size(); ++c) {
                own[c] += after.rows_[i][c];
                if (i < before.rows_.size()) own[c] -= before.rows_[i][c];
            }
        }
        row_hits += after.row_hits - before.row_hits;
        row_conflicts += after.row_conflicts - before.row_conflicts;
        active_standby += after.active_standby - before.active_standby;
        precharged_standby += after.precharged_standby - before.precharged_standby;
        power_down += after.power_down - before.power_down;
        active_power_down += after.active_power_down - before.active_power_down;
        self_refresh += after.self_refresh - before.self_refresh;
        cas += after.cas - before.cas;
    }

    std::int64_t row_hits = 0;       ///< bursts that found their row open
    std::int64_t row_conflicts = 0;  ///< bursts that had another row closed first
    Tick active_standby = 0;         ///< rank-ticks with a row open
    Tick precharged_standby = 0;     ///< rank-ticks with none
    Tick power_down = 0;
    Tick active_power_down = 0;  ///< with a row open
    Tick self_refresh = 0;
    std::int64_t cas = 0;  ///< WCK synchronisations

  private:
    Row& row(int layer) {
        const auto index = static_cast<std::size_t>(layer + 1);
        if (index >= rows_.size()) rows_.resize(index + 1);
        return rows_[index];
    }

    std::vector<Row> rows_;
};

}  // namespace perfwatt::dram

#include "sim/suites/tile_pipeline.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <memory>
#include <vector>

#include "sim/base/diagnostics.h"
#include "sim/base/math.h"

namespace perfwatt::tile_pipeline {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr std::int64_t kRequest = 32;  // bytes: rows of a block are whole requests

/// More tiles of the longer side where there are fewer than cores, or they do not divide among
/// them.
void spread(std::int64_t cores, const Gemm& gemm, std::int64_t& down, std::int64_t& across) {
    std::int64_t* const longer = gemm.n > gemm.m && gemm.n > cores   ? &across
                                 : gemm.m > gemm.n && gemm.m > cores ? &down
                                                                     : nullptr;
    if (longer == nullptr) return;
    if (down * across < cores) *longer *= ceil_div(cores, down * across);
    *longer += down * across % cores;
}

/// A block of results: rows x columns, over `steps` arrays of the reduction.
struct Block {
    std::size_t weights = 0, inputs = 0;  ///< places in Tile::arrived
    std::int64_t rows = 0, columns = 0, steps = 0;
};

struct Store {
    double ready = 0;
    double bytes = 0;
};

struct Tile {
    std::vector<double> arrived;  ///< by block of weights, then of inputs
    std::deque<Block> blocks;
    std::vector<Store> stores;  ///< that wait for their results
    bool last = true;           ///< of its reduction
    double done = kNever;       ///< the last product
};

struct Transfer {
    double bytes = 0;
    Tile* tile = nullptr;  ///< null: a store
    std::size_t block = 0;
};

class Core {
  public:
    explicit Core(const Preset& preset) : preset_(preset) {}

    void add(Tile tile, std::vector<Transfer> loads) {
        waiting_.push_back({std::make_unique<Tile>(std::move(tile)), std::move(loads)});
    }
    /// A third tile begins to load when the first has gone.
    void issue() {
        while (active_.size() < 2 && !waiting_.empty()) {
            active_.push_back(std::move(waiting_.front().tile));
            for (Transfer load : waiting_.front().loads) {
                load.tile = active_.back().get();
                queue_.push_back(load);
            }
            waiting_.pop_front();
        }
    }
    [[nodiscard]] bool moves() const { return !queue_.empty(); }
    [[nodiscard]] double to_move() const { return queue_.front().bytes; }
    void move(double bytes, double now) {
        Transfer& transfer = queue_.front();
        transfer.bytes -= bytes;
        if (transfer.bytes > 1e-6) return;
        const double there = now + static_cast<double>(preset_.latency_cycles);
        if (transfer.tile != nullptr) transfer.tile->arrived[transfer.block] = there;
        end_ = std::max(end_, there);
        queue_.pop_front();
    }
    /// Products whose operands are there, in order.
    void compute() {
        for (const auto& tile : active_) {
            while (!tile->blocks.empty()) {
                const Block block = tile->blocks.front();
                const double ready =
                    std::max(tile->arrived[block.weights], tile->arrived[block.inputs]);
                if (ready == kNever) return;
                tile->blocks.pop_front();
                for (std::int64_t step = 0; step < block.steps; ++step) product(ready, block.rows);
                if (tile->last)
                    tile->stores.push_back(
                        {drained_, static_cast<double>(block.rows * row_bytes(block.columns))});
                if (tile->blocks.empty()) tile->done = drained_;
            }
        }
    }
    /// When next a result may leave or a tile be done.
    [[nodiscard]] double next() const {
        double soonest = kNever;
        for (const auto& tile : active_) {
            for (const Store& store : tile->stores) soonest = std::min(soonest, store.ready);
            soonest = std::min(soonest, tile->done);
        }
        return soonest;
    }
    void settle(double now) {
        for (const auto& tile : active_) {
            for (const Store& store : tile->stores)
                if (store.ready <= now) queue_.push_back({.bytes = store.bytes});
            std::erase_if(tile->stores, [&](const Store& store) { return store.ready <= now; });
        }
        std::erase_if(active_, [&](const std::unique_ptr<Tile>& tile) {
            return tile->done <= now && tile->stores.empty();
        });
        issue();
    }
    [[nodiscard]] double end() const { return std::max(end_, drained_); }
    [[nodiscard]] std::int64_t row_bytes(std::int64_t elements) const {
        return round_up(elements * preset_.element_bytes, kRequest);
    }

  private:
    struct Waiting {
        std::unique_ptr<Tile> tile;
        std::vector<Transfer> loads;
    };

    /// Rows stream past one array of weights; the next weights come in meanwhile, in as many cycles
    /// as the array has rows. Into an idle array they are first read, then loaded.
    void product(double ready, std::int64_t rows) {
        const auto array = static_cast<double>(preset_.array);
        const auto streamed = static_cast<double>(std::max<std::int64_t>(rows, 4));
        begun_ = ready >= drained_ ? ready + 2 * array - 1
                                   : std::max(ready, begun_ + std::max(last_rows_, array));
        last_rows_ = streamed;
        drained_ = std::max(drained_, begun_ + 2 * array - 2 + streamed);
    }

    const Preset& preset_;
    std::deque<Waiting> waiting_;
    std::vector<std::unique_ptr<Tile>> active_;
    std::deque<Transfer> queue_;
    double begun_ = 0, last_rows_ = 0, drained_ = 0, end_ = 0;
};

/// Sizes of the blocks of a side, of which `size` are left in this tile.
std::vector<std::int64_t> blocks_of(std::int64_t size, std::int64_t array) {
    std::vector<std::int64_t> blocks(static_cast<std::size_t>(size / array), array);
    if (size % array > 0) blocks.push_back(size % array);
    return blocks;
}

/// One tile of `size`, and what it loads, in this order.
void add_tile(Core& core, const Preset& preset, const Gemm& size, bool last) {
    const auto rows = blocks_of(size.m, preset.array);
    const auto columns = blocks_of(size.n, preset.array);
    const auto bytes = [&](std::int64_t lines) {
        return static_cast<double>(lines * core.row_bytes(size.k));
    };
    Tile tile;
    tile.arrived.assign(columns.size() + rows.size(), kNever);
    tile.last = last;
    std::vector<Transfer> loads;
    for (std::size_t j = 0; j < columns.size(); ++j) {
        loads.push_back({.bytes = bytes(columns[j]), .block = j});
        for (std::size_t i = 0; i < rows.size(); ++i) {
            if (j == 0) loads.push_back({.bytes = bytes(rows[i]), .block = columns.size() + i});
            tile.blocks.push_back({.weights = j,
                                   .inputs = columns.size() + i,
                                   .rows = rows[i],
                                   .columns = columns[j],
                                   .steps = ceil_div(size.k, preset.array)});
        }
    }
    core.add(std::move(tile), std::move(loads));
}

}  // namespace

Gemm tile_of(const Preset& preset, const Gemm& gemm) {
    const std::int64_t block = preset.array * preset.array;
    // Of half the memories, in blocks: a square of sums, and of the reduction what then fits
    // beside.
    const auto square = static_cast<std::int64_t>(
        std::sqrt(static_cast<double>(preset.accumulator_bytes / 2 / 4 / block)));
    PERFWATT_CHECK(square > 0, "accumulators of less than a block");
    const std::int64_t operands = preset.scratchpad_bytes / 2 / preset.element_bytes / 2 / block;
    const std::int64_t deep = operands / square;
    const auto tiles = [&](std::int64_t side, std::int64_t most) {
        return std::min(ceil_div(side, preset.array), ceil_div(side, most * preset.array));
    };
    std::int64_t down = tiles(gemm.m, square);
    std::int64_t across = tiles(gemm.n, square);
    spread(preset.cores, gemm, down, across);
    const auto side = [&](std::int64_t whole, std::int64_t parts) {
        return ceil_div(round_up(whole, preset.array), parts) / preset.array * preset.array;
    };
    return {
        .m = side(gemm.m, down), .n = side(gemm.n, across), .k = side(gemm.k, tiles(gemm.k, deep))};
}

double cycles(const Preset& preset, const Gemm& gemm) {
    const Gemm tile = tile_of(preset, gemm);
    PERFWATT_CHECK(tile.m > 0 && tile.n > 0 && tile.k > 0, "tiles of less than a block");
    std::deque<Core> cores;
    for (std::int64_t i = 0; i < preset.cores; ++i) cores.emplace_back(preset);
    std::size_t turn = 0;
    for (std::int64_t m = 0; m < gemm.m; m += tile.m) {
        for (std::int64_t n = 0; n < gemm.n; n += tile.n) {
            for (std::int64_t k = 0; k < gemm.k; k += tile.k)
                add_tile(cores[turn], preset,
                         {.m = std::min(tile.m, gemm.m - m),
                          .n = std::min(tile.n, gemm.n - n),
                          .k = std::min(tile.k, gemm.k - k)},
                         k + tile.k >= gemm.k);
            turn = (turn + 1) % cores.size();
        }
    }
    double now = 0;
    for (Core& core : cores) core.issue();
    for (;;) {
        std::int64_t moving = 0;
        double next = kNever;
        for (Core& core : cores) {
            core.compute();
            moving += core.moves() ? 1 : 0;
            next = std::min(next, core.next());
        }
        if (moving == 0 && next == kNever) break;
        const double rate =
            moving > 0 ? std::min(preset.memory_bytes_per_cycle / static_cast<double>(moving),
                                  preset.core_bytes_per_cycle)
                       : 0;
        next = std::max(next, now);
        for (const Core& core : cores)
            if (core.moves()) next = std::min(next, now + core.to_move() / rate);
        for (Core& core : cores) {
            if (core.moves()) core.move(rate * (next - now), next);
            core.settle(next);
        }
        now = next;
    }
    double end = 0;
    for (const Core& core : cores) end = std::max(end, core.end());
    return end;
}

}  // namespace perfwatt::tile_pipeline

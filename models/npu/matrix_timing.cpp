#include "models/npu/matrix_timing.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "sim/arch/type_pairs.h"
#include "sim/base/diagnostics.h"
#include "sim/base/math.h"

namespace perfwatt::npu {
namespace {

/// `count` pieces of one size: a dimension cut into pieces has at most two sizes.
struct Pieces {
    std::int64_t size = 0;
    std::int64_t count = 0;
};

struct Divided {
    Pieces full, rest;
    [[nodiscard]] std::int64_t pieces() const { return full.count + rest.count; }
};

Divided cut(std::int64_t total, std::int64_t size) {
    const std::int64_t whole = total / size;
    const std::int64_t rest = total % size;
    return {.full = {size, whole}, .rest = {rest, rest > 0 ? 1 : 0}};
}

std::int64_t ceil_log2(std::int64_t value) {
    std::int64_t levels = 0;
    while ((std::int64_t{1} << levels) < value) ++levels;
    return levels;
}

std::int64_t fill_cycles(const MatrixSpec& spec) {
    const std::int64_t pipeline = spec.pipeline_depth - 1;
    switch (spec.feeding) {
        case Feeding::systolic:
            return spec.rows - 1 + spec.columns - 1 + pipeline;
        case Feeding::broadcast:
            return pipeline;
        case Feeding::tree:
            return ceil_log2(spec.rows) + pipeline;
    }
    return pipeline;
}

/// Sums of max(stream, preload) over passes, kind of pass by kind of pass.
class PassSum {
  public:
    explicit PassSum(const MatrixSpec& spec) : spec_(spec) {}

    void add(std::int64_t stream, std::int64_t preload, std::int64_t count) {
        if (count == 0) return;
        if (passes_ == 0) first_preload_ = preload;
        last_stream_ = stream;
        if (spec_.stationary_double_buffered) {
            cycles_ += count * std::max(stream, preload);
        } else {
            cycles_ += count * (preload + stream + fill_cycles(spec_));
        }
        last_hidden_ = std::max<std::int64_t>(0, preload - stream);
        passes_ += count;
    }

    /// `preloaded`: the first exchange hides behind a stream like the last one of these.
    [[nodiscard]] std::int64_t total(bool preloaded) const {
        if (!spec_.stationary_double_buffered) return cycles_;
        // The last pass hides no exchange of a next one.
        const std::int64_t first =
            preloaded ? std::max<std::int64_t>(0, first_preload_ - last_stream_) : first_preload_;
        return first + cycles_ - last_hidden_ + fill_cycles(spec_);
    }
    [[nodiscard]] std::int64_t passes() const { return passes_; }

  private:
    const MatrixSpec& spec_;
    std::int64_t cycles_ = 0;
    std::int64_t passes_ = 0;
    std::int64_t first_preload_ = 0;
    std::int64_t last_hidden_ = 0;
    std::int64_t last_stream_ = 0;
};

/// Groups that fit side by side on the diagonal of the cells.
std::int64_t packed(const MatrixSpec& spec, std::int64_t groups, std::int64_t down,
                    std::int64_t rows, std::int64_t across) {
    if (spec.grouped != Grouped::block_diagonal || groups <= 1) return 1;
    if (down > rows || across > spec.columns) return 1;
    return std::min({groups, rows / down, spec.columns / across});
}

/// Weight- and input-stationary: the reduction runs down the rows, partial sums leave at the foot.
void reduce_down(const NpuSpec& npu, const TypeRate& rate, const Contract& tile, MatrixWork& work) {
    const MatrixSpec& spec = npu.matrix;
    const bool weights = spec.dataflow == Dataflow::weight_stationary;
    const std::int64_t streamed = weights ? tile.m : tile.n;
    const std::int64_t across = weights ? tile.n : tile.m;
    const std::int64_t rows = reduction_extent(spec, rate);
    const std::int64_t together = packed(spec, tile.repeat, tile.k, rows, across);
    const std::int64_t groups = ceil_div(tile.repeat, together);
    const Divided down = cut(tile.k * together, rows);
    const Divided columns = cut(across * together, spec.columns);

    const std::int64_t sum_bytes = spec.accumulator_bits / 8;
    const bool accumulates = down.pieces() > 1 || !tile.first_k_tile || !tile.last_k_tile;
    const std::int64_t capacity = spec.accumulator_bytes / (spec.columns * sum_bytes);
    const bool held = accumulates && capacity >= 1;
    const Divided chunks = cut(streamed, held ? std::min(streamed, capacity) : streamed);

    PassSum sum(spec);
    const std::int64_t products_a_row = spec.depth * rate.macs_per_cell;
    for (const Pieces& chunk : std::array{chunks.full, chunks.rest}) {
        for (const Pieces& fold : std::array{down.full, down.rest}) {
            const std::int64_t used_rows = ceil_div(fold.size, products_a_row);
            sum.add(chunk.size * rate.cells_per_mac,
                    ceil_div(used_rows, spec.stationary_rows_per_cycle),
                    groups * columns.pieces() * chunk.count * fold.count);
        }
    }
    work.array_cycles = sum.total(tile.preloaded);
    work.passes = sum.passes();
    work.executed_macs = groups * streamed * columns.pieces() * spec.columns * down.pieces() * rows;

    const std::int64_t outputs = tile.repeat * tile.m * tile.n;
    const std::int64_t streamed_passes = columns.pieces();  // the streamed operand, once each
    const std::int64_t held_passes = chunks.pieces();       // the held operand, once each
    const std::int64_t first_passes = weights ? streamed_passes : held_passes;
    const std::int64_t second_passes = weights ? held_passes : streamed_passes;
    const std::int64_t first_elements = tile.repeat * tile.m * tile.k;
    work.first_bytes =
        first_passes * (spec.line_buffer && tile.first.bytes > 0
                            ? std::min(tile.first.bytes, bytes(tile.first_type, first_elements))
                            : bytes(tile.first_type, first_elements));
    work.second_bytes = second_passes * bytes(tile.second_type, tile.repeat * tile.n * tile.k);
    const std::int64_t inner = down.pieces() - 1;  // sums that meet a partial sum in this tile
    if (held) {
        work.accumulations = outputs * (inner + (tile.first_k_tile ? 0 : 1));
        const bool stays = outputs * sum_bytes <= spec.accumulator_bytes;
        if (!stays && !tile.first_k_tile) work.spill_read_bytes = outputs * sum_bytes;
        if (!stays && !tile.last_k_tile) work.spill_write_bytes = outputs * sum_bytes;
    } else {
        work.spill_read_bytes = outputs * sum_bytes * (inner + (tile.first_k_tile ? 0 : 1));
        work.spill_write_bytes = outputs * sum_bytes * (inner + (tile.last_k_tile ? 0 : 1));
    }
}

/// Groups of a few channels that a unit of whole blocks computes as one block, with zeros for what
/// they do not share.
std::int64_t groups_in_a_block(const MatrixSpec& spec, const Contract& tile, std::int64_t channels,
                               std::int64_t extent) {
    if (spec.block.channels <= 1 || tile.repeat <= 1 || channels <= 1) return 1;
    const std::int64_t room = std::min(spec.columns / tile.n, extent / channels);
    return std::max<std::int64_t>(1, std::min(tile.repeat, room));
}

/// Output-stationary: each cell keeps one sum while the reduction streams past.
void hold_outputs(const NpuSpec& npu, const TypeRate& rate, const Contract& tile,
                  MatrixWork& work) {
    const MatrixSpec& spec = npu.matrix;
    const std::int64_t together = packed(spec, tile.repeat, tile.m, spec.rows, tile.n);
    const std::int64_t extent = spec.depth * rate.macs_per_cell;
    // Where only channels are summed at a time, each filter tap begins anew.
    const std::int64_t taps = tile.filter_rows * tile.filter_columns;
    const std::int64_t channels = ceil_div(tile.k, taps);
    const std::int64_t beside = groups_in_a_block(spec, tile, channels, extent);
    const std::int64_t groups = ceil_div(tile.repeat, together * beside);
    const Divided down = cut(tile.m * together, spec.rows);
    const Divided columns = cut(tile.n * together * beside, spec.columns);
    const std::int64_t steps = taps * ceil_div(channels * beside, extent);
    const std::int64_t passes = groups * down.pieces() * columns.pieces();

    const std::int64_t outputs = tile.repeat * tile.m * tile.n;
    const std::int64_t sum_bytes = spec.accumulator_bits / 8;
    const bool stays = passes == 1 || outputs * sum_bytes <= spec.accumulator_bytes;
    // Sums are fetched before a pass and leave after it unless they stay between tiles.
    const bool enters = !tile.first_k_tile && passes > 1;
    const bool leaves = tile.last_k_tile || passes > 1;
    PassSum sum(spec);
    for (const Pieces& fold : std::array{down.full, down.rest}) {
        for (const Pieces& across : std::array{columns.full, columns.rest}) {
            const std::int64_t way = spec.outputs_leave == Leaving::shorter
                                         ? std::min(fold.size, across.size)
                                         : fold.size;
            const std::int64_t move = ceil_div(way, spec.stationary_rows_per_cycle);
            sum.add(steps * rate.cells_per_mac, move * ((enters ? 1 : 0) + (leaves ? 1 : 0)),
                    groups * across.count * fold.count);
        }
    }
    work.array_cycles = sum.total(tile.preloaded);
    work.passes = passes;
    work.executed_macs = passes * spec.rows * spec.columns * steps * extent;

    const std::int64_t first_elements = tile.repeat * tile.m * tile.k;
    const std::int64_t first_once = bytes(tile.first_type, first_elements);
    work.first_bytes = columns.pieces() * (spec.line_buffer && tile.first.bytes > 0
                                               ? std::min(tile.first.bytes, first_once)
                                               : first_once);
    work.second_bytes = down.pieces() * bytes(tile.second_type, tile.repeat * tile.n * tile.k);
    if (!stays && !tile.first_k_tile) work.spill_read_bytes = outputs * sum_bytes;
    if (!stays && !tile.last_k_tile) work.spill_write_bytes = outputs * sum_bytes;
    if (stays && passes > 1)
        work.accumulations = outputs * ((tile.first_k_tile ? 0 : 1) + (tile.last_k_tile ? 0 : 1));
}

/// How a tile's rows lie in the cells (Chen et al., ISCA 2016): a set of cells, filter rows by
/// output rows, convolves one channel with one filter; sets fill the array, of other filters first,
/// then of other channels, whose sums run up the column together. A cell keeps rows of several
/// channels and filters: sums of its channels meet in it, inputs serve all its filters.
struct RowSets {
    std::int64_t rows, columns;      ///< of a set
    std::int64_t folds, strips;      ///< of filter rows, of output rows
    std::int64_t filters, channels;  ///< sets side by side
    std::int64_t cell_filters = 1, cell_channels = 1;
    std::int64_t filter_passes, channel_passes;

    /// `most_columns`: that a set may have.
    RowSets(const MatrixSpec& spec, const Contract& tile, std::int64_t most_columns)
        : rows(std::min(tile.filter_rows, spec.rows)),
          columns(std::min(tile.output_rows, most_columns)),
          folds(ceil_div(tile.filter_rows, spec.rows)),
          strips(ceil_div(tile.output_rows, columns)) {
        const std::int64_t s = tile.filter_columns;
        const std::int64_t all =
            std::max<std::int64_t>(1, tile.k / (tile.filter_rows * tile.filter_columns));
        const std::int64_t sets = (spec.rows / rows) * (spec.columns / columns);
        filters = std::min(sets, tile.n);
        channels = std::min(sets / filters, all);
        const auto at_least_one = [](std::int64_t n) { return std::max<std::int64_t>(1, n); };
        const std::int64_t most_channels = at_least_one(spec.input_words / s);
        channel_passes = ceil_div(all, channels * most_channels);
        cell_channels = ceil_div(all, channels * channel_passes);
        std::int64_t most_filters = at_least_one(spec.filter_words / (s * cell_channels));
        const std::int64_t sums =
            spec.accumulator_bytes * 8 / (spec.accumulator_bits * spec.rows * spec.columns);
        if (spec.input_words > 0 && sums > 0) most_filters = std::min(most_filters, sums);
        filter_passes = ceil_div(tile.n, filters * most_filters);
        cell_filters = ceil_div(tile.n, filters * filter_passes);
    }
    /// Filter values of a pass, each once.
    [[nodiscard]] std::int64_t filter_values(std::int64_t s) const {
        return rows * s * cell_filters * cell_channels * filters * channels;
    }
};

/// Row-stationary: each cell takes a filter row's taps for each output of its row, filter by filter
/// and channel by channel. Where the networks' width is stated, a pass lasts as long as the most
/// loaded of them, after the inputs of its first column of outputs have come.
MatrixWork slide_rows(const MatrixSpec& spec, const TypeRate& rate, const Contract& tile,
                      const RowSets& sets) {
    MatrixWork work;
    const std::int64_t s = tile.filter_columns;
    const std::int64_t along = ceil_div(tile.m, tile.output_rows);  // outputs of a row, all images
    const std::int64_t passes =
        tile.repeat * sets.strips * sets.folds * sets.filter_passes * sets.channel_passes;

    const std::int64_t once = bytes(tile.first_type, tile.repeat * tile.m * tile.k);
    const std::int64_t first_once = tile.first.bytes > 0 ? std::min(tile.first.bytes, once) : once;
    const std::int64_t inputs =
        ceil_div(first_once * 8, bits(tile.first_type) * tile.repeat * sets.strips * sets.folds *
                                     sets.channel_passes);
    const std::int64_t sums = along * sets.columns * sets.cell_filters * sets.filters;

    const std::int64_t a_row = ceil_div(s, spec.depth * rate.macs_per_cell);
    const std::int64_t products =
        along * a_row * sets.cell_filters * sets.cell_channels * rate.cells_per_mac;
    std::int64_t stream = products;
    if (spec.inputs_per_cycle > 0)
        stream = std::max(stream, ceil_div(inputs, spec.inputs_per_cycle));
    if (spec.sums_per_cycle > 0) stream = std::max(stream, ceil_div(sums, spec.sums_per_cycle));
    if (spec.inputs_per_cycle > 0) stream += ceil_div(inputs, along * spec.inputs_per_cycle);
    PassSum sum(spec);
    sum.add(stream, ceil_div(sets.filter_values(s), spec.stationary_rows_per_cycle), passes);
    work.array_cycles = sum.total(tile.preloaded);
    work.passes = passes;
    // Every cell of the array is clocked.
    work.executed_macs = passes * products / rate.cells_per_mac * spec.depth * rate.macs_per_cell *
                         spec.rows * spec.columns;
    // A word goes down one bus past all rows and along one past all columns of every row that wants
    // it: a filter's row, the rows of the diagonals that an input serves, the row where a sum
    // enters or leaves. Between, sums go up from cell to cell.
    const std::int64_t served = std::min(
        spec.rows, std::min(sets.rows, sets.columns) * std::max<std::int64_t>(1, sets.filters));
    const std::int64_t to_a_row = spec.rows + spec.columns;
    work.carried =
        passes * (sets.filter_values(s) * to_a_row + inputs * (spec.rows + served * spec.columns) +
                  sums * (to_a_row + sets.rows * sets.channels));

    work.first_bytes = sets.filter_passes * first_once;
    work.second_bytes = sets.strips * bytes(tile.second_type, tile.repeat * tile.n * tile.k);
    const std::int64_t outputs = tile.repeat * tile.m * tile.n;
    const std::int64_t sum_bytes = spec.accumulator_bits / 8;
    const std::int64_t inner = sets.channel_passes * sets.folds - 1;
    const std::int64_t met = outputs * (inner + (tile.first_k_tile ? 0 : 1));
    // The sums of a pass: what its filters make of its strip of rows.
    if (sums * sum_bytes <= spec.accumulator_bytes) {
        work.accumulations = met;
        const bool stays = outputs * sum_bytes <= spec.accumulator_bytes;
        if (!stays && !tile.first_k_tile) work.spill_read_bytes = outputs * sum_bytes;
        if (!stays && !tile.last_k_tile) work.spill_write_bytes = outputs * sum_bytes;
    } else {
        work.spill_read_bytes = met * sum_bytes;
        work.spill_write_bytes = outputs * sum_bytes * (inner + (tile.last_k_tile ? 0 : 1));
    }
    return work;
}

/// Sets as wide as the array or, where that is faster, narrower ones side by side: rows of outputs
/// that do not fill it, or inputs that come too slowly for few filters.
MatrixWork slide_rows(const MatrixSpec& spec, const TypeRate& rate, const Contract& tile) {
    MatrixWork best;
    std::int64_t last = 0;
    for (std::int64_t side_by_side = 1; side_by_side <= 4; ++side_by_side) {
        const RowSets sets(spec, tile, std::max<std::int64_t>(1, spec.columns / side_by_side));
        if (sets.columns == last) continue;
        last = sets.columns;
        const MatrixWork work = slide_rows(spec, rate, tile, sets);
        if (side_by_side == 1 || work.array_cycles < best.array_cycles) best = work;
    }
    return best;
}

/// A mode that does a fixed number of grouped MACs a cycle, where the chip has one and it is
/// faster.
void consider_dedicated(const MatrixSpec& spec, const TypeRate& rate, const Contract& tile,
                        MatrixWork& work) {
    if (spec.grouped != Grouped::dedicated || tile.repeat <= 1 || tile.transform_sums > 0) return;
    const std::int64_t outputs = round_up(tile.repeat, spec.block.channels) * tile.m * tile.n;
    const std::int64_t macs = outputs * tile.k;
    std::int64_t per_step = spec.grouped_macs_per_cycle * rate.macs_per_cell;
    std::int64_t step = rate.cells_per_mac;
    if (spec.grouped_bits > 0) {
        per_step = spec.grouped_macs_per_cycle;
        const int widest = std::max(bits(tile.first_type), bits(tile.second_type));
        const std::int64_t parts = ceil_div<std::int64_t>(widest, spec.grouped_bits);
        step = parts * parts;
    }
    const std::int64_t steps = ceil_div(macs + outputs * spec.grouped_output_macs, per_step);
    const std::int64_t cycles = steps * step + fill_cycles(spec);
    if (cycles >= work.array_cycles) return;
    work.array_cycles = cycles;
    work.passes = 1;
    work.executed_macs = round_up(macs, per_step);
    work.spill_read_bytes = work.spill_write_bytes = work.accumulations = 0;
}

}  // namespace

const TypeRate* rate_of(const MatrixSpec& spec, DataType first, DataType second) {
    return find_pair(spec.rates, first, second);
}

std::int64_t reduction_extent(const MatrixSpec& spec, const TypeRate& rate) {
    const std::int64_t a_cell = spec.depth * rate.macs_per_cell;
    const bool down_the_rows =
        spec.dataflow == Dataflow::weight_stationary || spec.dataflow == Dataflow::input_stationary;
    return down_the_rows ? spec.rows * a_cell : a_cell;
}

std::int64_t multiplied(const MatrixSpec& spec, const Sparsity& weights, std::int64_t reduction) {
    if (weights.pattern == Sparsity::Pattern::dense || weights.kept >= weights.of) return reduction;
    switch (spec.skipping) {
        case Skipping::none:
            break;
        case Skipping::n_of_m:
            // What is sparser than the unit's pattern also fits it, and gains no more.
            if (weights.pattern == Sparsity::Pattern::n_of_m &&
                weights.kept * spec.of <= spec.kept * weights.of)
                return ceil_div(reduction * spec.kept, spec.of);
            break;
        case Skipping::zeros: {
            const std::int64_t mean = ceil_div(reduction * weights.kept, weights.of);
            if (weights.pattern == Sparsity::Pattern::n_of_m) return mean;
            // Each column has a binomial number of values; the fullest of n such is about
            // sqrt(2 ln n) standard deviations above the mean.
            const double share =
                static_cast<double>(weights.kept) / static_cast<double>(weights.of);
            const double deviation =
                std::sqrt(static_cast<double>(reduction) * share * (1 - share));
            const double over =
                deviation * std::sqrt(2 * std::log(static_cast<double>(spec.columns)));
            return std::min(reduction, mean + static_cast<std::int64_t>(std::llround(over)));
        }
    }
    return reduction;
}

MatrixWork matrix_work(const NpuSpec& spec, const Contract& tile) {
    const TypeRate* rate = rate_of(spec.matrix, tile.first_type, tile.second_type);
    PERFWATT_CHECK(rate != nullptr, "a tile of types the matrix unit lacks");
    PERFWATT_CHECK(tile.m > 0 && tile.n > 0 && tile.k > 0 && tile.repeat > 0, "an empty tile");
    MatrixWork work;
    switch (spec.matrix.dataflow) {
        case Dataflow::output_stationary:
            hold_outputs(spec, *rate, tile, work);
            break;
        case Dataflow::row_stationary:
            work = slide_rows(spec.matrix, *rate, tile);
            break;
        case Dataflow::weight_stationary:
        case Dataflow::input_stationary:
            reduce_down(spec, *rate, tile, work);
            break;
    }
    consider_dedicated(spec.matrix, *rate, tile, work);
    if (tile.last_k_tile) work.output_bytes = tile.output.bytes;
    work.port_cycles = ceil_div(work.moved_bytes(),
                                spec.scratchpad.banks * spec.scratchpad.bytes_per_cycle_per_bank);
    return work;
}

std::int64_t peak_macs_per_second(const NpuSpec& spec, DataType first, DataType second) {
    const TypeRate* rate = rate_of(spec.matrix, first, second);
    if (rate == nullptr) return 0;
    const MatrixSpec& matrix = spec.matrix;
    const std::int64_t products = matrix.rows * matrix.columns * matrix.depth * rate->macs_per_cell;
    return products * spec.clock.hertz() / rate->cells_per_mac * spec.cores;
}

}  // namespace perfwatt::npu

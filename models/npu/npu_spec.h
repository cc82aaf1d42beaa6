#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/base/data_type.h"
#include "sim/base/sparsity.h"
#include "sim/base/time.h"

namespace perfwatt::npu {

/// Cycles the mapper charges each tile for passing from unit to unit, beside its commands' own
/// overhead: of two mappings hardly apart, the one of fewer commands is better.
inline constexpr std::int64_t kTileCycles = 16;

/// Which operand a matrix unit's cells hold while the others stream past.
enum class Dataflow : std::uint8_t {
    weight_stationary,
    output_stationary,
    input_stationary,
    row_stationary,  ///< filter rows, against which input rows slide (Eyeriss)
};

/// How sums leave the cells that hold outputs.
enum class Leaving : std::uint8_t {
    columns,  ///< down the columns: a cycle for each row in use
    shorter,  ///< down the columns or along the rows, whichever is shorter
};

/// Which zeros among the weights cost no cycle.
enum class Skipping : std::uint8_t {
    none,
    n_of_m,  ///< `kept` of each `of` along the reduction, a fixed pattern
    zeros,   ///< any: a pass lasts as long as its fullest column
};

/// Transforms that trade products for sums in 3 x 3 convolutions of stride 1 (Lavin and Gray,
/// CVPR 2016): F(t x t, 3 x 3) makes t x t outputs of (t + 2) x (t + 2) products.
enum class Winograd : std::uint8_t { none, f2, f4 };

/// When filters are transformed: ahead of time they take (t + 2)^2 / 9 of their bytes in memory.
enum class WinogradFilters : std::uint8_t { on_the_way, ahead };

/// How operands reach the cells and sums leave them; decides fill and drain only.
enum class Feeding : std::uint8_t {
    systolic,   ///< skewed, from neighbour to neighbour: rows - 1 + columns - 1 cycles to fill
    broadcast,  ///< a bus per row and column: no skew
    tree,       ///< products of a column's rows are summed in a tree: log2(rows) cycles
};

/// What the rows of a unit that sums along them may be unrolled over.
enum class Reduction : std::uint8_t {
    channels_and_taps,  ///< c*r*s together (im2col): a 3x3x3 filter fills 27 rows
    channels,           ///< input channels only; each filter tap is a pass of its own
};

/// How groups (depthwise and grouped convolutions, batched products) use the cells.
enum class Grouped : std::uint8_t {
    separate,        ///< one group at a time: a depthwise 3x3 uses 9 rows of one column
    block_diagonal,  ///< groups side by side on the diagonal; the blocks beside it hold zeros
    dedicated,       ///< a mode of its own does `grouped_macs_per_cycle`, whatever the shape
};

/// MACs of one cell in a cycle for a pair of operand types: `macs_per_cell` where narrow types
/// share a cell, 1 / `cells_per_mac` where wide ones need several.
struct TypeRate {
    DataType first = DataType::int8;
    DataType second = DataType::int8;
    std::int64_t macs_per_cell = 1;
    std::int64_t cells_per_mac = 1;
};

/// A memory that each cell has of its own, and what a MAC does to it.
struct CellMemory {
    std::int64_t bytes = 0;
    std::int64_t access_bytes = 2;
    std::int64_t reads = 1;
    std::int64_t writes = 0;
    std::int64_t mac_percent = 0;  ///< energy of an access, of a MAC's; 0: as tables say
};

/// What cells do whose input is zero.
enum class Gating : std::uint8_t {
    none,
    zeros,  ///< hold still: neither multiply nor touch their memories
};

/// `rows` x `columns` cells, each summing `depth` products a cycle.
///   weight_stationary: rows x depth run over the reduction, columns over output channels
///   output_stationary: rows over output positions, columns over output channels, depth over the
///                      reduction
///   input_stationary:  rows x depth over the reduction, columns over output positions
///   row_stationary:    rows over filter rows, columns over output rows; what is left of either
///                      over channels and filters; each cell slides a filter row along an input row
/// How maps lie at a unit that works on whole blocks of them: what is ragged is computed, too.
struct MapBlock {
    std::int64_t rows = 1, columns = 1;  ///< positions, of 8 bit; wider: fewer columns
    std::int64_t channels = 1;           ///< of depthwise layers
};

struct MatrixSpec {
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    std::int64_t depth = 1;
    Dataflow dataflow = Dataflow::weight_stationary;
    Feeding feeding = Feeding::systolic;
    Reduction reduction = Reduction::channels_and_taps;
    std::vector<TypeRate> rates;
    std::int64_t pipeline_depth = 1;  ///< cycles through multiplier, adder and output stage
    /// Rows of the held operand that move in (weights, inputs) or out (outputs) each cycle.
    std::int64_t stationary_rows_per_cycle = 1;
    bool stationary_double_buffered = true;  ///< the next moves while the present one computes
    std::int64_t accumulator_bytes = 0;      ///< partial sums held at the unit, per core
    Grouped grouped = Grouped::separate;
    std::int64_t grouped_macs_per_cycle = 0;  ///< for Grouped::dedicated
    /// There a product of operands twice as wide takes the place of four, as long multiplication
    /// has it; 0: it costs what it costs the cells.
    std::int64_t grouped_bits = 0;
    /// As many products' time goes by for each output there: windows fetched, results stored.
    std::int64_t grouped_output_macs = 0;
    MapBlock block;
    /// Whether a line buffer serves the overlapping windows of a convolution, so that an input
    /// element is read from the scratchpad once a pass rather than once a filter tap.
    bool line_buffer = false;
    int accumulator_bits = 32;
    Leaving outputs_leave = Leaving::columns;
    Skipping skipping = Skipping::none;
    std::int64_t kept = 1, of = 1;  ///< for Skipping::n_of_m
    Winograd winograd = Winograd::none;
    WinogradFilters winograd_filters = WinogradFilters::on_the_way;
    /// For Dataflow::row_stationary: filter and input values a cell keeps (0 of inputs: one
    /// channel's window), and what the networks bring and take each cycle (0: whatever is needed).
    std::int64_t filter_words = 1;
    std::int64_t input_words = 0;
    std::int64_t inputs_per_cycle = 0;
    std::int64_t sums_per_cycle = 0;
    Gating gating = Gating::none;
    std::int64_t cell_pitch_um = 0;         ///< length of wire from cell to cell; 0: not known
    std::vector<CellMemory> cell_memories;  ///< priced; what they hold and when follows from above
};

struct VectorSpec {
    std::int64_t lanes = 0;
    int lane_bits = 32;  ///< a type of more bits takes several lanes; a narrower one a whole lane
    /// Additions, multiplications, comparisons and conversions a lane chains in one cycle.
    std::int64_t simple_operations_per_cycle = 1;
    /// Separate pieces that a copy from place to place begins in a cycle; 0: one a lane.
    std::int64_t copied_runs_per_cycle = 0;
    std::int64_t divide_cycles = 1;
    std::int64_t exponential_cycles = 1;
    std::int64_t reciprocal_sqrt_cycles = 1;
    std::int64_t table_cycles = 1;
    std::int64_t latency_cycles = 0;  ///< from the first operand to the first result
    /// Outputs of the matrix unit are pooled on their way to the scratchpad; rows between two
    /// windows are kept in the unit.
    bool pools = false;
};

/// How activations lie in memory, images one after the other.
enum class ActivationLayout : std::uint8_t {
    channels_innermost,  ///< rows, columns, channels
    planes,              ///< channels, rows, columns
};

/// How a scratchpad's addresses lie in its banks.
enum class Banking : std::uint8_t {
    interleaved,  ///< neighbouring accesses in neighbouring banks: all users share all bandwidth
    blocked,      ///< each bank a contiguous range: whoever shares a bank shares its port
};

struct ScratchpadSpec {
    std::int64_t bytes = 0;
    /// Parts set aside by a partitioned scratchpad; both equal `bytes` where it is unified.
    std::int64_t weight_bytes = 0;
    std::int64_t activation_bytes = 0;
    std::int64_t banks = 1;
    Banking banking = Banking::interleaved;
    std::int64_t bytes_per_cycle_per_bank = 0;  ///< one access: read or write
    std::string cell = "sram_6t";               ///< looked up by the pricing
};

struct DmaSpec {
    int engines = 1;
    /// Per engine, at the core's clock; 0: as fast as the links and the memory.
    std::int64_t bytes_per_cycle = 0;
    std::vector<WeightFormat> decodes;  ///< beside plain weights
};

/// An NPU as its YAML states it, under `npu:`. Every core is alike.
struct NpuSpec {
    Clock clock;
    int cores = 1;
    MatrixSpec matrix;
    VectorSpec vector;
    ScratchpadSpec scratchpad;
    DmaSpec dma;
    /// Cycles a command waits in the sequencer before its unit starts: the one constant a chip may
    /// fit to its own measurements.
    std::int64_t command_overhead_cycles = 0;
    ActivationLayout activations = ActivationLayout::channels_innermost;
    /// Its software takes a mapping slower than the fastest by up to this much if that moves fewer
    /// bytes to and from memory.
    std::int64_t traffic_band_percent = 1;
    /// Its software runs kernels stripe by stripe where their maps would not stay on chip.
    bool depth_first = true;
};

}  // namespace perfwatt::npu

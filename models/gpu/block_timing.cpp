#include "models/gpu/block_timing.h"

#include <algorithm>
#include <cmath>

#include "sim/arch/type_pairs.h"
#include "sim/base/diagnostics.h"
#include "sim/base/math.h"

namespace perfwatt::gpu {
namespace {

/// Registers of a thread beside its accumulators: addresses, fragments, loop counters.
constexpr std::int64_t kThreadRegisterBytes = 64 * 4;
/// Outputs a thread accumulates: 128 x 128 takes 128 threads of 128, 32 x 32 one warp.
constexpr std::int64_t kOutputsPerThread = 128;
constexpr std::int64_t kWarp = 32;
constexpr std::int64_t kMostBlocks = 8;
/// Every operand element is written to shared memory once and read by more than one warp.
constexpr double kSharedPasses = 1.5;
/// Slices of a reduction after which no more of a block's latency comes into sight.
constexpr double kStreamingSlices = 30;

/// Windows of a depthwise convolution that a thread works on.
constexpr std::int64_t kWindowsPerThread = 8;
/// A thread of windows loads, works and stores: of the latency in which a product's block fills its
/// stages and writes its results, about a third.
constexpr double kWindowLatency = 0.35;

double element_bytes(DataType type) { return bits(type) / 8.0; }

/// Blocks of one column are windows of a depthwise convolution.
bool are_windows(Tile tile) { return tile.columns == 1; }

/// Products of an SM in a cycle. Windows of one channel share no operand that matrix pipes could
/// reuse: the lanes multiply, narrow types two at a time.
double macs_per_cycle(const GpuSpec& spec, const MathRate& rate, bool windows) {
    if (!windows)
        return static_cast<double>(rate.macs_per_cycle) *
               (rate.pipe == Pipe::tensor ? spec.matrix_efficiency : spec.vector_efficiency);
    const std::int64_t packed = bits(rate.first) <= 16 ? 2 : 1;
    return static_cast<double>(spec.vector_lanes * packed) * spec.vector_efficiency;
}

/// What fills and ends of a round of blocks that follow others leave in sight. `blocks` of an SM
/// take turns at what limits them, `main` cycles each, and are away for `away` cycles in between:
/// a closed queue, by mean value analysis (Reiser and Lavenberg 1980).
double round_overhead(double main, double away, double blocks) {
    const int customers = static_cast<int>(std::ceil(blocks));
    double waiting = 0, cycle = 0;
    for (int i = 1; i <= customers; ++i) {
        const double served = main * (1 + waiting);
        cycle = away + served;
        waiting = i * served / cycle;
    }
    return (cycle - customers * main) * blocks / customers;
}

}  // namespace

const MathRate* rate_of(const GpuSpec& spec, DataType first, DataType second) {
    return find_pair(spec.rates, first, second);
}

std::string_view to_string(Limit limit) {
    switch (limit) {
        case Limit::matrix:
            return "matrix";
        case Limit::shared:
            return "shared";
        case Limit::l2:
            return "l2";
        case Limit::conversion:
            return "conversion";
        case Limit::vector:
            return "vector";
        case Limit::memory:
            return "memory";
        case Limit::latency:
            return "latency";
        case Limit::launch:
            return "launch";
    }
    PERFWATT_CHECK(false, "no such limit");
}

std::int64_t resident_blocks(const GpuSpec& spec, Tile tile, DataType first, DataType second) {
    const LibrarySpec& library = spec.library;
    const std::int64_t slice_bits = (tile.rows * bits(first) + tile.columns * bits(second));
    const std::int64_t shared =
        ceil_div(slice_bits * library.depth * library.stages, std::int64_t{8});
    // One row or column alone is no product of matrices: its operands go straight to registers.
    const bool staged = tile.rows > 1 && !are_windows(tile);
    const std::int64_t outputs = tile.rows * tile.columns;
    const std::int64_t each = are_windows(tile) ? kWindowsPerThread : kOutputsPerThread;
    const std::int64_t threads = std::max(kWarp, round_up(outputs / each, kWarp));
    const std::int64_t registers = outputs * 4 + threads * kThreadRegisterBytes;
    return std::clamp<std::int64_t>(
        std::min({staged ? spec.shared_bytes / std::max<std::int64_t>(1, shared) : kMostBlocks,
                  spec.register_bytes / registers, spec.most_threads / threads}),
        1, kMostBlocks);
}

BlockTiming block_timing(const GpuSpec& spec, const BlockWork& work) {
    const MathRate* rate = rate_of(spec, work.first_type, work.second_type);
    PERFWATT_CHECK(rate != nullptr, "no rate for this pair of types");
    const auto sms = static_cast<double>(spec.sms);
    const auto blocks = static_cast<double>(work.blocks);
    const auto rows = static_cast<double>(work.rows);
    const auto columns = static_cast<double>(work.columns);
    const auto depth = static_cast<double>(work.depth);
    BlockTiming timing;
    timing.resident =
        resident_blocks(spec, {work.rows, work.columns}, work.first_type, work.second_type);
    const auto resident = static_cast<double>(timing.resident);
    timing.waves = blocks / (sms * resident);

    const bool windows = are_windows({work.rows, work.columns});
    const double matrix = rows * columns * depth / macs_per_cycle(spec, *rate, windows);
    // Of a window, each row once: what lies beside it is in the thread's registers.
    const double read = windows ? std::sqrt(depth) : depth;
    const double operand_bytes =
        read * (rows * element_bytes(work.first_type) + columns * element_bytes(work.second_type));
    const double shared =
        windows ? 0
                : kSharedPasses * operand_bytes / static_cast<double>(spec.shared_bytes_per_cycle);
    const double l2_rate = std::min(
        static_cast<double>(spec.l2.bytes_per_cycle) * spec.l2_efficiency / std::min(blocks, sms),
        static_cast<double>(spec.l2.bytes_per_cycle_per_sm));
    const bool handed_on = is_handed_on(work);
    const double here = handed_on ? read * rows * element_bytes(work.first_type) : 0;
    const double l2 =
        (operand_bytes - here) / static_cast<double>(spec.library.cluster_side) / l2_rate;
    const double conversion = static_cast<double>(rate->conversion_operations) * columns * depth /
                              static_cast<double>(spec.vector_lanes);
    const double main = std::max({matrix, shared, l2, conversion});
    if (main == matrix)
        timing.limit = Limit::matrix;
    else if (main == shared)
        timing.limit = Limit::shared;
    else if (main == l2)
        timing.limit = Limit::l2;
    else
        timing.limit = Limit::conversion;

    double per_sm = blocks / sms;
    double rounds = per_sm / resident;
    if (spec.library.scheduling == Scheduling::waves) {
        per_sm = std::ceil(per_sm);
        rounds = std::ceil(per_sm / resident);
    }
    per_sm = std::max(per_sm, 1.0);
    rounds = std::max(rounds, 1.0);
    // Half of the latency is the first slice's way in and the results' way out; the rest comes with
    // the slices, until they stream.
    const double slices = depth / static_cast<double>(spec.library.depth);
    const double filled =
        windows ? kWindowLatency : std::min(1.0, 0.5 + slices / (2 * kStreamingSlices));
    const double fill = handed_on ? 0 : filled * static_cast<double>(spec.latency_cycles);
    // Blocks that started together write together.
    const double together = std::min(resident, per_sm);
    const double results = together * rows * columns * element_bytes(work.first_type) / l2_rate;
    const double again = round_overhead(main, fill + results, together);
    timing.later = (rounds - 1) * again;
    // Of pieces of a reduction the launch has the first fill and what later rounds leave: see
    // cut().
    if (work.begins && work.ends)
        timing.fill_drain = (work.follows ? again : fill + results) + timing.later;
    else if (handed_on && work.ends)
        timing.fill_drain = rounds * again;
    else if (work.ends)
        timing.fill_drain = results;
    timing.cycles = per_sm * main + timing.fill_drain;
    if (timing.fill_drain > per_sm * main) timing.limit = Limit::latency;
    return timing;
}

BlockWork block_work(const Contract& tile) {
    return {.rows = tile.m,
            .columns = tile.n,
            .depth = tile.k,
            .blocks = tile.repeat,
            .first_type = tile.first_type,
            .second_type = tile.second_type,
            .begins = tile.first_k_tile,
            .ends = tile.last_k_tile,
            .follows = tile.preloaded};
}

std::int64_t lane_operations(const GpuSpec& spec, const std::vector<VectorStep>& steps,
                             std::int64_t elements) {
    // Thousandths: steps may happen once in many elements.
    constexpr std::int64_t kMilli = 1000;
    const std::int64_t special =
        ceil_div(spec.vector_lanes, std::max<std::int64_t>(1, spec.special_lanes));
    std::int64_t milli = 0;
    for (const VectorStep& step : steps) {
        const std::int64_t times = std::llround(step.per_element * kMilli);
        switch (step.op) {
            case VectorOp::add:
            case VectorOp::multiply:
            case VectorOp::compare:
            case VectorOp::convert:
            case VectorOp::table:
                milli += times;
                break;
            case VectorOp::divide:  // a reciprocal and a product
                milli += times * (special + 1);
                break;
            case VectorOp::exponential:
            case VectorOp::reciprocal_sqrt:
                milli += times * special;
                break;
        }
    }
    return ceil_div(elements * milli, kMilli);
}

double vector_cycles(const GpuSpec& spec, const Vector& work) {
    const double lanes = static_cast<double>(spec.vector_lanes * spec.sms);
    const double l2 = static_cast<double>(spec.l2.bytes_per_cycle) * spec.l2_efficiency;
    return std::max(static_cast<double>(work.operations) / lanes,
                    static_cast<double>(work.read_bytes + work.write_bytes) / l2);
}

Time time_of(const GpuSpec& spec, double cycles) {
    return spec.clock.cycles(static_cast<std::int64_t>(std::ceil(cycles)));
}

}  // namespace perfwatt::gpu

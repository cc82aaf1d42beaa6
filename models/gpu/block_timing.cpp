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

double element_bytes(DataType type) { return bits(type) / 8.0; }

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
    // One row alone is no product of matrices: its operands go straight to registers.
    const bool staged = tile.rows > 1;
    const std::int64_t outputs = tile.rows * tile.columns;
    const std::int64_t threads = std::max(kWarp, round_up(outputs / kOutputsPerThread, kWarp));
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

    const double efficiency =
        rate->pipe == Pipe::tensor ? spec.matrix_efficiency : spec.vector_efficiency;
    const double matrix =
        rows * columns * depth / (static_cast<double>(rate->macs_per_cycle) * efficiency);
    const double operand_bytes =
        depth * (rows * element_bytes(work.first_type) + columns * element_bytes(work.second_type));
    const double shared =
        kSharedPasses * operand_bytes / static_cast<double>(spec.shared_bytes_per_cycle);
    const double l2_rate = std::min(
        static_cast<double>(spec.l2.bytes_per_cycle) * spec.l2_efficiency / std::min(blocks, sms),
        static_cast<double>(spec.l2.bytes_per_cycle_per_sm));
    const double l2 = operand_bytes / static_cast<double>(spec.library.cluster_side) / l2_rate;
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
    double ends = 0;
    // Half of the latency is the first slice's way in and the results' way out; the rest comes with
    // the slices, until they stream.
    const double slices = depth / static_cast<double>(spec.library.depth);
    const double filled = std::min(1.0, 0.5 + slices / (2 * kStreamingSlices));
    if (work.ends) ends += rows * columns * std::max(2.0, element_bytes(work.first_type)) / l2_rate;
    // Of a piece that begins and does not end, the launch has the first round's fill: see cut().
    const double fills = !work.begins ? 0 : work.ends ? rounds : rounds - 1;
    timing.fill_drain = rounds * ends + fills * filled * static_cast<double>(spec.latency_cycles);
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
            .ends = tile.last_k_tile};
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

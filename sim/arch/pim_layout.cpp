#include "sim/arch/pim_layout.h"

#include <algorithm>

#include "sim/base/math.h"

namespace perfwatt {
namespace {

/// Sums are as wide as the inputs are in floating point.
DataType result_type(const PimKernel& kernel) {
    return is_floating(kernel.activations) ? kernel.activations : DataType::int32;
}

}  // namespace

GemvCut::GemvCut(const PimSpec& spec, const PimKernel& kernel)
    : units(std::int64_t{spec.units} * (kernel.groups > 1 ? 1 : spec.channels)) {
    if (kernel.groups > 1) {
        copies = ceil_div(kernel.groups, std::int64_t{spec.channels});
        groups = copies * spec.channels;
    }
    const int result_bits = bits(result_type(kernel));
    store_columns = spec.reduces
                        ? ceil_div(std::int64_t{spec.results} * result_bits, spec.column_bytes * 8)
                        : spec.results * std::max(1, result_bits / bits(kernel.activations));
    const int weight_lanes = spec.lanes(kernel.weights);
    const int input_lanes = spec.lanes(kernel.activations);
    if (spec.style == PimStyle::lanes) {
        outputs = spec.results;
        inputs = std::int64_t{spec.inputs} * input_lanes;
        parts = ceil_div(inputs, std::int64_t{weight_lanes});
        loads = spec.inputs;
    } else {
        outputs = 1;
        inputs = std::min<std::int64_t>(
            {spec.buffer_bytes * 8 / bits(kernel.activations), spec.columns * weight_lanes,
             ceil_div(kernel.inputs, std::int64_t{weight_lanes}) * weight_lanes});
        parts = ceil_div(inputs, std::int64_t{weight_lanes});
        loads = ceil_div(inputs, std::int64_t{input_lanes});
    }
    output_tiles = ceil_div(kernel.outputs, outputs * units);
    input_tiles = ceil_div(kernel.inputs, inputs);
    tiles_a_set = ceil_div(input_tiles, std::int64_t{spec.sets()});
    tile_columns = outputs * parts;
    // A tree multiplies a row at a time: a tile begins in a row of its own.
    if (spec.style == PimStyle::tree) tile_columns = spec.columns;
}

bool is_gemv(PimOp op) { return op == PimOp::gemv || op == PimOp::gemv_tree; }

std::int64_t PimSpec::data_rows() const {
    if (rows.park <= 0) return rows_per_bank;
    return rows_per_bank / 2;
}

std::int64_t pim_data_row(const PimSpec& spec, std::int64_t row) {
    if (spec.rows.park <= 0) return row;
    // Rows of data lie where the bit of the parked row is clear.
    return row / spec.rows.park * 2 * spec.rows.park + row % spec.rows.park;
}

std::int64_t elements_of_tile(const PimSpec& spec, DataType type) {
    return std::int64_t{spec.inputs} * spec.lanes(type) * spec.banks * spec.channels;
}

PimPlace place_of(const PimSpec& spec, const PimKernel& kernel, const GemvCut& cut,
                  std::int64_t copy, std::int64_t output, std::int64_t input) {
    const int lanes = spec.lanes(kernel.weights);
    const std::int64_t output_tile = output / (cut.outputs * cut.units) + copy * cut.output_tiles;
    const std::int64_t in_tile = output % (cut.outputs * cut.units);
    const std::int64_t unit = in_tile / cut.outputs;
    const std::int64_t input_tile = input / cut.inputs;
    const std::int64_t part = input % cut.inputs / lanes;
    PimPlace place{
        .channel = static_cast<int>(unit / spec.units),
        .bank = static_cast<int>(unit % spec.units * spec.sets() + input_tile % spec.sets()),
        .lane = static_cast<int>(input % lanes)};
    if (spec.style == PimStyle::tree) {
        place.row = kernel.row + output_tile * cut.input_tiles + input_tile;
        place.column = part;
        return place;
    }
    const std::int64_t column =
        cut.tile_columns * (input_tile / spec.sets() + output_tile * cut.tiles_a_set) +
        part * cut.outputs + in_tile % cut.outputs;
    place.row = pim_data_row(spec, kernel.row + column / spec.columns);
    place.column = column % spec.columns;
    return place;
}

std::int64_t pim_rows(const PimSpec& spec, const PimKernel& kernel) {
    switch (kernel.op) {
        case PimOp::gemv:
        case PimOp::gemv_tree: {
            const GemvCut cut(spec, kernel);
            if (spec.style == PimStyle::tree)
                return cut.copies * cut.output_tiles * cut.input_tiles;
            const std::int64_t stores = cut.copies * cut.output_tiles * kernel.batch *
                                        cut.store_columns *
                                        (kernel.op == PimOp::gemv_tree ? cut.input_tiles : 1);
            return ceil_div(cut.weight_columns() + stores, spec.columns);
        }
        case PimOp::add:
        case PimOp::multiply:
        case PimOp::relu:
        case PimOp::batch_norm: {
            if (spec.style == PimStyle::tree) {
                const std::int64_t row = spec.columns * spec.lanes(kernel.activations) *
                                         spec.bank_groups * spec.channels;
                return ceil_div(kernel.elements, row);
            }
            const std::int64_t tiles =
                ceil_div(kernel.elements, elements_of_tile(spec, kernel.activations));
            const bool two = kernel.op == PimOp::add || kernel.op == PimOp::multiply;
            return (two ? 3 : 2) * ceil_div(tiles * spec.inputs, spec.columns);
        }
        case PimOp::activation:
            return 1;
        case PimOp::copy:
            return ceil_div(kernel.elements,
                            spec.columns * spec.lanes(kernel.activations) * spec.channels);
    }
    return 0;
}

std::int64_t pim_tile_outputs(const PimSpec& spec, const PimKernel& kernel) {
    const GemvCut cut(spec, kernel);
    return cut.outputs * cut.units;
}

std::int64_t pim_tile_inputs(const PimSpec& spec, const PimKernel& kernel) {
    return GemvCut(spec, kernel).inputs;
}

std::int64_t pim_result_columns(const PimSpec& spec, const PimKernel& kernel) {
    return spec.style == PimStyle::tree ? 1 : GemvCut(spec, kernel).store_columns;
}

std::int64_t pim_executed_macs(const PimSpec& spec, const PimKernel& kernel) {
    const GemvCut cut(spec, kernel);
    const std::int64_t products = kernel.groups > 1 ? cut.groups : 1;
    return products * cut.output_tiles * cut.outputs * cut.units * cut.input_tiles * cut.inputs *
           kernel.batch;
}

PimPlace pim_weight_place(const PimSpec& spec, const PimKernel& kernel, std::int64_t output,
                          std::int64_t input) {
    return place_of(spec, kernel, GemvCut(spec, kernel), 0, output, input);
}

}  // namespace perfwatt

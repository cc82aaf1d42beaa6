#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "sim/arch/pim_job.h"
#include "sim/base/math.h"

namespace perfwatt {
namespace {

constexpr std::int64_t kMostSteps = 4'000'000;

/// Sums are as wide as the inputs are in floating point.
DataType result_type(const PimKernel& kernel) {
    return is_floating(kernel.activations) ? kernel.activations : DataType::int32;
}

/// How a product is cut for the units. A tile is what all units do with one load of operands.
struct GemvCut {
    std::int64_t units = 0;    ///< that share a product's outputs
    std::int64_t copies = 1;   ///< products that a channel does, one after the other
    std::int64_t groups = 1;   ///< that all channels do, padding included
    std::int64_t outputs = 0;  ///< of a unit in a tile
    std::int64_t inputs = 0;   ///< of a tile
    std::int64_t parts = 0;    ///< columns of weights of one output in a tile
    std::int64_t loads = 0;    ///< bursts of operands of a tile
    std::int64_t output_tiles = 0;
    std::int64_t input_tiles = 0;
    std::int64_t tiles_a_set = 0;    ///< input tiles that each set of banks holds
    std::int64_t tile_columns = 0;   ///< in a bank
    std::int64_t store_columns = 0;  ///< of a unit's results

    GemvCut(const PimSpec& spec, const PimKernel& kernel)
        : units(std::int64_t{spec.units} * (kernel.groups > 1 ? 1 : spec.channels)) {
        if (kernel.groups > 1) {
            copies = ceil_div(kernel.groups, std::int64_t{spec.channels});
            groups = copies * spec.channels;
        }
        const int result_bits = bits(result_type(kernel));
        store_columns =
            spec.reduces ? ceil_div(std::int64_t{spec.results} * result_bits, spec.column_bytes * 8)
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
    [[nodiscard]] std::int64_t weight_columns() const {
        return copies * output_tiles * tiles_a_set * tile_columns;
    }
};

/// Rows of data lie where the bit of the parked row is clear.
std::int64_t physical_row(const PimSpec& spec, std::int64_t row) {
    if (spec.rows.park <= 0) return row;
    return row / spec.rows.park * 2 * spec.rows.park + row % spec.rows.park;
}

std::int64_t elements_of_tile(const PimSpec& spec, DataType type) {
    return std::int64_t{spec.inputs} * spec.lanes(type) * spec.banks * spec.channels;
}

/// Where an element of the matrix of the `copy`-th product of a channel lies.
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
    place.row = physical_row(spec, kernel.row + column / spec.columns);
    place.column = column % spec.columns;
    return place;
}

bool is_gemv(PimOp op) { return op == PimOp::gemv || op == PimOp::gemv_tree; }

class Writer {
  public:
    Writer(const PimSpec& spec, const PimKernel& kernel) : spec_(spec), kernel_(kernel) {}

    PimProgram run() {
        out_.rows = pim_rows(spec_, kernel_);
        lay_out();
        if (spec_.style == PimStyle::tree) {
            tree();
            return std::move(out_);
        }
        if (kernel_.op == PimOp::gemv_tree) clear_zero_row();
        enter();
        if (is_gemv(kernel_.op)) {
            gemv();
        } else {
            if (kernel_.op == PimOp::batch_norm)
                registers(0, 1, 1, PimPhase::broadcast, PimAction::load_scalar, true);
            control();
            elementwise();
            control();
        }
        leave();
        return std::move(out_);
    }

  private:
    PimStep& add(PimStep step) {
        out_.steps.push_back(step);
        return out_.steps.back();
    }

    // Modes of the style with lanes: writes to rows that mean something else than data.

    void park() {
        const int groups = spec_.bank_groups;
        const int per_group = spec_.banks / groups;
        for (int bank = 0; bank < per_group; ++bank)
            for (int group = 0; group < groups; ++group)
                add({.command = PimCommand::bank_read,
                     .phase = PimPhase::mode,
                     .bank = static_cast<std::int16_t>(group * per_group + bank),
                     .row = spec_.rows.park});
        out_.steps.back().fence = true;
    }
    void enter() {
        if (spec_.rows.park < 0) return;
        park();
        const int per_group = spec_.banks / spec_.bank_groups;
        const int second = spec_.bank_groups > 2 ? 2 * per_group : spec_.banks / 2;
        // The last set, through which the program comes, is done with first.
        for (const int bank : {0, 1, second + 1, second})
            add({.command = PimCommand::bank_write,
                 .phase = PimPhase::mode,
                 .bank = static_cast<std::int16_t>(bank),
                 .operand_bus = true,
                 .row = spec_.rows.enter,
                 .column = spec_.columns - 1});
        out_.steps.back().fence = true;
        const std::int64_t bursts = ceil_div(std::int64_t{instructions(kernel_.op)},
                                             std::int64_t{spec_.program_instructions_per_burst});
        for (std::int64_t i = 0; i < bursts; ++i)
            registers(last_set(), 4 + i, 1, PimPhase::mode, PimAction::none, i + 1 == bursts);
    }
    void leave() {
        if (spec_.rows.park < 0) return;
        for (int set = 0; set < spec_.sets(); ++set)
            add({.command = PimCommand::write,
                 .phase = PimPhase::mode,
                 .bank = static_cast<std::int16_t>(set),
                 .operand_bus = true,
                 .row = spec_.rows.leave,
                 .column = spec_.columns - 1});
        out_.steps.back().fence = true;
        park();
    }
    [[nodiscard]] int last_set() const { return spec_.sets() - 1; }
    void registers(int set, std::int64_t column, int count, PimPhase phase, PimAction action,
                   bool fence, std::int32_t index = 0) {
        out_.broadcasts += count;
        const bool by_row = spec_.rows.registers >= 0;
        add({.command = by_row ? PimCommand::write : PimCommand::buffer_write,
             .phase = phase,
             .action = action,
             .bank = static_cast<std::int16_t>(set),
             .count = static_cast<std::int16_t>(count),
             .fence = fence,
             .operand_bus = true,
             .index = index,
             .row = spec_.rows.registers,
             .column = column});
    }
    /// The units begin their program anew, or stop.
    void control() {
        if (spec_.rows.registers < 0) {
            add({.command = PimCommand::mode,
                 .phase = PimPhase::mode,
                 .action = PimAction::clear,
                 .fence = true});
            return;
        }
        registers(0, 0, 1, PimPhase::mode, PimAction::clear, true);
    }
    void clear_zero_row() {
        for (int bank = 0; bank < spec_.banks; ++bank)
            add({.command = PimCommand::bank_write,
                 .phase = PimPhase::mode,
                 .bank = static_cast<std::int16_t>(bank),
                 .count = static_cast<std::int16_t>(spec_.inputs),
                 .operand_bus = true,
                 .row = spec_.rows.zero});
        out_.steps.back().fence = true;
    }

    // New elements of a growing matrix: every burst that holds one of them is written, masked.

    void lay_out() {
        if (kernel_.new_outputs + kernel_.new_inputs == 0) return;
        const GemvCut cut(spec_, kernel_);
        const std::int64_t output =
            kernel_.new_outputs > 0 ? kernel_.outputs - kernel_.new_outputs : 0;
        const std::int64_t input = kernel_.new_inputs > 0 ? kernel_.inputs - kernel_.new_inputs : 0;
        for (std::int64_t copy = 0; copy < cut.copies; ++copy) {
            // All channels take as long as the one with most of them.
            using Burst = std::tuple<std::int64_t, int, std::int64_t>;  // row, bank, column
            std::map<int, std::set<Burst>> by_channel;
            for (std::int64_t o = output; o < kernel_.outputs; ++o)
                for (std::int64_t i = input; i < kernel_.inputs; ++i) {
                    const PimPlace at = place_of(spec_, kernel_, cut, copy, o, i);
                    by_channel[at.channel].insert({at.row, at.bank, at.column});
                }
            const auto most = std::max_element(
                by_channel.begin(), by_channel.end(),
                [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
            for (const auto& [row, bank, column] : most->second) lay_out(row, bank, column);
        }
        out_.steps.back().fence = true;
    }
    void lay_out(std::int64_t row, int bank, std::int64_t column) {
        constexpr std::int64_t kGroup = 64;  // that a controller looks over
        // Before the modes change, bank by bank; where units have commands of their own, rows are
        // opened in all banks at once, and a write is for one of them.
        const bool by_set = spec_.rows.park < 0;
        add({.command = by_set ? PimCommand::write : PimCommand::bank_write,
             .phase = PimPhase::layout,
             .bank = static_cast<std::int16_t>(by_set ? bank % spec_.sets() : bank),
             .fence = ++out_.laid_out % kGroup == 0,
             .operand_bus = true,
             .row = row,
             .column = column});
    }

    /// `count` columns of a set's own numbering, cut at rows and at barriers.
    void columns(PimCommand command, PimPhase phase, PimAction action, int set, std::int64_t row,
                 std::int64_t column, std::int64_t count, std::int32_t index = 0) {
        const std::int64_t group = spec_.fence_every > 0 ? spec_.fence_every : count;
        for (std::int64_t done = 0; done < count;) {
            const std::int64_t at = column + done;
            std::int64_t part = std::min(count - done, group - done % group);
            part = std::min(part, spec_.columns - at % spec_.columns);
            const bool last = done + part == count;
            add({.command = command,
                 .phase = phase,
                 .action = action,
                 .bank = static_cast<std::int16_t>(set),
                 .count = static_cast<std::int16_t>(part),
                 .fence = last || (spec_.fence_every > 0 && (done + part) % group == 0),
                 .index = static_cast<std::int32_t>(index + done),
                 .row = physical_row(spec_, row + at / spec_.columns),
                 .column = at % spec_.columns});
            done += part;
        }
    }

    void gemv() {
        const GemvCut cut(spec_, kernel_);
        std::int64_t result = cut.weight_columns();
        for (std::int64_t copy = 0; copy < cut.copies; ++copy)
            for (std::int64_t tile = 0; tile < cut.output_tiles; ++tile)
                for (std::int64_t vector = 0; vector < kernel_.batch; ++vector) {
                    control();
                    gemv_vector(cut, copy * cut.output_tiles + tile, copy * kernel_.batch + vector,
                                result);
                    control();
                }
        const bool in_memory = kernel_.op == PimOp::gemv_tree;
        const std::int64_t stores =
            cut.copies * cut.output_tiles * kernel_.batch * (in_memory ? cut.input_tiles : 1);
        out_.reads_back = stores * cut.store_columns * spec_.units;
        out_.output_values = kernel_.outputs * kernel_.batch * kernel_.groups;
        const std::int64_t values = spec_.reduces ? 1 : spec_.lanes(kernel_.activations);
        const std::int64_t sums = stores * cut.outputs * spec_.units * spec_.channels * values;
        out_.partials = std::max<std::int64_t>(0, sums - out_.output_values);
    }
    void gemv_vector(const GemvCut& cut, std::int64_t tile, std::int64_t vector,
                     std::int64_t& result) {
        if (kernel_.op == PimOp::gemv_tree) {
            for (std::int64_t i = 0; i < cut.input_tiles; ++i) {
                gemv_tile(cut, tile, vector, i);
                store(cut, result);
                columns(PimCommand::read, PimPhase::compute, PimAction::clear, 0, 0, 0,
                        cut.outputs);
                out_.steps.back().row = spec_.rows.zero;
            }
            return;
        }
        for (int set = 0; set < spec_.sets(); ++set)
            for (std::int64_t i = set; i < cut.input_tiles; i += spec_.sets())
                gemv_tile(cut, tile, vector, i);
        store(cut, result);
    }
    void gemv_tile(const GemvCut& cut, std::int64_t tile, std::int64_t vector, std::int64_t i) {
        const int set = static_cast<int>(i % spec_.sets());
        registers(last_set(), 8, static_cast<int>(cut.loads), PimPhase::broadcast,
                  PimAction::load_input, true,
                  static_cast<std::int32_t>(vector * cut.input_tiles + i));
        const std::int64_t column = cut.tile_columns * (i / spec_.sets() + tile * cut.tiles_a_set);
        columns(PimCommand::read, PimPhase::compute, PimAction::mac, set, kernel_.row, column,
                cut.tile_columns);
        out_.macs += cut.outputs * cut.inputs * spec_.units;
    }
    void store(const GemvCut& cut, std::int64_t& column) {
        columns(PimCommand::write, PimPhase::readout, PimAction::store, last_set(), kernel_.row,
                column, cut.store_columns);
        column += cut.store_columns;
    }

    void elementwise() {
        const std::int64_t tiles =
            ceil_div(kernel_.elements, elements_of_tile(spec_, kernel_.activations));
        const std::int64_t rows = ceil_div(tiles * spec_.inputs, spec_.columns);
        const std::int64_t first = kernel_.row, second = first + rows;
        const std::int64_t result =
            kernel_.op == PimOp::add || kernel_.op == PimOp::multiply ? second + rows : second;
        const std::int64_t lanes_in_unit =
            std::int64_t{spec_.inputs} * spec_.lanes(kernel_.activations);
        for (std::int64_t tile = 0; tile < tiles; ++tile)
            for (int set = 0; set < spec_.sets(); ++set) {
                const std::int64_t column = spec_.inputs * tile;
                const auto use = [&](PimCommand command, PimAction action, std::int64_t row) {
                    columns(command,
                            command == PimCommand::write ? PimPhase::readout : PimPhase::compute,
                            action, set, row, column, spec_.inputs);
                };
                switch (kernel_.op) {
                    case PimOp::add:
                    case PimOp::multiply:
                        use(PimCommand::read, PimAction::fill, first);
                        use(PimCommand::read,
                            kernel_.op == PimOp::add ? PimAction::add : PimAction::multiply,
                            second);
                        out_.macs += lanes_in_unit * spec_.units;
                        break;
                    case PimOp::batch_norm:
                        use(PimCommand::read, PimAction::fill, first);
                        use(PimCommand::read, PimAction::scale, first);
                        out_.macs += lanes_in_unit * spec_.units;
                        break;
                    default:
                        use(PimCommand::read, PimAction::relu, first);
                        break;
                }
                use(PimCommand::write, PimAction::store, result);
            }
        out_.output_values = kernel_.elements;
    }

    // A tree with a buffer: registers and buffer are reached in one mode, banks in the other.

    void need_mode(bool of_registers) {
        if (register_mode_ == of_registers) return;
        register_mode_ = of_registers;
        add({.command = PimCommand::mode, .phase = PimPhase::mode});
    }
    void tree_step(PimCommand command, PimPhase phase, PimAction action, std::int64_t count,
                   std::int64_t row, std::int32_t index = 0) {
        const bool pins = command == PimCommand::buffer_write ||
                          command == PimCommand::register_write ||
                          command == PimCommand::register_read;
        need_mode(pins);
        if (pins && command != PimCommand::register_read) out_.broadcasts += count;
        add({.command = command,
             .phase = phase,
             .action = action,
             .count = static_cast<std::int16_t>(count),
             .operand_bus = pins,
             .index = index,
             .row = row});
    }
    void tree() {
        switch (kernel_.op) {
            case PimOp::gemv:
                tree_gemv();
                break;
            case PimOp::multiply:
                tree_multiply();
                break;
            case PimOp::copy:
                tree_copy();
                break;
            default:
                tree_activation();
                break;
        }
    }
    void tree_part(const GemvCut& cut, std::int64_t tile, std::int64_t part) {
        const std::int64_t left = kernel_.inputs - part * cut.inputs;
        const std::int64_t columns = ceil_div(
            std::min(cut.inputs, left), static_cast<std::int64_t>(spec_.lanes(kernel_.weights)));
        tree_step(PimCommand::read, PimPhase::compute, PimAction::mac, columns,
                  kernel_.row + tile * cut.input_tiles + part, static_cast<std::int32_t>(part));
        out_.macs += columns * spec_.lanes(kernel_.weights) * spec_.units;
    }
    void load_buffer(const GemvCut& cut, std::int64_t vector, std::int64_t part) {
        const std::int64_t left = kernel_.inputs - part * cut.inputs;
        const std::int64_t loads =
            ceil_div(std::min(cut.inputs, left),
                     static_cast<std::int64_t>(spec_.lanes(kernel_.activations)));
        tree_step(PimCommand::buffer_write, PimPhase::broadcast, PimAction::load_input, loads, 0,
                  static_cast<std::int32_t>(vector * cut.input_tiles + part));
    }
    void tree_bias() {
        tree_step(PimCommand::register_write, PimPhase::broadcast, PimAction::clear, 1, 0);
    }
    void tree_result(std::int64_t tile, std::int64_t vector) {
        tree_step(PimCommand::register_read, PimPhase::readout, PimAction::read_sum, 1, 0,
                  static_cast<std::int32_t>(tile * kernel_.batch + vector));
    }
    void tree_gemv() {
        const GemvCut cut(spec_, kernel_);
        for (std::int64_t copy = 0; copy < cut.copies; ++copy)
            for (std::int64_t i = 0; i < kernel_.batch; ++i) {
                const std::int64_t vector = copy * kernel_.batch + i;
                if (kernel_.inputs_first)
                    tree_inputs_first(cut, copy, vector);
                else
                    tree_outputs_first(cut, copy, vector);
            }
        const std::int64_t results = cut.output_tiles * kernel_.batch * cut.copies;
        out_.output_values = kernel_.outputs * kernel_.batch * kernel_.groups;
        if (kernel_.inputs_first)
            out_.partials = results * (cut.input_tiles - 1) * spec_.units * spec_.channels;
    }
    void tree_inputs_first(const GemvCut& cut, std::int64_t copy, std::int64_t vector) {
        for (std::int64_t part = 0; part < cut.input_tiles; ++part) {
            load_buffer(cut, vector, part);
            for (std::int64_t i = 0; i < cut.output_tiles; ++i) {
                const std::int64_t tile = copy * cut.output_tiles + i;
                tree_bias();
                tree_part(cut, tile, part);
                tree_result(tile, vector);
            }
        }
    }
    void tree_outputs_first(const GemvCut& cut, std::int64_t copy, std::int64_t vector) {
        for (std::int64_t i = 0; i < cut.output_tiles; ++i) {
            const std::int64_t tile = copy * cut.output_tiles + i;
            for (std::int64_t part = 0; part < cut.input_tiles; ++part) {
                if (i == 0 || cut.input_tiles > 1) load_buffer(cut, vector, part);
                if (part == 0) tree_bias();
                tree_part(cut, tile, part);
            }
            tree_result(tile, vector);
        }
    }
    /// A row at a time: bank 0 of a group times bank 1 into bank 2.
    void tree_multiply() {
        for (std::int64_t row = 0; row < out_.rows; ++row) {
            tree_step(PimCommand::multiply, PimPhase::compute, PimAction::multiply, spec_.columns,
                      kernel_.row + row);
            out_.macs += spec_.columns * spec_.lanes(kernel_.activations) * spec_.bank_groups;
        }
        out_.output_values = kernel_.elements;
    }
    void tree_copy() {
        const auto half = static_cast<std::int16_t>(spec_.banks / 2);
        for (std::int64_t row = 0; row < out_.rows; ++row) {
            tree_step(PimCommand::buffer_write, PimPhase::broadcast, PimAction::none, spec_.columns,
                      0);
            tree_step(PimCommand::copy_write, PimPhase::readout, PimAction::none, spec_.columns,
                      kernel_.row + row);
            tree_step(PimCommand::copy_read, PimPhase::compute, PimAction::none, spec_.columns,
                      kernel_.row + row);
            out_.steps.back().bank = half;
        }
    }
    void tree_activation() {
        const std::int64_t values = std::int64_t{spec_.units} * spec_.channels;
        for (std::int64_t done = 0; done < kernel_.elements; done += values) {
            tree_step(PimCommand::register_write, PimPhase::broadcast, PimAction::none, 1, 0);
            tree_step(PimCommand::activation, PimPhase::compute, PimAction::relu, 1, kernel_.row);
            tree_step(PimCommand::register_read, PimPhase::readout, PimAction::read_sum, 1, 0);
        }
        out_.output_values = kernel_.elements;
    }

  public:
    /// Of the instruction memory, the end included.
    static int instructions(PimOp op) {
        switch (op) {
            case PimOp::gemv:
                return 6;
            case PimOp::gemv_tree:
                return 9;
            case PimOp::add:
            case PimOp::multiply:
                return 8;
            case PimOp::relu:
                return 6;
            case PimOp::batch_norm:
                return 10;
            case PimOp::activation:
            case PimOp::copy:
                return 0;
        }
        return 0;
    }

  private:
    const PimSpec& spec_;
    const PimKernel& kernel_;
    PimProgram out_;
    bool register_mode_ = false;
};

bool supports(const PimSpec& spec, PimOp op) {
    switch (op) {
        case PimOp::gemv:
        case PimOp::multiply:
            return true;
        case PimOp::gemv_tree:
            return spec.style == PimStyle::lanes && spec.rows.zero >= 0;
        case PimOp::add:
        case PimOp::relu:
            return spec.style == PimStyle::lanes;
        case PimOp::batch_norm:
            return spec.style == PimStyle::lanes && spec.scalars > 0;
        case PimOp::activation:
            return spec.style == PimStyle::tree;
        case PimOp::copy:  // of one bank: through the host's row buffer
            return spec.style == PimStyle::tree && !spec.concurrent();
    }
    return false;
}

std::optional<Infeasible> refused(const PimSpec& spec, const PimKernel& kernel) {
    if (!supports(spec, kernel.op))
        return Infeasible{fmt::format("the units have no '{}'", to_string(kernel.op))};
    if (!spec.computes(kernel.weights, kernel.activations))
        return Infeasible{fmt::format("the units do not multiply {} by {}",
                                      to_string(kernel.weights), to_string(kernel.activations))};
    const bool product = is_gemv(kernel.op);
    if (product ? kernel.outputs < 1 || kernel.inputs < 1 || kernel.batch < 1 || kernel.groups < 1
                : kernel.elements < 1)
        return Infeasible{"an empty kernel"};
    const int needed = Writer::instructions(kernel.op);
    if (spec.style == PimStyle::lanes && needed > spec.program_entries)
        return Infeasible{fmt::format("'{}' takes {} instructions, the units hold {}",
                                      to_string(kernel.op), needed, spec.program_entries)};
    if (kernel.new_outputs < 0 || kernel.new_outputs > kernel.outputs || kernel.new_inputs < 0 ||
        kernel.new_inputs > kernel.inputs)
        return Infeasible{"more of its matrix is new than it has"};
    const std::int64_t rows = pim_rows(spec, kernel);
    if (kernel.row < 0 || kernel.row + rows > spec.data_rows())
        return Infeasible{fmt::format(
            "its data take {} rows of each bank from row {}, the banks have {} for data", rows,
            kernel.row, spec.data_rows())};
    const GemvCut cut(spec, kernel);
    if (product &&
        cut.copies * cut.output_tiles * cut.input_tiles * kernel.batch * cut.parts > kMostSteps)
        return Infeasible{"a program of more than four million steps: cut the kernel"};
    return std::nullopt;
}

}  // namespace

std::int64_t PimSpec::data_rows() const {
    if (rows.park <= 0) return rows_per_bank;
    return rows_per_bank / 2;
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

std::variant<PimProgram, Infeasible> pim_program(const PimSpec& spec, const PimKernel& kernel) {
    if (auto reason = refused(spec, kernel)) return *reason;
    return Writer(spec, kernel).run();
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

std::int64_t pim_data_row(const PimSpec& spec, std::int64_t row) { return physical_row(spec, row); }

std::int64_t pim_executed_macs(const PimSpec& spec, const PimKernel& kernel) {
    const GemvCut cut(spec, kernel);
    const std::int64_t products = kernel.groups > 1 ? cut.groups : 1;
    return products * cut.output_tiles * cut.outputs * cut.units * cut.input_tiles * cut.inputs *
           kernel.batch;
}

Time pim_estimate(const PimSpec& spec, const PimProgram& program) {
    Time total;
    std::int64_t row = -1;
    int bank = -1;
    bool wrote = false;
    for (const PimStep& step : program.steps) {
        total += step.count * spec.column_interval;
        if (step.command == PimCommand::mode) total += spec.mode_cost;
        if (step.fence) total += spec.fence;
        if (step.command == PimCommand::buffer_write || step.command == PimCommand::mode ||
            step.command == PimCommand::register_write || step.command == PimCommand::register_read)
            continue;
        if (step.row != row || step.bank != bank) total += wrote ? spec.turn_cost : spec.row_cost;
        wrote = step.command == PimCommand::write || step.command == PimCommand::bank_write;
        row = step.row;
        bank = step.bank;
    }
    return Time{static_cast<std::int64_t>(static_cast<double>(total.fs) * spec.refresh_factor)};
}

PimPlace pim_weight_place(const PimSpec& spec, const PimKernel& kernel, std::int64_t output,
                          std::int64_t input) {
    return place_of(spec, kernel, GemvCut(spec, kernel), 0, output, input);
}

}  // namespace perfwatt

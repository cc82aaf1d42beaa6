#include <algorithm>

#include "sim/arch/pim_writer.h"
#include "sim/base/math.h"

namespace perfwatt {
namespace {

class LanesWriter : PimWriter {
  public:
    using PimWriter::PimWriter;

    PimProgram run() {
        lay_out();
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
    // Modes: reads and writes of rows that mean something else than data.

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
        const std::int64_t bursts = ceil_div(std::int64_t{lanes_instructions(kernel_.op)},
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
                 .row = pim_data_row(spec_, row + at / spec_.columns),
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
};

}  // namespace

int lanes_instructions(PimOp op) {
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

PimProgram lanes_program(const PimSpec& spec, const PimKernel& kernel) {
    return LanesWriter(spec, kernel).run();
}

}  // namespace perfwatt

#include <algorithm>

#include "sim/arch/pim_writer.h"
#include "sim/base/math.h"

namespace perfwatt {
namespace {

class TreeWriter : PimWriter {
  public:
    using PimWriter::PimWriter;

    PimProgram run() {
        lay_out();
        switch (kernel_.op) {
            case PimOp::gemv:
                gemv();
                break;
            case PimOp::multiply:
                multiply();
                break;
            case PimOp::copy:
                copy();
                break;
            default:
                activation();
                break;
        }
        return std::move(out_);
    }

  private:
    // Registers and buffer are reached in one mode, banks in the other.

    void need_mode(bool of_registers) {
        if (register_mode_ == of_registers) return;
        register_mode_ = of_registers;
        add({.command = PimCommand::mode, .phase = PimPhase::mode});
    }
    void step(PimCommand command, PimPhase phase, PimAction action, std::int64_t count,
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
    void multiply_part(const GemvCut& cut, std::int64_t tile, std::int64_t part) {
        const std::int64_t left = kernel_.inputs - part * cut.inputs;
        const std::int64_t columns = ceil_div(
            std::min(cut.inputs, left), static_cast<std::int64_t>(spec_.lanes(kernel_.weights)));
        step(PimCommand::read, PimPhase::compute, PimAction::mac, columns,
             kernel_.row + tile * cut.input_tiles + part, static_cast<std::int32_t>(part));
        out_.macs += columns * spec_.lanes(kernel_.weights) * spec_.units;
    }
    void load_buffer(const GemvCut& cut, std::int64_t vector, std::int64_t part) {
        const std::int64_t left = kernel_.inputs - part * cut.inputs;
        const std::int64_t loads =
            ceil_div(std::min(cut.inputs, left),
                     static_cast<std::int64_t>(spec_.lanes(kernel_.activations)));
        step(PimCommand::buffer_write, PimPhase::broadcast, PimAction::load_input, loads, 0,
             static_cast<std::int32_t>(vector * cut.input_tiles + part));
    }
    void clear_sums() {
        step(PimCommand::register_write, PimPhase::broadcast, PimAction::clear, 1, 0);
    }
    void read_sums(std::int64_t tile, std::int64_t vector) {
        step(PimCommand::register_read, PimPhase::readout, PimAction::read_sum, 1, 0,
             static_cast<std::int32_t>(tile * kernel_.batch + vector));
    }
    void gemv() {
        const GemvCut cut(spec_, kernel_);
        for (std::int64_t copy = 0; copy < cut.copies; ++copy)
            for (std::int64_t i = 0; i < kernel_.batch; ++i) {
                const std::int64_t vector = copy * kernel_.batch + i;
                if (kernel_.inputs_first)
                    inputs_first(cut, copy, vector);
                else
                    outputs_first(cut, copy, vector);
            }
        const std::int64_t results = cut.output_tiles * kernel_.batch * cut.copies;
        out_.output_values = kernel_.outputs * kernel_.batch * kernel_.groups;
        if (kernel_.inputs_first)
            out_.partials = results * (cut.input_tiles - 1) * spec_.units * spec_.channels;
    }
    void inputs_first(const GemvCut& cut, std::int64_t copy, std::int64_t vector) {
        for (std::int64_t part = 0; part < cut.input_tiles; ++part) {
            load_buffer(cut, vector, part);
            for (std::int64_t i = 0; i < cut.output_tiles; ++i) {
                const std::int64_t tile = copy * cut.output_tiles + i;
                clear_sums();
                multiply_part(cut, tile, part);
                read_sums(tile, vector);
            }
        }
    }
    void outputs_first(const GemvCut& cut, std::int64_t copy, std::int64_t vector) {
        for (std::int64_t i = 0; i < cut.output_tiles; ++i) {
            const std::int64_t tile = copy * cut.output_tiles + i;
            for (std::int64_t part = 0; part < cut.input_tiles; ++part) {
                if (i == 0 || cut.input_tiles > 1) load_buffer(cut, vector, part);
                if (part == 0) clear_sums();
                multiply_part(cut, tile, part);
            }
            read_sums(tile, vector);
        }
    }
    /// A row at a time: bank 0 of a group times bank 1 into bank 2.
    void multiply() {
        for (std::int64_t row = 0; row < out_.rows; ++row) {
            step(PimCommand::multiply, PimPhase::compute, PimAction::multiply, spec_.columns,
                 kernel_.row + row);
            out_.macs += spec_.columns * spec_.lanes(kernel_.activations) * spec_.bank_groups;
        }
        out_.output_values = kernel_.elements;
    }
    void copy() {
        const auto half = static_cast<std::int16_t>(spec_.banks / 2);
        for (std::int64_t row = 0; row < out_.rows; ++row) {
            step(PimCommand::buffer_write, PimPhase::broadcast, PimAction::none, spec_.columns, 0);
            step(PimCommand::copy_write, PimPhase::readout, PimAction::none, spec_.columns,
                 kernel_.row + row);
            step(PimCommand::copy_read, PimPhase::compute, PimAction::none, spec_.columns,
                 kernel_.row + row);
            out_.steps.back().bank = half;
        }
    }
    void activation() {
        const std::int64_t values = std::int64_t{spec_.units} * spec_.channels;
        for (std::int64_t done = 0; done < kernel_.elements; done += values) {
            step(PimCommand::register_write, PimPhase::broadcast, PimAction::none, 1, 0);
            step(PimCommand::activation, PimPhase::compute, PimAction::relu, 1, kernel_.row);
            step(PimCommand::register_read, PimPhase::readout, PimAction::read_sum, 1, 0);
        }
        out_.output_values = kernel_.elements;
    }

    bool register_mode_ = false;
};

}  // namespace

PimProgram tree_program(const PimSpec& spec, const PimKernel& kernel) {
    return TreeWriter(spec, kernel).run();
}

}  // namespace perfwatt

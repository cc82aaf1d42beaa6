#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "sim/arch/pim_writer.h"

namespace perfwatt {
namespace {

constexpr std::int64_t kMostSteps = 4'000'000;

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
    const int needed = lanes_instructions(kernel.op);
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

PimWriter::PimWriter(const PimSpec& spec, const PimKernel& kernel) : spec_(spec), kernel_(kernel) {
    out_.rows = pim_rows(spec, kernel);
}

PimStep& PimWriter::add(PimStep step) {
    out_.steps.push_back(step);
    return out_.steps.back();
}

void PimWriter::lay_out() {
    if (kernel_.new_outputs + kernel_.new_inputs == 0) return;
    const GemvCut cut(spec_, kernel_);
    const std::int64_t output = kernel_.new_outputs > 0 ? kernel_.outputs - kernel_.new_outputs : 0;
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

void PimWriter::lay_out(std::int64_t row, int bank, std::int64_t column) {
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

std::variant<PimProgram, Infeasible> pim_program(const PimSpec& spec, const PimKernel& kernel) {
    if (auto reason = refused(spec, kernel)) return *reason;
    return spec.style == PimStyle::tree ? tree_program(spec, kernel) : lanes_program(spec, kernel);
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

}  // namespace perfwatt

#pragma once

#include "sim/arch/pim_job.h"
#include "sim/arch/pim_layout.h"

namespace perfwatt {

/// What the writers of programs have in common, whatever the style of the units.
class PimWriter {
  public:
    PimWriter(const PimSpec& spec, const PimKernel& kernel);

  protected:
    PimStep& add(PimStep step);
    /// New elements of a growing matrix: every burst that holds one of them is written, masked.
    void lay_out();

    const PimSpec& spec_;
    const PimKernel& kernel_;
    PimProgram out_;

  private:
    void lay_out(std::int64_t row, int bank, std::int64_t column);
};

/// Commands of units with lanes: modes are entered through rows, an instruction memory is filled,
/// registers are loaded, columns of all banks pass through the lanes.
[[nodiscard]] PimProgram lanes_program(const PimSpec& spec, const PimKernel& kernel);
/// Instructions that such units hold for it, the end included.
[[nodiscard]] int lanes_instructions(PimOp op);

/// Commands of units with an adder tree and a shared buffer, one mode for each of registers and
/// banks.
[[nodiscard]] PimProgram tree_program(const PimSpec& spec, const PimKernel& kernel);

}  // namespace perfwatt

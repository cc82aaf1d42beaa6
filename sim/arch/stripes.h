#pragma once

#include <cstdint>

namespace perfwatt {

/// What a Device may offer beside its own interface: kernels may be run a stripe of rows after the
/// other, several kernels a stripe, so that what they hand on need not leave the chip. Software
/// that runs layer by layer does not offer it, whatever the hardware could do.
class RunsStripes {
  public:
    virtual ~RunsStripes() = default;
    [[nodiscard]] virtual bool runs_stripes() const = 0;
    /// Rows that its units work on at a time: stripes are best a multiple of that.
    [[nodiscard]] virtual std::int64_t rows_at_once() const { return 1; }

  protected:
    RunsStripes() = default;
    RunsStripes(const RunsStripes&) = default;
    RunsStripes& operator=(const RunsStripes&) = default;
};

}  // namespace perfwatt

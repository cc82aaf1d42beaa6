#pragma once

#include "models/npu/stream.h"
#include "models/npu/tiling.h"

namespace perfwatt::npu {

/// Appends the commands of a contraction; the tiling must fit.
void emit_contraction(const ContractionPlan& plan, const Tiling& tiling, LayerId layer,
                      ProgramBuilder& program);

/// Appends the commands of element by element, reducing or moving work; the cut must fit.
void emit_stream(const StreamPlan& plan, const StreamCut& cut, LayerId layer,
                 ProgramBuilder& program);

}  // namespace perfwatt::npu

#include "sim/arch/memory_model.h"

#include "sim/base/diagnostics.h"

namespace perfwatt {

void MemoryModel::submit_job(Time /*now*/, const PimJob& /*job*/) {
    PERFWATT_CHECK(false, "a job for a memory without processing units");
}

}  // namespace perfwatt

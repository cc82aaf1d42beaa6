#include "sim/suites/suites.h"

namespace perfwatt {

std::vector<Suite> all_suites() {
    return {
        dram_suite(), pim_suite(), npu_suite(), gpu_suite(), silicon_suite(), energy_suite(),
    };
}

}  // namespace perfwatt

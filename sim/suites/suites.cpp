#include "sim/suites/suites.h"

namespace perfwatt {

std::vector<Suite> all_suites() {
    return {
        dram_suite(),
    };
}

}  // namespace perfwatt

#include "sim/base/version.h"

namespace perfwatt {

std::string_view version() { return PERFWATT_VERSION; }

}  // namespace perfwatt

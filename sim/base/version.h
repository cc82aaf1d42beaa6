#pragma once

#include <string_view>

namespace perfwatt {

/// Of this program, as in CMakeLists.txt: "0.1.0". Part of every record and of every sweep's keys.
[[nodiscard]] std::string_view version();

}  // namespace perfwatt

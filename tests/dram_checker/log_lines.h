#pragma once

#include <functional>
#include <iosfwd>
#include <string_view>

#include "tests/dram_checker/checker.h"

namespace perfwatt::dram_checker {

/// Reads one line of a log; false if it is not one.
[[nodiscard]] bool parse_command(std::string_view text, Command& command);

/// Calls `take` with each line, whatever its length, in constant memory.
void for_each_line(std::istream& log, const std::function<void(std::string_view)>& take);

}  // namespace perfwatt::dram_checker

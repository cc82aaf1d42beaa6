#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace perfwatt::testing_support {

/// Runs `body` in a forked child, since SystemC allows one simulation a process, and returns the
/// numbers it returned. What the child threw is thrown here: an InternalError as such, anything
/// else as a std::runtime_error with its message.
[[nodiscard]] std::vector<std::int64_t> in_child(
    const std::function<std::vector<std::int64_t>()>& body);

}  // namespace perfwatt::testing_support

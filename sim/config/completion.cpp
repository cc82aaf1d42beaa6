#include "sim/config/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sim/base/diagnostics.h"

namespace perfwatt {

std::optional<std::string> only_completion(std::string_view what, std::string_view start,
                                           const std::vector<std::string>& names) {
    const std::string beginning = fmt::format("{}_", start);
    std::vector<std::string> found;
    for (const std::string& name : names)
        if (name.starts_with(beginning)) found.push_back(name);
    if (found.empty()) return std::nullopt;
    if (found.size() > 1)
        throw UserError(fmt::format("there is more than one {} '{}'", what, start),
                        fmt::format("one of: {}", fmt::join(found, ", ")));
    return found.front();
}

}  // namespace perfwatt

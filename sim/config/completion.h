#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace perfwatt {

/// The name that a shorter one stands for: "v100" for "v100_sxm_16". Nothing where no name begins
/// with `start` and an underscore. UserError listing them where several do. `what` names the kind
/// of thing in the message ("chip").
[[nodiscard]] std::optional<std::string> only_completion(std::string_view what,
                                                         std::string_view start,
                                                         const std::vector<std::string>& names);

}  // namespace perfwatt

#pragma once

#include <map>
#include <string>
#include <string_view>

#include "sim/run/run.h"

namespace perfwatt {

/// 16 hexadecimal digits of the 64-bit FNV-1a of a text.
[[nodiscard]] std::string hash_text(std::string_view text);

/// Names requests by everything that can change their answer: the chip's resolved configuration,
/// the network's files, the options and the version of the program. Files are read once.
class RequestKeys {
  public:
    /// Borrows the environment.
    explicit RequestKeys(const Environment& environment) : environment_(&environment) {}

    /// Throws UserError if the chip or the network cannot be read.
    [[nodiscard]] std::string key(const RunRequest& request);

  private:
    [[nodiscard]] const std::string& chip_hash(const RunRequest& request);
    [[nodiscard]] const std::string& workload_hash(const std::string& workload);

    const Environment* environment_;
    std::map<std::string, std::string> chips_;
    std::map<std::string, std::string> workloads_;
};

}  // namespace perfwatt

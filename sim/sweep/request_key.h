#pragma once

#include <map>
#include <string>
#include <string_view>

#include "sim/config/config_path.h"
#include "sim/run/run.h"

namespace perfwatt {

/// 16 hexadecimal digits of the 64-bit FNV-1a of a text.
[[nodiscard]] std::string hash_text(std::string_view text);

/// Names requests by everything that can change their answer: the chip's resolved configuration,
/// its memories, the energy tables, the network's files, the options and the version of the
/// program. Files are read once.
class RequestKeys {
  public:
    /// Borrows the environment.
    explicit RequestKeys(const Environment& environment) : environment_(&environment) {}

    /// Throws UserError if the chip or the network cannot be read.
    [[nodiscard]] std::string key(const RunRequest& request);

  private:
    [[nodiscard]] const std::string& chip_hash(const RunRequest& request);
    [[nodiscard]] const std::string& file_hash(ConfigKind kind, const std::string& name_or_file);

    const Environment* environment_;
    std::map<std::string, std::string> chips_;
    std::map<std::string, std::string> files_;
};

}  // namespace perfwatt

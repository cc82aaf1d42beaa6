#pragma once

#include <cstdint>
#include <string_view>

#include "models/dram/commands.h"

namespace perfwatt::dram {

/// One command as it stands on the bus. Fields that a command does not address are -1.
struct LoggedCommand {
    Tick tick = 0;  ///< its first
    std::string_view name;
    int channel = 0;
    int pseudo_channel = -1;
    int rank = -1;
    int bank_group = -1;
    int bank = -1;
    std::int64_t row = -1;
    std::int64_t column = -1;  ///< in bursts
};

/// Receives every command; commands of one channel come in order of time.
class CommandLog {
  public:
    virtual ~CommandLog() = default;
    virtual void write(const LoggedCommand& command) = 0;
};

}  // namespace perfwatt::dram

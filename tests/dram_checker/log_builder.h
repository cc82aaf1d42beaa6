#pragma once

#include <fmt/core.h>

#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/dram_checker/checker.h"

namespace perfwatt::dram_checker {

/// Where a command of a test goes; -1 where it has no such place.
struct At {
    int bank = 0;
    int bank_group = 0;
    int row = 7;
    int rank = 0;
    int pseudo_channel = 0;
    int channel = 0;
};

/// Writes command logs as a model would.
class LogBuilder {
  public:
    explicit LogBuilder(double tick_ps) : tick_ps_(tick_ps) {
        text_ = "time_ps,tick,command,channel,pseudo_channel,rank,bank_group,bank,row,column\n";
    }

    LogBuilder& add(long tick, std::string_view command, At at = {}) {
        text_ += fmt::format("{:.0f},{},{},{},{},{},{},{},{},0\n",
                             static_cast<double>(tick) * tick_ps_, tick, command, at.channel,
                             at.pseudo_channel, at.rank, at.bank_group, at.bank, at.row);
        return *this;
    }

    LogBuilder& raw(std::string_view line) {
        text_ += line;
        text_ += '\n';
        return *this;
    }

    /// The names of the rules broken, in the order of the log.
    [[nodiscard]] std::vector<std::string> broken(const RuleSet& rules) const {
        std::istringstream stream(text_);
        std::vector<std::string> names;
        for (const Violation& one : check(stream, rules)) names.push_back(one.rule);
        return names;
    }

    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    double tick_ps_;
    std::string text_;
};

}  // namespace perfwatt::dram_checker

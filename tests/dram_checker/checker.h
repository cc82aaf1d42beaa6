#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/dram_checker/rule_set.h"

namespace perfwatt::dram_checker {

/// One line of a command log. -1 where a command has no such place.
struct Command {
    std::int64_t time_ps = 0;
    std::int64_t tick = 0;  ///< of the command's first tick
    Kind kind = Kind::ACT;
    int channel = 0;
    int pseudo_channel = 0;
    int rank = 0;
    int bank_group = 0;
    int bank = 0;
    std::int64_t row = -1;
    std::int64_t column = -1;
};

struct Violation {
    std::int64_t line = 0;  ///< of the log, counted from 1
    std::string rule;
    std::string details;
};

/// Judges a stream of commands in the order of time (of each channel). Memory is bounded by the
/// organisation of the standard; of the violations the first `keep` are kept, all are counted.
class Checker {
  public:
    explicit Checker(const RuleSet& rules, std::size_t keep = 1000);
    ~Checker();
    Checker(Checker&&) noexcept;
    Checker& operator=(Checker&&) noexcept;

    /// A line of the log, without its end; the first is the header.
    void line(std::string_view text);
    /// A command already parsed, as line `number` of the log.
    void command(const Command& command, std::int64_t number);
    /// What can be judged only at the end: nothing may be owed or half done.
    void finish();

    [[nodiscard]] const std::vector<Violation>& violations() const;
    [[nodiscard]] std::int64_t violation_count() const;
    [[nodiscard]] std::int64_t command_count() const;

  private:
    class State;
    std::unique_ptr<State> state_;
};

/// Checks a whole log in the form
/// `time_ps,tick,command,channel,pseudo_channel,rank,bank_group,bank,row,column`.
/// Returns the first `keep` violations; none means that the log obeys every rule.
[[nodiscard]] std::vector<Violation> check(std::istream& log, const RuleSet& rules,
                                           std::size_t keep = 1000);

/// Feeds a log to a checker that the caller keeps, for its counts.
void feed(std::istream& log, Checker& checker);

}  // namespace perfwatt::dram_checker

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace perfwatt {

enum class OptionKind : std::uint8_t {
    flag,  ///< takes no value
    once,  ///< takes a value; given twice it is an error
    many,  ///< takes a value and may be repeated; order is kept
};

struct OptionSpec {
    std::string name;  ///< without the dashes
    OptionKind kind = OptionKind::once;
    std::string value;  ///< what stands for the value in the help: "FILE"
    std::string help;   ///< one line
};

/// A verb of the command line: what it takes and the text of its help.
struct VerbSpec {
    std::string name;
    std::string summary;
    std::string positional;  ///< what stands for the positional words in the help; empty: none
    int min_positionals = 0;
    int max_positionals = 0;
    std::vector<OptionSpec> options;
};

/// The words given to a verb, checked against its spec. The readers below throw UserError for a
/// value that is not what was asked for; they name the option and what it accepts.
class Arguments {
  public:
    [[nodiscard]] bool has(std::string_view option) const;
    [[nodiscard]] std::optional<std::string> text(std::string_view option) const;
    [[nodiscard]] std::string text(std::string_view option, std::string otherwise) const;
    /// An option without which the verb means nothing.
    [[nodiscard]] std::string required(std::string_view option) const;
    [[nodiscard]] std::vector<std::string> texts(std::string_view option) const;
    [[nodiscard]] std::int64_t integer(std::string_view option, std::int64_t otherwise,
                                       std::int64_t least, std::int64_t most) const;
    [[nodiscard]] std::vector<std::int64_t> integers(std::string_view option, std::int64_t least,
                                                     std::int64_t most) const;
    /// One of `allowed`; the first of them if the option is absent.
    [[nodiscard]] std::string choice(std::string_view option,
                                     const std::vector<std::string>& allowed) const;
    [[nodiscard]] const std::vector<std::string>& positionals() const { return positionals_; }
    [[nodiscard]] const std::string& verb() const { return verb_; }

  private:
    friend Arguments parse_arguments(const VerbSpec& verb, const std::vector<std::string>& words);

    std::string verb_;
    std::map<std::string, std::vector<std::string>, std::less<>> values_;
    std::vector<std::string> positionals_;
};

/// Checks `words` (what follows the verb) against the spec. Throws UserError naming every unknown
/// option, each option given too often, and missing or superfluous words.
[[nodiscard]] Arguments parse_arguments(const VerbSpec& verb,
                                        const std::vector<std::string>& words);

/// A whole decimal number between `least` and `most`; `what` names it in the UserError otherwise.
[[nodiscard]] std::int64_t parse_integer(std::string_view text, std::string_view what,
                                         std::int64_t least, std::int64_t most);

[[nodiscard]] std::string help_text(const VerbSpec& verb);

}  // namespace perfwatt

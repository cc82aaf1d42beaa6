#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace perfwatt {

/// Where in a user's input something stands. Lines and columns count from 1; 0 means unknown.
struct Place {
    std::string file;
    int line = 0;
    int column = 0;
};

enum class Severity { warning, error };

/// One thing wrong with a user's input, with its place and how to mend it.
struct Diagnostic {
    Severity severity = Severity::error;
    Place place;
    std::string message;
    std::string hint;         ///< e.g. "did you mean 'clock'?"; may be empty
    std::string source_line;  ///< the offending line, shown above the caret; may be empty
};

/// `file:line:column: error: message`, the line, a caret, the hint. Ends with a newline.
[[nodiscard]] std::string to_string(const Diagnostic& diagnostic);

/// The user's mistake (exit code 2). Carries every mistake found, not just the first.
class UserError : public std::runtime_error {
  public:
    explicit UserError(std::vector<Diagnostic> diagnostics);
    explicit UserError(Diagnostic diagnostic);
    /// A mistake without a place, for example on the command line.
    explicit UserError(std::string message, std::string hint = {});

    [[nodiscard]] const std::vector<Diagnostic>& diagnostics() const { return diagnostics_; }

  private:
    std::vector<Diagnostic> diagnostics_;
};

/// Our own mistake (exit code 3): a broken invariant.
class InternalError : public std::logic_error {
  public:
    using std::logic_error::logic_error;
};

/// What cannot be done with this hardware, as a value with its reason.
struct Infeasible {
    std::string reason;
};

/// The candidate nearest to `word` by edit distance, or empty if none is near.
[[nodiscard]] std::string nearest(std::string_view word,
                                  const std::vector<std::string>& candidates);
/// "did you mean 'x'?" or empty.
[[nodiscard]] std::string did_you_mean(std::string_view word,
                                       const std::vector<std::string>& candidates);

[[noreturn]] void check_failed(const char* expression, const char* file, int line,
                               const std::string& detail);

}  // namespace perfwatt

/// An invariant of ours: checked in release builds too, fatal when broken.
#define PERFWATT_CHECK(condition, detail)                                       \
    do {                                                                        \
        if (!(condition)) [[unlikely]]                                          \
            ::perfwatt::check_failed(#condition, __FILE__, __LINE__, (detail)); \
    } while (false)

#include "sim/base/diagnostics.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace perfwatt {
namespace {

std::string summary(const std::vector<Diagnostic>& diagnostics) {
    std::string text;
    for (const Diagnostic& diagnostic : diagnostics) text += to_string(diagnostic);
    return text;
}

/// Levenshtein distance; words here are keys of a few dozen characters.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
        }
    }
    return row.back();
}

}  // namespace

std::string to_string(const Diagnostic& diagnostic) {
    std::string text;
    if (!diagnostic.place.file.empty()) {
        text += diagnostic.place.file;
        if (diagnostic.place.line > 0) text += fmt::format(":{}", diagnostic.place.line);
        if (diagnostic.place.column > 0) text += fmt::format(":{}", diagnostic.place.column);
        text += ": ";
    }
    text += diagnostic.severity == Severity::error ? "error: " : "warning: ";
    text += diagnostic.message;
    text += '\n';
    if (!diagnostic.source_line.empty()) {
        text += fmt::format("  {}\n", diagnostic.source_line);
        if (diagnostic.place.column > 0)
            text += fmt::format("  {:>{}}\n", '^', diagnostic.place.column);
    }
    if (!diagnostic.hint.empty()) text += fmt::format("  hint: {}\n", diagnostic.hint);
    return text;
}

UserError::UserError(std::vector<Diagnostic> diagnostics)
    : std::runtime_error(summary(diagnostics)), diagnostics_(std::move(diagnostics)) {}

UserError::UserError(Diagnostic diagnostic)
    : UserError(std::vector<Diagnostic>{std::move(diagnostic)}) {}

UserError::UserError(std::string message, std::string hint)
    : UserError(Diagnostic{
          .place = {}, .message = std::move(message), .hint = std::move(hint), .source_line = {}}) {
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
    std::string best;
    std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (const std::string& candidate : candidates) {
        // The distance is no less than the difference in length; a word may be a megabyte long.
        const std::size_t apart = word.size() > candidate.size() ? word.size() - candidate.size()
                                                                 : candidate.size() - word.size();
        if (apart >= best_distance) continue;
        const std::size_t distance = edit_distance(word, candidate);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
    const std::string candidate = nearest(word, candidates);
    return candidate.empty() ? std::string{} : fmt::format("did you mean '{}'?", candidate);
}

void check_failed(const char* expression, const char* file, int line, const std::string& detail) {
    throw InternalError(fmt::format("{}:{}: check failed: {}: {}", file, line, expression, detail));
}

}  // namespace perfwatt

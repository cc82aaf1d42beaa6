#include "sim/config/reading.h"

#include <fmt/format.h>

#include <algorithm>

namespace perfwatt {
namespace {

constexpr std::size_t kMostShown = 100;
constexpr std::size_t kMostKept = 1000;

std::string escaped(const std::string& text) {
    std::string result;
    for (char c : text) {
        if (c == '\n')
            result += "\\n";
        else
            result += c;
    }
    return result;
}

std::string_view label(Status status) {
    switch (status) {
        case Status::plain:
            return "";
        case Status::published:
            return "source";
        case Status::estimated:
            return "estimated";
        case Status::fitted:
            return "fitted";
    }
    return "";
}

}  // namespace

void Reading::error(const Place& place, std::string message, std::string hint) {
    error(Diagnostic{.place = place,
                     .message = std::move(message),
                     .hint = std::move(hint),
                     .source_line = document_->source_line(place)});
}

void Reading::error(Diagnostic diagnostic) {
    if (++error_count_ <= kMostKept) errors_.push_back(std::move(diagnostic));
}

void Reading::finish() const {
    std::vector<Diagnostic> all = document_->errors();
    all.insert(all.end(), errors_.begin(), errors_.end());
    if (all.empty()) return;
    std::stable_sort(all.begin(), all.end(), [](const Diagnostic& a, const Diagnostic& b) {
        return std::tie(a.place.file, a.place.line, a.place.column) <
               std::tie(b.place.file, b.place.line, b.place.column);
    });
    if (all.size() > kMostShown) {
        const std::size_t more = document_->errors().size() + error_count_ - kMostShown;
        all.resize(kMostShown);
        all.push_back({.place = {.file = document_->file(), .line = 0, .column = 0},
                       .message = fmt::format("and {} more", more),
                       .hint = {},
                       .source_line = {}});
    }
    throw UserError(std::move(all));
}

std::vector<std::string> paths_with(Status status, const std::vector<ResolvedValue>& resolved) {
    std::vector<std::string> paths;
    for (const ResolvedValue& value : resolved)
        if (value.status == status) paths.push_back(value.path);
    return paths;
}

std::string config_hash(const std::vector<ResolvedValue>& resolved) {
    std::uint64_t hash = 0xcbf29ce484222325;
    const auto add = [&](std::string_view text) {
        for (char c : text) {
            hash ^= static_cast<unsigned char>(c);
            hash *= 0x100000001b3;
        }
    };
    for (const ResolvedValue& value : resolved) {
        if (!value.hashed) continue;
        // Lengths keep apart what a mere separator would let run together.
        add(fmt::format("{}:{}={}:{}\n", value.path.size(), value.path, value.canonical.size(),
                        value.canonical));
    }
    return fmt::format("{:016x}", hash);
}

std::string resolved_text(const std::vector<ResolvedValue>& resolved) {
    std::string text;
    for (const ResolvedValue& value : resolved) {
        std::string line = fmt::format("{} = {}", value.path, escaped(value.value));
        line +=
            fmt::format("{:{}}  # {}", "", line.size() < 50 ? 50 - line.size() : 0, value.where);
        if (value.status != Status::plain)
            line += fmt::format("; {}: {}", label(value.status), escaped(value.note));
        text += line + '\n';
    }
    return text;
}

}  // namespace perfwatt

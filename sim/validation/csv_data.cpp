#include "sim/validation/csv_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

/// Splits text into records; a quoted field may hold commas, quotes (doubled) and line ends.
class Records {
  public:
    explicit Records(std::string text) : text_(std::move(text)) {}

    bool next(std::vector<std::string>& fields, int& line) {
        while (at_ < text_.size() && (text_[at_] == '\n' || text_[at_] == '\r')) step();
        if (at_ >= text_.size()) return false;
        line = line_;
        fields.assign(1, "");
        bool quoted = false;
        for (; at_ < text_.size(); step()) {
            const char c = text_[at_];
            if (quoted) {
                const bool doubled = c == '"' && at_ + 1 < text_.size() && text_[at_ + 1] == '"';
                if (c == '"' && !doubled) {
                    quoted = false;
                } else {
                    fields.back() += c;
                    if (doubled) step();
                }
            } else if (c == '"' && fields.back().empty()) {
                quoted = true;
            } else if (c == ',') {
                fields.emplace_back();
            } else if (c == '\n') {
                break;
            } else if (c != '\r') {
                fields.back() += c;
            }
        }
        return true;
    }

  private:
    void step() {
        if (text_[at_] == '\n') ++line_;
        ++at_;
    }

    std::string text_;
    std::size_t at_ = 0;
    int line_ = 1;
};

}  // namespace

CsvData CsvData::read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw UserError(fmt::format("'{}' cannot be read", path));
    Records records(std::string(std::istreambuf_iterator<char>(file), {}));
    CsvData data;
    data.path_ = path;
    std::vector<std::string> fields;
    int line = 0;
    if (!records.next(data.columns_, line)) throw UserError(fmt::format("'{}' is empty", path));
    while (records.next(fields, line)) {
        if (fields.size() != data.columns_.size()) {
            throw UserError(fmt::format("{}:{}: {} fields, but {} columns", path, line,
                                        fields.size(), data.columns_.size()));
        }
        data.rows_.push_back(fields);
        data.lines_.push_back(line);
    }
    return data;
}

bool CsvData::has(std::string_view column) const {
    return std::find(columns_.begin(), columns_.end(), column) != columns_.end();
}

std::size_t CsvData::index(std::string_view column) const {
    const auto found = std::find(columns_.begin(), columns_.end(), column);
    if (found == columns_.end()) {
        throw UserError(fmt::format("'{}' has no column '{}'", path_, column),
                        fmt::format("columns: {}", fmt::join(columns_, ", ")));
    }
    return static_cast<std::size_t>(found - columns_.begin());
}

std::string CsvData::place(std::size_t row) const {
    return fmt::format("{}:{}", path_, lines_.at(row));
}

const std::string& CsvData::text(std::size_t row, std::string_view column) const {
    return rows_.at(row)[index(column)];
}

double CsvData::number(std::size_t row, std::string_view column) const {
    const std::string& text = this->text(row, column);
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0' || !std::isfinite(value)) {
        throw UserError(
            fmt::format("{}: '{}' in column '{}' is not a number", place(row), text, column));
    }
    return value;
}

long long CsvData::count(std::size_t row, std::string_view column) const {
    const double value = number(row, column);
    if (value != std::floor(value) || std::abs(value) > 9e15) {
        throw UserError(fmt::format("{}: '{}' in column '{}' is not a whole number", place(row),
                                    text(row, column), column));
    }
    return static_cast<long long>(value);
}

bool CsvData::flag(std::size_t row, std::string_view column) const {
    const std::string& text = this->text(row, column);
    if (text != "yes" && text != "no") {
        throw UserError(
            fmt::format("{}: '{}' in column '{}' is neither yes nor no", place(row), text, column));
    }
    return text == "yes";
}

}  // namespace perfwatt

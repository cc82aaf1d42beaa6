#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace perfwatt {

/// A CSV file (RFC 4180) whose first line names the columns. Figures of suites are kept so.
class CsvData {
  public:
    /// Throws UserError naming the file, and the line where fields and columns differ in number.
    static CsvData read(const std::string& path);

    [[nodiscard]] std::size_t size() const { return rows_.size(); }
    [[nodiscard]] bool has(std::string_view column) const;
    /// Row `row` counted from 0. Throws UserError where there is no such column.
    [[nodiscard]] const std::string& text(std::size_t row, std::string_view column) const;
    /// Throws UserError naming file, line and column where it is no finite number.
    [[nodiscard]] double number(std::size_t row, std::string_view column) const;
    /// As number(), whole.
    [[nodiscard]] long long count(std::size_t row, std::string_view column) const;
    /// "yes" or "no"; throws UserError for anything else.
    [[nodiscard]] bool flag(std::size_t row, std::string_view column) const;

  private:
    [[nodiscard]] std::size_t index(std::string_view column) const;
    [[nodiscard]] std::string place(std::size_t row) const;

    std::string path_;
    std::vector<std::string> columns_;
    std::vector<std::vector<std::string>> rows_;
    std::vector<int> lines_;  ///< where each row begins
};

}  // namespace perfwatt

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace perfwatt {

enum class Align { left, right };

/// Rows of cells under named columns, printable in several forms. Every row has one cell a column.
class TextTable {
  public:
    struct Column {
        std::string name;
        Align align = Align::left;
    };

    explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

    void add(std::vector<std::string> row);
    /// An empty line before the next row (in text only).
    void add_gap();
    [[nodiscard]] bool empty() const { return rows_.empty(); }

    /// Aligned columns two spaces apart, no trailing blanks; `bold` wraps the header for terminals.
    [[nodiscard]] std::string text(bool bold = false) const;
    /// A GitHub table.
    [[nodiscard]] std::string markdown() const;
    /// RFC 4180, header first.
    [[nodiscard]] std::string csv() const;
    /// <table> with a <thead>.
    [[nodiscard]] std::string html() const;

  private:
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
    std::vector<std::size_t> gaps_;  ///< before these rows
};

/// A field of RFC 4180: quoted where it holds a comma, a quote or a line break.
[[nodiscard]] std::string csv_field(std::string_view text);
/// Fields joined by commas and ended by CR LF.
[[nodiscard]] std::string csv_line(const std::vector<std::string>& fields);
/// Text safe inside HTML elements and attributes.
[[nodiscard]] std::string html_escape(std::string_view text);

}  // namespace perfwatt

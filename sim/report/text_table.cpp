#include "sim/report/text_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

/// Characters as a terminal shows them: UTF-8 continuation bytes take no room.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
}

std::string padded(std::string_view text, std::size_t to, Align align) {
    const std::string blanks(to - std::min(to, width(text)), ' ');
    return align == Align::left ? std::string(text) + blanks : blanks + std::string(text);
}

std::string trimmed(std::string line) {
    line.erase(line.find_last_not_of(' ') + 1);
    return line;
}

std::string markdown_cell(std::string_view text) {
    std::string cell;
    for (const char c : text) {
        if (c == '|') cell += '\\';
        cell += c == '\n' ? ' ' : c;
    }
    return cell;
}

}  // namespace

void TextTable::add(std::vector<std::string> row) {
    PERFWATT_CHECK(row.size() == columns_.size(), "one cell a column");
    rows_.push_back(std::move(row));
}

void TextTable::add_gap() { gaps_.push_back(rows_.size()); }

std::string TextTable::text(bool bold) const {
    std::vector<std::size_t> widths;
    for (const Column& column : columns_) widths.push_back(width(column.name));
    for (const auto& row : rows_)
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));

    const auto line = [&](auto cell) {
        std::string out;
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            if (i > 0) out += "  ";
            out += padded(cell(i), widths[i], columns_[i].align);
        }
        return trimmed(out);
    };
    const std::string header =
        line([&](std::size_t i) -> std::string_view { return columns_[i].name; });
    std::string out = bold ? "\033[1m" + header + "\033[0m\n" : header + "\n";
    for (std::size_t r = 0; r < rows_.size(); ++r) {
        if (std::find(gaps_.begin(), gaps_.end(), r) != gaps_.end()) out += "\n";
        out += line([&](std::size_t i) -> std::string_view { return rows_[r][i]; }) + "\n";
    }
    return out;
}

std::string TextTable::markdown() const {
    std::string out = "|";
    for (const Column& column : columns_) out += " " + markdown_cell(column.name) + " |";
    out += "\n|";
    for (const Column& column : columns_) out += column.align == Align::left ? "---|" : "---:|";
    out += "\n";
    for (const auto& row : rows_) {
        out += "|";
        for (const std::string& cell : row) out += " " + markdown_cell(cell) + " |";
        out += "\n";
    }
    return out;
}

std::string TextTable::csv() const {
    std::vector<std::string> names;
    for (const Column& column : columns_) names.push_back(column.name);
    std::string out = csv_line(names);
    for (const auto& row : rows_) out += csv_line(row);
    return out;
}

std::string TextTable::html() const {
    const auto cell = [](std::string_view tag, const Column& column, std::string_view text) {
        const std::string_view style = column.align == Align::right ? " class=\"n\"" : "";
        return fmt::format("<{0}{1}>{2}</{0}>", tag, style, html_escape(text));
    };
    std::string out = "<table>\n<thead><tr>";
    for (const Column& column : columns_) out += cell("th", column, column.name);
    out += "</tr></thead>\n<tbody>\n";
    for (const auto& row : rows_) {
        out += "<tr>";
        for (std::size_t i = 0; i < row.size(); ++i) out += cell("td", columns_[i], row[i]);
        out += "</tr>\n";
    }
    return out + "</tbody>\n</table>\n";
}

std::string csv_field(std::string_view text) {
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"') out += '"';
        out += c;
    }
    return out + "\"";
}

std::string csv_line(const std::vector<std::string>& fields) {
    std::string out;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if (i > 0) out += ',';
        out += csv_field(fields[i]);
    }
    return out + "\r\n";
}

std::string html_escape(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

}  // namespace perfwatt

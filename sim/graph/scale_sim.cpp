#include "sim/graph/scale_sim.h"

#include <fmt/format.h>

#include <charconv>
#include <string_view>

#include "sim/base/diagnostics.h"
#include "sim/graph/graph_builder.h"
#include "sim/graph/shape.h"

namespace perfwatt {
namespace {

using Integers = std::vector<std::int64_t>;

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

/// The cells of a line; the comma that ends it makes no cell.
std::vector<std::string_view> cells_of(std::string_view line) {
    std::vector<std::string_view> cells;
    while (true) {
        const auto comma = line.find(',');
        cells.push_back(trimmed(line.substr(0, comma)));
        if (comma == std::string_view::npos) break;
        line.remove_prefix(comma + 1);
    }
    while (cells.size() > 1 && cells.back().empty()) cells.pop_back();
    return cells;
}

class Topology {
  public:
    Topology(std::string file, std::int64_t batch)
        : file_(std::move(file)), batch_(batch), builder_("", file_) {}

    Graph read(std::string_view text) {
        for (int line = 1; !text.empty(); ++line) {
            const auto end = text.find('\n');
            row(text.substr(0, end), line);
            text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        }
        if (errors_.empty() && outputs_.empty()) fail(1, "", "the topology has no layers");
        if (!errors_.empty()) throw UserError(std::move(errors_));
        return builder_.finish(outputs_);
    }

  private:
    void fail(int line, std::string_view source, std::string message, std::string hint = {}) {
        errors_.push_back(Diagnostic{.place = {.file = file_, .line = line},
                                     .message = std::move(message),
                                     .hint = std::move(hint),
                                     .source_line = std::string(trimmed(source))});
    }

    void row(std::string_view line, int number) {
        if (trimmed(line).empty()) return;
        const std::vector<std::string_view> cells = cells_of(line);
        if (columns_ == 0) {
            columns_ = cells.size();
            if (columns_ != 4 && columns_ != 8)
                fail(number, line,
                     fmt::format("a heading of {} columns is of no known form", columns_),
                     "8 columns for convolutions, 4 for products");
            return;
        }
        if (columns_ != 4 && columns_ != 8) return;
        if (cells.size() != columns_)
            return fail(number, line,
                        fmt::format("{} columns where the heading has {}", cells.size(), columns_));
        Integers sizes;
        for (std::size_t i = 1; i < cells.size(); ++i) {
            std::int64_t value = 0;
            const auto [end, problem] =
                std::from_chars(cells[i].data(), cells[i].data() + cells[i].size(), value);
            if (problem != std::errc{} || end != cells[i].data() + cells[i].size() || value < 1 ||
                value > (1 << 30))
                return fail(
                    number, line,
                    fmt::format("column {} is '{}', not a count of at least 1", i + 1, cells[i]));
            sizes.push_back(value);
        }
        builder_.set_line(number);
        try {
            layer(std::string(cells[0]), sizes);
        } catch (const ShapeError& error) {
            fail(number, line, fmt::format("layer '{}': {}", cells[0], error.what()));
        }
    }

    void layer(const std::string& name, const Integers& sizes) {
        if (sizes.size() == 3) {
            const TensorId x =
                builder_.input(name + ".input", {checked_multiply(batch_, sizes[0]), sizes[2]});
            outputs_.push_back(builder_.linear(name, x, {.features = sizes[1], .bias = false}));
            return;
        }
        const TensorId x = builder_.input(name + ".input", {batch_, sizes[4], sizes[0], sizes[1]});
        const TensorId filter =
            builder_.weight(name + ".weight", {sizes[5], sizes[4], sizes[2], sizes[3]});
        outputs_.push_back(
            builder_.add(name, "Conv", {x, filter}, {{"strides", Integers{sizes[6], sizes[6]}}}));
    }

    std::string file_;
    std::int64_t batch_ = 1;
    GraphBuilder builder_;
    std::size_t columns_ = 0;
    std::vector<TensorId> outputs_;
    std::vector<Diagnostic> errors_;
};

}  // namespace

Graph read_scale_sim(const std::string& text, const std::string& file, std::int64_t batch) {
    return Topology(file, batch).read(text);
}

}  // namespace perfwatt

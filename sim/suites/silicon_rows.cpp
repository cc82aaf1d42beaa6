#include "sim/suites/silicon_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "sim/base/diagnostics.h"
#include "sim/config/config_path.h"
#include "sim/stats/result.h"
#include "sim/validation/csv_data.h"
#include "sim/validation/statistics.h"

namespace perfwatt::silicon {
namespace {

/// The first row of a table whose keys, where they are not empty, are those asked for.
std::optional<std::size_t> find(const CsvData& table, std::string_view first_key,
                                const std::string& first, std::string_view second_key = {},
                                const std::string& second = {}) {
    for (std::size_t i = 0; i < table.size(); ++i) {
        if (table.text(i, first_key) != first) continue;
        if (second_key.empty()) return i;
        const std::string& start = table.text(i, second_key);
        if (second.compare(0, start.size(), start) == 0) return i;
    }
    return std::nullopt;
}

std::vector<std::string> split(const std::string& text, char at) {
    std::vector<std::string> parts;
    std::string part;
    for (const char c : text) {
        if (c == at) {
            parts.push_back(std::move(part));
            part.clear();
        } else {
            part += c;
        }
    }
    if (!part.empty()) parts.push_back(std::move(part));
    return parts;
}

/// The tables that say how a published row is run here.
struct Tables {
    CsvData rows, chips, networks, precisions, scenarios;

    explicit Tables(const std::string& folder)
        : rows(CsvData::read(folder + "/rows.csv")),
          chips(CsvData::read(folder + "/chips.csv")),
          networks(CsvData::read(folder + "/networks.csv")),
          precisions(CsvData::read(folder + "/precisions.csv")),
          scenarios(CsvData::read(folder + "/scenarios.csv")) {}
};

/// Why a row is not run, or nothing once `row.request` is complete.
class Reader {
  public:
    Reader(const Tables& tables, const ConfigPath& configs, std::size_t index)
        : t_(tables), configs_(configs), i_(index) {}

    Row read() {
        Row row;
        row.figure = figure();
        const std::string reason = request(row);
        if (!reason.empty()) {
            row.figure.skipped = true;
            row.figure.note = reason;
        }
        return row;
    }

  private:
    [[nodiscard]] const std::string& text(std::string_view column) const {
        return t_.rows.text(i_, column);
    }

    [[nodiscard]] Figure figure() const {
        Figure figure{.subject = text("chip"), .topic = text("network")};
        figure.topic += fmt::format(" {} {}", text("precision"), text("scenario"));
        if (text("batch") != "1") figure.topic += fmt::format(" b{}", text("batch"));
        figure.name = fmt::format("{}, {}", text("metric"), text("unit"));
        figure.low = figure.high = t_.rows.number(i_, "value");
        figure.judged = false;
        figure.gates = t_.rows.flag(i_, "gate");
        figure.group = text("class");
        figure.role = text("role");
        figure.source = text("source");
        return figure;
    }

    std::string request(Row& row) const {
        std::string reason = metric(row);
        if (reason.empty()) reason = chip(row);
        if (reason.empty()) reason = network(row);
        if (reason.empty()) reason = precision(row);
        if (reason.empty()) reason = scenario(row);
        row.request.memory_timing = "stream";
        return reason;
    }

    std::string metric(Row& row) const {
        const std::string& unit = text("unit");
        Figure& f = row.figure;
        if (unit == "ms") {
            row.metric = Metric::milliseconds;
            f.seconds = f.low / 1e3;
        } else if (unit == "TOPS") {
            row.metric = Metric::tera_operations;
        } else if (unit == "frames/s/W") {
            row.metric = Metric::per_watt;
        } else if (unit.size() > 2 && unit.compare(unit.size() - 2, 2, "/s") == 0) {
            row.metric = Metric::per_second;
            f.seconds = 1 / f.low;
        } else {
            return fmt::format("a figure in '{}' is not one of a single run", unit);
        }
        return {};
    }

    std::string chip(Row& row) const {
        const auto at = find(t_.chips, "chip", text("chip"), "scenario", text("scenario"));
        if (!at) return fmt::format("chip '{}' is not described", text("chip"));
        const std::string& family = t_.chips.text(*at, "family");
        if (family != "npu") row.figure.group += " " + family;
        row.request.chip = t_.chips.text(*at, "ours");
        if (row.request.chip.empty()) return t_.chips.text(*at, "note");
        row.request.overrides = split(t_.chips.text(*at, "overrides"), '|');
        const std::string& stated = text("batch");
        const bool is_number =
            std::all_of(stated.begin(), stated.end(), [](char c) { return c >= '0' && c <= '9'; });
        row.request.batch = is_number ? std::atoll(stated.c_str()) : t_.chips.count(*at, "batch");
        row.copies = static_cast<int>(t_.chips.count(*at, "copies"));
        if (!configs_.try_find(ConfigKind::chip, row.request.chip)) {
            return fmt::format("there is no chip '{}'", row.request.chip);
        }
        return {};
    }

    std::string network(Row& row) const {
        const auto at =
            find(t_.networks, "network", text("network"), "task", text("task/resolution"));
        if (!at) return fmt::format("network '{}' is not described", text("network"));
        RunRequest& request = row.request;
        request.workload = t_.networks.text(*at, "workload");
        if (request.workload.empty()) return t_.networks.text(*at, "note");
        if (!configs_.try_find(ConfigKind::workload, request.workload)) {
            const std::string name = std::move(request.workload);
            request.workload = onnx_file(name);
            if (request.workload.empty()) return fmt::format("there is no network '{}'", name);
        }
        if (!t_.networks.text(*at, "most_batch").empty()) {
            request.batch =
                std::min<std::int64_t>(request.batch, t_.networks.count(*at, "most_batch"));
        }
        if (const std::string& phase = t_.networks.text(*at, "phase"); !phase.empty()) {
            request.phase = phase;
        }
        if (!t_.networks.text(*at, "context").empty()) {
            request.context = t_.networks.count(*at, "context");
        }
        if (!t_.networks.text(*at, "tokens").empty()) {
            request.tokens = t_.networks.count(*at, "tokens");
        }
        for (std::string& change : split(t_.networks.text(*at, "overrides"), '|')) {
            request.overrides.push_back("workload." + std::move(change));
        }
        return {};
    }

    /// Networks that are kept as ONNX have no name of their own; empty where there is none.
    [[nodiscard]] std::string onnx_file(const std::string& name) const {
        for (const std::string& root : configs_.roots()) {
            const std::string file = fmt::format("{}/workloads/onnx/{}.onnx", root, name);
            std::error_code ignored;
            if (std::filesystem::is_regular_file(file, ignored)) return file;
        }
        return {};
    }

    std::string precision(Row& row) const {
        const auto at = find(t_.precisions, "precision", text("precision"), "chip", text("chip"));
        if (!at) return fmt::format("precision '{}' is not described", text("precision"));
        row.request.precision = t_.precisions.text(*at, "ours");
        return {};
    }

    std::string scenario(Row& row) const {
        const auto at = find(t_.scenarios, "scenario", text("scenario"), "metric", text("metric"));
        if (!at) return fmt::format("scenario '{}' is not described", text("scenario"));
        row.request.scenario = t_.scenarios.text(*at, "ours");
        // A generation is one request after another: its rate is that of one stream.
        if (row.request.phase != "forward") row.request.scenario = "single_stream";
        row.in_flight = static_cast<int>(t_.scenarios.count(*at, "in_flight"));
        return {};
    }

    const Tables& t_;
    const ConfigPath& configs_;
    std::size_t i_;
};

}  // namespace

std::vector<Row> read_rows(const std::string& folder, const ConfigPath& configs) {
    const Tables tables(folder);
    std::vector<Row> rows;
    for (std::size_t i = 0; i < tables.rows.size(); ++i) {
        rows.push_back(Reader(tables, configs, i).read());
    }
    return rows;
}

void fill(Row& row, const Result& result) {
    Figure& figure = row.figure;
    const double per_second = result.throughput_per_s * row.copies;
    // Copies share what a chip draws at rest: their power is not a multiple of one's.
    if (row.copies == 1) {
        figure.power_w = result.power_w;
        if (per_second > 0) figure.energy_mj = result.power_w / per_second * 1e3;
    }
    switch (row.metric) {
        case Metric::milliseconds: {
            const bool queued = row.in_flight > 1 && per_second > 0;
            const double items = static_cast<double>(row.in_flight);
            figure.ours = queued ? items / per_second * 1e3 : result.latency_ns / 1e6;
            figure.our_seconds = figure.ours / 1e3;
            break;
        }
        case Metric::per_second:
            figure.ours = per_second;
            figure.our_seconds = 1 / per_second;
            break;
        case Metric::tera_operations:
            figure.ours = 2 * static_cast<double>(result.macs) / (result.latency_ns * 1e3);
            break;
        case Metric::per_watt:
            figure.ours = result.perf_per_watt;
            break;
    }
    judge(figure);
}

}  // namespace perfwatt::silicon

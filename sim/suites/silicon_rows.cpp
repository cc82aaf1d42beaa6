#include "sim/suites/silicon_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <optional>

#include "sim/base/diagnostics.h"
#include "sim/config/config_path.h"
#include "sim/stats/result.h"
#include "sim/validation/csv_data.h"
#include "sim/validation/statistics.h"

namespace perfwatt::silicon {
namespace {

/// A column of a table and what a row says there.
struct Key {
    std::string_view column;
    const std::string& text;
};

/// The first row of a table that names `first`, and of which the other keys are how the row's
/// begin.
std::optional<std::size_t> find(const CsvData& table, const Key& first,
                                std::initializer_list<Key> others) {
    for (std::size_t i = 0; i < table.size(); ++i) {
        if (table.text(i, first.column) != first.text) continue;
        if (std::all_of(others.begin(), others.end(), [&](const Key& key) {
                return key.text.starts_with(table.text(i, key.column));
            }))
            return i;
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

/// Reads one row: its figure, and the runs that stand for it or why there are none.
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

    std::string request(Row& row) {
        std::string reason = metric(row);
        RunRequest request{.memory_timing = "stream"};
        if (reason.empty()) reason = chip(row, request);
        if (reason.empty()) reason = precision(request);
        if (reason.empty()) reason = scenario(row, request);
        if (reason.empty()) reason = networks(row, request);
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
        } else if (unit.ends_with("/s")) {
            row.metric = Metric::per_second;
            f.seconds = 1 / f.low;
        } else {
            return fmt::format("a figure in '{}' is not one of a single run", unit);
        }
        return {};
    }

    std::string chip(Row& row, RunRequest& request) {
        const auto at = find(t_.chips, {"chip", text("chip")},
                             {{"scenario", text("scenario")}, {"network", text("network")}});
        if (!at) return fmt::format("chip '{}' is not described", text("chip"));
        const std::string& family = t_.chips.text(*at, "family");
        if (family != "npu") row.figure.group += " " + family;
        request.chip = t_.chips.text(*at, "ours");
        if (request.chip.empty()) return t_.chips.text(*at, "note");
        request.overrides = split(t_.chips.text(*at, "overrides"), '|');
        const std::string& stated = text("batch");
        const bool is_number =
            std::all_of(stated.begin(), stated.end(), [](char c) { return c >= '0' && c <= '9'; });
        request.batch = is_number ? std::atoll(stated.c_str()) : t_.chips.count(*at, "batch");
        limit(t_.chips, *at, request);
        row.copies = static_cast<int>(t_.chips.count(*at, "copies"));
        engines_ = t_.chips.text(*at, "engines");
        if (t_.chips.text(*at, "power") == "wall" && !text("power_W").empty())
            row.wall_w = t_.rows.number(i_, "power_W");
        if (!configs_.try_find(ConfigKind::chip, request.chip))
            return fmt::format("there is no chip '{}'", request.chip);
        return {};
    }

    /// The line that fits, and those below it that go on with "+".
    std::string networks(Row& row, const RunRequest& base) const {
        const auto first = find(t_.networks, {"network", text("network")},
                                {{"task", text("task/resolution")}, {"chip", text("chip")}});
        if (!first) return fmt::format("network '{}' is not described", text("network"));
        const bool tokens = text("unit").find("tokens") != std::string::npos;
        if (tokens && !t_.networks.text(*first, "tokens_each").empty())
            row.tokens = t_.networks.number(*first, "tokens_each");
        for (std::size_t at = *first; at == *first || is_more(at); ++at) {
            RunRequest request = base;
            if (std::string reason = network(at, request); !reason.empty()) return reason;
            row.parts.push_back({.request = std::move(request), .times = times(at)});
        }
        return {};
    }

    [[nodiscard]] bool is_more(std::size_t at) const {
        return at < t_.networks.size() && t_.networks.text(at, "network") == "+";
    }

    [[nodiscard]] double times(std::size_t at) const {
        return t_.networks.text(at, "times").empty() ? 1 : t_.networks.number(at, "times");
    }

    std::string network(std::size_t at, RunRequest& request) const {
        const CsvData& table = t_.networks;
        request.workload = table.text(at, "workload");
        if (request.workload.empty()) return table.text(at, "note");
        if (!configs_.try_find(ConfigKind::workload, request.workload)) {
            const std::string name = std::move(request.workload);
            request.workload = onnx_file(name);
            if (request.workload.empty()) return fmt::format("there is no network '{}'", name);
        }
        limit(table, at, request);
        if (!table.text(at, "sequences").empty()) request.batch *= table.count(at, "sequences");
        if (const std::string& phase = table.text(at, "phase"); !phase.empty())
            request.phase = phase;
        if (!table.text(at, "context").empty()) request.context = table.count(at, "context");
        if (!table.text(at, "tokens").empty()) request.tokens = table.count(at, "tokens");
        for (std::string& change : split(table.text(at, "overrides"), '|'))
            request.overrides.push_back("workload." + std::move(change));
        // A generation is one request after another: its rate is that of one stream.
        if (request.phase != "forward") request.scenario = "single_stream";
        if (!engines_.empty() && request.scenario == "offline") beside(request);
        return {};
    }

    /// What is computed together at most: a larger stated batch waits.
    static void limit(const CsvData& table, std::size_t at, RunRequest& request) {
        if (!table.text(at, "most_batch").empty())
            request.batch = std::min<std::int64_t>(request.batch, table.count(at, "most_batch"));
    }

    /// Each engine serves requests of its own.
    void beside(RunRequest& request) const {
        const auto engines =
            static_cast<std::size_t>(1 + std::count(engines_.begin(), engines_.end(), ','));
        request.scenario = "single_stream";
        request.beside.assign(engines - 1, request.workload);
        request.sharing = "engines:" + engines_;
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

    std::string precision(RunRequest& request) const {
        const auto at =
            find(t_.precisions, {"precision", text("precision")}, {{"chip", text("chip")}});
        if (!at) return fmt::format("precision '{}' is not described", text("precision"));
        request.precision = t_.precisions.text(*at, "ours");
        request.lighten = split(t_.precisions.text(*at, "lighten"), '+');
        return {};
    }

    std::string scenario(Row& row, RunRequest& request) const {
        const auto at =
            find(t_.scenarios, {"scenario", text("scenario")}, {{"metric", text("metric")}});
        if (!at) return fmt::format("scenario '{}' is not described", text("scenario"));
        request.scenario = t_.scenarios.text(*at, "ours");
        row.in_flight = static_cast<int>(t_.scenarios.count(*at, "in_flight"));
        return {};
    }

    const Tables& t_;
    const ConfigPath& configs_;
    std::size_t i_;
    std::string engines_;  ///< of the chip, that serve requests side by side
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

namespace {

/// Items a second of a run, those of networks side by side together.
double rate_of(const Result& result) {
    if (result.tenants.empty()) return result.throughput_per_s;
    double sum = 0;
    for (const TenantResult& tenant : result.tenants) sum += tenant.throughput_per_s;
    return sum;
}

}  // namespace

void fill(Row& row, const std::vector<Result>& results) {
    Figure& figure = row.figure;
    const Result& first = results.front();
    double seconds = 0;
    double joules = 0;
    for (std::size_t i = 0; i < results.size(); ++i) {
        const double each = row.parts[i].times / rate_of(results[i]);
        seconds += each;
        joules += each * results[i].power_w;
    }
    const double per_second = row.copies / seconds;
    // Copies share what a chip draws at rest: their power is not a multiple of one's.
    if (row.copies == 1) {
        figure.power_w = joules / seconds;
        figure.energy_mj = joules * 1e3;
    }
    switch (row.metric) {
        case Metric::milliseconds: {
            const bool alone = row.in_flight == 1 && results.size() == 1;
            figure.ours = alone ? first.latency_ns / 1e6 : row.in_flight / per_second * 1e3;
            figure.our_seconds = figure.ours / 1e3;
            break;
        }
        case Metric::per_second:
            figure.ours = per_second * row.tokens;
            figure.our_seconds = 1 / figure.ours;
            break;
        case Metric::tera_operations:
            figure.ours = 2 * static_cast<double>(first.macs) / (first.latency_ns * 1e3);
            break;
        case Metric::per_watt:
            figure.ours = first.perf_per_watt;
            break;
    }
    judge(figure);
}

std::optional<Figure> wall_energy(const Row& row) {
    if (row.wall_w == 0 || row.figure.skipped) return std::nullopt;
    Figure energy = row.figure;
    energy.name = "energy at the wall, mJ";
    energy.group = "wall energy";
    energy.low = energy.high = row.wall_w * row.figure.seconds * 1e3;
    energy.ours = row.figure.energy_mj;
    energy.judged = true;
    energy.gates = row.figure.gates && row.figure.role == "test";
    energy.tolerance_percent = 20;
    energy.seconds = energy.our_seconds = 0;
    judge(energy);
    return energy;
}

}  // namespace perfwatt::silicon

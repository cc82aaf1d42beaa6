// Fits the constants of one GPU to its rows to calibrate on: scripts/fit_gpu.py is the way in.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "sim/arch/chip_loader.h"
#include "sim/arch/registry.h"
#include "sim/base/diagnostics.h"
#include "sim/config/config_path.h"
#include "sim/run/builtin_memories.h"
#include "sim/suites/gpu_rows.h"

namespace perfwatt {
namespace {

struct Constant {
    std::string key;  ///< under gpu:
    std::string unit;
    double low, high, step;
};
/// Where no products of floats were timed in graphs, the vector pipes' efficiency is fitted and
/// the cache's is not: five in any case.
const Constant kVectorEfficiency = {"vector_efficiency", "", 0.1, 1, 0.1};
const std::array<Constant, 5> kInGraphs = {{{"launch", "ns", 0, 30000, 600},
                                            {"matrix_efficiency", "", 0.2, 1, 0.08},
                                            {"memory_efficiency", "", 0.2, 1, 0.08},
                                            {"l2_efficiency", "", 0.05, 2, 0.1},
                                            {"latency_cycles", "", 0, 8000, 300}}};
using Constants = std::array<Constant, 5>;
Constants constants(const std::string& run_time) {
    Constants list = kInGraphs;
    if (run_time == "eager") list[3] = kVectorEfficiency;
    return list;
}
using Point = std::vector<double>;

/// The launch is fitted for one run time; the other's is the file's.
std::vector<std::string> overrides_of(const Point& point, const gpu_rows::Row& row,
                                      const std::string& fitted) {
    const auto list = constants(fitted);
    std::vector<std::string> overrides;
    const std::string& run_time = row.run_time;
    if (run_time == fitted)
        overrides.push_back(fmt::format("gpu.launch.{}={:.0f} ns", run_time, point[0]));
    for (std::size_t i = 1; i < list.size(); ++i)
        overrides.push_back(list[i].high <= 2
                                ? fmt::format("gpu.{}={:.6f}", list[i].key, point[i])
                                : fmt::format("gpu.{}={:.0f}", list[i].key, point[i]));
    // What a harness says of itself comes last.
    overrides.insert(overrides.end(), row.overrides.begin(), row.overrides.end());
    return overrides;
}

void tell(const std::string& role, const std::string& group, const std::vector<double>& errors) {
    double sum = 0, bias = 0;
    for (const double e : errors) sum += std::abs(e), bias += e;
    const auto count = static_cast<double>(errors.size());
    fmt::print("# {:10} {:30} {:5} rows, mean |error| {:6.2f} %, bias {:6.2f} %\n", role, group,
               errors.size(), 100 * sum / count, 100 * bias / count);
}

class Fit {
  public:
    Fit(std::string chip, std::vector<gpu_rows::Row> rows)
        : chip_(std::move(chip)), rows_(std::move(rows)) {
        run_time_ = "eager";
        for (const gpu_rows::Row& row : rows_)
            if (row.run_time == "cuda_graph") run_time_ = row.run_time;
    }
    [[nodiscard]] const std::string& run_time() const { return run_time_; }

    /// Mean over groups of the mean |log(ours / measured)| of rows in one role.
    double error(const Point& point, const std::string& role, bool told = false,
                 std::FILE* each = nullptr) {
        const auto limits = constants(run_time_);
        for (std::size_t i = 0; i < point.size(); ++i)
            if (point[i] < limits[i].low || point[i] > limits[i].high) return 1e3;
        std::map<std::string, std::shared_ptr<const Device>> devices;
        std::map<std::string, std::vector<double>> errors;
        for (const gpu_rows::Row& row : rows_) {
            if (row.role != role || beyond_memory(row) ||
                (row.microseconds < 10 && row.group.find("gemm") == std::string::npos))
                continue;
            auto& device = devices[fmt::format("{}", fmt::join(row.overrides, " "))];
            if (!device)
                device = load_chip(chip_, overrides_of(point, row, run_time_), families_, configs_,
                                   memories_)
                             .spec.device;
            const auto time = gpu_rows::time_on(*device, row);
            if (std::holds_alternative<Infeasible>(time)) continue;
            const double ours = std::get<Time>(time).ns() * 1e-3;
            if (each != nullptr)
                fmt::print(each, "{},{},{},{}\n", row.group, row.shape, row.microseconds, ours);
            errors[row.group].push_back(told ? ours / row.microseconds - 1
                                             : std::log(ours / row.microseconds));
        }
        double total = 0, weights = 0;
        for (const auto& [group, list] : errors) {
            double sum = 0;
            for (const double e : list) sum += std::abs(e);
            // Kinds of kernels count alike, products four times: networks are mostly made of them.
            const double weight = group.find("gemm") != std::string::npos ? 4 : 1;
            weights += weight;
            total += weight * sum / static_cast<double>(list.size());
            if (told) tell(role, group, list);
        }
        return errors.empty() ? 0 : total / weights;
    }

    /// The constants of the file.
    Point start() {
        const auto list = constants(run_time_);
        Point point(list.size(), 0);
        for (const ResolvedValue& value : loaded().resolved)
            for (std::size_t i = 0; i < list.size(); ++i) {
                const std::string key = i == 0 ? "launch." + run_time_ : list[i].key;
                if (value.path == "gpu." + key) point[i] = std::atof(value.value.c_str());
            }
        return point;
    }

  private:
    const LoadedChip& loaded() {
        if (!loaded_) loaded_ = load_chip(chip_, {}, families_, configs_, memories_);
        return *loaded_;
    }
    bool beyond_memory(const gpu_rows::Row& row) {
        return gpu_rows::beyond_memory(row, loaded().spec.device->on_chip().bytes_per_core,
                                       loaded().memories.front().bytes_per_second);
    }

    std::string chip_;
    std::optional<LoadedChip> loaded_;
    std::vector<gpu_rows::Row> rows_;
    std::string run_time_;
    FamilyRegistry families_ = builtin_families();
    ConfigPath configs_ = ConfigPath::from_environment({PERFWATT_SOURCE_DIR});
    BuiltinMemories memories_{configs_};
};

/// Downhill simplex (Nelder and Mead 1965), a fixed number of evaluations.
Point minimise(const std::function<double(const Point&)>& of, const Point& start,
               const Constants& list, int steps) {
    const std::size_t n = start.size();
    std::vector<std::pair<double, Point>> simplex;
    simplex.emplace_back(of(start), start);
    for (std::size_t i = 0; i < n; ++i) {
        Point corner = start;
        corner[i] += corner[i] + list[i].step > list[i].high ? -list[i].step : list[i].step;
        simplex.emplace_back(of(corner), corner);
    }
    for (int step = 0; step < steps; ++step) {
        std::stable_sort(simplex.begin(), simplex.end(),
                         [](const auto& a, const auto& b) { return a.first < b.first; });
        Point centre(n, 0);
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t j = 0; j < n; ++j)
                centre[j] += simplex[i].second[j] / static_cast<double>(n);
        const auto along = [&](double by) {
            Point point(n);
            for (std::size_t j = 0; j < n; ++j)
                point[j] = centre[j] + by * (simplex[n].second[j] - centre[j]);
            return std::pair(of(point), point);
        };
        auto reflected = along(-1);
        if (reflected.first < simplex[0].first) {
            auto further = along(-2);
            simplex[n] = further.first < reflected.first ? further : reflected;
        } else if (reflected.first < simplex[n - 1].first) {
            simplex[n] = reflected;
        } else if (auto nearer = along(0.5); nearer.first < simplex[n].first) {
            simplex[n] = nearer;
        } else {
            for (std::size_t i = 1; i <= n; ++i) {
                for (std::size_t j = 0; j < n; ++j)
                    simplex[i].second[j] = (simplex[i].second[j] + simplex[0].second[j]) / 2;
                simplex[i].first = of(simplex[i].second);
            }
        }
    }
    return std::min_element(simplex.begin(), simplex.end())->second;
}

/// A simplex that has shrunk is begun anew where it ended.
Point best_of(const std::function<double(const Point&)>& of, Point start, const Constants& list,
              int steps) {
    for (int round = 0; round < 2 && steps > 0; ++round) start = minimise(of, start, list, steps);
    return start;
}

/// The link of a system: two protocols that go round, of which the second's share of the bandwidth
/// is known.
const Constants kOfLinks = {{{"setup", "ns", 0, 50000, 2000},
                             {"low_latency.step", "ns", 0, 50000, 300},
                             {"low_latency.efficiency", "", 0.05, 1, 0.1},
                             {"simple.setup", "ns", 0, 100000, 4000},
                             {"simple.step", "ns", 0, 50000, 1000}}};

int fit_link(const std::string& name, int steps, const Point& given) {
    const FamilyRegistry families = builtin_families();
    const ConfigPath configs = ConfigPath::from_environment({PERFWATT_SOURCE_DIR});
    const BuiltinMemories memories{configs};
    const auto system = load_chip(name, {}, families, configs, memories).spec.system;
    PERFWATT_CHECK(system && system->peers.protocols.size() >= 2, "no link of two protocols");
    std::vector<gpu_rows::CollectiveRow> rows;
    for (auto& row :
         gpu_rows::read_collectives(std::string(PERFWATT_SOURCE_DIR) + "/tests/validation/gpu"))
        if (row.chip + "_x8" == name) rows.push_back(std::move(row));
    const auto link_of = [&](const Point& point) {
        const auto time = [](double ns) { return Time{std::llround(ns * 1e6)}; };
        PeerLink link = system->peers;
        link.setup = time(point[0]);
        link.protocols[0].step = time(point[1]);
        link.protocols[0].efficiency = point[2];
        for (std::size_t i = 1; i < link.protocols.size(); ++i)
            link.protocols[i].setup = time(point[3]);
        link.protocols[1].step = time(point[4]);
        return link;
    };
    const auto error = [&](const Point& point) {
        for (std::size_t i = 0; i < point.size(); ++i)
            if (point[i] < kOfLinks[i].low || point[i] > kOfLinks[i].high) return 1e3;
        const PeerLink link = link_of(point);
        double sum = 0;
        for (const auto& row : rows)
            if (row.role == "calibrate")
                sum +=
                    std::abs(std::log(gpu_rows::time_on(link, row).ns() * 1e-3 / row.microseconds));
        return sum;
    };
    const Point start = given.empty() ? Point{8000, 1000, 0.4, 12000, 3000} : given;
    const Point best = best_of(error, start, kOfLinks, steps);
    for (const std::string role : {"calibrate", "test"}) {
        std::map<std::string, std::vector<double>> errors;
        for (const auto& row : rows)
            if (row.role == role)
                errors[row.group].push_back(
                    gpu_rows::time_on(link_of(best), row).ns() * 1e-3 / row.microseconds - 1);
        for (const auto& [group, list] : errors) tell(role, group, list);
    }
    for (std::size_t i = 0; i < best.size(); ++i)
        fmt::print("{}: {:.3f}\n", kOfLinks[i].key, best[i]);
    return 0;
}

int fit(const std::string& chip, const std::string& groups, int steps, const Point& given,
        const char* each) {
    std::vector<gpu_rows::Row> rows;
    for (gpu_rows::Row& row :
         gpu_rows::read(std::string(PERFWATT_SOURCE_DIR) + "/tests/validation/gpu"))
        if (row.chip == chip &&
            ("," + groups + ",").find("," + row.group + ",") != std::string::npos)
            rows.push_back(std::move(row));
    Fit fitting(chip, std::move(rows));
    Point best = given.empty() ? fitting.start() : given;
    best = best_of([&](const Point& point) { return fitting.error(point, "calibrate"); }, best,
                   constants(fitting.run_time()), steps);
    std::FILE* file = each != nullptr ? std::fopen(each, "w") : nullptr;
    (void)fitting.error(best, "calibrate", true, file);
    if (file != nullptr) std::fclose(file);
    (void)fitting.error(best, "test", true);
    const auto list = constants(fitting.run_time());
    for (std::size_t i = 0; i < best.size(); ++i)
        fmt::print("{}: {:.3f}\n", i == 0 ? "launch." + fitting.run_time() : list[i].key, best[i]);
    return 0;
}

}  // namespace
}  // namespace perfwatt

int main(int argc, char** argv) {
    if (argc < 4) {
        fmt::print(
            "usage: {} CHIP GROUP,GROUP... STEPS [ROWS.csv|-] [the five constants]\n"
            "STEPS 0: only tells the errors of the constants given\n",
            argv[0]);
        return 2;
    }
    perfwatt::Point given;
    for (int i = 5; i < argc; ++i) given.push_back(std::atof(argv[i]));
    const char* each = argc > 4 && std::string(argv[4]) != "-" ? argv[4] : nullptr;
    if (std::string(argv[1]).ends_with("_x8"))
        return perfwatt::fit_link(argv[1], std::atoi(argv[3]), given);
    return perfwatt::fit(argv[1], argv[2], std::atoi(argv[3]), given, each);
}

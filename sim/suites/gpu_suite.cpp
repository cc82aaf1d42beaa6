#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "models/dram/dram_schema.h"
#include "sim/arch/chip_loader.h"
#include "sim/base/diagnostics.h"
#include "sim/run/power_cap.h"
#include "sim/run/run.h"
#include "sim/suites/gpu_rows.h"
#include "sim/suites/suites.h"
#include "sim/validation/statistics.h"

namespace perfwatt {
namespace {

using gpu_rows::Row;

/// Mean error of a kind of kernel on rows to test on; 0: reported. A tensor core's products on the
/// chips named; the rest on all.
struct Target {
    std::string group;
    std::vector<std::string> chips;
    double mean = 0;
    double least_us = 0;  ///< shorter rows do not count
};
const std::vector<Target>& targets() {
    static const std::vector<Target> table = {
        {"bf16 gemm", {"a100_sxm_80", "h100_sxm"}, 10, 0},
        {"fp16 gemm", {"t4", "v100_sxm_16"}, 10, 0},
        {"llm layer gemm", {"a100_sxm_80"}, 8, 10},
        {"fp32 gemm", {"t4", "v100_sxm_16", "a100_pcie_40", "a100_pcie_80", "mi100"}, 12, 0},
        {"decode attention", {"a100_sxm_80", "h100_sxm"}, 15, 0},
        {"prefill attention", {"a100_sxm_80", "h100_sxm"}, 15, 0},
        {"norm", {"a100_sxm_80"}, 12, 10},
        {"add", {"a100_sxm_80"}, 12, 10},
        {"activation", {"a100_sxm_80"}, 12, 10},
        {"rope", {"a100_sxm_80"}, 12, 10},
    };
    return table;
}
constexpr double kCollectives = 12;

/// Chips whose constants stand in for another's when one is left out.
const std::vector<std::pair<std::string, std::string>>& neighbours() {
    static const std::vector<std::pair<std::string, std::string>> table = {
        {"a100_sxm_80", "h100_sxm"},
        {"h100_sxm", "a100_sxm_80"},
        {"t4", "v100_sxm_16"},
        {"v100_sxm_16", "t4"}};
    return table;
}

/// What a roofline needs: the most that chip and memory could do.
struct Peaks {
    std::map<std::pair<DataType, DataType>, double> operations;
    double bytes = 0;
};

/// Devices by chip and overrides, each loaded once.
class Devices {
  public:
    explicit Devices(const Environment& environment) : environment_(environment) {}

    const LoadedChip& chip(const std::string& name, const std::vector<std::string>& overrides) {
        std::string key = name;
        for (const std::string& text : overrides) key += "\n" + text;
        const auto known = chips_.find(key);
        if (known != chips_.end()) return known->second;
        return chips_
            .emplace(key, load_chip(name, overrides, environment_.families, environment_.configs,
                                    environment_.memories))
            .first->second;
    }

    const gpu_rows::MemoryPower& memory(const ChipSpec& chip) {
        const auto known = memories_.find(chip.name);
        if (known != memories_.end()) return known->second;
        const MemoryAttachment& first = chip.memories.front();
        const dram::DramSpec spec = dram::load_spec(environment_.configs, first.standard).spec;
        return memories_.emplace(chip.name, gpu_rows::memory_power(spec, first.channels))
            .first->second;
    }

    /// The constants marked as fitted, as overrides.
    std::vector<std::string> fitted(const std::string& name) {
        std::vector<std::string> overrides;
        const LoadedChip& loaded = chip(name, {});
        for (const ResolvedValue& value : loaded.resolved)
            if (std::find(loaded.fitted.begin(), loaded.fitted.end(), value.path) !=
                    loaded.fitted.end() &&
                value.path.starts_with("gpu."))
                overrides.push_back(value.path + "=" + value.value);
        return overrides;
    }

  private:
    const Environment& environment_;
    std::map<std::string, LoadedChip> chips_;
    std::map<std::string, gpu_rows::MemoryPower> memories_;
};

double operations_of(const Row& row, const Device& device) {
    double seconds = 0;
    for (const Kernel& kernel : row.kernels) {
        if (const auto* work = std::get_if<Contraction>(&kernel.work))
            seconds += static_cast<double>(work->macs()) /
                       static_cast<double>(
                           device.peak(work->first_type, work->second_type).macs_per_second);
        if (const auto* work = std::get_if<Attention>(&kernel.work))
            seconds += static_cast<double>(work->macs()) * (work->causal ? 0.5 : 1.0) /
                       static_cast<double>(
                           device.peak(work->query_type, work->cache_type).macs_per_second);
    }
    return seconds;
}

/// A roofline: launch + max(operations / (share of) peak, bytes / (share of) bandwidth), in us.
struct Roofline {
    double launch = 0, operations = 1, bytes = 1;
};
struct RooflineWork {
    double operation_us = 0, byte_us = 0, measured_us = 0;
    [[nodiscard]] double at(const Roofline& roofline) const {
        return roofline.launch +
               std::max(operation_us / roofline.operations, byte_us / roofline.bytes);
    }
};

double mean_error(const std::vector<RooflineWork>& rows, const Roofline& roofline) {
    double sum = 0;
    for (const RooflineWork& row : rows) sum += std::abs(row.at(roofline) / row.measured_us - 1);
    return rows.empty() ? 0 : 100 * sum / static_cast<double>(rows.size());
}

/// The best of a grid of shares and launches.
Roofline calibrated(const std::vector<RooflineWork>& rows) {
    Roofline best;
    double least = 1e300;
    for (double operations = 0.2; operations < 1.01; operations += 0.05)
        for (double bytes = 0.2; bytes < 1.01; bytes += 0.05)
            for (const double launch : {0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 15.0, 30.0}) {
                const Roofline roofline{launch, operations, bytes};
                const double error = mean_error(rows, roofline);
                if (error < least) {
                    least = error;
                    best = roofline;
                }
            }
    return best;
}

GroupFigure told(std::string group, std::string statistic, double ours, int figures) {
    return {.group = std::move(group),
            .statistic = std::move(statistic),
            .ours = ours,
            .limit = 0,
            .figures = figures,
            .passed = true,
            .gates = false};
}

/// A row as it was measured, of kernels and of collectives.
template <class Measured>
Figure measured(const Measured& row) {
    return {.subject = row.chip,
            .topic = row.shape,
            .name = "latency_us",
            .low = row.microseconds,
            .high = row.microseconds,
            .judged = false,
            .gates = false,
            .group = row.group,
            .role = row.role,
            .source = row.source};
}

class GpuSuite {
  public:
    explicit GpuSuite(const SuiteRequest& request)
        : request_(request), devices_(request.environment) {}

    SuiteOutcome run(std::vector<Row> rows, const std::string& name) {
        rows_ = std::move(rows);
        outcome_.suite = name;
        for (const Row& row : rows_) outcome_.figures.push_back(figure_of(row, {}));
        return std::move(outcome_);
    }

    SuiteOutcome run_all() {
        rows_ = gpu_rows::read(request_.folder);
        outcome_.suite = "gpu";
        for (Row& row : rows_) {
            const LoadedChip& loaded = devices_.chip(row.chip, row.overrides);
            if (gpu_rows::beyond_memory(row, loaded.spec.device->on_chip().bytes_per_core,
                                        loaded.memories.front().bytes_per_second))
                row.role = "report";
        }
        std::string last;
        for (const Row& row : rows_) {
            if (row.chip != last && request_.progress) request_.progress(row.chip + " ...");
            last = row.chip;
            outcome_.figures.push_back(figure_of(row, {}));
        }
        collectives();
        judge_targets();
        tell_rooflines();
        tell_buckets();
        leave_one_out();
        return std::move(outcome_);
    }

  private:
    Figure figure_of(const Row& row, const std::vector<std::string>& more) {
        Figure figure = measured(row);
        std::vector<std::string> overrides = more;
        overrides.insert(overrides.end(), row.overrides.begin(), row.overrides.end());
        const std::shared_ptr<const Device> device = device_for(row, overrides);
        const auto time = gpu_rows::time_on(*device, row);
        if (const auto* misfit = std::get_if<Infeasible>(&time)) {
            figure.skipped = true;
            figure.note = misfit->reason;
            return figure;
        }
        figure.ours = std::get<Time>(time).ns() * 1e-3;
        figure.seconds = row.microseconds * 1e-6;
        figure.our_seconds = figure.ours * 1e-6;
        judge(figure);
        return figure;
    }

    /// At the fastest clock at which the kernel, run again and again, keeps to the chip's cap.
    std::shared_ptr<const Device> device_for(const Row& row,
                                             const std::vector<std::string>& overrides) {
        const ChipSpec& chip = devices_.chip(row.chip, overrides).spec;
        if (!is_capped(chip)) return chip.device;
        const auto at = [&](std::size_t point) {
            std::vector<std::string> all = overrides;
            all.push_back("operating_point=" + chip.operating_points[point]);
            return devices_.chip(row.chip, all).spec.device;
        };
        const gpu_rows::MemoryPower memory = devices_.memory(chip);
        const auto point =
            fastest_within(*chip.power_cap_w, chip.operating_points.size(),
                           [&](std::size_t i) { return gpu_rows::power_on(*at(i), memory, row); });
        const auto* chosen = std::get_if<std::size_t>(&point);
        return chosen != nullptr ? at(*chosen) : chip.device;
    }

    void collectives() {
        for (const gpu_rows::CollectiveRow& row : gpu_rows::read_collectives(request_.folder)) {
            const auto& system = devices_.chip(row.chip + "_x8", {}).spec.system;
            PERFWATT_CHECK(system.has_value(), "a system of eight is no system");
            Figure figure = measured(row);
            figure.ours = gpu_rows::time_on(system->peers, row).ns() * 1e-3;
            judge(figure);
            outcome_.figures.push_back(std::move(figure));
        }
    }

    void judge_targets() {
        for (const Target& target : targets())
            for (const std::string& chip : target.chips)
                judge_group(chip, target.group, target.least_us, target.mean);
        constexpr double kLeastUs = 10;
        for (const std::string chip : {"a100_sxm_80", "h100_sxm"})
            for (const std::string kind :
                 {"all_reduce", "all_gather", "reduce_scatter", "alltoall"})
                judge_group(chip, kind, kLeastUs, kCollectives);
    }

    /// The rows to test on that take `least_us` at least, against a mean error of `mean` percent.
    void judge_group(const std::string& chip, const std::string& group, double least_us,
                     double mean) {
        const Summary summary =
            summarise(outcome_.figures, chip + " " + group, [&](const Figure& f) {
                return f.subject == chip && f.group == group && f.role == "test" &&
                       f.low >= least_us;
            });
        for (GroupFigure& figure : judged(summary, {.mean = mean}))
            outcome_.groups.push_back(std::move(figure));
    }

    /// Rows of a chip and kind, for both rooflines.
    void tell_rooflines() {
        std::map<std::string, std::vector<RooflineWork>> to_fit, to_test;
        for (const Row& row : rows_) {
            if (row.group.find("gemm") == std::string::npos &&
                row.group.find("attention") == std::string::npos)
                continue;
            const LoadedChip& loaded = devices_.chip(row.chip, row.overrides);
            const double bandwidth = static_cast<double>(loaded.memories.front().bytes_per_second);
            const RooflineWork work{
                .operation_us = operations_of(row, *loaded.spec.device) * 1e6,
                .byte_us = static_cast<double>(row.operand_bytes) / bandwidth * 1e6,
                .measured_us = row.microseconds};
            if (!std::isfinite(work.operation_us)) continue;
            auto& rows = row.role == "calibrate" ? to_fit : to_test;
            if (row.role != "report") rows[row.chip + " " + row.group].push_back(work);
        }
        for (const auto& [group, rows] : to_test) {
            const int count = static_cast<int>(rows.size());
            outcome_.groups.push_back(told(group, "mean |error| %, roofline of the data sheet",
                                           mean_error(rows, {}), count));
            outcome_.groups.push_back(told(group, "mean |error| %, calibrated roofline",
                                           mean_error(rows, calibrated(to_fit[group])), count));
        }
    }

    void tell_buckets() {
        const std::vector<Summary> buckets = summaries(outcome_.figures, [](const Figure& f) {
            return f.role == "test" && f.group.find("gemm") != std::string::npos
                       ? fmt::format("{} {}, {}", f.subject, f.group, gpu_rows::bucket_of(f.low))
                       : std::string();
        });
        for (const Summary& bucket : buckets)
            outcome_.groups.push_back(
                told(bucket.group, "mean |error| %", bucket.mean_error, bucket.figures));
    }

    /// Each GPU with the constants of its neighbour: only what a data sheet tells is its own.
    void leave_one_out() {
        for (const auto& [chip, other] : neighbours()) {
            const std::vector<std::string> constants = devices_.fitted(other);
            std::map<std::string, std::vector<Figure>> figures;
            for (const Row& row : rows_)
                if (row.chip == chip && row.role == "test" &&
                    (row.group.ends_with("16 gemm") || row.group == "llm layer gemm"))
                    figures[row.group].push_back(figure_of(row, constants));
            for (const auto& [group, list] : figures) {
                const Summary summary = summarise(list, group, [](const Figure&) { return true; });
                outcome_.groups.push_back(
                    told(chip + " " + group, fmt::format("mean |error| %, constants of {}", other),
                         summary.mean_error, summary.figures));
            }
        }
    }

    const SuiteRequest& request_;
    Devices devices_;
    std::vector<Row> rows_;
    SuiteOutcome outcome_;
};

SuiteOutcome run_gpu(const SuiteRequest& request) { return GpuSuite(request).run_all(); }

}  // namespace

Suite gpu_suite() {
    return {"gpu", "kernels that others timed on GPUs, beside two rooflines", run_gpu};
}

SuiteOutcome run_measured(const SuiteRequest& request, const std::string& file) {
    return GpuSuite(request).run(gpu_rows::read_measured(file), "measured");
}

}  // namespace perfwatt

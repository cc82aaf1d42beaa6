#include "models/dram/validation.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <map>

#include "models/dram/trace_generator.h"
#include "models/dram/trace_replay.h"

namespace perfwatt::dram {
namespace {

struct Plan {
    std::int64_t granularity = 0, capacity = 0, stride = 0, half_rate_gap = 0, idle_gap = 0;
};

std::vector<std::vector<std::string>> read_csv(std::istream& in, std::size_t columns,
                                               const char* what) {
    std::vector<std::vector<std::string>> rows;
    std::string line;
    for (int number = 1; std::getline(in, line); ++number) {
        if (number == 1 || line.empty()) continue;
        std::vector<std::string> fields(1);
        for (const char c : line) {
            if (c == ',' && fields.size() < columns) {
                fields.emplace_back();
            } else if (c != '\r') {
                fields.back() += c;
            }
        }
        if (fields.size() != columns) {
            throw UserError(fmt::format("line {} of the {} has {} columns, not {}", number, what,
                                        fields.size(), columns));
        }
        rows.push_back(std::move(fields));
    }
    return rows;
}

double number_of(const std::string& text, const char* what) {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0' || !std::isfinite(value) || value < 0) {
        throw UserError(fmt::format("'{}' in the {} is not a number", text, what));
    }
    return value;
}

bool truth_of(const std::string& text) {
    if (text != "yes" && text != "no") {
        throw UserError(fmt::format("'{}' in the expected figures is neither yes nor no", text));
    }
    return text == "yes";
}

std::map<std::string, Plan> read_plans(std::istream& in) {
    std::map<std::string, Plan> plans;
    for (const auto& row : read_csv(in, 6, "trace plans")) {
        const auto number = [&](std::size_t i) {
            return static_cast<std::int64_t>(number_of(row[i], "trace plans"));
        };
        plans[row[0]] = {number(1), number(2), number(3), number(4), number(5)};
    }
    return plans;
}

ValidationRow read_row(const std::vector<std::string>& fields) {
    const auto number = [&](std::size_t i) { return number_of(fields[i], "expected figures"); };
    ValidationRow row{.memory = fields[0], .trace = fields[1], .figure = fields[2]};
    row.low = number(3);
    row.high = number(4);
    row.tolerance_percent = number(5);
    row.gates = truth_of(fields[6]);
    row.source = fields[7];
    row.note = fields[8];
    return row;
}

TracePlan plan_of(const std::string& trace, const Plan& plan) {
    TracePlan made{.granularity_bytes = plan.granularity,
                   .capacity_bytes = plan.capacity,
                   .conflict_stride_bytes = plan.stride};
    if (trace == "idle") {
        made.kind = TraceKind::random_reads;
        made.requests = 10'000;
        made.gap_clocks = plan.idle_gap;
        made.seed = 2;
    } else if (trace == "npu50") {
        made.kind = TraceKind::network;
        made.gap_clocks = plan.half_rate_gap;
    } else {
        const auto kind = trace_kind_from(trace);
        if (!kind) throw UserError(fmt::format("there is no trace '{}'", trace));
        made.kind = *kind;
    }
    return made;
}

double figure_of(const std::string& figure, const ReplayResult& result) {
    if (figure == "cycles") return static_cast<double>(result.cycles);
    if (figure == "mean_read_latency_ns") return result.mean_read_latency_ns;
    return static_cast<double>(result.command(figure));
}

double error_of(double ours, double low, double high) {
    if (ours < low) return (ours / low - 1) * 100;
    if (ours > high) return (ours / high - 1) * 100;
    return 0;
}

}  // namespace

std::vector<ValidationRow> validate(std::istream& expected, std::istream& plans,
                                    const std::function<DramSpec(const std::string&)>& load) {
    const std::map<std::string, Plan> known = read_plans(plans);
    std::map<std::string, DramSpec> specs;
    std::map<std::pair<std::string, std::string>, ReplayResult> results;
    std::vector<ValidationRow> rows;
    for (const auto& fields : read_csv(expected, 9, "expected figures")) {
        ValidationRow row = read_row(fields);
        const auto plan = known.find(row.memory);
        if (plan == known.end()) {
            throw UserError(fmt::format("there is no trace plan for memory '{}'", row.memory));
        }
        if (specs.count(row.memory) == 0) specs.emplace(row.memory, load(row.memory));
        const auto key = std::make_pair(row.memory, row.trace);
        if (results.count(key) == 0) {
            TraceGenerator generator(plan_of(row.trace, plan->second));
            results[key] = replay(specs.at(row.memory),
                                  [&](TraceRequest& request) { return generator.next(request); },
                                  {.window = row.trace == "idle" ? 1 : 32});
        }
        row.ours = figure_of(row.figure, results.at(key));
        row.error_percent = error_of(row.ours, row.low, row.high);
        row.passed = std::abs(row.error_percent) <= row.tolerance_percent;
        rows.push_back(std::move(row));
    }
    return rows;
}

}  // namespace perfwatt::dram

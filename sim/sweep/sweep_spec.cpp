#include "sim/sweep/sweep_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "sim/config/document.h"
#include "sim/config/json_schema.h"
#include "sim/config/reading.h"
#include "sim/config/schema.h"

namespace perfwatt {
namespace {

constexpr std::int64_t kMostPoints = 1'000'000;

/// Refuses the same value twice: it would be the same point twice.
template <class T>
void check_distinct(const MapCheck& check, const std::string& key, const std::vector<T>& values) {
    std::set<T> seen;
    for (const T& value : values) {
        if (!seen.insert(value).second) {
            check.error(key, fmt::format("'{}' stands twice in this list", value));
        }
    }
}

void check_choice(const MapCheck& check, const std::string& key, const std::string& value,
                  const std::vector<std::string>& allowed) {
    if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return;
    check.error(key, fmt::format("'{}' is not one of: {}", value, fmt::join(allowed, ", ")),
                did_you_mean(value, allowed));
}

void check_sweep(const SweepSpec& sweep, const MapCheck& check) {
    check_choice(check, "phase", sweep.phase, {"forward", "prefill", "decode", "generate"});
    check_choice(check, "scenario", sweep.scenario, {"single_stream", "multi_stream", "offline"});
    check_choice(check, "start", sweep.start, {"steady", "cold"});
    check_choice(check, "memory_timing", sweep.memory_timing, {"auto", "exact", "stream"});
    check_distinct(check, "chips", sweep.chips);
    check_distinct(check, "workloads", sweep.workloads);
    check_distinct(check, "batch", sweep.batch);
    check_distinct(check, "precision", sweep.precision);
    check_distinct(check, "lighten", sweep.lighten);
    check_distinct(check, "context", sweep.context);
    for (const auto& [path, values] : sweep.grid) {
        check_distinct(check, "grid", values);
        for (const auto& [fixed, value] : sweep.set) {
            if (fixed == path) {
                check.error("set", fmt::format("'{}' is set here and varied in 'grid'", path));
            }
        }
    }
}

MapSchema<SweepSpec> sweep_schema() {
    const SizeLimits some{.min = 1, .max = 10'000};
    return MapSchema<SweepSpec>("sweep")
        .prose("description", &SweepSpec::description, "what the sweep is for")
        .field("chips", &SweepSpec::chips, list_of(text_value(), some), Presence::required,
               "chips or systems, by name or file")
        .field("workloads", &SweepSpec::workloads, list_of(text_value(), some), Presence::required,
               "networks, by name or file")
        .field("batch", &SweepSpec::batch, list_of(count_value<std::int64_t>({.max = 1'000'000})),
               Presence::optional, "inferences computed together; 1 if absent")
        .field("precision", &SweepSpec::precision, list_of(text_value()), Presence::optional,
               "number formats; each chip's own if absent")
        .field("lighten", &SweepSpec::lighten, list_of(text_value()), Presence::optional,
               "what is done to the networks, each a point of its own: none, int4, prune_2_4 ...")
        .field("context", &SweepSpec::context,
               list_of(count_value<std::int64_t>({.min = 0, .max = 100'000'000})),
               Presence::optional, "tokens already in the cache")
        .text("phase", &SweepSpec::phase, {.otherwise = "forward"},
              "the part of a language model's work: forward, prefill, decode or generate")
        .count("tokens", &SweepSpec::tokens, {.min = 0, .max = 1'000'000, .otherwise = 0},
               "tokens to generate")
        .text("scenario", &SweepSpec::scenario, {.otherwise = "single_stream"},
              "single_stream, multi_stream: requests arrive together; offline: in a steady stream")
        .count("requests", &SweepSpec::requests, {.max = 65'536, .otherwise = 8},
               "that arrive together in multi_stream")
        .text("start", &SweepSpec::start, {.otherwise = "steady"},
              "cold: weights come from memory; steady: what can stay on the chip is there")
        .text("memory_timing", &SweepSpec::memory_timing, {.otherwise = "auto"},
              "exact: every burst; stream: row runs in closed form; auto: as the chip's file says")
        .count("mapping_effort", &SweepSpec::mapping_effort, {.max = 10'000'000, .otherwise = 1000},
               "mappings evaluated per kernel at most")
        .field("set", &SweepSpec::set, ordered_map_of(verbatim_value()), Presence::optional,
               "path of a key -> its value, for every point")
        .field("grid", &SweepSpec::grid, ordered_map_of(list_of(verbatim_value(), some)),
               Presence::optional, "path of a key -> the values it takes")
        .check([](const SweepSpec& sweep, const MapCheck& check) { check_sweep(sweep, check); });
}

/// One thing that varies over the points.
struct Axis {
    std::string label;  ///< empty: the record names it anyway
    std::vector<std::string> values;
    std::function<void(RunRequest&, const std::string&)> apply;
};

std::vector<std::string> texts(const std::vector<std::int64_t>& numbers) {
    std::vector<std::string> words;
    for (const std::int64_t number : numbers) words.push_back(fmt::format("{}", number));
    return words;
}

/// A file is meant as seen from the sweep that names it; a name is looked up as everywhere.
std::string from_sweep(const SweepSpec& sweep, const std::string& name_or_file) {
    const std::filesystem::path path = name_or_file;
    if (path.is_absolute() || path == path.filename()) return name_or_file;
    return (std::filesystem::path(sweep.file).parent_path() / path).lexically_normal().string();
}

// Numbers below were checked by the schema and printed by texts().
std::vector<Axis> axes_of(const SweepSpec& sweep) {
    std::vector<Axis> axes;
    axes.push_back({"", sweep.chips, [&sweep](RunRequest& request, const std::string& value) {
                        request.chip = from_sweep(sweep, value);
                    }});
    axes.push_back({"", sweep.workloads, [&sweep](RunRequest& request, const std::string& value) {
                        request.workload = from_sweep(sweep, value);
                    }});
    axes.push_back({"", texts(sweep.batch), [](RunRequest& request, const std::string& value) {
                        request.batch = std::stoll(value);
                    }});
    axes.push_back(
        {"precision", sweep.precision,
         [](RunRequest& request, const std::string& value) { request.precision = value; }});
    axes.push_back({"lighten", sweep.lighten, [](RunRequest& request, const std::string& value) {
                        request.lighten = {value};
                    }});
    axes.push_back(
        {"context", texts(sweep.context), [](RunRequest& request, const std::string& value) {
             request.context = std::stoll(value);
         }});
    for (const auto& [path, values] : sweep.grid) {
        axes.push_back({path, values, [&path](RunRequest& request, const std::string& value) {
                            request.overrides.push_back(fmt::format("{}={}", path, value));
                        }});
    }
    std::erase_if(axes, [](const Axis& axis) { return axis.values.empty(); });
    return axes;
}

RunRequest common_request(const SweepSpec& sweep) {
    RunRequest request;
    request.phase = sweep.phase;
    request.tokens = sweep.tokens;
    request.scenario = sweep.scenario;
    request.requests = sweep.requests;
    request.start = sweep.start;
    request.memory_timing = sweep.memory_timing;
    request.mapping_effort = sweep.mapping_effort;
    for (const auto& [path, value] : sweep.set) {
        request.overrides.push_back(fmt::format("{}={}", path, value));
    }
    return request;
}

}  // namespace

SweepSpec read_sweep(const std::string& file, const ConfigPath& configs) {
    const Document document = Document::load(ConfigKind::sweep, file, configs);
    Reading reading(document);
    SweepSpec sweep = sweep_schema().read(document.root(), reading);
    reading.finish();
    sweep.file = file;
    sweep.name = std::filesystem::path(file).stem().string();
    return sweep;
}

std::vector<SweepPoint> expand(const SweepSpec& sweep) {
    const std::vector<Axis> axes = axes_of(sweep);
    std::int64_t count = 1;
    for (const Axis& axis : axes) {
        count *= static_cast<std::int64_t>(axis.values.size());
        if (count > kMostPoints) {
            throw UserError(
                fmt::format("{}: the sweep has more than {} points", sweep.file, kMostPoints));
        }
    }
    std::vector<SweepPoint> points;
    points.reserve(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i) {
        SweepPoint point{.request = common_request(sweep)};
        std::int64_t stride = count;
        for (const Axis& axis : axes) {
            const auto size = static_cast<std::int64_t>(axis.values.size());
            stride /= size;
            const std::string& value = axis.values[static_cast<std::size_t>(i / stride % size)];
            axis.apply(point.request, value);
            if (!axis.label.empty()) point.labels.emplace_back(axis.label, value);
        }
        points.push_back(std::move(point));
    }
    return points;
}

nlohmann::ordered_json sweep_json_schema() {
    return json_schema(ConfigKind::sweep, sweep_schema().rule());
}

}  // namespace perfwatt

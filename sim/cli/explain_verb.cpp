#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "sim/arch/chip_loader.h"
#include "sim/base/diagnostics.h"
#include "sim/cli/output.h"
#include "sim/cli/request_options.h"
#include "sim/cli/runs.h"
#include "sim/cli/verbs.h"

namespace perfwatt {
namespace {

/// One thing twice as large: what to tell the reader, and what to tell the run.
struct Change {
    Doubling doubling;
    std::vector<std::string> overrides;
};

/// "34.1 GB/s" -> "68.2 GB/s"; nothing where there is no number, or it is zero.
std::optional<std::string> doubled(const std::string& value) {
    double number = 0;
    const char* end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, number);
    if (error != std::errc{} || number == 0) return std::nullopt;
    return fmt::format("{}{}", number * 2, std::string_view(stop, end));
}

/// The doubling of those of `paths` that the configuration has.
std::optional<Change> change_of(const std::string& resource, const std::vector<std::string>& paths,
                                const std::vector<ResolvedValue>& resolved) {
    Change change{.doubling = {.resource = resource}};
    for (const ResolvedValue& value : resolved) {
        if (std::find(paths.begin(), paths.end(), value.path) == paths.end()) continue;
        const std::optional<std::string> twice = doubled(value.value);
        if (!twice) continue;
        change.overrides.push_back(fmt::format("{}={}", value.path, *twice));
        change.doubling.change +=
            fmt::format("{}{}: {} -> {}", change.doubling.change.empty() ? "" : ", ", value.path,
                        value.value, *twice);
    }
    if (change.overrides.empty()) return std::nullopt;
    return change;
}

/// Whether `path` is `list`, any element, `key`: "memories.dram.channels".
bool is_element(std::string_view path, std::string_view list, std::string_view key) {
    return path.starts_with(list) && path.ends_with(key) && path.size() > list.size() + key.size();
}

std::vector<Change> all_changes(const RunRequest& request, const Environment& environment) {
    const LoadedChip chip =
        load_chip(request.chip, split_overrides(request.overrides).chip, environment.families,
                  environment.configs, environment.memories);
    std::vector<Change> changes;
    const auto add = [&](const std::string& name, const std::vector<std::string>& paths) {
        if (auto change = change_of(name, paths, chip.resolved)) {
            changes.push_back(std::move(*change));
        }
    };
    std::string path;
    for (const ChipEngine& engine : chip.spec.engines) {
        if (engine.path == path) continue;  // of several alike
        path = engine.path;
        const Family* family = environment.families.find(engine.family);
        PERFWATT_CHECK(family != nullptr, "a chip was loaded whose family is not there");
        for (const Resource& resource : family->resources()) {
            std::vector<std::string> paths;
            for (const std::string& key : resource.keys) {
                paths.push_back(fmt::format("{}.{}", path, key));
            }
            add(chip.spec.engines.size() == 1 ? resource.name
                                              : fmt::format("{}: {}", engine.name, resource.name),
                paths);
        }
    }
    for (const ResolvedValue& value : chip.resolved) {
        if (is_element(value.path, "memories.", ".channels")) add("memory channels", {value.path});
        if (is_element(value.path, "links.", ".bandwidth")) add("link bandwidth", {value.path});
    }
    return changes;
}

/// Runs the request as it is, then with each change; answers stand in that order.
std::vector<Entry> answers_of(const RunRequest& request, const std::vector<Change>& changes,
                              int jobs, const Environment& environment) {
    std::vector<RunRequest> requests{request};
    for (const Change& change : changes) {
        RunRequest changed = request;
        changed.overrides.insert(changed.overrides.end(), change.overrides.begin(),
                                 change.overrides.end());
        requests.push_back(std::move(changed));
    }
    return run_all(requests, jobs, environment);
}

/// Drops changes that the chip's own rules refuse, with the refusal as the reason.
void check_changes(const RunRequest& request, std::vector<Change>& changes,
                   std::vector<Doubling>& refused, const Environment& environment) {
    std::erase_if(changes, [&](Change& change) {
        RunRequest changed = request;
        changed.overrides.insert(changed.overrides.end(), change.overrides.begin(),
                                 change.overrides.end());
        try {
            validate(changed, environment);
            return false;
        } catch (const UserError& error) {
            change.doubling.infeasible = error.diagnostics().front().message;
            refused.push_back(change.doubling);
            return true;
        }
    });
}

int execute(const Arguments& arguments, const Environment& environment) {
    const RunRequest request = single_request(arguments);
    const ReportStyle style = style_from(arguments);
    const std::optional<std::string> out = arguments.text("out");
    if (out) check_writable(*out);
    validate(request, environment);
    std::vector<Change> changes = all_changes(request, environment);
    std::vector<Doubling> refused;
    check_changes(request, changes, refused, environment);

    const std::vector<Entry> answers =
        answers_of(request, changes, jobs_from(arguments), environment);
    if (!answers.front().ok()) return std::max(exit_code_of(answers), kExitUserError);
    std::vector<Doubling> doublings;
    for (std::size_t i = 0; i < changes.size(); ++i) {
        Doubling doubling = changes[i].doubling;
        const Entry& answer = answers[i + 1];
        doubling.latency_ns = answer.result.latency_ns;
        doubling.energy_pj = answer.result.energy_pj;
        if (!answer.ok()) doubling.infeasible = answer.reason;
        doublings.push_back(std::move(doubling));
    }
    doublings.insert(doublings.end(), refused.begin(), refused.end());
    write_output(out, render_explanation(answers.front().result, doublings, style));
    return exit_code_of(answers);
}

}  // namespace

Verb explain_verb() {
    VerbSpec spec{.name = "explain",
                  .summary = "Where the time of a run goes, and what twice each resource gives.",
                  .options = request_options(OptionKind::once)};
    spec.options.push_back(jobs_option());
    spec.options.push_back(format_option());
    spec.options.push_back({"out", OptionKind::once, "FILE", "where the answer goes (stdout)"});
    return {std::move(spec), execute};
}

}  // namespace perfwatt

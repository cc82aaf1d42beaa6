#include "sim/config/config_path.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

namespace fs = std::filesystem;

struct Row {
    ConfigKind kind;
    std::string_view name;
    std::string_view folder;
};

constexpr std::array kRows = {
    Row{ConfigKind::chip, "chip", "chips"},
    Row{ConfigKind::system, "system", "systems"},
    Row{ConfigKind::memory, "memory", "memories"},
    Row{ConfigKind::workload, "workload", "workloads"},
    Row{ConfigKind::sweep, "sweep", "sweeps"},
    Row{ConfigKind::baseline, "baseline", "baselines"},
    Row{ConfigKind::energy, "energy", "energy"},
    Row{ConfigKind::mapping, "mapping", "mappings"},
};

constexpr const Row& row(ConfigKind kind) { return kRows[static_cast<std::size_t>(kind)]; }

constexpr std::array<std::string_view, 2> kYaml = {".yaml", ".yml"};
constexpr std::array<std::string_view, 4> kNetworks = {".yaml", ".yml", ".onnx", ".csv"};

bool has_suffix(std::string_view text, std::string_view suffix) {
    return text.size() > suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

bool is_path(std::string_view text) {
    return text.find('/') != std::string_view::npos ||
           std::any_of(kNetworks.begin(), kNetworks.end(),
                       [&](std::string_view suffix) { return has_suffix(text, suffix); });
}

template <class F>
void for_each_suffix(ConfigKind kind, F visit) {
    if (kind == ConfigKind::workload)
        for (std::string_view suffix : kNetworks) visit(suffix);
    else
        for (std::string_view suffix : kYaml) visit(suffix);
}

bool is_file(const fs::path& path) {
    std::error_code ignored;
    return fs::is_regular_file(path, ignored);
}

bool is_there(const fs::path& path) {
    std::error_code ignored;
    return fs::exists(path, ignored);
}

}  // namespace

std::string_view to_string(ConfigKind kind) { return row(kind).name; }

std::optional<ConfigKind> config_kind_from(std::string_view name) {
    for (const Row& candidate : kRows)
        if (candidate.name == name) return candidate.kind;
    return std::nullopt;
}

std::string schema_line(ConfigKind kind) { return fmt::format("perfwatt/{}/v1", to_string(kind)); }

ConfigPath ConfigPath::from_environment(std::vector<std::string> roots) {
    std::vector<std::string> all;
    if (const char* variable = std::getenv("PERFWATT_CONFIG_PATH")) {
        std::string_view rest = variable;
        while (!rest.empty()) {
            const std::size_t colon = rest.find(':');
            if (colon != 0) all.emplace_back(rest.substr(0, colon));
            rest = colon == std::string_view::npos ? std::string_view{} : rest.substr(colon + 1);
        }
    }
    all.insert(all.end(), roots.begin(), roots.end());
    return ConfigPath(std::move(all));
}

std::vector<std::string> ConfigPath::folders(ConfigKind kind) const {
    std::vector<std::string> result;
    for (const std::string& root : roots_) {
        result.push_back(fmt::format("{}/configs/{}", root, row(kind).folder));
        result.push_back(fmt::format("{}/{}", root, row(kind).folder));
    }
    return result;
}

std::optional<std::string> ConfigPath::try_find(ConfigKind kind, std::string_view name_or_file,
                                                std::string_view beside) const {
    if (name_or_file.empty()) return std::nullopt;
    const fs::path folder = fs::path(beside).parent_path();
    if (is_path(name_or_file)) {
        // A path in a file is relative to that file, one on the command line to where we are.
        fs::path path(name_or_file);
        if (!beside.empty() && path.is_relative()) path = folder / path;
        if (is_there(path)) return path.lexically_normal().string();
        return std::nullopt;
    }
    std::vector<std::string> places = folders(kind);
    if (!beside.empty()) places.insert(places.begin(), folder.empty() ? "." : folder.string());
    std::optional<std::string> found;
    for (const std::string& place : places)
        for_each_suffix(kind, [&](std::string_view suffix) {
            const fs::path path = fs::path(place) / fmt::format("{}{}", name_or_file, suffix);
            if (!found && is_file(path)) found = path.lexically_normal().string();
        });
    return found;
}

std::string ConfigPath::find(ConfigKind kind, std::string_view name_or_file,
                             std::string_view beside) const {
    if (auto found = try_find(kind, name_or_file, beside)) return *found;
    if (is_path(name_or_file)) throw UserError(fmt::format("there is no file '{}'", name_or_file));
    const std::vector<std::string> known = names(kind);
    std::string hint = did_you_mean(name_or_file, known);
    if (hint.empty() && !known.empty()) hint = fmt::format("known: {}", fmt::join(known, ", "));
    if (known.empty())
        hint = fmt::format("none is installed; looked in: {}", fmt::join(folders(kind), ", "));
    throw UserError(fmt::format("there is no {} '{}'", to_string(kind), name_or_file), hint);
}

std::vector<std::string> ConfigPath::names(ConfigKind kind) const {
    std::vector<std::string> result;
    for (const std::string& folder : folders(kind)) {
        std::error_code error;
        for (fs::directory_iterator at(folder, error), end; !error && at != end;
             at.increment(error))
            for_each_suffix(kind, [&](std::string_view suffix) {
                const std::string name = at->path().filename().string();
                if (has_suffix(name, suffix) && is_file(at->path()))
                    result.push_back(name.substr(0, name.size() - suffix.size()));
            });
    }
    std::sort(result.begin(), result.end());
    result.erase(std::unique(result.begin(), result.end()), result.end());
    return result;
}

}  // namespace perfwatt

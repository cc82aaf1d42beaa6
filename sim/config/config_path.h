#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace perfwatt {

/// The kinds of documents: `schema: perfwatt/KIND/v1`.
enum class ConfigKind : std::uint8_t {
    chip,
    system,
    memory,
    workload,
    sweep,
    baseline,
    energy,
    mapping,
};

[[nodiscard]] std::string_view to_string(ConfigKind kind);
[[nodiscard]] std::optional<ConfigKind> config_kind_from(std::string_view name);
/// "perfwatt/chip/v1"
[[nodiscard]] std::string schema_line(ConfigKind kind);

/// Where named configurations are looked up. Each root holds configs/chips/, configs/memories/,
/// workloads/ ... or directly chips/, memories/ ...; earlier roots win.
class ConfigPath {
  public:
    ConfigPath() = default;
    explicit ConfigPath(std::vector<std::string> roots) : roots_(std::move(roots)) {}

    /// The roots of the environment variable PERFWATT_CONFIG_PATH (separated by colons), then
    /// `roots`: the source tree and the installed share/perfwatt.
    [[nodiscard]] static ConfigPath from_environment(std::vector<std::string> roots);

    /// The file of `name_or_file`: a path when it holds a slash or ends in .yaml, .yml, .onnx or
    /// .csv, else a name looked up in the roots, and first in `beside` when that is given.
    /// Throws UserError with the nearest names when there is none.
    [[nodiscard]] std::string find(ConfigKind kind, std::string_view name_or_file,
                                   std::string_view beside = {}) const;

    /// As find(), but nothing when there is no such name or file.
    [[nodiscard]] std::optional<std::string> try_find(ConfigKind kind,
                                                      std::string_view name_or_file,
                                                      std::string_view beside = {}) const;

    /// All names of a kind, sorted, without repetition.
    [[nodiscard]] std::vector<std::string> names(ConfigKind kind) const;

    [[nodiscard]] const std::vector<std::string>& roots() const { return roots_; }

  private:
    [[nodiscard]] std::vector<std::string> folders(ConfigKind kind) const;

    std::vector<std::string> roots_;
};

}  // namespace perfwatt

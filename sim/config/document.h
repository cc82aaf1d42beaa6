#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sim/config/config_path.h"
#include "sim/config/node.h"

namespace perfwatt {

/// A YAML document of a known kind, after `extends` and `--set`: one tree of values, each with the
/// place it came from. Strict: what YAML tools read differently from one another is refused.
class Document {
  public:
    /// Reads a file. `overrides` are texts "path.to.key=value"; elements of a list are named by
    /// index or by their `name`. Throws UserError when the file cannot be read at all; lesser
    /// mistakes (duplicate keys, overrides of what does not exist) are kept in errors(), for
    /// Reading::finish() to report together with those of the schema.
    [[nodiscard]] static Document load(ConfigKind kind, const std::string& file,
                                       const ConfigPath& config_path = {},
                                       const std::vector<std::string>& overrides = {});

    /// Reads text as if it stood in `file`.
    [[nodiscard]] static Document parse(ConfigKind kind, std::string text, const std::string& file,
                                        const ConfigPath& config_path = {},
                                        const std::vector<std::string>& overrides = {});

    /// The kind that a file's `schema:` line names, without reading it as that kind.
    [[nodiscard]] static ConfigKind kind_of(const std::string& file);

    [[nodiscard]] ConfigKind kind() const { return kind_; }
    [[nodiscard]] const std::string& file() const { return file_; }
    /// The top map, without `schema` and `extends`.
    [[nodiscard]] const ConfigNode& root() const { return root_; }
    /// The files read: this one, then its parents.
    [[nodiscard]] const std::vector<std::string>& files() const { return files_; }

    /// The line of a file at a place, for a diagnostic; empty when there is none.
    [[nodiscard]] std::string source_line(const Place& place) const;

    [[nodiscard]] const std::vector<Diagnostic>& errors() const { return errors_; }

  private:
    ConfigNode read(const std::string& text, const std::string& file);
    void extend(ConfigNode& root, const std::string& file, const ConfigPath& config_path);
    void override_with(const std::string& assignment);
    void fail(Place place, std::string message, std::string hint = {});

    ConfigKind kind_ = ConfigKind::chip;
    std::string file_;
    ConfigNode root_;
    std::vector<std::string> files_;
    std::map<std::string, std::vector<std::string>> lines_;
    std::vector<Diagnostic> errors_;
};

}  // namespace perfwatt

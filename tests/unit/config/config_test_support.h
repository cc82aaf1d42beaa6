#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "sim/config/document.h"
#include "sim/config/reading.h"

namespace perfwatt {

/// What a user would read: every diagnostic of the UserError that `action` throws.
template <class F>
[[nodiscard]] std::string message_of(F action) {
    try {
        action();
    } catch (const UserError& error) {
        return error.what();
    }
    return "no error";
}

/// The scalars of a tree as "path=text" lines, in order.
inline void flatten(const ConfigNode& node, const std::string& path, std::string& text) {
    if (node.kind == ConfigNode::Kind::scalar) text += path + "=" + node.text + "\n";
    if (node.kind == ConfigNode::Kind::null) text += path + "\n";
    for (std::size_t i = 0; i < node.items.size(); ++i)
        flatten(node.items[i], path + "[" + std::to_string(i) + "]", text);
    for (const ConfigEntry& entry : node.entries)
        flatten(entry.value, path.empty() ? entry.key : path + "." + entry.key, text);
}

/// A folder of files that goes away with the test.
class Folder {
  public:
    explicit Folder(const std::string& name)
        : path_(std::filesystem::temp_directory_path() /
                ("perfwatt_" + name + "_" + std::to_string(::getpid()))) {
        std::filesystem::remove_all(path_);
        std::filesystem::create_directories(path_);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    std::string write(const std::string& name, const std::string& text) const {
        const std::filesystem::path file = path_ / name;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file, std::ios::binary) << text;
        return file.string();
    }
    [[nodiscard]] std::string path(const std::string& name = {}) const {
        return name.empty() ? path_.string() : (path_ / name).string();
    }
    /// `text` with this folder's path cut out, so that messages can be compared whole.
    [[nodiscard]] std::string without_path(std::string text) const {
        const std::string prefix = path_.string() + "/";
        for (std::size_t at; (at = text.find(prefix)) != std::string::npos;)
            text.erase(at, prefix.size());
        return text;
    }

  private:
    std::filesystem::path path_;
};

}  // namespace perfwatt

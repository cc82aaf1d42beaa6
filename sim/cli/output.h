#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace perfwatt {

/// Refuses, before any work is done, a path that write_file could not write. Throws UserError.
void check_writable(const std::string& path);

/// A file that is there whole or not at all: a temporary beside it, which commit() gives its name.
/// Without commit() nothing remains. A device or pipe is written directly. Throws UserError naming
/// the path.
class OutputFile {
  public:
    explicit OutputFile(const std::string& path);
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;
    ~OutputFile();

    void append(std::string_view text);
    void commit();

  private:
    void flush();

    std::string path_;       ///< as the user wrote it
    std::string target_;     ///< what it stands for, links followed
    std::string temporary_;  ///< empty: written directly
    std::string buffer_;
    int descriptor_ = -1;
};

void write_file(const std::string& path, const std::string& text);

/// Writes to `path`, or to standard output if absent. Throws UserError if that fails.
void write_output(const std::optional<std::string>& path, const std::string& text);

/// A line for the person watching: standard error, ended and flushed.
void say(const std::string& line);

/// A transient line that the next one overwrites; only where standard error is a terminal.
void show_progress(const std::string& line);

}  // namespace perfwatt

#pragma once

#include <optional>
#include <string>

namespace perfwatt {

/// Refuses, before any work is done, a path that write_file could not write. Throws UserError.
void check_writable(const std::string& path);

/// Writes the whole file or nothing: to a temporary beside it, which then takes its name. A device
/// or pipe is written directly. Throws UserError naming the path.
void write_file(const std::string& path, const std::string& text);

/// Writes to `path`, or to standard output if absent. Throws UserError if that fails.
void write_output(const std::optional<std::string>& path, const std::string& text);

/// A line for the person watching: standard error, ended and flushed.
void say(const std::string& line);

/// A transient line that the next one overwrites; only where standard error is a terminal.
void show_progress(const std::string& line);

}  // namespace perfwatt

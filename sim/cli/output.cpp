#include "sim/cli/output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void cannot_write(const std::string& path, const std::string& reason) {
    throw UserError(fmt::format("cannot write '{}': {}", path, reason));
}

[[noreturn]] void cannot_write_errno(const std::string& path) {
    cannot_write(path, std::strerror(errno));
}

/// A link is followed, so that what it points at is replaced and not the link.
fs::path target_of(const std::string& path) {
    std::error_code ignored;
    const fs::path resolved = fs::weakly_canonical(path, ignored);
    return ignored ? fs::path(path) : resolved;
}

bool is_special(const fs::path& path) {
    std::error_code ignored;
    const fs::file_status status = fs::status(path, ignored);
    return fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status);
}

/// Returns false, with errno set, if not everything could be written.
bool write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(descriptor, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return false;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

constexpr std::size_t kBufferBytes = 1 << 20;

}  // namespace

void check_writable(const std::string& path) {
    std::error_code ignored;
    if (fs::is_directory(path, ignored)) cannot_write(path, "it is a folder");
    const fs::path target = target_of(path);
    if (is_special(target)) return;
    const fs::path folder = target.has_parent_path() ? target.parent_path() : fs::path(".");
    if (!fs::is_directory(folder, ignored)) {
        cannot_write(path, fmt::format("there is no folder '{}'", folder.string()));
    }
    if (::access(folder.c_str(), W_OK | X_OK) != 0) cannot_write_errno(path);
}

OutputFile::OutputFile(const std::string& path) : path_(path) {
    check_writable(path);
    target_ = target_of(path).string();
    if (is_special(target_)) {
        descriptor_ = ::open(target_.c_str(), O_WRONLY | O_CLOEXEC);
    } else {
        temporary_ = fmt::format("{}.{}.tmp", target_, ::getpid());
        descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    }
    if (descriptor_ < 0) cannot_write_errno(path_);
}

OutputFile::~OutputFile() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void OutputFile::append(std::string_view text) {
    buffer_ += text;
    if (buffer_.size() >= kBufferBytes) flush();
}

void OutputFile::flush() {
    if (!write_all(descriptor_, buffer_)) cannot_write_errno(path_);
    buffer_.clear();
}

void OutputFile::commit() {
    flush();
    if (!temporary_.empty()) {
        if (::fsync(descriptor_) != 0) cannot_write_errno(path_);
        if (::rename(temporary_.c_str(), target_.c_str()) != 0) cannot_write_errno(path_);
    }
    const bool closed = ::close(descriptor_) == 0;
    descriptor_ = -1;
    if (!closed) cannot_write_errno(path_);
}

void write_file(const std::string& path, const std::string& text) {
    OutputFile file(path);
    file.append(text);
    file.commit();
}

void write_output(const std::optional<std::string>& path, const std::string& text) {
    if (path) return write_file(*path, text);
    if (!write_all(STDOUT_FILENO, text)) cannot_write_errno("standard output");
}

void say(const std::string& line) {
    fmt::print(stderr, "{}\n", line);
    std::fflush(stderr);
}

void show_progress(const std::string& line) {
    if (::isatty(STDERR_FILENO) == 0) return;
    fmt::print(stderr, "\r\033[K{}", line);
    std::fflush(stderr);
}

}  // namespace perfwatt

#include "tests/systemc/child.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "sim/base/diagnostics.h"

namespace perfwatt::testing_support {

namespace {

enum class Kind : char { numbers = 'n', internal_error = 'i', other_error = 'o' };

void send(int pipe, Kind kind, const void* data, std::size_t bytes) {
    const char tag = static_cast<char>(kind);
    const bool sent =
        write(pipe, &tag, 1) == 1 && write(pipe, data, bytes) == static_cast<ssize_t>(bytes);
    std::_Exit(sent ? 0 : 1);
}

[[noreturn]] void run_body(int pipe, const std::function<std::vector<std::int64_t>()>& body) {
    try {
        const std::vector<std::int64_t> numbers = body();
        send(pipe, Kind::numbers, numbers.data(), numbers.size() * sizeof(std::int64_t));
    } catch (const InternalError& error) {
        const std::string what = error.what();
        send(pipe, Kind::internal_error, what.data(), what.size());
    } catch (const std::exception& error) {
        const std::string what = error.what();
        send(pipe, Kind::other_error, what.data(), what.size());
    }
    std::_Exit(1);
}

}  // namespace

std::vector<std::int64_t> in_child(const std::function<std::vector<std::int64_t>()>& body) {
    int ends[2];
    if (pipe(ends) != 0) {
        throw std::runtime_error("no pipe");
    }
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        run_body(ends[1], body);
    }
    close(ends[1]);
    std::string answer;
    char buffer[4096];
    for (ssize_t n = read(ends[0], buffer, sizeof buffer); n > 0;
         n = read(ends[0], buffer, sizeof buffer)) {
        answer.append(buffer, static_cast<std::size_t>(n));
    }
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (child < 0 || status != 0 || answer.empty()) {
        throw std::runtime_error("the child died, status " + std::to_string(status));
    }
    const std::string payload = answer.substr(1);
    switch (static_cast<Kind>(answer.front())) {
        case Kind::internal_error:
            throw InternalError(payload);
        case Kind::other_error:
            throw std::runtime_error(payload);
        case Kind::numbers:
            break;
    }
    std::vector<std::int64_t> numbers(payload.size() / sizeof(std::int64_t));
    payload.copy(static_cast<char*>(static_cast<void*>(numbers.data())), payload.size());
    return numbers;
}

namespace {

TEST(InChild, BringsBackNumbersAndErrors) {
    EXPECT_EQ(in_child([] {
                  return std::vector<std::int64_t>{1, -2};
              }),
              (std::vector<std::int64_t>{1, -2}));
    EXPECT_THROW(in_child([]() -> std::vector<std::int64_t> { throw InternalError("ours"); }),
                 InternalError);
    EXPECT_THROW(in_child([]() -> std::vector<std::int64_t> { std::abort(); }), std::runtime_error);
}

}  // namespace
}  // namespace perfwatt::testing_support

#include "sim/run/worker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

namespace perfwatt {
namespace {

using Deadline = std::chrono::steady_clock::time_point;

struct Child {
    pid_t pid = -1;
    int pipe = -1;
    std::size_t index = 0;
    Deadline deadline = Deadline::max();
    bool timed_out = false;
    std::string received;
};

// On the pipe: one byte of OutcomeKind, eight of length, then the text. A child that dies half-way
// leaves a message whose length does not agree.
constexpr std::size_t kHeaderBytes = 1 + sizeof(std::uint64_t);

std::string packed(const Outcome& outcome) {
    std::string message(kHeaderBytes, '\0');
    message[0] = static_cast<char>(outcome.kind);
    const std::uint64_t length = outcome.text.size();
    std::memcpy(message.data() + 1, &length, sizeof length);
    return message + outcome.text;
}

bool unpack(const std::string& message, Outcome& outcome) {
    if (message.size() < kHeaderBytes) return false;
    std::uint64_t length = 0;
    std::memcpy(&length, message.data() + 1, sizeof length);
    if (message.size() - kHeaderBytes != length) return false;
    outcome.kind = static_cast<OutcomeKind>(message[0]);
    outcome.text = message.substr(kHeaderBytes);
    return true;
}

std::string rendered(const UserError& error) {
    std::string text;
    for (const Diagnostic& diagnostic : error.diagnostics()) text += to_string(diagnostic);
    return text;
}

Outcome outcome_of(const Work& work) {
    try {
        std::variant<std::string, Infeasible> answer = work();
        if (const auto* infeasible = std::get_if<Infeasible>(&answer)) {
            return {OutcomeKind::infeasible, infeasible->reason};
        }
        return {OutcomeKind::ok, std::get<std::string>(std::move(answer))};
    } catch (const UserError& error) {
        return {OutcomeKind::user_error, rendered(error)};
    } catch (const std::bad_alloc&) {
        return {OutcomeKind::out_of_memory, "no memory left within the limit"};
    } catch (const std::exception& error) {
        return {OutcomeKind::internal_error, error.what()};
    }
}

std::int64_t address_space_bytes() {
    std::FILE* statm = std::fopen("/proc/self/statm", "re");
    if (statm == nullptr) return 0;
    char line[64] = {};
    const bool read = std::fgets(line, sizeof line, statm) != nullptr;
    std::fclose(statm);
    return read ? std::strtoll(line, nullptr, 10) * ::sysconf(_SC_PAGESIZE) : 0;
}

void limit_memory(std::int64_t bytes) {
    const std::int64_t used = address_space_bytes();
    if (bytes > std::numeric_limits<std::int64_t>::max() - used) return;
    const auto most = static_cast<rlim_t>(used + bytes);
    const rlimit limit{most, most};
    ::setrlimit(RLIMIT_AS, &limit);
}

[[noreturn]] void live_as_child(const Work& work, const WorkerLimits& limits, int pipe,
                                pid_t parent) {
    // A worker never outlives the one who reads its answer.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    if (limits.memory_bytes > 0) limit_memory(limits.memory_bytes);
    const std::string message = packed(outcome_of(work));
    std::string_view rest = message;
    while (!rest.empty()) {
        const ssize_t written = ::write(pipe, rest.data(), rest.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) ::_exit(1);
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
    ::_exit(0);  // the parent's buffers and handles are not the child's to flush or close
}

Child start(const Work& work, std::size_t index, const WorkerLimits& limits) {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) {
        throw UserError(fmt::format("cannot start a worker: {}", std::strerror(errno)),
                        "try fewer --jobs");
    }
    std::fflush(nullptr);
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::close(ends[0]);
        live_as_child(work, limits, ends[1], parent);
    }
    ::close(ends[1]);
    if (pid < 0) {
        ::close(ends[0]);
        throw UserError(fmt::format("cannot start a worker: {}", std::strerror(errno)),
                        "try fewer --jobs");
    }
    Child child{.pid = pid, .pipe = ends[0], .index = index};
    if (limits.timeout_ms > 0) {
        child.deadline =
            std::chrono::steady_clock::now() + std::chrono::milliseconds(limits.timeout_ms);
    }
    return child;
}

Outcome ended(Child& child, const WorkerLimits& limits) {
    ::close(child.pipe);
    int status = 0;
    while (::waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
    }
    Outcome outcome;
    if (unpack(child.received, outcome)) return outcome;
    if (child.timed_out) {
        return {OutcomeKind::timeout, fmt::format("took longer than {:g} s",
                                                  static_cast<double>(limits.timeout_ms) / 1e3)};
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
        return {OutcomeKind::out_of_memory,
                "killed by the system, as it does when memory runs out"};
    }
    if (WIFSIGNALED(status)) {
        return {OutcomeKind::crashed,
                fmt::format("signal {} ({})", WTERMSIG(status), ::sigdescr_np(WTERMSIG(status)))};
    }
    return {OutcomeKind::crashed,
            fmt::format("ended with status {} and no answer", WEXITSTATUS(status))};
}

int wait_ms(const std::vector<Child>& children) {
    Deadline earliest = Deadline::max();
    for (const Child& child : children) earliest = std::min(earliest, child.deadline);
    if (earliest == Deadline::max()) return -1;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        earliest - std::chrono::steady_clock::now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count() + 1, 0, 1'000'000));
}

/// Reads what there is; false at the end of the pipe.
bool receive(Child& child) {
    char buffer[65536];
    const ssize_t count = ::read(child.pipe, buffer, sizeof buffer);
    if (count < 0) return errno == EINTR || errno == EAGAIN;
    child.received.append(buffer, static_cast<std::size_t>(count));
    return count > 0;
}

void kill_overdue(std::vector<Child>& children) {
    const Deadline now = std::chrono::steady_clock::now();
    for (Child& child : children) {
        if (child.deadline > now) continue;
        child.timed_out = true;
        child.deadline = Deadline::max();
        ::kill(child.pid, SIGKILL);
    }
}

/// Children that still run when an exception leaves must not stay behind.
class Brood {
  public:
    std::vector<Child> children;
    Brood() = default;
    Brood(const Brood&) = delete;
    Brood& operator=(const Brood&) = delete;
    ~Brood() {
        for (const Child& child : children) {
            ::kill(child.pid, SIGKILL);
            ::close(child.pipe);
            ::waitpid(child.pid, nullptr, 0);
        }
    }
};

}  // namespace

std::string_view to_string(OutcomeKind kind) {
    switch (kind) {
        case OutcomeKind::ok:
            return "ok";
        case OutcomeKind::infeasible:
            return "infeasible";
        case OutcomeKind::user_error:
            return "user_error";
        case OutcomeKind::internal_error:
            return "internal_error";
        case OutcomeKind::crashed:
            return "crashed";
        case OutcomeKind::timeout:
            return "timeout";
        case OutcomeKind::out_of_memory:
            return "out_of_memory";
    }
    return "unknown";
}

void run_in_workers(const std::vector<Work>& work, const WorkerLimits& limits,
                    const std::function<void(std::size_t, Outcome)>& done) {
    Brood brood;
    std::vector<Child>& children = brood.children;
    std::size_t next = 0;
    while (next < work.size() || !children.empty()) {
        while (next < work.size() && children.size() < static_cast<std::size_t>(limits.jobs)) {
            children.push_back(start(work[next], next, limits));
            ++next;
        }
        std::vector<pollfd> waits;
        for (const Child& child : children) waits.push_back({child.pipe, POLLIN, 0});
        ::poll(waits.data(), waits.size(), wait_ms(children));
        kill_overdue(children);
        for (std::size_t i = children.size(); i-- > 0;) {
            if (waits[i].revents == 0 || receive(children[i])) continue;
            Child child = std::move(children[i]);
            children.erase(children.begin() + static_cast<std::ptrdiff_t>(i));
            done(child.index, ended(child, limits));
        }
    }
}

std::vector<Outcome> run_in_workers(const std::vector<Work>& work, const WorkerLimits& limits) {
    std::vector<Outcome> outcomes(work.size());
    run_in_workers(work, limits, [&outcomes](std::size_t index, Outcome outcome) {
        outcomes[index] = std::move(outcome);
    });
    return outcomes;
}

int available_processors() {
    cpu_set_t set;
    if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    return std::max(1, CPU_COUNT(&set));
}

}  // namespace perfwatt

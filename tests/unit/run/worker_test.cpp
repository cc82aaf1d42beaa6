#include "sim/run/worker.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <new>
#include <stdexcept>

namespace perfwatt {
namespace {

Work answering(std::string text) {
    return [text]() -> std::variant<std::string, Infeasible> { return text; };
}

template <class Exception>
Work throwing(const Exception& exception) {
    return [exception]() -> std::variant<std::string, Infeasible> { throw exception; };
}

Outcome outcome_of(const Work& work, WorkerLimits limits = {}) {
    return run_in_workers({work}, limits).front();
}

TEST(Worker, RecordComesBackWhole) {
    const std::string large(3'000'000, 'x');  // many times what a pipe holds
    const Outcome outcome = outcome_of(answering(large));
    EXPECT_EQ(outcome.kind, OutcomeKind::ok);
    EXPECT_EQ(outcome.text, large);
}

TEST(Worker, InfeasibleIsAValueWithItsReason) {
    const Outcome outcome = outcome_of([]() -> std::variant<std::string, Infeasible> {
        return Infeasible{"weights take 2 GiB, memory holds 1 GiB"};
    });
    EXPECT_EQ(outcome.kind, OutcomeKind::infeasible);
    EXPECT_EQ(outcome.text, "weights take 2 GiB, memory holds 1 GiB");
}

TEST(Worker, MistakesAndOurBugsAreToldApart) {
    const Outcome mistake = outcome_of(throwing(UserError("no such chip")));
    EXPECT_EQ(mistake.kind, OutcomeKind::user_error);
    EXPECT_NE(mistake.text.find("no such chip"), std::string::npos);
    EXPECT_EQ(outcome_of(throwing(InternalError("queue not empty"))).kind,
              OutcomeKind::internal_error);
}

TEST(Worker, CrashNamesItsSignalAndSparesTheOthers) {
    const Work crash = []() -> std::variant<std::string, Infeasible> {
        ::raise(SIGABRT);  // sanitizers take most others for themselves
        return "";
    };
    const std::vector<Outcome> outcomes =
        run_in_workers({answering("a"), crash, answering("b")}, {.jobs = 2});
    EXPECT_EQ(outcomes[0].text, "a");
    EXPECT_EQ(outcomes[1].kind, OutcomeKind::crashed);
    EXPECT_NE(outcomes[1].text.find("signal 6"), std::string::npos);
    EXPECT_EQ(outcomes[2].text, "b");
}

TEST(Worker, SilentExitIsACrash) {
    const Work silent = []() -> std::variant<std::string, Infeasible> { ::_exit(7); };
    const Outcome outcome = outcome_of(silent);
    EXPECT_EQ(outcome.kind, OutcomeKind::crashed);
    EXPECT_EQ(outcome.text, "ended with status 7 and no answer");
}

TEST(Worker, TimeoutEndsWhatTakesTooLong) {
    const Work slow = []() -> std::variant<std::string, Infeasible> {
        ::sleep(600);
        return "";
    };
    const Outcome outcome = outcome_of(slow, {.timeout_ms = 50});
    EXPECT_EQ(outcome.kind, OutcomeKind::timeout);
    EXPECT_EQ(outcome.text, "took longer than 0.05 s");
}

TEST(Worker, MemoryBeyondTheLimitIsOutOfMemory) {
#if defined(__SANITIZE_ADDRESS__)
    GTEST_SKIP() << "the sanitizer reserves its own address space";
#endif
    const Work greedy = []() -> std::variant<std::string, Infeasible> {
        return std::to_string(std::string(std::size_t{256} << 20, 'x').find('y'));
    };
    EXPECT_EQ(outcome_of(greedy, {.memory_bytes = 64 << 20}).kind, OutcomeKind::out_of_memory);
    EXPECT_EQ(outcome_of(greedy, {.memory_bytes = std::int64_t{4} << 30}).kind, OutcomeKind::ok);
}

TEST(Worker, KilledFromOutsideIsTakenForOutOfMemory) {
    const Work killed = []() -> std::variant<std::string, Infeasible> {
        ::raise(SIGKILL);
        return "";
    };
    EXPECT_EQ(outcome_of(killed).kind, OutcomeKind::out_of_memory);
}

TEST(Worker, OutcomesStandInTheOrderOfTheWork) {
    std::vector<Work> work;
    for (int i = 0; i < 20; ++i) {
        work.push_back([i]() -> std::variant<std::string, Infeasible> {
            ::usleep(static_cast<useconds_t>((20 - i) * 500));
            return std::to_string(i);
        });
    }
    const std::vector<Outcome> outcomes = run_in_workers(work, {.jobs = 7});
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(outcomes[static_cast<std::size_t>(i)].text, std::to_string(i));
    }
}

TEST(Worker, WhatTheChildChangesStaysThere) {
    int counter = 0;
    (void)outcome_of([&counter]() -> std::variant<std::string, Infeasible> {
        counter = 7;
        return "";
    });
    EXPECT_EQ(counter, 0);
}

}  // namespace
}  // namespace perfwatt

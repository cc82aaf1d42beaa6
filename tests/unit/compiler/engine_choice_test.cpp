#include "sim/compiler/engine_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace perfwatt {
namespace {

using ::testing::ElementsAre;

Time us(std::int64_t n) { return Time{n * 1'000'000'000}; }

/// Costs by engine; hand-overs of `handover` to whoever reads.
EngineChoice::Kernel kernel(std::vector<std::int64_t> costs, std::int64_t handover = 0) {
    EngineChoice::Kernel made;
    for (const std::int64_t cost : costs) {
        made.cost.push_back(cost < 0 ? Time::max() : us(cost));
        made.arrive.push_back(us(handover));
        made.leave.push_back(Time::zero());
    }
    return made;
}

EngineChoice chain(std::vector<EngineChoice::Kernel> kernels) {
    EngineChoice problem{.kernels = std::move(kernels), .edges = {}};
    for (int i = 1; i < static_cast<int>(problem.kernels.size()); ++i)
        problem.edges.push_back({.from = i - 1, .to = i});
    return problem;
}

Time best_of_all(const EngineChoice& problem) {
    const std::size_t engines = problem.kernels.front().cost.size();
    std::vector<int> engine_of(problem.kernels.size(), 0);
    Time best = Time::max();
    while (true) {
        best = std::min(best, cost_of(problem, engine_of));
        std::size_t at = 0;
        while (at < engine_of.size() && ++engine_of[at] == static_cast<int>(engines))
            engine_of[at++] = 0;
        if (at == engine_of.size()) return best;
    }
}

TEST(EngineChoice, EachKernelGoesWhereItIsCheapest) {
    EXPECT_THAT(cheapest(chain({kernel({5, 1}), kernel({1, 5}), kernel({5, 1})})),
                ElementsAre(1, 0, 1));
}

// Two hand-overs of 3 us cost more than the 4 us that the middle kernel would gain.
TEST(EngineChoice, AHandOverMustPay) {
    EXPECT_THAT(cheapest(chain({kernel({5, 1}, 3), kernel({1, 5}, 3), kernel({5, 1}, 3)})),
                ElementsAre(1, 1, 1));
    EXPECT_EQ(cost_of(chain({kernel({5, 1}, 3), kernel({1, 5}, 3)}), {1, 0}), us(1 + 1 + 3));
}

// A greedy choice leaves engine 1 for the second kernel (3 < 4) and pays two hand-overs.
TEST(EngineChoice, LooksFurtherThanTheNextKernel) {
    const EngineChoice problem =
        chain({kernel({1, 9}), kernel({6, 3}, 2), kernel({1, 9}, 2), kernel({1, 9}, 2)});
    EXPECT_THAT(cheapest(problem), ElementsAre(0, 0, 0, 0));
}

TEST(EngineChoice, RefusedKernelsGoElsewhere) {
    EXPECT_THAT(cheapest(chain({kernel({1, -1}), kernel({-1, 9}), kernel({1, 9})})),
                ElementsAre(0, 1, 0));
    EXPECT_EQ(cost_of(chain({kernel({1, -1})}), {1}), Time::max());
}

// Two blocks of two kernels, folded: what the second makes, the first of the next block reads.
TEST(EngineChoice, RepeatedBlocksHandOverToEachOther) {
    EngineChoice problem{.kernels = {kernel({5, 1}, 3), kernel({1, 5}, 3)}, .edges = {}};
    problem.kernels[0].times = problem.kernels[1].times = 2;
    problem.edges = {{.from = 0, .to = 1, .times = 2}, {.from = 1, .to = 0, .times = 1}};
    EXPECT_EQ(cost_of(problem, {1, 0}), us(2 * 2 + 3 * 3));
    EXPECT_EQ(cost_of(problem, {0, 0}), us(12));
    EXPECT_EQ(cost_of(problem, cheapest(problem)), best_of_all(problem));
}

struct RandomProblem : testing::TestWithParam<int> {};

TEST_P(RandomProblem, ShortestPathIsAsGoodAsTryingAll) {
    std::mt19937 random(static_cast<unsigned>(GetParam()));
    const auto number = [&](int below) { return static_cast<int>(random() % below); };
    const int kernels = 3 + number(7);
    const int engines = 2 + number(2);
    EngineChoice problem;
    for (int i = 0; i < kernels; ++i) {
        EngineChoice::Kernel made;
        const int must = number(engines);
        for (int e = 0; e < engines; ++e) {
            made.cost.push_back(e != must && number(4) == 0 ? Time::max() : us(1 + number(20)));
            made.arrive.push_back(us(number(8)));
            made.leave.push_back(us(number(4)));
        }
        made.times = 1 + number(3);
        problem.kernels.push_back(std::move(made));
        if (i > 0) problem.edges.push_back({.from = i - 1, .to = i, .times = 1 + number(3)});
    }
    const int shape = GetParam() % 3;  // a chain, branches, a repeated block
    for (int i = 0; shape > 0 && i < 3; ++i) {
        const int from = number(kernels - 1);
        problem.edges.push_back({.from = from, .to = from + 1 + number(kernels - 1 - from)});
    }
    if (shape == 2) problem.edges.push_back({.from = kernels - 1, .to = 0, .times = 4});
    EXPECT_EQ(cost_of(problem, cheapest(problem)), best_of_all(problem));
}
INSTANTIATE_TEST_SUITE_P(Seeds, RandomProblem, testing::Range(1, 61));

// Eleven results open at a time are more states than are kept: still a possible choice, and no
// worse than keeping to one engine.
TEST(EngineChoice, MoreOpenResultsThanStatesStillGiveAChoice) {
    EngineChoice problem;
    for (int i = 0; i < 12; ++i) problem.kernels.push_back(kernel({1 + i % 3, 2}, 1));
    for (int i = 0; i < 11; ++i) problem.edges.push_back({.from = i, .to = 11});
    const Time found = cost_of(problem, cheapest(problem));
    EXPECT_LE(found, cost_of(problem, std::vector<int>(12, 0)));
    EXPECT_LE(found, cost_of(problem, std::vector<int>(12, 1)));
}

Overlap::Kernel on(int engine, std::int64_t cost, std::int64_t busy, std::vector<int> reads = {}) {
    return {.engine = engine, .cost = us(cost), .busy = us(busy), .reads = std::move(reads)};
}

TEST(Overlap, KernelsOfOneEngineFollowOneAnother) {
    EXPECT_EQ(end_of({{on(0, 3, 0), on(0, 4, 0)}}), us(7));
}

TEST(Overlap, KernelsOfTwoEnginesRunSideBySide) {
    EXPECT_EQ(end_of({{on(0, 3, 0), on(1, 4, 0)}}), us(4));
    EXPECT_EQ(end_of({{on(0, 3, 0), on(1, 4, 0, {0})}}), us(7));
}

// 3 us of memory each: the second has its last datum after 6 us.
TEST(Overlap, AMemoryServesOneAfterTheOther) {
    EXPECT_EQ(end_of({{on(0, 3, 3), on(1, 3, 3)}}), us(6));
    EXPECT_EQ(end_of({{on(0, 3, 3), on(1, 7, 3)}}), us(7));
    Overlap apart{{on(0, 3, 3), on(1, 3, 3)}};
    apart.kernels[1].memory = 1;
    EXPECT_EQ(end_of(apart), us(3));
}

// The gap between the first two is 4 us long; 3 us fit, 5 us end after the second's 2.
TEST(Overlap, GapsOfAMemoryAreUsed) {
    Overlap schedule{{on(0, 2, 2), on(0, 4, 0), on(0, 2, 2)}};
    schedule.kernels.push_back(on(1, 3, 3));
    EXPECT_EQ(end_of(schedule), us(8));
    schedule.kernels.back() = on(1, 5, 5);
    EXPECT_EQ(end_of(schedule), us(9));
}

}  // namespace
}  // namespace perfwatt

#include <gtest/gtest.h>

#include <random>

#include "models/dram/dram_memory.h"
#include "models/dram/dram_schema.h"

namespace perfwatt::dram {
namespace {

/// Drives a memory as the platform does: it advances to the bound or to something earlier, and
/// nothing may complete before that. Random transfers of two masters, reads and writes.
void expect_bounds_hold(const std::string& standard, std::uint64_t seed) {
    const LoadedSpec loaded = load_spec(ConfigPath({PERFWATT_SOURCE_DIR}), standard);
    DramMemory memory(loaded.spec, {.channels = 2});
    std::mt19937_64 random(seed);
    const auto up_to = [&](std::int64_t n) {
        return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
    };
    std::vector<MemoryCompletion> completions;
    Time now;
    int in_flight = 0;
    for (std::uint64_t id = 0; id < 400; ++id) {
        if (in_flight < 6 && random() % 2 == 0) {
            memory.submit(now, {.address = up_to(100'000) * 64,
                                .row_bytes = up_to(4096) + 1,
                                .direction = random() % 3 ? Direction::read : Direction::write,
                                .layer = 0,
                                .master = static_cast<int>(random() % 2),
                                .id = id});
            ++in_flight;
        }
        const Time bound = memory.next_completion_bound();
        if (bound == Time::max()) {
            now += Time{up_to(5'000'000)};
            memory.advance(now, completions);
            continue;
        }
        ASSERT_GT(bound, now) << "no progress, seed " << seed;
        now = random() % 2 ? bound : std::min(bound, now + Time{up_to(20'000'000)});
        completions.clear();
        memory.advance(now, completions);
        for (const MemoryCompletion& completion : completions) {
            ASSERT_GE(completion.at, now) << standard << ", seed " << seed;
            --in_flight;
        }
    }
}

TEST(DramMemoryBound, NothingCompletesBeforeTheBound) {
    for (const char* standard : {"ddr3_2133", "lpddr4x_4266", "lpddr5_6400", "ddr4_3200"})
        for (std::uint64_t seed = 0; seed < 150; ++seed) expect_bounds_hold(standard, seed);
}

}  // namespace
}  // namespace perfwatt::dram

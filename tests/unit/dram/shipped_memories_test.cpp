#include <gtest/gtest.h>

#include "models/dram/dram_memory.h"
#include "models/dram/dram_schema.h"

namespace perfwatt::dram {
namespace {

ConfigPath shipped() { return ConfigPath({PERFWATT_SOURCE_DIR}); }

TEST(ShippedMemories, AllReadWithoutErrors) {
    const std::vector<std::string> names = shipped().names(ConfigKind::memory);
    ASSERT_FALSE(names.empty());
    for (const std::string& name : names) {
        SCOPED_TRACE(name);
        const Document document =
            Document::load(ConfigKind::memory, shipped().find(ConfigKind::memory, name), shipped());
        const ConfigNode* standard = document.root().find("standard");
        if (standard != nullptr && standard->text == "SRAM") continue;  // another family's
        const LoadedSpec loaded = load_spec(shipped(), name);
        EXPECT_EQ(loaded.spec.name, name);
        const DramMemory memory(loaded.spec, {.name = name, .channels = 2});
        EXPECT_GT(memory.capacity_bytes(), 0);
    }
}

TEST(ShippedMemories, Lpddr4ReadTakesTheDataSheetsTimes) {
    const DramSpec spec = load_spec(shipped(), "lpddr4_3200").spec;
    EXPECT_EQ(spec.peak_bytes_per_second(), 6'400'000'000);
    EXPECT_EQ(spec.ticks("tRCD"), 29);  // 18 ns at 0.625 ns
    EXPECT_EQ(spec.ticks("tRFC"), 448);
    DramMemory memory(spec, {.name = "m", .channels = 1});
    memory.submit(Time::zero(), {.address = 0, .row_bytes = 32, .id = 7});
    std::vector<MemoryCompletion> done;
    EXPECT_GT(memory.next_completion_bound(), Time::zero());
    memory.advance(Time::from_ns(1000), done);
    ASSERT_EQ(done.size(), 1U);
    EXPECT_EQ(done[0].id, 7U);
    // One tick to schedule, ACT to RD 29, RD's last tick 3 later, RL 28 + tDQSCK 6, burst 8.
    EXPECT_EQ(done[0].at, spec.clock.cycles(1 + 29 + 3 + 28 + 6 + 8));
}

}  // namespace
}  // namespace perfwatt::dram

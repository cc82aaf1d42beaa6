#include "sim/sweep/store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

class StoreTest : public testing::Test {
  protected:
    void SetUp() override {
        folder_ = std::filesystem::path(testing::TempDir()) /
                  testing::UnitTest::GetInstance()->current_test_info()->name();
        std::filesystem::remove_all(folder_);
        std::filesystem::create_directories(folder_);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    [[nodiscard]] std::string path(const std::string& name) const { return folder_ / name; }

    std::filesystem::path folder_;
};

PlannedPoint point(const std::string& key, std::int64_t position) {
    return {.key = key,
            .position = position,
            .labels = {{"npu.cores", std::to_string(position)}, {"odd \"name\"", "ü"}},
            .chip = "c",
            .workload = "w",
            .batch = 2};
}

std::vector<std::string> keys(const SweepStore& store) {
    std::vector<std::string> found;
    for (const StoredPoint& stored : store.points()) found.push_back(stored.point.key);
    return found;
}

using Keys = std::vector<std::string>;

TEST_F(StoreTest, ExportIsInTheOrderOfTheGridNotOfArrival) {
    SweepStore store = SweepStore::open_or_create(path("s.db"));
    store.plan("grid", "1", {point("b", 0), point("a", 1), point("c", 2)});
    store.put("c", "ok", "", "{\"3\"}");
    store.put("a", "infeasible", "too large", "");
    store.put("b", "ok", "", "{\"1\"}");
    EXPECT_EQ(keys(store), (Keys{"b", "a", "c"}));
    const StoredPoint first = store.points().front();
    EXPECT_EQ(first.sweep, "grid");
    EXPECT_EQ(first.record, "{\"1\"}");
    EXPECT_EQ(first.point.labels, point("b", 0).labels);
    EXPECT_EQ(first.point.batch, 2);
    EXPECT_EQ(store.points()[1].reason, "too large");
}

TEST_F(StoreTest, OnlyFinalAnswersAreFinished) {
    SweepStore store = SweepStore::open_or_create(path("s.db"));
    store.put("a", "ok", "", "{}");
    store.put("b", "infeasible", "no", "");
    store.put("c", "crashed", "signal 11", "");
    store.put("d", "timeout", "", "");
    EXPECT_EQ(store.finished(), (std::set<std::string>{"a", "b"}));
}

TEST_F(StoreTest, PointsThatLeftTheGridLeaveTheExport) {
    SweepStore store = SweepStore::open_or_create(path("s.db"));
    store.plan("grid", "1", {point("a", 0), point("b", 1)});
    store.put("a", "ok", "", "{}");
    store.put("b", "ok", "", "{}");
    store.plan("grid", "2", {point("b", 0)});
    EXPECT_EQ(keys(store), (Keys{"b"}));
    EXPECT_EQ(store.points().front().point.position, 0);
}

TEST_F(StoreTest, ShardsMergeIntoTheWhole) {
    SweepStore one = SweepStore::open_or_create(path("1.db"));
    SweepStore two = SweepStore::open_or_create(path("2.db"));
    one.plan("grid", "1", {point("a", 0), point("c", 2)});
    two.plan("grid", "1", {point("b", 1)});
    one.put("a", "ok", "", "{}");
    one.put("c", "crashed", "signal 6", "");
    two.put("b", "ok", "", "{}");
    two.put("c", "ok", "", "{}");  // tried again elsewhere, and done
    one.merge(two);
    EXPECT_EQ(keys(one), (Keys{"a", "b", "c"}));
    EXPECT_EQ(one.points()[2].status, "ok");
    one.merge(two);  // again: nothing changes
    EXPECT_EQ(keys(one), (Keys{"a", "b", "c"}));
}

TEST_F(StoreTest, DifferentAnswersForOnePointDoNotMerge) {
    SweepStore one = SweepStore::open_or_create(path("1.db"));
    SweepStore two = SweepStore::open_or_create(path("2.db"));
    one.put("a", "ok", "", "{\"x\":1}");
    two.put("a", "ok", "", "{\"x\":2}");
    EXPECT_THROW(one.merge(two), UserError);
}

TEST_F(StoreTest, TwoGridsOfOneNameDoNotMerge) {
    SweepStore one = SweepStore::open_or_create(path("1.db"));
    SweepStore two = SweepStore::open_or_create(path("2.db"));
    one.plan("grid", "1", {point("a", 0)});
    two.plan("grid", "2", {point("b", 0)});
    EXPECT_THROW(one.merge(two), UserError);
}

TEST_F(StoreTest, PointsThatComeToTheSameThingShareTheirAnswer) {
    SweepStore store = SweepStore::open_or_create(path("s.db"));
    store.plan("grid", "1", {point("a", 0), point("a", 1)});
    store.put("a", "ok", "", "{}");
    EXPECT_EQ(keys(store), (Keys{"a", "a"}));
}

TEST_F(StoreTest, OtherFilesAreRefused) {
    std::ofstream(path("text.db")) << "this is no database, and long enough to look like a page\n";
    EXPECT_THROW((void)SweepStore::open_or_create(path("text.db")), UserError);
    EXPECT_THROW((void)SweepStore::open(path("missing.db")), UserError);
    EXPECT_FALSE(std::filesystem::exists(path("missing.db")));
    EXPECT_THROW((void)SweepStore::open(folder_), UserError);
    EXPECT_THROW((void)SweepStore::open_or_create(path("no/such/folder.db")), UserError);
}

TEST_F(StoreTest, ReopeningKeepsWhatWasThere) {
    {
        SweepStore store = SweepStore::open_or_create(path("s.db"));
        store.plan("grid", "1", {point("a", 0)});
        store.put("a", "ok", "", "{}");
    }
    EXPECT_EQ(keys(SweepStore::open_or_create(path("s.db"))), (Keys{"a"}));
}

}  // namespace
}  // namespace perfwatt

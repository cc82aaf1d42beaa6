#include "sim/validation/csv_data.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

class CsvDataTest : public testing::Test {
  protected:
    CsvData read(const std::string& text) {
        std::ofstream(path_, std::ios::binary) << text;
        return CsvData::read(path_);
    }
    void TearDown() override { std::filesystem::remove(path_); }

    std::string path_ = fmt::format("{}/perfwatt_csv_{}.csv", testing::TempDir(), ::getpid());
};

TEST_F(CsvDataTest, QuotedFieldsHoldCommasQuotesAndLineEnds) {
    const CsvData data = read("a,b\r\n\"1,5\",\"say \"\"no\"\"\"\n\"two\nlines\",7\n");
    ASSERT_EQ(data.size(), 2u);
    EXPECT_EQ(data.text(0, "a"), "1,5");
    EXPECT_EQ(data.text(0, "b"), "say \"no\"");
    EXPECT_EQ(data.text(1, "a"), "two\nlines");
    EXPECT_EQ(data.count(1, "b"), 7);
}

TEST_F(CsvDataTest, MistakesNameFileLineAndColumn) {
    const CsvData data = read("a,b\n1,maybe\n");
    try {
        (void)data.flag(0, "b");
        FAIL();
    } catch (const UserError& error) {
        EXPECT_EQ(error.diagnostics().front().message,
                  path_ + ":2: 'maybe' in column 'b' is neither yes nor no");
    }
    EXPECT_THROW((void)data.number(0, "b"), UserError);
    EXPECT_THROW((void)data.text(0, "c"), UserError);
    EXPECT_THROW(read("a,b\n1\n"), UserError);
    EXPECT_THROW(read(""), UserError);
    EXPECT_THROW(CsvData::read("/nowhere/at/all.csv"), UserError);
}

}  // namespace
}  // namespace perfwatt

#include "sim/config/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

using ::testing::HasSubstr;

const std::vector<std::string> kNames{"a100_pcie_40", "a100_sxm_80", "v100_sxm_16", "v1000"};

TEST(Completion, IsTheOnlyNameThatBeginsSo) {
    EXPECT_EQ(only_completion("chip", "v100", kNames), "v100_sxm_16");
    EXPECT_EQ(only_completion("chip", "a100_sxm", kNames), "a100_sxm_80");
    EXPECT_EQ(only_completion("chip", "v10", kNames), std::nullopt);  // whole words only
    EXPECT_EQ(only_completion("chip", "t4", kNames), std::nullopt);
}

TEST(Completion, ListsTheNamesWhereThereAreSeveral) {
    try {
        (void)only_completion("chip", "a100", kNames);
        FAIL() << "either could be meant";
    } catch (const UserError& error) {
        EXPECT_THAT(error.what(), HasSubstr("there is more than one chip 'a100'"));
        EXPECT_THAT(error.what(), HasSubstr("one of: a100_pcie_40, a100_sxm_80"));
    }
}

}  // namespace
}  // namespace perfwatt

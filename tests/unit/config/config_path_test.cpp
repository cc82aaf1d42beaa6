#include "sim/config/config_path.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/unit/config/config_test_support.h"

namespace perfwatt {
namespace {

class ConfigPathTest : public testing::Test {
  protected:
    ConfigPathTest() : folder_("path") {
        folder_.write("one/configs/chips/alpha.yaml", "");
        folder_.write("one/configs/chips/beta.yaml", "");
        folder_.write("one/configs/chips/notes.txt", "");
        folder_.write("one/workloads/net.onnx", "");
        folder_.write("one/workloads/topology.csv", "");
        folder_.write("two/chips/beta.yaml", "");
        folder_.write("two/chips/gamma.yml", "");
    }

    Folder folder_;
    ConfigPath path_{{folder_.path("one"), folder_.path("two")}};
};

TEST_F(ConfigPathTest, EarlierRootsWin) {
    EXPECT_EQ(path_.find(ConfigKind::chip, "beta"), folder_.path("one/configs/chips/beta.yaml"));
    EXPECT_EQ(path_.find(ConfigKind::chip, "gamma"), folder_.path("two/chips/gamma.yml"));
}

TEST_F(ConfigPathTest, WorkloadsMayBeNetworksOfAnyFormat) {
    EXPECT_EQ(path_.find(ConfigKind::workload, "net"), folder_.path("one/workloads/net.onnx"));
    EXPECT_EQ(path_.names(ConfigKind::workload), (std::vector<std::string>{"net", "topology"}));
}

TEST_F(ConfigPathTest, NamesAreSortedAndUnique) {
    EXPECT_EQ(path_.names(ConfigKind::chip), (std::vector<std::string>{"alpha", "beta", "gamma"}));
}

TEST_F(ConfigPathTest, WhatStandsBesideAFileComesFirst) {
    const std::string beside = folder_.path("two/chips/gamma.yml");
    EXPECT_EQ(path_.find(ConfigKind::chip, "beta", beside), folder_.path("two/chips/beta.yaml"));
    EXPECT_EQ(path_.find(ConfigKind::chip, "../../one/configs/chips/alpha.yaml", beside),
              folder_.path("one/configs/chips/alpha.yaml"));
}

TEST_F(ConfigPathTest, UnknownNamesGetTheNearest) {
    EXPECT_EQ(message_of([&] { (void)path_.find(ConfigKind::chip, "alfa"); }),
              "error: there is no chip 'alfa'\n  hint: did you mean 'alpha'?\n");
    EXPECT_EQ(message_of([&] { (void)path_.find(ConfigKind::chip, "quite_else"); }),
              "error: there is no chip 'quite_else'\n  hint: known: alpha, beta, gamma\n");
    EXPECT_EQ(message_of([&] { (void)path_.find(ConfigKind::chip, "./x.yaml"); }),
              "error: there is no file './x.yaml'\n");
    EXPECT_EQ(folder_.without_path(message_of([&] {
        (void)ConfigPath({folder_.path("two")}).find(ConfigKind::memory, "ddr");
    })),
              "error: there is no memory 'ddr'\n"
              "  hint: none is installed; looked in: two/configs/memories, two/memories\n");
}

TEST_F(ConfigPathTest, TheEnvironmentComesFirst) {
    ::setenv("PERFWATT_CONFIG_PATH", ":/a:/b", 1);
    EXPECT_EQ(ConfigPath::from_environment({"/c"}).roots(),
              (std::vector<std::string>{"/a", "/b", "/c"}));
    ::unsetenv("PERFWATT_CONFIG_PATH");
    EXPECT_EQ(ConfigPath::from_environment({"/c"}).roots(), (std::vector<std::string>{"/c"}));
}

}  // namespace
}  // namespace perfwatt

#include "sim/sweep/sweep_spec.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "sim/base/diagnostics.h"
#include "sim/config/config_path.h"

namespace perfwatt {
namespace {

class SweepSpecTest : public testing::Test {
  protected:
    void SetUp() override {
        folder_ = std::filesystem::path(testing::TempDir()) /
                  testing::UnitTest::GetInstance()->current_test_info()->name();
        std::filesystem::create_directories(folder_);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    [[nodiscard]] SweepSpec read(const std::string& body) const {
        const std::string file = folder_ / "grid.yaml";
        std::ofstream(file) << "schema: perfwatt/sweep/v1\n" << body;
        return read_sweep(file, ConfigPath());
    }
    [[nodiscard]] std::string mistake(const std::string& body) const {
        try {
            (void)read(body);
        } catch (const UserError& error) {
            return error.diagnostics().front().message;
        }
        return "";
    }

    std::filesystem::path folder_;
};

TEST_F(SweepSpecTest, LastKeyOfTheGridIsTheFastest) {
    const SweepSpec sweep = read(
        "chips: [a, b]\nworkloads: [w]\nbatch: [1, 8]\n"
        "set: {npu.clock: 1 GHz}\n"
        "grid:\n  npu.cores: [2, 4]\n  npu.scratchpad.bytes: [1 MiB, 2 MiB]\n");
    EXPECT_EQ(sweep.name, "grid");
    const std::vector<SweepPoint> points = expand(sweep);
    ASSERT_EQ(points.size(), 16U);
    EXPECT_EQ(points[0].request.chip, "a");
    EXPECT_EQ(
        points[0].request.overrides,
        (std::vector<std::string>{"npu.clock=1 GHz", "npu.cores=2", "npu.scratchpad.bytes=1 MiB"}));
    EXPECT_EQ(points[1].request.overrides.back(), "npu.scratchpad.bytes=2 MiB");
    EXPECT_EQ(points[2].request.overrides[1], "npu.cores=4");
    EXPECT_EQ(points[4].request.batch, 8);
    EXPECT_EQ(points[8].request.chip, "b");
    EXPECT_EQ(points[3].labels, (std::vector<SweepSpec::Setting>{
                                    {"npu.cores", "4"}, {"npu.scratchpad.bytes", "2 MiB"}}));
}

TEST_F(SweepSpecTest, WhatIsAbsentKeepsItsDefault) {
    const std::vector<SweepPoint> points = expand(read("chips: [a]\nworkloads: [v, w]\n"));
    ASSERT_EQ(points.size(), 2U);
    const RunRequest& request = points[1].request;
    EXPECT_EQ(request.workload, "w");
    EXPECT_EQ(request.batch, 1);
    EXPECT_FALSE(request.precision.has_value());
    EXPECT_EQ(request.phase, "forward");
    EXPECT_EQ(request.start, "steady");
    EXPECT_EQ(request.memory_timing, "auto");
    EXPECT_TRUE(points[1].labels.empty());
}

TEST_F(SweepSpecTest, FilesAreMeantAsSeenFromTheSweep) {
    const std::vector<SweepPoint> points =
        expand(read("chips: [./own.yaml, named]\nworkloads: [/abs/net.onnx]\n"));
    EXPECT_EQ(points[0].request.chip, (folder_ / "own.yaml").string());
    EXPECT_EQ(points[1].request.chip, "named");
    EXPECT_EQ(points[0].request.workload, "/abs/net.onnx");
}

TEST_F(SweepSpecTest, MistakesAreRefused) {
    const std::string good = "chips: [a]\nworkloads: [w]\n";
    EXPECT_EQ(mistake(good), "");
    EXPECT_NE(mistake("workloads: [w]\n"), "");
    EXPECT_NE(mistake("chips: []\nworkloads: [w]\n"), "");
    EXPECT_NE(mistake(good + "grids: {npu.cores: [1]}\n"), "");
    EXPECT_NE(mistake(good + "grid: {npu.cores: []}\n"), "");
    EXPECT_NE(mistake(good + "grid: {npu.cores: 4}\n"), "");
    EXPECT_NE(mistake(good + "batch: [0]\n"), "");
    EXPECT_NE(mistake(good + "batch: [x]\n"), "");
    EXPECT_EQ(mistake(good + "batch: [2, 2]\n"), "'2' stands twice in this list");
    EXPECT_EQ(mistake(good + "set: {a.b: 1}\ngrid: {a.b: [1, 2]}\n"),
              "'a.b' is set here and varied in 'grid'");
    EXPECT_EQ(mistake(good + "memory_timing: exakt\n"),
              "'exakt' is not one of: auto, exact, stream");
}

TEST_F(SweepSpecTest, GridBeyondAMillionPointsIsRefused) {
    std::string values = "0";
    for (int i = 1; i < 1001; ++i) values += "," + std::to_string(i);
    const SweepSpec sweep =
        read("chips: [a]\nworkloads: [w]\ngrid:\n  x: [" + values + "]\n  y: [" + values + "]\n");
    EXPECT_THROW((void)expand(sweep), UserError);
}

}  // namespace
}  // namespace perfwatt

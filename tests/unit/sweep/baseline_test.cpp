#include "sim/sweep/baseline.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "sim/base/diagnostics.h"
#include "sim/config/config_path.h"

namespace perfwatt {
namespace {

/// Tests run side by side: each process has a file of its own.
Baseline read(const std::string& text) {
    const std::string file =
        fmt::format("{}/perfwatt_baseline_{}.yaml", testing::TempDir(), ::getpid());
    std::ofstream(file) << text;
    const std::unique_ptr<const char, void (*)(const char*)> removed(
        file.c_str(), [](const char* name) { std::filesystem::remove(name); });
    return read_baseline(file, ConfigPath());
}

const char* const kText =
    "schema: perfwatt/baseline/v1\n"
    "description: \"two \\\"runs\\\"\"\n"
    "tolerance: 0.01\n"
    "reasons:\n"
    "  - \"first\"\n"
    "entries:\n"
    "  - chip: a\n"
    "    workload: w\n"
    "    latency_ns: 1000\n"
    "    energy_pj: 500.25\n"
    "  - chip: b\n"
    "    workload: w\n"
    "    batch: 4\n"
    "    precision: int8\n"
    "    set:\n"
    "      npu.cores: \"2\"\n"
    "    tolerance: 0\n"
    "    expect: infeasible\n";

Entry answer(double latency_ns, double energy_pj) {
    Result result;
    result.latency_ns = latency_ns;
    result.energy_pj = energy_pj;
    return entry_of(std::move(result));
}

Entry refusal() {
    Entry entry;
    entry.status = "infeasible";
    entry.reason = "too large";
    return entry;
}

TEST(Baseline, WritesWhatItReads) { EXPECT_EQ(baseline_yaml(read(kText)), kText); }

TEST(Baseline, RequestCarriesEveryOption) {
    const RunRequest request = request_of(read(kText).entries[1]);
    EXPECT_EQ(request.chip, "b");
    EXPECT_EQ(request.batch, 4);
    EXPECT_EQ(request.precision, "int8");
    EXPECT_EQ(request.overrides, std::vector<std::string>{"npu.cores=2"});
}

TEST(Baseline, SameFiguresAreNoChange) {
    EXPECT_TRUE(changes(read(kText), {answer(1000, 500.25), refusal()}).empty());
}

TEST(Baseline, ToleranceIsRelativeAndInclusive) {
    const Baseline baseline = read(kText);
    EXPECT_TRUE(changes(baseline, {answer(1010, 500.25), refusal()}).empty());
    const std::vector<BaselineChange> found = changes(baseline, {answer(1011, 490), refusal()});
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].what, "latency_ns");
    EXPECT_EQ(found[0].expected, "1000");
    EXPECT_EQ(found[0].found, "1011");
    EXPECT_NEAR(*found[0].relative, 0.011, 1e-12);
    EXPECT_EQ(found[1].what, "energy_pj");
}

TEST(Baseline, StatusThatChangesIsAChange) {
    const std::vector<BaselineChange> found = changes(read(kText), {refusal(), answer(1, 1)});
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].found, "infeasible: too large");
    EXPECT_EQ(found[1].expected, "infeasible");
    EXPECT_EQ(found[1].found, "ok");
}

TEST(Baseline, FigureNeverRecordedIsAChange) {
    Baseline baseline = read(kText);
    baseline.entries[0].latency_ns = 0;
    const std::vector<BaselineChange> found = changes(baseline, {answer(1000, 500.25), refusal()});
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].expected, "not recorded");
}

TEST(Baseline, UpdateTakesTheFiguresAndKeepsTheReason) {
    const Baseline after = updated(read(kText), {answer(1234.5, 7), answer(8, 9)}, "faster DMA");
    EXPECT_TRUE(changes(after, {answer(1234.5, 7), answer(8, 9)}).empty());
    EXPECT_EQ(after.reasons, (std::vector<std::string>{"first", "faster DMA"}));
    EXPECT_TRUE(changes(read(baseline_yaml(after)), {answer(1234.5, 7), answer(8, 9)}).empty());
}

TEST(Baseline, JunitNamesWhatChanged) {
    const Baseline baseline = read(kText);
    const std::string xml =
        junit_xml(baseline, changes(baseline, {answer(2000, 500.25), refusal()}));
    EXPECT_NE(xml.find("tests=\"2\" failures=\"1\""), std::string::npos);
    EXPECT_NE(xml.find("latency_ns: expected 1000, found 2000"), std::string::npos);
    EXPECT_NE(xml.find("name=\"b, w, batch 4, int8, npu.cores=2\"/>"), std::string::npos);
}

TEST(Baseline, MistakesAreRefused) {
    EXPECT_THROW((void)read("schema: perfwatt/baseline/v1\nentries: []\n"), UserError);
    EXPECT_THROW((void)read("schema: perfwatt/baseline/v1\nentries:\n  - chip: a\n"), UserError);
    EXPECT_THROW((void)read("schema: perfwatt/baseline/v1\nentries:\n"
                            "  - {chip: a, workload: w, expect: maybe}\n"),
                 UserError);
}

}  // namespace
}  // namespace perfwatt

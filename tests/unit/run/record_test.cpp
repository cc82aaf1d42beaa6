#include <gmock/gmock.h>

#include <numeric>

#include "sim/run/builtin_memories.h"
#include "sim/run/mapping_file.h"
#include "tests/physics/laboratory.h"

namespace perfwatt::laboratory {
namespace {

using ::testing::HasSubstr;

/// What a UserError says, with places as `name:line:column`.
template <class Function>
std::string mistake(Function&& function) {
    try {
        function();
    } catch (const UserError& error) {
        std::string text;
        for (const Diagnostic& one : error.diagnostics()) {
            if (!one.place.file.empty())
                text += fmt::format(
                    "{}:{}:{}: ", std::filesystem::path(one.place.file).filename().string(),
                    one.place.line, one.place.column);
            text += one.message;
            if (!one.hint.empty()) text += fmt::format(" ({})", one.hint);
            text += '\n';
        }
        return text;
    }
    return "no mistake";
}

// --- mapping files

Compiled with_mappings(const std::vector<std::pair<std::string, Mapping>>& mappings) {
    Compiled compiled;
    for (const auto& [name, mapping] : mappings) {
        KernelReport kernel;
        kernel.name = name;
        kernel.choice.mapping = mapping;
        compiled.kernels.push_back(kernel);
    }
    return compiled;
}

class MappingFiles : public ::testing::Test {
  protected:
    std::string mistake_of(const std::string& text) {
        const std::string file = lab_.file("m.yaml", text);
        return mistake([&] { (void)read_mapping_file(file); });
    }
    Laboratory lab_;
};

TEST_F(MappingFiles, WhatIsWrittenIsRead) {
    const Mapping tiles = {{"order", "weights"}, {"tile_k", "48"}, {"buffers", "2"}};
    const Mapping pieces = {{"pieces", "4"}};
    // Names may hold what YAML uses itself.
    const std::string odd = R"(a: "b" \ {c} # d)";
    const std::string text =
        mapping_file_text(with_mappings({{"stem", tiles}, {odd, pieces}, {"on the host", {}}}), 4);
    const MappingFile read = read_mapping_file(lab_.file("m.yaml", text));
    EXPECT_EQ(read.batch_parts, 4);
    EXPECT_EQ(read.mappings, (std::map<std::string, Mapping>{{"stem", tiles}, {odd, pieces}}))
        << "what the host does has no mapping";
}

TEST_F(MappingFiles, BatchIsWholeWhereNothingElseIsSaid) {
    const std::string text =
        "schema: perfwatt/mapping/v1\nkernels:\n  - {kernel: stem, mapping: {pieces: 1}}\n";
    EXPECT_EQ(read_mapping_file(lab_.file("m.yaml", text)).batch_parts, 1);
}

TEST_F(MappingFiles, KernelMappedTwice) {
    EXPECT_THAT(mistake_of("schema: perfwatt/mapping/v1\nkernels:\n"
                           "  - {kernel: stem, mapping: {pieces: 1}}\n"
                           "  - {kernel: stem, mapping: {pieces: 2}}\n"),
                HasSubstr("kernel 'stem' is mapped twice"));
}

TEST_F(MappingFiles, MistakesHaveTheirPlaces) {
    EXPECT_EQ(mistake_of("schema: perfwatt/mapping/v1\nkernels:\n"
                         "  - kernel: stem\n    maping: {pieces: 1}\n"),
              "m.yaml:3:5: missing key 'mapping' in kernel mapping (mapping: tile sizes, order and "
              "split, as --dump-mapping writes them)\n"
              "m.yaml:4:5: unknown key 'maping' in kernel mapping (did you mean 'mapping'?)\n");
    EXPECT_EQ(mistake_of("schema: perfwatt/chip/v1\nkernels: []\n"),
              "m.yaml:1:9: expected a 'perfwatt/mapping/v1' file, but this one is "
              "'perfwatt/chip/v1'\n");
    EXPECT_THAT(mistake_of("schema: perfwatt/mapping/v1\nkernels:\n"
                           "  - {kernel: stem, mapping: {pieces: 1, pieces: 2}}\n"),
                HasSubstr("m.yaml:3:41: duplicate key 'pieces' (first given at line 3"));
    EXPECT_NE(mistake([] { (void)read_mapping_file("/no/such/file.yaml"); }), "no mistake");
}

// --- memories

class Memories : public ::testing::Test {
  protected:
    [[nodiscard]] MemoryFacts facts(const MemoryAttachment& attachment,
                                    const std::vector<LinkSpec>& links = {}) const {
        return lab_.environment().memories.facts(attachment, links);
    }
    Laboratory lab_;
    const MemoryAttachment lpddr_{
        .name = "dram",
        .standard = std::string(PERFWATT_SOURCE_DIR) + "/configs/memories/lpddr4x_4266.yaml",
        .channels = 2,
        .capacity_bytes = std::int64_t{1} << 30,
        .via = {}};
};

TEST_F(Memories, ChannelsAddUp) {
    // 16 bits at 4266 MT/s are 8.532 GB/s a channel.
    const MemoryFacts two = facts(lpddr_);
    EXPECT_EQ(two.name, "dram");
    EXPECT_EQ(two.bytes_per_second, 2 * 8'532'000'000);
    EXPECT_EQ(two.capacity_bytes, std::int64_t{1} << 30) << "as the chip attaches it";
    MemoryAttachment four = lpddr_;
    four.channels = 4;
    EXPECT_EQ(facts(four).bytes_per_second, 2 * two.bytes_per_second);
    EXPECT_EQ(facts(four).burst_bytes, two.burst_bytes);
    EXPECT_EQ(facts(four).latency, two.latency);
}

TEST_F(Memories, ClosedRowLatencyIsActivateAndRead) {
    // tRCD 18 ns and a read latency of 36 clocks of 2133 MHz (16.9 ns), each in whole clocks.
    const double ns = facts(lpddr_).latency.ns();
    EXPECT_GT(ns, 18 + 16.8);
    EXPECT_LT(ns, 18 + 16.9 + 1);
}

TEST_F(Memories, MoreThanTheChannelsHoldIsAnError) {
    MemoryAttachment attachment = lpddr_;
    attachment.capacity_bytes = std::int64_t{1} << 40;
    EXPECT_EQ(mistake([&] { (void)facts(attachment); }),
              fmt::format("memory 'dram' has a capacity of 1099511627776 bytes, but 2 channels of "
                          "'{}' hold 2147483648 (lower 'capacity', add 'channels', or take a "
                          "denser standard)\n",
                          lpddr_.standard));
    attachment.channels = 1;
    EXPECT_THAT(mistake([&] { (void)facts(attachment); }), HasSubstr("but one channel of"));
}

TEST_F(Memories, LinksOnTheWayNarrowAndDelay) {
    const std::vector<LinkSpec> links = {
        {.name = "wide", .bytes_per_second = 100'000'000'000, .latency = {5'000'000}},
        {.name = "narrow", .bytes_per_second = 3'000'000'000, .latency = {7'000'000}},
        {.name = "elsewhere", .bytes_per_second = 1, .latency = {1'000'000'000}}};
    MemoryAttachment attachment = lpddr_;
    const MemoryFacts near = facts(attachment, links);
    attachment.via = {"wide"};
    EXPECT_EQ(facts(attachment, links).bytes_per_second, near.bytes_per_second);
    EXPECT_EQ(facts(attachment, links).latency, near.latency + Time{2 * 5'000'000});
    attachment.via = {"wide", "narrow"};
    EXPECT_EQ(facts(attachment, links).bytes_per_second, 3'000'000'000);
    EXPECT_EQ(facts(attachment, links).latency, near.latency + Time{2 * 12'000'000});
}

TEST_F(Memories, OnChipMemoryIsOneAndLeaks) {
    const std::string file = lab_.file("sram.yaml", memory_text({.clock_mhz = 1000}));
    MemoryAttachment attachment{
        .name = "sram", .standard = file, .channels = 1, .capacity_bytes = 1'000'000, .via = {}};
    const MemoryFacts sram = facts(attachment);
    EXPECT_EQ(sram.bytes_per_second, 40'000'000'000);
    EXPECT_EQ(sram.latency, Time{40'000'000});
    ASSERT_EQ(sram.static_power.size(), 1u);
    EXPECT_GT(sram.static_power[0].watts, 0);
    attachment.channels = 2;
    EXPECT_EQ(mistake([&] { (void)facts(attachment); }),
              "on-chip memory 'sram' has 2 channels (give it more 'banks' in its own file)\n");
}

TEST_F(Memories, TimingIsTheOneAskedFor) {
    const MemoryCatalog& catalog = lab_.environment().memories;
    EXPECT_EQ(catalog.make(lpddr_, "exact")->report().timing, "exact");
    EXPECT_EQ(catalog.make(lpddr_, "stream")->report().timing, "stream");
    EXPECT_THROW((void)catalog.make(lpddr_, "guessed"), InternalError);
    const std::string file = lab_.file("sram.yaml", memory_text({}));
    const MemoryAttachment on_chip{
        .name = "sram", .standard = file, .channels = 1, .capacity_bytes = 1000, .via = {}};
    EXPECT_EQ(catalog.make(on_chip, "exact")->report().timing, "sram");
}

// --- records

class Records : public ::testing::Test {
  protected:
    RunRequest request() {
        ChipPlan chip;
        chip.memory = lab_.file("memory.yaml", memory_text({}));
        return {.chip = lab_.file("chip.yaml", chip_text(chip)),
                .workload =
                    lab_.file("network.yaml",
                              network_text("8, 24",
                                           "  - {linear: {features: 30}}\n  - {activation: gelu}\n"
                                           "  - {linear: {features: 20}}\n"))};
    }
    Laboratory lab_;
};

TEST_F(Records, PartsSumToTheWhole) {
    RunRequest with_dram = request();
    with_dram.chip = "generic_edge_npu";
    for (const Answer& answer : lab_.run({request(), with_dram})) {
        ASSERT_TRUE(answer.ok()) << answer.reason;
        const Result& run = answer.result;
        const auto sum = [](const auto& parts) {
            return std::accumulate(parts.begin(), parts.end(), 0.0);
        };
        EXPECT_NEAR(sum(run.energy_breakdown_pj), run.energy_pj, 1e-8 * run.energy_pj);
        EXPECT_NEAR(sum(run.time_breakdown_ns), run.latency_ns, 1e-8 * run.latency_ns);
        std::int64_t macs = 0;
        std::int64_t read = 0;
        std::int64_t written = 0;
        double energy = 0;
        for (const LayerResult& layer : run.layers) {
            macs += layer.macs;
            read += layer.read_bytes;
            written += layer.write_bytes;
            energy += layer.energy_pj;
            EXPECT_LE(layer.start_ns, layer.end_ns);
            EXPECT_LE(layer.end_ns, run.latency_ns);
        }
        EXPECT_EQ(macs, run.macs);
        EXPECT_EQ(read, run.memories[0].read_bytes);
        EXPECT_EQ(written, run.memories[0].write_bytes);
        EXPECT_LT(energy, run.energy_pj) << "static energy belongs to no layer";
        EXPECT_GT(energy, 0);
        EXPECT_NEAR(run.power_w, run.energy_pj * 1e-12 / (run.latency_ns * 1e-9), 1e-6);
        EXPECT_NEAR(run.throughput_per_s, 1e9 / run.latency_ns, 1e-6 * run.throughput_per_s);
        EXPECT_NEAR(run.perf_per_watt, run.throughput_per_s / run.power_w,
                    1e-6 * run.perf_per_watt);
        EXPECT_EQ(run.macs, 8 * (24 * 30 + 30 * 20));
    }
}

TEST_F(Records, BatchMakesItsItems) {
    RunRequest four = request();
    four.batch = 4;
    const Result run = lab_.run(four).result;
    EXPECT_EQ(run.batch, 4);
    EXPECT_NEAR(run.throughput_per_s, 4e9 / run.latency_ns, 1e-6 * run.throughput_per_s);
}

TEST_F(Records, HashChangesWithEveryPartAndWithNothingElse) {
    const std::string base = lab_.run(request()).result.config_hash;

    RunRequest faster = request();
    faster.overrides = {"npu.clock=600 MHz"};
    EXPECT_NE(lab_.run(faster).result.config_hash, base);

    RunRequest wider = request();
    wider.overrides = {"workload.layers.0.linear.features=31"};
    EXPECT_NE(lab_.run(wider).result.config_hash, base);

    RunRequest further = request();
    lab_.file("memory.yaml", memory_text({.latency_ns = 41}));
    EXPECT_NE(lab_.run(further).result.config_hash, base);

    RunRequest commented = request();
    lab_.file("memory.yaml", "# remark\n" + memory_text({}));
    EXPECT_EQ(lab_.run(commented).result.config_hash, base);
}

}  // namespace
}  // namespace perfwatt::laboratory

#include "models/npu/npu_family.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/npu/npu.h"
#include "sim/base/diagnostics.h"
#include "sim/config/config_path.h"

namespace perfwatt::npu {
namespace {

using ::testing::HasSubstr;

constexpr const char* kSound = R"(schema: perfwatt/chip/v1
clock: 1 GHz
matrix:
  rows: 16
  columns: 8
  dataflow: weight_stationary
  feeding: systolic
  rates: [{first: int8, second: int8}, {first: int16, second: int16, cells_per_mac: 4}]
vector: {lanes: 8}
scratchpad: {bytes: 64 KiB, banks: 4, bytes_per_cycle_per_bank: 16 B}
)";

class NpuFamilyTest : public ::testing::Test {
  protected:
    std::shared_ptr<const Device> parse(const std::string& text) {
        const Document document = Document::parse(ConfigKind::chip, text, "chip.yaml");
        Reading reading(document);
        FamilyContext context;
        context.chip = "test";
        context.process_nm = 14;
        context.voltage = 0.8;
        context.config_path = &configs_;
        context.file = "chip.yaml";
        context.memories = {{.name = "dram", .bytes_per_second = 8'000'000'000, .burst_bytes = 32}};
        ConfigNode node = document.root();
        std::erase_if(node.entries, [](const ConfigEntry& entry) { return entry.key == "schema"; });
        auto device = make_family()->parse(node, "npu", context, reading);
        if (reading.error_count() > 0) reading.finish();
        return device;
    }

    std::string message(const std::string& from, const std::string& to) {
        std::string text = kSound;
        text.replace(text.find(from), from.size(), to);
        try {
            (void)parse(text);
        } catch (const UserError& error) {
            return error.what();
        }
        return "no error";
    }

    ConfigPath configs_{{PERFWATT_SOURCE_DIR}};
};

TEST_F(NpuFamilyTest, ReadsAMapAndPricesEveryAction) {
    const auto device = parse(kSound);
    ASSERT_NE(device, nullptr);
    EXPECT_EQ(device->peak(DataType::int8, DataType::int8).macs_per_second, 128'000'000'000);
    EXPECT_EQ(device->peak(DataType::int16, DataType::int16).macs_per_second, 32'000'000'000);
    EXPECT_EQ(device->on_chip().weight_bytes, 64 << 10);  // unified, as nothing else was said
    for (const Action& action : device->actions()) {
        EXPECT_GT(action.picojoules, 0) << action.name;
        EXPECT_FALSE(action.source.empty()) << action.name;
    }
}

TEST_F(NpuFamilyTest, MistakesAreNamed) {
    EXPECT_THAT(message("rows: 16", "rwos: 16"), HasSubstr("did you mean 'rows'?"));
    EXPECT_THAT(message("rows: 16", "rows: 0"), HasSubstr("chip.yaml:4:"));
    EXPECT_THAT(message("feeding: systolic", "feeding: tree\n  grouped: dedicated"),
                HasSubstr("'grouped: dedicated' and 'grouped_macs_per_cycle' need one another"));
    EXPECT_THAT(message("dataflow: weight_stationary", "dataflow: sideways"),
                HasSubstr("weight_stationary"));
    EXPECT_THAT(message("bytes: 64 KiB", "bytes: 64 KiB, weight_bytes: 32 KiB"),
                HasSubstr("needs 'weight_bytes' and 'activation_bytes'"));
    EXPECT_THAT(
        message("bytes: 64 KiB", "bytes: 64 KiB, weight_bytes: 32 KiB, activation_bytes: 64 KiB"),
        HasSubstr("do not fit into 'bytes'"));
    EXPECT_THAT(message("first: int16, second: int16", "first: int8, second: int8"),
                HasSubstr("two rates for int8 x int8"));
    EXPECT_THAT(message("banks: 4", "banks: 4, cell: clay"), HasSubstr("no memory cell 'clay'"));
    EXPECT_THAT(message("banks: 4", "banks: 3"), HasSubstr("whole number of banks"));
}

TEST_F(NpuFamilyTest, ATreeCannotHoldOutputs) {
    std::string text = kSound;
    const auto put = [&](const std::string& from, const std::string& to) {
        text.replace(text.find(from), from.size(), to);
    };
    put("weight_stationary", "output_stationary");
    put("systolic", "tree");
    EXPECT_THROW((void)parse(text), UserError);
}

}  // namespace
}  // namespace perfwatt::npu

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

#include "sim/base/diagnostics.h"
#include "sim/program/program_builder.h"
#include "sim/program/program_check.h"
#include "sim/program/program_text.h"

namespace perfwatt {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr UnitId kDma{0};
constexpr UnitId kMatrix{1};
constexpr UnitId kVector{2};
constexpr UnitId kSecondDma{3};
constexpr UnitId kOtherCoreDma{4};
constexpr MemoryId kDram{0};

class ProgramBuilderTest : public ::testing::Test {
  protected:
    ProgramBuilderTest()
        : builder_({{"core0.dma0", UnitKind::dma, 0},
                    {"core0.matrix", UnitKind::matrix, 0},
                    {"core0.vector", UnitKind::vector, 0},
                    {"core0.dma1", UnitKind::dma, 0},
                    {"core1.dma0", UnitKind::dma, 1}},
                   {"dram"}),
          layer_(builder_.add_layer({.name = "conv", .operator_type = "Conv", .macs = 0})) {}

    static Region region(std::int64_t address, std::int64_t bytes) {
        return {.memory = kDram,
                .address = address,
                .row_bytes = bytes,
                .rows = 1,
                .pitch_bytes = bytes};
    }
    CommandId load(UnitId unit, Region from, std::int64_t to) {
        return builder_.add(unit, layer_, Load{from, {to, from.bytes()}});
    }
    CommandId store(UnitId unit, std::int64_t from, Region to) {
        return builder_.add(unit, layer_, Store{{from, to.bytes()}, to});
    }
    CommandId contract(Buffer first, Buffer second, Buffer output) {
        return builder_.add(
            kMatrix, layer_,
            Contract{.m = 1, .n = 1, .k = 1, .first = first, .second = second, .output = output});
    }
    const std::vector<CommandId>& after(CommandId id) {
        return builder_.program().commands[id.index()].after;
    }

    ProgramBuilder builder_;
    LayerId layer_;
};

TEST_F(ProgramBuilderTest, ReadWaitsForTheLastWriterOfEachByte) {
    const CommandId a = load(kDma, region(0, 64), 0);
    const CommandId b = load(kSecondDma, region(64, 64), 64);
    const CommandId product = contract({0, 64}, {64, 64}, {128, 64});
    EXPECT_THAT(after(product), ElementsAre(a, b));
}

TEST_F(ProgramBuilderTest, WriteWaitsForEveryReaderSinceTheLastWrite) {
    load(kDma, region(0, 64), 0);
    const CommandId product = contract({0, 32}, {32, 32}, {128, 64});
    const CommandId again = load(kDma, region(64, 64), 0);
    EXPECT_THAT(after(again), ElementsAre(product));
}

TEST_F(ProgramBuilderTest, CommandsOnTheSameUnitNeedNoDependency) {
    load(kDma, region(0, 64), 0);
    EXPECT_THAT(after(load(kDma, region(64, 64), 0)), IsEmpty());
}

TEST_F(ProgramBuilderTest, ScratchpadsOfTwoCoresAreApartButMemoryIsShared) {
    load(kDma, region(0, 64), 0);
    EXPECT_THAT(after(load(kOtherCoreDma, region(0, 64), 0)), IsEmpty());
    const CommandId written = store(kDma, 0, region(4096, 64));
    EXPECT_THAT(after(load(kOtherCoreDma, region(4096, 64), 128)), ElementsAre(written));
}

TEST_F(ProgramBuilderTest, InterleavedColumnsDoNotWaitForEachOther) {
    Region left{.memory = kDram, .address = 1024, .row_bytes = 16, .rows = 8, .pitch_bytes = 32};
    Region right = left;
    right.address += 16;
    const CommandId a = store(kDma, 0, left);
    const CommandId b = store(kSecondDma, 128, right);
    EXPECT_THAT(after(b), IsEmpty());
    EXPECT_THAT(after(load(kOtherCoreDma, left, 0)), ElementsAre(a));
    EXPECT_THAT(after(load(kOtherCoreDma, region(1024, 256), 512)), ElementsAre(a, b));
}

TEST_F(ProgramBuilderTest, InterleavedColumnsMayGoRoundTheEndOfAPitch) {
    // Rows of 40 bytes from address 4096 = 102 * 40 + 16: columns 16 to 55, which is 16 to 39 and 0
    // to 15.
    Region first{.memory = kDram, .address = 4096, .row_bytes = 20, .rows = 8, .pitch_bytes = 40};
    Region second = first;  // columns 36 to 39 and 0 to 15
    second.address += 20;
    Region both = first;  // columns 30 to 39 and 0 to 3
    both.address += 14;
    both.row_bytes = 14;
    const CommandId a = store(kDma, 0, first);
    const CommandId b = store(kSecondDma, 512, second);
    EXPECT_THAT(after(b), IsEmpty());
    EXPECT_THAT(after(load(kOtherCoreDma, first, 0)), ElementsAre(a));
    EXPECT_THAT(after(load(kOtherCoreDma, second, 256)), ElementsAre(b));
    EXPECT_THAT(after(load(kOtherCoreDma, both, 512)), ElementsAre(a, b));
}

TEST_F(ProgramBuilderTest, PartialOverlapIsFound) {
    const CommandId a = load(kDma, region(0, 100), 0);
    const CommandId b = load(kSecondDma, region(200, 100), 100);
    EXPECT_THAT(after(contract({99, 1}, {}, {300, 1})), ElementsAre(a));
    EXPECT_THAT(after(contract({99, 2}, {}, {300, 1})), ElementsAre(a, b));
    EXPECT_THAT(after(contract({100, 1}, {}, {300, 1})), ElementsAre(b));
}

TEST_F(ProgramBuilderTest, ExtraDependenciesAreKept) {
    const CommandId a = load(kDma, region(0, 64), 0);
    const CommandId b = builder_.add(kVector, layer_, Vector{.elements = 1}, {a});
    EXPECT_THAT(after(b), ElementsAre(a));
}

TEST_F(ProgramBuilderTest, TextIsReadBackTheSame) {
    load(kDma, {.memory = kDram, .address = 4096, .row_bytes = 64, .rows = 2, .pitch_bytes = 128},
         0);
    contract({0, 64}, {64, 64}, {128, 64});
    builder_.add(kVector, layer_,
                 Vector{.elements = 64,
                        .operations = 128,
                        .type = DataType::bf16,
                        .read_bytes = 64,
                        .write_bytes = 32,
                        .input = {128, 64},
                        .output = {192, 64}});
    store(kDma, 192, region(8192, 64));
    builder_.add(kVector, layer_, Delay{Time{12345}, 7}, {CommandId{0}});
    builder_.add_layer({.name = "a \"quoted\" name", .operator_type = "MatMul", .macs = 5});
    const std::string text = to_text(builder_.program());
    const Program read = program_from_text(text, "p.txt");
    EXPECT_EQ(to_text(read), text);
    EXPECT_EQ(read.commands.size(), 5U);
    EXPECT_EQ(read.layers[1].name, "a \"quoted\" name");
    EXPECT_EQ(std::get<Contract>(read.commands[1].work).second.address, 64);
    EXPECT_THAT(read.commands[3].after, ElementsAre(CommandId{2}));
}

TEST(ProgramText, MistakesNameTheirLineAndColumn) {
    try {
        (void)program_from_text("perfwatt-program 1\ncommand unit 0 layer 0 sing\n", "p.txt");
        FAIL() << "no error";
    } catch (const UserError& error) {
        EXPECT_THAT(error.what(), HasSubstr("p.txt:2:28: error: 'sing' is no command"));
    }
    EXPECT_THROW((void)program_from_text("", "p.txt"), UserError);
    EXPECT_THROW((void)program_from_text("perfwatt-program 1\nunit \"a", "p.txt"), UserError);
}

TEST(ProgramCheck, FindsWhatIsWrong) {
    Program program;
    program.units = {{"dma", UnitKind::dma, 0}, {"matrix", UnitKind::matrix, 0}};
    program.memories = {"dram"};
    program.layers = {{}};
    const ProgramLimits limits{.scratchpad_bytes = 1024, .memory_bytes = {4096}};
    const Region fits{.memory = kDram, .address = 0, .row_bytes = 64, .rows = 1, .pitch_bytes = 64};
    program.commands.push_back({UnitId{0}, LayerId{0}, Load{fits, {0, 64}}, {}});
    EXPECT_THAT(problems(program, limits), IsEmpty());

    Region beyond = fits;
    beyond.address = 4090;
    program.commands.push_back({UnitId{0}, LayerId{0}, Load{beyond, {1000, 64}}, {CommandId{1}}});
    program.commands.push_back({UnitId{1}, LayerId{0}, Load{fits, {0, 32}}, {}});
    program.commands.push_back({UnitId{1}, LayerId{3}, Contract{}, {}});
    EXPECT_THAT(problems(program, limits),
                ElementsAre(HasSubstr("command 1: waits for command 1"),
                            HasSubstr("command 1: bytes 4090 to 4154 lie outside memory 0"),
                            HasSubstr("command 1: scratchpad bytes 1000+64 lie outside 1024"),
                            HasSubstr("command 2: only a DMA engine loads"),
                            HasSubstr("command 2: a load changes its size"),
                            HasSubstr("command 3: layer 3 does not exist"),
                            HasSubstr("command 3: an empty tile")));
}

TEST(ProgramBuilderSpeed, HundredThousandCommandsTakeAFractionOfASecond) {
    ProgramBuilder builder({{"dma", UnitKind::dma, 0}, {"matrix", UnitKind::matrix, 0}}, {"dram"});
    const LayerId layer = builder.add_layer({});
    const std::clock_t begin = std::clock();
    for (std::int64_t i = 0; i < 33'000; ++i) {
        const std::int64_t slot = i % 4 * 4096;
        const Region from{
            .memory = kDram, .address = i * 4096, .row_bytes = 64, .rows = 64, .pitch_bytes = 64};
        Region to{.memory = kDram,
                  .address = (std::int64_t{1} << 32) + i / 16 * 65536 + i % 16 * 64,
                  .row_bytes = 64,
                  .rows = 64,
                  .pitch_bytes = 1024};
        builder.add(UnitId{0}, layer, Load{from, {slot, 4096}});
        builder.add(UnitId{1}, layer,
                    Contract{.m = 1,
                             .n = 1,
                             .k = 1,
                             .first = {slot, 4096},
                             .second = {65536, 4096},
                             .output = {32768 + slot, 4096}});
        builder.add(UnitId{0}, layer, Store{{32768 + slot, 4096}, to});
    }
    const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    EXPECT_EQ(builder.program().commands.size(), 99'000U);
    EXPECT_LT(seconds, 1.0);  // typically below 0.1 s; the limit allows for sanitizers
    RecordProperty("milliseconds", static_cast<int>(seconds * 1000));
}

}  // namespace
}  // namespace perfwatt

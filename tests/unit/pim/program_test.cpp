#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "models/dram/dram_schema.h"
#include "sim/arch/pim_job.h"

namespace perfwatt {
namespace {

using ::testing::HasSubstr;

ConfigPath shipped() { return ConfigPath({PERFWATT_SOURCE_DIR}); }

PimSpec units_of(const std::string& memory, int channels) {
    return dram::load_spec(shipped(), memory).spec.pim->of_channels(channels);
}

std::int64_t columns(const PimProgram& program, PimCommand command) {
    std::int64_t sum = 0;
    for (const PimStep& step : program.steps)
        if (step.command == command) sum += step.count;
    return sum;
}

std::string reason(const std::variant<PimProgram, Infeasible>& answer) {
    const auto* infeasible = std::get_if<Infeasible>(&answer);
    return infeasible == nullptr ? "" : infeasible->reason;
}

std::string errors_of(const std::string& memory, const std::string& setting) {
    try {
        (void)dram::load_spec(shipped(), memory, {setting});
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

// An output tile is 8 outputs of each unit, an input tile 8 registers of 16 lanes: of 4096 x 1024
// on 64 channels of 8 units there is one by 8. A tile is 8 bursts of operands and 64 columns.
TEST(PimProgram, GemvOfHbmPimIsTilesOf64ColumnsAnd8Operands) {
    const auto answer =
        pim_program(units_of("hbm_pim_2000", 64), {.outputs = 4096, .inputs = 1024});
    const PimProgram& program = std::get<PimProgram>(answer);
    EXPECT_EQ(columns(program, PimCommand::read), 8 * 64);
    // Operands 64; results 8; program, units on and off, and twice the row that leaves the mode.
    EXPECT_EQ(columns(program, PimCommand::write), 64 + 8 + 1 + 2 + 2);
    EXPECT_EQ(columns(program, PimCommand::bank_read), 32);  // parked in and out
    EXPECT_EQ(columns(program, PimCommand::bank_write), 4);
    EXPECT_EQ(program.macs * 64, 4096 * 1024);
    // 16 lanes of 4096 outputs are left to the host.
    EXPECT_EQ(program.partials, 15 * 4096);
    EXPECT_EQ(program.reads_back, 64);
}

TEST(PimProgram, EvenTilesGoToEvenBanksOddOnesToOddBanks) {
    const PimSpec spec = units_of("hbm_pim_2000", 1);
    const PimKernel kernel{.outputs = 64, .inputs = 512};
    for (const std::int64_t input : {0, 127, 128, 255, 256}) {
        const PimPlace place = pim_weight_place(spec, kernel, 0, input);
        EXPECT_EQ(place.bank % 2, input / 128 % 2) << input;
        EXPECT_EQ(place.lane, input % 16) << input;
    }
    // The second output of a unit follows its first in the next column, the second unit's is in the
    // next pair of banks.
    EXPECT_EQ(pim_weight_place(spec, kernel, 1, 0).column, 1);
    EXPECT_EQ(pim_weight_place(spec, kernel, 8, 0).bank, 2);
}

TEST(PimProgram, NoTwoWeightsShareAPlace) {
    for (const char* memory : {"hbm_pim_2000", "gddr6_aim_16", "lpddr5x_pim_9600"}) {
        const PimSpec spec = units_of(memory, 2);
        PimKernel kernel{.outputs = 70, .inputs = 530};
        kernel.weights = spec.arithmetic.front().weights;
        kernel.activations = spec.arithmetic.front().inputs;
        std::vector<std::tuple<int, int, std::int64_t, std::int64_t, int>> places;
        for (std::int64_t o = 0; o < kernel.outputs; ++o)
            for (std::int64_t i = 0; i < kernel.inputs; ++i) {
                const PimPlace place = pim_weight_place(spec, kernel, o, i);
                places.emplace_back(place.channel, place.bank, place.row, place.column, place.lane);
                ASSERT_LT(place.bank, spec.banks);
                ASSERT_LT(place.column, spec.columns);
            }
        std::sort(places.begin(), places.end());
        EXPECT_EQ(std::unique(places.begin(), places.end()), places.end()) << memory;
    }
}

// A row of 1024 bf16 at a time; the buffer is filled once where one row holds all inputs.
TEST(PimProgram, GemvOfAimFillsItsBufferOncePerPartOfTheInputs) {
    const PimSpec spec = units_of("gddr6_aim_16", 1);
    PimKernel kernel{.outputs = 256, .inputs = 1024};
    kernel.weights = kernel.activations = DataType::bf16;
    const auto one = pim_program(spec, kernel);
    EXPECT_EQ(columns(std::get<PimProgram>(one), PimCommand::buffer_write), 64);
    EXPECT_EQ(columns(std::get<PimProgram>(one), PimCommand::read), 16 * 64);
    EXPECT_EQ(columns(std::get<PimProgram>(one), PimCommand::mode), 33);
    kernel.inputs = 4096;
    const auto outputs = pim_program(spec, kernel);
    EXPECT_EQ(columns(std::get<PimProgram>(outputs), PimCommand::buffer_write), 16 * 4 * 64);
    EXPECT_EQ(std::get<PimProgram>(outputs).partials, 0);
    kernel.inputs_first = true;
    const auto inputs = pim_program(spec, kernel);
    EXPECT_EQ(columns(std::get<PimProgram>(inputs), PimCommand::buffer_write), 4 * 64);
    EXPECT_EQ(std::get<PimProgram>(inputs).partials, 256 * 3);
}

TEST(PimProgram, GroupsAreSharedOutByChannel) {
    const PimSpec spec = units_of("hbm_pim_2000", 4);
    const auto one = pim_program(spec, {.outputs = 64, .inputs = 128, .groups = 4});
    const auto two = pim_program(spec, {.outputs = 64, .inputs = 128, .groups = 5});
    EXPECT_EQ(columns(std::get<PimProgram>(one), PimCommand::read), 64);
    EXPECT_EQ(columns(std::get<PimProgram>(two), PimCommand::read), 128);
    EXPECT_EQ(pim_executed_macs(spec, {.outputs = 64, .inputs = 128, .groups = 5}), 8 * 64 * 128);
}

TEST(PimProgram, SaysWhyAKernelCannotRun) {
    PimSpec spec = units_of("hbm_pim_2000", 1);
    EXPECT_THAT(reason(pim_program(spec, {.op = PimOp::activation, .elements = 5})),
                HasSubstr("the units have no 'activation'"));
    PimKernel kernel{.outputs = 64, .inputs = 128};
    kernel.weights = DataType::int8;
    EXPECT_THAT(reason(pim_program(spec, kernel)), HasSubstr("do not multiply int8 by fp16"));
    // A bank keeps 4 output tiles of 2048 inputs, 256 KiB, in 256 rows; it has 8192 rows for data.
    EXPECT_THAT(reason(pim_program(spec, {.outputs = 64 * 4096, .inputs = 2048})),
                HasSubstr("the banks have 8192 for data"));
    spec.program_entries = 4;
    EXPECT_THAT(reason(pim_program(spec, {.outputs = 64, .inputs = 128})),
                HasSubstr("'gemv' takes 6 instructions, the units hold 4"));
    EXPECT_THAT(reason(pim_program(spec, {.outputs = 0, .inputs = 128})), HasSubstr("empty"));
    EXPECT_THAT(reason(pim_program(units_of("gddr6_aim_16", 1), {.op = PimOp::add, .elements = 5})),
                HasSubstr("the units have no 'add'"));
}

TEST(PimSchema, RefusesUnitsOverBanksThatDoNotExist) {
    const std::string text = errors_of("hbm_pim_2000", "pim.units=9");
    EXPECT_THAT(text, HasSubstr("9 units over 2 banks each take 18 banks, a rank has 16"));
}

TEST(PimSchema, RefusesRowsThatDoNotExistAndHalfAProtocol) {
    EXPECT_THAT(errors_of("hbm_pim_2000", "pim.rows.registers=20000"),
                HasSubstr("row 'registers' is 20000, a bank has 16384 rows"));
    EXPECT_THAT(errors_of("hbm_pim_2000", "pim.rows.enter=-1"), HasSubstr("belong together"));
    EXPECT_THAT(errors_of("hbm_pim_2000", "pim.rows.park=1000"), HasSubstr("power of two"));
    EXPECT_THAT(errors_of("gddr6_aim_16", "pim.buffer=16 B"), HasSubstr("at least a column"));
    EXPECT_THAT(errors_of("hbm_pim_2000", "pim.activate_banks=3"),
                HasSubstr("8 banks of a set are not opened 3 at a time"));
    EXPECT_THAT(errors_of("hbm_pim_2000", "pim.lanes=3"), HasSubstr("unknown key 'lanes'"));
}

TEST(PimSpec, BandwidthAtTheUnitsIsThatOfAllBanksOfASet) {
    // 8 banks, 32 bytes, 4 ns: a stack of 16 channels has 1.02 TB/s at 2 Gb/s a pin.
    EXPECT_EQ(units_of("hbm_pim_2000", 16).internal_bytes_per_second, 1'024'000'000'000);
    EXPECT_EQ(units_of("gddr6_aim_16", 1).internal_bytes_per_second, 512'000'000'000);
    EXPECT_EQ(units_of("lpddr5x_pim_9600", 4).internal_bytes_per_second, 614'400'000'000);
}

}  // namespace
}  // namespace perfwatt

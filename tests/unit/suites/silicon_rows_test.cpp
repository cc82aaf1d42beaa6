#include "sim/suites/silicon_rows.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "sim/config/config_path.h"
#include "sim/stats/result.h"

namespace perfwatt::silicon {
namespace {

/// A folder of tables with one row; chip and network are files of the source tree.
class SiliconRows : public testing::Test {
  protected:
    void SetUp() override {
        std::filesystem::create_directories(folder_);
        write("chips.csv",
              "chip,scenario,network,ours,family,batch,most_batch,copies,engines,power,overrides,"
              "note\n"
              "Board,one,,warboy,npu,8,,1,,,npu.cores=1,\nBoard,,,warboy,npu,4,,2,,,,\n"
              "Secret,,,,npu,1,,1,,,,nothing is published\nOther,,,no_such_chip,npu,1,,1,,,,\n"
              "Orin,many,Net,jetson_agx_orin,gpu,1,1,1,\"gpu,dla0\",wall,,\n"
              "Orin,,,jetson_agx_orin,gpu,1,256,1,,wall,,\n");
        write("networks.csv",
              "network,task,chip,workload,phase,context,tokens,most_batch,sequences,times,"
              "tokens_each,overrides,note\n"
              "Net,224,,resnet50,,,,3,,,,\"input.shape=[3, 224, 224]\",\n"
              "Big,,,resnet50,,,,,,,,,\n"
              "Talk,,Orin,gpt2,prefill,512,,2,,512,69,,\n"
              "+,,,gpt2,decode,546,,2,4,276,,,\n");
        write("precisions.csv", "precision,chip,ours,lighten\nquant,,int8,\nQ4,,w4a16,scales_21\n");
        write("scenarios.csv",
              "scenario,metric,ours,in_flight\none,,single_stream,1\nmany,,offline,2\n");
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    void write(const std::string& name, const std::string& text) {
        std::ofstream(folder_ + "/" + name, std::ios::binary) << text;
    }

    Row read(const std::string& row) {
        write("rows.csv",
              "chip,network,task/resolution,batch,precision,scenario,metric,value,unit,power_W,"
              "class,role,gate,source,notes\n" +
                  row + "\n");
        return read_rows(folder_, ConfigPath({PERFWATT_SOURCE_DIR})).front();
    }

    std::string folder_ = fmt::format("{}/perfwatt_silicon_{}", testing::TempDir(), ::getpid());
};

TEST_F(SiliconRows, RowBecomesARequestByTheFirstLineThatFits) {
    const Row row = read("Board,Net,224x224,1,quant,one,latency,2,ms,,B,test,yes,src,");
    EXPECT_FALSE(row.figure.skipped) << row.figure.note;
    EXPECT_EQ(row.parts.front().request.overrides,
              (std::vector<std::string>{"npu.cores=1", "workload.input.shape=[3, 224, 224]"}));
    EXPECT_EQ(row.parts.front().request.scenario, "single_stream");
    EXPECT_EQ(row.figure.seconds, 0.002);
    EXPECT_EQ(row.figure.group, "B");
    EXPECT_TRUE(row.figure.gates);
}

TEST_F(SiliconRows, BatchThatIsNotStatedIsTheChipsUpToTheNetworksMost) {
    EXPECT_EQ(read("Board,Net,224,offline (not stated),quant,many,rate,5,x/s,,B,test,yes,s,")
                  .parts.front()
                  .request.batch,
              3);
}

TEST_F(SiliconRows, StatedBatchHoldsUpToTheChipsMost) {
    const auto batch = [&](const std::string& row) {
        return read(row).parts.front().request.batch;
    };
    EXPECT_EQ(batch("Board,Big,x,200,quant,one,rate,5,x/s,,B,test,yes,s,"), 200);
    EXPECT_EQ(batch("Orin,Big,x,2048,quant,many,rate,5,x/s,,B,test,yes,s,"), 256);
}

TEST_F(SiliconRows, WhatCannotRunIsSkippedWithItsReason) {
    const auto reason = [&](const std::string& row) {
        const Row read_row = read(row);
        EXPECT_TRUE(read_row.figure.skipped);
        return read_row.figure.note;
    };
    EXPECT_EQ(reason("Secret,Net,224,1,quant,one,latency,2,ms,,B,test,yes,s,"),
              "nothing is published");
    EXPECT_EQ(reason("Other,Net,224,1,quant,one,latency,2,ms,,B,test,yes,s,"),
              "there is no chip 'no_such_chip'");
    EXPECT_EQ(reason("Board,Net,512,1,quant,one,latency,2,ms,,B,test,yes,s,"),
              "network 'Net' is not described");
    EXPECT_EQ(reason("Board,Net,224,1,quant,one,ratio,2,x,,B,test,yes,s,"),
              "a figure in 'x' is not one of a single run");
}

TEST_F(SiliconRows, LatencyOfSeveralInFlightIsTheirTurns) {
    Row row = read("Board,Net,224,1,quant,many,latency,8,ms,,B,test,yes,s,");
    Result result;
    result.latency_ns = 3e6;
    result.throughput_per_s = 250;  // 4 ms each
    result.power_w = 5;
    fill(row, {result});
    EXPECT_DOUBLE_EQ(row.figure.ours, 4) << "two copies: 500 a second, two in flight";
    EXPECT_EQ(row.figure.power_w, 0) << "copies share what the chip draws at rest";
    row.copies = 1;
    fill(row, {result});
    EXPECT_DOUBLE_EQ(row.figure.ours, 8);
    EXPECT_EQ(row.figure.error_percent, 0);
    EXPECT_DOUBLE_EQ(row.figure.energy_mj, 20);
}

TEST_F(SiliconRows, RatesCompareAsSecondsOfOneItem) {
    Row row = read("Board,Net,224,1,quant,many,rate,200,frames/s,,B,test,yes,s,");
    Result result;
    result.latency_ns = 1e6;
    result.throughput_per_s = 250;
    fill(row, {result});
    EXPECT_DOUBLE_EQ(row.figure.seconds, 0.005);
    EXPECT_DOUBLE_EQ(row.figure.our_seconds, 0.002);
    EXPECT_DOUBLE_EQ(row.figure.error_percent, 150);
}

TEST_F(SiliconRows, PartsOfAnItemAddUp) {
    Row row = read("Orin,Talk,x,8,Q4,one,rate,2,output tokens/s,,B,test,yes,s,");
    ASSERT_EQ(row.parts.size(), 2U) << row.figure.note;
    EXPECT_EQ(row.parts[0].request.batch, 2);
    EXPECT_EQ(row.parts[1].request.batch, 8) << "four sequences for each of two";
    EXPECT_EQ(row.parts[1].request.lighten, std::vector<std::string>{"scales_21"});
    EXPECT_EQ(row.figure.group, "B gpu");
    Result prompt;
    prompt.throughput_per_s = 2048;  // tokens of 512: a quarter of a second
    prompt.power_w = 10;
    Result step;
    step.throughput_per_s = 368;  // 276 tokens: three quarters
    step.power_w = 20;
    fill(row, {prompt, step});
    EXPECT_DOUBLE_EQ(row.figure.ours, 69) << "an item a second, of 69 tokens";
    EXPECT_DOUBLE_EQ(row.figure.energy_mj, 17'500);
}

TEST_F(SiliconRows, EnginesServeRequestsSideBySideAndTheirRatesAddUp) {
    Row row = read("Orin,Net,224,1,quant,many,rate,200,frames/s,30,B,test,yes,s,");
    ASSERT_EQ(row.parts.size(), 1U) << row.figure.note;
    const RunRequest& request = row.parts.front().request;
    EXPECT_EQ(request.beside, std::vector<std::string>{request.workload});
    EXPECT_EQ(request.sharing, "engines:gpu,dla0");
    EXPECT_EQ(request.scenario, "single_stream");
    Result both;
    both.power_w = 12;
    both.tenants = {{.throughput_per_s = 150}, {.throughput_per_s = 90}};
    fill(row, {both});
    EXPECT_DOUBLE_EQ(row.figure.ours, 240);
    const std::optional<Figure> energy = wall_energy(row);
    ASSERT_TRUE(energy);
    EXPECT_DOUBLE_EQ(energy->low, 150) << "30 W over 200 a second, in mJ";
    EXPECT_DOUBLE_EQ(energy->ours, 50);
    EXPECT_FALSE(energy->passed);
    EXPECT_TRUE(energy->gates);
}

}  // namespace
}  // namespace perfwatt::silicon

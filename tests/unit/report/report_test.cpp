#include "sim/report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/diagnostics.h"
#include "tests/unit/report/sample.h"

namespace perfwatt {
namespace {

using ::testing::HasSubstr;

Entry failed_entry() {
    Entry entry;
    entry.chip = "small";
    entry.workload = "tiny";
    entry.batch = 2;
    entry.status = "infeasible";
    entry.reason = "no tile of conv1 fits 1 KiB";
    return entry;
}

/// One workload on four chips: the middle one is the better of those that may be called the best.
std::vector<Entry> four_chips() {
    Result untrusted = sample_result();
    untrusted.chip = "secret";
    untrusted.trust = Trust::none;
    untrusted.perf_per_watt *= 3;
    Result slow = sample_result();
    slow.chip = "slow";
    slow.estimated.clear();
    slow.throughput_per_s = 1e6;
    slow.perf_per_watt = 2.5e5;
    slow.time_breakdown_ns = {};
    return {entry_of(sample_result()), entry_of(untrusted), entry_of(slow), failed_entry()};
}

TEST(RunTable, ShowsFiguresBreakdownsAndLayers) {
    EXPECT_EQ(render_run(sample_result(), {}),
              R"(tiny on warboy~
batch 2, int8, single_stream, exact memory timing, trust B

latency      1.00 us   bound 500 ns (50.0 % of it)
throughput   2.00 M inferences/s
energy       10.0 nJ   power 10.0 W (board)
perf/W       200 k inferences/s/W
utilization  25.0 %   1.23 MMAC useful, 1.50 MMAC executed

time                       share
compute           600 ns  60.0 %
memory_bandwidth  300 ns  30.0 %
host              100 ns  10.0 %

energy            share
mac     4.00 nJ  40.0 %
dram    5.00 nJ  50.0 %
static  1.00 nJ  10.0 %

memory      read  written  bandwidth  of peak  row hits
lpddr4x  4.10 kB  1.02 kB  5.12 GB/s   50.0 %    87.5 %

#  layer       operator           engine    time   share    MACs     read  written   energy  limited by
1  conv1       Conv               matrix  600 ns  60.0 %  1.23 M  4.10 kB      0 B  8.00 nJ  compute
2  nms, "odd"  NonMaxSuppression  host    400 ns  40.0 %       0      0 B  1.02 kB  1.00 nJ  host

not modelled: barrier: a few wires
~ some figures of this chip are estimated: `perfwatt show chip NAME --resolved` lists them
h 10.0 % of tiny on warboy is work of the host
)");
}

TEST(RunTable, ListsTheLongestLayersInOrderOfTheRun) {
    Result r = sample_result();
    r.layers.assign(5, r.layers[0]);
    for (std::size_t i = 0; i < 5; ++i) {
        r.layers[i].name = "layer" + std::to_string(i);
        r.layers[i].start_ns = 0;
        r.layers[i].end_ns = i % 2 == 0 ? 100 : 10;
    }
    const std::string text = render_run(r, {.layers = 3});
    EXPECT_NE(text.find("1  layer0"), std::string::npos);
    EXPECT_EQ(text.find("layer1"), std::string::npos);
    EXPECT_LT(text.find("3  layer2"), text.find("5  layer4"));
    EXPECT_NE(text.find("the 3 longest of 5 layers; --format csv lists all"), std::string::npos);
    EXPECT_NE(render_run(r, {.layers = 0}).find("layer1"), std::string::npos);
}

TEST(RunTable, CountsTokensWherePhasesMakeTokens) {
    Result r = sample_result();
    r.phase = "decode";
    r.context = 1024;
    r.ttft_ns = 5e6;
    const std::string text = render_run(r, {});
    EXPECT_NE(text.find("decode at context 1024"), std::string::npos);
    EXPECT_NE(text.find("throughput   2.00 M tokens/s"), std::string::npos);
    EXPECT_NE(text.find("first token  5.00 ms"), std::string::npos);
}

TEST(RunCsv, HasALineALayerAndQuotesNames) {
    EXPECT_EQ(render_run(sample_result(), {.format = ReportFormat::csv}),
              "name,operator,engine,start_ns,end_ns,macs,read_bytes,write_bytes,energy_pj,"
              "limited_by\r\n"
              "conv1,Conv,matrix,0,600.123457,1230000,4096,0,8000,compute\r\n"
              "\"nms, \"\"odd\"\"\",NonMaxSuppression,host,600.123457,1000,0,0,1024,1000,host\r\n");
}

TEST(Comparison, GivesRatiosToTheFirstAndMarksTheBest) {
    EXPECT_EQ(render_comparison(four_chips(), {}, {}),
              "workload  batch  chip         latency  throughput/s   energy   power  of the  perf/W"
              "    used  speed  perf/W ratio\n"
              "\n"
              "tiny          2  warboy~      1.00 us        2.00 M  10.0 nJ  10.0 W  board    200 k"
              "  25.0 %  1.00x         1.00x  h\n"
              "tiny          2  secret~?     1.00 us        2.00 M  10.0 nJ  10.0 W  board    600 k"
              "  25.0 %  1.00x         3.00x  h\n"
              "tiny          2  slow         1.00 us        1.00 M  10.0 nJ  10.0 W  board    250 k"
              "  25.0 %  0.50x         1.25x  *\n"
              "tiny          2  small     infeasible\n"
              "\n"
              "* the best perf/W of its group\n"
              "~ some figures of this chip are estimated: `perfwatt show chip NAME --resolved` "
              "lists them\n"
              "? nobody published this chip's peak, memory and power together: never the best\n"
              "h 10.0 % of tiny on warboy is work of the host\n"
              "h 10.0 % of tiny on secret is work of the host\n"
              "tiny on small: infeasible: no tile of conv1 fits 1 KiB\n");
}

TEST(Comparison, RefusesMixedPowerBoundariesUnlessAsked) {
    std::vector<Entry> entries = four_chips();
    entries[2].result.power_boundary = PowerBoundary::chip;
    try {
        static_cast<void>(render_comparison(entries, {}, {}));
        FAIL() << "not refused";
    } catch (const UserError& error) {
        EXPECT_EQ(error.diagnostics().at(0).message,
                  "power of warboy is of the board, of slow of the chip: not comparable");
    }
    EXPECT_NO_THROW(
        static_cast<void>(render_comparison(entries, {.mixed_power_boundaries = true}, {})));
}

TEST(Comparison, LeavesOutBoardsWhereOthersHaveNone) {
    std::vector<Entry> entries = four_chips();
    for (Entry& entry : entries) entry.result.board_pj = 0.4 * entry.result.energy_pj;
    entries[2].result.power_boundary = PowerBoundary::chip_dram;
    entries[2].result.board_pj = 0;
    const std::string text = render_comparison(entries, {}, {});
    EXPECT_THAT(text, HasSubstr("warboy~      1.00 us        2.00 M  6.00 nJ  6.00 W  chip_dram   "
                                "333 k"));
    EXPECT_THAT(text, HasSubstr("slow         1.00 us        1.00 M  10.0 nJ  10.0 W  chip_dram   "
                                "250 k"));
    EXPECT_THAT(text, HasSubstr("power of warboy, secret without what else is on the board"));
    // What is wider than a board is not cut down.
    entries[0].result.power_boundary = PowerBoundary::wall;
    EXPECT_THROW((void)render_comparison(entries, {}, {}), UserError);
}

TEST(Comparison, GroupsByWorkloadBatchAndLabels) {
    std::vector<Entry> entries = {entry_of(sample_result()), entry_of(sample_result())};
    entries[1].batch = 4;
    entries[1].result.perf_per_watt = 7;
    const std::string text = render_comparison(entries, {}, {});
    // Each is the first of its own group, and a group of one has no best.
    EXPECT_EQ(text.find('*'), std::string::npos);
    EXPECT_EQ(text.find("0.00x"), std::string::npos);
}

TEST(Explanation, DrawsTheTimeAndListsDoublings) {
    const std::vector<Doubling> doublings = {
        {.resource = "DRAM channels",
         .change = "memories.dram.channels: 2 -> 4",
         .latency_ns = 800,
         .energy_pj = 9000,
         .infeasible = {}},
        {.resource = "rows", .change = "npu.matrix.rows: 64 -> 128", .infeasible = "no tile fits"}};
    const std::string text = render_explanation(sample_result(), doublings, {});
    EXPECT_NE(text.find("compute           600 ns  60.0 %  ########################\n"),
              std::string::npos);
    EXPECT_NE(text.find(R"(layers limited by  layers    time   share
compute                 1  600 ns  60.0 %
host                    1  400 ns  40.0 %

twice the      change                          latency  speed   energy  energy ratio
DRAM channels  memories.dram.channels: 2 -> 4   800 ns  1.25x  9.00 nJ         0.90x
rows           npu.matrix.rows: 64 -> 128            -      -        -             -

twice the rows: no tile fits
)"),
              std::string::npos)
        << text;
}

TEST(Explanation, SaysWhyShareOfLayersMayExceedTheWhole) {
    Result result = sample_result();
    constexpr std::string_view kNote = "layers overlap in time";
    for (LayerResult& layer : result.layers) layer.start_ns = 0, layer.end_ns = 0;
    EXPECT_EQ(render_explanation(result, {}, {}).find(kNote), std::string::npos);
    ASSERT_GE(result.layers.size(), 2U);
    for (LayerResult& layer : result.layers) layer.end_ns = result.latency_ns;
    EXPECT_NE(render_explanation(result, {}, {}).find(kNote), std::string::npos);
}

TEST(Html, IsOnePageWithoutNetwork) {
    std::vector<Entry> entries = four_chips();
    entries[0].workload = "a<b";
    const std::string page =
        render_html(entries, {.title = "A & B", .pareto_x = "latency_ns", .pareto_y = "energy_pj"});
    EXPECT_NE(page.find("<title>A &amp; B</title>"), std::string::npos);
    EXPECT_NE(page.find("a&lt;b"), std::string::npos);
    EXPECT_EQ(page.find("a<b"), std::string::npos);
    EXPECT_NE(page.find("<svg"), std::string::npos);
    for (const char* fetch : {"http:", "https:", "src=", "<link", "<script", "url("})
        EXPECT_EQ(page.find(fetch), std::string::npos) << fetch;
    EXPECT_THROW(
        static_cast<void>(render_html(entries, {.pareto_x = "latency", .pareto_y = "energy_pj"})),
        UserError);
}

TEST(Html, BarsAreLabelledWithWhatTellsThemApart) {
    std::vector<Entry> entries = {entry_of(sample_result()), entry_of(sample_result())};
    entries[0].labels = {{"npu.matrix.rows", "32"}, {"npu.cores", "2"}};
    entries[1].labels = {{"npu.matrix.rows", "64"}, {"npu.cores", "2"}};
    const std::string page = render_html(entries, {});
    EXPECT_NE(page.find(">rows=32</text>"), std::string::npos);
    EXPECT_NE(page.find(">rows=64</text>"), std::string::npos);
    entries[1].workload = "another";
    EXPECT_NE(render_html(entries, {}).find(">another rows=64</text>"), std::string::npos);
}

TEST(Html, CutsLongLabelsBetweenCharacters) {
    std::vector<Entry> entries = {entry_of(sample_result())};
    entries[0].workload = std::string(55, 'x') + "µµµ";  // bytes 57 and 58 are one character
    const std::string page = render_html(entries, {});
    EXPECT_NE(page.find(std::string(55, 'x') + "µ…"), std::string::npos);
    entries[0].workload = std::string(56, 'x') + "µµµ";
    EXPECT_NE(render_html(entries, {}).find(std::string(56, 'x') + "…"), std::string::npos);
}

}  // namespace
}  // namespace perfwatt

#include "sim/report/record.h"

#include <gtest/gtest.h>

#include <array>
#include <nlohmann/json.hpp>

#include "sim/base/diagnostics.h"
#include "sim/report/json_writer.h"
#include "sim/report/numbers.h"
#include "sim/report/report.h"
#include "sim/report/text_table.h"
#include "sim/report/trace.h"
#include "tests/unit/report/sample.h"

namespace perfwatt {
namespace {

TEST(Record, HasTheKeysOfTheSchemaInItsOrder) {
    const auto json = nlohmann::ordered_json::parse(result_json(sample_result()));
    std::vector<std::string> keys;
    for (const auto& [key, value] : json.items()) keys.push_back(key);
    EXPECT_EQ(keys, (std::vector<std::string>{"schema",
                                              "version",
                                              "config_hash",
                                              "chip",
                                              "workload",
                                              "batch",
                                              "precision",
                                              "phase",
                                              "context",
                                              "scenario",
                                              "operating_point",
                                              "memory_timing",
                                              "trust",
                                              "estimated",
                                              "not_modelled",
                                              "latency_ns",
                                              "latency_p50_ns",
                                              "latency_p99_ns",
                                              "ttft_ns",
                                              "throughput_per_s",
                                              "energy_pj",
                                              "power_w",
                                              "power_boundary",
                                              "perf_per_watt",
                                              "macs",
                                              "executed_macs",
                                              "bound_ns",
                                              "utilization",
                                              "memories",
                                              "energy_breakdown_pj",
                                              "time_breakdown_ns",
                                              "layers"}));
    EXPECT_EQ(json["schema"], "perfwatt/result/v1");
    EXPECT_EQ(json["trust"], "B");
    EXPECT_EQ(json["layers"][1]["name"], "nms, \"odd\"");
    EXPECT_EQ(json["memories"][0]["commands"]["RD"], 64);
    EXPECT_EQ(json["energy_breakdown_pj"]["register"], 0);
}

TEST(Record, SurvivesARoundTrip) {
    const std::string once = result_json(sample_result());
    const Result back = result_from_json(once);
    EXPECT_EQ(result_json(back), once);
    EXPECT_EQ(back.chip, "warboy");
    EXPECT_EQ(back.macs, 1'230'000);
    EXPECT_EQ(back.trust, Trust::b);
    EXPECT_EQ(back.layers.at(1).limited_by, TimeCause::host);
    EXPECT_EQ(back.memories.at(0).commands.at(2).name, "PRE");
    EXPECT_DOUBLE_EQ(back.layers.at(0).end_ns, 600.123457);  // 9 significant digits are kept
}

TEST(Record, NetworksThatShareAChipSurviveARoundTrip) {
    Result r = sample_result();
    r.tenants = {{.workload = "a",
                  .share = "cores 0 to 1",
                  .inferences = 3,
                  .latency_ns = 2.5,
                  .alone_ns = 1.5,
                  .throughput_per_s = 4e8}};
    const std::string json = result_json(r);
    EXPECT_EQ(result_json(result_from_json(json)), json);
    EXPECT_NE(json.find("\"share\": \"cores 0 to 1\""), std::string::npos);
    EXPECT_NE(render_run(r, {}).find("1.67x"), std::string::npos);  // slower than alone
}

TEST(Record, WhatIsNoRecordIsTheUsersMistake) {
    for (const char* text : {"", "{", "[]", "{\"schema\": \"perfwatt/result/v2\"}",
                             "{\"schema\": \"perfwatt/result/v1\"}"})
        EXPECT_THROW(static_cast<void>(result_from_json(text)), UserError) << text;
    std::string bad = result_json(sample_result());
    bad.replace(bad.find("\"board\""), 7, "\"moon\"");
    EXPECT_THROW(static_cast<void>(result_from_json(bad)), UserError);
}

TEST(Record, EntriesWithoutAResultSayWhy) {
    Entry failed;
    failed.labels = {{"npu.cores", "4"}};
    failed.chip = "small";
    failed.workload = "tiny";
    failed.status = "timeout";
    failed.reason = "60 s";
    const std::vector<Entry> entries = {entry_of(sample_result()), failed};
    const auto json = nlohmann::json::parse(entries_json(entries));
    EXPECT_EQ(json[0]["latency_ns"], 1000);
    EXPECT_FALSE(json[0].contains("labels"));
    EXPECT_EQ(json[1]["status"], "timeout");
    EXPECT_EQ(json[1]["labels"]["npu.cores"], "4");
    EXPECT_FALSE(json[1].contains("latency_ns"));
}

TEST(Record, CsvHasTheSameColumnsOnEveryLine) {
    Entry failed;
    failed.labels = {{"npu.cores", "4"}};
    failed.status = "crashed";
    failed.reason = "signal 11, \"SIGSEGV\"";
    const std::vector<Entry> entries = {entry_of(sample_result()), failed};
    const std::string csv = entries_csv(entries);
    EXPECT_EQ(csv.substr(0, 46), "npu.cores,chip,workload,batch,status,reason,ve");
    EXPECT_NE(csv.find("\r\n4,,,1,crashed,\"signal 11, \"\"SIGSEGV\"\"\",,"), std::string::npos);
    EXPECT_NE(csv.find("\r\n,warboy,tiny,2,ok,,0.1.0,"), std::string::npos);
}

TEST(Csv, QuotesOnlyWhatNeedsIt) {
    EXPECT_EQ(csv_field("plain text"), "plain text");
    EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
    EXPECT_EQ(csv_field("say \"hi\""), "\"say \"\"hi\"\"\"");
    EXPECT_EQ(csv_field("two\nlines"), "\"two\nlines\"");
    EXPECT_EQ(csv_line({"", "1"}), ",1\r\n");
}

TEST(TextTable, AlignsByCharactersNotBytes) {
    TextTable table({{"name"}, {"n", Align::right}});
    table.add({"µ", "1"});
    table.add({"long name", "100"});
    EXPECT_EQ(table.text(), "name         n\nµ            1\nlong name  100\n");
    EXPECT_EQ(table.text(true), "\033[1mname         n\033[0m\nµ            1\nlong name  100\n");
    EXPECT_EQ(table.markdown(), "| name | n |\n|---|---:|\n| µ | 1 |\n| long name | 100 |\n");
}

TEST(TextTable, MarkdownEscapesBars) {
    TextTable table({{"a"}});
    table.add({"x|y\nz"});
    EXPECT_EQ(table.markdown(), "| a |\n|---|\n| x\\|y z |\n");
}

TEST(Numbers, ForMachinesHaveNineDigits) {
    EXPECT_EQ(exact_text(0.1), "0.1");
    EXPECT_EQ(exact_text(1.0 / 3), "0.333333333");
    EXPECT_EQ(exact_text(123456789012.0), "1.23456789e+11");
    EXPECT_EQ(exact_text(-0.0), "0");
    EXPECT_THROW(static_cast<void>(exact_text(1.0 / 0.0)), InternalError);
    EXPECT_THROW(static_cast<void>(exact_text(0.0 / 0.0)), InternalError);
}

TEST(Numbers, ForPeopleHaveThreeDigits) {
    EXPECT_EQ(time_text(1), "1.00 ns");
    EXPECT_EQ(time_text(999.4), "999 ns");
    EXPECT_EQ(time_text(999.6), "1.00 us");
    EXPECT_EQ(time_text(12.34e6), "12.3 ms");
    EXPECT_EQ(time_text(0.25), "250 ps");
    EXPECT_EQ(time_text(0), "0 s");
    EXPECT_EQ(energy_text(5e9), "5.00 mJ");
    EXPECT_EQ(power_text(0.0075), "7.50 mW");
    EXPECT_EQ(power_text(12345), "12.3 kW");
    EXPECT_EQ(bytes_text(25.6e6), "25.6 MB");
    EXPECT_EQ(count_text(812), "812");
    EXPECT_EQ(count_text(4.0889e9), "4.09 G");
    EXPECT_EQ(count_text(12.5), "12.5");
    EXPECT_EQ(ratio_text(0.514), "0.51x");
    EXPECT_EQ(percent_text(0.345), "34.5 %");
}

TEST(JsonWriter, EscapesAndReplacesWhatIsNotUtf8) {
    EXPECT_EQ(json_string("a\"b\\c\n\x01"), "\"a\\\"b\\\\c\\n\\u0001\"");
    EXPECT_EQ(json_string("µ\xFFx"), "\"µ\xEF\xBF\xBDx\"");
    EXPECT_EQ(json_string("cut\xC2"), "\"cut\xEF\xBF\xBD\"");
}

TEST(JsonWriter, RefusesWhatIsUnbalanced) {
    JsonWriter json;
    json.begin_object();
    EXPECT_THROW(static_cast<void>(json.take()), InternalError);
}

TEST(Metrics, AreFoundByKeyAndMistypingIsHelped) {
    EXPECT_EQ(metric("perf_per_watt").get(sample_result()), 2e5);
    EXPECT_FALSE(metric("perf_per_watt").smaller_is_better);
    try {
        static_cast<void>(metric("latency"));
        FAIL() << "not refused";
    } catch (const UserError& error) {
        EXPECT_EQ(error.diagnostics().at(0).message, "no metric is called 'latency'");
    }
}

TEST(ParetoFront, HoldsWhatNoOtherBeatsInBoth) {
    std::vector<Entry> entries;
    for (const auto& [latency, energy] :
         {std::pair{1.0, 9.0}, {2.0, 5.0}, {3.0, 5.0}, {4.0, 1.0}, {2.0, 5.0}, {5.0, 2.0}}) {
        Result r = sample_result();
        r.latency_ns = latency;
        r.energy_pj = energy;
        entries.push_back(entry_of(r));
    }
    Entry failed;
    failed.status = "infeasible";
    entries.push_back(failed);
    EXPECT_EQ(pareto_front(entries, metric("latency_ns"), metric("energy_pj")),
              (std::vector<std::size_t>{0, 1, 3}));
}

TEST(Trace, OpensInPerfetto) {
    Timeline timeline;
    timeline.names = {"contract", "wait \"bank\""};
    timeline.layers = {"conv1"};
    timeline.tracks = {
        {.name = "core0.matrix",
         .slices = {{.start = Time{1'500'999}, .duration = Time{2'000'001}, .name = 0, .layer = 0},
                    {.start = Time{3'501'000}, .duration = Time{500}, .name = 1}}}};
    timeline.counters = {{.name = "dram, GB/s", .samples = {{Time::from_ns(2'000'000), 34.1}}}};
    const std::string text = trace_json(timeline, "tiny on warboy");
    const auto json = nlohmann::json::parse(text);
    const auto& events = json["traceEvents"];
    ASSERT_EQ(events.size(), 6U);
    EXPECT_EQ(events[0]["args"]["name"], "tiny on warboy");
    EXPECT_EQ(events[1]["args"]["name"], "core0.matrix");
    EXPECT_EQ(events[3]["args"]["layer"], "conv1");
    // 1.500999 ns and 3.501 ns are whole picoseconds at both ends, so that neighbours touch.
    EXPECT_NE(text.find("\"ts\": 0.001500, \"dur\": 0.002001"), std::string::npos) << text;
    EXPECT_NE(text.find("\"ts\": 0.003501, \"dur\": 0.000000"), std::string::npos) << text;
    EXPECT_FALSE(events[4].contains("args"));
    EXPECT_EQ(events[5]["ph"], "C");
    EXPECT_EQ(events[5]["args"]["value"], 34.1);
    EXPECT_NE(text.find("\"ts\": 2000.000000"), std::string::npos) << text;
}

}  // namespace
}  // namespace perfwatt

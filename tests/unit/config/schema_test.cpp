#include "sim/config/schema.h"

#include <gtest/gtest.h>

#include "tests/unit/config/config_test_support.h"

namespace perfwatt {
namespace {

enum class Flow { weight, output };

struct Port {
    std::string name;
    std::int64_t width = 0;
};

struct Unit {
    std::int64_t rows = 0;
    int columns = 0;
    double share = 0;
    bool line_buffer = false;
    std::string cell;
    std::string note;
    Flow flow = Flow::weight;
    DataType type = DataType::int8;
    std::int64_t buffer = 0;
    Clock clock;
    Time latency;
    TimeOrClocks gap;
    Sourced<double> energy;
    std::optional<double> leakage;
    std::vector<std::string> via;
    std::vector<Port> ports;
    Port main;
    std::optional<Port> spare;
    std::map<std::string, double> prices;
    std::vector<std::pair<std::string, std::string>> settings;
};

MapSchema<Port> port_schema() {
    return MapSchema<Port>("port")
        .text("name", &Port::name, {.otherwise = "p"}, "of the port")
        .count("width", &Port::width, {.max = 512, .otherwise = 8}, "in bits");
}

MapSchema<Unit> unit_schema() {
    return MapSchema<Unit>("unit")
        .count("rows", &Unit::rows, {.max = 65536}, "rows of multipliers")
        .count("columns", &Unit::columns, {.min = 0, .max = 64, .otherwise = 16}, "")
        .ratio("share", &Unit::share, {.otherwise = 0.5}, "")
        .flag("line_buffer", &Unit::line_buffer, false, "")
        .text("cell", &Unit::cell, {.otherwise = "hp"}, "")
        .prose("note", &Unit::note, "")
        .choice("flow", &Unit::flow,
                {.names = {{"weight", Flow::weight}, {"output", Flow::output}},
                 .otherwise = Flow::output},
                "")
        .data_type("type", &Unit::type, DataType::int16, "")
        .bytes("buffer", &Unit::buffer, {.min = "1 KiB", .max = "16 MiB", .otherwise = "2 KiB"}, "")
        .frequency("clock", &Unit::clock, {.max = "10 GHz", .otherwise = "1 GHz"}, "")
        .time("latency", &Unit::latency, {.otherwise = "5 ns"}, "")
        .time_or_clocks("gap", &Unit::gap, {.otherwise = "4 tck"}, "")
        .energy("energy", &Unit::energy, {.otherwise = "0.2 pJ"}, "")
        .power("leakage", &Unit::leakage, {}, "")
        .field("via", &Unit::via, list_of(text_value(), {.max = 2}), Presence::optional, "")
        .maps("ports", &Unit::ports, port_schema(), {.max = 4}, "")
        .map("main", &Unit::main, port_schema(), Presence::optional, "")
        .map("spare", &Unit::spare, port_schema(), Presence::optional, "")
        .field("prices", &Unit::prices, map_of(quantity_value<double>(Dimension::energy)),
               Presence::optional, "")
        .field("settings", &Unit::settings, ordered_map_of(verbatim_value()), Presence::optional,
               "")
        .check([](const Unit& unit, const MapCheck& check) {
            if (unit.rows == 13) check.error("rows", "'rows' must not be 13", "take 14");
        });
}

struct Outcome {
    Unit unit;
    std::vector<ResolvedValue> resolved;
    std::string message = "no error";
};

Outcome read(const std::string& body, const std::vector<std::string>& overrides = {}) {
    const Document document = Document::parse(ConfigKind::chip, "schema: perfwatt/chip/v1\n" + body,
                                              "c.yaml", {}, overrides);
    Reading reading(document);
    Outcome outcome;
    outcome.unit = unit_schema().read(document.root(), reading);
    outcome.resolved = reading.resolved();
    outcome.message = message_of([&] { reading.finish(); });
    return outcome;
}

/// The message about one line, without the lines that show it.
std::string error(const std::string& line) {
    const std::string all = read("rows: 1\n" + line + "\n").message;
    const std::string shown = "\n  " + line + "\n";
    std::string text = all.substr(0, all.find(shown));
    const std::size_t hint = all.find("hint: ");
    if (hint != std::string::npos) text += " | " + all.substr(hint + 6, all.size() - hint - 7);
    return text;
}

TEST(Schema, ReadsEveryKind) {
    const Unit unit = read(
                          "rows: 64\ncolumns: 32\nshare: 0.25\nline_buffer: true\ncell: lstp\n"
                          "note: some words\nflow: weight\ntype: fp16\nbuffer: 32 KiB\n"
                          "clock: 700 MHz\nlatency: 18 ns\ngap: max(2 tck, 7.5 ns)\n"
                          "energy: {value: 300 fJ, source: 'ISSCC 2021, table 2'}\nleakage: 3 mW\n"
                          "via: [a, b]\nports: [{name: x, width: 4}, {name: y}]\nmain: {width: 2}\n"
                          "prices: {int8: 0.2 pJ, fp32: 4 pJ}\n"
                          "settings: {npu.rows: 3, a: true, b: 2 GHz}\n")
                          .unit;
    EXPECT_EQ(unit.rows, 64);
    EXPECT_EQ(unit.columns, 32);
    EXPECT_EQ(unit.share, 0.25);
    EXPECT_TRUE(unit.line_buffer);
    EXPECT_EQ(unit.cell, "lstp");
    EXPECT_EQ(unit.note, "some words");
    EXPECT_EQ(unit.flow, Flow::weight);
    EXPECT_EQ(unit.type, DataType::fp16);
    EXPECT_EQ(unit.buffer, 32768);
    EXPECT_EQ(unit.clock.hertz(), 700000000);
    EXPECT_EQ(unit.latency, Time{18000000});
    EXPECT_EQ(unit.gap, (TimeOrClocks{.time = Time{7500000}, .clocks = 2}));
    EXPECT_EQ(unit.energy.value, 0.3);
    EXPECT_EQ(unit.energy.source(), "ISSCC 2021, table 2");
    EXPECT_EQ(unit.leakage, 0.003);
    EXPECT_EQ(unit.via, (std::vector<std::string>{"a", "b"}));
    ASSERT_EQ(unit.ports.size(), 2U);
    EXPECT_EQ(unit.ports[1].name, "y");
    EXPECT_EQ(unit.ports[1].width, 8);
    EXPECT_EQ(unit.main.width, 2);
    EXPECT_EQ(unit.spare, std::nullopt);
    EXPECT_EQ(unit.prices.at("fp32"), 4);
    EXPECT_EQ(unit.settings[0], (std::pair<std::string, std::string>{"npu.rows", "3"}));
    EXPECT_EQ(unit.settings[2], (std::pair<std::string, std::string>{"b", "2 GHz"}));
}

TEST(Schema, DefaultsComeFromTheTable) {
    const Outcome outcome = read("rows: 1\n");
    EXPECT_EQ(outcome.message, "no error");
    EXPECT_EQ(outcome.unit.columns, 16);
    EXPECT_EQ(outcome.unit.flow, Flow::output);
    EXPECT_EQ(outcome.unit.type, DataType::int16);
    EXPECT_EQ(outcome.unit.buffer, 2048);
    EXPECT_EQ(outcome.unit.main.width, 8);
    EXPECT_EQ(outcome.unit.gap.clocks, 4);
    EXPECT_EQ(outcome.unit.leakage, std::nullopt);
}

TEST(Schema, UnknownKeysGetTheNearest) {
    EXPECT_EQ(read("rows: 1\ncolumnz: 2\nclok: 2 GHz\nqqqqqqqqq: 1\n").message.substr(0, 192),
              "c.yaml:3:1: error: unknown key 'columnz' in unit\n"
              "  columnz: 2\n"
              "  ^\n"
              "  hint: did you mean 'columns'?\n"
              "c.yaml:4:1: error: unknown key 'clok' in unit\n"
              "  clok: 2 GHz\n"
              "  ^\n"
              "  hint: did you mean 'clock'?\n");
    EXPECT_EQ(error("main: {qqqqqqqqq: 1}"),
              "c.yaml:3:8: error: unknown key 'qqqqqqqqq' in port | known: name, width");
}

TEST(Schema, MissingKeysAreNamedWithTheirMeaning) {
    EXPECT_EQ(read("columns: 2\n").message,
              "c.yaml:1:1: error: missing key 'rows' in unit\n"
              "  schema: perfwatt/chip/v1\n"
              "  ^\n"
              "  hint: rows: rows of multipliers\n");
}

TEST(Schema, CountsAreBareNumbers) {
    EXPECT_EQ(error("columns: 2 KiB"),
              "c.yaml:3:10: error: 'columns' must be a whole number, not '2 KiB' | a bare number "
              "from 0 to 64, for it is a count");
    EXPECT_EQ(error("columns: 65"), "c.yaml:3:10: error: 'columns' must be from 0 to 64, not 65");
    EXPECT_EQ(error("columns: -1"), "c.yaml:3:10: error: 'columns' must be from 0 to 64, not -1");
    EXPECT_EQ(error("columns: 99999999999999999999"),
              "c.yaml:3:10: error: 'columns' must be from 0 to 64, not 99999999999999999999");
    EXPECT_EQ(error("columns: 010"),
              "c.yaml:3:10: error: 'columns' is '010' with a leading zero | some tools read such a "
              "number as octal: write it without");
    EXPECT_EQ(error("columns: \"8\""),
              "c.yaml:3:10: error: 'columns' must be a whole number without quotes");
    for (const char* text : {"0x10", "1e3", "1_000", "2.0", "+3", ".nan", ".inf", "yes"})
        EXPECT_EQ(error(std::string("columns: ") + text),
                  std::string("c.yaml:3:10: error: 'columns' must be a whole number, not '") +
                      text + "' | a bare number from 0 to 64, for it is a count");
}

TEST(Schema, RatiosAreFiniteAndInRange) {
    EXPECT_EQ(error("share: 1.5"), "c.yaml:3:8: error: 'share' must be from 0 to 1, not 1.5");
    EXPECT_EQ(error("share: -0.1"), "c.yaml:3:8: error: 'share' must be from 0 to 1, not -0.1");
    EXPECT_EQ(error("share: 1e999"), "c.yaml:3:8: error: 'share' must be from 0 to 1, not 1e999");
    for (const char* text : {"nan", ".inf", "50 %", "0x1", "half", "1."})
        EXPECT_EQ(error(std::string("share: ") + text),
                  std::string("c.yaml:3:8: error: 'share' must be a number, not '") + text +
                      "' | a bare number from 0 to 1, without a unit");
}

TEST(Schema, FlagsAreTrueOrFalse) {
    EXPECT_EQ(error("line_buffer: yes"),
              "c.yaml:3:14: error: 'line_buffer' must be true or false, not 'yes' | write 'true'");
    EXPECT_EQ(error("line_buffer: Off"),
              "c.yaml:3:14: error: 'line_buffer' must be true or false, not 'Off' | write 'false'");
    EXPECT_EQ(error("line_buffer: 1"),
              "c.yaml:3:14: error: 'line_buffer' must be true or false, not '1'");
}

TEST(Schema, TextIsTextToEveryReader) {
    for (const char* text : {"no", "On", "true", "010", "1.5", "12:30:45", "2024-01-01", "0x1F"})
        EXPECT_EQ(error(std::string("cell: ") + text),
                  std::string("c.yaml:3:7: error: 'cell' must be text, and '") + text +
                      "' without quotes is not text to every YAML reader | write \"" + text + "\"");
    EXPECT_EQ(read("rows: 1\ncell: 'no'\n").unit.cell, "no");
    EXPECT_EQ(read("rows: 1\n", {"cell=10"}).unit.cell, "10");
    EXPECT_EQ(error("cell: ''"), "c.yaml:3:7: error: 'cell' must not be empty");
}

TEST(Schema, ChoicesNameWhatThereIs) {
    EXPECT_EQ(error("flow: weigth"),
              "c.yaml:3:7: error: 'flow' must be one of weight, output, not 'weigth' | did you "
              "mean 'weight'?");
    EXPECT_EQ(error("type: int9").substr(0, 57),
              "c.yaml:3:7: error: 'type' must be one of int4, int8, uint");
}

TEST(Schema, QuantitiesNeedTheirUnitAndRange) {
    EXPECT_EQ(error("buffer: 2048"),
              "c.yaml:3:9: error: 'buffer' must be a size, but '2048' is not: it has no unit | "
              "write it as '32 MiB'; units: B, KB, MB, GB, TB, KiB, MiB, GiB or TiB");
    EXPECT_EQ(error("clock: 2 ns"),
              "c.yaml:3:8: error: 'clock' must be a frequency, but '2 ns' is not: unknown unit "
              "'ns' | write it as '2 GHz'; units: Hz, kHz, MHz or GHz");
    EXPECT_EQ(error("buffer: 0 B"),
              "c.yaml:3:9: error: 'buffer' must be from 1 KiB to 16 MiB, not 0 B");
    EXPECT_EQ(error("buffer: -4 KiB"),
              "c.yaml:3:9: error: 'buffer' must be from 1 KiB to 16 MiB, not -4 KiB");
    EXPECT_EQ(error("clock: 1000 GHz"),
              "c.yaml:3:8: error: 'clock' must be from 1 kHz to 10 GHz, not 1000 GHz");
    EXPECT_EQ(error("energy: 0 pJ"),
              "c.yaml:3:9: error: 'energy' must be from 1 aJ to 1 J, not 0 pJ");
    EXPECT_EQ(error("gap: -1 tck"),
              "c.yaml:3:6: error: 'gap' must be from 0 fs to 1000 s, not -1 tck");
    EXPECT_EQ(error("energy: inf pJ").substr(0, 77),
              "c.yaml:3:9: error: 'energy' must be an energy, but 'inf pJ' is not: it begins");
}

TEST(Schema, ShapesMustAgree) {
    EXPECT_EQ(error("main: 3"), "c.yaml:3:7: error: 'main' must be a map, not '3'");
    EXPECT_EQ(error("main: [1]"), "c.yaml:3:7: error: 'main' must be a map, not a list");
    EXPECT_EQ(error("via: a"),
              "c.yaml:3:6: error: 'via' must be a list, not 'a' | write it as [...], or a line '- "
              "...' each");
    EXPECT_EQ(error("columns: [1]"),
              "c.yaml:3:10: error: 'columns' must be a single value, not a list");
    EXPECT_EQ(error("columns:"), "c.yaml:3:1: error: 'columns' has no value");
    EXPECT_EQ(error("via: [a, b, c]"),
              "c.yaml:3:6: error: 'via' must hold from 0 to 2 elements, not 3");
    EXPECT_EQ(error("prices: 3"), "c.yaml:3:9: error: 'prices' must be a map, not '3'");
    EXPECT_EQ(
        error("prices: {'a b': 1 pJ}"),
        "c.yaml:3:10: error: the key 'a b' is no name | a name begins with a letter and holds "
        "letters, digits, '_', '-' and '.'");
    EXPECT_EQ(error("ports: [{name: x}, {name: x}]"),
              "c.yaml:3:27: error: two elements of 'ports' are named 'x'");
    EXPECT_EQ(error("columns: {value: 3, sauce: x}"),
              "c.yaml:3:21: error: unknown key 'sauce' beside the value of 'columns' | known: "
              "value, source, estimated, fitted");
}

TEST(Schema, RulesBetweenFieldsRunWhenTheFieldsAreWell) {
    EXPECT_EQ(read("rows: 13\n").message,
              "c.yaml:2:7: error: 'rows' must not be 13\n"
              "  rows: 13\n"
              "        ^\n"
              "  hint: take 14\n");
    EXPECT_EQ(read("rows: 13\ncolumns: x\n").message.find("must not be 13"), std::string::npos);
}

TEST(Schema, MistakesOfDocumentAndSchemaComeInTheOrderOfTheFile) {
    EXPECT_EQ(read("columns: 99\nrows: 1\nrows: 2\nshare: 2\n", {"colums=1"}).message,
              "--set 'colums=1': error: unknown key 'colums' in unit\n"
              "  hint: did you mean 'columns'?\n"
              "c.yaml:2:10: error: 'columns' must be from 0 to 64, not 99\n"
              "  columns: 99\n"
              "           ^\n"
              "c.yaml:4:1: error: duplicate key 'rows'\n"
              "  rows: 2\n"
              "  ^\n"
              "  hint: first given at line 3\n"
              "c.yaml:5:8: error: 'share' must be from 0 to 1, not 2\n"
              "  share: 2\n"
              "         ^\n");
}

TEST(Schema, AnOverrideWithTheWrongUnitIsNamed) {
    EXPECT_EQ(
        read("rows: 1\n", {"clock=2"}).message,
        "--set 'clock=2': error: 'clock' must be a frequency, but '2' is not: it has no unit\n"
        "  hint: write it as '2 GHz'; units: Hz, kHz, MHz or GHz\n");
}

std::string where(const Outcome& outcome, const std::string& path) {
    for (const ResolvedValue& value : outcome.resolved)
        if (value.path == path) return value.value + " @ " + value.where;
    return "absent";
}

TEST(Resolved, TellsWhereEachValueCameFrom) {
    const Outcome outcome = read("rows: 64\nports: [{name: x, width: 4}]\n", {"clock=2 GHz"});
    EXPECT_EQ(where(outcome, "rows"), "64 @ c.yaml:2");
    EXPECT_EQ(where(outcome, "ports.x.width"), "4 @ c.yaml:3");
    EXPECT_EQ(where(outcome, "clock"), "2 GHz @ --set 'clock=2 GHz'");
    EXPECT_EQ(where(outcome, "buffer"), "2 KiB @ default");
    EXPECT_EQ(where(outcome, "main.width"), "8 @ default");
    EXPECT_EQ(where(outcome, "leakage"), "absent");
    const std::string text = resolved_text(outcome.resolved);
    EXPECT_EQ(text.substr(0, text.find('\n')),
              "rows = 64                                           # c.yaml:2");
}

TEST(Resolved, ListsEstimatedAndFittedPaths) {
    const Outcome outcome = read(
        "rows: {value: 4, estimated: from the die}\nmain: {estimated: usual, width: 2}\n"
        "energy: {value: 1 pJ, fitted: on BERT rows}\ncolumns: {value: 3, source: paper}\n");
    EXPECT_EQ(outcome.message, "no error");
    EXPECT_EQ(paths_with(Status::estimated, outcome.resolved),
              (std::vector<std::string>{"rows", "main.width"}));
    EXPECT_EQ(paths_with(Status::fitted, outcome.resolved), (std::vector<std::string>{"energy"}));
    EXPECT_EQ(outcome.unit.energy.source(), "fitted: on BERT rows");
}

TEST(Resolved, ANoteForAMapIsAboutItsFigures) {
    const Outcome outcome = read(
        "estimated: all of it\nrows: 4\ncell: lstp\nvia: [{value: a, source: b}]\nnote: words\n");
    EXPECT_EQ(paths_with(Status::estimated, outcome.resolved), std::vector<std::string>{"rows"});
    EXPECT_EQ(paths_with(Status::published, outcome.resolved), std::vector<std::string>{"via.0"});
}

TEST(Schema, ManyMistakesAreCutShort) {
    std::string body = "rows: 1\n";
    for (int i = 0; i < 5000; ++i) body += "wrong_key_" + std::to_string(i) + ": 1\n";
    const std::string message = read(body).message;
    EXPECT_NE(message.find("wrong_key_99'"), std::string::npos);
    EXPECT_EQ(message.find("wrong_key_100'"), std::string::npos);
    EXPECT_NE(message.find("c.yaml: error: and 4900 more\n"), std::string::npos);
}

std::string hash(const std::string& body, const std::vector<std::string>& overrides = {}) {
    return config_hash(read(body, overrides).resolved);
}

TEST(Hash, IsTheSameHoweverAValueIsWritten) {
    const std::string once = hash("rows: 64\nbuffer: 4 KiB\nenergy: 0.2 pJ\n");
    EXPECT_EQ(once, hash("# c\nenergy: {value: 200 fJ, source: x}\nbuffer: 4096 B\nrows: 64\n"));
    EXPECT_EQ(once, hash("rows: 1\nbuffer: 4 KiB\nnote: words\n", {"rows=64"}));
    EXPECT_EQ(once, hash("rows: 64\nbuffer: 4 KiB\ncolumns: 16\n"));
    EXPECT_NE(once, hash("rows: 65\nbuffer: 4 KiB\n"));
    EXPECT_NE(once, hash("rows: 64\nbuffer: 4 KiB\nprices: {a: 1 pJ}\n"));
}

TEST(Hash, OrderMattersOnlyWhereItMeansSomething) {
    EXPECT_EQ(hash("rows: 1\nprices: {a: 1 pJ, b: 2 pJ}\n"),
              hash("rows: 1\nprices: {b: 2 pJ, a: 1 pJ}\n"));
    EXPECT_NE(hash("rows: 1\nports: [{name: a}, {name: b}]\n"),
              hash("rows: 1\nports: [{name: b}, {name: a}]\n"));
    EXPECT_NE(hash("rows: 1\nsettings: {a: 1, b: 2}\n"), hash("rows: 1\nsettings: {b: 2, a: 1}\n"));
}

TEST(Hash, IsFnv1aOfPathsAndCanonicalValues) {
    // FNV-1a of the empty text, and of "1:a=1:b\n", by hand.
    EXPECT_EQ(config_hash({}), "cbf29ce484222325");
    std::uint64_t expected = 0xcbf29ce484222325;
    for (const char c : std::string("1:a=1:b\n"))
        expected = (expected ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    ResolvedValue value;
    value.path = "a";
    value.canonical = "b";
    char text[17];
    std::snprintf(text, sizeof text, "%016lx", expected);
    EXPECT_EQ(config_hash({value}), text);
    value.hashed = false;
    EXPECT_EQ(config_hash({value}), "cbf29ce484222325");
}

TEST(Schema, AWrongTableIsOurMistake) {
    EXPECT_THROW((void)MapSchema<Unit>("u").bytes("b", &Unit::buffer, {.min = "1 ns"}, ""),
                 InternalError);
    const auto schema =
        MapSchema<Unit>("u").count("rows", &Unit::rows, {.max = 4, .otherwise = 5}, "");
    const Document document =
        Document::parse(ConfigKind::chip, "schema: perfwatt/chip/v1\n", "c.yaml");
    Reading reading(document);
    EXPECT_THROW((void)schema.read(document.root(), reading), InternalError);
}

}  // namespace
}  // namespace perfwatt

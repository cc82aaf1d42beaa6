#include "sim/config/json_schema.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "sim/config/schema.h"
#include "tests/unit/config/config_test_support.h"

namespace perfwatt {
namespace {

struct Part {
    std::string name;
    double energy = 0;
};

struct Thing {
    std::int64_t rows = 0;
    double share = 0;
    bool fast = false;
    DataType type = DataType::int8;
    std::int64_t size = 0;
    TimeOrClocks gap;
    std::vector<Part> parts;
    std::map<std::string, std::string> words;
    const ConfigNode* rest = nullptr;
};

MapSchema<Thing> thing_schema() {
    return MapSchema<Thing>("thing")
        .count("rows", &Thing::rows, {.max = 64}, "of cells")
        .ratio("share", &Thing::share, {.otherwise = 0.5}, "of time")
        .flag("fast", &Thing::fast, false, "or slow")
        .data_type("type", &Thing::type, DataType::int8, "of numbers")
        .bytes("size", &Thing::size, {.max = "1 MiB"}, "of the buffer")
        .time_or_clocks("gap", &Thing::gap, {.otherwise = "4 tck"}, "between two")
        .maps("parts", &Thing::parts,
              MapSchema<Part>("part")
                  .text("name", &Part::name, {}, "of the part")
                  .energy("energy", &Part::energy, {.otherwise = "1 pJ"}, "of a use"),
              {.max = 3}, "inside")
        .field("words", &Thing::words, map_of(text_value()), Presence::optional, "free")
        .raw("rest", &Thing::rest, Presence::optional, "read by others");
}

TEST(JsonSchema, StatesTypeLimitsDefaultAndMeaning) {
    const auto schema = json_schema_of(thing_schema().rule());
    EXPECT_EQ(schema["properties"]["rows"].dump(),
              R"({"anyOf":[{"type":"integer","minimum":1,"maximum":64},{"type":"object",)"
              R"("properties":{"value":{"type":"integer","minimum":1,"maximum":64},)"
              R"("source":{"type":"string","description":"where it is published"},)"
              R"("estimated":{"type":"string","description":"why it is what it is"},)"
              R"("fitted":{"type":"string","description":"on which rows"}},)"
              R"("required":["value"],"additionalProperties":false}],"description":"of cells"})");
    EXPECT_EQ(schema["required"].dump(), R"(["rows","size"])");
    EXPECT_EQ(schema["additionalProperties"], false);
    EXPECT_EQ(schema["properties"]["share"]["default"], 0.5);
    EXPECT_EQ(schema["properties"]["type"]["default"], "int8");
    EXPECT_EQ(schema["properties"]["size"]["description"],
              "of the buffer (a size from 1 B to 1 MiB)");
    EXPECT_EQ(schema["properties"]["rest"].dump(), R"({"description":"read by others"})");
}

TEST(JsonSchema, AChildMayLeaveOutWhatItsParentHas) {
    const auto schema = json_schema(ConfigKind::chip, thing_schema().rule());
    EXPECT_EQ(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    EXPECT_EQ(schema["if"].dump(), R"({"required":["extends"]})");
    EXPECT_EQ(schema["then"]["required"].dump(), R"(["schema"])");
    EXPECT_EQ(schema["else"]["required"].dump(), R"(["rows","size","schema"])");
    EXPECT_EQ(schema["then"]["properties"]["schema"]["const"], "perfwatt/chip/v1");
}

/// What our own reader says of a document.
bool is_read(const std::string& text) {
    try {
        const Document document = Document::parse(ConfigKind::chip, text, "t.yaml");
        Reading reading(document);
        (void)thing_schema().read(document.root(), reading);
        reading.finish();
    } catch (const UserError&) {
        return false;
    }
    return true;
}

/// A validator not ours (python3-jsonschema) must agree with our reader on every document.
TEST(JsonSchema, AValidatorAgreesWithTheReader) {
    ASSERT_EQ(std::system(PERFWATT_PYTHON " -c 'import jsonschema, yaml'"), 0)
        << "scripts/setup.sh installs python3-jsonschema and python3-yaml";
    const Folder folder("json_schema");
    const std::string schema =
        folder.write("schema.json", json_schema(ConfigKind::chip, thing_schema().rule()).dump(1));
    const std::string script = folder.write("check.py",
                                            "import json, sys, yaml, jsonschema\n"
                                            "s = json.load(open(sys.argv[1]))\n"
                                            "jsonschema.Draft7Validator.check_schema(s)\n"
                                            "v = jsonschema.Draft7Validator(s)\n"
                                            "for f in sys.argv[2:]:\n"
                                            "    ok = v.is_valid(yaml.safe_load(open(f)))\n"
                                            "    good = 'good' in f\n"
                                            "    if ok != good: sys.exit(f)\n");
    const std::string head = "schema: perfwatt/chip/v1\nrows: 4\nsize: 4 KiB\n";
    const std::vector<std::string> good = {
        "",
        "share: 0.25\nfast: true\ntype: bf16\n",
        "gap: 3 tck\n",
        "gap: max(3 tck, 7.5 ns)\n",
        "parts: [{name: a}, {name: b, energy: {value: 2 pJ, estimated: so}}]\n",
        "words: {a: b}\nrest: [1, {x: y}]\n",
        "source: a paper\n"};
    const std::vector<std::string> bad = {
        "extra: 1\n",      "share: 2\n",   "fast: 1\n",          "type: int9\n",
        "gap: 3\n",        "gap: 3 GHz\n", "parts: [{}]\n",      "parts: [{name: a, x: 1}]\n",
        "words: {a: 1}\n", "words: [a]\n", "parts: {name: a}\n", "share: {value: 0.5, sauce: x}\n"};
    std::string command = PERFWATT_PYTHON " " + script + " " + schema;
    for (std::size_t i = 0; i < good.size(); ++i) {
        EXPECT_TRUE(is_read(head + good[i])) << good[i];
        command += " " + folder.write("good" + std::to_string(i), head + good[i]);
    }
    for (std::size_t i = 0; i < bad.size(); ++i) {
        EXPECT_FALSE(is_read(head + bad[i])) << bad[i];
        command += " " + folder.write("bad" + std::to_string(i), head + bad[i]);
    }
    command += " " + folder.write("good_child", "schema: perfwatt/chip/v1\nextends: p\nrows: 4\n");
    command += " " + folder.write("bad_orphan", "schema: perfwatt/chip/v1\nrows: 4\n");
    EXPECT_EQ(std::system(command.c_str()), 0);
}

}  // namespace
}  // namespace perfwatt

// Any bytes read as a chip YAML end in a value or a UserError, never in anything else. Whatever is
// read resolves to a hash, and prints.
#include <cstdint>
#include <string>

#include "sim/config/schema.h"

namespace perfwatt {
namespace {

struct Leaf {
    std::string name;
    std::int64_t rows = 0;
    double share = 0;
    bool fast = false;
    DataType type = DataType::int8;
    std::int64_t size = 0;
    Clock clock;
    Time latency;
    TimeOrClocks gap;
    Sourced<double> energy;
    std::optional<double> leakage;
    std::vector<std::string> via;
};

struct Tree {
    Leaf main;
    std::vector<Leaf> leaves;
    std::map<std::string, double> prices;
    std::vector<std::pair<std::string, std::string>> settings;
    std::string description;
};

MapSchema<Leaf> leaf_schema() {
    return MapSchema<Leaf>("leaf")
        .text("name", &Leaf::name, {.otherwise = "leaf"}, "")
        .count("rows", &Leaf::rows, {.otherwise = 1}, "")
        .ratio("share", &Leaf::share, {.otherwise = 0.5}, "")
        .flag("fast", &Leaf::fast, false, "")
        .data_type("type", &Leaf::type, DataType::int8, "")
        .bytes("size", &Leaf::size, {.otherwise = "1 KiB"}, "")
        .frequency("clock", &Leaf::clock, {.otherwise = "1 GHz"}, "")
        .time("latency", &Leaf::latency, {.otherwise = "1 ns"}, "")
        .time_or_clocks("gap", &Leaf::gap, {.otherwise = "max(1 tck, 1 ns)"}, "")
        .energy("energy", &Leaf::energy, {.otherwise = "1 pJ"}, "")
        .power("leakage", &Leaf::leakage, {}, "")
        .field("via", &Leaf::via, list_of(text_value()), Presence::optional, "");
}

MapSchema<Tree> tree_schema() {
    return MapSchema<Tree>("tree")
        .map("main", &Tree::main, leaf_schema(), Presence::optional, "")
        .maps("leaves", &Tree::leaves, leaf_schema(), {}, "")
        .field("prices", &Tree::prices, map_of(quantity_value<double>(Dimension::energy)),
               Presence::optional, "")
        .field("settings", &Tree::settings, ordered_map_of(verbatim_value()), Presence::optional,
               "")
        .prose("description", &Tree::description, "");
}

void read(const std::string& text, const std::vector<std::string>& overrides) {
    try {
        const Document document =
            Document::parse(ConfigKind::chip, text, "no_such_folder/fuzz.yaml", {}, overrides);
        Reading reading(document);
        (void)tree_schema().read(document.root(), reading);
        reading.finish();
        PERFWATT_CHECK(config_hash(reading.resolved()).size() == 16, "a hash has 16 digits");
        PERFWATT_CHECK(!resolved_text(reading.resolved()).empty(), "defaults are printed");
    } catch (const UserError& error) {
        PERFWATT_CHECK(!error.diagnostics().empty(), "an error says what is wrong");
    }
}

}  // namespace
}  // namespace perfwatt

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    perfwatt::read(text, {});
    // What breaks the parser hides what breaks the schema: most of it comes behind a good head.
    const std::string head = "schema: perfwatt/chip/v1\n";
    perfwatt::read(head + text, {});
    const std::size_t line = text.find('\n');
    if (line != std::string::npos && line < 200)
        perfwatt::read(head + text.substr(line + 1), {text.substr(0, line)});
    return 0;
}

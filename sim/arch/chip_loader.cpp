#include "sim/arch/chip_loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sim/arch/chip_engines.h"
#include "sim/arch/operating_point.h"
#include "sim/arch/system_loader.h"
#include "sim/config/completion.h"
#include "sim/config/json_schema.h"
#include "sim/config/schema.h"

namespace perfwatt {
namespace {

/// A chip YAML as written; ChipSpec is what remains of it.
struct ProcessFile {
    double node_nm = 0;
    double voltage = 0;
};

struct LinkFile {
    std::string name;
    std::int64_t bytes_per_second = 0;
    std::int64_t packet_payload = 0;
    std::int64_t packet_overhead = 0;
    Time latency;
    Sourced<double> energy;
};

struct HostFile {
    std::int64_t operations_per_second = 0;
    std::int64_t bytes_per_second = 0;
    Sourced<double> energy;
};

struct ChipFile {
    std::string name;
    std::string description;
    std::optional<std::string> family;
    std::vector<EngineFile> engines;
    ProcessFile process;
    Trust trust = Trust::none;
    PowerBoundary power_boundary = PowerBoundary::chip;
    std::string precision;
    std::vector<std::pair<std::string, Sourced<std::string>>> published;
    std::vector<LinkFile> links;
    std::vector<MemoryAttachment> memories;
    Time launch;
    std::string memory_timing;
    std::vector<OperatingPoint> operating_points;
    std::int64_t operating_steps = 1;
    std::optional<std::string> operating_point;
    std::optional<double> power_cap_w;
    std::optional<HostFile> host;
    const ConfigNode* family_map = nullptr;  ///< of whichever family comes last: see family_node()
};

MapSchema<ProcessFile> process_schema() {
    return MapSchema<ProcessFile>("process")
        .length("node", &ProcessFile::node_nm, {.min = "1 nm", .max = "1000 nm"},
                "of the silicon, in whole nanometres")
        .voltage("voltage", &ProcessFile::voltage, {.min = "100 mV", .max = "5 V"},
                 "of the logic at the clock given");
}

MapSchema<LinkFile> link_schema() {
    return MapSchema<LinkFile>("link")
        .text("name", &LinkFile::name, {}, "by which memories name it in 'via'")
        .bandwidth("bandwidth", &LinkFile::bytes_per_second, {.min = "1 MB/s"},
                   "each way; of payload where no packet is given")
        .bytes("packet_payload", &LinkFile::packet_payload,
               {.min = "0 B", .max = "1 MiB", .otherwise = "0 B"},
               "largest payload of a packet; 0 B: overhead is taken off the bandwidth already")
        .bytes("packet_overhead", &LinkFile::packet_overhead,
               {.min = "0 B", .max = "64 KiB", .otherwise = "0 B"},
               "headers and checks of each packet")
        .time("latency", &LinkFile::latency, {.min = "0 fs", .max = "1 s"}, "one way")
        .energy_per_bit("energy", &LinkFile::energy, {}, "of a bit that crosses")
        .check([](const LinkFile& link, const MapCheck& check) {
            if (link.packet_overhead > 0 && link.packet_payload == 0)
                check.error("packet_overhead", "'packet_overhead' needs a 'packet_payload'");
        });
}

MapSchema<MemoryAttachment> memory_schema() {
    return MapSchema<MemoryAttachment>("memory")
        .text("name", &MemoryAttachment::name, {}, "of this attachment, for reports")
        .text("standard", &MemoryAttachment::standard, {}, "name or file of a memory YAML")
        .count("channels", &MemoryAttachment::channels, {.max = 1024}, "of the standard's width")
        .bytes("capacity", &MemoryAttachment::capacity_bytes, {.max = "64 TiB"},
               "of all channels together")
        .field("via", &MemoryAttachment::via, list_of(text_value(), {.max = 8}), Presence::optional,
               "links crossed, nearest the chip first")
        .bytes("transaction", &MemoryAttachment::transaction_bytes,
               {.min = "16 B", .max = "16 MiB", .otherwise = "4 KiB"},
               "pieces into which a DMA transfer is cut")
        .count("outstanding", &MemoryAttachment::outstanding, {.max = 65536, .otherwise = 16},
               "pieces in flight for one DMA engine");
}

MapSchema<HostFile> host_schema() {
    return MapSchema<HostFile>("host")
        .operations("operations", &HostFile::operations_per_second, {},
                    "a second, sustained on the work the chip cannot do")
        .bandwidth("bandwidth", &HostFile::bytes_per_second, {}, "of its memory, sustained")
        .energy("energy", &HostFile::energy, {}, "of one operation");
}

/// Rules between the fields of a chip.
void check_chip(const ChipFile& chip, const MapCheck& check) {
    if (chip.memory_timing != "exact" && chip.memory_timing != "stream")
        check.error("memory_timing", "'memory_timing' is 'exact' or 'stream'");
    check_operating_points(chip.operating_points, chip.operating_steps,
                           chip.operating_point.value_or(""), check);
    check_engines(chip.engines, chip.family, chip.memories, check);
    if (chip.process.node_nm != std::floor(chip.process.node_nm))
        check.error("process", "'node' must be a whole number of nanometres");
    std::vector<std::string> links;
    for (const LinkFile& link : chip.links) links.push_back(link.name);
    const ConfigNode& memories = check.node->find("memories")->plain();
    for (std::size_t i = 0; i < chip.memories.size(); ++i)
        for (std::size_t j = 0; j < chip.memories[i].via.size(); ++j) {
            const std::string& via = chip.memories[i].via[j];
            if (std::find(links.begin(), links.end(), via) != links.end()) continue;
            const ConfigNode& place = memories.items[i].find("via")->plain().items[j];
            std::string hint = did_you_mean(via, links);
            if (hint.empty())
                hint = links.empty() ? "the chip has no 'links'"
                                     : fmt::format("links: {}", fmt::join(links, ", "));
            check.reading->error(place, fmt::format("there is no link '{}'", via), std::move(hint));
        }
    const ConfigNode* published = check.node->find("published");
    for (const auto& [name, fact] : chip.published)
        if (fact.status != Status::published)
            check.reading->error(*published->find(name),
                                 fmt::format("the published figure '{}' has no source", name),
                                 fmt::format("{}: {{value: ..., source: ...}}", name));
}

MapSchema<ChipFile> chip_schema(const FamilyRegistry& families) {
    MapSchema<ChipFile> schema("chip");
    schema.text("name", &ChipFile::name, {}, "for tables and reports")
        .prose("description", &ChipFile::description, "a line for 'perfwatt list'")
        .text("family", &ChipFile::family, {}, "kind of hardware; its map stands under this name")
        .maps("engines", &ChipFile::engines, engine_schema(families), {.max = 16},
              "instead of a family: several accelerators that share memories and links")
        .map("process", &ChipFile::process, process_schema(), Presence::required,
             "what the chip is made in")
        .choice("trust", &ChipFile::trust,
                {.names = {{"A", Trust::a}, {"B", Trust::b}, {"none", Trust::none}}},
                "how much of this description is public")
        .choice("power_boundary", &ChipFile::power_boundary,
                {.names = {{"chip", PowerBoundary::chip},
                           {"chip_dram", PowerBoundary::chip_dram},
                           {"board", PowerBoundary::board},
                           {"wall", PowerBoundary::wall}}},
                "what the power of this chip includes")
        .text("precision", &ChipFile::precision, {.otherwise = "int8"},
              "in which networks are computed where the command line does not say")
        .field("published", &ChipFile::published,
               ordered_map_of(prose_value<Sourced<std::string>>(), {.max = 64}), Presence::optional,
               "figures to compare with; no model reads them")
        .maps("links", &ChipFile::links, link_schema(), {.max = 64},
              "between the chip and its memories")
        .maps("memories", &ChipFile::memories, memory_schema(), {.min = 1, .max = 16},
              "outside the chip; the first holds weights, inputs and what spills")
        .time("launch", &ChipFile::launch, {.min = "0 fs", .max = "10 s"},
              "host time before an inference starts")
        .text("memory_timing", &ChipFile::memory_timing, {.otherwise = "exact"},
              "where the command line does not say: exact, every burst; stream, runs of rows")
        .maps("operating_points", &ChipFile::operating_points, operating_point_schema(),
              {.max = 64}, "clocks and voltages it may run at, the fastest first")
        .count("operating_steps", &ChipFile::operating_steps,
               {.min = kLeastSteps, .max = kMostSteps, .otherwise = kLeastSteps},
               "from each of them to the next, with quantities in between")
        .text("operating_point", &ChipFile::operating_point, {},
              "the one it runs at; absent: the fastest within the power cap")
        .power("power_cap", &ChipFile::power_cap_w, {},
               "what it may draw on average, within its power boundary")
        .map("host", &ChipFile::host, host_schema(), Presence::optional,
             "the processor that does what the chip cannot");
    for (const std::string& family : families.names())
        schema.raw(family, &ChipFile::family_map, Presence::optional,
                   fmt::format("the accelerator itself, where 'family: {}'", family));
    schema.check(check_chip);
    return schema;
}

ChipSpec to_spec(const ChipFile& file) {
    ChipSpec spec{.name = file.name,
                  .description = file.description,
                  .process_nm = static_cast<int>(file.process.node_nm),
                  .voltage = file.process.voltage,
                  .trust = file.trust,
                  .power_boundary = file.power_boundary,
                  .default_precision = file.precision,
                  .memories = file.memories,
                  .launch = file.launch,
                  .memory_timing = file.memory_timing,
                  .operating_point = file.operating_point.value_or(""),
                  .power_cap_w = file.power_cap_w};
    for (const OperatingPoint& point : with_steps(file.operating_points, file.operating_steps))
        spec.operating_points.push_back(point.name);
    if (!spec.operating_points.empty() && !file.operating_point && !file.power_cap_w)
        spec.operating_point = spec.operating_points.front();
    for (const LinkFile& link : file.links)
        spec.links.push_back({.name = link.name,
                              .bytes_per_second = link.bytes_per_second,
                              .packet_payload_bytes = link.packet_payload,
                              .packet_overhead_bytes = link.packet_overhead,
                              .latency = link.latency,
                              .picojoules_per_bit = link.energy.value,
                              .energy_source = link.energy.source()});
    if (file.host)
        spec.host = HostSpec{.operations_per_second = file.host->operations_per_second,
                             .bytes_per_second = file.host->bytes_per_second,
                             .picojoules_per_operation = file.host->energy.value,
                             .energy_source = file.host->energy.source()};
    return spec;
}

/// Turns the names of memory YAMLs into files.
void find_memories(std::vector<MemoryAttachment>& memories, const Document& document,
                   const ConfigPath& config_path, Reading& reading) {
    const ConfigNode* given = document.root().find("memories");
    for (std::size_t i = 0; i < memories.size(); ++i) {
        if (memories[i].standard.empty()) continue;
        try {
            memories[i].standard =
                config_path.find(ConfigKind::memory, memories[i].standard, document.file());
        } catch (const UserError& error) {
            const Diagnostic& first = error.diagnostics().front();
            reading.error(*given->plain().items[i].find("standard"), first.message, first.hint);
        }
    }
}

/// What the catalog knows of the chip's memories; nothing once there are mistakes.
std::vector<MemoryFacts> facts_of(const ChipSpec& chip, const MemoryCatalog& catalog,
                                  const Document& document, Reading& reading) {
    if (reading.error_count() > 0) return {};
    std::vector<MemoryFacts> facts;
    const ConfigNode& given = document.root().find("memories")->plain();
    for (std::size_t i = 0; i < chip.memories.size(); ++i) {
        try {
            facts.push_back(catalog.facts(chip.memories[i], chip.links));
        } catch (const UserError& error) {
            for (const Diagnostic& found : error.diagnostics()) {
                if (found.place.file.empty())
                    reading.error(given.items[i], found.message, found.hint);
                else
                    reading.error(found);
            }
        }
    }
    return facts;
}

/// What an operating point sets goes before what the user sets.
Document load_at_operating_point(const std::string& file, const std::vector<std::string>& overrides,
                                 const ConfigPath& config_path) {
    Document document = Document::load(ConfigKind::chip, file, config_path, overrides);
    std::vector<std::string> all = operating_point_overrides(document);
    if (all.empty()) return document;
    all.insert(all.end(), overrides.begin(), overrides.end());
    return Document::load(ConfigKind::chip, file, config_path, all);
}

/// Whether the user sets what a point would: a clock held by hand is not lowered.
bool sets_a_point(const std::vector<OperatingPoint>& points,
                  const std::vector<std::string>& overrides) {
    return std::any_of(points.begin(), points.end(), [&](const OperatingPoint& point) {
        return std::any_of(point.set.begin(), point.set.end(), [&](const auto& entry) {
            return std::any_of(overrides.begin(), overrides.end(), [&](const std::string& text) {
                return text.starts_with(entry.first + "=");
            });
        });
    });
}

LoadedChip load_chip_file(const std::string& file, const std::vector<std::string>& overrides,
                          const FamilyRegistry& families, const ConfigPath& config_path,
                          const MemoryCatalog& memories) {
    const Document document = load_at_operating_point(file, overrides, config_path);
    Reading reading(document);
    const ChipFile chip = chip_schema(families).read(document.root(), reading);
    LoadedChip loaded{.spec = to_spec(chip), .file = document.file()};
    if (loaded.spec.operating_point.empty() && sets_a_point(chip.operating_points, overrides))
        loaded.spec.operating_point = chip.operating_points.front().name;
    find_memories(loaded.spec.memories, document, config_path, reading);
    loaded.memories = facts_of(loaded.spec, memories, document, reading);
    const FamilyContext context{.chip = chip.name,
                                .engine = {},
                                .process_nm = loaded.spec.process_nm,
                                .voltage = chip.process.voltage,
                                .config_path = &config_path,
                                .file = document.file(),
                                .memories = loaded.memories};
    loaded.spec.engines =
        make_engines(chip.engines, chip.family, families, document.root(), context, reading);
    reading.finish();
    loaded.spec.family = loaded.spec.engines.front().family;
    loaded.spec.device = loaded.spec.engines.front().device;
    for (const auto& [name, fact] : chip.published)
        loaded.published.push_back({.name = name, .value = fact.value, .source = fact.note});
    loaded.resolved = reading.resolved();
    loaded.estimated = paths_with(Status::estimated, loaded.resolved);
    loaded.fitted = paths_with(Status::fitted, loaded.resolved);
    loaded.spec.estimated = loaded.estimated;
    loaded.spec.config_hash = config_hash(loaded.resolved);
    return loaded;
}

constexpr std::string_view kSystemPrefix = "system.";

/// The chip becomes one of the system's; a system of one, and nothing around it, is that chip.
void join_system(LoadedChip& chip, LoadedSystem system, const std::string& file) {
    const SystemSpec& spec = system.spec;
    if (spec.chips() == 1 && spec.host.bytes_per_second == 0) return;
    chip.file = file;
    chip.spec.name = spec.name;
    if (!system.description.empty()) chip.spec.description = system.description;
    if (system.power_boundary) chip.spec.power_boundary = *system.power_boundary;
    chip.resolved.insert(chip.resolved.end(), system.resolved.begin(), system.resolved.end());
    chip.estimated = paths_with(Status::estimated, chip.resolved);
    chip.fitted = paths_with(Status::fitted, chip.resolved);
    chip.spec.estimated = chip.estimated;
    chip.spec.config_hash = config_hash(chip.resolved);
    chip.spec.system = std::move(system.spec);
}

/// Chips and systems share one space of names.
std::string find_chip_or_system(const std::string& name_or_file, const ConfigPath& config_path) {
    if (auto chip = config_path.try_find(ConfigKind::chip, name_or_file)) return *chip;
    if (auto system = config_path.try_find(ConfigKind::system, name_or_file)) return *system;
    std::vector<std::string> names = config_path.names(ConfigKind::chip);
    for (std::string& name : config_path.names(ConfigKind::system))
        names.push_back(std::move(name));
    const auto whole = only_completion("chip or system", name_or_file, names);
    if (whole) return find_chip_or_system(*whole, config_path);
    const std::string near = did_you_mean(name_or_file, names);
    if (!near.empty() && name_or_file.find('/') == std::string::npos)
        throw UserError(fmt::format("there is no chip or system '{}'", name_or_file), near);
    return config_path.find(ConfigKind::chip, name_or_file);
}

/// In a file that extends another any key may be the parent's; elements of lists are whole.
void relax(nlohmann::ordered_json& schema) {
    if (!schema.is_object()) return;
    schema.erase("required");
    schema.erase("minProperties");
    if (schema.contains("properties"))
        for (auto& property : schema["properties"]) relax(property);
    if (schema.contains("additionalProperties")) relax(schema["additionalProperties"]);
}

}  // namespace

LoadedChip load_chip(const std::string& name_or_file, const std::vector<std::string>& overrides,
                     const FamilyRegistry& families, const ConfigPath& config_path,
                     const MemoryCatalog& memories) {
    const std::string file = find_chip_or_system(name_or_file, config_path);
    if (Document::kind_of(file) != ConfigKind::system)
        return load_chip_file(file, overrides, families, config_path, memories);
    std::vector<std::string> of_system;
    std::vector<std::string> of_chip;
    for (const std::string& text : overrides) {
        if (text.starts_with(kSystemPrefix))
            of_system.push_back(text.substr(kSystemPrefix.size()));
        else
            of_chip.push_back(text);
    }
    LoadedSystem system = load_system(file, of_system, config_path);
    LoadedChip chip = load_chip_file(system.chip_file, of_chip, families, config_path, memories);
    join_system(chip, std::move(system), file);
    return chip;
}

nlohmann::ordered_json chip_json_schema(const FamilyRegistry& families) {
    nlohmann::ordered_json schema = json_schema(ConfigKind::chip, chip_schema(families).rule());
    nlohmann::ordered_json one_of = nlohmann::ordered_json::array();
    for (const char* form : {"family", "engines"})
        one_of.push_back({{"required", nlohmann::ordered_json::array({form})}});
    schema["else"]["oneOf"] = std::move(one_of);
    for (const std::string& name : families.names()) {
        nlohmann::ordered_json whole = families.find(name)->schema();
        schema["else"]["properties"][name] = whole;
        for (const char* form : {"then", "else"})  // engines are whole: lists replace a parent's
            schema[form]["properties"]["engines"]["items"]["properties"][name] = whole;
        relax(whole);
        schema["then"]["properties"][name] = std::move(whole);
    }
    return schema;
}

}  // namespace perfwatt

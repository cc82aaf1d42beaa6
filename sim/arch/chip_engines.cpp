#include "sim/arch/chip_engines.h"

#include <fmt/format.h>

#include <algorithm>

namespace perfwatt {
namespace {

/// The map of `family` in `at`, and an error for any other family's; `what` is at's name.
const ConfigNode* family_node(const std::string& family, const char* what,
                              const FamilyRegistry& families, const ConfigNode& at,
                              Reading& reading) {
    for (const std::string& other : families.names())
        if (other != family && at.find(other) != nullptr && !family.empty())
            reading.error(*at.find(other),
                          fmt::format("the map '{}' belongs to another family", other),
                          fmt::format("this {} has 'family: {}'", what, family));
    const ConfigNode* named = at.find("family");
    if (family.empty() || named == nullptr) return nullptr;
    if (families.find(family) == nullptr) {
        std::string hint = did_you_mean(family, families.names());
        if (hint.empty()) hint = fmt::format("known: {}", fmt::join(families.names(), ", "));
        reading.error(*named, fmt::format("there is no family '{}'", family), std::move(hint));
        return nullptr;
    }
    const ConfigNode* node = at.find(family);
    if (node == nullptr)
        reading.error(at, fmt::format("missing key '{}' in {}", family, what),
                      fmt::format("the map of 'family: {}'", family));
    return node;
}

std::shared_ptr<const Device> make_device(const ChipEngine& engine, const ConfigNode& node,
                                          const FamilyRegistry& families, FamilyContext context,
                                          Reading& reading) {
    context.engine = engine.name;
    const std::size_t mistakes = reading.error_count();
    auto device = families.find(engine.family)->parse(node, engine.path, context, reading);
    PERFWATT_CHECK(device != nullptr || reading.error_count() > 0,
                   fmt::format("the family '{}' made no device and said no reason", engine.family));
    return reading.error_count() == mistakes ? std::move(device) : nullptr;
}

/// Of a whole list element that the schema has read.
std::string engine_path(const EngineFile& engine) {
    return fmt::format("engines.{}.{}", engine.name, engine.family);
}

}  // namespace

MapSchema<EngineFile> engine_schema(const FamilyRegistry& families) {
    MapSchema<EngineFile> schema("engine");
    schema.text("name", &EngineFile::name, {}, "for reports, and in paths of --set")
        .text("family", &EngineFile::family, {}, "kind of hardware; its map stands under this name")
        .count("count", &EngineFile::count, {.max = 64, .otherwise = 1},
               "how many alike: name0, name1, …")
        .time("launch", &EngineFile::launch, {.min = "0 fs", .max = "10 s", .otherwise = "0 fs"},
              "before it starts on what another engine has made")
        .field("memories", &EngineFile::memories, list_of(text_value(), {.max = 16}),
               Presence::optional,
               "of the chip's, those that it sees; the first holds its weights (all)");
    for (const std::string& family : families.names())
        schema.raw(family, &EngineFile::family_map, Presence::optional,
                   fmt::format("the accelerator itself, where 'family: {}'", family));
    return schema;
}

void check_engines(const std::vector<EngineFile>& engines, const std::optional<std::string>& family,
                   const std::vector<MemoryAttachment>& memories, const MapCheck& check) {
    if (family && !engines.empty()) {
        check.error("engines", "a chip has either 'family' or 'engines'",
                    "make the family's map one of the engines");
        return;
    }
    if (!family && engines.empty()) {
        check.reading->error(*check.node, "missing key 'family' in chip",
                             "family: kind of hardware; its map stands under this name (or "
                             "'engines': several of them)");
        return;
    }
    std::vector<std::string> known;
    for (const MemoryAttachment& memory : memories) known.push_back(memory.name);
    for (std::size_t i = 0; i < engines.size(); ++i) {
        const ConfigNode& node = check.node->find("engines")->plain().items[i];
        for (std::size_t m = 0; m < engines[i].memories.size(); ++m) {
            const std::string& name = engines[i].memories[m];
            if (std::find(known.begin(), known.end(), name) != known.end()) continue;
            std::string hint = did_you_mean(name, known);
            if (hint.empty()) hint = fmt::format("memories: {}", fmt::join(known, ", "));
            check.reading->error(node.find("memories")->plain().items[m],
                                 fmt::format("the chip has no memory '{}'", name), std::move(hint));
        }
    }
}

std::vector<ChipEngine> make_engines(const std::vector<EngineFile>& engines,
                                     const std::optional<std::string>& family,
                                     const FamilyRegistry& families, const ConfigNode& root,
                                     const FamilyContext& context, Reading& reading) {
    std::vector<ChipEngine> made;
    if (family || engines.empty()) {
        const std::string name = family.value_or("");
        if (const ConfigNode* node = family_node(name, "chip", families, root, reading)) {
            ChipEngine engine{.name = name, .family = name, .path = name};
            engine.device = make_device(engine, *node, families, context, reading);
            made.push_back(std::move(engine));
        }
        return made;
    }
    for (const std::string& other : families.names())
        if (const ConfigNode* stray = root.find(other))
            reading.error(*stray, fmt::format("the map '{}' belongs into one of 'engines'", other));
    for (std::size_t i = 0; i < engines.size(); ++i) {
        const EngineFile& file = engines[i];
        const ConfigNode& at = root.find("engines")->plain().items[i];
        const ConfigNode* node = family_node(file.family, "engine", families, at, reading);
        if (node == nullptr) continue;
        ChipEngine engine{.name = file.name,
                          .family = file.family,
                          .path = engine_path(file),
                          .launch = file.launch};
        for (const std::string& memory : file.memories)
            for (std::size_t m = 0; m < context.memories.size(); ++m)
                if (context.memories[m].name == memory)
                    engine.memories.push_back({static_cast<std::int32_t>(m)});
        engine.device = make_device(engine, *node, families, context, reading);
        for (std::int64_t copy = 0; copy < file.count; ++copy) {
            made.push_back(engine);
            if (file.count > 1) made.back().name = fmt::format("{}{}", file.name, copy);
        }
    }
    return made;
}

}  // namespace perfwatt

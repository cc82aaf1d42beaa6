#include "sim/run/mapping_file.h"

#include <fmt/format.h>

#include "sim/config/document.h"
#include "sim/config/schema.h"

namespace perfwatt {
namespace {

struct KernelEntry {
    std::string kernel;
    Mapping mapping;
};

struct MappingFile {
    std::vector<KernelEntry> kernels;
};

MapSchema<MappingFile> mapping_schema() {
    return MapSchema<MappingFile>("mapping file")
        .maps(
            "kernels", &MappingFile::kernels,
            MapSchema<KernelEntry>("kernel mapping")
                .text("kernel", &KernelEntry::kernel, {}, "its name, as --dump-after lower prints")
                .field("mapping", &KernelEntry::mapping,
                       ordered_map_of(verbatim_value(), {.max = 64}), Presence::required,
                       "tile sizes, order and split, as --dump-mapping writes them"),
            {.max = 1'000'000}, "kernels that are not searched");
}

/// Names may hold anything; YAML's double quotes can too.
std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

}  // namespace

std::string mapping_file_text(const Compiled& compiled) {
    std::string text = "schema: perfwatt/mapping/v1\nkernels:\n";
    for (const KernelReport& kernel : compiled.kernels) {
        if (kernel.choice.mapping.empty()) continue;
        text += fmt::format("  - kernel: {}\n    mapping:\n", quoted(kernel.name));
        for (const auto& [key, value] : kernel.choice.mapping)
            text += fmt::format("      {}: {}\n", key, value);
    }
    return text;
}

std::map<std::string, Mapping> read_mapping_file(const std::string& file) {
    const Document document = Document::load(ConfigKind::mapping, file);
    Reading reading(document);
    const MappingFile read = mapping_schema().read(document.root(), reading);
    std::map<std::string, Mapping> mappings;
    for (const KernelEntry& entry : read.kernels)
        if (!mappings.try_emplace(entry.kernel, entry.mapping).second)
            reading.error(document.root(),
                          fmt::format("kernel '{}' is mapped twice", entry.kernel));
    reading.finish();
    return mappings;
}

}  // namespace perfwatt

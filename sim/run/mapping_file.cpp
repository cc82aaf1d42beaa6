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

struct MappingText {
    std::int64_t batch_parts = 1;
    std::vector<KernelEntry> kernels;
};

MapSchema<MappingText> mapping_schema() {
    return MapSchema<MappingText>("mapping file")
        .count("batch_parts", &MappingText::batch_parts, {.max = 1 << 20, .otherwise = 1},
               "in which the batch is computed, one after the other")
        .maps(
            "kernels", &MappingText::kernels,
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

std::string mapping_file_text(const Compiled& compiled, int batch_parts) {
    std::string text =
        fmt::format("schema: perfwatt/mapping/v1\nbatch_parts: {}\nkernels:\n", batch_parts);
    for (const KernelReport& kernel : compiled.kernels) {
        if (kernel.choice.mapping.empty()) continue;
        text += fmt::format("  - kernel: {}\n    mapping:\n", quoted(kernel.name));
        for (const auto& [key, value] : kernel.choice.mapping)
            text += fmt::format("      {}: {}\n", key, value);
    }
    return text;
}

MappingFile read_mapping_file(const std::string& file) {
    const Document document = Document::load(ConfigKind::mapping, file);
    Reading reading(document);
    const MappingText read = mapping_schema().read(document.root(), reading);
    MappingFile result{.batch_parts = static_cast<int>(read.batch_parts), .mappings = {}};
    for (const KernelEntry& entry : read.kernels)
        if (!result.mappings.try_emplace(entry.kernel, entry.mapping).second)
            reading.error(document.root(),
                          fmt::format("kernel '{}' is mapped twice", entry.kernel));
    reading.finish();
    return result;
}

}  // namespace perfwatt

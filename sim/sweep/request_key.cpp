#include "sim/sweep/request_key.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>
#include <vector>

#include "sim/arch/chip_loader.h"
#include "sim/base/version.h"
#include "sim/config/config_path.h"
#include "sim/config/document.h"

namespace perfwatt {
namespace {

std::string file_text(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file) throw UserError(fmt::format("cannot read '{}'", path));
    return std::move(text).str();
}

bool is_yaml(const std::string& path) { return path.ends_with(".yaml") || path.ends_with(".yml"); }

/// Fields that cannot run into one another.
std::string joined(const std::vector<std::string>& fields) {
    std::string text;
    for (const std::string& field : fields) text += fmt::format("{}:{}\n", field.size(), field);
    return text;
}

}  // namespace

std::string hash_text(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char byte : text) {
        hash ^= static_cast<unsigned char>(byte);
        hash *= 0x100000001b3;
    }
    return fmt::format("{:016x}", hash);
}

const std::string& RequestKeys::chip_hash(const RunRequest& request) {
    const std::vector<std::string> overrides = split_overrides(request.overrides).chip;
    const auto [place, is_new] =
        chips_.try_emplace(fmt::format("{}\n{}", request.chip, joined(overrides)));
    if (is_new) {
        const ChipSpec chip = load_chip(request.chip, overrides, environment_->families,
                                        environment_->configs, environment_->memories)
                                  .spec;
        std::vector<std::string> parts{chip.config_hash};
        for (const MemoryAttachment& memory : chip.memories) {
            parts.push_back(file_hash(ConfigKind::memory, memory.standard));
        }
        // Which of the tables a family reads is its own affair: all of them count.
        for (const std::string& table : environment_->configs.names(ConfigKind::energy)) {
            parts.push_back(file_hash(ConfigKind::energy, table));
        }
        place->second = hash_text(joined(parts));
    }
    return place->second;
}

const std::string& RequestKeys::file_hash(ConfigKind kind, const std::string& name_or_file) {
    const ConfigPath& configs = environment_->configs;
    const std::string file = configs.find(kind, name_or_file);
    const auto [place, is_new] = files_.try_emplace(file);
    if (is_new) {
        std::vector<std::string> texts;
        if (is_yaml(file)) {
            const Document document = Document::load(kind, file, configs);
            for (const std::string& part : document.files()) texts.push_back(file_text(part));
        } else {
            texts.push_back(file_text(file));
        }
        place->second = hash_text(joined(texts));
    }
    return place->second;
}

std::string RequestKeys::key(const RunRequest& request) {
    std::vector<std::string> fields{std::string(version()),
                                    chip_hash(request),
                                    file_hash(ConfigKind::workload, request.workload),
                                    fmt::format("{}", request.batch),
                                    request.precision.value_or(""),
                                    request.phase,
                                    fmt::format("{}", request.context),
                                    fmt::format("{}", request.tokens),
                                    request.scenario,
                                    fmt::format("{}", request.requests),
                                    request.start,
                                    request.place,
                                    request.memory_timing,
                                    request.mapping_file ? file_text(*request.mapping_file) : "",
                                    fmt::format("{}", request.mapping_effort),
                                    fmt::format("{}", request.strict),
                                    fmt::format("{}", request.fold_layers)};
    for (const std::string& text : split_overrides(request.overrides).workload) {
        fields.push_back(text);
    }
    for (const std::string& text : request.lighten) fields.push_back("lighten " + text);
    return hash_text(joined(fields));
}

}  // namespace perfwatt

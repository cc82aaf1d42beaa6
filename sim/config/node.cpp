#include "sim/config/node.h"

#include <fmt/format.h>

namespace perfwatt {

const ConfigNode* ConfigNode::find(std::string_view key) const {
    for (const ConfigEntry& entry : entries)
        if (entry.key == key) return &entry.value;
    return nullptr;
}

ConfigNode* ConfigNode::find(std::string_view key) {
    for (ConfigEntry& entry : entries)
        if (entry.key == key) return &entry.value;
    return nullptr;
}

const ConfigNode& ConfigNode::plain() const {
    const ConfigNode* value = find("value");
    return value != nullptr ? *value : *this;
}

std::string describe(const ConfigNode& node) {
    switch (node.kind) {
        case ConfigNode::Kind::null:
            return "nothing";
        case ConfigNode::Kind::list:
            return "a list";
        case ConfigNode::Kind::map:
            return "a map";
        case ConfigNode::Kind::scalar:
            break;
    }
    constexpr std::size_t kShown = 60;
    if (node.text.size() <= kShown) return fmt::format("'{}'", node.text);
    return fmt::format("'{}...'", node.text.substr(0, kShown));
}

}  // namespace perfwatt

#include <fmt/format.h>

#include <utility>

#include "sim/arch/family.h"
#include "sim/base/diagnostics.h"

namespace perfwatt {

void FamilyRegistry::add(std::unique_ptr<const Family> family) {
    PERFWATT_CHECK(find(family->name()) == nullptr,
                   fmt::format("two families are named '{}'", family->name()));
    families_.push_back(std::move(family));
}

const Family* FamilyRegistry::find(std::string_view name) const {
    for (const auto& family : families_)
        if (family->name() == name) return family.get();
    return nullptr;
}

std::vector<std::string> FamilyRegistry::names() const {
    std::vector<std::string> result;
    for (const auto& family : families_) result.emplace_back(family->name());
    return result;
}

}  // namespace perfwatt

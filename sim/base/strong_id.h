#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace perfwatt {

/// An index that cannot be mistaken for another kind of index. `Tag` is any empty type.
template <class Tag>
struct StrongId {
    std::int32_t value = -1;

    [[nodiscard]] constexpr bool valid() const { return value >= 0; }
    [[nodiscard]] constexpr std::size_t index() const { return static_cast<std::size_t>(value); }
    friend constexpr auto operator<=>(StrongId, StrongId) = default;
};

}  // namespace perfwatt

template <class Tag>
struct std::hash<perfwatt::StrongId<Tag>> {
    std::size_t operator()(perfwatt::StrongId<Tag> id) const noexcept {
        return std::hash<std::int32_t>{}(id.value);
    }
};

#include "sim/base/data_type.h"

#include <gtest/gtest.h>

#include "sim/base/strong_id.h"

namespace perfwatt {
namespace {

TEST(DataType, NamesReadBack) {
    for (int i = 0; i <= static_cast<int>(DataType::boolean); ++i) {
        const auto type = static_cast<DataType>(i);
        EXPECT_EQ(data_type_from(to_string(type)), type);
    }
    EXPECT_EQ(data_type_from("int3"), std::nullopt);
}

TEST(DataType, PacksNarrowTypesAndRoundsUpToABytes) {
    EXPECT_EQ(bits(DataType::int4), 4);
    EXPECT_EQ(bytes(DataType::int4, 3), 2);
    EXPECT_EQ(bytes(DataType::int4, 4), 2);
    EXPECT_EQ(bytes(DataType::bf16, 3), 6);
    EXPECT_EQ(bytes(DataType::tf32, 2), 8);  // stored as 32 bits
    EXPECT_EQ(bytes(DataType::fp64, 0), 0);
}

TEST(DataType, KnowsFloats) {
    EXPECT_TRUE(is_floating(DataType::fp8));
    EXPECT_FALSE(is_floating(DataType::uint8));
    EXPECT_FALSE(is_floating(DataType::boolean));
}

TEST(StrongId, IsInvalidUntilSet) {
    using Id = StrongId<struct IdTag>;
    EXPECT_FALSE(Id{}.valid());
    EXPECT_TRUE(Id{0}.valid());
    EXPECT_LT(Id{1}, Id{2});
    EXPECT_EQ(std::hash<Id>{}(Id{7}), std::hash<Id>{}(Id{7}));
}

}  // namespace
}  // namespace perfwatt

#include "models/dram/address_mapping.h"

#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "models/dram/dram_schema.h"

namespace perfwatt::dram {
namespace {

DramSpec small() {
    DramSpec spec = load_spec(ConfigPath({PERFWATT_SOURCE_DIR}), "hbm3_6400").spec;
    spec.organization.rows = 6;  // no power of two
    spec.organization.columns = 32;
    return spec;
}

TEST(AddressMapping, GivesEveryBurstOfEveryChannelAPlaceOfItsOwn) {
    for (const char* text : {"row|rank|bank|column|bank_group|pseudo_channel|channel",
                             "row|column:2|channel|rank|bank|bank_group|column:2|pseudo_channel",
                             "channel|rank|bank|row|column|bank_group|pseudo_channel"}) {
        DramSpec spec = small();
        spec.address_mapping = text;
        for (const bool hashed : {false, true}) {
            if (hashed) spec.address_hash = {"bank ^ row", "bank_group ^ column"};
            constexpr int kChannels = 3;
            const AddressMapping mapping(spec, kChannels);
            const std::int64_t bursts =
                spec.organization.capacity_bytes() / spec.organization.burst_bytes();
            for (int channel = 0; channel < kChannels; ++channel) {
                EXPECT_EQ(mapping.bursts_before(bursts * kChannels, channel), bursts) << text;
            }
            std::set<std::tuple<int, std::int64_t, std::int64_t>> places;
            for (std::int64_t i = 0; i < bursts; ++i) {
                const BurstPlace place = mapping.place(i);
                EXPECT_LT(place.bank, spec.organization.total_banks());
                places.insert({place.bank, place.row, place.column});
            }
            EXPECT_EQ(static_cast<std::int64_t>(places.size()), bursts) << text;
        }
    }
}

TEST(AddressMapping, SplitsASegmentOverChannelsWithoutLoss) {
    const AddressMapping mapping(small(), 4);
    for (std::int64_t begin = 0; begin < 40; ++begin) {
        for (std::int64_t end = begin; end < 60; ++end) {
            std::int64_t sum = 0;
            for (int channel = 0; channel < 4; ++channel) {
                sum += mapping.bursts_before(end, channel) - mapping.bursts_before(begin, channel);
            }
            EXPECT_EQ(sum, end - begin);
        }
    }
}

TEST(AddressMapping, RefusesWhatDoesNotAddUp) {
    const auto message = [](const std::string& text) {
        DramSpec spec = small();
        spec.name = "m";
        spec.address_mapping = text;
        try {
            const AddressMapping mapping(spec, 1);
        } catch (const UserError& error) {
            return std::string(error.what());
        }
        return std::string("accepted");
    };
    EXPECT_EQ(
        message("row|rank|bnk|column|bank_group|pseudo_channel"),
        "error: memory 'm': address mapping has no field 'bnk'\n  hint: did you mean 'bank'?\n");
    EXPECT_EQ(message("row|rank|bank|column|bank_group"),
              "error: memory 'm': address mapping 'row|rank|bank|column|bank_group' gives 1 values "
              "to 'pseudo_channel', which has 2\n");
}

}  // namespace
}  // namespace perfwatt::dram

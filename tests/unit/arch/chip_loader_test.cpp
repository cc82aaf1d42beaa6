#include "sim/arch/chip_loader.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sim/config/json_schema.h"
#include "sim/config/schema.h"
#include "tests/unit/config/config_test_support.h"

namespace perfwatt {
namespace {

struct AbacusSpec {
    std::int64_t beads = 0;
};

/// The least a device can be: enough to see that the loader hands on what the family made.
class Abacus final : public Device {
  public:
    explicit Abacus(AbacusSpec spec) : spec_(spec) {}

    [[nodiscard]] std::vector<Unit> units() const override { return {}; }
    [[nodiscard]] OnChipMemory on_chip() const override { return {}; }
    [[nodiscard]] Peak peak(DataType, DataType) const override {
        return {.macs_per_second = spec_.beads, .vector_operations_per_second = 0};
    }
    [[nodiscard]] std::optional<Infeasible> refuses(const Kernel&) const override {
        return Infeasible{"an abacus has no program"};
    }
    [[nodiscard]] std::variant<MappingChoice, Infeasible> map(
        const MappingRequest&) const override {
        return Infeasible{"an abacus has no program"};
    }
    [[nodiscard]] std::variant<Time, Infeasible> cost(const MappingRequest&,
                                                      const Mapping&) const override {
        return Infeasible{"an abacus has no program"};
    }
    void emit(const MappingRequest&, const Mapping&, LayerId, ProgramBuilder&) const override {}
    [[nodiscard]] Time duration(const Command&) const override { return {}; }
    [[nodiscard]] std::vector<Action> actions() const override { return {}; }
    void count(const Command&, std::span<const ActionId>, Counts&) const override {}
    [[nodiscard]] std::vector<StaticPower> static_power() const override { return {}; }

  private:
    AbacusSpec spec_;
};

MapSchema<AbacusSpec> abacus_schema() {
    return MapSchema<AbacusSpec>("abacus").count("beads", &AbacusSpec::beads, {.max = 1000},
                                                 "on all wires");
}

class AbacusFamily final : public Family {
  public:
    [[nodiscard]] std::string_view name() const override { return "abacus"; }
    [[nodiscard]] std::shared_ptr<const Device> parse(const ConfigNode& node,
                                                      const std::string& path,
                                                      const FamilyContext& context,
                                                      Reading& reading) const override {
        if (context.process_nm < 5) reading.error(node, "no abacus is this small");
        return std::make_shared<Abacus>(abacus_schema().read(node, reading, path));
    }
    [[nodiscard]] nlohmann::ordered_json schema() const override {
        return json_schema_of(abacus_schema().rule());
    }
};

constexpr const char* kChip = R"(schema: perfwatt/chip/v1
name: Wooden One
family: abacus
process: {node: 14 nm, voltage: {value: 0.8 V, estimated: usual}}
trust: B
power_boundary: chip_dram
published:
  peak: {value: 4 OPS, source: the box}
links:
- {name: bus, bandwidth: 4 GB/s, latency: 100 ns, energy: {value: 5 pJ/bit, fitted: on nothing}}
memories:
- {name: dram, standard: ddr, channels: 2, capacity: 4 GiB, via: [bus]}
launch: 20 us
abacus: {beads: 7}
)";

/// Knows every standard and makes none.
class AnyMemory final : public MemoryCatalog {
  public:
    [[nodiscard]] MemoryFacts facts(const MemoryAttachment& attachment,
                                    const std::vector<LinkSpec>&) const override {
        return {.name = attachment.name, .bytes_per_second = 1'000'000'000};
    }
    [[nodiscard]] std::unique_ptr<MemoryModel> make(const MemoryAttachment&,
                                                    std::string_view) const override {
        return nullptr;
    }
};

class ChipLoaderTest : public testing::Test {
  protected:
    ChipLoaderTest() : folder_("chip_loader") {
        families_.add(std::make_unique<AbacusFamily>());
        folder_.write("memories/ddr.yaml", "schema: perfwatt/memory/v1\n");
        folder_.write("chips/wooden.yaml", kChip);
    }

    /// `from` replaced by `to` in the chip; what the user reads then.
    std::string mistakes(const std::string& from, const std::string& to) {
        std::string text = kChip;
        const std::size_t at = text.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        text.replace(at, from.size(), to);
        folder_.write("chips/changed.yaml", text);
        return load("changed");
    }
    std::string load(const std::string& name, const std::vector<std::string>& overrides = {}) {
        return folder_.without_path(
            message_of([&] { (void)load_chip(name, overrides, families_, path_, memories_); }));
    }

    Folder folder_;
    FamilyRegistry families_;
    AnyMemory memories_;
    ConfigPath path_{{folder_.path()}};
};

TEST_F(ChipLoaderTest, ReadsWhatAllFamiliesShare) {
    const LoadedChip chip = load_chip("wooden", {}, families_, path_, memories_);
    EXPECT_EQ(chip.spec.name, "Wooden One");
    EXPECT_EQ(chip.spec.process_nm, 14);
    EXPECT_EQ(chip.spec.voltage, 0.8);
    EXPECT_EQ(chip.spec.trust, Trust::b);
    EXPECT_EQ(chip.spec.power_boundary, PowerBoundary::chip_dram);
    EXPECT_EQ(chip.spec.launch, Time{20'000'000'000});
    EXPECT_EQ(chip.spec.host, std::nullopt);
    ASSERT_EQ(chip.spec.links.size(), 1U);
    EXPECT_EQ(chip.spec.links[0].bytes_per_second, 4'000'000'000);
    EXPECT_EQ(chip.spec.links[0].picojoules_per_bit, 5);
    EXPECT_EQ(chip.spec.links[0].energy_source, "fitted: on nothing");
    ASSERT_EQ(chip.spec.memories.size(), 1U);
    EXPECT_EQ(chip.spec.memories[0].standard, folder_.path("memories/ddr.yaml"));
    EXPECT_EQ(chip.spec.memories[0].capacity_bytes, 4LL << 30);
    EXPECT_EQ(chip.spec.memories[0].transaction_bytes, 4096);
    EXPECT_EQ(chip.estimated, std::vector<std::string>{"process.voltage"});
    EXPECT_EQ(chip.fitted, std::vector<std::string>{"links.bus.energy"});
    EXPECT_EQ(chip.published.at(0).value, "4 OPS");
    EXPECT_EQ(chip.published.at(0).source, "the box");
}

TEST_F(ChipLoaderTest, TheFamilyReadsItsOwnMap) {
    EXPECT_EQ(load_chip("wooden", {}, families_, path_, memories_)
                  .spec.device->peak(DataType::int8, DataType::int8)
                  .macs_per_second,
              7);
    EXPECT_EQ(load_chip("wooden", {"abacus.beads=9"}, families_, path_, memories_)
                  .spec.device->peak(DataType::int8, DataType::int8)
                  .macs_per_second,
              9);
    EXPECT_EQ(mistakes("beads: 7", "beats: 7"),
              "chips/changed.yaml:14:9: error: missing key 'beads' in abacus\n"
              "  abacus: {beats: 7}\n"
              "          ^\n"
              "  hint: beads: on all wires\n"
              "chips/changed.yaml:14:10: error: unknown key 'beats' in abacus\n"
              "  abacus: {beats: 7}\n"
              "           ^\n"
              "  hint: did you mean 'beads'?\n");
    EXPECT_EQ(mistakes("14 nm", "4 nm"),
              "chips/changed.yaml:14:9: error: no abacus is this small\n"
              "  abacus: {beads: 7}\n"
              "          ^\n");
}

TEST_F(ChipLoaderTest, TheHashFollowsResultsNotWords) {
    const auto hash = [&](const std::vector<std::string>& overrides) {
        return load_chip("wooden", overrides, families_, path_, memories_).spec.config_hash;
    };
    EXPECT_EQ(hash({}), hash({"description=fine"}));
    EXPECT_EQ(hash({}), hash({"launch=20000 ns"}));
    EXPECT_NE(hash({}), hash({"launch=21 us"}));
    EXPECT_NE(hash({}), hash({"abacus.beads=8"}));
    EXPECT_EQ(hash({}).size(), 16U);
}

TEST_F(ChipLoaderTest, AnOperatingPointSetsKeysBeforeTheUserDoes) {
    const std::string points =
        "operating_points:\n"
        "- {name: fast, set: {abacus.beads: 9, process.voltage: 0.9 V}}\n"
        "- {name: slow, set: {abacus.beads: 3, process.voltage: 0.6 V}}\n";
    folder_.write("chips/two_speeds.yaml", kChip + points);
    const auto beads = [&](const std::vector<std::string>& overrides) {
        const LoadedChip chip = load_chip("two_speeds", overrides, families_, path_, memories_);
        return std::pair(chip.spec.device->peak(DataType::int8, DataType::int8).macs_per_second,
                         chip.spec.operating_point);
    };
    EXPECT_EQ(beads({}), std::pair(std::int64_t{9}, std::string("fast")));
    EXPECT_EQ(beads({"operating_point=slow"}), std::pair(std::int64_t{3}, std::string("slow")));
    EXPECT_EQ(beads({"operating_point=slow", "abacus.beads=5"}).first, 5);
    EXPECT_EQ(load("two_speeds", {"operating_point=slwo"}),
              "--set 'operating_point=slwo': error: there is no operating point 'slwo'\n"
              "  hint: did you mean 'slow'?\n");
    EXPECT_EQ(load_chip("two_speeds", {"power_cap=5 W"}, families_, path_, memories_)
                  .spec.operating_point,
              "")
        << "the run chooses it";
}

TEST_F(ChipLoaderTest, StepsLieEvenlyBetweenOperatingPoints) {
    const std::string points =
        "power_cap: 5 W\n"
        "operating_steps: 2\n"
        "operating_points:\n"
        "- {name: fast, set: {process.voltage: 0.9 V, abacus.beads: 9}}\n"
        "- {name: slow, set: {process.voltage: 0.6 V, abacus.beads: 3}}\n";
    folder_.write("chips/three_speeds.yaml", kChip + points);
    const auto spec = [&](const std::vector<std::string>& overrides) {
        return load_chip("three_speeds", overrides, families_, path_, memories_).spec;
    };
    // Half of the way from 0.9 to 0.6 V, and from 9 to 3 beads.
    EXPECT_EQ(spec({}).operating_points, (std::vector<std::string>{"fast", "0.75 V", "slow"}));
    const ChipSpec middle = spec({"operating_point=0.75 V"});
    EXPECT_EQ(middle.voltage, 0.75);
    EXPECT_EQ(middle.device->peak(DataType::int8, DataType::int8).macs_per_second, 6);
    EXPECT_EQ(spec({}).operating_point, "") << "the run chooses it";
    EXPECT_EQ(spec({"abacus.beads=5"}).operating_point, "fast") << "what is held is not lowered";
    folder_.write("chips/two_units.yaml", std::string(kChip) +
                                              "operating_steps: 2\noperating_points:\n"
                                              "- {name: fast, set: {process.voltage: 0.9 V}}\n"
                                              "- {name: slow, set: {process.voltage: 600 mV}}\n");
    EXPECT_NE(load("two_units", {}).find("there are no steps between 'fast' and 'slow'"),
              std::string::npos);
}

TEST_F(ChipLoaderTest, FamiliesMustExistAndMatch) {
    EXPECT_EQ(mistakes("family: abacus", "family: abakus"),
              "chips/changed.yaml:3:9: error: there is no family 'abakus'\n"
              "  family: abakus\n"
              "          ^\n"
              "  hint: did you mean 'abacus'?\n"
              "chips/changed.yaml:14:9: error: the map 'abacus' belongs to another family\n"
              "  abacus: {beads: 7}\n"
              "          ^\n"
              "  hint: this chip has 'family: abakus'\n");
    EXPECT_EQ(mistakes("abacus: {beads: 7}\n", ""),
              "chips/changed.yaml:1:1: error: missing key 'abacus' in chip\n"
              "  schema: perfwatt/chip/v1\n"
              "  ^\n"
              "  hint: the map of 'family: abacus'\n");
}

TEST_F(ChipLoaderTest, PartsMustFitTogether) {
    EXPECT_EQ(mistakes("via: [bus]", "via: [bos]"),
              "chips/changed.yaml:12:67: error: there is no link 'bos'\n"
              "  - {name: dram, standard: ddr, channels: 2, capacity: 4 GiB, via: [bos]}\n"
              "                                                                    ^\n"
              "  hint: did you mean 'bus'?\n");
    EXPECT_EQ(mistakes("standard: ddr", "standard: dda"),
              "chips/changed.yaml:12:26: error: there is no memory 'dda'\n"
              "  - {name: dram, standard: dda, channels: 2, capacity: 4 GiB, via: [bus]}\n"
              "                           ^\n"
              "  hint: did you mean 'ddr'?\n");
    EXPECT_NE(mistakes("via: [bus]", "via: {value: [bos], source: x}").find("12:75: error: there"),
              std::string::npos);
    EXPECT_EQ(mistakes("14 nm", "14.5 nm"),
              "chips/changed.yaml:4:10: error: 'node' must be a whole number of nanometres\n"
              "  process: {node: 14.5 nm, voltage: {value: 0.8 V, estimated: usual}}\n"
              "           ^\n");
    EXPECT_EQ(mistakes("{value: 4 OPS, source: the box}", "4 OPS"),
              "chips/changed.yaml:8:9: error: the published figure 'peak' has no source\n"
              "    peak: 4 OPS\n"
              "          ^\n"
              "  hint: peak: {value: ..., source: ...}\n");
    EXPECT_NE(mistakes("latency: 100 ns", "latency: 100 ns, packet_overhead: 24 B")
                  .find("error: 'packet_overhead' needs a 'packet_payload'\n"),
              std::string::npos);
}

TEST_F(ChipLoaderTest, AtLeastOneMemoryAndUniqueNames) {
    EXPECT_NE(
        mistakes("- {name: dram, standard: ddr, channels: 2, capacity: 4 GiB, via: [bus]}", "  []")
            .find("error: 'memories' must hold from 1 to 16 elements, not 0\n"),
        std::string::npos);
    EXPECT_NE(mistakes("launch:", "- {name: dram, standard: ddr, capacity: 1 GiB}\nlaunch:")
                  .find("error: two elements of 'memories' are named 'dram'\n"),
              std::string::npos);
}

TEST_F(ChipLoaderTest, ASystemOfOneChipIsThatChip) {
    folder_.write("systems/desk.yaml",
                  "schema: perfwatt/system/v1\nname: desk\nchips: [{chip: wooden}]\n");
    EXPECT_EQ(load_chip("desk", {"abacus.beads=3"}, families_, path_, memories_).spec.name,
              "Wooden One");
}

constexpr const char* kShop = R"(schema: perfwatt/system/v1
name: shop
chips: [{chip: wooden, count: 8}]
tensor: 4
data: 2
power_boundary: wall
peers:
  name: counter
  bandwidth: 2 GB/s
  setup: 3 us
  protocols: [{name: by hand, step: 1 us}]
  energy: {value: 4 pJ/bit, source: the shopkeeper}
host: {bandwidth: 1 GB/s, latency: 2 us, energy: 5 pJ/bit, idle_power: 60 W, estimated: usual}
)";

TEST_F(ChipLoaderTest, ASystemSaysHowItsChipsShareTheWork) {
    folder_.write("systems/shop.yaml", kShop);
    const ChipSpec shop = load_chip("shop", {"abacus.beads=3"}, families_, path_, memories_).spec;
    EXPECT_EQ(shop.name, "shop");
    EXPECT_EQ(shop.power_boundary, PowerBoundary::wall);
    EXPECT_EQ(shop.device->peak(DataType::int8, DataType::int8).macs_per_second, 3);
    ASSERT_TRUE(shop.system.has_value());
    EXPECT_EQ(shop.system->tensor, 4);
    EXPECT_EQ(shop.system->data, 2);
    EXPECT_EQ(shop.system->peers.energy_source, "the shopkeeper");
    EXPECT_EQ(shop.system->peers.protocols.at(0).efficiency, 1);
    EXPECT_EQ(shop.system->host.idle_watts, 60);
    const auto of = [&](const std::vector<std::string>& overrides) {
        return load_chip("shop", overrides, families_, path_, memories_).spec;
    };
    EXPECT_EQ(of({"system.tensor=8", "system.data=1"}).system->tensor, 8);
    EXPECT_NE(of({"system.peers.bandwidth=4 GB/s"}).config_hash, shop.config_hash);
    EXPECT_NE(
        shop.config_hash,
        load_chip("wooden", {"abacus.beads=3"}, families_, path_, memories_).spec.config_hash);
}

TEST_F(ChipLoaderTest, ASystemsMistakesAreToldWithTheirPlaces) {
    const auto shop = [&](const std::string& from, const std::string& to) {
        std::string text = kShop;
        text.replace(text.find(from), from.size(), to);
        folder_.write("systems/changed_shop.yaml", text);
        return load("changed_shop");
    };
    EXPECT_EQ(shop("tensor: 4", "tensr: 4"),
              "systems/changed_shop.yaml:4:1: error: unknown key 'tensr' in system\n"
              "  tensr: 4\n"
              "  ^\n"
              "  hint: did you mean 'tensor'?\n");
    EXPECT_EQ(shop("data: 2", "data: 1"),
              "systems/changed_shop.yaml:3:8: error: 8 chips, but tensor x data is 4 x 1\n"
              "  chips: [{chip: wooden, count: 8}]\n"
              "         ^\n"
              "  hint: tensor: 8 shares each inference among all, data: 8 the batch\n");
    EXPECT_EQ(shop("by hand, step", "by hand, algorithm: tree, step"),
              "systems/changed_shop.yaml:11:14: error: none goes round a ring, as gathering and "
              "scattering must\n"
              "    protocols: [{name: by hand, algorithm: tree, step: 1 us}]\n"
              "               ^\n"
              "  hint: one with 'algorithm: ring', or without\n");
}

constexpr const char* kTwoEngines = R"(schema: perfwatt/chip/v1
name: Two
process: {node: 14 nm, voltage: 0.8 V}
trust: B
power_boundary: chip_dram
memories:
- {name: dram, standard: ddr, channels: 2, capacity: 4 GiB}
- {name: cache, standard: ddr, channels: 1, capacity: 1 GiB}
launch: 20 us
engines:
- {name: hand, family: abacus, count: 2, launch: 3 us, abacus: {beads: 7}}
- {name: foot, family: abacus, memories: [cache], abacus: {beads: 9}}
)";

TEST_F(ChipLoaderTest, AChipMayHaveSeveralEngines) {
    folder_.write("chips/two.yaml", kTwoEngines);
    const LoadedChip chip =
        load_chip("two", {"engines.foot.abacus.beads=5"}, families_, path_, memories_);
    const std::vector<ChipEngine>& engines = chip.spec.engines;
    ASSERT_EQ(engines.size(), 3U);
    EXPECT_EQ(engines[0].name, "hand0");
    EXPECT_EQ(engines[1].name, "hand1");
    EXPECT_EQ(engines[1].device, engines[0].device);
    EXPECT_EQ(engines[1].launch, Time{3'000'000'000});
    EXPECT_TRUE(engines[1].memories.empty());
    EXPECT_EQ(engines[2].path, "engines.foot.abacus");
    EXPECT_EQ(engines[2].memories, std::vector<MemoryId>{MemoryId{1}});
    EXPECT_EQ(engines[2].device->peak(DataType::int8, DataType::int8).macs_per_second, 5);
    EXPECT_EQ(chip.spec.device, engines[0].device);
    const LoadedChip one = load_chip("wooden", {}, families_, path_, memories_);
    ASSERT_EQ(one.spec.engines.size(), 1U);
    EXPECT_EQ(one.spec.engines[0].path, "abacus");
}

TEST_F(ChipLoaderTest, MistakesInEnginesAreToldWithTheirPlaces) {
    const auto two = [&](const std::string& from, const std::string& to) {
        std::string text = kTwoEngines;
        text.replace(text.find(from), from.size(), to);
        folder_.write("chips/changed.yaml", text);
        return load("changed");
    };
    EXPECT_EQ(two("memories: [cache]", "memories: [cashe]"),
              "chips/changed.yaml:12:43: error: the chip has no memory 'cashe'\n"
              "  - {name: foot, family: abacus, memories: [cashe], abacus: {beads: 9}}\n"
              "                                            ^\n"
              "  hint: did you mean 'cache'?\n");
    EXPECT_EQ(two("launch: 3 us", "lunch: 3 us"),
              "chips/changed.yaml:11:42: error: unknown key 'lunch' in engine\n"
              "  - {name: hand, family: abacus, count: 2, lunch: 3 us, abacus: {beads: 7}}\n"
              "                                           ^\n"
              "  hint: did you mean 'launch'?\n");
    EXPECT_EQ(two("family: abacus, memories", "family: abakus, memories"),
              "chips/changed.yaml:12:24: error: there is no family 'abakus'\n"
              "  - {name: foot, family: abakus, memories: [cache], abacus: {beads: 9}}\n"
              "                         ^\n"
              "  hint: did you mean 'abacus'?\n"
              "chips/changed.yaml:12:59: error: the map 'abacus' belongs to another family\n"
              "  - {name: foot, family: abakus, memories: [cache], abacus: {beads: 9}}\n"
              "                                                            ^\n"
              "  hint: this engine has 'family: abakus'\n");
    EXPECT_NE(two("launch: 20 us\n", "launch: 20 us\nfamily: abacus\n")
                  .find("error: a chip has either 'family' or 'engines'\n"),
              std::string::npos);
    EXPECT_NE(two("name: foot", "name: hand").find("error: two elements of 'engines' are named"),
              std::string::npos);
}

TEST_F(ChipLoaderTest, NamesAndFilesThatAreNone) {
    EXPECT_EQ(load("wodden"),
              "error: there is no chip or system 'wodden'\n  hint: did you mean 'wooden'?\n");
    EXPECT_EQ(load("zzzzzzzzzz"), "error: there is no chip 'zzzzzzzzzz'\n  hint: known: wooden\n");
    EXPECT_EQ(load(folder_.path("chips")), "error: 'chips' is a folder, not a file\n");
    EXPECT_EQ(load(folder_.path("memories/ddr.yaml")),
              "memories/ddr.yaml:1:9: error: expected a 'perfwatt/chip/v1' file, but this one is "
              "'perfwatt/memory/v1'\n"
              "  schema: perfwatt/memory/v1\n"
              "          ^\n");
}

TEST_F(ChipLoaderTest, TheJsonSchemaHoldsTheFamilysMap) {
    const auto schema = chip_json_schema(families_);
    EXPECT_EQ(schema["else"]["properties"]["abacus"]["required"].dump(), R"(["beads"])");
    EXPECT_FALSE(schema["then"]["properties"]["abacus"].contains("required"));
    EXPECT_EQ(schema["then"]["properties"]["abacus"]["properties"].size(), 4U);
    EXPECT_EQ(system_json_schema()["title"], "perfwatt/system/v1");
}

TEST_F(ChipLoaderTest, TwoFamiliesOfOneNameAreOurMistake) {
    EXPECT_THROW(families_.add(std::make_unique<AbacusFamily>()), InternalError);
    EXPECT_EQ(families_.find("npu"), nullptr);
}

}  // namespace
}  // namespace perfwatt

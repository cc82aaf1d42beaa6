#include "sim/stats/energy.h"

#include <gtest/gtest.h>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

constexpr ActionId kMac{0};
constexpr ActionId kRead{1};
constexpr ActionId kFree{2};

std::vector<Action> actions() {
    return {{.name = "mac", .unit = "MAC", .component = EnergyComponent::mac, .picojoules = 0.25},
            {.name = "read", .unit = "access", .component = EnergyComponent::sram, .picojoules = 8},
            {.name = "barrier",
             .unit = "barrier",
             .component = EnergyComponent::link,
             .not_modelled = "a few wires"}};
}

const std::vector<StaticPower> kPowers = {
    {.name = "leakage", .component = EnergyComponent::static_, .watts = 0.5},
    {.name = "host idle", .component = EnergyComponent::host, .watts = 2}};

TEST(Pricing, MultipliesCountsByPricesAndWattsByTime) {
    Counts counts(actions(), 3);
    counts.add(0, kMac, 1000);  // 250 pJ
    counts.add(0, kRead, 10);   // 80 pJ
    counts.add(1, kMac, 4);     // 1 pJ
    counts.add(2, kRead, 1);    // 8 pJ, of no layer: the shared row
    const PricedRun run = price(counts, kPowers, Time::from_ns(2));

    EXPECT_EQ(run.layers_pj, (std::vector<double>{330, 1, 8}));
    // 0.5 W and 2 W over 2 ns: 1000 pJ and 4000 pJ.
    EXPECT_DOUBLE_EQ(run.static_pj, 5000);
    EXPECT_DOUBLE_EQ(run.total_pj, 5339);
    EnergyBreakdown expected{};
    expected[static_cast<std::size_t>(EnergyComponent::mac)] = 251;
    expected[static_cast<std::size_t>(EnergyComponent::sram)] = 88;
    expected[static_cast<std::size_t>(EnergyComponent::static_)] = 1000;
    expected[static_cast<std::size_t>(EnergyComponent::host)] = 4000;
    for (std::size_t i = 0; i < expected.size(); ++i)
        EXPECT_DOUBLE_EQ(run.components_pj[i], expected[i]) << i;
}

TEST(Pricing, SameCountsAtOtherPrices) {
    Counts counts(actions(), 1);
    counts.add(0, kMac, 1000);
    std::vector<Action> dearer = actions();
    dearer[0].picojoules = 1;
    EXPECT_DOUBLE_EQ(price(counts, {}, Time::zero()).total_pj, 250);
    EXPECT_DOUBLE_EQ(reprice(counts, dearer, {}, Time::zero()).total_pj, 1000);
}

TEST(Pricing, WhatCostsNothingOnPurposeIsNamed) {
    Counts counts(actions(), 1);
    EXPECT_TRUE(price(counts, {}, Time::zero()).not_modelled.empty());
    counts.add(0, kFree, 3);
    EXPECT_EQ(price(counts, {}, Time::zero()).not_modelled,
              std::vector<std::string>{"barrier: a few wires"});
}

TEST(Pricing, WhatCostsNothingByOversightIsFatal) {
    std::vector<Action> unpriced = actions();
    unpriced[0].picojoules = 0;
    Counts counts(unpriced, 1);
    EXPECT_NO_THROW(static_cast<void>(price(counts, {}, Time::zero())));
    counts.add(0, kMac, 1);
    EXPECT_THROW(static_cast<void>(price(counts, {}, Time::zero())), InternalError);
}

TEST(Pricing, NegativeOrInfinitePricesAreFatal) {
    for (const double price_pj : {-1.0, 1.0 / 0.0, 0.0 / 0.0}) {
        std::vector<Action> bad = actions();
        bad[0].picojoules = price_pj;
        const Counts counts(bad, 1);
        EXPECT_THROW(static_cast<void>(price(counts, {}, Time::zero())), InternalError) << price_pj;
        const StaticPower power{.name = "leak", .watts = price_pj};
        EXPECT_THROW(
            static_cast<void>(price(Counts(actions(), 1), std::span(&power, 1), Time::from_ns(1))),
            InternalError);
    }
}

TEST(Pricing, LayersAndStaticMakeTheTotalAsComponentsDo) {
    Counts counts(actions(), 50);
    for (int layer = 0; layer < 50; ++layer) {
        counts.add(layer, kMac, 12'345'678'901 + 7 * layer);
        counts.add(layer, kRead, 987'654 * layer);
    }
    const PricedRun run = price(counts, kPowers, Time::from_ns(123456.789));
    double layers = run.static_pj;
    for (const double pj : run.layers_pj) layers += pj;
    double components = 0;
    for (const double pj : run.components_pj) components += pj;
    EXPECT_NEAR(layers / run.total_pj, 1, 1e-12);
    EXPECT_NEAR(components / run.total_pj, 1, 1e-12);
}

TEST(Counts, TotalSumsLayers) {
    Counts counts(actions(), 2);
    counts.add(0, kRead, 2);
    counts.add(1, kRead, 3);
    EXPECT_EQ(counts.total(kRead), 5);
    EXPECT_EQ(counts.get(1, kRead), 3);
    EXPECT_EQ(counts.total(kMac), 0);
}

TEST(Names, RoundTrip) {
    for (int i = 0; i < kTimeCauses; ++i)
        EXPECT_EQ(time_cause_from(to_string(static_cast<TimeCause>(i))), static_cast<TimeCause>(i));
    for (int i = 0; i < kEnergyComponents; ++i)
        EXPECT_EQ(energy_component_from(to_string(static_cast<EnergyComponent>(i))),
                  static_cast<EnergyComponent>(i));
    EXPECT_EQ(trust_from("A"), Trust::a);
    EXPECT_EQ(trust_from("a"), std::nullopt);
    EXPECT_EQ(power_boundary_from("chip_dram"), PowerBoundary::chip_dram);
}

TEST(HostShare, IsTheHostsPartOfTheLatency) {
    Result result;
    EXPECT_EQ(result.host_share(), 0);
    result.latency_ns = 200;
    result.time_breakdown_ns[static_cast<std::size_t>(TimeCause::host)] = 30;
    EXPECT_DOUBLE_EQ(result.host_share(), 0.15);
}

}  // namespace
}  // namespace perfwatt

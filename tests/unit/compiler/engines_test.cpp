#include "sim/compiler/engines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph_maker.h"
#include "sim/base/diagnostics.h"
#include "sim/program/program_check.h"
#include "small_npu.h"

namespace perfwatt {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int64_t kScratchpad = 1 << 20;
constexpr std::int64_t kCapacity = std::int64_t{1} << 32;

/// An NPU with a square array; `units_in_memory` makes it one that computes in memory.
class TestNpu final : public Device {
  public:
    enum class Where : std::uint8_t { chip, memory };

    explicit TestNpu(std::int64_t rows, std::int64_t lanes = 32, Where where = Where::chip)
        : npu_(make(rows, lanes)), where_(where) {}

    bool refuse_products = false;
    std::string layout;

    std::vector<Unit> units() const override {
        std::vector<Unit> units = npu_.units();
        if (where_ == Where::memory)
            for (Unit& unit : units)
                if (unit.kind == UnitKind::matrix) unit.kind = UnitKind::pim;
        return units;
    }
    OnChipMemory on_chip() const override { return npu_.on_chip(); }
    Peak peak(DataType a, DataType b) const override { return npu_.peak(a, b); }
    std::string weight_layout() const override { return layout; }
    std::optional<Infeasible> refuses(const Kernel& kernel) const override {
        if (refuse_products && std::holds_alternative<Contraction>(kernel.work))
            return Infeasible{"no products here"};
        return npu_.refuses(kernel);
    }
    std::variant<MappingChoice, Infeasible> map(const MappingRequest& request) const override {
        return npu_.map(request);
    }
    std::variant<Time, Infeasible> cost(const MappingRequest& request,
                                        const Mapping& mapping) const override {
        return npu_.cost(request, mapping);
    }
    void emit(const MappingRequest& request, const Mapping& mapping, LayerId layer,
              ProgramBuilder& program) const override {
        npu_.emit(request, mapping, layer, program);
    }
    Time duration(const Command& command) const override { return npu_.duration(command); }
    std::vector<Action> actions() const override { return npu_.actions(); }
    void count(const Command& command, std::span<const ActionId> ids,
               Counts& counts) const override {
        npu_.count(command, ids, counts);
    }
    std::vector<StaticPower> static_power() const override { return {}; }

  private:
    static npu::Npu make(std::int64_t rows, std::int64_t lanes) {
        npu::NpuSpec spec = small_npu(kScratchpad);
        spec.matrix.rows = spec.matrix.columns = rows;
        spec.vector.lanes = lanes;
        const npu::MemoryPort port{
            .bytes_per_second = 64'000'000'000, .burst_bytes = 32, .latency = {}};
        return made_of(std::move(spec), {port, port});
    }

    npu::Npu npu_;
    Where where_;
};

struct TwoEngines : testing::Test {
    TestNpu products{64, 1};  ///< fast at products
    TestNpu lanes{8, 64};     ///< fast at the rest
    Time launch;
    std::vector<MemoryId> memories_of_lanes;

    CompileTarget target() const {
        return {.engines = {{.name = "products", .device = &products, .launch = launch},
                            {.name = "lanes",
                             .device = &lanes,
                             .launch = launch,
                             .memories = memories_of_lanes}},
                .memories = {memory("dram"), memory("other")}};
    }
    static TargetMemory memory(const char* name) {
        return {.name = name,
                .bytes_per_second = 64'000'000'000,
                .capacity_bytes = kCapacity,
                .burst_bytes = 32};
    }
    Compiled run(Graph graph, const CompileOptions& options = {}) const {
        auto answer = compile(std::move(graph), target(), options);
        if (const auto* misfit = std::get_if<Infeasible>(&answer)) ADD_FAILURE() << misfit->reason;
        Compiled out = std::get<Compiled>(std::move(answer));
        EXPECT_THAT(problems(out.program, {.scratchpad_bytes = kScratchpad,
                                           .memory_bytes = {kCapacity, kCapacity}}),
                    IsEmpty());
        return out;
    }
    static std::vector<std::string> engines(const Compiled& compiled) {
        std::vector<std::string> names;
        for (const KernelReport& kernel : compiled.kernels) names.push_back(kernel.engine);
        return names;
    }
    /// A product, a softmax, a product.
    static Graph mixed(int blocks = 1) {
        GraphMaker make;
        TensorId at = make.input({1, 512, 512});
        for (int i = 0; i < blocks; ++i) {
            at = make.matmul(at, 512);
            at = make.node("Softmax", {at}, {1, 512, 512}, {{"axis", std::int64_t{2}}});
        }
        make.output(make.matmul(at, 512));
        return make.take();
    }
};

TEST_F(TwoEngines, EachKernelGoesWhereItIsCheapest) {
    const Compiled compiled = run(mixed());
    EXPECT_THAT(engines(compiled), ElementsAre("products", "lanes", "products"));
    ASSERT_EQ(compiled.kernels[1].engines.size(), 2U);
    EXPECT_LT(*compiled.kernels[1].engines[1].cost, *compiled.kernels[1].engines[0].cost);
    EXPECT_THAT(compiled.placement, Contains(HasSubstr("on lanes: products ")));
}

TEST_F(TwoEngines, ALaunchThatCostsMoreThanItGainsKeepsKernelsTogether) {
    launch = Time::from_ns(10'000'000);
    EXPECT_THAT(engines(run(mixed())), ElementsAre("products", "products", "products"));
}

TEST_F(TwoEngines, LaunchesStandInTheProgramWhereEnginesTakeOver) {
    launch = Time::from_ns(100);
    const Compiled compiled = run(mixed());
    int launches = 0;
    for (const Command& command : compiled.program.commands)
        if (const auto* delay = std::get_if<Delay>(&command.work)) {
            EXPECT_EQ(delay->duration, launch);
            EXPECT_FALSE(command.after.empty());
            ++launches;
        }
    EXPECT_THAT(engines(compiled), ElementsAre("products", "lanes", "products"));
    EXPECT_EQ(launches, 2);
}

TEST_F(TwoEngines, RefusedKernelsGoToTheOther) {
    products.refuse_products = true;
    const Compiled compiled = run(mixed());
    EXPECT_EQ(compiled.kernels[0].engine, "lanes");
    EXPECT_EQ(compiled.kernels[0].engines[0].refused, "no products here");
}

TEST_F(TwoEngines, WhatNobodyTakesIsAnErrorThatNamesBoth) {
    products.refuse_products = lanes.refuse_products = true;
    try {
        (void)run(mixed());
        FAIL();
    } catch (const UserError& error) {
        EXPECT_EQ(error.diagnostics().front().message,
                  "operator 'MatMul' of node 'n0' cannot run: products: no products here; "
                  "lanes: no products here");
    }
}

TEST_F(TwoEngines, RepeatedBlocksArePlacedAlike) {
    const Compiled compiled = run(mixed(6), {.blocks_emitted = 4});
    ASSERT_TRUE(compiled.repeat.has_value());
    const std::vector<std::string> names = engines(compiled);
    for (std::size_t i = 2; i < names.size(); ++i) EXPECT_EQ(names[i], names[i - 2]);
}

TEST_F(TwoEngines, MappingsNameTheirEngine) {
    const Compiled compiled = run(mixed());
    CompileOptions replayed;
    for (const KernelReport& kernel : compiled.kernels)
        replayed.mappings[kernel.name] = kernel.choice.mapping;
    EXPECT_EQ(engines(run(mixed(), replayed)), engines(compiled));
    replayed.mappings["n0"] = {{"engine", "lanes"}};
    EXPECT_EQ(run(mixed(), replayed).kernels[0].engine, "lanes");
    replayed.mappings["n0"] = {{"engine", "lane"}};
    EXPECT_THROW((void)run(mixed(), replayed), UserError);
}

TEST_F(TwoEngines, WeightsLieInTheirEnginesMemory) {
    memories_of_lanes = {MemoryId{1}, MemoryId{0}};
    products.refuse_products = true;
    const Compiled compiled = run(mixed(), {.resident_weights = false});
    for (const TensorPlace& place : compiled.places) {
        if (place.role != TensorRole::weight) continue;
        EXPECT_EQ(place.placement.region.memory, MemoryId{1}) << place.tensor;
    }
}

TEST_F(TwoEngines, WhatBothTouchMustLieWhereBothSeeIt) {
    memories_of_lanes = {MemoryId{1}};
    products.refuse_products = true;
    CompileTarget apart = target();
    apart.engines[0].memories = {MemoryId{0}};
    EXPECT_THROW((void)compile(mixed(), apart, {}), UserError);
}

struct InMemory : testing::Test {
    TestNpu chip{64};
    TestNpu memory{8, 8, TestNpu::Where::memory};

    std::vector<std::string> engines(PlaceRule place) const {
        const CompileTarget target{
            .engines = {{.name = "npu", .device = &chip}, {.name = "pim", .device = &memory}},
            .memories = {TwoEngines::memory("dram")}};
        auto answer = compile(TwoEngines::mixed(), target, {.place = place});
        return TwoEngines::engines(std::get<Compiled>(answer));
    }
};

TEST_F(InMemory, PlaceRulesAreObeyed) {
    EXPECT_THAT(engines(PlaceRule::host), ElementsAre("npu", "npu", "npu"));
    EXPECT_THAT(engines(PlaceRule::pim), ElementsAre("pim", "pim", "pim"));
    memory.refuse_products = true;
    EXPECT_THAT(engines(PlaceRule::pim), ElementsAre("npu", "pim", "npu"));
}

/// Units in a memory of their own, as quick as the engine beside it.
struct SharedProducts : testing::Test {
    TestNpu chip{64};
    TestNpu memory{64, 32, TestNpu::Where::memory};

    Compiled run(const CompileOptions& options, bool one_memory = false) const {
        CompileTarget target{
            .engines = {{.name = "npu", .device = &chip, .launch = {}, .memories = {{0}, {1}}},
                        {.name = "pim", .device = &memory, .launch = {}, .memories = {{1}, {0}}}},
            .memories = {TwoEngines::memory("dram"), TwoEngines::memory("other")}};
        if (one_memory) {
            target.engines[0].memories.clear();
            target.engines[1].memories.clear();
            target.memories[0].bytes_per_second = 1'000'000'000;
        }
        GraphMaker make;
        make.output(make.matmul(make.input({1, 64, 4096}), 2048));
        auto answer = compile(make.take(), target, options);
        return std::get<Compiled>(std::move(answer));
    }
};

TEST_F(SharedProducts, TwoEnginesSideBySideEachDoHalf) {
    CompileOptions host;
    host.place = PlaceRule::host;
    const Compiled alone = run(host);
    const Compiled both = run({});
    ASSERT_EQ(both.kernels.size(), 2U);
    EXPECT_EQ(both.kernels[0].name, "n0[0:1024]");
    EXPECT_EQ(both.kernels[1].name, "n0[1024:2048]");
    EXPECT_THAT(TwoEngines::engines(both), ElementsAre("pim", "npu"));
    EXPECT_LT(both.predicted, Time{alone.predicted.fs * 6 / 10});
    EXPECT_THAT(both.placement, Contains(HasSubstr("split: MatMul 'n0': 1024 of 2048 outputs")));
    EXPECT_EQ(both.graph_macs, alone.graph_macs);
    std::int64_t useful = 0;
    for (const Command& command : both.program.commands)
        if (const auto* tile = std::get_if<Contract>(&command.work)) useful += tile->useful_macs;
    EXPECT_EQ(useful, alone.graph_macs);
    // Each has its rows of the weights in its own memory.
    std::int64_t weights = 0;
    for (const TensorPlace& place : both.places)
        if (place.role == TensorRole::weight) weights += place.bytes;
    EXPECT_EQ(weights, 4096 * 2048);
}

TEST_F(SharedProducts, TakingTurnsAtOneMemoryGainsNothing) {
    const Compiled compiled = run({}, true);
    ASSERT_EQ(compiled.kernels.size(), 1U);
    EXPECT_THAT(compiled.placement, Contains(HasSubstr("split: no product: 'n0' comes nearest")));
}

TEST_F(SharedProducts, MappingsNameTheShares) {
    const Compiled first = run({});
    CompileOptions replayed;
    for (const KernelReport& kernel : first.kernels)
        replayed.mappings[kernel.name] = kernel.choice.mapping;
    const Compiled second = run(replayed);
    ASSERT_EQ(second.kernels.size(), 2U);
    EXPECT_EQ(second.predicted, first.predicted);
    replayed.mappings.erase("n0[1024:2048]");
    EXPECT_THROW((void)run(replayed), UserError);
}

}  // namespace
}  // namespace perfwatt

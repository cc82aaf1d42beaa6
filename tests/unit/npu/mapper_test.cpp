#include "models/npu/mapper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "models/npu/emit_parts.h"
#include "models/npu/sized_tiles.h"
#include "models/npu/vector_timing.h"
#include "npu_test_support.h"
#include "sim/program/program_check.h"

namespace perfwatt::npu {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

Program program_of(const Npu& npu, const MappingRequest& request, const Mapping& mapping) {
    ProgramBuilder builder(npu.units(), {"dram"});
    const LayerId layer = builder.add_layer({.name = "layer", .operator_type = "Conv", .macs = 0});
    npu.emit(request, mapping, layer, builder);
    return builder.take();
}

struct Totals {
    std::int64_t useful = 0, read = 0, written = 0;
};

Totals totals_of(const Program& program) {
    Totals totals;
    for (const Command& command : program.commands) {
        if (const auto* tile = std::get_if<Contract>(&command.work))
            totals.useful += tile->useful_macs;
        else if (const auto* load = std::get_if<Load>(&command.work))
            totals.read += load->source.bytes();
        else if (const auto* store = std::get_if<Store>(&command.work))
            totals.written += store->target.bytes();
    }
    return totals;
}

MappingChoice mapped(const Npu& npu, const MappingRequest& request) {
    const auto choice = npu.map(request);
    EXPECT_TRUE(std::holds_alternative<MappingChoice>(choice));
    return std::get<MappingChoice>(choice);
}

TEST(Mapper, FindsTheCheapestOfAllTilingsOfSmallProblems) {
    const NpuSpec spec = [] {
        NpuSpec small = small_spec();
        small.scratchpad.bytes = small.scratchpad.weight_bytes = small.scratchpad.activation_bytes =
            8 << 10;
        return small;
    }();
    const Npu npu = make_npu(spec);
    for (const auto& [size, c, k] :
         {std::tuple{8, 16, 16}, {12, 8, 40}, {7, 24, 24}, {16, 3, 32}}) {
        const Kernel kernel = convolution(size, c, k);
        const MappingRequest request = from_memory(kernel, spec);
        const ContractionPlan plan(npu, request);
        Time best = Time::max();
        Tiling tiling;
        for (tiling.p = 1; tiling.p <= size; ++tiling.p)
            for (tiling.q = tiling.p == 1 ? 1 : size; tiling.q <= size; ++tiling.q)
                for (tiling.k = 8; tiling.k < k + 8; tiling.k += 8)
                    for (tiling.c = 1; tiling.c <= c; ++tiling.c)
                        for (const Order order : {Order::weights_outer, Order::inputs_outer})
                            for (tiling.buffers = 1; tiling.buffers <= 2; ++tiling.buffers) {
                                tiling.order = order;
                                if (std::holds_alternative<TileLayout>(plan.layout(tiling)))
                                    best = std::min(best, plan.cost(tiling));
                            }
        const MappingChoice choice = mapped(npu, request);
        EXPECT_LE(static_cast<double>(choice.cost.fs), 1.02 * static_cast<double>(best.fs))
            << size << " " << c << " " << k;
        EXPECT_GE(choice.cost, choice.bound);
    }
}

TEST(Mapper, EveryTilingDoesAllMacsAndStoresEveryOutputOnce) {
    const NpuSpec spec = small_spec();
    const Npu npu = make_npu(spec);
    for (const auto& [size, c, k] : {std::tuple{9, 20, 24}, {14, 3, 16}}) {
        const Kernel kernel = convolution(size, c, k);
        const MappingRequest request = from_memory(kernel, spec);
        const ContractionPlan plan(npu, request);
        int tried = 0;
        for (const Tiling& tiling : tilings(plan, spec)) {
            if (std::holds_alternative<Infeasible>(plan.layout(tiling))) continue;
            const Program program = program_of(npu, request, to_mapping(tiling));
            const Totals totals = totals_of(program);
            ASSERT_EQ(totals.useful, plan.work().macs());
            ASSERT_EQ(totals.written, plan.work().output_elements());
            ASSERT_GE(totals.read, plan.work().first_elements() + plan.work().second_elements());
            ASSERT_THAT(problems(program, {.scratchpad_bytes = spec.scratchpad.bytes,
                                           .memory_bytes = {1 << 20}}),
                        IsEmpty());
            ++tried;
        }
        EXPECT_GT(tried, 100);
    }
}

TEST(Mapper, CostOfMatrixTimeIsTheSumOfTheCommandsDurations) {
    const NpuSpec spec = small_spec();
    const Npu npu = make_npu(spec, 1'000'000'000'000);  // memory plays no part
    const Kernel kernel = convolution(16, 32, 64);
    const MappingRequest request = from_memory(kernel, spec);
    const MappingChoice choice = mapped(npu, request);
    Time matrix;
    for (const Command& command : program_of(npu, request, choice.mapping).commands)
        if (std::holds_alternative<Contract>(command.work)) matrix += npu.duration(command);
    EXPECT_LE(matrix, choice.cost);
    EXPECT_LT(static_cast<double>(choice.cost.fs), 1.2 * static_cast<double>(matrix.fs));
}

TEST(Mapper, HaloRowsAreFetchedWithEveryTile) {
    const NpuSpec spec = small_spec();
    const Npu npu = make_npu(spec);
    const Kernel kernel = convolution(16, 8, 8);
    const MappingRequest request = from_memory(kernel, spec);
    const Tiling rows{.p = 4, .q = 16, .k = 8, .c = 8};
    // Rows 0-4, 3-8, 7-12 and 11-15 of 16 x 8 bytes, the weights once.
    EXPECT_EQ(totals_of(program_of(npu, request, to_mapping(rows))).read,
              (5 + 6 + 6 + 5) * 16 * 8 + 8 * 8 * 9);
}

TEST(Mapper, LoopOrderDecidesWhichOperandIsFetchedAgain) {
    const NpuSpec spec = small_spec();
    const Npu npu = make_npu(spec);
    Kernel kernel = convolution(16, 8, 32);
    std::get<Contraction>(kernel.work).r = std::get<Contraction>(kernel.work).s = 1;
    kernel.inputs[1].bytes = 8 * 32;
    const MappingRequest request = from_memory(kernel, spec);
    Tiling tiling{.p = 4, .q = 16, .k = 8, .c = 8};
    tiling.order = Order::weights_outer;
    EXPECT_EQ(totals_of(program_of(npu, request, to_mapping(tiling))).read, 4 * 2048 + 256);
    tiling.order = Order::inputs_outer;
    EXPECT_EQ(totals_of(program_of(npu, request, to_mapping(tiling))).read, 2048 + 4 * 256);
}

TEST(Mapper, OperandsOnChipAreNotFetched) {
    const NpuSpec spec = small_spec();
    const Npu npu = make_npu(spec);
    const Kernel kernel = convolution(8, 8, 8);
    MappingRequest request = from_memory(kernel, spec);
    request.inputs[0].where = Placement::Where::on_chip;
    request.inputs[0].buffer = {.address = 0, .bytes = 512};
    request.outputs[0].where = Placement::Where::on_chip;
    request.outputs[0].buffer = {.address = 512, .bytes = 512};
    request.free = {.address = 1024, .bytes = 32 << 10};
    const Totals totals = totals_of(program_of(npu, request, mapped(npu, request).mapping));
    EXPECT_EQ(totals.read, 8 * 8 * 9);
    EXPECT_EQ(totals.written, 0);
    EXPECT_EQ(totals.useful, 8 * 8 * 8 * 8 * 9);
}

TEST(Mapper, MoreBandwidthIsNeverSlowerForAGivenMapping) {
    const NpuSpec spec = small_spec();
    const Kernel kernel = convolution(14, 24, 40);
    const MappingRequest request = from_memory(kernel, spec);
    const Npu npu = make_npu(spec);
    const ContractionPlan plan(npu, request);
    std::vector<Npu> faster;
    for (const std::int64_t speed : {4, 8, 16, 64})
        faster.push_back(make_npu(spec, speed * 1'000'000'000));
    int tried = 0;
    for (const Tiling& tiling : tilings(plan, spec)) {
        if (std::holds_alternative<Infeasible>(plan.layout(tiling))) continue;
        Time last = Time::max();
        for (const Npu& one : faster) {
            const Time cost = ContractionPlan(one, request).cost(tiling);
            EXPECT_LE(cost, last);
            last = cost;
        }
        ++tried;
    }
    EXPECT_GT(tried, 50);
}

/// But for what is given up for less traffic.
TEST(Mapper, MoreScratchpadAndMoreCoresAreNeverSlower) {
    const auto in_band = [](Time time) {
        return time + Time{time.fs / 100 * small_spec().traffic_band_percent};
    };
    std::mt19937 random(7);
    for (int i = 0; i < 20; ++i) {
        const Kernel kernel = convolution(4 + random() % 20, 1 + random() % 40, 1 + random() % 60);
        Time last = Time::max();
        for (const std::int64_t kib : {8, 16, 32, 64, 256}) {
            NpuSpec spec = small_spec();
            spec.scratchpad.bytes = kib << 10;
            const Npu npu = make_npu(spec);
            const auto choice = npu.map(from_memory(kernel, spec));
            if (std::holds_alternative<Infeasible>(choice)) continue;
            const Time cost = std::get<MappingChoice>(choice).cost;
            EXPECT_TRUE(last == Time::max() || cost <= in_band(last));
            last = std::min(last, cost);
        }
        for (const int cores : {2, 4}) {
            NpuSpec spec = small_spec();
            spec.scratchpad.bytes = 256 << 10;
            spec.cores = cores;
            const Npu npu = make_npu(spec);
            EXPECT_LE(mapped(npu, from_memory(kernel, spec)).cost, in_band(last));
        }
    }
}

TEST(Mapper, OfTilingsAsFastTheOneOfLeastTrafficIsTaken) {
    const NpuSpec spec = small_spec();
    for (const std::int64_t bandwidth : {4'000'000'000, 64'000'000'000}) {
        const Npu npu = make_npu(spec, bandwidth);
        const Kernel kernel = convolution(28, 48, 96);
        const MappingRequest request = from_memory(kernel, spec);
        const ContractionPlan plan(npu, request);
        Time fastest = Time::max();
        for (const Tiling& tiling : tilings(plan, spec))
            if (std::holds_alternative<TileLayout>(plan.layout(tiling)))
                fastest = std::min(fastest, plan.cost(tiling));
        const Time slowest = fastest + Time{fastest.fs / 100};
        const auto chosen = tiling_from(mapped(npu, request).mapping);
        const std::int64_t bytes = plan.traffic_bytes(std::get<Tiling>(chosen));
        EXPECT_LE(plan.cost(std::get<Tiling>(chosen)), slowest);
        int others = 0;
        for (const Tiling& tiling : tilings(plan, spec)) {
            if (std::holds_alternative<Infeasible>(plan.layout(tiling))) continue;
            // What memory alone holds up longer than the fastest takes is passed over unpriced.
            if (plan.cost(tiling) > slowest || plan.traffic_time(tiling) >= fastest) continue;
            EXPECT_GE(plan.traffic_bytes(tiling), bytes);
            ++others;
        }
        EXPECT_GT(others, 1);
    }
}

TEST(Mapper, SumsThatWaitAloneHoldUpTheNextTileUntilTheirOutputsHaveLeft) {
    NpuSpec spec = small_spec();
    spec.matrix.accumulator_bytes = 256;  // sums of a tile wait in the scratchpad
    const Npu npu = make_npu(spec, 1'000'000'000);
    const Kernel kernel = convolution(16, 32, 32);
    const MappingRequest request = from_memory(kernel, spec);
    const ContractionPlan plan(npu, request);
    Tiling tiling{.p = 16, .q = 16, .k = 8, .c = 16};
    ASSERT_TRUE(SizedTiles(plan, plan.work(), tiling).sums_spill());
    const auto doubled = std::get<TileLayout>(plan.layout(tiling));
    EXPECT_EQ(doubled.sums.count, 2);
    EXPECT_EQ(doubled.outputs.address, doubled.sums.address);  // as they are finished
    const Time apart = plan.cost(tiling);
    Time matrix;
    for (const Command& command : program_of(npu, request, to_mapping(tiling)).commands)
        if (std::holds_alternative<Contract>(command.work)) matrix += npu.duration(command);
    tiling.held = 1;
    const auto single = std::get<TileLayout>(plan.layout(tiling));
    EXPECT_EQ(single.sums.count, 1);
    EXPECT_EQ(single.inputs.count, 2);
    // Three of four tiles of 2 KiB leave before the next one's sums: 2048 ns each, and their
    // vector work.
    EXPECT_GE(plan.cost(tiling), matrix + Time::from_ns(3 * 2048));
    EXPECT_GE(plan.cost(tiling), apart);
    EXPECT_EQ(to_mapping(tiling).back(), (std::pair<std::string, std::string>("held", "1")));
    const Totals totals = totals_of(program_of(npu, request, to_mapping(tiling)));
    EXPECT_EQ(totals.written, 16 * 16 * 32);
}

TEST(Mapper, MapsWhoseZerosAreCodedMoveTheBytesTheyAreStoredIn) {
    const NpuSpec spec = small_spec();
    const Npu npu = make_npu(spec);
    Kernel kernel = convolution(16, 8, 8);
    for (Operand* map : {&kernel.inputs[0], &kernel.outputs[0]}) {
        map->plain_bytes = map->bytes;
        map->bytes /= 4;
    }
    const MappingRequest request = from_memory(kernel, spec);
    const Tiling rows{.p = 4, .q = 16, .k = 8, .c = 8};
    const Program program = program_of(npu, request, to_mapping(rows));
    // As in HaloRowsAreFetchedWithEveryTile, of the maps a quarter.
    EXPECT_EQ(totals_of(program).read, (5 + 6 + 6 + 5) * 16 * 8 / 4 + 8 * 8 * 9);
    EXPECT_EQ(totals_of(program).written, 16 * 16 * 8 / 4);
    const ContractionPlan plan(npu, request);
    // The plan takes all tiles for inner ones, of six rows.
    EXPECT_EQ(plan.traffic_bytes(rows), 4 * 6 * 16 * 2 + 8 * 8 * 9 + 16 * 16 * 2);
    EXPECT_THAT(
        problems(program, {.scratchpad_bytes = spec.scratchpad.bytes, .memory_bytes = {1 << 20}}),
        IsEmpty());
}

TEST(Mapper, CellsHoldStillWhereInputsAreZero) {
    NpuSpec spec = small_spec();
    Kernel kernel = convolution(16, 8, 8);
    std::get<Contraction>(kernel.work).first_sparsity = {
        .pattern = Sparsity::Pattern::unstructured, .kept = 250, .of = 1000};
    const auto gated = [&] {
        const Npu npu = make_npu(spec);
        const MappingRequest request = from_memory(kernel, spec);
        std::int64_t sum = 0;
        for (const Command& command :
             program_of(npu, request, to_mapping({.p = 16, .q = 16, .k = 8, .c = 8})).commands)
            if (const auto* tile = std::get_if<Contract>(&command.work)) sum += tile->gated_macs;
        return sum;
    };
    EXPECT_EQ(gated(), 0);
    spec.matrix.gating = Gating::zeros;
    const std::int64_t macs = 16 * 16 * 8 * 8 * 9;
    EXPECT_EQ(gated(), macs / 1000 * 750);
}

TEST(Mapper, OfPlanesATileIsARunOfEachChannel) {
    const Plane plane{.batch = 2,
                      .height = 8,
                      .width = 4,
                      .channels = 6,
                      .bits = 16,
                      .order = ActivationLayout::planes};
    const Region base{.address = 1000, .row_bytes = 2 * 6 * 8 * 4 * 2, .rows = 1};
    // Rows 2 to 4 of channels 3 and 4 of the second image: planes are 64 bytes.
    const Region part =
        region_of(plane, {.g = {0, 1}, .n = {1, 1}, .h = {2, 3}, .w = {0, 4}, .c = {3, 2}}, base);
    EXPECT_EQ(part.address, 1000 + (6 + 3) * 64 + 2 * 8);
    EXPECT_EQ(part.row_bytes, 3 * 8);
    EXPECT_EQ(part.rows, 2);
    EXPECT_EQ(part.pitch_bytes, 64);
    // Whole planes lie together.
    const Region planes =
        region_of(plane, {.g = {0, 1}, .n = {1, 1}, .h = {0, 8}, .w = {0, 4}, .c = {3, 2}}, base);
    EXPECT_EQ(planes.rows, 1);
    EXPECT_EQ(planes.row_bytes, 2 * 64);
    // A tile of few channels then costs no more bursts than its bytes.
    NpuSpec spec = small_spec();
    const Kernel kernel = convolution(16, 8, 8);
    const MappingRequest request = from_memory(kernel, spec);
    const Tiling one_channel{.p = 16, .q = 16, .k = 8, .c = 1};
    const Npu inner = make_npu(spec);
    spec.activations = ActivationLayout::planes;
    const Npu planar = make_npu(spec);
    EXPECT_EQ(ContractionPlan(planar, request).traffic_bytes(one_channel),
              2 * 16 * 16 * 8 + 8 * 8 * 9);
    EXPECT_GT(ContractionPlan(inner, request).traffic_bytes(one_channel),
              8 * ContractionPlan(planar, request).traffic_bytes(one_channel) / 2);
}

TEST(Mapper, SplitsOverCoresCoverTheWhole) {
    NpuSpec spec = small_spec();
    spec.cores = 3;
    const Npu npu = make_npu(spec);
    const Kernel kernel = convolution(10, 16, 40);
    const MappingRequest request = from_memory(kernel, spec);
    for (const Split split : {Split::k, Split::p}) {
        const Tiling tiling{.p = 4, .q = 10, .k = 16, .c = 16, .split = split, .cores = 3};
        const Program program = program_of(npu, request, to_mapping(tiling));
        const Totals totals = totals_of(program);
        EXPECT_EQ(totals.useful, 10 * 10 * 40 * 16 * 9);
        EXPECT_EQ(totals.written, 10 * 10 * 40);
        int busiest = 0;
        for (const Command& command : program.commands)
            busiest = std::max(busiest, program.units[command.unit.index()].core);
        EXPECT_EQ(busiest, 2);
    }
}

TEST(Mapper, EffortBoundsTheCandidates) {
    const NpuSpec spec = small_spec();
    const Npu npu = make_npu(spec);
    const Kernel kernel = convolution(28, 64, 128);
    MappingRequest request = from_memory(kernel, spec);
    request.effort = 5;
    EXPECT_LE(mapped(npu, request).candidates, 5);
}

TEST(Mapper, SaysWhyNothingFits) {
    NpuSpec spec = small_spec();
    spec.scratchpad.bytes = spec.scratchpad.weight_bytes = spec.scratchpad.activation_bytes = 64;
    const Npu npu = make_npu(spec);
    const Kernel kernel = convolution(28, 64, 128);
    const auto choice = npu.map(from_memory(kernel, spec));
    ASSERT_TRUE(std::holds_alternative<Infeasible>(choice));
    EXPECT_THAT(std::get<Infeasible>(choice).reason, HasSubstr("tiles larger than the free"));
}

TEST(Mapper, MappingsAreReadBackAndNonsenseIsRefused) {
    const Tiling tiling{.g = 2,
                        .n = 3,
                        .p = 4,
                        .q = 5,
                        .k = 6,
                        .c = 7,
                        .order = Order::inputs_outer,
                        .split = Split::k,
                        .cores = 2,
                        .buffers = 1};
    EXPECT_EQ(std::get<Tiling>(tiling_from(to_mapping(tiling))), tiling);
    EXPECT_TRUE(std::holds_alternative<Infeasible>(tiling_from({{"tile_k", "0"}})));
    EXPECT_TRUE(std::holds_alternative<Infeasible>(tiling_from({{"tile_z", "4"}})));
    EXPECT_TRUE(std::holds_alternative<Infeasible>(tiling_from({{"order", "sideways"}})));
}

TEST(Mapper, PairsOfTypesTheUnitLacksAreRefusedByName) {
    const NpuSpec spec = small_spec();
    const Npu npu = make_npu(spec);
    Kernel kernel = convolution(8, 8, 8);
    std::get<Contraction>(kernel.work).first_type = DataType::fp32;
    const auto choice = npu.map(from_memory(kernel, spec));
    ASSERT_TRUE(std::holds_alternative<Infeasible>(choice));
    EXPECT_EQ(std::get<Infeasible>(choice).reason,
              "the matrix unit has no fp32 x int8 (it has int8 x int8, bf16 x bf16)");
}

TEST(Stream, PiecesCoverAllElementsAndBytes) {
    const NpuSpec spec = small_spec();
    const Npu npu = make_npu(spec);
    Kernel kernel;
    kernel.work =
        Elementwise{.elements = 100'003, .type = DataType::int8, .steps = {{VectorOp::add, 1}}};
    kernel.inputs = {{TensorId{0}, 100'003, TensorRole::activation},
                     {TensorId{1}, 100'003, TensorRole::activation}};
    kernel.outputs = {{TensorId{2}, 100'003, TensorRole::activation}};
    const MappingRequest request = from_memory(kernel, spec);
    const Totals totals = totals_of(program_of(npu, request, mapped(npu, request).mapping));
    EXPECT_EQ(totals.read, 2 * 100'003);
    EXPECT_EQ(totals.written, 100'003);
}

TEST(Stream, MovesInMemoryReadAndWriteEveryByte) {
    const NpuSpec spec = small_spec();
    const Npu npu = make_npu(spec);
    Kernel kernel;
    kernel.work = Move{.bytes = 96 << 10, .run_bytes = 64};
    kernel.inputs = {{TensorId{0}, 96 << 10, TensorRole::activation}};
    kernel.outputs = {{TensorId{1}, 96 << 10, TensorRole::activation}};
    const MappingRequest request = from_memory(kernel, spec);
    const Program program = program_of(npu, request, mapped(npu, request).mapping);
    const Totals totals = totals_of(program);
    EXPECT_EQ(totals.read, 96 << 10);
    EXPECT_EQ(totals.written, 96 << 10);
    EXPECT_EQ(std::get<Load>(program.commands[0].work).source.row_bytes, 64);
    EXPECT_THAT(
        problems(program, {.scratchpad_bytes = spec.scratchpad.bytes, .memory_bytes = {192 << 10}}),
        IsEmpty());
}

TEST(VectorTiming, StepsAreChainedAndCostlyOnesTakeTheirCycles) {
    const VectorSpec spec = small_spec().vector;  // two simple steps a cycle
    EXPECT_EQ(lane_operations(spec, {{VectorOp::add, 1}}, 100, DataType::int8), 100);
    EXPECT_EQ(lane_operations(spec, {{VectorOp::add, 3}}, 100, DataType::int8), 150);
    EXPECT_EQ(lane_operations(spec, {{VectorOp::exponential, 1}, {VectorOp::add, 2}}, 100,
                              DataType::bf16),
              700);
    EXPECT_EQ(lane_operations(spec, {{VectorOp::divide, 0.25}}, 100, DataType::int8), 100);
    EXPECT_EQ(lane_operations(spec, {{VectorOp::add, 1}}, 100, DataType::int64), 200);
    EXPECT_EQ(copy_operations(spec, 1024, 1024), 256);
    EXPECT_EQ(copy_operations(spec, 1024, 1), 1024);
}

TEST(VectorTiming, ScatteredPiecesAreCopiedAFewACycle) {
    VectorSpec spec = small_spec().vector;  // lanes of 4 bytes
    spec.copied_runs_per_cycle = 2;
    EXPECT_EQ(copy_operations(spec, 1024, 1), 512 * spec.lanes);
    EXPECT_EQ(copy_operations(spec, 1024, 1024), 256);
}

TEST(VectorTiming, LanesOrPortsWhicheverIsSlower) {
    NpuSpec spec = small_spec();
    spec.vector.latency_cycles = 5;
    EXPECT_EQ(vector_cycles(spec, Vector{.elements = 80, .operations = 80}), 10 + 5);
    EXPECT_EQ(vector_cycles(spec, Vector{.elements = 80, .operations = 80, .read_bytes = 25'600}),
              100 + 5);
}

TEST(Npu, CountsWhatItsCommandsDo) {
    const NpuSpec spec = small_spec();
    const Npu npu = make_npu(spec);
    const std::vector<Action> actions = npu.actions();
    std::vector<ActionId> ids;
    for (std::size_t i = 0; i < actions.size(); ++i) ids.push_back({static_cast<std::int32_t>(i)});
    Counts counts(actions, 1);
    const auto total = [&](const std::string& name) {
        for (std::size_t i = 0; i < actions.size(); ++i)
            if (actions[i].name == name) return counts.total(ids[i]);
        return std::int64_t{-1};
    };
    Contract tile{.m = 10, .n = 8, .k = 12, .useful_macs = 960};
    tile.output.bytes = 80;
    npu.count({UnitId{2}, LayerId{0}, tile, {}}, ids, counts);
    EXPECT_EQ(total("mac.int8.int8"), 960);
    EXPECT_EQ(total("mac_padding.int8.int8"), 10 * 8 * 16 - 960);
    EXPECT_EQ(total("register"), 10 * 8 * 16);
    EXPECT_EQ(total("accumulator"), 80);  // the second fold meets the first one's sums
    EXPECT_EQ(total("scratchpad.read"), (10 * 12 + 8 * 12) / 16 + 1);
    EXPECT_EQ(total("scratchpad.write"), 80 / 16);
    npu.count(
        {UnitId{3}, LayerId{0}, Vector{.elements = 5, .operations = 9, .type = DataType::bf16}, {}},
        ids, counts);
    EXPECT_EQ(total("vector.floating"), 9);
    EXPECT_EQ(total("vector.integer"), 0);
    Load load;
    load.target.bytes = 100;
    npu.count({UnitId{0}, LayerId{0}, load, {}}, ids, counts);
    EXPECT_EQ(total("dma.byte"), 100);
}

TEST(Npu, HalvingTheClockDoublesEveryDuration) {
    NpuSpec spec = small_spec();
    const Npu fast = make_npu(spec);
    spec.clock = Clock(500'000'000);
    const Npu slow = make_npu(spec);
    const Command tile{UnitId{2}, LayerId{0}, Contract{.m = 33, .n = 9, .k = 70}, {}};
    const Command vector{UnitId{3}, LayerId{0}, Vector{.elements = 77, .operations = 99}, {}};
    for (const Command& command : {tile, vector})
        EXPECT_EQ(slow.duration(command), 2 * fast.duration(command));
}

}  // namespace
}  // namespace perfwatt::npu

#include "models/gpu/gpu.h"

#include <gtest/gtest.h>

#include <cmath>

#include "models/gpu/attention.h"
#include "models/gpu/block_timing.h"
#include "models/gpu/contraction.h"

namespace perfwatt::gpu {
namespace {

/// Round figures, so that cycles can be worked out by hand: 1 GHz, 10 SMs of 1024 products a cycle.
GpuSpec small_gpu() {
    GpuSpec spec;
    spec.clock = Clock(1'000'000'000);
    spec.sms = 10;
    spec.rates = {{.first = DataType::fp16, .second = DataType::fp16, .macs_per_cycle = 1024}};
    spec.vector_lanes = 64;
    spec.special_lanes = 16;
    spec.shared_bytes = 128 * 1024;
    spec.l2 = {.bytes = 8 << 20, .bytes_per_cycle = 10'000, .bytes_per_cycle_per_sm = 1000};
    spec.library.tiles = {{128, 128}, {64, 64}};
    spec.launch = Time::from_ns(2000);
    spec.latency_cycles = 500;
    return spec;
}

Kernel product(std::int64_t m, std::int64_t n, std::int64_t k) {
    const Contraction work{.p = m,
                           .k = n,
                           .c = k,
                           .input_h = m,
                           .first_type = DataType::fp16,
                           .second_type = DataType::fp16,
                           .accumulator_type = DataType::fp32,
                           .output_type = DataType::fp16};
    Kernel kernel{.name = "product", .operator_type = "MatMul", .work = work};
    kernel.inputs = {{.bytes = 2 * m * k}, {.bytes = 2 * n * k}};
    kernel.outputs = {{.bytes = 2 * m * n}};
    return kernel;
}

MappingRequest in_memory(const Kernel& kernel) {
    MappingRequest request{.kernel = &kernel};
    std::int64_t at = 0;
    const auto place = [&](const Operand& operand) {
        Placement placement;
        placement.region = {.memory = MemoryId{0},
                            .address = at,
                            .row_bytes = operand.bytes,
                            .rows = 1,
                            .pitch_bytes = operand.bytes};
        at += operand.bytes;
        return placement;
    };
    for (const Operand& input : kernel.inputs) request.inputs.push_back(place(input));
    for (const Operand& output : kernel.outputs) request.outputs.push_back(place(output));
    request.free = {.address = 0, .bytes = 4 << 20};
    return request;
}

const std::vector<MemoryPort> kMemory = {
    {.bytes_per_second = 100'000'000'000, .latency = Time::from_ns(100)}};

TEST(BlockTiming, MainLoopOfOneWaveByHand) {
    // 128 x 128 x 1024 products over 1024 a cycle: 16384 cycles. Shared memory: 1.5 times
    // 1024 (128 + 128) 2 B over 128 B a cycle: 6144. L2: 524288 B over 1000 B a cycle: 525.
    // Results: 128 x 128 x 2 B over 1000 B: 32.768. A fill of 500.
    const BlockTiming timing =
        block_timing(small_gpu(), {.rows = 128, .columns = 128, .depth = 1024, .blocks = 10});
    EXPECT_EQ(timing.limit, Limit::matrix);
    EXPECT_NEAR(timing.cycles, 16384 + 500 + 32.768, 1e-6);
}

TEST(BlockTiming, AnEleventhBlockOnTenSmsTakesAWaveOfItsOwn) {
    const BlockWork ten{.rows = 128, .columns = 128, .depth = 1024, .blocks = 10};
    BlockWork eleven = ten;
    eleven.blocks = 11;
    const GpuSpec spec = small_gpu();
    EXPECT_NEAR(block_timing(spec, eleven).cycles - block_timing(spec, ten).cycles, 16384, 600);
}

TEST(BlockTiming, PersistentBlocksShareTheLastWave) {
    GpuSpec spec = small_gpu();
    spec.library.scheduling = Scheduling::persistent;
    BlockWork work{.rows = 128, .columns = 128, .depth = 1024, .blocks = 10};
    const double ten = block_timing(spec, work).cycles;
    work.blocks = 11;
    EXPECT_NEAR(block_timing(spec, work).cycles / ten, 1.1, 0.01);
}

TEST(BlockTiming, BlocksThatShareAnSmHideOneAnothersFill) {
    // Four blocks an SM, two at a time: 16384 cycles of pipes each, and 565.536 away from them (500
    // to fill, 65.536 in which both write). One alone: a turn of 16949.536, at the pipes for
    // 0.966634 of it. Two: 16384 * 1.966634 at the pipes, 32786.870 a turn, of which 18.870 are
    // more than the pipes' own.
    const GpuSpec spec = small_gpu();
    const BlockWork work{.rows = 128, .columns = 128, .depth = 1024, .blocks = 40};
    EXPECT_NEAR(block_timing(spec, work).cycles, 4 * 16384 + 565.536 + 18.8696, 1e-3);
    // Where one fits, all of it is in sight each time.
    GpuSpec alone = spec;
    alone.shared_bytes = 64 * 1024;
    EXPECT_NEAR(block_timing(alone, work).cycles, 4 * (16384 + 500 + 32.768), 1e-6);
    // Pieces of whole rounds take as long as all at once.
    BlockWork half = work;
    half.blocks = 20;
    const double first = block_timing(spec, half).cycles;
    half.follows = true;
    EXPECT_NEAR(first + block_timing(spec, half).cycles, block_timing(spec, work).cycles, 1e-6);
}

TEST(BlockTiming, WindowsOfOneChannelRunOnTheLanes) {
    // 1024 windows of nine products: 9216 over 64 lanes that take halves in pairs are 72 cycles.
    // Seven blocks of 128 threads and 36 KiB of registers share an SM; nothing is staged. Of 500
    // cycles of latency 175 are a thread's, and seven write 1024 x 2 B each at 1000 B a cycle.
    const GpuSpec spec = small_gpu();
    EXPECT_EQ(resident_blocks(spec, {1024, 1}, DataType::fp16, DataType::fp16), 7);
    const BlockWork work{.rows = 1024, .columns = 1, .depth = 9, .blocks = 70};
    EXPECT_NEAR(block_timing(spec, work).cycles, 7 * 72 + 175 + 7 * 2.048, 1e-6);
}

TEST(BlockTiming, SharedMemoryLimitsResidentBlocks) {
    // Four stages of 32 (128 + 128) 2 B are 64 KiB: two fit 128 KiB. Registers: 64 KiB of
    // accumulators and 128 threads of 256 B are 96 KiB: two fit 256 KiB.
    EXPECT_EQ(resident_blocks(small_gpu(), {128, 128}, DataType::fp16, DataType::fp16), 2);
    GpuSpec more = small_gpu();
    more.shared_bytes = 64 * 1024;
    EXPECT_EQ(resident_blocks(more, {128, 128}, DataType::fp16, DataType::fp16), 1);
}

TEST(BlockTiming, ASpecialOperationTakesTheLaneAsLongAsTheUnitIsRarer) {
    // 64 lanes, 16 of them special: an exponential counts four, a division five.
    EXPECT_EQ(lane_operations(small_gpu(), {{VectorOp::add, 1}, {VectorOp::exponential, 1}}, 100),
              500);
    EXPECT_EQ(lane_operations(small_gpu(), {{VectorOp::divide, 1}}, 100), 500);
}

TEST(BlockTiming, BytesWithoutASignTakeTheRateOfThoseWithOne) {
    GpuSpec spec = small_gpu();
    spec.rates = {{.first = DataType::int8, .second = DataType::int8, .macs_per_cycle = 2048}};
    for (const DataType first : {DataType::uint8, DataType::int8})
        EXPECT_EQ(rate_of(spec, first, DataType::int8), spec.rates.data());
    EXPECT_EQ(rate_of(spec, DataType::fp16, DataType::int8), nullptr);
}

TEST(Contraction, TheFastestOfTheTilesIsToldWithWhatFollowsFromIt) {
    const GpuSpec spec = small_gpu();
    const Kernel kernel = product(128, 128, 4096);
    const auto answer = map_contraction(spec, kMemory, in_memory(kernel));
    const auto& choice = std::get<MappingChoice>(answer);
    EXPECT_EQ(choice.mapping.front().first, "tile");
    const auto read = std::get<ContractionChoice>(choice_from(choice.mapping));
    const auto plan = std::get<Plan>(plan_contraction(spec, kMemory, in_memory(kernel), read));
    EXPECT_EQ(time_of(spec, kMemory, plan).total, choice.cost);
    for (const Tile& tile : spec.library.tiles) {
        const auto other = std::get<Plan>(
            plan_contraction(spec, kMemory, in_memory(kernel), {.tile = tile, .splits = 1}));
        EXPECT_GE(time_of(spec, kMemory, other).total, choice.cost);
    }
}

TEST(Contraction, ConvolutionIsAnImplicitProduct) {
    const Contraction work{.n = 2, .p = 7, .q = 5, .k = 64, .c = 3, .r = 3, .s = 3};
    const Product product = product_of(work);
    EXPECT_EQ(product.rows, 70);
    EXPECT_EQ(product.columns, 64);
    EXPECT_EQ(product.depth, 4 * 9) << "three channels are padded to four";
}

TEST(Contraction, FewBlocksAreSplitAlongTheReduction) {
    const Kernel kernel = product(64, 64, 65536);
    const auto answer = map_contraction(small_gpu(), kMemory, in_memory(kernel));
    const auto choice = choice_from(std::get<MappingChoice>(answer).mapping);
    EXPECT_GT(std::get<ContractionChoice>(choice).splits, 1);
}

TEST(Contraction, AWordOfAMappingThatIsNotOursIsRefused) {
    const auto answer = choice_from({{"tile", "128x128"}, {"tyle", "64x64"}});
    ASSERT_TRUE(std::holds_alternative<Infeasible>(answer));
    EXPECT_EQ(std::get<Infeasible>(answer).reason, "mapping: 'tyle: 64x64' is not understood");
}

TEST(Contraction, ManyRowsOverMemoryTakeItsBandwidth) {
    // One row of 4096 over 4096 x 4096 weights of 2 B: 33.6 MB at 100 GB/s are 335.5 us.
    const Kernel kernel = product(1, 4096, 4096);
    const auto answer = map_contraction(small_gpu(), kMemory, in_memory(kernel));
    const double us = std::get<MappingChoice>(answer).cost.ns() * 1e-3;
    EXPECT_GT(us, 335.5 + 2);
    EXPECT_LT(us, 335.5 * 1.05 + 5);
}

TEST(Contraction, TwiceTheBandwidthIsNeverSlower) {
    for (const std::int64_t m : {1, 64, 1000, 4096}) {
        const Kernel kernel = product(m, 2048, 2048);
        std::vector<MemoryPort> faster = kMemory;
        faster[0].bytes_per_second *= 2;
        const auto slow = map_contraction(small_gpu(), kMemory, in_memory(kernel));
        const auto fast = map_contraction(small_gpu(), faster, in_memory(kernel));
        EXPECT_LE(std::get<MappingChoice>(fast).cost, std::get<MappingChoice>(slow).cost);
    }
}

TEST(Contraction, PiecesDoAllBlocksAndAllOfTheirDepth) {
    const GpuSpec spec = small_gpu();
    for (const std::int64_t m : {64, 3000}) {
        const Kernel kernel = product(m, 1024, 4096);
        const auto answer = plan_contraction(spec, kMemory, in_memory(kernel), {{128, 128}, 1});
        const Plan plan = std::get<Plan>(answer);
        std::int64_t done = 0;
        for (std::int64_t i = 0; i < plan.chunks; ++i) {
            const Contract tile = part_of_blocks(spec, plan, i);
            done += tile.m * tile.n * tile.k * tile.repeat;
        }
        EXPECT_EQ(done, plan.blocks->rows * plan.blocks->columns * plan.blocks->depth *
                            plan.blocks->blocks);
    }
}

TEST(Emission, PiecesDoTheUsefulWorkAndMoveEveryByteOnce) {
    const GpuSpec spec = small_gpu();
    for (const std::int64_t m : {1, 49, 196, 3136, 50'176}) {
        for (const std::int64_t n : {16, 64, 1000}) {
            const Kernel kernel = product(m, n, 576);
            MappingRequest request = in_memory(kernel);
            request.free = {.address = 0, .bytes = 256 * 1024};
            const auto answer = map_contraction(spec, kMemory, request);
            const auto choice = choice_from(std::get<MappingChoice>(answer).mapping);
            const Plan plan = std::get<Plan>(
                plan_contraction(spec, kMemory, request, std::get<ContractionChoice>(choice)));
            ProgramBuilder program({{.name = "memory", .kind = UnitKind::dma},
                                    {.name = "matrix", .kind = UnitKind::matrix},
                                    {.name = "vector", .kind = UnitKind::vector}},
                                   {"memory"});
            const LayerId layer = program.add_layer({.name = "product"});
            emit_plan(spec, plan, request.free, layer, program);
            std::int64_t useful = 0, read = 0, written = 0;
            for (const Command& command : program.program().commands) {
                if (const auto* tile = std::get_if<Contract>(&command.work)) {
                    EXPECT_LE(tile->useful_macs, tile->m * tile->n * tile->k * tile->repeat);
                    EXPECT_GE(tile->useful_macs, 0);
                    useful += tile->useful_macs;
                } else if (const auto* load = std::get_if<Load>(&command.work)) {
                    read += load->source.bytes();
                } else if (const auto* store = std::get_if<Store>(&command.work)) {
                    written += store->target.bytes();
                }
            }
            EXPECT_EQ(useful, m * n * 576);
            std::int64_t flows = 0;
            flows += bytes_of(plan.loads);
            EXPECT_EQ(read, flows);
            EXPECT_EQ(written, 2 * m * n);
        }
    }
}

TEST(Attention, ACausalMaskHidesWhatIsAfterEachQuery) {
    Attention work{.g = 1, .queries = 4, .keys = 4, .head_dim = 8, .value_dim = 8};
    EXPECT_EQ(visible_macs(work), 4 * 4 * 16);
    work.causal = true;
    EXPECT_EQ(visible_macs(work), (1 + 2 + 3 + 4) * 16);
    work.keys = 6;  // two positions before the first query
    EXPECT_EQ(visible_macs(work), (3 + 4 + 5 + 6) * 16);
}

TEST(Attention, LongContextsOfFewHeadsAreSplit) {
    GpuSpec spec = small_gpu();
    spec.library.most_context_splits = 64;
    Kernel kernel{.name = "attention", .operator_type = "Attention"};
    kernel.work = Attention{.g = 1, .queries = 1, .keys = 65536, .head_dim = 64, .value_dim = 64};
    const std::int64_t cache = 2 * 65536 * 64;
    kernel.inputs = {{.bytes = 128}, {.bytes = cache}, {.bytes = cache}};
    kernel.outputs = {{.bytes = 128}};
    const auto answer = map_attention(spec, kMemory, in_memory(kernel));
    const auto choice = attention_from(std::get<MappingChoice>(answer).mapping);
    EXPECT_GT(std::get<AttentionChoice>(choice).splits, 1);
}

Kernel prompt(std::int64_t heads, std::int64_t tokens) {
    Kernel kernel{.name = "attention", .operator_type = "Attention"};
    kernel.work = Attention{.g = heads,
                            .queries = tokens,
                            .keys = tokens,
                            .head_dim = 64,
                            .value_dim = 64,
                            .causal = true,
                            .query_type = DataType::fp16,
                            .cache_type = DataType::fp16,
                            .output_type = DataType::fp16,
                            .steps = {{VectorOp::exponential, 1}}};
    const std::int64_t size = 2 * heads * tokens * 64;
    kernel.inputs = {{.bytes = size}, {.bytes = size}, {.bytes = size}};
    kernel.outputs = {{.bytes = size}};
    return kernel;
}

Plan planned(const GpuSpec& spec, const Kernel& kernel) {
    return std::get<Plan>(
        plan_attention(spec, kMemory, in_memory(kernel), {.queries = 64, .splits = 1}));
}

// Two heads of two blocks, of 64 and 128 keys, on two SMs: 64 | 128, then 64 to the first, which
// both end at 128, then 128 to either: the busiest has 256 keys in two blocks. With one SM for each
// block the longest is in sight.
TEST(Attention, BlocksOfAMaskComeInOrderToTheSmThatIsFreeFirst) {
    GpuSpec spec = small_gpu();
    spec.sms = 2;
    EXPECT_EQ(planned(spec, prompt(2, 128)).blocks->depth, 128);
    spec.sms = 4;
    EXPECT_EQ(planned(spec, prompt(2, 128)).blocks->depth, 128);
    spec.sms = 1;
    EXPECT_EQ(planned(spec, prompt(2, 128)).blocks->depth, 96);
}

// A block of 64 x 64 exponentials, each as four operations, on 64 lanes: 256 cycles. Ten heads
// fill ten SMs, one leaves nine tenths of all lanes idle.
TEST(Attention, AFewBlocksHaveTheLanesOfTheirOwnSms) {
    const GpuSpec spec = small_gpu();
    const auto launch = [](const Plan& plan) { return plan.launch - plan.stall; };
    const Time ten = launch(planned(spec, prompt(10, 64)));
    const Time one = launch(planned(spec, prompt(1, 64)));
    EXPECT_EQ(one - ten, Time::from_ns(230));
}

// 32 x 32 blocks of one slice: half of 600 cycles and a sixtieth of them; a long one has all.
TEST(BlockTiming, AShortReductionSeesHalfOfTheLatency) {
    GpuSpec spec = small_gpu();
    spec.latency_cycles = 600;
    BlockWork work{.rows = 32, .columns = 32, .depth = 32, .blocks = 10};
    const double one = block_timing(spec, work).fill_drain;
    spec.latency_cycles = 0;
    EXPECT_NEAR(one - block_timing(spec, work).fill_drain, 300 + 10, 1e-9);
    spec.latency_cycles = 600;
    work.depth = 32 * 100;
    const double many = block_timing(spec, work).fill_drain;
    spec.latency_cycles = 0;
    EXPECT_NEAR(many - block_timing(spec, work).fill_drain, 600, 1e-9);
}

}  // namespace
}  // namespace perfwatt::gpu

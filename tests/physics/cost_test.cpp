#include <functional>

#include "sim/arch/chip_loader.h"
#include "sim/arch/device.h"
#include "tests/physics/laboratory.h"

namespace perfwatt::laboratory {
namespace {

Placement in_memory(std::int64_t address, std::int64_t bytes) {
    Placement place;
    place.region = {.memory = MemoryId{0},
                    .address = address,
                    .row_bytes = bytes,
                    .rows = 1,
                    .pitch_bytes = bytes};
    return place;
}

Kernel random_kernel(Dice& dice) {
    Kernel kernel;
    kernel.name = kernel.operator_type = "kernel";
    std::int64_t first = 0;
    std::int64_t second = 0;
    std::int64_t output = 0;
    switch (dice.between(0, 3)) {
        case 0: {  // a product
            const Contraction work{
                .p = dice.between(1, 200), .k = dice.between(1, 300), .c = dice.between(1, 300)};
            Contraction product = work;
            product.input_h = work.p;
            first = product.first_elements();
            second = product.second_elements();
            output = product.output_elements();
            kernel.work = product;
            break;
        }
        case 1: {  // a convolution
            Contraction work{.n = dice.between(1, 2),
                             .p = dice.between(4, 24),
                             .q = dice.between(4, 24),
                             .k = dice.between(1, 64),
                             .c = dice.between(1, 64),
                             .r = 3,
                             .s = 3,
                             .group_layout = GroupLayout::channels};
            work.input_h = work.p + 2;
            work.input_w = work.q + 2;
            first = work.first_elements();
            second = work.second_elements();
            output = work.output_elements();
            kernel.work = work;
            break;
        }
        case 2: {  // an addition
            first = second = output = dice.between(1, 100'000);
            kernel.work = Elementwise{
                .elements = output, .type = DataType::int8, .steps = {{.op = VectorOp::add}}};
            break;
        }
        default: {  // rows summed
            const std::int64_t row = dice.between(2, 500);
            first = row * dice.between(1, 200);
            output = first;
            kernel.work = Reduce{.elements = first,
                                 .row = row,
                                 .passes = 3,
                                 .type = DataType::int8,
                                 .steps = {{.op = VectorOp::add, .per_element = 2}}};
            break;
        }
    }
    for (const std::int64_t bytes : {first, second})
        if (bytes > 0) kernel.inputs.push_back({.tensor = TensorId{0}, .bytes = bytes});
    kernel.outputs.push_back({.tensor = TensorId{1}, .bytes = output});
    return kernel;
}

MappingRequest request_for(const Kernel& kernel, const Device& device) {
    MappingRequest request;
    request.kernel = &kernel;
    std::int64_t address = 0;
    for (const Operand& input : kernel.inputs) {
        request.inputs.push_back(in_memory(address, input.bytes));
        address += 1 << 20;
    }
    request.outputs.push_back(in_memory(address, kernel.outputs[0].bytes));
    request.free = {.address = 0, .bytes = device.on_chip().bytes_per_core};
    return request;
}

class FixedMapping : public ::testing::Test {
  protected:
    std::shared_ptr<const Device> device(const ChipPlan& plan) {
        const Environment& at = lab_.environment();
        return load_chip(lab_.file("chip.yaml", chip_text(plan)), {}, at.families, at.configs,
                         at.memories)
            .spec.device;
    }

    /// A mapping found for one chip costs no more on the other, and in at least one case less.
    void expect_never_slower(std::uint64_t seed, const std::function<void(ChipPlan&)>& improve) {
        int faster = 0;
        for (std::uint64_t i = 0; i < 12; ++i) {
            Dice dice(seed + i);
            ChipPlan plan = random_chip(dice);
            plan.memory = lab_.file("memory.yaml", memory_text(memory_));
            const auto before = device(plan);
            improve(plan);
            const auto after = device(plan);
            for (int k = 0; k < 12; ++k) {
                const Kernel kernel = random_kernel(dice);
                const MappingRequest request = request_for(kernel, *before);
                const auto found = before->map(request);
                const auto* choice = std::get_if<MappingChoice>(&found);
                if (choice == nullptr) continue;
                const auto better = after->cost(request, choice->mapping);
                ASSERT_TRUE(std::holds_alternative<Time>(better))
                    << std::get<Infeasible>(better).reason;
                EXPECT_LE(std::get<Time>(better).fs, choice->cost.fs)
                    << chip_text(plan) << "kernel " << k;
                faster += std::get<Time>(better) < choice->cost ? 1 : 0;
            }
        }
        EXPECT_GT(faster, 0) << "no kernel that this could speed up";
    }

    Laboratory lab_;
    FlatMemory memory_;
};

TEST_F(FixedMapping, MoreBandwidthIsNeverSlower) {
    for (const std::int64_t factor : {2, 3})
        expect_never_slower(100, [&](ChipPlan& plan) {
            FlatMemory faster = memory_;
            faster.clock_mhz *= factor;
            plan.memory = lab_.file("faster.yaml", memory_text(faster));
        });
}

TEST_F(FixedMapping, ShorterLatencyIsNeverSlower) {
    expect_never_slower(200, [&](ChipPlan& plan) {
        FlatMemory nearer = memory_;
        nearer.latency_ns /= 2;
        plan.memory = lab_.file("nearer.yaml", memory_text(nearer));
    });
}

TEST_F(FixedMapping, FasterClockIsNeverSlower) {
    expect_never_slower(300, [](ChipPlan& plan) { plan.clock_mhz = plan.clock_mhz * 3 / 2; });
}

TEST_F(FixedMapping, MoreLanesAreNeverSlower) {
    expect_never_slower(500, [](ChipPlan& plan) { plan.lanes *= 2; });
}

TEST_F(FixedMapping, LessOverheadIsNeverSlower) {
    expect_never_slower(600, [](ChipPlan& plan) { plan.overhead_cycles /= 2; });
}

TEST_F(FixedMapping, CostIsNeverBelowTheBound) {
    for (std::uint64_t i = 0; i < 12; ++i) {
        Dice dice(700 + i);
        ChipPlan plan = random_chip(dice);
        plan.memory = lab_.file("memory.yaml", memory_text(memory_));
        const auto npu = device(plan);
        for (int k = 0; k < 12; ++k) {
            const Kernel kernel = random_kernel(dice);
            const auto found = npu->map(request_for(kernel, *npu));
            const auto* choice = std::get_if<MappingChoice>(&found);
            if (choice == nullptr) continue;
            EXPECT_GE(choice->cost, choice->bound) << chip_text(plan) << "kernel " << k;
        }
    }
}

}  // namespace
}  // namespace perfwatt::laboratory
